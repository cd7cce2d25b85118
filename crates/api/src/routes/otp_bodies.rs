use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{SendOtp, SessionView, Typed, Verification, VerifyOtp};
use whatotp_domain::{AccountScope, Asked, CodeLength, Delivery, Purpose, SenderId, SessionId, SessionTtl};
use whatotp_ports::Claim;

use crate::http::{Fields, Invalid, Problem, end_user};

/// A code that is to be sent.
#[derive(ToSchema)]
#[schema(example = json!({"to": "+14155550123", "channel": "whatsapp"}))]
#[expect(
    dead_code,
    reason = "the shape for the OpenAPI document; the request is read field by field, to name every error"
)]
pub(crate) struct SendOtpRequest {
    /// The number, in E.164 with its `+`. Spaces, dots, hyphens and parentheses are dropped.
    #[schema(max_length = 64, format = "phone-number", example = "+14155550123")]
    to: String,
    /// Only `whatsapp`.
    #[schema(pattern = "^whatsapp$", example = "whatsapp")]
    channel: String,
    /// Digits of the code.
    #[schema(minimum = 4, maximum = 8, default = 6)]
    length: Option<u32>,
    /// What the code is for. One session is live for each number and purpose.
    #[schema(min_length = 1, max_length = 64, default = "default")]
    purpose: Option<String>,
    /// The language, as a BCP 47 tag. Falls back along `pt-BR`, `pt`, the default of the installation.
    #[schema(pattern = "^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$", example = "en")]
    locale: Option<String>,
    /// How long the code is right, in seconds.
    #[schema(minimum = 60, maximum = 600, default = 300)]
    expires_in_seconds: Option<u32>,
    /// The IP address of the end user, for abuse limits only.
    #[schema(format = "ip-address", example = "203.0.113.7")]
    client_ip: Option<String>,
    /// Up to 10 pairs (key ≤ 40, value ≤ 256 characters) that come back with every answer.
    metadata: Option<BTreeMap<String, String>>,
}

impl SendOtpRequest {
    pub(crate) fn read(
        body: &[u8],
        scope: AccountScope,
        asked: Asked,
    ) -> Result<impl FnOnce(Option<Claim>) -> SendOtp, Problem> {
        use crate::http::fields as f;
        let mut fields = Fields::of_json(body)?;
        let to = fields.required("to", f::phone_number);
        let channel = fields.required(
            "channel",
            f::parsed("unsupported_channel", "The only channel is whatsapp.", |text| {
                (text == "whatsapp").then_some(())
            }),
        );
        let length = fields
            .optional("length", f::integer(4, 8))
            .and_then(|length| u8::try_from(length).ok().and_then(CodeLength::new));
        let purpose =
            fields.optional("purpose", f::parsed("invalid_purpose", "Use 1 to 64 characters.", Purpose::parse));
        let locale = fields.optional("locale", f::locale);
        let ttl = fields.optional("expires_in_seconds", f::integer(SessionTtl::MIN_SECONDS, SessionTtl::MAX_SECONDS));
        let client_ip = fields.optional(
            "client_ip",
            f::parsed("invalid_ip", "Write one IPv4 or IPv6 address.", |text| text.parse::<IpAddr>().ok()),
        );
        let metadata = fields.optional("metadata", f::metadata);
        let to = fields.finish(to.zip(channel).map(|(to, ())| to))?;
        Ok(move |claim| SendOtp {
            scope,
            to,
            length: length.unwrap_or(CodeLength::DEFAULT),
            purpose: purpose.unwrap_or_default(),
            locale,
            ttl: ttl.and_then(SessionTtl::from_seconds),
            client_ip: client_ip.map(end_user),
            metadata: metadata.unwrap_or_default(),
            asked,
            claim,
        })
    }
}

/// A code that somebody typed.
#[derive(ToSchema)]
#[schema(example = json!({"session_id": "otp_01k0z3v8xkf3g9mzq2w6c5t7rb", "code": "123456"}))]
#[expect(
    dead_code,
    reason = "the shape for the OpenAPI document; the request is read field by field, to name every error"
)]
pub(crate) struct VerifyOtpRequest {
    /// The session, as `POST /v1/otp/send` named it.
    #[schema(example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    session_id: String,
    /// What the person typed: any Unicode decimal digits; spaces, dashes and bidi marks are dropped.
    #[schema(max_length = 64, format = "one-time-code", example = "123456")]
    code: String,
}

impl VerifyOtpRequest {
    pub(crate) fn read(body: &[u8], scope: AccountScope) -> Result<impl FnOnce(Option<Claim>) -> VerifyOtp, Problem> {
        use crate::http::fields as f;
        let mut fields = Fields::of_json(body)?;
        let session = fields.required("session_id", f::text);
        // Not f::text: a code may hold marks that are refused elsewhere, and is normalised by the domain.
        let code = fields.required("code", |value| match value {
            serde_json::Value::String(code) => Ok(Typed(code)),
            _ => Err(("invalid_type", "This must be a string.".into())),
        });
        let (session, code) = fields.finish(session.zip(code))?;
        // A text that is no session id belongs to no session: that is answered like an id that nobody has.
        Ok(move |claim| VerifyOtp { scope, session: SessionId::parse(&session).ok(), code, claim })
    }
}

/// A code that cannot be one: the reason, as a bad field.
pub(crate) fn not_a_code(error: whatotp_domain::CodeError) -> Problem {
    let message = crate::http::fields::sentence(&error);
    Problem::invalid(vec![Invalid { field: "code".to_owned(), code: "invalid_code", message }])
}

