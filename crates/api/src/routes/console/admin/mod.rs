//! What the people who run the platform do, over all accounts.

pub(crate) mod accounts;
pub(crate) mod blocks;
pub(crate) mod dead_letters;
pub(crate) mod erasures;
pub(crate) mod members;
pub(crate) mod sender_changes;
pub(crate) mod senders;

use actix_web::web;

use super::audit::audit;
use super::{admin_tickets, audit as log, canned_replies};

/// Mounts them.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/admin/logs").route(web::get().to(log::admin_list)))
        .service(web::resource("/admin/logs/verify").route(web::post().to(log::verify)))
        .service(web::resource("/admin/tickets").route(web::get().to(admin_tickets::list)))
        .service(
            web::resource("/admin/tickets/{ticket_id}")
                .route(web::get().to(admin_tickets::get))
                .route(web::patch().to(admin_tickets::change)),
        )
        .service(web::resource("/admin/tickets/{ticket_id}/comments").route(web::post().to(admin_tickets::add_comment)))
        .service(
            web::resource("/admin/canned-replies")
                .route(web::get().to(canned_replies::list))
                .route(web::post().to(canned_replies::add)),
        )
        .service(
            web::resource("/admin/canned-replies/{canned_reply_id}").route(web::delete().to(canned_replies::delete)),
        )
        .service(
            web::resource("/admin/accounts")
                .route(web::get().to(accounts::list))
                .route(web::post().to(accounts::create)),
        )
        .service(web::resource("/admin/accounts/{account_id}").route(web::patch().to(accounts::change)))
        .service(web::resource("/admin/accounts/{account_id}/members").route(web::get().to(members::list)))
        .service(
            web::resource("/admin/accounts/{account_id}/members/{member_id}").route(web::patch().to(members::change)),
        )
        .service(
            web::resource("/admin/accounts/{account_id}/members/{member_id}/reset")
                .route(web::post().to(members::reset)),
        )
        .service(web::resource("/admin/accounts/{account_id}/invitations").route(web::post().to(members::invite)))
        .service(web::resource("/admin/accounts/{account_id}/erasures").route(web::post().to(erasures::erase)))
        .service(web::resource("/admin/accounts/{account_id}/senders").route(web::put().to(sender_changes::assign)))
        .service(
            web::resource("/admin/senders")
                .route(web::get().to(senders::list))
                .route(web::post().to(sender_changes::add)),
        )
        .service(
            web::resource("/admin/senders/{sender_id}")
                .route(web::patch().to(sender_changes::change))
                .route(web::delete().to(sender_changes::remove)),
        )
        .service(web::resource("/admin/senders/{sender_id}/health").route(web::get().to(senders::health)))
        .service(web::resource("/admin/senders/{sender_id}/test").route(web::post().to(senders::test)))
        .service(
            web::resource("/admin/blocks")
                .route(web::get().to(blocks::list))
                .route(web::post().to(blocks::add))
                .route(web::delete().to(blocks::lift)),
        )
        .service(web::resource("/admin/dead-letters").route(web::get().to(dead_letters::list)))
        .service(web::resource("/admin/dead-letters/{delivery_id}").route(web::get().to(dead_letters::get)))
        .service(web::resource("/admin/dead-letters/{delivery_id}/replay").route(web::post().to(dead_letters::replay)))
        .service(
            web::resource("/admin/dead-letters/{delivery_id}/discard").route(web::post().to(dead_letters::discard)),
        );
}
