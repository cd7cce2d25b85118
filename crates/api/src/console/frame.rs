//! What stands around every page: the navigation, who is logged in, and the addresses of the assets.

use whatotp_domain::{AccountScope, Mode, Permission};

use super::Asked;
use crate::assets;
use crate::http::{Member, Problem};

/// The style sheets and scripts.
pub(super) struct Assets {
    pub(super) tokens: String,
    pub(super) css: String,
    pub(super) theme: String,
    pub(super) htmx: String,
    pub(super) js: String,
    pub(super) icon: String,
}

impl Assets {
    pub(super) fn new() -> Self {
        Self {
            tokens: assets::href("tokens.css"),
            css: assets::href("console/console.css"),
            theme: assets::href("console/theme.js"),
            htmx: assets::href("console/htmx.min.js"),
            js: assets::href("console/console.js"),
            icon: assets::href("icon.svg"),
        }
    }
}

/// A page that the navigation leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Deliveries,
    Statistics,
    Tickets,
    Keys,
    Templates,
    Sandbox,
    Members,
    Log,
    Settings,
    Accounts,
    Senders,
    Blocks,
    DeadLetters,
    Queue,
    Logs,
}

/// Who sees a page.
#[derive(Clone, Copy)]
enum Seen {
    By(Permission),
    ByAll,
    ByOperators,
}

/// Group, page, path, name, whether live and test differ there, who sees it.
const PAGES: [(&str, Section, &str, &str, bool, Seen); 16] = [
    ("", Section::Overview, "/console", "Overview", true, Seen::By(Permission::ViewStatistics)),
    ("", Section::Deliveries, "/console/deliveries", "Deliveries", true, Seen::By(Permission::ViewDeliveries)),
    ("", Section::Statistics, "/console/statistics", "Statistics", true, Seen::By(Permission::ViewStatistics)),
    ("", Section::Tickets, "/console/tickets", "Tickets", false, Seen::By(Permission::ViewTickets)),
    ("Build", Section::Keys, "/console/keys", "API keys", false, Seen::By(Permission::ViewKeys)),
    ("Build", Section::Templates, "/console/templates", "Templates", true, Seen::By(Permission::ViewTemplates)),
    ("Build", Section::Sandbox, "/console/sandbox", "Sandbox", false, Seen::By(Permission::UseSandbox)),
    ("Account", Section::Members, "/console/members", "Members", false, Seen::By(Permission::ViewMembers)),
    ("Account", Section::Log, "/console/log", "Audit log", false, Seen::By(Permission::ViewAudit)),
    ("Account", Section::Settings, "/console/settings", "Settings", false, Seen::ByAll),
    ("Platform", Section::Queue, "/console/admin/tickets", "Ticket queue", false, Seen::ByOperators),
    ("Platform", Section::Accounts, "/console/admin/accounts", "Accounts", false, Seen::ByOperators),
    ("Platform", Section::Senders, "/console/admin/senders", "Senders", false, Seen::ByOperators),
    ("Platform", Section::Blocks, "/console/admin/blocks", "Blocks", false, Seen::ByOperators),
    ("Platform", Section::DeadLetters, "/console/admin/dead-letters", "Dead letters", false, Seen::ByOperators),
    ("Platform", Section::Logs, "/console/admin/logs", "Logs", false, Seen::ByOperators),
];

pub(super) struct NavGroup {
    pub(super) label: &'static str,
    pub(super) links: Vec<NavLink>,
}

pub(super) struct NavLink {
    pub(super) href: String,
    pub(super) label: &'static str,
    pub(super) current: bool,
}

pub(super) struct Frame {
    pub(super) assets: Assets,
    pub(super) groups: Vec<NavGroup>,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) operator: bool,
    pub(super) csrf: String,
    pub(super) needs_code: bool,
    /// Where this page is shown for live and for test; empty where they do not differ.
    pub(super) modes: Vec<NavLink>,
    pub(super) test: bool,
    /// What a link to a page that knows live and test ends with.
    pub(super) suffix: &'static str,
}

impl Frame {
    pub(super) fn new(member: &Member, section: Section, mode: Mode) -> Self {
        let suffix = if mode == Mode::Test { "?mode=test" } else { "" };
        let mut groups: Vec<NavGroup> = Vec::new();
        let mut modes = Vec::new();
        for (group, page, path, label, moded, seen) in PAGES {
            if !sees(member, seen) {
                continue;
            }
            let current = page == section;
            if current && moded {
                let link = |mode, label| NavLink {
                    href: format!("{path}?mode={mode}"),
                    label,
                    current: (mode == "test") == suffix.contains("test"),
                };
                modes = vec![link("live", "Live"), link("test", "Test")];
            }
            let href = if moded { format!("{path}{suffix}") } else { path.to_owned() };
            let link = NavLink { href, label, current };
            match groups.last_mut().filter(|last| last.label == group) {
                Some(last) => last.links.push(link),
                None => groups.push(NavGroup { label: group, links: vec![link] }),
            }
        }
        Self {
            assets: Assets::new(),
            groups,
            name: member.user.name.clone(),
            email: member.user.email.as_str().to_owned(),
            role: member.user.role.as_str(),
            operator: member.user.operator,
            csrf: member.csrf_token().to_owned(),
            needs_code: member.user.has_totp,
            modes,
            test: mode == Mode::Test,
            suffix,
        }
    }
}

fn sees(member: &Member, seen: Seen) -> bool {
    match seen {
        Seen::By(permission) => member.user.role.may(permission),
        Seen::ByAll => true,
        Seen::ByOperators => member.user.operator,
    }
}

/// The data that a page shows: the member's account, live unless the page's address asks for test.
pub(super) fn scope(member: &Member, permission: Permission, asked: &Asked) -> Result<AccountScope, Problem> {
    Ok(AccountScope { account: member.may(permission)?, mode: asked.mode() })
}
