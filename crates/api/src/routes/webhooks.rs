use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use whatotp_whatsapp::cloud_api::webhooks;

use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Problem, WebhookBody};

/// What Meta asks when the webhook is set up.
#[derive(Deserialize)]
pub(crate) struct Handshake {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// Answer Meta's handshake
///
/// Meta calls this when the webhook is set up in its app dashboard, and wants its challenge back.
#[utoipa::path(get, path = "/webhooks/whatsapp", operation_id = "webhook_handshake", tag = "Webhooks", security(()),
    params(
        ("hub.mode" = String, Query, description = "Always `subscribe`.", example = "subscribe"),
        ("hub.verify_token" = String, Query, description = "The setting `whatsapp.verify_token`."),
        ("hub.challenge" = String, Query, description = "What Meta wants back.", example = "1158201444"),
    ),
    responses((status = 200, description = "The challenge.", body = String, content_type = "text/plain")))]
pub(crate) async fn handshake(ctx: web::Data<Context>, asked: web::Query<Handshake>) -> Result<HttpResponse, Problem> {
    let answer = ctx.webhook_secrets.answer_to_handshake(&asked.mode, &asked.verify_token, &asked.challenge);
    let challenge = answer.ok_or_else(|| Problem::new(ErrorCode::InvalidVerifyToken))?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(challenge))
}

/// Take in Meta's webhooks
///
/// 200 once everything in it is committed; told again, it changes nothing. What this server does not know is acknowledged
/// and ignored.
#[utoipa::path(post, path = "/webhooks/whatsapp", operation_id = "webhook", tag = "Webhooks", security(()),
    params(("X-Hub-Signature-256" = String, Header,
        description = "`sha256=` and the HMAC-SHA256 of the body's bytes under the app secret, in lower-case hex.",
        example = "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914")),
    request_body(content = Object, description = "A webhook of the WhatsApp Business Platform, at most 4 MiB."),
    responses((status = 200, description = "It is committed.")))]
pub(crate) async fn receive(
    ctx: web::Data<Context>,
    request: HttpRequest,
    body: WebhookBody,
) -> Result<HttpResponse, Problem> {
    let mut signatures = request.headers().get_all("x-hub-signature-256");
    let signature = signatures.next().and_then(|value| value.to_str().ok()).filter(|_| signatures.next().is_none());
    if !ctx.webhook_secrets.is_authentic(signature, &body.0) {
        return Err(Problem::new(ErrorCode::InvalidSignature));
    }
    let inbound =
        webhooks::parse(&body.0, ctx.app.ports().clock.now()).or(Err(Problem::new(ErrorCode::InvalidJson)))?;
    ctx.app.ingest(inbound).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}
