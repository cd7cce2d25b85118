use actix_web::{HttpResponse, web};
use askama::Template;
use whatotp_domain::{ApiKey, Mode, Permission, Scope, Timestamp};

use super::frame::{Frame, Section};
use super::page;
use super::shown::Moment;
use crate::context::Context;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/keys.html")]
struct List {
    frame: Frame,
    keys: Vec<Row>,
    ended: Vec<Row>,
    scopes: [(&'static str, &'static str); 4],
}

struct Row {
    id: String,
    name: String,
    hint: String,
    mode: &'static str,
    scopes: Vec<&'static str>,
    networks: Vec<String>,
    created: Moment,
    expires: Option<Moment>,
    last_used: Option<Moment>,
    revoked: Option<Moment>,
}

impl From<&ApiKey> for Row {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            hint: key.hint.clone(),
            mode: key.scope.mode.as_str(),
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            networks: key.allowed_ips.iter().map(ToString::to_string).collect(),
            created: key.created_at.into(),
            expires: key.expires_at.map(Moment::from),
            last_used: key.last_used_at.map(Moment::from),
            revoked: key.revoked_at.map(Moment::from),
        }
    }
}

const SCOPES: [(&str, &str); 4] = [
    ("otp:send", "send codes"),
    ("otp:verify", "verify codes"),
    ("messages:send", "send template messages"),
    ("read", "read sessions, messages, templates and the sandbox"),
];

pub(super) async fn list(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewKeys)?;
    let now: Timestamp = ctx.app.ports().clock.now();
    let keys = ctx.app.list_keys(Some(account)).await?;
    let (ended, working): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.is_revoked() || key.is_expired(now));
    page(&List {
        frame: Frame::new(&member, Section::Keys, Mode::Live),
        keys: working.into_iter().map(Row::from).collect(),
        ended: ended.into_iter().map(Row::from).collect(),
        scopes: SCOPES,
    })
}
