use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use crate::graph_error::GraphError;
use crate::handle::Handle;
use crate::wamid::trace_id;

/// Calls an hour of an active business account; the usage header has the share of them.
const CALLS_MAX: u32 = 5_000;

/// An answer of the Graph API: what was asked for, or why not.
pub(super) fn graph(handle: &Handle, waba_id: Option<&str>, outcome: &Result<Value, GraphError>) -> HttpResponse {
    let mut response = match outcome {
        Ok(_) => HttpResponse::Ok(),
        Err(error) => builder(error.status),
    };
    if let Some(waba_id) = waba_id {
        response.insert_header((HeaderName::from_static("x-business-use-case-usage"), usage(handle, waba_id)));
    }
    match outcome {
        Ok(body) => response.json(body),
        Err(error) => {
            if let Some(seconds) = error.retry_after_seconds {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            let trace_id = handle.shared.change(|state| trace_id(&mut state.ids));
            response.json(error.body(&trace_id))
        }
    }
}

/// A status that is none becomes 500: a fault that asks for it is broken, and so is this answer.
pub(super) fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn usage(handle: &Handle, waba_id: &str) -> HeaderValue {
    let percent = handle.shared.change(|state| {
        let calls = state.calls.entry(waba_id.to_owned()).or_default();
        *calls = calls.saturating_add(1);
        calls.saturating_mul(100).div_ceil(CALLS_MAX).min(100)
    });
    let usage = json!({ waba_id: [{
        "type": "whatsapp",
        "call_count": percent,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": 0,
    }]});
    HeaderValue::from_str(&usage.to_string()).unwrap_or(HeaderValue::from_static("{}"))
}
