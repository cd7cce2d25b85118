use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use serde::Serialize;
use whatotp_application::{Application, Earlier, error_chain};
use whatotp_domain::{AccountScope, IdempotencyKey, RequestId};
use whatotp_ports::{Claim, Prior};

use super::body::JSON;
use super::fields::Invalid;
use super::problem::Problem;
use crate::errors::ErrorCode;
use crate::routes::recall;

/// A good answer, ready to be sent, kept and sent again.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).or(Err(Problem::new(ErrorCode::InternalError)))?;
        Ok(Self { status, body })
    }
}

/// What an operation comes to.
pub(crate) enum Reply {
    /// It was done now.
    Fresh(Answer),
    /// It had been done before, under the same key.
    Earlier(Prior),
}

/// Runs an operation once for each `Idempotency-Key`, and every time without one. `success` is the status of its good
/// answers, for when one has to be put together again.
pub(crate) async fn once<F>(
    app: &Application,
    scope: AccountScope,
    (route, success): (&str, StatusCode),
    (request, body): (&HttpRequest, &[u8]),
    run: impl FnOnce(Option<Claim>) -> F,
) -> Result<HttpResponse, Problem>
where
    F: Future<Output = Result<Reply, Problem>>,
{
    let Some(key) = key(request.headers())? else {
        return match run(None).await? {
            Reply::Fresh(answer) => Ok(send(answer.status, answer.body)),
            Reply::Earlier(_) => Err(Problem::new(ErrorCode::InternalError)),
        };
    };
    let id = request.extensions().get::<RequestId>().copied();
    let claim = app.claim(scope, route, &key, body);
    if let Some(earlier) = app.earlier(&claim).await? {
        return replay(app, &claim, (id, success), earlier).await;
    }
    match run(Some(claim.clone())).await {
        Ok(Reply::Earlier(prior)) => {
            let earlier = app.reveal(&claim, prior)?;
            replay(app, &claim, (id, success), earlier).await
        }
        Ok(Reply::Fresh(answer)) => {
            keep(app, &claim, answer.status, &answer.body).await;
            Ok(send(answer.status, answer.body))
        }
        Err(problem) => {
            let status = problem.code().status();
            // What is kept is what is sent, to the letter: with the id of this request.
            let problem = problem.for_request(id);
            if is_lasting(status) {
                keep(app, &claim, problem.status_code(), problem.document().to_string().as_bytes()).await;
            }
            Err(problem)
        }
    }
}

/// Keeps an answer. By now the work is done, so the caller gets its answer whether or not that can be kept; a repeated
/// request is then answered from what was done.
async fn keep(app: &Application, claim: &Claim, status: StatusCode, body: &[u8]) {
    if let Err(failure) = app.keep_answer(claim, status.as_u16(), body).await {
        tracing::error!(error = error_chain(&failure), "an answer could not be kept for repeated requests");
    }
}

/// What may come out differently next time is not kept.
const fn is_lasting(status: u16) -> bool {
    !matches!(status, 400 | 401 | 429) && status < 500
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Problem::invalid(vec![Invalid {
            field: "Idempotency-Key".to_owned(),
            code: "invalid_idempotency_key",
            message: "Send one key of 1 to 255 visible ASCII characters.".into(),
        }])),
    }
}

async fn replay(
    app: &Application,
    claim: &Claim,
    (id, success): (Option<RequestId>, StatusCode),
    earlier: Earlier,
) -> Result<HttpResponse, Problem> {
    let (status, body) = match earlier {
        Earlier::Answer { status, body } => {
            (StatusCode::from_u16(status).or(Err(Problem::new(ErrorCode::InternalError)))?, body)
        }
        Earlier::Running => return Err(Problem::new(ErrorCode::IdempotencyInProgress).retry_after(1)),
        Earlier::OtherRequest => return Err(Problem::new(ErrorCode::IdempotencyKeyReused)),
        Earlier::Abandoned(subject) => {
            let recalled = recall(app, claim.scope, subject, success).await;
            let (status, body) = match recalled {
                Ok(answer) => (answer.status, answer.body),
                Err(problem) => (problem.status_code(), problem.for_request(id).document().to_string().into_bytes()),
            };
            keep(app, claim, status, &body).await;
            (status, body)
        }
    };
    let mut response = send(status, body);
    response
        .headers_mut()
        .insert(header::HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    Ok(response)
}

fn send(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    let media_type = if status.is_success() { JSON } else { "application/problem+json" };
    HttpResponse::build(status).insert_header((header::CONTENT_TYPE, media_type)).body(body)
}
