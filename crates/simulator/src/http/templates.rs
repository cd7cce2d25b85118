use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use base64ct::{Base64Url, Encoding as _};
use serde_json::{Value, json};

use super::messages::invalid_api_key;
use super::{answer, caller};
use crate::config::TemplateReview;
use crate::graph_error::GraphError;
use crate::handle::Handle;
use crate::state::State;
use crate::template::{
    self, Draft, Quality, Template, TemplateStatus, authentication_body, authentication_footer, read_draft, read_upsert,
};
use crate::webhook;

const PAGE: usize = 25;
const PAGE_MAX: usize = 1_000;
/// How often an approved template may be changed, in so many seconds.
const EDITS: [(usize, u64); 2] = [(1, 86_400), (10, 30 * 86_400)];
/// There is a template of that name in that language.
const DUPLICATE: u32 = 2_388_024;
/// There is no template of that name.
const MISSING: u32 = 2_593_002;

type Query = web::Query<HashMap<String, String>>;
type Version = web::Path<(String, String)>;

/// `GET /{version}/{waba_id}/message_templates`
pub(super) async fn list(handle: web::Data<Handle>, request: HttpRequest, path: Version, query: Query) -> HttpResponse {
    let (_, waba_id) = path.into_inner();
    let outcome = handle.shared.read(|state| {
        caller::account(state, &request, &waba_id)?;
        page(state, &waba_id, &query, &address(&request))
    });
    answer::graph(&handle, Some(&waba_id), &outcome)
}

/// `POST /{version}/{waba_id}/message_templates`
pub(super) async fn create(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: Version,
    body: web::Bytes,
) -> HttpResponse {
    let (version, waba_id) = path.into_inner();
    let known = handle.shared.read(|state| caller::account(state, &request, &waba_id));
    let outcome = known.and_then(|_| create_from(&handle, &waba_id, major(&version), &body));
    answer::graph(&handle, Some(&waba_id), &outcome)
}

/// 360dialog's `GET /v1/configs/templates`
pub(super) async fn list_by_api_key(handle: web::Data<Handle>, request: HttpRequest, query: Query) -> HttpResponse {
    let Some(sender) = handle.shared.read(|state| caller::by_api_key(state, &request)) else {
        return invalid_api_key();
    };
    let outcome = handle.shared.read(|state| page(state, &sender.waba_id, &query, &address(&request)));
    answer::graph(&handle, Some(&sender.waba_id), &outcome)
}

/// 360dialog's `POST /v1/configs/templates`
pub(super) async fn create_by_api_key(
    handle: web::Data<Handle>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let Some(sender) = handle.shared.read(|state| caller::by_api_key(state, &request)) else {
        return invalid_api_key();
    };
    let outcome = create_from(&handle, &sender.waba_id, u32::MAX, &body);
    answer::graph(&handle, Some(&sender.waba_id), &outcome)
}

/// `POST /{version}/{waba_id}/upsert_message_templates`
pub(super) async fn upsert(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: Version,
    body: web::Bytes,
) -> HttpResponse {
    let (version, waba_id) = path.into_inner();
    let known = handle.shared.read(|state| caller::account(state, &request, &waba_id));
    let outcome = known.and_then(|_| {
        let body = parse(&body)?;
        let drafts = read_upsert(&body, major(&version))?;
        let data: Vec<Value> = drafts.into_iter().map(|draft| replace_or_create(&handle, &waba_id, draft)).collect();
        Ok(json!({ "data": data }))
    });
    answer::graph(&handle, Some(&waba_id), &outcome)
}

/// `POST /{version}/{template_id}`: other parts, all of them.
pub(super) async fn edit(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: Version,
    body: web::Bytes,
) -> HttpResponse {
    let (version, id) = path.into_inner();
    let waba_id = handle.shared.read(|state| {
        let known = state.templates.iter().find(|template| template.id.to_string() == id);
        known.map(|template| template.waba_id.clone())
    });
    let outcome = match &waba_id {
        None => handle
            .shared
            .read(|state| caller::account(state, &request, &id))
            .and(Err(GraphError::invalid("Unsupported post request"))),
        Some(waba_id) => {
            let known = handle.shared.read(|state| caller::account(state, &request, waba_id));
            known.and_then(|_| edit_from(&handle, &id, major(&version), &body))
        }
    };
    answer::graph(&handle, waba_id.as_deref(), &outcome)
}

