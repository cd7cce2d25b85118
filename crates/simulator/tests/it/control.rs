use reqwest::Method;
use serde_json::{Value, json};
use whatotp_simulator::Config;

use crate::support::{Answer, Receiver, Stage, TO, answer, code, code_to, config};

async fn get(stage: &Stage, path: &str) -> Value {
    let answer = answer(stage.request(Method::GET, &format!("/simulator/api/{path}"))).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

async fn post(stage: &Stage, path: &str, body: Value) -> Answer {
    answer(stage.request(Method::POST, &format!("/simulator/api/{path}")).json(&body)).await
}

async fn done(stage: &Stage, path: &str, body: Value) {
    let answer = post(stage, path, body).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "success": true })), "{path}");
}

#[tokio::test]
async fn a_script_reads_what_each_phone_got() {
    let stage = Stage::new().await;
    let wamid = stage.accepted(&code()).await;
    stage.accepted(&code_to("+16505559999", "1234")).await;
    stage.send(&code_to(TO, "far too long a code")).await;
    stage.handle.settle().await;
    let of_one = get(&stage, "messages?to=%2B16505551234").await;
    assert_eq!(of_one["requests"], 2);
    let [message] = of_one["messages"].as_array().unwrap().as_slice() else { panic!("{of_one}") };
    assert_eq!(message["wamid"], json!(wamid));
    assert_eq!((&message["to"], &message["code"]), (&json!(TO), &json!("493027")));
    assert_eq!((&message["template"], &message["language"]), (&json!("verification_code"), &json!("en_US")));
    let statuses = message["statuses"].as_array().unwrap();
    assert_eq!(statuses.iter().map(|change| &change["status"]).collect::<Vec<_>>(), ["sent", "delivered"]);
    assert_eq!(message["request"], code());
    // A plus that is not escaped is a space in a query; it is the same number.
    assert_eq!(get(&stage, "messages?to=+16505551234").await["messages"].as_array().unwrap().len(), 1);
    assert_eq!(get(&stage, "messages").await["messages"].as_array().unwrap().len(), 2);
    assert_eq!(get(&stage, "requests").await["requests"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let stage = Stage::new().await;
    let first = answer(stage.request(Method::GET, "/simulator/api/messages")).await;
    let tag = first.headers["etag"].clone();
    let ask = || stage.request(Method::GET, "/simulator/api/messages").header("if-none-match", tag.clone());
    assert_eq!(answer(ask()).await.status, 304);
    stage.accepted(&code()).await;
    assert_eq!(answer(ask()).await.status, 200);
}

#[tokio::test]
async fn a_script_makes_faults_and_takes_them_back() {
    let stage = Stage::new().await;
    done(&stage, "faults", json!({ "kind": "error", "code": 130_429, "retry_after_seconds": 2, "times": 2 })).await;
    stage.refused(&code(), 429, 130_429, "too many").await;
    assert_eq!(get(&stage, "faults").await["faults"][0]["times"], 1);
    answer(stage.request(Method::DELETE, "/simulator/api/faults")).await;
    assert_eq!(get(&stage, "faults").await, json!({ "faults": [] }));
    let wrong = post(&stage, "faults", json!({ "kind": "earthquake" })).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body["error"].as_str().unwrap().contains("earthquake"));
}

#[tokio::test]
async fn a_script_sets_behaviour_limits_and_token() {
    let stage = Stage::new().await;
    let failing = json!({ "to": TO, "behaviour": { "failure": { "code": 131_026 } } });
    done(&stage, "behaviour", failing).await;
    done(&stage, "behaviour", json!({ "behaviour": { "sent_ms": 0, "delivered_ms": null } })).await;
    let behaviour = get(&stage, "behaviour").await;
    assert_eq!(behaviour["to"]["16505551234"]["failure"]["code"], 131_026);
    assert_eq!((&behaviour["all"]["sent_ms"], &behaviour["all"]["delivered_ms"]), (&json!(0), &Value::Null));
    assert_eq!(post(&stage, "behaviour", json!({ "behaviour": { "losses": 1 } })).await.status, 400);

    done(&stage, "limits", json!({ "pair": { "burst": 1, "every_ms": 60_000 } })).await;
    stage.accepted(&code()).await;
    stage.refused(&code(), 429, 131_056, "too many").await;
    done(&stage, "limits", json!({ "pair": null, "messages_per_second": null })).await;
    stage.accepted(&code()).await;

    done(&stage, "token", json!({ "revoked": true })).await;
    stage.refused(&code(), 401, 190, "invalidated").await;
    done(&stage, "token", json!({ "revoked": false })).await;
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn a_script_causes_every_webhook() {
    let receiver = Receiver::start(0, &Config::default().verify_token);
    let stage = Stage::with(config()).await;
    done(&stage, "webhooks", json!({ "url": receiver.url })).await;
    done(&stage, "webhooks/verify", json!({})).await;
    let wamid = stage.accepted(&code()).await;
    stage.handle.settle().await;
    receiver.webhooks();
    let sender = &stage.sender.phone_number_id;
    let commands = [
        (format!("messages/{wamid}/did-not-request"), json!({})),
        (format!("messages/{wamid}/status"), json!({ "status": "failed", "code": 131_026 })),
        (format!("messages/{wamid}/status"), json!({ "status": "read" })),
        ("templates/order_update/status".to_owned(), json!({ "language": "en", "status": "PAUSED", "reason": null })),
        ("templates/order_update/quality".to_owned(), json!({ "language": "en", "quality": "RED" })),
        ("templates/order_update/category".to_owned(), json!({ "language": "en", "category": "MARKETING" })),
        (
            format!("senders/{sender}/quality"),
            json!({ "quality": "YELLOW", "event": "DOWNGRADE", "current_limit": "TIER_2K" }),
        ),
        (format!("senders/{sender}/account"), json!({ "event": "DISABLED_UPDATE" })),
    ];
    for (path, body) in commands {
        done(&stage, &path, body).await;
        stage.handle.settle().await;
        assert_eq!(receiver.webhooks().len(), 1, "{path}");
    }
    let log = get(&stage, "webhooks").await;
    let log = log["webhooks"].as_array().unwrap();
    assert_eq!(log.len(), 10);
    assert!(log.iter().all(|post| post["answered"] == 200 && post["attempt"] == 1 && post["body"].is_object()));

    let statuses = stage.handle.messages(None)[0].statuses.clone();
    assert_eq!(statuses.len(), 4, "the forced ones stand with the message");
    for path in ["messages/wamid.x/did-not-request", "senders/1/account"] {
        assert_eq!(post(&stage, path, json!({ "event": "X" })).await.status, 404, "{path}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_script_learns_why_the_webhook_is_not_verified() {
    let stage = Stage::new().await;
    let refused = post(&stage, "webhooks/verify", json!({})).await;
    assert_eq!((refused.status, refused.body), (502, json!({ "error": "there is no webhook URL" })));
}

#[tokio::test]
async fn the_state_names_the_senders_and_no_secret() {
    let mut config = config();
    config.sender.access_token = "a token of somebody's own".to_owned();
    let stage = Stage::with(config.clone()).await;
    let shown = get(&stage, "state").await;
    assert_eq!(shown["senders"][0]["phone_number_id"], json!(config.sender.phone_number_id));
    let written = shown.to_string();
    for secret in [&config.sender.access_token, &config.sender.api_key, &config.app_secret, &config.verify_token] {
        assert!(!written.contains(secret.as_str()), "{secret}");
    }
}
