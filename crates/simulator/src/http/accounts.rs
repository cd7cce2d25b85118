//! Phone numbers and business accounts.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{answer, caller};
use crate::graph_error::GraphError;
use crate::handle::Handle;
use crate::state::{Sender, State};

#[derive(Deserialize)]
pub(super) struct Fields {
    fields: Option<String>,
}

const PHONE_FIELDS: &str = "verified_name,display_phone_number,quality_rating,platform_type,throughput";

/// `GET /{version}/{id}`: a phone number, a business account or a template.
pub(super) async fn read(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    query: web::Query<Fields>,
) -> HttpResponse {
    let (_, id) = path.into_inner();
    let outcome = handle.shared.read(|state| {
        let senders = caller::senders(state, &request)?;
        if senders.iter().any(|sender| sender.phone_number_id == id)
            && let Some(sender) = state.sender(&id)
        {
            return Ok(phone(sender, query.fields.as_deref()));
        }
        if let Some(sender) = senders.iter().find(|sender| sender.waba_id == id) {
            return Ok(json!({ "id": id, "name": sender.verified_name, "account_review_status": "APPROVED" }));
        }
        let mut templates = state.templates.iter();
        let ours = |waba_id: &str| senders.iter().any(|sender| sender.waba_id == waba_id);
        templates
            .find(|template| template.id.to_string() == id && ours(&template.waba_id))
            .map(|template| template.read(query.fields.as_deref()))
            .ok_or_else(|| GraphError::no_such_object("get", &id))
    });
    answer::graph(&handle, None, &outcome)
}

/// `GET /{version}/{waba_id}/phone_numbers`
pub(super) async fn phone_numbers(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    query: web::Query<Fields>,
) -> HttpResponse {
    let (_, waba_id) = path.into_inner();
    let outcome = handle.shared.read(|state| {
        caller::account(state, &request, &waba_id)?;
        let ours = state.senders.iter().filter(|sender| sender.config.waba_id == waba_id);
        let numbers: Vec<Value> = ours.map(|sender| phone(sender, query.fields.as_deref())).collect();
        Ok(json!({ "data": numbers }))
    });
    answer::graph(&handle, Some(&waba_id), &outcome)
}

fn phone(sender: &Sender, fields: Option<&str>) -> Value {
    let config = &sender.config;
    let fields = fields.unwrap_or(PHONE_FIELDS).split(',').map(str::trim).chain(["id"]);
    let read = fields.filter_map(|field| {
        let value = match field {
            "id" => json!(config.phone_number_id),
            "verified_name" => json!(config.verified_name),
            "display_phone_number" => json!(config.display_phone_number),
            "quality_rating" => json!(sender.quality),
            "throughput" => json!({ "level": "STANDARD" }),
            "code_verification_status" => json!("VERIFIED"),
            "name_status" => json!("APPROVED"),
            "status" => json!("CONNECTED"),
            "platform_type" => json!("CLOUD_API"),
            "whatsapp_business_manager_messaging_limit" => json!("TIER_2K"),
            _ => return None,
        };
        Some((field.to_owned(), value))
    });
    Value::Object(read.collect::<Map<String, Value>>())
}

/// `GET /{version}/{waba_id}/subscribed_apps`
pub(super) async fn subscribed_apps(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    let (_, waba_id) = path.into_inner();
    let outcome = handle.shared.read(|state| {
        caller::account(state, &request, &waba_id)?;
        let app = json!({ "whatsapp_business_api_data": {
            "id": "300000000000001",
            "link": "https://www.facebook.com/games/?app_id=300000000000001",
            "name": "Simulated app",
        }});
        let apps = if state.subscribed.contains(&waba_id) { vec![app] } else { Vec::new() };
        Ok(json!({ "data": apps }))
    });
    answer::graph(&handle, Some(&waba_id), &outcome)
}

/// `POST /{version}/{waba_id}/subscribed_apps`: from now on webhooks are posted.
pub(super) async fn subscribe(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    change_subscription(&handle, &request, &path.into_inner().1, |state, waba_id| {
        state.subscribed.insert(waba_id.to_owned());
    })
}

/// `DELETE /{version}/{waba_id}/subscribed_apps`: from now on no webhooks are posted.
pub(super) async fn unsubscribe(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    change_subscription(&handle, &request, &path.into_inner().1, |state, waba_id| {
        state.subscribed.remove(waba_id);
    })
}

fn change_subscription(
    handle: &Handle,
    request: &HttpRequest,
    waba_id: &str,
    change: impl FnOnce(&mut State, &str),
) -> HttpResponse {
    let outcome = handle.shared.change(|state| {
        caller::account(state, request, waba_id)?;
        change(state, waba_id);
        Ok(json!({ "success": true }))
    });
    answer::graph(handle, Some(waba_id), &outcome)
}

/// Everything else below a version.
pub(super) async fn unknown_path(handle: web::Data<Handle>, request: HttpRequest) -> HttpResponse {
    let outcome = handle.shared.read(|state| caller::senders(state, &request)).and_then(|_| {
        let (path, method) = (request.path(), request.method());
        // After the version comes the object, and after that what is asked of it.
        match path.split('/').nth(2) {
            Some(id) if *method != Method::GET && path.split('/').count() == 3 => {
                Err(GraphError::no_such_object(method.as_str(), id))
            }
            _ => Err(GraphError::unknown_path(path)),
        }
    });
    answer::graph(&handle, None, &outcome)
}
