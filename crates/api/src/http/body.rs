use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use super::fields::Fields;
use super::problem::Problem;
use crate::context::Context;
use crate::errors::ErrorCode;

pub(crate) const JSON: &str = "application/json";

/// Largest body of the product API, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Largest webhook, in bytes. Meta's own limit is 3 MB.
const MAX_WEBHOOK_BYTES: usize = 4 * 1024 * 1024;

/// The bytes of a JSON body, all of them: within the size limit, within the time limit.
///
/// actix-web has a deadline for a request's head and none for its body, so a client that sends a byte a second would keep
/// a connection for ever.
pub(crate) struct Body(pub Bytes);

impl Body {
    /// Refuses what an operation without fields is sent: nothing at all, or an empty object, is right.
    pub(crate) fn nothing(&self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Fields::of_json(&self.0)?.finish(Some(())) }
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = media_type(request);
        let bytes = bytes(request, payload, MAX_BYTES);
        Box::pin(async move {
            let body = bytes.await?;
            // An operation without fields may be called without a body, and then needs no type for it.
            if media_type != MediaType::Json && !(media_type == MediaType::None && body.is_empty()) {
                return Err(Problem::new(ErrorCode::UnsupportedMediaType));
            }
            Ok(Self(body))
        })
    }
}

/// The bytes of a webhook, exactly as they were signed.
pub(crate) struct WebhookBody(pub Bytes);

impl FromRequest for WebhookBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = bytes(request, payload, MAX_WEBHOOK_BYTES);
        Box::pin(async move { Ok(Self(bytes.await?)) })
    }
}

/// The whole body, within the size limit and the time limit.
fn bytes(request: &HttpRequest, payload: &mut Payload, max: usize) -> LocalBoxFuture<'static, Result<Bytes, Problem>> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let deadline = request.app_data::<web::Data<Context>>().map_or(Duration::from_secs(10), |ctx| ctx.body_timeout);
    let payload = payload.take();
    Box::pin(async move {
        if declared.is_some_and(|length: usize| length > max) {
            return Err(Problem::new(ErrorCode::BodyTooLarge));
        }
        let read = tokio::time::timeout(deadline, read(payload, max)).await;
        read.unwrap_or_else(|_elapsed| {
            Err(Problem::new(ErrorCode::RequestTimeout)
                .header(header::CONNECTION, header::HeaderValue::from_static("close")))
        })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MediaType {
    None,
    Json,
    Other,
}

fn media_type(request: &HttpRequest) -> MediaType {
    let mut values = request.headers().get_all(header::CONTENT_TYPE);
    let Some(value) = values.next() else { return MediaType::None };
    let Ok(value) = value.to_str() else { return MediaType::Other };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let utf8 = parts.all(|parameter| {
        let charset = parameter.to_ascii_lowercase().replace('"', "");
        charset.is_empty() || charset == "charset=utf-8"
    });
    if json && utf8 && values.next().is_none() { MediaType::Json } else { MediaType::Other }
}

async fn read(mut payload: Payload, max: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Problem::new(ErrorCode::InvalidJson).detail("The body broke off; send it again.")))?;
        if body.len() + chunk.len() > max {
            return Err(Problem::new(ErrorCode::BodyTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A JSON answer.
pub(crate) fn json(mut response: HttpResponseBuilder, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = serde_json::to_vec(body).or(Err(Problem::new(ErrorCode::InternalError)))?;
    Ok(response.insert_header((header::CONTENT_TYPE, JSON)).body(body))
}
