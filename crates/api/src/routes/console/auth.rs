use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{FollowLink, LinkFollowed, LogIn, LogInAnswer, LoggedIn, PasswordChanged};
use whatotp_domain::{ConsoleSessionId, Timestamp};
use whatotp_vault::LinkToken;

use super::auth_bodies::{
    ConsoleSessionBody, LoggedInBody, Transport, UserBody, code, email, logged_in, name, new_password, refused,
    set_cookie, transport, typed_password,
};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::parsed;
use crate::http::{Body, Fields, Id, Invalid, Member, NotFromElsewhere, Problem, is_ours, json};

/// Somebody who follows a one-time link.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct RegisterRequest {
    /// What stands after `#token=` in the link.
    #[schema(example = "clt_…")]
    token: String,
    /// What you are called. Not for a new password.
    #[schema(max_length = 100, example = "Ada Lovelace")]
    name: Option<String>,
    /// What you will log in by. Needed by the first user; others were invited under theirs.
    #[schema(max_length = 254, example = "ada@example.org")]
    email: Option<String>,
    /// At least 15 characters, and no password that everybody tries first.
    #[schema(min_length = 15, max_length = 1000, example = "seven quiet otters paint")]
    password: String,
    /// How the session's token is handed out; `bearer` if left out.
    #[schema(pattern = "^(cookie|bearer)$", example = "bearer")]
    transport: Option<String>,
}

/// Follow a one-time link
///
/// Makes the first user, or a member who was invited, and logs them in; or sets a forgotten password, and then answers 204:
/// log in with it.
#[utoipa::path(post, path = "/api/v1/auth/register", operation_id = "auth_register", tag = "Console", security(()),
    request_body = RegisterRequest,
    responses((status = 200, description = "You are a member, and logged in.", body = LoggedInBody),
        (status = 204, description = "The password is set.")))]
pub(crate) async fn register(
    ctx: web::Data<Context>,
    _own: NotFromElsewhere,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let token =
        fields.required("token", parsed("invalid_token", "Copy the whole token, from clt_ on.", LinkToken::parse));
    let (name, email) = (fields.optional("name", name), fields.optional("email", email));
    let password = fields.required("password", new_password);
    let transport = fields.optional("transport", transport).unwrap_or(Transport::Bearer);
    let user_agent = user_agent(&request);
    let follow = token.zip(password).map(|(token, password)| FollowLink { token, name, email, password, user_agent });
    let follow = fields.finish(follow)?;
    may_set_cookie(&ctx, &request, transport)?;
    let bad = |field: &str, bad| Problem::invalid(vec![Invalid::new(field, bad)]);
    match ctx.app.follow_link(follow).await? {
        LinkFollowed::Joined(joined) => logged_in(&ctx.app, &joined, transport),
        LinkFollowed::PasswordSet => Ok(HttpResponse::NoContent().finish()),
        LinkFollowed::LinkIsOver => Err(Problem::new(ErrorCode::LinkInvalid)),
        LinkFollowed::EmailTaken => Err(Problem::new(ErrorCode::EmailTaken)),
        LinkFollowed::OtherEmail => {
            Err(bad("email", ("other_email", "Leave it out: you were invited under another address.".into())))
        }
        LinkFollowed::Missing(field) => Err(bad(field, ("required", "This field is required.".into()))),
        LinkFollowed::Refused(error) => Err(bad("password", refused(error))),
    }
}

/// Somebody who wants to log in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct LoginRequest {
    /// Who you are.
    #[schema(max_length = 254, example = "ada@example.org")]
    email: String,
    /// Your password.
    #[schema(max_length = 1000, example = "seven quiet otters paint")]
    password: String,
    /// A code of your authenticator app, or a recovery code, if you have set one up.
    #[schema(max_length = 64, example = "287082")]
    code: Option<String>,
    /// How the session's token is handed out: as a `cookie`, for browsers, or as a `bearer` token; `bearer` if left out.
    #[schema(pattern = "^(cookie|bearer)$", example = "bearer")]
    transport: Option<String>,
}

