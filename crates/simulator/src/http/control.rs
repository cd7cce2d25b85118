//! The control API: what a [`Handle`] does, for scripts and for the page. Everything is JSON, below `/simulator/api`:
//!
//! | | |
//! |---|---|
//! | `GET state` | the senders, the limits, the webhook's address |
//! | `GET messages?to=`, `GET requests?to=` | what a phone got, and what was asked |
//! | `POST messages/{wamid}/did-not-request` | press the button |
//! | `POST messages/{wamid}/status` | `{"status": "failed", "code": 131026}` |
//! | `GET`, `POST`, `DELETE faults` | `{"kind": "error", "code": 130429, "to": "+1…", "times": 2}` |
//! | `GET`, `POST behaviour` | `{"to": "+1…", "behaviour": {"read_ms": 300}}` |
//! | `POST limits` | `{"pair": {"burst": 45, "every_ms": 6000}, "messages_per_second": null}` |
//! | `POST token` | `{"revoked": true}` |
//! | `POST templates/{name}/status` | `{"language": "en_US", "status": "PAUSED", "reason": null}` |
//! | `POST templates/{name}/quality`, `…/category` | `{"language": "en_US", "quality": "RED"}`, `{…, "category": "UTILITY"}` |
//! | `POST senders/{id}/quality` | `{"quality": "RED", "event": "FLAGGED", "current_limit": "TIER_250"}` |
//! | `POST senders/{id}/account` | `{"event": "ACCOUNT_RESTRICTION"}` |
//! | `GET`, `POST webhooks`, `POST webhooks/verify` | the log; `{"url": "http://…"}`; the handshake |

use actix_web::http::header::{self, EntityTag, Header as _, IfNoneMatch};
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::behaviour::Behaviour;
use crate::config::Limits;
use crate::fault::Fault;
use crate::handle::{Handle, NoSuch};
use crate::status::Status;
use crate::template::{Quality, TemplateCategory, TemplateStatus};

type Control = web::Data<Handle>;

pub(super) fn configure(config: &mut ServiceConfig) {
    let refuse = |error: actix_web::error::JsonPayloadError, _: &HttpRequest| {
        let answer = HttpResponse::BadRequest().json(json!({ "error": error.to_string() }));
        actix_web::error::InternalError::from_response(error, answer).into()
    };
    config
        .app_data(web::JsonConfig::default().error_handler(refuse))
        .route("/state", web::get().to(read_state))
        .route("/messages", web::get().to(messages))
        .route("/messages/{wamid}/did-not-request", web::post().to(did_not_request))
        .route("/messages/{wamid}/status", web::post().to(send_status))
        .route("/requests", web::get().to(requests))
        .route("/faults", web::get().to(faults))
        .route("/faults", web::post().to(push_fault))
        .route("/faults", web::delete().to(clear_faults))
        .route("/behaviour", web::get().to(behaviour))
        .route("/behaviour", web::post().to(set_behaviour))
        .route("/limits", web::post().to(set_limits))
        .route("/token", web::post().to(set_token))
        .route("/templates/{name}/status", web::post().to(template_status))
        .route("/templates/{name}/quality", web::post().to(template_quality))
        .route("/templates/{name}/category", web::post().to(template_category))
        .route("/senders/{id}/quality", web::post().to(sender_quality))
        .route("/senders/{id}/account", web::post().to(account_update))
        .route("/webhooks", web::get().to(webhooks))
        .route("/webhooks", web::post().to(set_webhook_url))
        .route("/webhooks/verify", web::post().to(verify_webhook_url));
}

#[derive(Deserialize)]
struct To {
    to: Option<String>,
}

/// A number in the query begins with a `+`, which a form would have read as a space. Only its digits count anyway.
async fn messages(handle: Control, query: web::Query<To>, request: HttpRequest) -> HttpResponse {
    let (to, count) = (query.to.as_deref(), *handle.shared.changes().borrow());
    // Read before the messages, so that it is never newer than they are.
    let tag = EntityTag::new_strong(count.to_string());
    if matches!(IfNoneMatch::parse(&request), Ok(IfNoneMatch::Items(known)) if known.contains(&tag)) {
        return HttpResponse::NotModified().insert_header(header::ETag(tag)).finish();
    }
    let (messages, requests) = handle.shared.read(|state| (state.messages_to(to), state.requests_to(to).len()));
    HttpResponse::Ok()
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .json(json!({ "messages": messages, "requests": requests }))
}

async fn read_state(handle: Control) -> HttpResponse {
    let state = handle.shared.read(|state| {
        json!({
            "senders": state.sender_views(),
            "webhook_url": state.webhook_url,
            "limits": state.limits,
            "token_revoked": state.token_revoked,
            "pending_webhooks": state.pending,
        })
    });
    HttpResponse::Ok().json(state)
}

