//! The page that shows what each phone received.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(page))
        .route("/simulator/phones.css", web::get().to(style))
        .route("/simulator/phones.js", web::get().to(script))
        .route("/simulator/icon.svg", web::get().to(icon));
}

async fn page() -> HttpResponse {
    file("text/html; charset=utf-8", include_str!("../../assets/phones.html"))
}

async fn style() -> HttpResponse {
    file("text/css; charset=utf-8", include_str!("../../assets/phones.css"))
}

async fn script() -> HttpResponse {
    file("text/javascript; charset=utf-8", include_str!("../../assets/phones.js"))
}

async fn icon() -> HttpResponse {
    file("image/svg+xml; charset=utf-8", include_str!("../../assets/icon.svg"))
}

fn file(content_type: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(content)
}
