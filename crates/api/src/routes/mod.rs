//! The routes, one file for each resource: parse, call the use case, answer.

pub(crate) mod console;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod meta;
pub(crate) mod otp;
mod otp_bodies;
pub(crate) mod paging;
mod refusals;
pub(crate) mod sandbox;
pub(crate) mod templates;
mod waiting;
pub(crate) mod webhooks;

use actix_web::http::StatusCode;
use actix_web::middleware::Compress;
use actix_web::middleware::from_fn;
use actix_web::web;
use whatotp_application::Application;
use whatotp_domain::{AccountScope, SessionStatus};
use whatotp_ports::Subject;

use crate::errors::ErrorCode;
use crate::http::{Answer, Problem, authenticate, no_such_route};

use messages::MessageBody;
use otp_bodies::SessionBody;

/// Mounts what every process answers.
pub(crate) fn configure_health(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/livez").route(web::get().to(health::live)))
        .service(web::resource("/readyz").route(web::get().to(health::ready)));
}

/// Mounts everything else that is not a page.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/v1")
            .wrap(from_fn(authenticate))
            .service(web::resource("/otp/send").route(web::post().to(otp::send)))
            .service(web::resource("/otp/verify").route(web::post().to(otp::verify)))
            .service(web::resource("/otp/{session_id}").route(web::get().to(otp::status)))
            .service(web::resource("/otp/{session_id}/events").route(web::get().to(otp::events)))
            .service(web::resource("/otp/{session_id}/resend").route(web::post().to(otp::resend)))
            .service(web::resource("/otp/{session_id}/cancel").route(web::post().to(otp::cancel)))
            .service(web::resource("/messages/send").route(web::post().to(messages::send)))
            .service(web::resource("/messages").route(web::get().to(messages::list)))
            .service(web::resource("/messages/{message_id}").route(web::get().to(messages::status)))
            .service(web::resource("/messages/{message_id}/cancel").route(web::post().to(messages::cancel)))
            .service(web::resource("/templates").route(web::get().to(templates::list)))
            .service(web::resource("/templates/{template_id}").route(web::get().to(templates::get)))
            .service(web::resource("/sandbox/messages").route(web::get().to(sandbox::list)))
            .default_service(web::to(no_such_route)),
    )
    .configure(console::configure)
    .service(
        web::resource("/webhooks/whatsapp")
            .route(web::get().to(webhooks::handshake))
            .route(web::post().to(webhooks::receive)),
    )
    .service(web::resource("/openapi.json").wrap(Compress::default()).route(web::get().to(meta::openapi)))
    .service(web::resource("/.well-known/jwks.json").route(web::get().to(meta::jwks)))
    .service(web::resource("/.well-known/security.txt").route(web::get().to(meta::security_txt)));
}

/// The answer to a request that did its work and died before it answered: what it did is all there is to go by.
pub(crate) async fn recall(
    app: &Application,
    scope: AccountScope,
    subject: Subject,
    success: StatusCode,
) -> Result<Answer, Problem> {
    match subject {
        Subject::Session(id) => {
            let view = app.otp_status(scope, id).await?.ok_or_else(|| Problem::new(ErrorCode::SessionNotFound))?;
            // Sessions fail when the provider refuses the recipient, and then the send was no success.
            if let (SessionStatus::Failed, Some(error)) = (view.status, view.delivery.error()) {
                return Err(otp::unreachable(error));
            }
            Answer::new(success, &SessionBody::from(&view))
        }
        Subject::Message(id) => {
            let view = app.message_status(scope, id).await?.ok_or_else(|| Problem::new(ErrorCode::MessageNotFound))?;
            Answer::new(success, &MessageBody::from(&view))
        }
        Subject::Attempt(id, attempted) => {
            match otp::verified(app.recall_attempt(scope, id, attempted).await?, app.ports().clock.now())? {
                crate::http::Reply::Fresh(answer) => Ok(answer),
                crate::http::Reply::Earlier(_) => Err(Problem::new(ErrorCode::InternalError)),
            }
        }
    }
}
