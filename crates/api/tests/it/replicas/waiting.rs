use std::time::Duration;

use tokio::time::timeout;
use whatotp_domain::Mode;
use whatotp_simulator::{Behaviour, Config, Limits, Status};
use whatotp_testkit::PostgresServer;

use super::client::Client;
use super::{LONG, Stage, assert_sound, clients, until};

/// A magic number whose messages stay at `sent`, so that nothing happens by itself.
const NEVER_DELIVERED: &str = "+12025550102";
const ORDINARY: &str = "+14155550123";
/// A long poll that nobody wakes ends after 25 seconds.
const UNWOKEN: Duration = Duration::from_secs(25);

/// Reads events until one holds this text.
async fn event_with(events: &mut reqwest::Response, text: &str) {
    let mut seen = String::new();
    let reading = async {
        while !seen.contains(text) {
            let chunk = events.chunk().await.unwrap().unwrap_or_else(|| panic!("the stream ended: {seen}"));
            seen += std::str::from_utf8(&chunk).unwrap();
        }
    };
    let read = timeout(LONG, reading).await;
    assert!(read.is_ok(), "no event with {text}: {seen}");
}

async fn wait_for_status(client: &Client, session: &str, status: &str) {
    until(status, async || client.get(&format!("/v1/otp/{session}")).await.body["delivery"]["status"] == status).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_verifies_is_seen_by_who_waits_at_another() {
    for version in PostgresServer::each_version() {
        let stage = Stage::start(&version).await;
        let (key, worker) = (stage.key(Mode::Test), stage.serve("worker"));
        let servers = stage.serve_many("api", 2);
        let clients = clients(&servers, &key);
        let session = clients[0].send(NEVER_DELIVERED, "waited for").await.text("session_id");
        wait_for_status(&clients[0], &session, "sent").await;
        let code = clients[1].code_of(&session).await;

        let mut events = clients[0].events(&session).await;
        event_with(&mut events, "\"pending\"").await;
        let path = format!("/v1/otp/{session}?wait_seconds=25");
        let long_poll = tokio::spawn({
            let client = clients[0].clone();
            async move { client.get(&path).await }
        });
        let wrong = clients[1].verify(&session, if code == "000000" { "000001" } else { "000000" }).await;
        assert_eq!(wrong.code, "code_mismatch", "{wrong:?}");
        event_with(&mut events, "\"attempts_remaining\":4").await;
        let begun = tokio::time::Instant::now();
        assert_eq!(clients[1].verify(&session, &code).await.status, 200);
        event_with(&mut events, "\"verified\"").await;
        let seen = long_poll.await.unwrap();
        println!("the stream told of it after {:?}; the long poll ended after {:?}", begun.elapsed(), seen.took);
        assert_ne!(seen.body["attempts_remaining"], 5, "{seen:?}");
        assert!(seen.took < UNWOKEN, "nobody woke it");
        assert_sound(&servers);
        assert_sound(&[worker]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_tells_one_process_is_seen_by_who_waits_at_another() {
    for version in PostgresServer::each_version() {
        let mut stage = Stage::start(&version).await;
        let phones = whatsapp(&mut stage).await;
        let worker = stage.serve("worker");
        let servers = stage.serve_many("api", 2);
        phones.handle().set_webhook_url(Some(format!("{}/webhooks/whatsapp", servers[1].base_url())));
        phones.handle().set_behaviour(Behaviour { sent_ms: None, delivered_ms: None, ..Behaviour::default() });
        let client = Client::new(servers[0].base_url(), &stage.key(Mode::Live));
        let sent = client.send(ORDINARY, "waited for").await;
        assert_eq!((sent.status, &sent.body["delivery"]["status"]), (200, &"accepted".into()), "{sent:?}");
        let session = sent.text("session_id");
        let mut events = client.events(&session).await;
        event_with(&mut events, "\"accepted\"").await;
        let message = phones.handle().messages(Some(ORDINARY)).remove(0);
        let begun = tokio::time::Instant::now();
        phones.handle().send_status(&message.wamid, Status::Delivered).unwrap();
        event_with(&mut events, "\"delivered\"").await;
        println!("from the webhook at one process to the stream of another: {:?}", begun.elapsed());
        let verified = client.verify(&session, &message.code.unwrap()).await;
        assert_eq!(verified.status, 200, "{verified:?}");
        assert_sound(&servers);
        assert_sound(&[worker]);
    }
}

/// A WhatsApp that limits nobody, which the stage's processes send through.
pub(super) async fn whatsapp(stage: &mut Stage) -> whatotp_simulator::Simulator {
    let config = Config {
        listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        limits: Limits { pair: None, messages_per_second: None },
        ..Config::default()
    };
    let (sender, app_secret, verify_token) =
        (config.sender.clone(), config.app_secret.clone(), config.verify_token.clone());
    let simulator = whatotp_simulator::start(config).await.unwrap();
    stage.set("WHATSAPP__BASE_URL", &simulator.url());
    stage.set("WHATSAPP__APP_SECRET", &app_secret);
    stage.set("WHATSAPP__VERIFY_TOKEN", &verify_token);
    stage.set("WHATSAPP__PHONE_NUMBER_ID", &sender.phone_number_id);
    stage.set("WHATSAPP__WABA_ID", &sender.waba_id);
    stage.set("WHATSAPP__ACCESS_TOKEN", &sender.access_token);
    simulator
}
