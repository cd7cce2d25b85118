//! What each connection asks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Failure;
use crate::http::{expect, get, member, post};
use crate::load::Caller;

/// A key as the header `authorization` has it.
#[derive(Clone)]
pub(crate) struct Bearer(Arc<str>);

impl Bearer {
    pub(crate) fn new(key: &str) -> Self {
        Self(format!("Bearer {key}").into())
    }

    pub(crate) fn header(&self) -> (&str, &str) {
        ("authorization", &self.0)
    }
}

/// Numbers that nobody has written to before: German mobile numbers, from a million on.
#[derive(Clone)]
pub(crate) struct Numbers(Arc<AtomicU32>);

impl Default for Numbers {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1_000_000)))
    }
}

impl Numbers {
    fn next(&self) -> String {
        format!("+491511{:07}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Says hello.
pub(crate) struct Hello;

impl Caller for Hello {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        post(request, "/hello", ("authorization", "nobody"), r#"{"to":"+4915112345678"}"#);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 200 && member(body, "status") == Some("hello"), status, body)
    }
}

/// Sends codes, and remembers the sessions.
pub(crate) struct Sends {
    pub(crate) key: Bearer,
    pub(crate) numbers: Numbers,
    pub(crate) sessions: Vec<String>,
    /// When it has so many, it asks no more.
    pub(crate) most: usize,
}

impl Sends {
    pub(crate) fn new(key: &Bearer, numbers: &Numbers) -> Self {
        Self { key: key.clone(), numbers: numbers.clone(), sessions: Vec::new(), most: usize::MAX }
    }
}

impl Caller for Sends {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        if self.sessions.len() >= self.most {
            return false;
        }
        let body = format!(r#"{{"to":"{}","channel":"whatsapp"}}"#, self.numbers.next());
        post(request, "/v1/otp/send", self.key.header(), &body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        let session = member(body, "session_id").filter(|_| status == 200);
        expect(session.is_some(), status, body)?;
        self.sessions.extend(session.map(str::to_owned));
        Ok(())
    }
}

/// Asks something of each session once; where it stands, again and again.
pub(crate) struct Each {
    pub(crate) key: Bearer,
    /// Session and code.
    pub(crate) left: VecDeque<(String, String)>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Right,
    Wrong,
    Status,
}

impl Caller for Each {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some((session, code)) = self.left.pop_front() else { return false };
        match self.kind {
            Kind::Status => {
                get(request, &format!("/v1/otp/{session}"), self.key.header());
                self.left.push_back((session, code));
            }
            Kind::Right | Kind::Wrong => {
                let body = format!(r#"{{"session_id":"{session}","code":"{code}"}}"#);
                post(request, "/v1/otp/verify", self.key.header(), &body);
            }
        }
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        let is = match self.kind {
            Kind::Right => status == 200 && member(body, "status") == Some("verified"),
            Kind::Wrong => status == 422 && member(body, "code") == Some("code_mismatch"),
            Kind::Status => status == 200 && member(body, "session_id").is_some(),
        };
        expect(is, status, body)
    }
}

/// Sends template messages.
pub(crate) struct Messages {
    pub(crate) key: Bearer,
    pub(crate) numbers: Numbers,
}

impl Caller for Messages {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let body = format!(
            r#"{{"phone_number":"{}","template_id":"order_update","variables":{{"first_name":"Ada","order_id":"A-1"}}}}"#,
            self.numbers.next()
        );
        post(request, "/v1/messages/send", self.key.header(), &body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 202 && member(body, "message_id").is_some(), status, body)
    }
}
