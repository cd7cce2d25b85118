use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::client_ip::client_ip;
use super::problem::Problem;
use super::rate_limit::{AUTH, auth_rule, refusal, write_headers};
use crate::context::Context;
use crate::errors::ErrorCode;

/// Lets a request to `/api/v1/auth` through when its address has room for one more this minute: before anything is looked
/// up or hashed.
pub(crate) async fn limit_auth(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(ctx) = request.app_data::<web::Data<Context>>() else {
        return Ok(request.error_response(Problem::new(ErrorCode::InternalError)).map_into_boxed_body());
    };
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let rules = [auth_rule(ctx, client_ip(peer, request.headers(), &ctx.trusted_proxies))];
    let decision = ctx.limiter.admit(&rules).await;
    let mut limits = HeaderMap::new();
    write_headers(&mut limits, &AUTH, &rules, &decision);
    let mut response = if decision.admitted {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.error_response(refusal(&decision.states)).map_into_boxed_body()
    };
    for (name, value) in limits {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
