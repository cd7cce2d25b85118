use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderName};

use crate::config::SenderConfig;
use crate::graph_error::GraphError;
use crate::state::State;

const API_KEY: HeaderName = HeaderName::from_static("d360-api-key");

/// The sender with this phone number id, if the request's token opens it.
///
/// A token in the query is not looked at: Meta takes it there, and it ends in every log on the way.
pub(super) fn sender(state: &State, request: &HttpRequest, phone_number_id: &str) -> Result<SenderConfig, GraphError> {
    owned(state, request, phone_number_id, |sender| &sender.phone_number_id)
}

/// A sender of this business account, if the request's token opens it.
pub(super) fn account(state: &State, request: &HttpRequest, waba_id: &str) -> Result<SenderConfig, GraphError> {
    owned(state, request, waba_id, |sender| &sender.waba_id)
}

/// All senders that the request's token opens.
pub(super) fn senders(state: &State, request: &HttpRequest) -> Result<Vec<SenderConfig>, GraphError> {
    let token = bearer(request).ok_or_else(GraphError::no_token)?;
    let senders = state.senders_of_token(token);
    if senders.is_empty() {
        return Err(GraphError::bad_token());
    }
    if state.token_revoked {
        return Err(GraphError::revoked_token());
    }
    Ok(senders.into_iter().map(|sender| sender.config.clone()).collect())
}

/// The sender of 360dialog's header, if its key opens one.
pub(super) fn by_api_key(state: &State, request: &HttpRequest) -> Option<SenderConfig> {
    let key = request.headers().get(API_KEY)?.to_str().ok()?;
    state.sender_of_api_key(key).filter(|_| !state.token_revoked).map(|sender| sender.config.clone())
}

fn owned(
    state: &State,
    request: &HttpRequest,
    id: &str,
    id_of: impl Fn(&SenderConfig) -> &String,
) -> Result<SenderConfig, GraphError> {
    let mut senders = senders(state, request)?.into_iter();
    let missing = || GraphError::no_such_object(request.method().as_str(), id);
    senders.find(|sender| id_of(sender) == id).ok_or_else(missing)
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
