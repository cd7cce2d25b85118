use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::Instant;
use whatotp_simulator::{Behaviour, Config, ReceivedMessage};

use super::super::client::Client;
use super::{Stage, WABA, config, send, sign};

/// Statuses in a body, and bodies. Together with three statuses of each message, no status is told twice.
const SIZES: [(usize, usize); 3] = [(1, 300), (10, 300), (1_000, 12)];

/// `cargo nextest run -p whatotp --run-ignored only --no-capture how_long_a_webhook_takes`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, for people to read, and claims nothing"]
async fn how_long_a_webhook_takes() {
    let silent = Behaviour { sent_ms: None, delivered_ms: None, ..Behaviour::default() };
    let mut stage = Stage::with(Config { behaviour: silent, ..config() }).await;
    stage.set_any("WHATOTP_LOG__LEVEL", "warn");
    let server = stage.serve();
    let client = Client::new(&server, &stage.live_key());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/webhooks/whatsapp", server.base_url());
    let mut seen = 0;
    for (statuses, bodies) in SIZES {
        let wanted = seen + statuses * bodies / 3;
        let sends = stream::iter(seen..wanted).map(|number| {
            let client = client.clone();
            async move { assert_eq!(send(&client, &format!("+1415{:07}", 2_000_000 + number)).await.status, 200) }
        });
        sends.buffer_unordered(16).collect::<()>().await;
        let messages = stage.phones().messages(None).split_off(seen);
        seen = wanted;
        let all: Vec<Value> = ["sent", "delivered", "read"]
            .into_iter()
            .flat_map(|status| messages.iter().map(move |message| reported(message, status)))
            .collect();
        let mut took = Vec::new();
        for some in all.chunks(statuses) {
            let body = webhook(some).to_string();
            let signature = sign("simulator-app-secret", body.as_bytes());
            let begun = Instant::now();
            let posted = http.post(&url).header("X-Hub-Signature-256", signature).body(body).send().await.unwrap();
            took.push(begun.elapsed());
            assert_eq!(posted.status(), 200);
        }
        took.sort();
        let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!("{statuses:4} statuses: median {median:?}, p99 {p99:?}, of {} webhooks", took.len());
    }
}

fn reported(message: &ReceivedMessage, status: &str) -> Value {
    json!({"id": message.wamid, "status": status, "timestamp": message.timestamp.to_string(),
        "recipient_id": message.wa_id, "biz_opaque_callback_data": message.biz_opaque_callback_data})
}

fn webhook(statuses: &[Value]) -> Value {
    let metadata = json!({"display_phone_number": "12025550100", "phone_number_id": super::SENDER});
    let value = json!({"messaging_product": "whatsapp", "metadata": metadata, "statuses": statuses});
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": [{"field": "messages", "value": value}]}]})
}
