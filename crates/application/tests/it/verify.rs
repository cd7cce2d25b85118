use whatotp_application::{Failure, OtpSent, OtpVerified, SendOtp, Verification, VerifyOtp};
use whatotp_domain::{Attempted, CodeError, GuessRefused, SessionId, SessionStatus};
use whatotp_ports::{Prior, Subject};
use whatotp_testkit::fixtures::{BOB, a_claim, at, home, just_before, other_account, other_mode};
use whatotp_testkit::test_keyring;

use crate::stage::{Stage, a_send, a_verify, accepted, another, number};

/// A session and its code.
async fn sent(stage: &Stage) -> (SessionId, String) {
    let id = stage.send().await.session.id;
    (id, stage.outgoing.last().says)
}

fn verified(outcome: OtpVerified) -> Verification {
    match outcome {
        OtpVerified::Verified(verification) => *verification,
        other => panic!("the code was not accepted: {other:?}"),
    }
}

#[tokio::test]
async fn the_right_code_is_accepted_once_and_leaves_a_receipt() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    stage.pass(7);
    let spaced: Vec<String> = code.chars().map(String::from).collect();
    let verification = verified(stage.verify(id, &format!(" {} ", spaced.join("-"))).await);
    assert_eq!((verification.view.status, verification.verified_at), (SessionStatus::Verified, at(7)));
    assert_eq!(verification.receipt.split('.').count(), 3);
    assert!(matches!(stage.verify(id, &code).await, OtpVerified::Finished(SessionStatus::Verified)));
}

#[tokio::test]
async fn a_wrong_code_charges_an_attempt_and_the_fifth_locks() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    for expected in (0..5).rev() {
        let outcome = stage.verify(id, &another(&code)).await;
        assert!(matches!(outcome, OtpVerified::Wrong { left } if left == expected), "{outcome:?}");
    }
    assert!(matches!(stage.verify(id, &code).await, OtpVerified::Finished(SessionStatus::Locked)));
}

#[tokio::test]
async fn what_cannot_be_a_code_charges_nothing() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    for typed in ["", "12345", "1234567", "12345a", &"1".repeat(65)] {
        assert!(matches!(stage.verify(id, typed).await, OtpVerified::NotACode(_)), "{typed:?}");
    }
    assert!(matches!(stage.verify(id, "12").await, OtpVerified::NotACode(CodeError::WrongLength { .. })));
    assert_eq!(stage.look(id).await.session.attempts_remaining(), 5);
    verified(stage.verify(id, &code).await);
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found_whatever_is_typed() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    let nobody = SessionId::earliest_at(stage.now());
    assert!(matches!(stage.verify(nobody, &code).await, OtpVerified::NotFound));
    assert!(matches!(stage.verify(nobody, "no code").await, OtpVerified::NotFound));
    for scope in [other_mode(), other_account()] {
        let command = VerifyOtp { scope, ..a_verify(id, &code) };
        assert!(matches!(stage.app.verify_otp(command).await.unwrap(), OtpVerified::NotFound));
    }
    let no_id = VerifyOtp { session: None, ..a_verify(id, &code) };
    assert!(matches!(stage.app.verify_otp(no_id).await.unwrap(), OtpVerified::NotFound));
    verified(stage.verify(id, &code).await);
}

