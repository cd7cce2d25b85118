use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};
use whatotp_application::Authenticated;
use whatotp_domain::{AccountScope, ApiKey, ApiKeySecret, Asked, RequestId, Scope};
use whatotp_ports::RateRule;
use whatotp_vault::key_hash;

use super::accept::takes_our_answers;
use super::client_ip::client_ip;
use super::problem::Problem;
use super::rate_limit::{FAILED, PRODUCT, failed_log_in_rule, product_rules, refusal, write_headers};
use crate::context::Context;
use crate::errors::ErrorCode;

/// Whoever holds the API key of this request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub key: Arc<ApiKey>,
    suspended: bool,
}

impl Caller {
    /// The data this caller may touch, if the key has the scope that the operation needs, and its account may do more than
    /// read.
    pub(crate) fn may(&self, scope: Scope) -> Result<AccountScope, Problem> {
        if self.suspended && scope != Scope::Read {
            return Err(Problem::new(ErrorCode::AccountSuspended));
        }
        if self.key.scopes.contains(scope) {
            return Ok(self.key.scope);
        }
        let detail = format!("Use an API key with the scope {}: this one does not have it.", scope.as_str());
        Err(Problem::new(ErrorCode::InsufficientScope).detail(detail))
    }

    /// Who asks for a message with this request, for the log.
    pub(crate) fn asked(&self, request: &HttpRequest) -> Asked {
        Asked { key: Some(self.key.id), request: request.extensions().get::<RequestId>().copied() }
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
    let mut limits = HeaderMap::new();
    let mut response = match admit(&request, &mut limits).await {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => request.error_response(problem),
    };
    for (name, value) in limits {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Whether a request may go on. Once its key is known, the request carries its [`Caller`], and `limits` the headers that
/// say where the key's limits stand.
async fn admit(request: &ServiceRequest, limits: &mut HeaderMap) -> Result<(), Problem> {
    let ctx = request.app_data::<web::Data<Context>>().ok_or_else(|| Problem::new(ErrorCode::InternalError))?;
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let ip = client_ip(peer, request.headers(), &ctx.trusted_proxies);
    let hash = match presented_key(request.headers()) {
        Ok(secret) => key_hash(&secret),
        Err(problem) if problem.code() == ErrorCode::MissingApiKey => return Err(problem),
        Err(problem) => return Err(count_failure(ctx, ip, problem, limits).await),
    };
    if !ctx.known_keys.contains(&hash) {
        has_tries_left(ctx, ip, limits).await?;
    }
    let key = match ctx.app.authenticate(&hash, ip).await? {
        Authenticated::Yes(key) => key,
        Authenticated::Unknown => {
            ctx.known_keys.remove(&hash);
            return Err(count_failure(ctx, ip, invalid_key(), limits).await);
        }
        Authenticated::Expired => {
            return Err(challenge(Problem::new(ErrorCode::ExpiredApiKey), "error=\"invalid_token\""));
        }
        Authenticated::IpNotAllowed => return Err(Problem::new(ErrorCode::IpNotAllowed)),
    };
    ctx.known_keys.insert(&hash);
    let suspended = ctx.app.is_suspended(key.scope.account).await?;
    let rules = product_rules(ctx, &hash, ip);
    let decision = ctx.limiter.admit(&rules).await;
    write_headers(limits, &PRODUCT, &rules, &decision);
    request.extensions_mut().insert(Caller { key, suspended });
    if !decision.admitted {
        return Err(refusal(&decision.states));
    }
    if !takes_our_answers(request.headers(), request.path().ends_with("/events")) {
        return Err(Problem::new(ErrorCode::NotAcceptable));
    }
    Ok(())
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

/// Whoever tries keys gets only so many a minute. Keys that are known to be good are not held up by it.
async fn count_failure(ctx: &Context, ip: IpAddr, problem: Problem, limits: &mut HeaderMap) -> Problem {
    let rules = [failed_log_in_rule(ctx, ip)];
    let decision = ctx.limiter.admit(&rules).await;
    if decision.admitted {
        return problem;
    }
    write_headers(limits, &FAILED, &rules, &decision);
    refusal(&decision.states)
}

/// Refuses, before anything is looked up, a key that nobody knows from an address that has used up its tries.
async fn has_tries_left(ctx: &Context, ip: IpAddr, limits: &mut HeaderMap) -> Result<(), Problem> {
    let rules = [RateRule { cost: 0, ..failed_log_in_rule(ctx, ip) }];
    let decision = ctx.limiter.admit(&rules).await;
    if decision.states.iter().all(|state| state.remaining > 0) {
        return Ok(());
    }
    write_headers(limits, &FAILED, &rules, &decision);
    Err(refusal(&decision.states))
}
