use actix_web::{HttpResponse, web};
use askama::Template;
use whatotp_domain::{ConsoleSession, Mode};

use super::frame::{Frame, Section};
use super::page;
use super::shown::Moment;
use crate::context::Context;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/settings.html")]
struct SettingsPage {
    frame: Frame,
    email: String,
    sessions: Vec<Row>,
    limits: Vec<(&'static str, String)>,
}

struct Row {
    id: String,
    browser: String,
    this: bool,
    since: Moment,
    seen: Moment,
}

pub(super) async fn show(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let sessions = ctx.app.list_sessions(member.user.id).await?;
    page(&SettingsPage {
        frame: Frame::new(&member, Section::Settings, Mode::Live),
        email: member.user.email.as_str().to_owned(),
        sessions: sessions.iter().map(|session| row(session, &member)).collect(),
        limits: limits(&ctx),
    })
}

fn row(session: &ConsoleSession, member: &Member) -> Row {
    Row {
        id: session.id.to_string(),
        browser: browser(&session.user_agent),
        this: session.id == member.session.id,
        since: session.created_at.into(),
        seen: session.last_seen_at.into(),
    }
}

/// The browser and system that a `User-Agent` names, as far as a person would want to know.
fn browser(user_agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // Each names those it wants to be taken for as well, so the order matters.
    let program = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        _ => "another program".to_owned(),
    }
}

fn limits(ctx: &Context) -> Vec<(&'static str, String)> {
    let limits = &ctx.limits;
    let policy = ctx.app.policy();
    let days = |span: std::time::Duration| match span.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    };
    vec![
        ("Requests a minute", format!("{} for a key and address", limits.product_per_minute)),
        ("Requests of the console's API a minute", format!("{} for a session", limits.console_per_minute)),
        ("Log-ins a minute", format!("{} for an address", limits.auth_per_minute)),
        ("Sessions are kept", days(policy.session_retention)),
        ("Deliveries are kept", days(policy.delivery_retention)),
        ("Variables of messages are kept", days(policy.variables_retention)),
        ("Events are kept", days(policy.event_retention)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_know_it() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        let edge =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0";
        assert_eq!(
            [chrome, edge, "curl/8.5.0", "<script>"].map(browser),
            ["Chrome on Linux", "Edge on Windows", "curl", "another program"]
        );
    }
}