/// An OTP session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionBody {
    /// Its id.
    #[schema(example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    session_id: String,
    /// `pending`, or how it ended.
    #[schema(pattern = "^(pending|verified|expired|locked|superseded|canceled|failed)$", example = "pending")]
    status: &'static str,
    /// Always `whatsapp`.
    #[schema(example = "whatsapp")]
    channel: &'static str,
    /// The number, masked.
    #[schema(example = "+1******0123")]
    to: String,
    /// Digits of the code.
    #[schema(example = 6)]
    code_length: u8,
    /// What the code is for.
    #[schema(example = "default")]
    purpose: String,
    /// `live` or `test`, as the key.
    #[schema(pattern = "^(live|test)$", example = "test")]
    mode: &'static str,
    /// Where its latest message stands.
    delivery: DeliveryBody,
    /// Wrong codes that may still be given: 5 at first, for codes of 4 and 5 digits 3, and fewer when the number has
    /// fewer left in a day.
    #[schema(example = 5)]
    attempts_remaining: u8,
    /// Messages that may still be sent.
    #[schema(example = 4)]
    sends_remaining: u8,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// From when on the code is no longer right.
    #[schema(format = DateTime, example = "2026-11-23T10:05:00.000Z")]
    expires_at: String,
    /// When the next resend or new send is allowed.
    #[schema(format = DateTime, example = "2026-11-23T10:00:30.000Z")]
    resend_available_at: String,
    /// What you attached.
    metadata: BTreeMap<String, String>,
}

impl From<&SessionView> for SessionBody {
    fn from(view: &SessionView) -> Self {
        let session = &view.session;
        Self {
            session_id: session.id.to_string(),
            status: view.status.as_str(),
            channel: "whatsapp",
            to: view.to.to_string(),
            code_length: session.code_length.get(),
            purpose: session.purpose.as_str().to_owned(),
            mode: session.scope.mode.as_str(),
            delivery: DeliveryBody::new(&view.delivery, view.sender.as_ref()),
            attempts_remaining: session.attempts_remaining(),
            sends_remaining: session.sends_remaining(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            resend_available_at: session.resend_available_at.to_string(),
            metadata: view.metadata.pairs().clone(),
        }
    }
}

/// One event of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document; events are written line by line")]
pub(crate) struct SessionEvent {
    /// Always `status`.
    #[schema(example = "status")]
    event: String,
    /// The session, as `GET /v1/otp/{session_id}` answers it, in JSON.
    #[schema(example = "{\"session_id\":\"otp_01k0z3v8xkf3g9mzq2w6c5t7rb\",\"status\":\"pending\"}")]
    data: String,
}

/// The way of one message.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// The furthest it has come.
    #[schema(
        pattern = "^(queued|unknown|accepted|sent|canceled|expired|failed|delivered|read)$",
        example = "delivered"
    )]
    status: &'static str,
    /// Who sends it, as Meta's `phone_number_id`; `null` while nobody has it, and in test mode.
    #[schema(required = true, example = json!(null))]
    sender: Option<String>,
    /// Why it failed, if it did.
    #[schema(required = true)]
    error: Option<DeliveryErrorBody>,
    /// What happened, in order.
    timeline: Vec<TimelineEntry>,
}

/// Meta's reason for a failure.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryErrorBody {
    /// Meta's error code.
    #[schema(example = 131_026)]
    code: u32,
    /// Its name.
    #[schema(example = "Message undeliverable")]
    title: String,
    /// What it means.
    detail: String,
}

/// One step of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimelineEntry {
    /// What happened.
    #[schema(example = "accepted")]
    status: &'static str,
    /// When.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    at: String,
}

impl DeliveryBody {
    pub(super) fn new(delivery: &Delivery, sender: Option<&SenderId>) -> Self {
        let error = delivery.error().map(|error| DeliveryErrorBody {
            code: error.code,
            title: error.title.clone(),
            detail: error.detail.clone(),
        });
        let timeline = delivery.timeline().into_iter();
        Self {
            status: delivery.status().as_str(),
            sender: sender.map(ToString::to_string),
            error,
            timeline: timeline
                .map(|(status, at)| TimelineEntry { status: status.as_str(), at: at.to_string() })
                .collect(),
        }
    }
}

/// A right code.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifiedBody {
    /// The session.
    #[schema(example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    session_id: String,
    /// Always `verified`.
    #[schema(example = "verified")]
    status: &'static str,
    /// Always true: an error status is the only way to say no.
    #[schema(example = true)]
    verified: bool,
    /// The number, masked.
    #[schema(example = "+1******0123")]
    to: String,
    /// Always `whatsapp`.
    #[schema(example = "whatsapp")]
    channel: &'static str,
    /// What the code was for.
    #[schema(example = "default")]
    purpose: String,
    /// When.
    #[schema(format = DateTime, example = "2026-11-23T10:00:12.000Z")]
    verified_at: String,
    /// A compact JWS (`EdDSA`, keys at `/.well-known/jwks.json`) that other services can check for 10 minutes; its
    /// audience is your account.
    receipt: String,
    /// What you attached.
    metadata: BTreeMap<String, String>,
}

impl From<&Verification> for VerifiedBody {
    fn from(verification: &Verification) -> Self {
        let view = &verification.view;
        Self {
            session_id: view.session.id.to_string(),
            status: "verified",
            verified: true,
            to: view.to.to_string(),
            channel: "whatsapp",
            purpose: view.session.purpose.as_str().to_owned(),
            verified_at: verification.verified_at.to_string(),
            receipt: verification.receipt.clone(),
            metadata: view.metadata.pairs().clone(),
        }
    }
}
