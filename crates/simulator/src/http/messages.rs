use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::faults::{self, Before};
use super::{answer, caller};
use crate::clock;
use crate::config::SenderConfig;
use crate::fault::FaultKind;
use crate::graph_error::GraphError;
use crate::handle::Handle;
use crate::received::ReceivedRequest;
use crate::send::{self, Accepted};
use crate::state::State;
use crate::{template::TemplateStatus, webhook};

/// `POST /{version}/{phone_number_id}/messages`
pub(super) async fn send(
    handle: web::Data<Handle>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> HttpResponse {
    let (_, phone_number_id) = path.into_inner();
    let find = |state: &State| caller::sender(state, &request, &phone_number_id).map_err(Refused::Graph);
    handle_request(&handle, &request, &body, find).await
}

/// 360dialog's `POST /messages`, where the key says which number sends.
pub(super) async fn send_by_api_key(handle: web::Data<Handle>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let find = |state: &State| caller::by_api_key(state, &request).ok_or(Refused::ApiKey);
    handle_request(&handle, &request, &body, find).await
}

pub(super) enum Refused {
    Graph(GraphError),
    ApiKey,
}

/// What 360dialog answers itself, in its own shape.
pub(super) fn invalid_api_key() -> HttpResponse {
    let meta = json!({ "http_code": 401, "developer_message": "Invalid API key", "success": false });
    HttpResponse::Unauthorized().json(json!({ "meta": meta }))
}

async fn handle_request(
    handle: &Handle,
    request: &HttpRequest,
    bytes: &[u8],
    find_sender: impl Fn(&State) -> Result<SenderConfig, Refused>,
) -> HttpResponse {
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    let fault = handle.shared.change(|state| {
        state.remember_request(ReceivedRequest {
            path: request.path().to_owned(),
            body: body.clone().unwrap_or_else(|| json!(String::from_utf8_lossy(bytes))),
            timestamp: clock::unix_seconds(),
        });
        state.take_fault(body.as_ref().and_then(|body| body.get("to")?.as_str()))
    });
    if let Some(fault) = &fault {
        match faults::before(handle, request, fault).await {
            Before::Answer(response) => return response,
            Before::Refuse(error) => return answer::graph(handle, None, &Err(error)),
            Before::GoOn => {}
        }
    }
    let sender = match handle.shared.read(find_sender) {
        Ok(sender) => sender,
        Err(Refused::ApiKey) => return invalid_api_key(),
        Err(Refused::Graph(error)) => return answer::graph(handle, None, &Err(error)),
    };
    // Whoever sees the message also sees that its webhooks are still to come.
    let pending = handle.shared.pending();
    if fault == Some(FaultKind::PausedTemplate) {
        pause_template(handle, &sender, body.as_ref());
    }
    let accepted = match &body {
        Some(body) => handle.shared.change(|state| send::accept(state, &sender, body)),
        None => Err(GraphError::not_json()),
    };
    match accepted {
        Ok(Accepted { wamid, plan, answer }) => {
            webhook::follow(&handle.shared, wamid, plan);
            drop(pending);
            match fault {
                Some(fault) => faults::after(handle, request, &fault, &sender, answer).await,
                None => answer::graph(handle, Some(&sender.waba_id), &Ok(answer)),
            }
        }
        Err(error) => answer::graph(handle, Some(&sender.waba_id), &Err(error)),
    }
}

/// Pauses the template that the request asks for, if there is one.
fn pause_template(handle: &Handle, sender: &SenderConfig, body: Option<&Value>) {
    let paused = handle.shared.change(|state| {
        let template = body?.get("template")?;
        let name = template.get("name")?.as_str()?;
        let language = template.get("language")?.get("code")?.as_str()?;
        let template = state.template_mut(&sender.waba_id, name, language)?;
        template.status = TemplateStatus::Paused;
        Some(webhook::template_status(template, TemplateStatus::Paused.event(), None))
    });
    if let Some(body) = paused {
        webhook::send(&handle.shared, sender.waba_id.clone(), body);
    }
}