/// Log in
///
/// Opens a session: of 30 minutes without use, and 12 hours at most.
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "auth_login", tag = "Console", security(()),
    request_body = LoginRequest,
    responses((status = 200, description = "You are logged in.", body = LoggedInBody)))]
pub(crate) async fn log_in(
    ctx: web::Data<Context>,
    _own: NotFromElsewhere,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let (email, password) = (fields.required("email", email), fields.required("password", typed_password));
    let code = fields.optional("code", code);
    let transport = fields.optional("transport", transport).unwrap_or(Transport::Bearer);
    let user_agent = user_agent(&request);
    let attempt = email.zip(password).map(|(email, password)| LogIn { email, password, code, user_agent });
    let attempt = fields.finish(attempt)?;
    may_set_cookie(&ctx, &request, transport)?;
    let session = let_in(&ctx, ctx.app.log_in(attempt).await?)?;
    logged_in(&ctx.app, &session, transport)
}

/// Log out
///
/// Ends this session, on the server too.
#[utoipa::path(post, path = "/api/v1/auth/logout", operation_id = "auth_logout", tag = "Console",
    responses((status = 204, description = "The session is over.")))]
pub(crate) async fn log_out(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    ctx.app.log_out(&member.session).await?;
    let mut response = HttpResponse::NoContent();
    if member.from_cookie {
        set_cookie(&mut response, "");
    }
    Ok(response.finish())
}

/// Get a new token
///
/// Gives the session a new token. The old one is dead from then on; the session ends when it would have ended.
#[utoipa::path(post, path = "/api/v1/auth/refresh", operation_id = "auth_refresh", tag = "Console",
    responses((status = 200, description = "The same session, with a new token.", body = LoggedInBody)))]
pub(crate) async fn refresh(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    let Member { user, session, token, from_cookie, .. } = member;
    match ctx.app.refresh_session(user, session, &token).await? {
        Some(renewed) => logged_in(&ctx.app, &renewed, Transport::of(from_cookie)),
        None => Err(refusal(ErrorCode::SessionRequired)),
    }
}

/// Somebody who shows once more who they are.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct ReauthenticateRequest {
    /// Your password.
    #[schema(max_length = 1000, example = "seven quiet otters paint")]
    password: String,
    /// A code of your authenticator app, or a recovery code, if you have set one up.
    #[schema(max_length = 64, example = "287082")]
    code: Option<String>,
}

/// Show once more who you are
///
/// For the next ten minutes this session may change keys, credentials and members. It gets a new token.
#[utoipa::path(post, path = "/api/v1/auth/reauthenticate", operation_id = "auth_reauthenticate", tag = "Console",
    request_body = ReauthenticateRequest,
    responses((status = 200, description = "The same session, with a new token.", body = LoggedInBody)))]
pub(crate) async fn reauthenticate(
    ctx: web::Data<Context>,
    member: Member,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let (password, code) = (fields.required("password", typed_password), fields.optional("code", code));
    let password = fields.finish(password)?;
    let Member { user, session, token, from_cookie, .. } = member;
    let answer = ctx.app.reauthenticate(user, session, &token, password, code.as_deref()).await?;
    logged_in(&ctx.app, &let_in(&ctx, answer)?, Transport::of(from_cookie))
}

/// A password that is to be changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct PasswordRequest {
    /// The password now.
    #[schema(max_length = 1000, example = "seven quiet otters paint")]
    current_password: String,
    /// At least 15 characters, and no password that everybody tries first.
    #[schema(min_length = 15, max_length = 1000, example = "nine loud herons whistle")]
    new_password: String,
}

/// Change your password
///
/// Your other sessions end.
#[utoipa::path(post, path = "/api/v1/auth/password", operation_id = "auth_password", tag = "Console",
    request_body = PasswordRequest,
    responses((status = 204, description = "The password is changed.")))]
