use whatotp_application::{Earlier, Failure, OtpSent, SendOtp};
use whatotp_domain::IdempotencyKey;
use whatotp_ports::{Claim, IdempotencyStore, Prior, Subject};
use whatotp_testkit::fixtures::{at, home, just_before, other_account};
use whatotp_vault::OpenError;

use crate::stage::{Stage, a_send, accepted};

const ROUTE: &str = "POST /v1/otp/send";

fn claim(stage: &Stage, key: &str, body: &str) -> Claim {
    stage.app.claim(home(), ROUTE, &IdempotencyKey::parse(key).unwrap(), body.as_bytes())
}

#[tokio::test]
async fn an_answer_is_given_again_word_for_word() {
    let stage = Stage::with([accepted()]).await;
    let first = claim(&stage, "a-key", "a body");
    assert_eq!((first.lease_until, first.expires_at), (at(60), at(86_400)));
    assert_eq!(stage.app.earlier(&first).await.unwrap(), None);
    stage.send_as(SendOtp { claim: Some(first.clone()), ..a_send() }).await;
    assert_eq!(stage.app.earlier(&first).await.unwrap(), Some(Earlier::Running));
    stage.app.keep_answer(&first, 200, b"{\"session_id\":\"otp_1\"}").await.unwrap();

    stage.clock.set(just_before(at(86_400)));
    let again = claim(&stage, "a-key", "a body");
    let answer = Earlier::Answer { status: 200, body: b"{\"session_id\":\"otp_1\"}".to_vec() };
    assert_eq!(stage.app.earlier(&again).await.unwrap(), Some(answer));
    stage.clock.set(at(86_400));
    assert_eq!(stage.app.earlier(&claim(&stage, "a-key", "a body")).await.unwrap(), None, "it is forgotten");
}

#[tokio::test]
async fn the_same_key_sends_one_message() {
    let stage = Stage::with([accepted()]).await;
    let first = claim(&stage, "a-key", "a body");
    let command = || SendOtp { claim: Some(first.clone()), ..a_send() };
    stage.send_as(command()).await;
    let OtpSent::Replay(prior) = stage.app.send_otp(command()).await.unwrap() else { panic!("it is a replay") };
    assert_eq!(stage.app.reveal(&first, prior).unwrap(), Earlier::Running);
    assert_eq!(stage.outgoing.all().len(), 1);
}

#[tokio::test]
async fn a_key_with_another_body_another_route_and_another_account() {
    let stage = Stage::with([]).await;
    stage.app.keep_answer(&claim(&stage, "a-key", "a body"), 200, b"an answer").await.unwrap();
    let other_body = claim(&stage, "a-key", "another body");
    assert_eq!(stage.app.earlier(&other_body).await.unwrap(), Some(Earlier::OtherRequest));
    let key = IdempotencyKey::parse("a-key").unwrap();
    let other_route = stage.app.claim(home(), "POST /v1/otp/verify", &key, b"a body");
    let other_account = stage.app.claim(other_account(), ROUTE, &key, b"a body");
    for unrelated in [other_route, other_account, claim(&stage, "another-key", "a body")] {
        assert_eq!(stage.app.earlier(&unrelated).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_request_that_died_after_its_work_is_answered_from_what_it_did() {
    let stage = Stage::with([accepted()]).await;
    let first = claim(&stage, "a-key", "a body");
    let id = stage.send_as(SendOtp { claim: Some(first.clone()), ..a_send() }).await.session.id;
    stage.clock.set(at(60));
    let again = claim(&stage, "a-key", "a body");
    let left = Earlier::Abandoned(Subject::Session(id));
    assert_eq!(stage.app.earlier(&again).await.unwrap(), Some(left));
}

#[tokio::test]
async fn an_answer_is_sealed_and_no_other_claim_opens_it() {
    let stage = Stage::with([]).await;
    let (mine, other) = (claim(&stage, "a-key", "a body"), claim(&stage, "another-key", "a body"));
    stage.app.keep_answer(&mine, 200, b"a receipt").await.unwrap();
    let prior = stage.store.find_prior(&mine, stage.now()).await.unwrap().unwrap();
    let Prior::Answered { body, .. } = &prior else { panic!("{prior:?}") };
    assert!(!body.as_bytes().windows(9).any(|window| window == b"a receipt"));
    let failure = stage.app.reveal(&other, prior.clone()).unwrap_err();
    assert!(matches!(failure, Failure::Sealed(OpenError::Corrupt)), "{failure}");
    let failure = stage.with_another_key().reveal(&mine, prior.clone()).unwrap_err();
    assert!(matches!(failure, Failure::Sealed(OpenError::UnknownKey(_))), "{failure}");
    assert!(matches!(stage.app.reveal(&mine, prior).unwrap(), Earlier::Answer { status: 200, .. }));
}
