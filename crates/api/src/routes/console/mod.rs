//! The console's API: what people do, with a session instead of an API key.

pub(crate) mod admin;
pub(crate) mod admin_tickets;
pub(crate) mod audit;
pub(crate) mod auth;
mod auth_bodies;
pub(crate) mod canned_replies;
pub(crate) mod deliveries;
mod delivery_bodies;
pub(crate) mod export;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod members;
mod mode;
pub(crate) mod sandbox;
pub(crate) mod stats;
pub(crate) mod template_changes;
mod template_parts;
pub(crate) mod templates;
mod ticket_bodies;
pub(crate) mod tickets;
pub(crate) mod totp;

use actix_web::middleware::from_fn;
use actix_web::web;

use crate::http::{limit_auth, limit_console, no_such_route};

/// Mounts `/api/v1`.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/api/v1/auth")
            .wrap(from_fn(limit_auth))
            .service(web::resource("/register").route(web::post().to(auth::register)))
            .service(web::resource("/login").route(web::post().to(auth::log_in)))
            .service(web::resource("/logout").route(web::post().to(auth::log_out)))
            .service(web::resource("/refresh").route(web::post().to(auth::refresh)))
            .service(web::resource("/reauthenticate").route(web::post().to(auth::reauthenticate)))
            .service(web::resource("/password").route(web::post().to(auth::change_password)))
            .service(web::resource("/me").route(web::get().to(auth::me)))
            .service(web::resource("/sessions").route(web::get().to(auth::sessions)))
            .service(web::resource("/sessions/{session_id}").route(web::delete().to(auth::end_session)))
            .service(web::resource("/totp").route(web::post().to(totp::offer)).route(web::delete().to(totp::remove)))
            .service(web::resource("/totp/confirm").route(web::post().to(totp::confirm)))
            .default_service(web::to(no_such_route)),
    )
    .service(
        web::scope("/api/v1")
            .wrap(from_fn(limit_console))
            .configure(admin::configure)
            .service(web::resource("/tickets").route(web::get().to(tickets::list)).route(web::post().to(tickets::open)))
            .service(web::resource("/tickets/{ticket_id}").route(web::get().to(tickets::get)))
            .service(web::resource("/tickets/{ticket_id}/comments").route(web::post().to(tickets::add_comment)))
            .service(web::resource("/tickets/{ticket_id}/close").route(web::post().to(tickets::close)))
            .service(web::resource("/tickets/{ticket_id}/reopen").route(web::post().to(tickets::reopen)))
            .service(web::resource("/logs").route(web::get().to(audit::list)))
            .service(web::resource("/deliveries").route(web::get().to(deliveries::list)))
            .service(web::resource("/deliveries/export.csv").route(web::get().to(export::csv)))
            .service(web::resource("/deliveries/{delivery_id}").route(web::get().to(deliveries::get)))
            .service(web::resource("/stats").route(web::get().to(stats::statistics)))
            .service(web::resource("/overview").route(web::get().to(stats::overview)))
            .service(web::resource("/keys").route(web::get().to(keys::list)).route(web::post().to(keys::create)))
            .service(web::resource("/keys/{key_id}").route(web::delete().to(keys::revoke)))
            .service(web::resource("/keys/{key_id}/rotate").route(web::post().to(keys::rotate)))
            .service(
                web::resource("/templates")
                    .route(web::get().to(templates::list))
                    .route(web::post().to(template_changes::create)),
            )
            .service(web::resource("/templates/preview").route(web::post().to(templates::preview)))
            .service(web::resource("/templates/submit").route(web::post().to(template_changes::submit)))
            .service(web::resource("/templates/sync").route(web::post().to(templates::sync)))
            .service(
                web::resource("/templates/{template_id}")
                    .route(web::get().to(templates::get))
                    .route(web::patch().to(template_changes::change))
                    .route(web::delete().to(template_changes::delete)),
            )
            .service(web::resource("/sandbox/messages").route(web::get().to(sandbox::list)))
            .service(web::resource("/members").route(web::get().to(members::list)))
            .service(
                web::resource("/members/{member_id}")
                    .route(web::patch().to(members::change))
                    .route(web::delete().to(members::remove)),
            )
            .service(
                web::resource("/invitations")
                    .route(web::get().to(invitations::list))
                    .route(web::post().to(invitations::invite)),
            )
            .service(web::resource("/invitations/{invitation_id}").route(web::delete().to(invitations::withdraw)))
            .service(web::resource("/invitations/{invitation_id}/resend").route(web::post().to(invitations::resend)))
            .default_service(web::to(no_such_route)),
    );
}