fn edit_from(handle: &Handle, id: &str, major_version: u32, body: &[u8]) -> Result<Value, GraphError> {
    let mut body = parse(body)?;
    let now = crate::clock::unix_seconds();
    let (waba_id, event) = handle.shared.change(|state| {
        let known = state.templates.iter_mut().find(|template| template.id.to_string() == id);
        let template = known.ok_or_else(|| GraphError::missing("id"))?;
        if !matches!(template.status, TemplateStatus::Approved | TemplateStatus::Rejected | TemplateStatus::Paused) {
            return Err(GraphError::invalid("Only an approved, rejected or paused template can be edited"));
        }
        let many = |(most, seconds): &(usize, u64)| {
            template.edits.iter().filter(|at| now.saturating_sub(**at) < *seconds).count() >= *most
        };
        if template.status == TemplateStatus::Approved && EDITS.iter().any(many) {
            return Err(GraphError::invalid(
                "An approved template can be edited once in 24 hours and 10 times in 30 days",
            ));
        }
        // Name and language stay, and so does the category of what is approved.
        if let Some(object) = body.as_object_mut() {
            object.insert("name".to_owned(), json!(template.name));
            object.insert("language".to_owned(), json!(template.language));
            object.entry("category").or_insert(json!(template.category));
        }
        let draft = read_draft(&body, major_version)?;
        if template.status == TemplateStatus::Approved {
            template.edits.push(now);
        }
        template.status = reviewed(handle.shared.review);
        (template.format, template.content, template.category) = (draft.format, draft.content, draft.category);
        Ok((template.waba_id.clone(), webhook::template_status(template, template.status.event(), None)))
    })?;
    webhook::send(&handle.shared, waba_id, event);
    Ok(json!({ "success": true }))
}

const fn reviewed(review: TemplateReview) -> TemplateStatus {
    match review {
        TemplateReview::Immediate => TemplateStatus::Approved,
        TemplateReview::Pending => TemplateStatus::Pending,
    }
}

/// `DELETE /{version}/{waba_id}/message_templates?name=`, in every language, or with `hsm_id` in that of one.
pub(super) async fn delete(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: Version,
    query: Query,
) -> HttpResponse {
    let (_, waba_id) = path.into_inner();
    let outcome = handle.shared.change(|state| {
        caller::account(state, &request, &waba_id)?;
        let name = query.get("name").ok_or_else(|| GraphError::missing("name"))?;
        let meant = |template: &Template| {
            let this_one = query.get("hsm_id").is_none_or(|id| *id == template.id.to_string());
            template.waba_id == waba_id && template.name == *name && this_one
        };
        let before = state.templates.len();
        state.templates.retain(|template| !meant(template));
        if state.templates.len() == before {
            return Err(GraphError::template(MISSING, format!("There is no template with the name {name}")));
        }
        Ok(json!({ "success": true }))
    });
    answer::graph(&handle, Some(&waba_id), &outcome)
}

/// `GET /{version}/{waba_id}/message_template_previews`
pub(super) async fn previews(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: Version,
    query: Query,
) -> HttpResponse {
    let (_, waba_id) = path.into_inner();
    let outcome = handle.shared.read(|state| caller::account(state, &request, &waba_id)).and_then(|_| preview(&query));
    answer::graph(&handle, Some(&waba_id), &outcome)
}

fn preview(query: &HashMap<String, String>) -> Result<Value, GraphError> {
    if !query.get("category").is_some_and(|category| category.eq_ignore_ascii_case("AUTHENTICATION")) {
        return Err(GraphError::invalid("Param category must be one of {AUTHENTICATION}"));
    }
    let recommendation = query.get("add_security_recommendation").is_some_and(|value| value == "true");
    let minutes = match query.get("code_expiration_minutes").map(|minutes| minutes.parse()) {
        None => None,
        Some(Ok(minutes @ 1..=90)) => Some(minutes),
        Some(_) => return Err(GraphError::invalid("Param code_expiration_minutes must be between 1 and 90")),
    };
    let all = || template::languages().collect::<Vec<_>>().join(",");
    let languages = query.get("languages").cloned().unwrap_or_else(all);
    let previews: Vec<Value> = languages
        .split(',')
        .map(|language| {
            let mut preview = json!({
                "language": language,
                "body": authentication_body(language, recommendation),
                "buttons": [{ "text": "Copy code", "autofill_text": "Autofill" }],
            });
            if let (Some(preview), Some(minutes)) = (preview.as_object_mut(), minutes) {
                preview.insert("footer".to_owned(), json!(authentication_footer(language, minutes)));
            }
            preview
        })
        .collect();
    Ok(json!({ "data": previews }))
}

fn create_from(handle: &Handle, waba_id: &str, major_version: u32, body: &[u8]) -> Result<Value, GraphError> {
    let draft = read_draft(&parse(body)?, major_version)?;
    let (template, event) = handle.shared.change(|state| {
        if state.template(waba_id, &draft.name, &draft.language).is_some() {
            let sentence = "There is already content in this language for this template. You can create a new template \
                            and try again.";
            return Err(GraphError::template(DUPLICATE, sentence));
        }
        Ok(insert(state, handle.shared.review, waba_id, draft))
    })?;
    webhook::send(&handle.shared, waba_id.to_owned(), event);
    Ok(json!({ "id": template.id.to_string(), "status": template.status, "category": template.category }))
}

