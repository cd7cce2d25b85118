use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use whatotp_application::{OtpCanceled, OtpResent, OtpSent, OtpVerified, SessionView};
use whatotp_domain::{DeliveryError, GuessRefused, Scope, SendRefused, SessionId, SessionStatus, Timestamp};

use super::otp_bodies::{SendOtpRequest, SessionBody, SessionEvent, VerifiedBody, VerifyOtpRequest, not_a_code};
use super::refusals::{not_admitted, throttled};
use super::waiting::{events_of, wait_for_change, wait_seconds};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Answer, Body, Caller, Fields, Id, Invalid, Problem, Reply, json, once};

/// Send a code
///
/// Issues a session and sends its code over WhatsApp. The answer comes after the provider's first answer, within 10
/// seconds. A new send to the same number and purpose takes the place of the older session; the budget of wrong codes
/// carries over.
#[utoipa::path(post, path = "/v1/otp/send", operation_id = "otp_send", tag = "OTP",
    request_body(content = SendOtpRequest, description = "Whom to send a code, and how."),
    responses((status = 200, description = "The session. Its message is on the way; `delivery.status` is `unknown` when \
        the provider did not answer in time.", body = SessionBody)))]
pub(crate) async fn send(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::OtpSend)?;
    let command = SendOtpRequest::read(&body.0, scope, caller.asked(&request))?;
    once(&ctx.app, scope, ("POST /v1/otp/send", StatusCode::OK), (&request, &body.0), async |claim| {
        match ctx.app.send_otp(command(claim)).await? {
            OtpSent::Sent(view) => session(&view),
            OtpSent::NotAdmitted(refused) => Err(not_admitted(&refused, ctx.app.ports().clock.now())),
            OtpSent::Refused(refused) => Err(send_refused(refused, ctx.app.ports().clock.now())),
            OtpSent::NoGuesses(refused) => Err(verify_limited(refused, ctx.app.ports().clock.now())),
            OtpSent::Unreachable(error) => Err(unreachable(&error)),
            OtpSent::OutlivesTemplate { longest } => Err(outlives_template(longest)),
            OtpSent::ChannelUnavailable => Err(channel_unavailable()),
            OtpSent::Replay(prior) => Ok(Reply::Earlier(prior)),
        }
    })
    .await
}

/// Verify a code
///
/// 200 means verified, and nothing else does: a client that only looks at the status is safe. A wrong code is 422 and
/// costs one of the session's attempts; text that cannot be a code is 400 and costs nothing. Of any number of
/// concurrent right codes exactly one gets 200.
#[utoipa::path(post, path = "/v1/otp/verify", operation_id = "otp_verify", tag = "OTP",
    request_body(content = VerifyOtpRequest, description = "The session, and what the person typed."),
    responses((status = 200, description = "The code was right, and is used up.", body = VerifiedBody)))]
pub(crate) async fn verify(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::OtpVerify)?;
    let command = VerifyOtpRequest::read(&body.0, scope)?;
    once(&ctx.app, scope, ("POST /v1/otp/verify", StatusCode::OK), (&request, &body.0), async |claim| {
        verified(ctx.app.verify_otp(command(claim)).await?, ctx.app.ports().clock.now())
    })
    .await
}

pub(super) fn verified(outcome: OtpVerified, now: Timestamp) -> Result<Reply, Problem> {
    match outcome {
        OtpVerified::Verified(verification) => {
            Answer::new(StatusCode::OK, &VerifiedBody::from(&*verification)).map(Reply::Fresh)
        }
        OtpVerified::Wrong { left } => Err(Problem::new(ErrorCode::CodeMismatch).with("attempts_remaining", left)),
        OtpVerified::NotACode(error) => Err(not_a_code(error)),
        OtpVerified::NotFound => Err(Problem::new(ErrorCode::SessionNotFound)),
        OtpVerified::Finished(status) => Err(Problem::finished(status)),
        OtpVerified::Blocked(refused) => Err(verify_limited(refused, now)),
        OtpVerified::Throttled { until } => Err(throttled(until, now)),
        OtpVerified::Replay(prior) => Ok(Reply::Earlier(prior)),
    }
}

/// Get a session
///
/// The session and the way of its latest message. With `wait_seconds` the answer waits until something changes.
#[utoipa::path(get, path = "/v1/otp/{session_id}", operation_id = "otp_status", tag = "OTP",
    params(
        ("session_id" = String, Path, description = "The session.", example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("wait_seconds" = Option<u32>, Query, minimum = 1, maximum = 25,
            description = "Answer when something changes, or after so many seconds."),
    ),
    responses((status = 200, description = "The session.", body = SessionBody)))]
pub(crate) async fn status(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<SessionId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    let wait = wait_seconds(&request)?;
    let watch = ctx.app.watch_otp(scope, id.0).await?;
    let mut watch = watch.ok_or_else(|| Problem::new(ErrorCode::SessionNotFound))?;
    if let Some(wait) = wait {
        wait_for_change(&ctx, &mut watch, wait, SessionView::is_settled).await?;
    }
    json(HttpResponse::Ok(), &SessionBody::from(watch.seen()))
}

/// Follow a session
///
/// The same as server-sent events (`event: status`): one at once, and one for every change, until nothing will change any
/// more.
#[utoipa::path(get, path = "/v1/otp/{session_id}/events", operation_id = "otp_events", tag = "OTP",
    params(("session_id" = String, Path, description = "The session.", example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "A stream of events.", content_type = "text/event-stream",
        body = SessionEvent)))]
