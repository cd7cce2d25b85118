//! The OpenAPI document, generated from the handlers.

mod complete;
mod own_errors;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::routes::console::{self, admin, deliveries, export, keys, stats};
use crate::routes::console::{admin_tickets, audit, auth, canned_replies, invitations, members, tickets, totp};
use crate::routes::{health, messages, meta, otp, sandbox, templates, webhooks};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "WhatOTP",
        description = "One-time codes and template messages over WhatsApp, from a server of your own.\n\nErrors are \
            `application/problem+json` (RFC 9457) with a stable `code`; each has its explanation at `/docs/errors`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "OTP", description = "Send and verify one-time codes."),
        (name = "Messages", description = "Send template messages."),
        (name = "Templates", description = "See what can be sent."),
        (name = "Sandbox", description = "Read what test keys have sent."),
        (name = "Console", description = "What people do, with a session instead of an API key."),
        (name = "Admin", description = "What the people who run the platform do."),
        (name = "Webhooks", description = "What Meta calls."),
        (name = "Health", description = "For load balancers and orchestrators."),
        (name = "Documents", description = "What machines read about this server."),
    ),
    paths(
        otp::send, otp::verify, otp::status, otp::events, otp::resend, otp::cancel,
        messages::send, messages::status, messages::list, messages::cancel,
        templates::list, templates::get,
        sandbox::list,
        auth::register, auth::log_in, auth::log_out, auth::refresh, auth::reauthenticate, auth::change_password,
        auth::me, auth::sessions, auth::end_session,
        totp::offer, totp::confirm, totp::remove,
        members::list, members::change, members::remove,
        invitations::list, invitations::invite, invitations::resend, invitations::withdraw,
        deliveries::list, deliveries::get, export::csv, stats::statistics, stats::overview,
        keys::list, keys::create, keys::rotate, keys::revoke,
        console::templates::list, console::templates::get, console::templates::preview,
        console::templates::sync, console::template_changes::submit, console::template_changes::create,
        console::template_changes::change, console::template_changes::delete, console::sandbox::list,
        admin::accounts::list, admin::accounts::create, admin::accounts::change,
        admin::members::list, admin::members::invite, admin::members::change, admin::members::reset,
        admin::erasures::erase,
        admin::senders::list, admin::senders::health, admin::senders::test,
        admin::sender_changes::add, admin::sender_changes::change, admin::sender_changes::remove,
        admin::sender_changes::assign,
        admin::blocks::list, admin::blocks::add, admin::blocks::lift,
        admin::dead_letters::list, admin::dead_letters::get, admin::dead_letters::replay, admin::dead_letters::discard,
        tickets::list, tickets::open, tickets::get, tickets::add_comment, tickets::close, tickets::reopen,
        admin_tickets::list, admin_tickets::get, admin_tickets::change, admin_tickets::add_comment,
        canned_replies::list, canned_replies::add, canned_replies::delete,
        audit::list, audit::admin_list, audit::verify,
        webhooks::handshake, webhooks::receive,
        health::live, health::ready,
        meta::openapi, meta::jwks, meta::security_txt,
    ),
    security(("api_key" = [])),
    modifiers(&ApiKeyScheme),
)]
struct Document;

struct ApiKeyScheme;

impl utoipa::Modify for ApiKeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("An API key: `Authorization: Bearer sk_live_…` or `sk_test_…`.".to_owned());
        let mut session = Http::new(HttpAuthScheme::Bearer);
        session.description =
            Some("A session of the console: `Authorization: Bearer cst_…`, or its cookie.".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(bearer));
        components.add_security_scheme("session", SecurityScheme::Http(session));
    }
}

/// The document as it is served.
#[must_use]
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    complete::complete(&mut document);
    document
}
