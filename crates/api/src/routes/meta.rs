use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{JSON, Problem, json};

/// How long a security.txt says it is right: RFC 9116 wants less than a year.
const HALF_A_YEAR: std::time::Duration = std::time::Duration::from_secs(180 * 24 * 3600);

/// The OpenAPI document
///
/// OpenAPI 3.1, generated from the handlers.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "Documents", security(()),
    responses((status = 200, description = "The document.", body = Value)))]
pub(crate) async fn openapi(document: web::Data<Written>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, JSON)).body(document.0.clone())
}

/// The document as it is sent: written once, so that nobody keeps the server busy by asking for it.
pub(crate) struct Written(web::Bytes);

impl Written {
    pub(crate) fn new(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

/// The keys of receipts
///
/// A JSON Web Key Set (RFC 7517) with the public keys that receipts are signed with.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "Documents", security(()),
    responses((status = 200, description = "The key set.", body = Value)))]
pub(crate) async fn jwks(ctx: web::Data<Context>) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    json(response, &ctx.app.keyring().jwks())
}

/// Whom to tell of a vulnerability
///
/// RFC 9116, with the contact that the operator configured. 404 where there is none.
#[utoipa::path(get, path = "/.well-known/security.txt", operation_id = "security_txt", tag = "Documents", security(()),
    responses((status = 200, description = "The contact.", content_type = "text/plain", body = String)))]
pub(crate) async fn security_txt(ctx: web::Data<Context>) -> Result<HttpResponse, Problem> {
    let Some(contact) = &ctx.security_contact else {
        let detail = "The operator has named no security contact (setting security_contact).";
        return Err(Problem::new(ErrorCode::NotFound).detail(detail));
    };
    let expires = ctx.app.ports().clock.now().plus(HALF_A_YEAR);
    let text = format!("Contact: {contact}\nExpires: {expires}\n");
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8")).body(text))
}
