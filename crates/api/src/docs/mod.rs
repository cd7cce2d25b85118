//! The documentation that the binary serves: the guide, the reference, the list of errors.
//!
//! Everything is rendered on the server and embedded in the binary; the pages load nothing from anywhere else.

mod errors_page;
mod explanations;
mod guide;
mod markdown;
mod page;
mod reference;
mod samples;
mod schema;

use std::sync::OnceLock;

use actix_web::http::header;
use actix_web::middleware::Compress;
use actix_web::{HttpResponse, web};
use serde_json::Value;

/// The headers of every page. No script or style runs that is not a file of this server, and no form is ever sent.
const PAGE_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-cache"),
];

/// The pages, each rendered when it is first asked for.
#[derive(Default)]
struct Pages {
    guide: OnceLock<Option<web::Bytes>>,
    reference: OnceLock<Option<web::Bytes>>,
    errors: OnceLock<Option<web::Bytes>>,
}

/// Mounts the documentation. The reference needs `web::Data<serde_json::Value>`: the generated OpenAPI document.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let page = |path: &str| web::resource(path).wrap(Compress::default());
    cfg.app_data(web::Data::new(Pages::default()))
        .service(web::resource("/").route(web::get().to(to_guide)).route(web::head().to(to_guide)))
        .service(page("/docs").route(web::get().to(guide)).route(web::head().to(guide)))
        .service(page("/docs/").route(web::get().to(guide)).route(web::head().to(guide)))
        .service(page("/docs/reference").route(web::get().to(reference)).route(web::head().to(reference)))
        .service(page("/docs/errors").route(web::get().to(errors)).route(web::head().to(errors)));
}

async fn to_guide() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, "/docs")).finish()
}

async fn guide(pages: web::Data<Pages>) -> HttpResponse {
    answer(&pages.guide, guide::render)
}

async fn reference(pages: web::Data<Pages>, document: web::Data<Value>) -> HttpResponse {
    answer(&pages.reference, || reference::render(&document))
}

async fn errors(pages: web::Data<Pages>) -> HttpResponse {
    answer(&pages.errors, errors_page::render)
}

fn answer(page: &OnceLock<Option<web::Bytes>>, render: impl FnOnce() -> askama::Result<String>) -> HttpResponse {
    let html = page.get_or_init(|| match render() {
        Ok(html) => Some(web::Bytes::from(html)),
        Err(error) => {
            tracing::error!(error = %error, "a documentation page could not be rendered");
            None
        }
    });
    let Some(html) = html else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut answer = HttpResponse::Ok();
    for header in PAGE_HEADERS {
        answer.insert_header(header);
    }
    answer.body(html.clone())
}

/// The guide's programs that send a message, each with its language: they name the template `order_update`.
pub(crate) fn message_samples() -> [(&'static str, &'static str); 4] {
    samples::MESSAGE.samples.map(|sample| (sample.label, sample.code))
}

#[cfg(test)]
mod tests;
