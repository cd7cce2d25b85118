//! What is asked of each server.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::Failure;
use crate::load::{Caller, Heard, Load};
use crate::report::Row;
use crate::server::Server;
use crate::store::Engine;

/// The limits stay on; they are only out of reach.
const SETTINGS: &[(&str, &str)] = &[
    ("WHATOTP_LISTEN", "127.0.0.1:0"),
    ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "1000000"),
    ("WHATOTP_LIMITS__KEY_PER_MINUTE", "1000000"),
];

/// A POST of JSON with a key, as an HTTP client writes it.
fn post(request: &mut Vec<u8>, path: &str, key: &str, body: &str) {
    // Writing to a vector cannot fail.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn get(request: &mut Vec<u8>, path: &str, key: &str) {
    let _ = write!(request, "GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\r\n");
}

fn expect(is: bool, status: u16, body: &[u8]) -> Result<(), Failure> {
    if is { Ok(()) } else { Err(format!("a wrong answer: {status} {}", String::from_utf8_lossy(body)).into()) }
}

/// The text of a member of a JSON object, without reading the rest of it.
fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next()
}

async fn measured<C: Caller>(
    server: &Server,
    (load, engine, what): (Load, &'static str, &'static str),
    callers: Vec<C>,
) -> Result<(Row, Vec<C>), Failure> {
    let before = server.processor_time()?;
    let heard: Heard<C> = load.run(&server.address, callers).await?;
    let processor = server.processor_time()?.saturating_sub(before);
    let row = Row::new((engine, what), load.connections, &heard, processor, server.peak_memory()?);
    Ok((row, heard.callers))
}

struct Hello;

impl Caller for Hello {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        post(request, "/hello", "nobody", r#"{"to":"+4915112345678"}"#);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 200 && member(body, "status") == Some("hello"), status, body)
    }
}

pub(crate) async fn hello(own: &Path, load: Load) -> Result<Vec<Row>, Failure> {
    let server = Server::start(own, &["hello"], &[], Engine::Sqlite).await?;
    let (row, _) = measured(&server, (load, "none", "hello"), (0..load.connections).map(|_| Hello).collect()).await?;
    Ok(vec![row])
}

/// Sends codes to numbers that nobody has sent to before, and remembers the sessions.
struct Sends {
    key: Arc<str>,
    numbers: Arc<AtomicU32>,
    sessions: Vec<String>,
}

impl Caller for Sends {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        post(request, "/v1/otp/send", &self.key, &format!(r#"{{"to":"+491511{number:07}","channel":"whatsapp"}}"#));
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        let session = member(body, "session_id").filter(|_| status == 200);
        expect(session.is_some(), status, body)?;
        self.sessions.extend(session.map(str::to_owned));
        Ok(())
    }
}

/// Asks something of each session once.
struct Each {
    key: Arc<str>,
    /// Session and code.
    left: VecDeque<(String, String)>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Right,
    Wrong,
    Status,
}

impl Caller for Each {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some((session, code)) = self.left.pop_front() else { return false };
        match self.kind {
            Kind::Status => get(request, &format!("/v1/otp/{session}"), &self.key),
            Kind::Right | Kind::Wrong => {
                let body = format!(r#"{{"session_id":"{session}","code":"{code}"}}"#);
                post(request, "/v1/otp/verify", &self.key, &body);
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
struct Messages {
    key: Arc<str>,
    numbers: Arc<AtomicU32>,
}

impl Caller for Messages {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"phone_number":"+491511{number:07}","template_id":"order_update","variables":{{"first_name":"Ada","order_id":"A-1"}}}}"#
        );
        post(request, "/v1/messages/send", &self.key, &body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 202 && member(body, "message_id").is_some(), status, body)
    }
}

pub(crate) async fn whatotp(binary: &Path, load: Load, engine: Engine) -> Result<Vec<Row>, Failure> {
    let server = Server::start(binary, &[], SETTINGS, engine).await?;
    let engine = engine.name();
    let key = server.printed.split_whitespace().find(|word| word.starts_with("sk_test_")).ok_or("no test key")?;
    let (key, numbers): (Arc<str>, _) = (key.into(), Arc::new(AtomicU32::new(1_000_000)));
    let every = |kind, all: &[(String, String)]| -> Vec<Each> {
        let share = |nth: usize| all.iter().skip(nth).step_by(load.connections).cloned().collect();
        (0..load.connections).map(|nth| Each { key: key.clone(), left: share(nth), kind }).collect()
    };

    let senders =
        (0..load.connections).map(|_| Sends { key: key.clone(), numbers: numbers.clone(), sessions: Vec::new() });
    let (send, senders) = measured(&server, (load, engine, "send"), senders.collect()).await?;
    let sessions: Vec<String> = senders.into_iter().flat_map(|sender| sender.sessions).collect();
    let codes = codes(&server, &key, sessions.len()).await?;
    let wrong: Vec<(String, String)> = codes.iter().map(|(session, code)| (session.clone(), other(code))).collect();
    let (wrong, _) = measured(&server, (load, engine, "verify wrong"), every(Kind::Wrong, &wrong)).await?;
    let (right, _) = measured(&server, (load, engine, "verify right"), every(Kind::Right, &codes)).await?;
    let (status, _) = measured(&server, (load, engine, "status"), every(Kind::Status, &codes)).await?;
    let messages = (0..load.connections).map(|_| Messages { key: key.clone(), numbers: numbers.clone() });
    let (message, _) = measured(&server, (load, engine, "message"), messages.collect()).await?;
    Ok(vec![send, wrong, right, status, message])
}

/// A code that this one is not.
fn other(code: &str) -> String {
    if code == "111111" { "222222".to_owned() } else { "111111".to_owned() }
}

/// Reads session and code of every message from the sandbox.
async fn codes(server: &Server, key: &Arc<str>, count: usize) -> Result<Vec<(String, String)>, Failure> {
    let one = Load { connections: 1, duration: std::time::Duration::from_secs(600) };
    let reader = Inbox { key: key.clone(), cursor: String::new(), done: false, codes: Vec::new() };
    let read = one.run(&server.address, vec![reader]).await?;
    let codes: Vec<_> = read.callers.into_iter().flat_map(|reader| reader.codes).collect();
    if codes.len() == count {
        Ok(codes)
    } else {
        Err(format!("{count} codes were sent, {} arrived", codes.len()).into())
    }
}

struct Inbox {
    key: Arc<str>,
    cursor: String,
    done: bool,
    codes: Vec<(String, String)>,
}

impl Caller for Inbox {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        get(request, &format!("/v1/sandbox/messages?limit=100{}", self.cursor), &self.key);
        !self.done
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        expect(status == 200, status, body)?;
        let page: Value = serde_json::from_slice(body)?;
        let text = |message: &Value, name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
        for message in page.get("data").and_then(Value::as_array).into_iter().flatten() {
            self.codes.extend(text(message, "session_id").zip(text(message, "code")));
        }
        match text(&page, "next_cursor") {
            Some(cursor) => self.cursor = format!("&cursor={cursor}"),
            None => self.done = true,
        }
        Ok(())
    }
}