pub(crate) async fn change_password(
    ctx: web::Data<Context>,
    member: Member,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let present = fields.required("current_password", typed_password);
    let new = fields.required("new_password", new_password);
    let (present, new) = fields.finish(present.zip(new))?;
    match ctx.app.change_password(&member.user, &member.session, present, new).await? {
        PasswordChanged::Yes => Ok(HttpResponse::NoContent().finish()),
        PasswordChanged::Wrong => Err(refusal(ErrorCode::InvalidCredentials)),
        PasswordChanged::Wait(until) => Err(wait(&ctx, until)),
        PasswordChanged::Refused(error) => Err(Problem::invalid(vec![Invalid::new("new_password", refused(error))])),
    }
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// Who.
    user: UserBody,
    /// This session.
    session: ConsoleSessionBody,
    /// How many recovery codes are left; `null` without a second factor.
    #[schema(required = true, example = 10)]
    recovery_codes_left: Option<u64>,
    /// What goes into the header `X-CSRF-Token` of every change, if the session's token is a cookie.
    #[schema(example = "3f1b…")]
    csrf_token: String,
}

/// See who you are
///
/// You, what you may do, and this session.
#[utoipa::path(get, path = "/api/v1/auth/me", operation_id = "auth_me", tag = "Console",
    responses((status = 200, description = "You.", body = Me)))]
pub(crate) async fn me(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let left = if member.user.has_totp { Some(ctx.app.recovery_codes_left(&member.user).await?) } else { None };
    let session = ConsoleSessionBody::new(&member.session, &member.session);
    let csrf_token = member.csrf_token().to_owned();
    json(HttpResponse::Ok(), &Me { user: UserBody::from(&member.user), session, recovery_codes_left: left, csrf_token })
}

/// Your sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsoleSessionList {
    /// Newest first.
    data: Vec<ConsoleSessionBody>,
}

/// List your sessions
///
/// Where you are logged in.
#[utoipa::path(get, path = "/api/v1/auth/sessions", operation_id = "auth_sessions", tag = "Console",
    responses((status = 200, description = "Your sessions.", body = ConsoleSessionList)))]
pub(crate) async fn sessions(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let sessions = ctx.app.list_sessions(member.user.id).await?;
    let data = sessions.iter().map(|session| ConsoleSessionBody::new(session, &member.session)).collect();
    json(HttpResponse::Ok(), &ConsoleSessionList { data })
}

/// End one of your sessions
///
/// On another device, or this one.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{session_id}", operation_id = "auth_session_end", tag = "Console",
    params(("session_id" = String, Path, description = "The session.", example = "ses_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "The session is over.")))]
pub(crate) async fn end_session(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<ConsoleSessionId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    if ctx.app.end_session(&member.user, id.0).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::new(ErrorCode::ConsoleSessionNotFound))
}

fn let_in(ctx: &Context, answer: LogInAnswer<LoggedIn>) -> Result<LoggedIn, Problem> {
    match answer {
        LogInAnswer::Yes(session) => Ok(session),
        LogInAnswer::Wrong => Err(refusal(ErrorCode::InvalidCredentials)),
        LogInAnswer::CodeRequired => Err(refusal(ErrorCode::SecondFactorRequired)),
        LogInAnswer::Wait(until) => Err(wait(ctx, until)),
    }
}

fn wait(ctx: &Context, until: Timestamp) -> Problem {
    Problem::new(ErrorCode::LogInLimited).retry_at(until, ctx.app.ports().clock.now())
}

/// A 401 says what would be let in.
fn refusal(code: ErrorCode) -> Problem {
    Problem::new(code).header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"whatotp\""))
}

/// A cookie is set for pages of ours alone, or another site could log somebody in as whom it likes.
fn may_set_cookie(ctx: &Context, request: &HttpRequest, transport: Transport) -> Result<(), Problem> {
    if transport == Transport::Bearer || is_ours(request.headers(), &ctx.console) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::CrossSiteRequest))
}

fn user_agent(request: &HttpRequest) -> String {
    let said = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    said.unwrap_or_default().to_owned()
}
