//! The console: pages for people.
//!
//! A page is made on the server and changes nothing. Whatever somebody does on it goes to the JSON API in
//! `routes/console`, through the small script in `assets/console`.

mod admin;
mod asked;
mod chart;
mod deliveries;
mod door;
mod figures;
mod frame;
mod keys;
mod log;
mod members;
mod overview;
mod sandbox;
mod settings;
mod shown;
mod statistics;
mod template_editor;
mod templates;
mod tickets;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage as _, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use whatotp_application::error_chain;
use whatotp_domain::RequestId;

use asked::{Asked, encoded};

use crate::errors::ErrorCode;
use crate::http::Problem;

/// The headers of every page. No script or style runs that is not a file of this server, and no form is sent but by ours.
const PAGE_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
];

/// Mounts the pages.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/console")
            .wrap(from_fn(as_page))
            .service(web::resource(["", "/"]).route(web::get().to(overview::show)))
            .service(web::resource("/login").route(web::get().to(door::log_in)))
            .service(web::resource("/welcome").route(web::get().to(door::welcome)))
            .service(web::resource("/join").route(web::get().to(door::join)))
            .service(web::resource("/reset").route(web::get().to(door::reset)))
            .service(web::resource("/deliveries").route(web::get().to(deliveries::list)))
            .service(web::resource("/deliveries/{id}").route(web::get().to(deliveries::detail)))
            .service(web::resource("/statistics").route(web::get().to(statistics::show)))
            .service(web::resource("/keys").route(web::get().to(keys::list)))
            .service(web::resource("/templates").route(web::get().to(templates::list)))
            .service(web::resource("/templates/new").route(web::get().to(template_editor::new)))
            .service(web::resource("/templates/{id}").route(web::get().to(templates::detail)))
            .service(web::resource("/templates/{id}/edit").route(web::get().to(template_editor::edit)))
            .service(web::resource("/sandbox").route(web::get().to(sandbox::inbox)))
            .service(web::resource("/members").route(web::get().to(members::list)))
            .service(web::resource("/settings").route(web::get().to(settings::show)))
            .service(web::resource("/tickets").route(web::get().to(tickets::list)))
            .service(web::resource("/tickets/new").route(web::get().to(tickets::new)))
            .service(web::resource("/tickets/{id}").route(web::get().to(tickets::detail)))
            .service(web::resource("/log").route(web::get().to(log::of_account)))
            .service(web::resource("/admin/tickets").route(web::get().to(tickets::queue)))
            .service(web::resource("/admin/tickets/{id}").route(web::get().to(tickets::detail_in_queue)))
            .service(web::resource("/admin/accounts").route(web::get().to(admin::accounts)))
            .service(web::resource("/admin/accounts/{id}").route(web::get().to(admin::account)))
            .service(web::resource("/admin/senders").route(web::get().to(admin::senders)))
            .service(web::resource("/admin/blocks").route(web::get().to(admin::blocks)))
            .service(web::resource("/admin/dead-letters").route(web::get().to(admin::dead_letters)))
            .service(web::resource("/admin/dead-letters/{id}").route(web::get().to(admin::dead_letter)))
            .service(web::resource("/admin/canned-replies").route(web::get().to(admin::canned_replies)))
            .service(web::resource("/admin/logs").route(web::get().to(log::of_platform)))
            .default_service(web::to(nowhere)),
    );
}

async fn nowhere() -> Result<HttpResponse, Problem> {
    Err(Problem::new(ErrorCode::NotFound).detail("There is no such page. Go on from the overview."))
}

/// A page out of a template.
fn page(template: &impl Template) -> Result<HttpResponse, Problem> {
    render(HttpResponse::Ok(), template)
}

fn render(mut answer: HttpResponseBuilder, template: &impl Template) -> Result<HttpResponse, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(error = error_chain(&error), "a page of the console could not be rendered");
        Problem::new(ErrorCode::InternalError)
    })?;
    for header in PAGE_HEADERS {
        answer.insert_header(header);
    }
    Ok(answer.body(html))
}

#[derive(Template)]
#[template(path = "console/problem.html")]
struct ProblemPage {
    assets: frame::Assets,
    title: String,
    detail: String,
    request_id: Option<String>,
}

/// What went wrong, for a person: without a session they are asked to log in, and otherwise told what to do.
async fn as_page(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let there = request.uri().path_and_query().map_or("/console", |there| there.as_str()).to_owned();
    let id = request.extensions().get::<RequestId>().copied();
    let response = next.call(request).await?.map_into_boxed_body();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    let Some(problem) = problem else { return Ok(response) };
    if problem.code() == ErrorCode::SessionRequired {
        let log_in = format!("/console/login?next={}", encoded(&there));
        let to = HttpResponse::SeeOther().insert_header((header::LOCATION, log_in)).finish();
        return Ok(response.into_response(to));
    }
    if let Some(cause) = problem.cause() {
        tracing::error!(request.id = id.map(tracing::field::display), error = error_chain(cause), "the page failed");
    }
    let shown = ProblemPage {
        assets: frame::Assets::new(),
        title: problem.code().title().to_owned(),
        detail: problem.detail_text().to_owned(),
        request_id: id.map(|id| id.to_string()),
    };
    let status = actix_web::ResponseError::status_code(&problem);
    Ok(match render(HttpResponse::build(status), &shown) {
        Ok(page) => response.into_response(page),
        Err(_) => response,
    })
}
