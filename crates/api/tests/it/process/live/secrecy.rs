use serde_json::{Value, json};
use whatotp_simulator::{Behaviour, Config, Failure, Fault, FaultKind, Part, SenderConfig, TemplateStatus};
use whatotp_testkit::ServerProcess;

use super::super::client::{Answer, Client};
use super::super::history::other;
use super::super::searching::Search;
use super::super::secrecy::{Planted, assert_nothing_in, assert_would_be_found, search_files};
use super::{OTHER_SENDER, SENDER, Stage, WABA, config, sign, wait_for, went_well};

const NUMBERS: [&str; 4] = ["+14155552671", "+447400123456", "+5521987654321", "+919876543210"];
/// Nothing can be sent to it.
const UNREACHABLE: &str = "+14155552672";
const ROUNDS: usize = 4;

/// A server that tells all it can, and the WhatsApp it works with.
struct Talkative {
    stage: Stage,
    server: ServerProcess,
    client: Client,
    planted: Planted,
    app_secret: String,
    verify_token: String,
}

impl Talkative {
    async fn start() -> Self {
        let mut planted = Planted::default();
        let (first_token, second_token) = ("EAAGfirstZaphodBeeblebrox", "EAAGsecondTrillianMcMillan");
        let sender = SenderConfig { access_token: first_token.to_owned(), ..SenderConfig::default() };
        let other = SenderConfig {
            phone_number_id: OTHER_SENDER.to_owned(),
            display_phone_number: "+1 202-555-0199".to_owned(),
            access_token: second_token.to_owned(),
            ..SenderConfig::default()
        };
        for token in [first_token, second_token] {
            planted.add("an access token", token);
        }
        let (app_secret, verify_token) = (planted.invent("the app secret"), planted.invent("the verify token"));
        let previous = planted.invent("the app secret before");
        let parts = [Part::Contacts, Part::RecipientId, Part::Conversation, Part::UnknownFields];
        let behaviour = Behaviour { read_ms: Some(200), duplicates: 1, parts: parts.into(), ..Behaviour::default() };
        let config = Config {
            sender,
            other_senders: vec![other],
            behaviour,
            app_secret: app_secret.clone(),
            verify_token: verify_token.clone(),
            ..config()
        };
        let mut stage = Stage::with(config).await;
        stage.set("PREVIOUS_APP_SECRET", &previous);
        for (name, value) in [
            ("WHATOTP_LOG__LEVEL", "trace"),
            ("WHATOTP_OTP__COOLDOWN_SECONDS", "0"),
            ("WHATOTP_OTP__SENDS_PER_10_MINUTES", "10000"),
            ("WHATOTP_OTP__SENDS_PER_HOUR", "10000"),
            ("WHATOTP_OTP__SENDS_PER_DAY", "10000"),
            ("WHATOTP_DELIVERY__UNKNOWN_WAIT_SECONDS", "1"),
            ("WHATOTP_DELIVERY__CHANNEL_TIMEOUT_SECONDS", "2"),
        ] {
            stage.set_any(name, value);
        }
        let server = stage.serve();
        let key = stage.live_key();
        planted.add_key(&key);
        let add = ["senders", "add", "--phone-number-id", OTHER_SENDER, "--waba-id", WABA, "--access-token-file", "-"];
        went_well(stage.run_with_input(&add, second_token));
        for number in NUMBERS.into_iter().chain([UNREACHABLE]) {
            planted.add("a number", number);
            planted.add("a number without its plus", &number[1..]);
        }
        let client = Client::new(&server, &key);
        Self { stage, server, client, planted, app_secret, verify_token }
    }

    async fn send(&mut self, to: &str, purpose: &str) -> Answer {
        let metadata = json!({ "name": self.planted.invent("a metadata value") });
        let body = json!({"to": to, "channel": "whatsapp", "length": 8, "purpose": purpose, "metadata": metadata});
        self.client.post("/v1/otp/send", &body, Some(&self.planted.invent("an idempotency key"))).await.unwrap()
    }

    /// A session from its send to its end.
    async fn verify_a_number(&mut self, to: &str, purpose: &str) {
        let sent = self.send(to, purpose).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let id = sent.body["session_id"].as_str().unwrap().to_owned();
        let resent = self.client.post(&format!("/v1/otp/{id}/resend"), &json!({}), None).await.unwrap();
        assert_eq!(resent.status, 200, "{resent:?}");
        wait_for(&self.client, &format!("/v1/otp/{id}"), "read").await;
        let code = self.stage.phones().messages(Some(to)).pop().unwrap().code.unwrap();
        let wrong = other(&code);
        self.planted.add("a code", &code);
        self.planted.add("a wrong code", &wrong);
        for (code, status) in [(&wrong, 422), (&code, 200), (&code, 409)] {
            let body = json!({"session_id": &id, "code": code});
            assert_eq!(self.client.post("/v1/otp/verify", &body, None).await.unwrap().status, status);
        }
    }

    async fn send_a_message(&mut self, to: &str) {
        let variables =
            json!({"first_name": self.planted.invent("a variable"), "order_id": self.planted.invent("a variable")});
        let body = json!({"phone_number": to, "template_id": "order_update", "variables": variables});
        let sent = self.client.post("/v1/messages/send", &body, None).await.unwrap();
        wait_for(&self.client, &format!("/v1/messages/{}", sent.body["message_id"].as_str().unwrap()), "delivered")
            .await;
    }

