//! Meta, as far as a live code needs it: takes every message at once, and afterwards reports what became of it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::http::{expect, member, post};
use crate::load::Caller;

const PHONE_NUMBER: &str = "100000000000001";
const WABA: &str = "200000000000001";
const APP_SECRET: &str = "the-secret-of-an-app-of-the-bench";
/// The answer to whoever lists templates. What else is asked of Meta is about its health, and this says nothing of it.
const TEMPLATES: &str = r#"{"data":[{"id":"1","name":"verification_code","language":"en_US","status":"APPROVED","category":"AUTHENTICATION","components":[{"type":"BODY","text":"*{{1}}* is your verification code."},{"type":"BUTTONS","buttons":[{"type":"OTP","otp_type":"COPY_CODE","text":"Copy code"}]}]}]}"#;

/// A message that it took.
pub(crate) struct Taken {
    id: String,
    to: String,
    reference: String,
}

/// It listens in this process, and its processor time is not the server's.
pub(crate) struct Meta {
    url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    connections: Arc<AtomicU64>,
}

impl Meta {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (url, taken) = (format!("http://{}", listener.local_addr()?), Arc::<Mutex<Vec<Taken>>>::default());
        let (messages, ids) = (taken.clone(), Arc::new(AtomicU64::new(0)));
        let connections = Arc::<AtomicU64>::default();
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(talk(stream, messages.clone(), ids.clone()));
            }
        });
        Ok(Self { url, taken, connections })
    }

    /// How `whatotp` is told.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("BASE_URL", self.url.as_str()),
            ("PHONE_NUMBER_ID", PHONE_NUMBER),
            ("WABA_ID", WABA),
            ("ACCESS_TOKEN", "a-token-of-the-bench"),
            ("APP_SECRET", APP_SECRET),
            ("VERIFY_TOKEN", "a-word-of-the-bench"),
        ];
        settings.map(|(name, value)| (format!("WHATOTP_WHATSAPP__{name}"), value.to_owned())).into()
    }

    /// How many connections were ever made to it.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// What it took since this was last asked.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers over one connection until the other end closes it.
async fn talk(mut stream: TcpStream, taken: Arc<Mutex<Vec<Taken>>>, ids: Arc<AtomicU64>) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        request.clear();
        let Some((is_message, head)) = read(&mut stream, &mut request).await? else { return Ok(()) };
        let mut answer = TEMPLATES.to_owned();
        if is_message {
            let body = request.get(head..).unwrap_or_default();
            let text = |name| member(body, name).unwrap_or_default().to_owned();
            let id = format!("wamid.{:032X}", ids.fetch_add(1, Ordering::Relaxed));
            let to = text("to").trim_start_matches('+').to_owned();
            answer = format!(
                r#"{{"messaging_product":"whatsapp","contacts":[{{"input":"{to}","wa_id":"{to}"}}],"messages":[{{"id":"{id}"}}]}}"#
            );
            let reference = text("biz_opaque_callback_data");
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(Taken { id, to, reference });
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
        stream.write_all(format!("{head}{}\r\n\r\n{answer}", answer.len()).as_bytes()).await?;
    }
}

/// Reads one request: whether it is a message, and where its body begins. `None` at the end of the connection.
async fn read(stream: &mut TcpStream, request: &mut Vec<u8>) -> Result<Option<(bool, usize)>, Failure> {
    loop {
        if stream.read_buf(request).await? == 0 {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = parsed.parse(request)? else { continue };
        let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.map_or(Ok(0), |length| std::str::from_utf8(length.value).unwrap_or("").parse())?;
        let is_message = parsed.method == Some("POST");
        while request.len() < head + length {
            if stream.read_buf(request).await? == 0 {
                return Ok(None);
            }
        }
        return Ok(Some((is_message, head)));
    }
}

/// Reports that messages were sent, and then that they were delivered: one status in a webhook, as Meta mostly does.
pub(crate) struct Webhooks {
    /// With whether it is the second one.
    left: VecDeque<(String, bool)>,
    /// How many messages it has reported as delivered.
    pub(crate) delivered: usize,
    is_second: bool,
}

impl Webhooks {
    /// `at` in seconds since 1970.
    pub(crate) fn new<'a>(messages: impl Iterator<Item = &'a Taken>, at: i64) -> Self {
        let both =
            |message| [("sent", false), ("delivered", true)].map(|(status, is)| (webhook(message, status, at), is));
        Self { left: messages.flat_map(both).collect(), delivered: 0, is_second: false }
    }
}

fn webhook(Taken { id, to, reference }: &Taken, status: &str, at: i64) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{WABA}","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"12025550100","phone_number_id":"{PHONE_NUMBER}"}},"statuses":[{{"id":"{id}","status":"{status}","timestamp":"{at}","recipient_id":"{to}","biz_opaque_callback_data":"{reference}","pricing":{{"billable":true,"pricing_model":"PMP","type":"regular","category":"authentication"}}}}]}}}}]}}]}}"#
    )
}

impl Caller for Webhooks {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some((body, is_second)) = self.left.pop_front() else { return false };
        self.is_second = is_second;
        // A key of any length will do.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()) else { return false };
        let mac = mac.chain_update(&body).finalize().into_bytes();
        let mut signature = "sha256=".to_owned();
        for byte in mac {
            // Writing to a string cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        post(request, "/webhooks/whatsapp", ("x-hub-signature-256", &signature), &body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure> {
        self.delivered += usize::from(self.is_second);
        expect(status == 200, status, body)
    }
}
