use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest as _, HttpMessage as _, HttpRequest, ResponseError as _, web};
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::time::{Duration, Instant};
use whatotp_application::error_chain;
use whatotp_domain::RequestId;

use super::authenticate::Caller;
use super::body::Body;
use super::client_ip::came_over_tls;
use super::member::Member;
use super::problem::{Problem, SAFE};
use super::unread::UnreadBody;
use crate::context::Context;
use crate::errors::ErrorCode;

/// Where codes and messages are asked for.
const BEGINNINGS: [&str; 2] = ["/v1/otp/send", "/v1/messages/send"];

/// The query of a long poll, and how long it may ask to wait.
const LONG_POLL: &str = "wait_seconds=";
const LONGEST_POLL: Duration = Duration::from_secs(25);

/// The outermost layer: gives the request an id, turns everything that went wrong into a problem document, and writes
/// the one log line of the request.
pub(crate) async fn edge(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request.app_data::<web::Data<Context>>().and_then(|ctx| ctx.request_id());
    if let Some(id) = id {
        request.extensions_mut().insert(id);
    }
    let unread = UnreadBody::of(&mut request);
    let (started, method) = (Instant::now(), request.method().clone());
    let (allowed, tls) = (allowed_time(&request), is_behind_tls(&request));
    let response = if is_one_too_many(&request) {
        let (head, payload) = request.parts_mut();
        // With its body unread the connection could not be used again. What is wrong with it does not matter now.
        let _ = Body::from_request(head, payload).await;
        request.into_response(Problem::new(ErrorCode::Overloaded).retry_after(1).error_response())
    } else {
        // A panic must not cost the caller an answer, or the process its life.
        let answering = AssertUnwindSafe(next.call(request)).catch_unwind();
        let Ok(outcome) = tokio::time::timeout(allowed, answering).await else {
            return Err(log_without_route(Problem::new(ErrorCode::Overloaded).retry_after(1), id, &method).into());
        };
        match outcome {
            Ok(Ok(response)) => response.map_into_boxed_body(),
            Ok(Err(error)) => return Err(log_without_route(problem_of(&error), id, &method).into()),
            Err(_panic) => {
                tracing::error!(
                    request.id = id.map(tracing::field::display),
                    "a handler panicked; the panic stands above"
                );
                return Err(log_without_route(Problem::new(ErrorCode::InternalError), id, &method).into());
            }
        }
    };
    let mut response = finish(response, id);
    decorate(&mut response, id, tls);
    log(&response, id, started);
    Ok(match unread {
        Some(unread) => unread.until_sent(response),
        None => response,
    })
}

/// Whether a request would begin what there is no room for. To find out who asks, and what for, would cost as much as it
/// costs to send: with five times as many requests as a server can serve it would serve none.
fn is_one_too_many(request: &ServiceRequest) -> bool {
    let ctx = request.app_data::<web::Data<Context>>();
    BEGINNINGS.contains(&request.path()) && ctx.is_some_and(|ctx| ctx.app.is_full())
}

/// How long a request may take: what its handler has, and before that what its body has, or a long poll.
fn allowed_time(request: &ServiceRequest) -> Duration {
    let Some(ctx) = request.app_data::<web::Data<Context>>() else { return Duration::ZERO };
    let more = match *request.method() {
        Method::GET if request.query_string().contains(LONG_POLL) => LONGEST_POLL,
        Method::GET | Method::HEAD => Duration::ZERO,
        _ => ctx.body_timeout,
    };
    ctx.handler_timeout + more
}

fn is_behind_tls(request: &ServiceRequest) -> bool {
    let ctx = request.app_data::<web::Data<Context>>();
    let peer = request.peer_addr().map(|peer| peer.ip());
    ctx.zip(peer).is_some_and(|(ctx, peer)| came_over_tls(peer, request.headers(), &ctx.trusted_proxies))
}

/// An error that lost its request on the way out; the answer carries the id all the same.
fn log_without_route(problem: Problem, id: Option<RequestId>, method: &Method) -> Problem {
    tracing::warn!(
        request.id = id.map(tracing::field::display),
        http.method = %method,
        http.status = problem.code().status(),
        "request"
    );
    problem.for_request(id)
}

/// Our own problems get the request's id; what actix-web refuses by itself becomes a problem.
fn finish(response: ServiceResponse<BoxBody>, id: Option<RequestId>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let problem = match response.response().error() {
        Some(error) => problem_of(error),
        None if status == StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(response.request()),
        None => return response,
    };
    let (request, original) = response.into_parts();
    if let Some(cause) = problem.cause() {
        tracing::error!(request.id = id.map(tracing::field::display), error = error_chain(cause), "the request failed");
    }
    let mut rendered = problem.for_request(id).error_response();
    for (name, value) in original.headers() {
        if !rendered.headers().contains_key(name) {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, rendered)
}

fn problem_of(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::new(ErrorCode::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(ErrorCode::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ErrorCode::BodyTooLarge),
        status if status.is_client_error() => Problem::new(ErrorCode::InvalidRequest),
        _ => {
            tracing::error!(error = %error, "an error that should have been a problem");
            Problem::new(ErrorCode::InternalError)
        }
    }
}

/// The methods of a path stand in the OpenAPI document; the pages beside the API only answer GET and HEAD.
fn method_not_allowed(request: &HttpRequest) -> Problem {
    let document = request.app_data::<web::Data<Value>>();
    let methods = document.and_then(|document| {
        let path = document.get("paths")?.get(request.match_pattern()?)?.as_object()?;
        let methods: Vec<String> = path.keys().map(|method| method.to_uppercase()).collect();
        Some(methods.join(", "))
    });
    let allow = methods.and_then(|methods| HeaderValue::from_str(&methods).ok());
    let allow = allow.unwrap_or(HeaderValue::from_static("GET, HEAD"));
    Problem::new(ErrorCode::MethodNotAllowed).header(header::ALLOW, allow)
}

fn decorate(response: &mut ServiceResponse<BoxBody>, id: Option<RequestId>, tls: bool) {
    let private = ["/v1/", "/api/", "/console"].iter().any(|own| response.request().path().starts_with(own));
    let headers = response.headers_mut();
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    for (name, value) in SAFE {
        // A page has a policy of its own.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if private {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn log(response: &ServiceResponse<BoxBody>, id: Option<RequestId>, started: Instant) {
    let request = response.request();
    let extensions = request.extensions();
    let key = extensions.get::<Caller>().map(|caller| &caller.key);
    let member = extensions.get::<Member>();
    let account = key.map(|key| key.scope.account).or(member.map(|member| member.user.account));
    tracing::info!(
        request.id = id.map(tracing::field::display),
        http.method = %request.method(),
        http.route = request.match_pattern().as_deref().unwrap_or("-"),
        http.status = response.status().as_u16(),
        duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        account.id = account.map(tracing::field::display),
        key.id = key.map(|key| tracing::field::display(key.id)),
        user.id = member.map(|member| tracing::field::display(member.user.id)),
        "request"
    );
}
