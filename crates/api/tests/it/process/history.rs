use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use whatotp_testkit::SeededEntropy;

use super::DELIVERED;
use super::client::Answer;

/// Everything a customer asked for and was told, across all the lives of a server.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    /// By its id.
    pub sessions: BTreeMap<String, Session>,
    /// By its id, the tag it was sent with.
    pub messages: BTreeMap<String, String>,
    /// The calls of this life of the server, answered or not, that carried an `Idempotency-Key`.
    pub keyed: Vec<Call>,
    /// What this life of the server was asked for and answered.
    pub touched: BTreeSet<String>,
    pub figures: Figures,
    tags: u64,
}

/// What is known of a session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub tag: String,
    pub verified: Verified,
    /// The most attempts that can be left: a charged one never comes back.
    pub attempts_left: u64,
    /// Whether a worker is busy with it.
    taken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    No,
    /// The right code was sent, and nobody heard the answer.
    Perhaps,
    Yes,
}

/// One POST.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub what: What,
    pub body: Value,
    /// Its `Idempotency-Key`.
    pub once: Option<String>,
    /// The status and body of the answer; `None` while, and if for ever, nobody heard it.
    pub answer: Option<(u16, Value)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// With this tag.
    Send(String),
    /// With this tag.
    Message(String),
    /// The right code of this session.
    Right(String),
    /// A wrong code for this session.
    Wrong(String),
}

/// What there was to see.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub kills: usize,
    pub sent_200: usize,
    pub queued_202: usize,
    pub verified_200: usize,
    pub mismatch_422: usize,
    pub unheard: usize,
    pub replayed_as_it_was: usize,
    pub done_on_repetition: usize,
    pub answered_from_what_was_done: usize,
    pub looked_at_after_a_restart: usize,
    pub verified_unheard: usize,
}

impl Call {
    pub(super) fn path(&self) -> &'static str {
        match self.what {
            What::Send(_) => "/v1/otp/send",
            What::Message(_) => "/v1/messages/send",
            What::Right(_) | What::Wrong(_) => "/v1/otp/verify",
        }
    }
}

impl History {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A send that has not been made before.
    pub(super) fn new_send(&mut self, dice: &SeededEntropy) -> Call {
        self.tags += 1;
        let tag = format!("tag-{}", self.tags);
        let (what, body) = if dice.one_in(2) {
            let variables = json!({"first_name": "Ada", "order_id": &tag});
            let body = json!({"phone_number": DELIVERED, "template_id": "order_update", "variables": variables,
                "metadata": {"tag": &tag}});
            (What::Message(tag), body)
        } else {
            // Each for a purpose of its own, so that none takes the place of another.
            let body = json!({"to": DELIVERED, "channel": "whatsapp", "purpose": &tag, "expires_in_seconds": 600,
                "metadata": {"tag": &tag}});
            (What::Send(tag), body)
        };
        Call { what, body, once: Self::key(dice), answer: None }
    }

    /// A code for a session that nobody is busy with: right, or sometimes wrong.
    pub(super) fn new_verify(&mut self, dice: &SeededEntropy, id: &str, code: &str) -> Call {
        let session = &self.sessions[id];
        let wrong = session.attempts_left > 2 && dice.one_in(3);
        let (what, code) = if wrong {
            (What::Wrong(id.to_owned()), other(code))
        } else {
            (What::Right(id.to_owned()), code.to_owned())
        };
        Call { what, body: json!({"session_id": id, "code": code}), once: Self::key(dice), answer: None }
    }

    /// A session to verify, now taken.
    pub(super) fn take_session(&mut self, dice: &SeededEntropy) -> Option<String> {
        let open = self.sessions.iter_mut().filter(|(_, one)| !one.taken && one.verified == Verified::No);
        let mut open: Vec<_> = open.collect();
        if open.is_empty() {
            return None;
        }
        let at = usize::try_from(dice.next_u64()).unwrap_or_default() % open.len();
        let (id, session) = open.swap_remove(at);
        session.taken = true;
        Some(id.clone())
    }

