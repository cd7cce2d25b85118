use std::error::Error as _;
use std::time::Duration;

use serde_json::json;
use whatotp_simulator::{Fault, FaultKind, GatewayBody, TemplateStatus};

use crate::support::{Receiver, Stage, TO, code, code_to};

/// Everything an error was caused by, in one line.
fn chain(error: &reqwest::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}

#[tokio::test]
async fn a_code_of_metas_is_answered_with_its_status_or_another() {
    let stage = Stage::new().await;
    stage.handle.push_fault(Fault::once(FaultKind::error(131_016)));
    stage.refused(&code(), 503, 131_016, "temporarily unavailable").await;
    stage.handle.push_fault(Fault::once(FaultKind::Error {
        code: 4,
        status: Some(400),
        retry_after_seconds: Some(17),
        details: Some("slow down".to_owned()),
    }));
    let answer = stage.send(&code()).await;
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (400, "17"));
    assert_eq!(answer.body["error"]["error_data"]["details"], "slow down");
    assert!(stage.handle.messages(None).is_empty());
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn a_fault_waits_for_its_recipient_and_counts_its_requests() {
    let stage = Stage::new().await;
    stage.handle.push_fault(Fault::once_to("+1 (650) 555-1234", FaultKind::error(131_026)).times(2));
    stage.accepted(&code_to("+16505559999", "1234")).await;
    stage.refused(&code(), 400, 131_026, "Undeliverable").await;
    assert_eq!(stage.handle.faults()[0].times, 1);
    stage.refused(&code(), 400, 131_026, "Undeliverable").await;
    stage.accepted(&code()).await;
    stage.handle.push_fault(Fault::once(FaultKind::PairLimit));
    stage.handle.clear_faults();
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn a_gateway_answers_with_a_page_or_with_nothing() {
    let stage = Stage::new().await;
    let gateway = |status, body| Fault::once(FaultKind::Gateway { status, body, retry_after_seconds: Some(3) });
    stage.handle.push_fault(gateway(502, GatewayBody::Html));
    stage.handle.push_fault(gateway(503, GatewayBody::Empty));
    let page = stage.send(&code()).await;
    assert_eq!((page.status, page.headers["retry-after"].to_str().unwrap()), (502, "3"));
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.body.as_str().unwrap().contains("<h1>"));
    let empty = stage.send(&code()).await;
    assert_eq!((empty.status, empty.body), (503, json!("")));
    assert!(stage.handle.messages(None).is_empty());
}

#[tokio::test]
async fn a_request_can_hang_with_or_without_being_accepted() {
    let stage = Stage::new().await;
    let cases = [(FaultKind::TimeoutBeforeAcceptance, 0), (FaultKind::TimeoutAfterAcceptance, 1)];
    for (fault, accepted) in cases {
        stage.handle.push_fault(Fault::once(fault.clone()));
        let error = stage.sending(&code()).timeout(Duration::from_millis(200)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{fault:?}: {error:?}");
        assert_eq!(stage.handle.wait_for_messages(accepted).await.len(), accepted, "{fault:?}");
    }
    // Held requests do not hold the simulator.
    tokio::time::timeout(Duration::from_secs(5), stage.simulator.stop()).await.unwrap();
}

#[tokio::test]
async fn a_connection_can_be_reset_with_or_without_the_message_being_accepted() {
    let stage = Stage::new().await;
    let cases = [(FaultKind::ResetBeforeAcceptance, 0), (FaultKind::ResetAfterAcceptance, 1)];
    for (fault, accepted) in cases {
        stage.handle.push_fault(Fault::once(fault.clone()));
        let error = stage.sending(&code()).send().await.unwrap_err();
        assert!(error.is_request() && chain(&error).contains("reset by peer"), "{fault:?}: {}", chain(&error));
        assert_eq!(stage.handle.messages(None).len(), accepted, "{fault:?}");
    }
    assert_eq!(stage.handle.requests(None).len(), 2, "the client did not try again by itself");
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn an_answer_can_get_lost_or_come_in_half_or_slowly() {
    let stage = Stage::new().await;
    stage.handle.push_fault(Fault::once(FaultKind::LostAnswer { status: 504 }));
    assert_eq!(stage.send(&code()).await.status, 504);
    stage.handle.push_fault(Fault::once(FaultKind::MalformedAnswer));
    let half = stage.send(&code()).await;
    assert_eq!(half.status, 200);
    assert!(half.body.as_str().unwrap().starts_with("{\"messaging_product\""), "not JSON, but its beginning");
    stage.handle.push_fault(Fault::once(FaultKind::SlowAnswer { pause_ms: 1 }));
    let mut slow = stage.sending(&code()).send().await.unwrap();
    let (mut pieces, mut whole) = (0, Vec::new());
    while let Some(piece) = slow.chunk().await.unwrap() {
        pieces += 1;
        whole.extend_from_slice(&piece);
    }
    assert!(pieces > 20, "{pieces} pieces");
    assert!(serde_json::from_slice::<serde_json::Value>(&whole).unwrap()["messages"][0]["id"].is_string());
    assert_eq!(stage.handle.messages(None).len(), 3, "all three were accepted");
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_until_it_is_restored() {
    let stage = Stage::new().await;
    stage.handle.push_fault(Fault::once(FaultKind::RevokedToken));
    for _ in 0..2 {
        stage.refused(&code(), 401, 190, "session has been invalidated").await;
    }
    assert_eq!(stage.get(&stage.waba("message_templates")).await.status, 401);
    stage.handle.restore_token();
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn a_template_can_be_paused_under_a_request() {
    let stage = Stage::new().await;
    let receiver = Receiver::start(0, "");
    stage.handle.set_webhook_url(Some(receiver.url.clone()));
    stage.handle.push_fault(Fault::once_to(TO, FaultKind::PausedTemplate));
    stage.refused(&code(), 400, 132_015, "paused").await;
    stage.handle.settle().await;
    let [webhook] = receiver.webhooks().try_into().ok().unwrap();
    let change = &webhook.body["entry"][0]["changes"][0];
    assert_eq!(change["field"], "message_template_status_update");
    assert_eq!(change["value"]["event"], "PAUSED");
    assert_eq!(change["value"]["other_info"]["title"], "FIRST_PAUSE");
    stage.refused(&code(), 400, 132_015, "paused").await;
    stage.handle.set_template_status("verification_code", "en_US", TemplateStatus::Approved, None).unwrap();
    stage.accepted(&code()).await;
    receiver.stop().await;
}

#[tokio::test]
async fn the_limit_of_a_pair_can_be_had_at_once() {
    let stage = Stage::new().await;
    stage.handle.push_fault(Fault::once(FaultKind::PairLimit));
    stage.refused(&code(), 429, 131_056, "same phone number").await;
}
