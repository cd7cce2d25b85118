use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use whatotp_domain::{AccountId, ConsoleSession, Permission, Timestamp, User};
use whatotp_vault::{SessionHash, SessionToken};

use super::origin::is_ours;
use super::problem::Problem;
use crate::context::Context;
use crate::errors::ErrorCode;

/// What a session's token is called among the cookies. The prefix has browsers take it from us alone, over TLS, for every
/// path and no other host.
pub(crate) const COOKIE: &str = "__Host-session";
/// What a page of ours sends beside the cookie.
const CSRF: &str = "x-csrf-token";

/// Whoever is logged in to the console.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Who.
    pub user: User,
    /// Their session.
    pub session: ConsoleSession,
    /// What opened it.
    pub token: SessionToken,
    /// Whether a browser sent that by itself, as a cookie.
    pub from_cookie: bool,
    csrf_token: String,
}

impl Member {
    /// The account whose data this member may touch, if their role has the permission.
    pub(crate) fn may(&self, permission: Permission) -> Result<AccountId, Problem> {
        if self.user.role.may(permission) {
            return Ok(self.user.account);
        }
        let role = self.user.role.as_str();
        let detail = format!(
            "Ask an owner or an admin of the account: the role {role} does not have the permission {}.",
            permission.as_str()
        );
        Err(Problem::new(ErrorCode::PermissionDenied).detail(detail))
    }

    /// Whether this is somebody who runs the platform.
    pub(crate) fn operates(&self) -> Result<(), Problem> {
        if self.user.operator {
            return Ok(());
        }
        let detail = "Ask whoever runs this installation: only operators of the platform may do this.";
        Err(Problem::new(ErrorCode::PermissionDenied).detail(detail))
    }

    /// Whether the password was typed within the last ten minutes, as changes of keys, credentials and members ask for.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> Result<(), Problem> {
        if self.session.is_fresh(now) { Ok(()) } else { Err(Problem::new(ErrorCode::ReauthenticationRequired)) }
    }

    /// What a page of this session sends in `X-CSRF-Token` with every change.
    pub(crate) fn csrf_token(&self) -> &str {
        &self.csrf_token
    }
}

impl FromRequest for Member {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let member = find(&request).await?;
            request.extensions_mut().insert(member.clone());
            Ok(member)
        })
    }
}

async fn find(request: &HttpRequest) -> Result<Member, Problem> {
    let ctx = request.app_data::<web::Data<Context>>().ok_or_else(|| Problem::new(ErrorCode::InternalError))?;
    let (token, from_cookie) = presented(request.headers())?;
    // Before anything is looked up: a page of a stranger learns nothing from how long it takes.
    if from_cookie && changes(request.method()) {
        if !is_ours(request.headers(), &ctx.console) {
            return Err(Problem::new(ErrorCode::CrossSiteRequest));
        }
        if !is_csrf_token(ctx, &token, request.headers()) {
            return Err(Problem::new(ErrorCode::CrossSiteRequest)
                .detail("Send the session's csrf_token in the header X-CSRF-Token."));
        }
        if !is_json_or_empty(request.headers()) {
            return Err(Problem::new(ErrorCode::CrossSiteRequest)
                .detail("Send the body with the header Content-Type: application/json."));
        }
    }
    let found = ctx.app.whose_session(&token).await?;
    let (user, session) = found.ok_or_else(|| session_required("error=\"invalid_token\""))?;
    let csrf_token = ctx.app.keyring().csrf_token(&token.hash());
    Ok(Member { user, session, token, from_cookie, csrf_token })
}

/// What tells the session of a request from all others, if it says that it is of one.
pub(super) fn session_hash(headers: &HeaderMap) -> Option<SessionHash> {
    presented(headers).ok().map(|(token, _)| token.hash())
}

const fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The token of the request, and whether a browser sent it by itself. A header is sent on purpose, so it comes first.
fn presented(headers: &HeaderMap) -> Result<(SessionToken, bool), Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| SessionToken::parse(token.trim())).flatten()
        });
        let is_alone = headers.get_all(header::AUTHORIZATION).count() == 1;
        return match token {
            Some(token) if is_alone => Ok((token, false)),
            _ => Err(session_required("error=\"invalid_token\"")),
        };
    }
    match cookie(headers) {
        Some(text) => Ok((SessionToken::parse(text).ok_or_else(|| session_required(""))?, true)),
        None => Err(session_required("")),
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn is_csrf_token(ctx: &Context, token: &SessionToken, headers: &HeaderMap) -> bool {
    let given = headers.get(CSRF).map_or(&b""[..], HeaderValue::as_bytes);
    ctx.app.keyring().is_csrf_token(&token.hash(), given)
}

/// A form of another page can send every other type, and no JSON.
fn is_json_or_empty(headers: &HeaderMap) -> bool {
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0")
        && !headers.contains_key(header::TRANSFER_ENCODING);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind.and_then(|kind| kind.split(';').next()) {
        Some(kind) => kind.trim().eq_ignore_ascii_case(super::JSON),
        None => is_empty,
    }
}

fn session_required(error: &'static str) -> Problem {
    let text =
        if error.is_empty() { "Bearer realm=\"whatotp\"" } else { "Bearer realm=\"whatotp\", error=\"invalid_token\"" };
    Problem::new(ErrorCode::SessionRequired).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(text))
}
