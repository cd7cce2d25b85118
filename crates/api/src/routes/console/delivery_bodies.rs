use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{DeliveryDetail, LogLine};
use whatotp_domain::DeliveryError;
use whatotp_ports::DeliveryKind;
use whatotp_whatsapp::cloud_api::errors;

/// Why a delivery failed, and what to do about it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorObject {
    /// Meta's number. Those from 900000 to 900999 are what this service found out by itself.
    #[schema(example = 131_026)]
    code: u32,
    /// Its short name.
    #[schema(example = "Message undeliverable")]
    title: String,
    /// What Meta said this time.
    detail: String,
    /// What it means.
    meaning: &'static str,
    /// What to do.
    remedy: &'static str,
}

impl From<&DeliveryError> for ErrorObject {
    fn from(error: &DeliveryError) -> Self {
        let known = errors::lookup(error.code);
        Self {
            code: error.code,
            title: error.title.clone(),
            detail: error.detail.clone(),
            meaning: known.meaning,
            remedy: known.remedy,
        }
    }
}

/// A delivery in the log: a code or a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryLine {
    /// Its id.
    #[schema(example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// What it carries.
    #[schema(pattern = "^(code|message)$", example = "code")]
    kind: &'static str,
    /// The number, masked; `null` when it cannot be opened any more.
    #[schema(required = true, example = "+1******0123")]
    to: Option<String>,
    /// Where the number belongs.
    #[schema(required = true, example = "US")]
    country: Option<String>,
    /// Where it stands.
    #[schema(
        pattern = "^(queued|unknown|accepted|sent|canceled|expired|failed|delivered|read)$",
        example = "delivered"
    )]
    status: &'static str,
    /// `live` or `test`.
    #[schema(pattern = "^(live|test)$", example = "live")]
    mode: &'static str,
    /// The session whose code it carries.
    #[schema(required = true, example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    session_id: Option<String>,
    /// What that code is for.
    #[schema(required = true, example = "login")]
    purpose: Option<String>,
    /// The template that it is.
    #[schema(required = true, example = json!(null))]
    template_id: Option<String>,
    /// That template's name.
    #[schema(required = true, example = json!(null))]
    template_name: Option<String>,
    /// Why it failed.
    #[schema(required = true)]
    error: Option<ErrorObject>,
    /// The API key that asked for it.
    #[schema(required = true, example = "key_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    key_id: Option<String>,
    /// The request that asked for it.
    #[schema(required = true, example = "req_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    request_id: Option<String>,
    /// Who has it.
    #[schema(required = true, example = "106540352242922")]
    sender_id: Option<String>,
    /// Whether it was made because an earlier delivery of the same code had not arrived.
    fallback: bool,
    /// How often it was given to WhatsApp, or tried to be.
    #[schema(example = 1)]
    attempts: u32,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
}

impl From<&LogLine> for DeliveryLine {
    fn from(line: &LogLine) -> Self {
        let record = &line.record;
        let (kind, session_id, template_id) = match record.kind {
            DeliveryKind::Otp(session) => ("code", Some(session.to_string()), None),
            DeliveryKind::Message(template) => ("message", None, Some(template.to_string())),
        };
        Self {
            id: record.id.to_string(),
            kind,
            to: line.to.as_ref().map(ToString::to_string),
            country: record.country.map(|country| country.to_string()),
            status: record.delivery.status().as_str(),
            mode: record.scope.mode.as_str(),
            session_id,
            purpose: line.session.as_ref().map(|session| session.purpose.as_str().to_owned()),
            template_id,
            template_name: line.template.clone(),
            error: record.delivery.error().map(ErrorObject::from),
            key_id: record.asked.key.map(|id| id.to_string()),
            request_id: record.asked.request.map(|id| id.to_string()),
            sender_id: record.sender.as_ref().map(ToString::to_string),
            fallback: record.fallback,
            attempts: record.attempts,
            created_at: record.created_at.to_string(),
        }
    }
}

/// When a status was reached.
#[derive(Serialize, ToSchema)]
pub(crate) struct Step {
    /// Which.
    #[schema(example = "accepted")]
    status: &'static str,
    /// When.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    at: String,
}

/// Everything about one delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryObject {
    /// The delivery.
    #[serde(flatten)]
    line: DeliveryLine,
    /// When its time is over.
    #[schema(format = DateTime, example = "2026-11-23T10:05:00.000Z")]
    expires_at: String,
    /// Its way.
    timeline: Vec<Step>,
    /// What the API key that asked for it is called.
    #[schema(required = true, example = "production")]
    key_name: Option<String>,
    /// Where its session stands.
    #[schema(required = true, example = "verified")]
    session_status: Option<&'static str>,
    /// The other deliveries of its session, newest first.
    siblings: Vec<DeliveryLine>,
}

impl From<&DeliveryDetail> for DeliveryObject {
    fn from(detail: &DeliveryDetail) -> Self {
        let record = &detail.line.record;
        let steps = record.delivery.timeline().into_iter();
        Self {
            line: DeliveryLine::from(&detail.line),
            expires_at: record.expires_at.to_string(),
            timeline: steps.map(|(status, at)| Step { status: status.as_str(), at: at.to_string() }).collect(),
            key_name: detail.key.as_ref().map(|key| key.name.clone()),
            session_status: detail.session_status.map(whatotp_domain::SessionStatus::as_str),
            siblings: detail.siblings.iter().map(DeliveryLine::from).collect(),
        }
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// Newest first.
    pub data: Vec<DeliveryLine>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
    /// Whether the page holds as much as was asked for, or all there is. When it is `false`, some thousand deliveries were
    /// looked at, and the search goes on with `next_cursor`.
    pub complete: bool,
}
