//! Reading what became of what was sent: none of it is measured.

use serde_json::Value;

use crate::Failure;
use crate::callers::Bearer;
use crate::http::{expect, get};
use crate::load::Caller;

/// Counts the sessions whose code has arrived.
pub(crate) struct Arrivals {
    pub(crate) key: Bearer,
    pub(crate) left: Vec<String>,
    pub(crate) arrived: usize,
}

impl Caller for Arrivals {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some(session) = self.left.pop() else { return false };
        get(request, &format!("/v1/otp/{session}"), self.key.header());
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        let session: Value = serde_json::from_slice(body)?;
        let delivery = session.pointer("/delivery/status").and_then(Value::as_str);
        expect(status == 200 && delivery.is_some(), status, body)?;
        self.arrived += usize::from(delivery == Some("delivered"));
        Ok(())
    }
}

/// Reads session and code of the newest messages from the sandbox: so many, and not one more, because what is older may
/// have been filled in and cannot be read.
pub(crate) struct Inbox {
    pub(crate) key: Bearer,
    pub(crate) left: usize,
    pub(crate) cursor: String,
    pub(crate) codes: Vec<(String, String)>,
}

impl Caller for Inbox {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let limit = self.left.min(100);
        get(request, &format!("/v1/sandbox/messages?limit={limit}{}", self.cursor), self.key.header());
        self.left > 0
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 200, status, body)?;
        let page: Value = serde_json::from_slice(body)?;
        let text = |message: &Value, name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
        let messages = page.get("data").and_then(Value::as_array).into_iter().flatten();
        let codes: Vec<_> =
            messages.filter_map(|message| text(message, "session_id").zip(text(message, "code"))).collect();
        // An inbox that ends too early is seen by whoever counts the codes.
        self.left = if codes.is_empty() { 0 } else { self.left.saturating_sub(codes.len()) };
        self.codes.extend(codes);
        self.cursor = text(&page, "next_cursor").map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        Ok(())
    }
}