pub(crate) async fn events(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<SessionId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    Fields::of_query(request.query_string())?.finish(Some(()))?;
    let watch = ctx.app.watch_otp(scope, id.0).await?;
    let watch = watch.ok_or_else(|| Problem::new(ErrorCode::SessionNotFound))?;
    Ok(events_of(ctx, watch, SessionView::is_settled, |view| serde_json::to_string(&SessionBody::from(view))))
}

/// Send the code again
///
/// The same code in the same session, so that a late first message stays useful. Attempts and expiry stay as they are.
#[utoipa::path(post, path = "/v1/otp/{session_id}/resend", operation_id = "otp_resend", tag = "OTP",
    params(("session_id" = String, Path, description = "The session.", example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The session, with its new message.", body = SessionBody)))]
pub(crate) async fn resend(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<SessionId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::OtpSend)?;
    body.nothing()?;
    let route = format!("POST /v1/otp/{}/resend", id.0);
    once(&ctx.app, scope, (&route, StatusCode::OK), (&request, &body.0), async |claim| {
        match ctx.app.resend_otp(scope, id.0, caller.asked(&request), claim).await? {
            OtpResent::Sent(view) => session(&view),
            OtpResent::NotFound => Err(Problem::new(ErrorCode::SessionNotFound)),
            OtpResent::Finished(status) => Err(Problem::finished(status)),
            OtpResent::NoSendsLeft { until } => {
                Err(Problem::new(ErrorCode::MaxSendsReached).retry_at(until, ctx.app.ports().clock.now()))
            }
            OtpResent::NotAdmitted(refused) => Err(not_admitted(&refused, ctx.app.ports().clock.now())),
            OtpResent::Refused(refused) => Err(send_refused(refused, ctx.app.ports().clock.now())),
            OtpResent::Unreachable(error) => Err(unreachable(&error)),
            OtpResent::ChannelUnavailable => Err(channel_unavailable()),
            OtpResent::Replay(prior) => Ok(Reply::Earlier(prior)),
        }
    })
    .await
}

/// Cancel a session
///
/// Its code is no longer right, and a message that is still queued is not sent.
#[utoipa::path(post, path = "/v1/otp/{session_id}/cancel", operation_id = "otp_cancel", tag = "OTP",
    params(("session_id" = String, Path, description = "The session.", example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The session, canceled.", body = SessionBody)))]
pub(crate) async fn cancel(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<SessionId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::OtpSend)?;
    body.nothing()?;
    let route = format!("POST /v1/otp/{}/cancel", id.0);
    once(&ctx.app, scope, (&route, StatusCode::OK), (&request, &body.0), async |claim| {
        match ctx.app.cancel_otp(scope, id.0, claim).await? {
            OtpCanceled::Canceled(view) => session(&view),
            OtpCanceled::NotFound => Err(Problem::new(ErrorCode::SessionNotFound)),
            OtpCanceled::Finished(status) => Err(not_cancelable(status)),
            OtpCanceled::Replay(prior) => Ok(Reply::Earlier(prior)),
        }
    })
    .await
}

fn session(view: &SessionView) -> Result<Reply, Problem> {
    Answer::new(StatusCode::OK, &SessionBody::from(view)).map(Reply::Fresh)
}

fn not_cancelable(status: SessionStatus) -> Problem {
    Problem::new(ErrorCode::NotCancelable)
        .detail(format!("There is nothing to cancel: the session is already {status}."))
}

fn send_refused(refused: SendRefused, now: Timestamp) -> Problem {
    let (code, retry_at) = match refused {
        SendRefused::TooSoon { retry_at } => (ErrorCode::ResendTooSoon, retry_at),
        SendRefused::Capped { retry_at } => (ErrorCode::DestinationLimited, retry_at),
    };
    Problem::new(code).retry_at(retry_at, now).with("retry_at", retry_at.to_string())
}

fn verify_limited(refused: GuessRefused, now: Timestamp) -> Problem {
    let problem = Problem::new(ErrorCode::VerifyLimited);
    match refused {
        GuessRefused::Until { retry_at } => problem.retry_at(retry_at, now).with("retry_at", retry_at.to_string()),
        // Time alone does not help. Every 429 says when to come back, so whoever comes back at all does so once a day.
        GuessRefused::Disabled => problem.retry_after(86_400).detail(
            "This number is disabled after too many wrong codes in a row: make sure who it belongs to, and ask the \
             operator to unblock it.",
        ),
    }
}

pub(in crate::routes) fn unreachable(error: &DeliveryError) -> Problem {
    let error = serde_json::json!({"code": error.code, "title": error.title, "detail": error.detail});
    Problem::new(ErrorCode::RecipientUnreachable).with("delivery_error", error)
}

fn outlives_template(longest: Duration) -> Problem {
    let message =
        format!("The WhatsApp message says that a code lives {} seconds: ask for no more.", longest.as_secs());
    Problem::invalid(vec![Invalid::new("expires_in_seconds", ("out_of_range", message.into()))])
}

pub(in crate::routes) fn channel_unavailable() -> Problem {
    Problem::new(ErrorCode::ChannelUnavailable).retry_after(30)
}
