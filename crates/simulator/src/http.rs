//! The routes: Meta's, 360dialog's, the control API and the page.

mod accounts;
mod answer;
mod caller;
mod control;
mod faults;
mod messages;
mod page;
mod socket;
mod templates;

use actix_web::web::{self, ServiceConfig};

pub(crate) use socket::remember as remember_socket;

/// More than Meta's largest request to send.
const BODY_MAX: usize = 1024 * 1024;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(BODY_MAX))
        .service(web::scope("/simulator/api").configure(control::configure))
        .configure(page::configure)
        .route("/messages", web::post().to(messages::send_by_api_key))
        .route("/v1/configs/templates", web::get().to(templates::list_by_api_key))
        .route("/v1/configs/templates", web::post().to(templates::create_by_api_key))
        .service(
            web::scope(r"/{version:v\d+\.\d+}")
                .route("/{id}/messages", web::post().to(messages::send))
                .route("/{id}/message_templates", web::get().to(templates::list))
                .route("/{id}/message_templates", web::post().to(templates::create))
                .route("/{id}/message_templates", web::delete().to(templates::delete))
                .route("/{id}", web::post().to(templates::edit))
                .route("/{id}/upsert_message_templates", web::post().to(templates::upsert))
                .route("/{id}/message_template_previews", web::get().to(templates::previews))
                .route("/{id}/subscribed_apps", web::get().to(accounts::subscribed_apps))
                .route("/{id}/subscribed_apps", web::post().to(accounts::subscribe))
                .route("/{id}/subscribed_apps", web::delete().to(accounts::unsubscribe))
                .route("/{id}/phone_numbers", web::get().to(accounts::phone_numbers))
                .route("/{id}", web::get().to(accounts::read))
                .default_service(web::to(accounts::unknown_path)),
        );
}
