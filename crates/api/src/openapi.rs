//! The OpenAPI document, generated from the handlers.

mod complete;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

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
        (name = "Webhooks", description = "What Meta calls."),
        (name = "Health", description = "For load balancers and orchestrators."),
        (name = "Documents", description = "What machines read about this server."),
    ),
    paths(
        otp::send, otp::verify, otp::status, otp::events, otp::resend, otp::cancel,
        messages::send, messages::status, messages::list, messages::cancel,
        templates::list, templates::get,
        sandbox::list,
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
        document.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(bearer));
    }
}

/// The document as it is served.
#[must_use]
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    complete::complete(&mut document);
    document
}
