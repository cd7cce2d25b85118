use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_domain::Actor;

use super::auth_bodies::code;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Invalid, Member, Problem, json};

/// A second factor that is still to be shown to work.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotpOfferBody {
    /// For an authenticator app that it is typed into: base32.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// For one that opens links.
    #[schema(example = "otpauth://totp/WhatOTP:ada%40example.org?secret=…&issuer=WhatOTP")]
    url: String,
    /// For one that reads pictures: the link as a QR code, an SVG in a `data:` URL.
    #[schema(example = "data:image/svg+xml,…")]
    qr: String,
}

/// Set up a second factor
///
/// Offers a secret for an authenticator app. It counts when a code of it has been shown.
#[utoipa::path(post, path = "/api/v1/auth/totp", operation_id = "auth_totp_offer", tag = "Console",
    responses((status = 200, description = "The secret, shown this once.", body = TotpOfferBody)))]
pub(crate) async fn offer(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let offer = ctx.app.offer_totp(&member.user).await?;
    let qr = picture(&offer.url)?;
    let (secret, url) = ((*offer.secret.to_base32()).clone(), (*offer.url).clone());
    json(HttpResponse::Ok(), &TotpOfferBody { secret, url, qr })
}

/// A code of the second factor that was offered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct TotpConfirmRequest {
    /// What the authenticator app shows.
    #[schema(max_length = 64, example = "287082")]
    code: String,
}

/// What to keep for the day the telephone is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each logs you in once in place of a code.
    #[schema(example = json!(["1f2e-3d4c-5b6a-7988"]))]
    recovery_codes: Vec<String>,
}

/// Turn the second factor on
///
/// From then on logging in takes a code. Your other sessions end.
#[utoipa::path(post, path = "/api/v1/auth/totp/confirm", operation_id = "auth_totp_confirm", tag = "Console",
    request_body = TotpConfirmRequest,
    responses((status = 200, description = "It is on. The recovery codes are shown this once.", body = RecoveryCodes)))]
pub(crate) async fn confirm(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let code = fields.required("code", code);
    let code = fields.finish(code)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    if let Some(recovery_codes) = ctx.app.confirm_totp(&member.user, &member.session, &code).await? {
        return json(HttpResponse::Ok(), &RecoveryCodes { recovery_codes });
    }
    let wrong = ("wrong_code", "Type the code that the app shows now; its clock must be right.".into());
    Err(Problem::invalid(vec![Invalid::new("code", wrong)]))
}

/// Turn the second factor off
///
/// From then on the password alone logs you in.
#[utoipa::path(delete, path = "/api/v1/auth/totp", operation_id = "auth_totp_remove", tag = "Console",
    responses((status = 204, description = "There is no second factor.")))]
pub(crate) async fn remove(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    ctx.app.remove_totp(&member.user, Actor::User(member.user.id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A QR code as a picture that needs no other request.
fn picture(text: &str) -> Result<String, Problem> {
    let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium);
    let code = code.or(Err(Problem::new(ErrorCode::InternalError)))?;
    let modules = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    let dark: Vec<String> =
        modules.filter(|(x, y)| code.get_module(*x, *y)).map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    let dark = dark.concat();
    // Four modules of margin all round, as the standard has it.
    let size = code.size() + 8;
    Ok(format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='-4 -4 {size} {size}'%3E%3Cpath \
         fill='white' d='M-4-4h{size}v{size}h-{size}z'/%3E%3Cpath d='{dark}'/%3E%3C/svg%3E"
    ))
}
