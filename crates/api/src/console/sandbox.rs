use actix_web::{HttpResponse, web};
use askama::Template;
use whatotp_application::InboxQuery;
use whatotp_domain::{DeliveryStatus, Mode, Permission};
use whatotp_ports::{Content, DeliveryKind};
use whatotp_whatsapp::inbox_text;

use super::frame::{Frame, Section};
use super::page;
use super::shown::{Moment, Status};
use crate::assets;
use crate::context::Context;
use crate::http::{Member, Problem};

/// So many messages fit on the telephone.
const SHOWN: u32 = 20;

#[derive(Template)]
#[template(path = "console/sandbox.html")]
struct SandboxPage {
    frame: Frame,
    messages: Vec<Message>,
    has_key: bool,
    origin: String,
    example_css: String,
    example_js: String,
    /// Of the newest code, for the command that checks it.
    session: String,
    code: String,
}

struct Message {
    to: String,
    text: String,
    code: String,
    status: Status,
    at: Moment,
}

pub(super) async fn inbox(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::UseSandbox)?;
    let items = ctx.app.sandbox_inbox(account, InboxQuery { limit: SHOWN, ..InboxQuery::default() }).await?;
    let keys = ctx.app.list_keys(Some(account)).await?;
    let default_locale = &ctx.app.policy().default_locale;
    let newest = items.iter().find_map(|item| match (&item.content, item.record.kind) {
        (Content::Code { code, .. }, DeliveryKind::Otp(session)) => {
            Some((session.to_string(), code.expose().to_owned()))
        }
        _ => None,
    });
    let (session, code) = newest.unwrap_or_else(|| ("otp_…".to_owned(), "123456".to_owned()));
    let messages = items.iter().map(|item| Message {
        to: item.to.as_e164().to_owned(),
        text: inbox_text(&item.content, default_locale),
        code: match &item.content {
            Content::Code { code, .. } => code.expose().to_owned(),
            Content::Template { .. } => String::new(),
        },
        status: item.record.delivery.status().into(),
        at: item.record.delivery.reached_at(DeliveryStatus::Accepted).unwrap_or(item.record.created_at).into(),
    });
    page(&SandboxPage {
        frame: Frame::new(&member, Section::Sandbox, Mode::Test),
        messages: messages.collect(),
        has_key: keys.iter().any(|key| key.scope.mode == Mode::Test && !key.is_revoked()),
        origin: ctx.console.public_url.clone(),
        example_css: assets::href("example.css"),
        example_js: assets::href("example.js"),
        session,
        code,
    })
}
