use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};
use whatotp_application::Authenticated;
use whatotp_domain::{AccountScope, ApiKey, ApiKeySecret, Scope};
use whatotp_vault::key_hash;

use super::accept::takes_our_answers;
use super::client_ip::client_ip;
use super::problem::Problem;
use super::rate_limit::{failed_log_in_rule, product_rules, refusal, write_headers};
use crate::context::Context;
use crate::errors::ErrorCode;

/// Whoever holds the API key of this request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub key: ApiKey,
}

impl Caller {
    /// The data this caller may touch, if the key has the scope that the operation needs.
    pub(crate) fn may(&self, scope: Scope) -> Result<AccountScope, Problem> {
        if self.key.scopes.contains(scope) {
            return Ok(self.key.scope);
        }
        let detail = format!("Use an API key with the scope {}: this one does not have it.", scope.as_str());
        Err(Problem::new(ErrorCode::InsufficientScope).detail(detail))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    /// Every route that takes a caller is mounted behind [`authenticate`]; one that is not lets nobody in.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| Problem::new(ErrorCode::MissingApiKey)))
    }
}

/// Lets a request through when its key is known and its limits have room, and writes where the limits stand.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if request.method() == Method::TRACE {
        // It has no route anywhere, and is refused as such whoever asks.
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let (ctx, ip, headers) = match request.app_data::<web::Data<Context>>().cloned() {
        None => return Ok(refuse(request, Problem::new(ErrorCode::InternalError), HeaderMap::new())),
        Some(ctx) => {
            let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
            let ip = client_ip(peer, request.headers(), &ctx.trusted_proxies);
            (ctx, ip, request.headers().clone())
        }
    };
    let secret = match presented_key(&headers) {
        Ok(secret) => secret,
        Err(problem) if problem.code() == ErrorCode::MissingApiKey => {
            return Ok(refuse(request, problem, HeaderMap::new()));
        }
        Err(problem) => return Ok(refuse(request, count_failure(&ctx, ip, problem).await, HeaderMap::new())),
    };
    let key = match ctx.app.authenticate(&secret, ip).await {
        Ok(Authenticated::Yes(key)) => key,
        Ok(Authenticated::Unknown) => {
            return Ok(refuse(request, count_failure(&ctx, ip, invalid_key()).await, HeaderMap::new()));
        }
        Ok(Authenticated::Expired) => {
            let expired = challenge(Problem::new(ErrorCode::ExpiredApiKey), "error=\"invalid_token\"");
            return Ok(refuse(request, expired, HeaderMap::new()));
        }
        Ok(Authenticated::IpNotAllowed) => {
            return Ok(refuse(request, Problem::new(ErrorCode::IpNotAllowed), HeaderMap::new()));
        }
        Err(failure) => return Ok(refuse(request, failure.into(), HeaderMap::new())),
    };

    let rules = product_rules(&ctx, &key_hash(&secret), ip);
    let decision = ctx.limiter.admit(&rules).await;
    let mut limit_headers = HeaderMap::new();
    write_headers(&mut limit_headers, &rules, &decision);
    request.extensions_mut().insert(Caller { key: *key });
    if !decision.admitted {
        return Ok(refuse(request, refusal(&decision.states), limit_headers));
    }
    if !takes_our_answers(request.headers(), request.path().ends_with("/events")) {
        return Ok(refuse(request, Problem::new(ErrorCode::NotAcceptable), limit_headers));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    for (name, value) in limit_headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response.map_into_boxed_body())
}

fn refuse(request: ServiceRequest, problem: Problem, headers: HeaderMap) -> ServiceResponse {
    let mut response = request.error_response(problem);
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The key in `Authorization: Bearer …`, the only place it may stand.
fn presented_key(headers: &HeaderMap) -> Result<ApiKeySecret, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else {
        // RFC 6750 section 3: no error code when no credentials were given.
        return Err(challenge(Problem::new(ErrorCode::MissingApiKey), ""));
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match (token.and_then(ApiKeySecret::parse), values.next()) {
        (Some(secret), None) => Ok(secret),
        _ => Err(invalid_key()),
    }
}

fn invalid_key() -> Problem {
    challenge(Problem::new(ErrorCode::InvalidApiKey), "error=\"invalid_token\"")
}

fn challenge(problem: Problem, error: &'static str) -> Problem {
    let text = if error.is_empty() {
        "Bearer realm=\"whatotp\"".to_owned()
    } else {
        format!("Bearer realm=\"whatotp\", {error}")
    };
    match HeaderValue::from_str(&text) {
        Ok(value) => problem.header(header::WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

/// Whoever tries keys gets only so many a minute. Good keys from the same address are not held up by it.
async fn count_failure(ctx: &Context, ip: IpAddr, problem: Problem) -> Problem {
    let decision = ctx.limiter.admit(&[failed_log_in_rule(ctx, ip)]).await;
    if decision.admitted { problem } else { refusal(&decision.states) }
}