    /// Everything that WhatsApp can do wrong, some of it with the number in its words.
    async fn be_let_down(&mut self) {
        let phones = self.stage.phones();
        let quoting = |code| FaultKind::Error {
            code,
            status: None,
            retry_after_seconds: Some(1),
            details: Some(format!("(#{code}) Message to {UNREACHABLE}, wa_id {}, failed", &UNREACHABLE[1..])),
        };
        for kind in [
            quoting(131_026),
            quoting(131_030),
            quoting(130_429),
            quoting(131_000),
            quoting(132_000),
            FaultKind::ResetBeforeAcceptance,
            FaultKind::ResetAfterAcceptance,
            FaultKind::LostAnswer { status: 502 },
            FaultKind::MalformedAnswer,
            FaultKind::TimeoutAfterAcceptance,
            FaultKind::SlowAnswer { pause_ms: 1 },
        ] {
            phones.push_fault(Fault::once_to(UNREACHABLE, kind.clone()));
            let sent = self.send(UNREACHABLE, "let down").await;
            assert!([200, 422, 503].contains(&sent.status), "{kind:?}: {sent:?}");
        }
        let fails = Failure { code: 131_026, after_ms: 10 };
        phones.set_behaviour_for(UNREACHABLE, Some(Behaviour { failure: Some(fails), ..Behaviour::default() }));
        let sent = self.send(UNREACHABLE, "fails later").await;
        let path = format!("/v1/otp/{}", sent.body["session_id"].as_str().unwrap());
        wait_for(&self.client, &path, "failed").await;
        phones.press_did_not_request(&phones.messages(Some(NUMBERS[0]))[0].wamid).unwrap();
        phones.set_template_status("order_update", "es", TemplateStatus::Paused, None).unwrap();
        phones.account_update(SENDER, "ACCOUNT_RESTRICTION").unwrap();
        phones.settle().await;
        phones.revoke_token();
        assert_eq!(self.send(UNREACHABLE, "no token").await.status, 503);
        self.stage.failed(&["senders", "check"]);
        phones.restore_token();
    }

    /// Webhooks and handshakes that are wrong in every way there is.
    async fn be_lied_to(&mut self) {
        let secret = self.planted.invent("a value in a bad webhook");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/webhooks/whatsapp", self.server.base_url());
        let number = &NUMBERS[0][1..];
        let wamid = self.stage.phones().messages(Some(NUMBERS[0])).remove(0).wamid;
        for token in [&secret, &self.verify_token] {
            let query = format!("hub.mode=subscribe&hub.challenge={secret}&hub.verify_token={token}");
            http.get(format!("{url}?{query}")).send().await.unwrap();
        }
        let status = |status: Value| {
            let value = json!({"messaging_product": "whatsapp", "statuses": [status],
                "contacts": [{"wa_id": number, "profile": {"name": &secret}}]});
            json!({"object": "whatsapp_business_account",
                "entry": [{"id": WABA, "changes": [{"field": "messages", "value": value}]}]})
        };
        for (body, right) in [
            (status(json!({"id": wamid, "status": "read", "timestamp": "1", "recipient_id": number})), false),
            (status(json!({"id": wamid, "status": &secret, "timestamp": &secret, "recipient_id": number})), true),
            (status(json!({"id": format!("wamid.{secret}"), "status": "sent", "timestamp": "1"})), true),
            (status(json!({"id": [&secret], "status": number, "biz_opaque_callback_data": &secret})), true),
            (json!({"object": &secret, "entry": number}), true),
            (json!([&secret, number]), true),
        ] {
            let body = body.to_string();
            for body in [body.clone(), body[..body.len() - 1].to_owned()] {
                let signature = if right { sign(&self.app_secret, body.as_bytes()) } else { sign(&secret, b"") };
                let posted = http.post(&url).header("X-Hub-Signature-256", signature).body(body).send().await.unwrap();
                assert!([200, 400, 403].contains(&posted.status().as_u16()), "{posted:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_live_mode_is_in_the_log_or_on_the_disk() {
    let mut talkative = Talkative::start().await;
    for round in 0..ROUNDS {
        for number in NUMBERS {
            talkative.verify_a_number(number, &format!("purpose {round}")).await;
        }
        talkative.send_a_message(NUMBERS[round % NUMBERS.len()]).await;
    }
    talkative.be_let_down().await;
    talkative.be_lied_to().await;

    let Talkative { stage, mut server, mut planted, .. } = talkative;
    let messages = stage.phones().messages(None);
    for message in &messages {
        planted.add("a message id", &message.wamid);
        if let Some(code) = &message.code {
            planted.add("a code", code);
        }
    }
    // The number is in there, and the search sees through it.
    let numbers = Search::new(planted.0.iter().filter(|secret| secret.what.starts_with("a number")).cloned().collect());
    assert!(messages.iter().all(|message| !numbers.hits(message.wamid.as_bytes()).is_empty()));

    let search = Search::new(planted.0.clone());
    let mut searched = search_files(&search, stage.directory.path());
    server.terminate();
    server.wait();
    searched += search_files(&search, stage.directory.path());
    let log = server.logs();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("131026"), "the log does not hold all it could");
    assert_nothing_in(&search, "the log", log.as_bytes());
    println!(
        "{} secrets in {} forms: in {} bytes of log and {searched} bytes of files, no hit; {} messages",
        planted.0.len(),
        search.forms(),
        log.len(),
        messages.len()
    );
    assert_would_be_found(&search, &planted.0, log.as_bytes());
}