    pub(super) fn give_back(&mut self, id: &str) {
        self.sessions.get_mut(id).expect("it was taken").taken = false;
    }

    fn key(dice: &SeededEntropy) -> Option<String> {
        dice.one_in(2).then(|| format!("once-{:016x}", dice.next_u64()))
    }

    /// The call was answered.
    pub(super) fn answered(&mut self, mut call: Call, answer: &Answer) {
        if let What::Wrong(id) = &call.what {
            let left = answer.body["attempts_remaining"].as_u64();
            assert!(left < Some(self.sessions[id].attempts_left), "a charged attempt came back: {answer:?}");
        }
        self.learn(&call, answer);
        match answer.status {
            200 if matches!(call.what, What::Right(_)) => self.figures.verified_200 += 1,
            200 => self.figures.sent_200 += 1,
            202 => self.figures.queued_202 += 1,
            _ => self.figures.mismatch_422 += 1,
        }
        call.answer = Some((answer.status, answer.body.clone()));
        self.keyed.extend(call.once.is_some().then_some(call));
    }

    /// What an answer says of the session or message, checked for being the answer that the call deserves.
    pub(super) fn learn(&mut self, call: &Call, answer: &Answer) {
        let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
        match (&call.what, answer.status) {
            (What::Send(tag), 200) => {
                assert_eq!(answer.body["metadata"]["tag"], tag.as_str());
                self.touched.insert(text("session_id"));
                let session = self.sessions.entry(text("session_id"));
                session.or_insert_with(|| Session::new(tag));
            }
            (What::Message(tag), 202) => {
                assert_eq!(answer.body["metadata"]["tag"], tag.as_str());
                self.touched.insert(text("message_id"));
                self.messages.insert(text("message_id"), tag.clone());
            }
            (What::Right(id), 200) => {
                assert_eq!((text("session_id"), text("status")), (id.clone(), "verified".to_owned()));
                self.session(id).verified = Verified::Yes;
                self.give_back(id);
                self.touched.insert(id.clone());
            }
            (What::Wrong(id), 422) => {
                let left = answer.body["attempts_remaining"].as_u64().expect("how many attempts are left");
                let session = self.session(id);
                session.attempts_left = session.attempts_left.min(left);
                self.give_back(id);
                self.touched.insert(id.clone());
            }
            _ => panic!("this is no answer to {call:?}: {answer:?}"),
        }
    }

    /// Nobody heard the answer, if there was one.
    pub(super) fn unheard(&mut self, call: Call) {
        self.figures.unheard += 1;
        match &call.what {
            What::Right(id) => {
                self.session(id).verified = Verified::Perhaps;
                self.give_back(id);
            }
            What::Wrong(id) => self.give_back(id),
            What::Send(_) | What::Message(_) => {}
        }
        self.keyed.extend(call.once.is_some().then_some(call));
    }

    pub(super) fn session(&mut self, id: &str) -> &mut Session {
        self.sessions.get_mut(id).expect("a session that is known")
    }

    /// Nothing was made twice: no tag belongs to two sessions or two messages.
    pub(super) fn assert_nothing_twice(&self) {
        let sessions: BTreeSet<_> = self.sessions.values().map(|session| &session.tag).collect();
        assert_eq!(sessions.len(), self.sessions.len(), "a send was carried out twice");
        let messages: BTreeSet<_> = self.messages.values().collect();
        assert_eq!(messages.len(), self.messages.len(), "a message was queued twice");
    }
}

impl Session {
    pub(super) fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned(), verified: Verified::No, attempts_left: 5, taken: false }
    }
}

/// A code of the same length that is not this one.
pub(super) fn other(code: &str) -> String {
    let first = if code.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &code[1..])
}
