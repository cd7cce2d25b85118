//! The limits of `/api/v1`: of log-ins by address, of everything else by session.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use whatotp_ports::RateRule;

use super::client_ip::client_ip;
use super::member::session_hash;
use super::problem::Problem;
use super::rate_limit::{AUTH, CONSOLE, auth_rule, console_rule, refusal, write_headers};
use crate::context::Context;
use crate::errors::ErrorCode;

/// Lets a request to `/api/v1/auth` through when its address has room for one more this minute: before anything is looked
/// up or hashed.
pub(crate) async fn limit_auth(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    limited(request, next, &AUTH, |ctx, request| {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Some(auth_rule(ctx, client_ip(peer, request.headers(), &ctx.trusted_proxies)))
    })
    .await
}

/// Lets a request to the console's API through when its session has room for one more this minute. One without a session is
/// not counted: it is refused before anything is looked up.
pub(crate) async fn limit_console(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    limited(request, next, &CONSOLE, |ctx, request| {
        session_hash(request.headers()).map(|session| console_rule(ctx, &session))
    })
    .await
}

async fn limited(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    names: &[&str],
    rule: impl FnOnce(&Context, &ServiceRequest) -> Option<RateRule>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(ctx) = request.app_data::<web::Data<Context>>() else {
        return Ok(request.error_response(Problem::new(ErrorCode::InternalError)));
    };
    let Some(rule) = rule(ctx, &request) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let rules = [rule];
    let decision = ctx.limiter.admit(&rules).await;
    let mut limits = HeaderMap::new();
    write_headers(&mut limits, names, &rules, &decision);
    let mut response = if decision.admitted {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.error_response(refusal(&decision.states))
    };
    for (name, value) in limits {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