#[tokio::test]
async fn a_code_is_right_until_its_expiry_and_not_a_millisecond_longer() {
    for (moment, accepted_then) in [(just_before(at(300)), true), (at(300), false)] {
        let stage = Stage::with([accepted()]).await;
        let (id, code) = sent(&stage).await;
        stage.clock.set(moment);
        match stage.verify(id, &code).await {
            OtpVerified::Verified(_) => assert!(accepted_then),
            OtpVerified::Finished(SessionStatus::Expired) => assert!(!accepted_then),
            other => panic!("at {moment}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_code_of_one_session_verifies_no_other() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let (alice, code) = sent(&stage).await;
    let bob = stage.send_as(SendOtp { to: number(BOB), ..a_send() }).await.session.id;
    assert_ne!(stage.outgoing.last().says, code);
    assert!(matches!(stage.verify(bob, &code).await, OtpVerified::Wrong { left: 4 }));
    verified(stage.verify(alice, &code).await);
}

#[tokio::test]
async fn after_twenty_wrong_codes_in_a_day_a_number_is_blocked() {
    let stage = Stage::with((0..4).map(|_| accepted())).await;
    let mut session = sent(&stage).await;
    for wrong in 1..=20 {
        let outcome = stage.verify(session.0, &another(&session.1)).await;
        assert!(matches!(outcome, OtpVerified::Wrong { .. }), "{wrong}: {outcome:?}");
        if wrong % 5 == 0 && wrong < 20 {
            stage.pass(240);
            session = sent(&stage).await;
        }
    }
    let blocked = |refused| matches!(refused, GuessRefused::Until { retry_at } if retry_at == at(86_400));
    let outcome = stage.verify(session.0, &session.1).await;
    assert!(matches!(outcome, OtpVerified::Blocked(refused) if blocked(refused)), "{outcome:?}");
    stage.pass(240);
    let outcome = stage.app.send_otp(a_send()).await.unwrap();
    assert!(matches!(outcome, OtpSent::NoGuesses(refused) if blocked(refused)), "{outcome:?}");
    stage.clock.set(at(86_400));
    let gone = stage.verify(session.0, &session.1).await;
    assert!(matches!(gone, OtpVerified::Finished(SessionStatus::Locked)), "the block is over: {gone:?}");
}

#[tokio::test]
async fn a_receipt_is_the_same_whenever_it_is_asked_for() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    let first = verified(stage.verify(id, &code).await);
    stage.pass(600);
    let recalled = verified(stage.app.recall_attempt(home(), id, Attempted::Verified).await.unwrap());
    assert_eq!(recalled.receipt, first.receipt);
    assert_eq!(recalled.verified_at, first.verified_at);
    let wrong = stage.app.recall_attempt(home(), id, Attempted::Wrong { left: 3 }).await.unwrap();
    assert!(matches!(wrong, OtpVerified::Wrong { left: 3 }));
    let over = Attempted::Finished(SessionStatus::Locked);
    let over = stage.app.recall_attempt(home(), id, over).await.unwrap();
    assert!(matches!(over, OtpVerified::Finished(SessionStatus::Locked)));
    let nobody = SessionId::earliest_at(stage.now());
    let gone = stage.app.recall_attempt(home(), nobody, Attempted::Verified).await.unwrap();
    assert!(matches!(gone, OtpVerified::NotFound));
}

#[tokio::test]
async fn a_repeated_request_spends_no_attempt() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    let claim = a_claim("a key", stage.now());
    let attempt = || VerifyOtp { claim: Some(claim.clone()), ..a_verify(id, &another(&code)) };
    let first = stage.app.verify_otp(attempt()).await.unwrap();
    assert!(matches!(first, OtpVerified::Wrong { left: 4 }));
    let again = stage.app.verify_otp(attempt()).await.unwrap();
    assert!(matches!(again, OtpVerified::Replay(Prior::Running)), "{again:?}");
    stage.pass(60);
    let later = stage.app.verify_otp(attempt()).await.unwrap();
    let OtpVerified::Replay(Prior::Abandoned(subject)) = later else { panic!("{later:?}") };
    assert_eq!(subject, Subject::Attempt(id, Attempted::Wrong { left: 4 }));
    assert_eq!(stage.look(id).await.session.attempts_remaining(), 4);
}

#[tokio::test]
async fn without_the_master_key_of_a_session_nobody_can_tell_and_nothing_is_charged() {
    let stage = Stage::with([accepted()]).await;
    let (id, code) = sent(&stage).await;
    let failure = stage.with_another_key().verify_otp(a_verify(id, &code)).await.unwrap_err();
    assert!(matches!(failure, Failure::MissingMasterKey(kid) if kid == test_keyring().active_kid()), "{failure}");
    assert_eq!(stage.look(id).await.session.attempts_remaining(), 5);
    verified(stage.verify(id, &code).await);
}

#[test]
fn what_was_typed_is_not_printed() {
    let typed = a_verify(SessionId::earliest_at(at(0)), "123456");
    assert!(!format!("{typed:?}").contains("123456"));
}
