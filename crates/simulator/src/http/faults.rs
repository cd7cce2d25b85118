use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::Value;
use tokio::time::sleep;

use super::{answer, socket};
use crate::config::SenderConfig;
use crate::fault::{FaultKind, GatewayBody};
use crate::graph_error::GraphError;
use crate::handle::Handle;

/// How long a request that is never answered is held, unless the client goes first.
const HELD: Duration = Duration::from_secs(300);

const ERROR_PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Facebook | Error</title></head>\n\
                          <body><h1>Sorry, something went wrong.</h1></body></html>\n";

/// What a fault does before the request is looked at.
pub(super) enum Before {
    Answer(HttpResponse),
    Refuse(GraphError),
    GoOn,
}

pub(super) async fn before(handle: &Handle, request: &HttpRequest, fault: &FaultKind) -> Before {
    match fault {
        FaultKind::Error { code, status, retry_after_seconds, details } => {
            let mut error = GraphError::of(*code).retry_after(*retry_after_seconds);
            if let Some(status) = status {
                error = error.status(*status);
            }
            if let Some(details) = details {
                error = error.details(details.as_str());
            }
            Before::Refuse(error)
        }
        FaultKind::Gateway { status, body, retry_after_seconds } => {
            Before::Answer(gateway(*status, *body, *retry_after_seconds))
        }
        FaultKind::TimeoutBeforeAcceptance => {
            sleep(HELD).await;
            Before::Answer(socket::reset(request))
        }
        FaultKind::ResetBeforeAcceptance => Before::Answer(socket::reset(request)),
        FaultKind::PairLimit => Before::Refuse(GraphError::of(131_056)),
        FaultKind::RevokedToken => {
            handle.revoke_token();
            Before::GoOn
        }
        FaultKind::PausedTemplate
        | FaultKind::TimeoutAfterAcceptance
        | FaultKind::ResetAfterAcceptance
        | FaultKind::LostAnswer { .. }
        | FaultKind::SlowAnswer { .. }
        | FaultKind::MalformedAnswer => Before::GoOn,
    }
}

/// What a fault makes of the answer to a message that was accepted.
pub(super) async fn after(
    handle: &Handle,
    request: &HttpRequest,
    fault: &FaultKind,
    sender: &SenderConfig,
    body: Value,
) -> HttpResponse {
    match fault {
        FaultKind::TimeoutAfterAcceptance => {
            sleep(HELD).await;
            socket::reset(request)
        }
        FaultKind::ResetAfterAcceptance => socket::reset(request),
        FaultKind::LostAnswer { status } => gateway(*status, GatewayBody::Html, None),
        FaultKind::SlowAnswer { pause_ms } => slow(&body, Duration::from_millis(*pause_ms)),
        FaultKind::MalformedAnswer => {
            let written = body.to_string();
            let half = written.get(..written.len() / 2).unwrap_or_default();
            HttpResponse::Ok().content_type(ContentType::json()).body(half.to_owned())
        }
        _ => answer::graph(handle, Some(&sender.waba_id), &Ok(body)),
    }
}

fn gateway(status: u16, body: GatewayBody, retry_after_seconds: Option<u32>) -> HttpResponse {
    let mut response = answer::builder(status);
    if let Some(seconds) = retry_after_seconds {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    match body {
        GatewayBody::Html => response.content_type(ContentType::html()).body(ERROR_PAGE),
        GatewayBody::Empty => response.finish(),
    }
}

/// The head at once, then one byte after each pause.
fn slow(body: &Value, pause: Duration) -> HttpResponse {
    let written = body.to_string().into_bytes();
    let length = u64::try_from(written.len()).unwrap_or(u64::MAX);
    let bytes = stream::unfold(written.into_iter(), move |mut rest| async move {
        let byte = rest.next()?;
        sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::copy_from_slice(&[byte])), rest))
    });
    HttpResponse::Ok().content_type(ContentType::json()).body(SizedStream::new(length, Box::pin(bytes)))
}