fn replace_or_create(handle: &Handle, waba_id: &str, draft: Draft) -> Value {
    let (template, event) = handle.shared.change(|state| {
        let replaced = state
            .templates
            .iter()
            .position(|known| known.waba_id == waba_id && known.name == draft.name && known.language == draft.language);
        let id = replaced.map(|at| state.templates.remove(at).id);
        let (mut template, event) = insert(state, handle.shared.review, waba_id, draft);
        if let (Some(id), Some(stored)) = (id, state.templates.last_mut()) {
            stored.id = id;
            template.id = id;
        }
        (template, event)
    });
    webhook::send(&handle.shared, waba_id.to_owned(), event);
    json!({ "id": template.id.to_string(), "status": template.status, "language": template.language })
}

/// The new template, and the webhook that tells of its status.
fn insert(state: &mut State, review: TemplateReview, waba_id: &str, draft: Draft) -> (Template, Value) {
    let template = Template {
        id: state.new_template_id(),
        waba_id: waba_id.to_owned(),
        name: draft.name,
        language: draft.language,
        category: draft.category,
        status: reviewed(review),
        edits: Vec::new(),
        quality: Quality::Unknown,
        rejected_reason: "NONE".to_owned(),
        format: draft.format,
        ttl_seconds: draft.ttl_seconds,
        content: draft.content,
    };
    state.templates.push(template.clone());
    let event = webhook::template_status(&template, template.status.event(), None);
    (template, event)
}

fn page(state: &State, waba_id: &str, query: &HashMap<String, String>, address: &str) -> Result<Value, GraphError> {
    let limit = match query.get("limit").map(|limit| limit.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) if limit > 0 => limit.min(PAGE_MAX),
        Some(_) => return Err(GraphError::invalid("Param limit must be an integer greater than 0")),
    };
    let is = |asked: &str, stored: Value| {
        query.get(asked).is_none_or(|asked| stored.as_str().is_some_and(|stored| stored.eq_ignore_ascii_case(asked)))
    };
    let found: Vec<&Template> = state
        .templates
        .iter()
        .filter(|template| template.waba_id == waba_id)
        .filter(|template| is("name", json!(template.name)) && is("language", json!(template.language)))
        .filter(|template| is("status", json!(template.status)) && is("category", json!(template.category)))
        .collect();
    let first = match query.get("after") {
        None => 0,
        Some(cursor) => {
            let after = read_cursor(cursor);
            let at = found.iter().position(|template| Some(template.id) == after);
            at.ok_or_else(|| GraphError::of(131_059))? + 1
        }
    };
    let page: Vec<&&Template> = found.iter().skip(first).take(limit).collect();
    let fields = query.get("fields").map(String::as_str);
    let data: Vec<Value> = page.iter().map(|template| template.read(fields)).collect();
    let (Some(before), Some(after)) = (page.first(), page.last()) else {
        return Ok(json!({ "data": [] }));
    };
    let mut paging = json!({ "cursors": { "before": cursor(before), "after": cursor(after) } });
    if let Some(paging) = paging.as_object_mut().filter(|_| first + page.len() < found.len()) {
        let next = next_page(address, query, limit, &cursor(after));
        paging.insert("next".to_owned(), json!(next));
    }
    Ok(json!({ "data": data, "paging": paging }))
}

/// Names the last template of a page. When that template is gone, so is the place that the cursor stood for.
fn cursor(template: &Template) -> String {
    Base64Url::encode_string(format!("after:{}", template.id).as_bytes())
}

fn read_cursor(cursor: &str) -> Option<u64> {
    let bytes = Base64Url::decode_vec(cursor).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("after:")?.parse().ok()
}

fn next_page(address: &str, query: &HashMap<String, String>, limit: usize, after: &str) -> String {
    let mut kept: Vec<(&str, &str)> = query
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "limit" | "after" | "access_token"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    kept.sort_unstable();
    let limit = limit.to_string();
    let query = kept.into_iter().chain([("limit", limit.as_str()), ("after", after)]);
    // The address was just asked, so it is one.
    reqwest::Url::parse_with_params(address, query).map(String::from).unwrap_or_default()
}

fn address(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{}://{}{}", connection.scheme(), connection.host(), request.path())
}

fn parse(body: &[u8]) -> Result<Value, GraphError> {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    parsed.filter(Value::is_object).ok_or_else(GraphError::not_json)
}

/// `23` of `v23.0`; the route lets nothing else through.
fn major(version: &str) -> u32 {
    version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(u32::MAX)
}
