use serde::{Deserialize, Serialize};

/// Something that goes wrong with the next requests to send a message.
///
/// A fault is used up by the first requests it matches, in the order in which the faults were added; one request uses at
/// most one. What happens before acceptance happens before anything is checked, the token included. What happens after
/// it only shows when the message is accepted; a refusal is answered as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Only requests to this number; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How many requests it is good for.
    #[serde(default = "once")]
    pub times: u32,
    #[serde(flatten)]
    pub kind: FaultKind,
}

const fn once() -> u32 {
    1
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Refused with one of Meta's error codes. Without a status, with the one that Meta's documentation had for it.
    Error {
        code: u32,
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        retry_after_seconds: Option<u32>,
        #[serde(default)]
        details: Option<String>,
    },
    /// A failure of the machines in front of the API: an HTTP error with a page, or with nothing, instead of JSON.
    Gateway {
        status: u16,
        #[serde(default)]
        body: GatewayBody,
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// Never answered, and never accepted.
    TimeoutBeforeAcceptance,
    /// Accepted, delivered, and never answered.
    TimeoutAfterAcceptance,
    /// The connection is reset without an answer, and the message is not accepted.
    ResetBeforeAcceptance,
    /// The message is accepted, and the connection reset without an answer.
    ResetAfterAcceptance,
    /// Accepted, but a gateway answers in the API's place.
    LostAnswer {
        #[serde(default = "bad_gateway")]
        status: u16,
    },
    /// Accepted, and answered one byte at a time.
    SlowAnswer { pause_ms: u64 },
    /// Accepted, and answered with 200 and half of the JSON.
    MalformedAnswer,
    /// The token is revoked: this and all further requests are refused with 190 until it is restored.
    RevokedToken,
    /// The template of this request is paused: webhook, and 132015 until its status changes.
    PausedTemplate,
    /// Too many messages to one number: 131056.
    PairLimit,
}

const fn bad_gateway() -> u16 {
    502
}

/// What a gateway's error page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayBody {
    #[default]
    Html,
    Empty,
}

impl Fault {
    /// For the next request, whoever it is to.
    #[must_use]
    pub const fn once(kind: FaultKind) -> Self {
        Self { to: None, times: 1, kind }
    }

    /// For the next request to this number.
    #[must_use]
    pub fn once_to(to: impl Into<String>, kind: FaultKind) -> Self {
        Self { to: Some(to.into()), times: 1, kind }
    }

    /// For so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

impl FaultKind {
    /// Refused with this code of Meta's.
    #[must_use]
    pub const fn error(code: u32) -> Self {
        Self::Error { code, status: None, retry_after_seconds: None, details: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_short_line_of_json() {
        let read = |json| serde_json::from_str::<Fault>(json).unwrap();
        assert_eq!(read(r#"{"kind": "error", "code": 130429}"#), Fault::once(FaultKind::error(130_429)));
        let reset = Fault::once_to("+1", FaultKind::ResetBeforeAcceptance).times(3);
        assert_eq!(read(r#"{"kind": "reset_before_acceptance", "to": "+1", "times": 3}"#), reset);
        let empty = FaultKind::Gateway { status: 503, body: GatewayBody::Empty, retry_after_seconds: None };
        assert_eq!(read(r#"{"kind": "gateway", "status": 503, "body": "empty"}"#), Fault::once(empty));
        assert!(serde_json::from_str::<Fault>(r#"{"kind": "earthquake"}"#).is_err());
    }
}