async fn requests(handle: Control, query: web::Query<To>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "requests": handle.requests(query.to.as_deref()) }))
}

async fn did_not_request(handle: Control, wamid: web::Path<String>) -> HttpResponse {
    done(handle.press_did_not_request(&wamid))
}

async fn send_status(handle: Control, wamid: web::Path<String>, status: web::Json<Status>) -> HttpResponse {
    done(handle.send_status(&wamid, *status))
}

async fn faults(handle: Control) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "faults": handle.faults() }))
}

async fn push_fault(handle: Control, fault: web::Json<Fault>) -> HttpResponse {
    handle.push_fault(fault.into_inner());
    done(Ok(()))
}

async fn clear_faults(handle: Control) -> HttpResponse {
    handle.clear_faults();
    done(Ok(()))
}

async fn behaviour(handle: Control) -> HttpResponse {
    let behaviours = handle.shared.read(|state| json!({ "all": state.behaviour, "to": state.behaviour_for }));
    HttpResponse::Ok().json(behaviours)
}

/// With `to`, for that number alone; without `behaviour`, the default one, respectively the one of all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBehaviour {
    to: Option<String>,
    behaviour: Option<Behaviour>,
}

async fn set_behaviour(handle: Control, body: web::Json<SetBehaviour>) -> HttpResponse {
    let SetBehaviour { to, behaviour } = body.into_inner();
    match to {
        Some(to) => handle.set_behaviour_for(&to, behaviour),
        None => handle.set_behaviour(behaviour.unwrap_or_default()),
    }
    done(Ok(()))
}

async fn set_limits(handle: Control, limits: web::Json<Limits>) -> HttpResponse {
    handle.set_limits(*limits);
    done(Ok(()))
}

#[derive(Deserialize)]
struct SetToken {
    revoked: bool,
}

async fn set_token(handle: Control, token: web::Json<SetToken>) -> HttpResponse {
    if token.revoked {
        handle.revoke_token();
    } else {
        handle.restore_token();
    }
    done(Ok(()))
}

#[derive(Deserialize)]
struct SetTemplateStatus {
    language: String,
    status: TemplateStatus,
    reason: Option<String>,
}

async fn template_status(handle: Control, name: web::Path<String>, to: web::Json<SetTemplateStatus>) -> HttpResponse {
    done(handle.set_template_status(&name, &to.language, to.status, to.reason.as_deref()))
}

#[derive(Deserialize)]
struct SetTemplateQuality {
    language: String,
    quality: Quality,
}

async fn template_quality(handle: Control, name: web::Path<String>, to: web::Json<SetTemplateQuality>) -> HttpResponse {
    done(handle.set_template_quality(&name, &to.language, to.quality))
}

#[derive(Deserialize)]
struct SetTemplateCategory {
    language: String,
    category: TemplateCategory,
}

async fn template_category(
    handle: Control,
    name: web::Path<String>,
    to: web::Json<SetTemplateCategory>,
) -> HttpResponse {
    done(handle.set_template_category(&name, &to.language, to.category))
}

#[derive(Deserialize)]
struct SetSenderQuality {
    quality: Quality,
    event: String,
    current_limit: String,
}

async fn sender_quality(handle: Control, id: web::Path<String>, to: web::Json<SetSenderQuality>) -> HttpResponse {
    done(handle.set_sender_quality(&id, to.quality, &to.event, &to.current_limit))
}

#[derive(Deserialize)]
struct AccountUpdate {
    event: String,
}

async fn account_update(handle: Control, id: web::Path<String>, update: web::Json<AccountUpdate>) -> HttpResponse {
    done(handle.account_update(&id, &update.event))
}

async fn webhooks(handle: Control) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "webhooks": handle.webhooks() }))
}

#[derive(Deserialize)]
struct SetWebhookUrl {
    url: Option<String>,
}

async fn set_webhook_url(handle: Control, body: web::Json<SetWebhookUrl>) -> HttpResponse {
    handle.set_webhook_url(body.into_inner().url);
    done(Ok(()))
}

async fn verify_webhook_url(handle: Control) -> HttpResponse {
    match handle.verify_webhook_url().await {
        Ok(()) => done(Ok(())),
        Err(error) => HttpResponse::BadGateway().json(json!({ "error": error.to_string() })),
    }
}

fn done(outcome: Result<(), NoSuch>) -> HttpResponse {
    match outcome {
        Ok(()) => HttpResponse::Ok().json(json!({ "success": true })),
        Err(missing) => HttpResponse::NotFound().json(json!({ "error": missing.to_string() })),
    }
}
