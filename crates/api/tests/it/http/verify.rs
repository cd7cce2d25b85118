//! Giving a code back: wrong ones, late ones, strange ones, many at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use whatotp_domain::Scope;

use crate::support::{MAGIC, ORDINARY, TestApp, other_than, unused};

const HOUR: u64 = 3600;

#[tokio::test]
async fn five_wrong_codes_lock_the_session_and_the_right_one_comes_too_late() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    for left in [4, 3, 2, 1, 0] {
        let wrong = app.verify(&id, &other_than(&code)).await;
        assert_eq!(wrong.problem(422, "code_mismatch"), json!({"attempts_remaining": left}));
        assert_eq!(app.status(&id).await["attempts_remaining"], left);
    }
    for typed in [&other_than(&code), &code] {
        assert_eq!(app.verify(&id, typed).await.problem(410, "session_locked"), json!({}));
    }
    assert_eq!(app.status(&id).await["status"], "locked");
}

#[tokio::test]
async fn a_code_is_right_until_the_moment_it_expires() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    app.clock.advance(std::time::Duration::from_millis(299_999));
    let wrong = app.verify(&id, &other_than(&code)).await;
    assert_eq!(wrong.problem(422, "code_mismatch"), json!({"attempts_remaining": 4}));
    app.tick();
    for typed in [&other_than(&code), &code] {
        assert_eq!(app.verify(&id, typed).await.problem(410, "session_expired"), json!({}));
    }
    let status = app.status(&id).await;
    assert_eq!((&status["status"], &status["attempts_remaining"]), (&json!("expired"), &json!(4)));

    let (id, code) = app.session(MAGIC).await;
    app.clock.advance(std::time::Duration::from_millis(299_999));
    app.verify(&id, &code).await.success(200);
}

/// A session that ended in each way a session can end, its code, and what a code then meets.
async fn finished(app: &TestApp) -> Vec<(&'static str, String, String, (u16, &'static str))> {
    let (expired, expired_code) = app.session("+12025550120").await;
    app.advance(300);
    let (verified, verified_code) = app.session("+12025550121").await;
    app.verify(&verified, &verified_code).await.success(200);
    let (locked, locked_code) = app.session("+12025550122").await;
    for _ in 0..5 {
        app.verify(&locked, &other_than(&locked_code)).await;
    }
    let (superseded, superseded_code) = app.session("+12025550123").await;
    app.session("+12025550123").await;
    let (canceled, canceled_code) = app.session("+12025550124").await;
    app.api.post_nothing(&format!("/v1/otp/{canceled}/cancel")).await.success(200);
    app.tick();
    let unreachable = json!({"to": "+12025550103", "channel": "whatsapp"});
    app.api.post("/v1/otp/send", unreachable).await.problem(422, "recipient_unreachable");
    let failed = app.newest_session().await;
    vec![
        ("expired", expired, expired_code, (410, "session_expired")),
        ("verified", verified, verified_code, (409, "session_already_verified")),
        ("locked", locked, locked_code, (410, "session_locked")),
        ("superseded", superseded, superseded_code, (410, "session_superseded")),
        ("canceled", canceled, canceled_code, (410, "session_canceled")),
        ("failed", failed, "123456".to_owned(), (422, "recipient_unreachable")),
    ]
}

#[tokio::test]
async fn a_session_that_is_over_says_how_for_a_day_and_charges_nothing() {
    let app = TestApp::start().await;
    let finished = finished(&app).await;
    for day in 0..2 {
        for (status, id, code, (http_status, problem)) in &finished {
            let before = app.status(id).await;
            assert_eq!(before["status"], *status);
            assert_eq!(app.verify(id, code).await.problem(*http_status, problem), json!({}), "{status} {day}");
            app.verify(id, &other_than(code)).await.problem(*http_status, problem);
            assert_eq!(app.status(id).await, before);
        }
        app.advance(24 * HOUR - 300 - 1);
        app.app.sweep().await.unwrap();
    }
    app.advance(HOUR + 301);
    app.app.sweep().await.unwrap();
    for (_, id, code, _) in finished {
        app.verify(&id, &code).await.problem(404, "session_not_found");
    }
}

#[tokio::test]
async fn what_cannot_be_a_code_is_a_400_and_costs_no_attempt() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let long = " ".repeat(60) + &code;
    let short = code[..5].to_owned();
    let not_codes = ["", " ", "12345a", "abcdef", "1234567", "+123456", "12,456", "一二三四五六", &short, &long];
    for typed in not_codes {
        app.verify(&id, typed).await.is_invalid("code", "invalid_code");
    }
    for typed in [json!(123_456), json!(["123456"]), json!(true), json!({"code": "123456"})] {
        let answer = app.api.post("/v1/otp/verify", json!({"session_id": id, "code": typed})).await;
        answer.is_invalid("code", "invalid_type");
    }
    assert_eq!(app.status(&id).await["attempts_remaining"], 5);
}

#[tokio::test]
async fn a_code_may_be_typed_in_any_digits_with_spaces_and_dashes() {
    let app = TestApp::start().await;
    let in_digits_of = |zero: char, code: &str| -> String {
        let digit = |byte: u8| char::from_u32(u32::from(zero) + u32::from(byte - b'0')).unwrap();
        code.bytes().map(digit).collect()
    };
    for zero in ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}', '\u{1d7ce}'] {
        let (id, code) = app.session(MAGIC).await;
        let code = in_digits_of(zero, &code);
        let (three, six): (String, String) = (code.chars().take(3).collect(), code.chars().skip(3).collect());
        let verified = app.verify(&id, &format!("\u{200f} {three}\u{a0}-\u{2013} {six}\u{200e} ")).await.success(200);
        assert_eq!(verified["status"], "verified", "{zero}");
    }
}

#[tokio::test]
async fn a_code_of_another_session_is_wrong() {
    let app = TestApp::start().await;
    let (one, _) = app.session("+12025550120").await;
    let (_, mut other) = app.session("+12025550121").await;
    if app.code(&one).await == other {
        other = other_than(&other);
    }
    app.verify(&one, &other).await.problem(422, "code_mismatch");
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found_whatever_its_id_looks_like() {
    let app = TestApp::start().await;
    let message = unused("msg");
    for id in [unused("otp").as_str(), &message, "otp_", "1", "", "../send", "otp_01K0Z3V8XKF3G9MZQ2W6C5T7RB"] {
        assert_eq!(app.verify(id, "123456").await.problem(404, "session_not_found"), json!({}), "{id}");
    }
    let answer = app.api.post("/v1/otp/verify", json!({"session_id": 7, "code": "123456"})).await;
    answer.is_invalid("session_id", "invalid_type");
}

#[tokio::test]
async fn of_many_right_codes_at_once_exactly_one_is_accepted() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let answers = join_all((0..60).map(|_| app.verify(&id, &code))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.problem(409, "session_already_verified");
    }
}

#[tokio::test]
async fn of_many_wrong_codes_at_once_exactly_five_are_charged() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let wrong = other_than(&code);
    let answers = join_all((0..40).map(|_| app.verify(&id, &wrong))).await;
    let mut left: Vec<Value> = Vec::new();
    for answer in &answers {
        if answer.status == 422 {
            left.push(answer.problem(422, "code_mismatch")["attempts_remaining"].clone());
        } else {
            answer.problem(410, "session_locked");
        }
    }
    left.sort_by_key(Value::as_u64);
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn twenty_wrong_codes_in_a_day_close_a_number_for_every_session() {
    let app = TestApp::start().await;
    let first_failure = app.clock.clone();
    let begin = whatotp_ports::Clock::now(&*first_failure);
    for _ in 0..4 {
        let (id, code) = app.session(ORDINARY).await;
        for _ in 0..5 {
            app.verify(&id, &other_than(&code)).await.problem(422, "code_mismatch");
        }
        app.advance(HOUR);
    }
    // No session is issued that could not be verified, for no purpose.
    for purpose in ["default", "payment"] {
        let body = json!({"to": ORDINARY, "channel": "whatsapp", "purpose": purpose});
        let refused = app.api.post("/v1/otp/send", body).await;
        let until = begin.plus(std::time::Duration::from_secs(24 * HOUR)).to_string();
        assert_eq!(refused.problem(429, "verify_limited"), json!({"retry_at": until}));
        assert_eq!(refused.retry_after(), 20 * HOUR);
    }

    // A day after the first failure there is room for one more.
    app.clock.set(begin.plus(std::time::Duration::from_secs(24 * HOUR)));
    let (id, code) = app.session(ORDINARY).await;
    assert_eq!(app.status(&id).await["attempts_remaining"], 5);
    app.verify(&id, &code).await.success(200);
}

/// Gives a day's twenty wrong codes, hour by hour.
async fn twenty_wrong_codes(app: &TestApp) {
    for _ in 0..4 {
        let (id, code) = app.session(ORDINARY).await;
        for _ in 0..5 {
            app.verify(&id, &other_than(&code)).await.problem(422, "code_mismatch");
        }
        app.advance(HOUR);
    }
}

#[tokio::test]
async fn the_last_wrong_code_of_a_day_says_from_when_on_there_are_more() {
    let app = TestApp::start().await;
    let mut last = (String::new(), String::new());
    for _ in 0..4 {
        last = app.session(ORDINARY).await;
        for _ in 0..5 {
            app.verify(&last.0, &other_than(&last.1)).await.problem(422, "code_mismatch");
        }
        app.advance(240);
    }
    let refused = app.verify(&last.0, &last.1).await;
    assert!(refused.problem(429, "verify_limited")["retry_at"].is_string());
    assert_eq!(refused.retry_after(), 24 * HOUR - 4 * 240);
}

#[tokio::test]
async fn a_hundred_wrong_codes_in_a_row_disable_a_number_until_somebody_unblocks_it() {
    let app = TestApp::start().await;
    let (first, first_code) = app.session(ORDINARY).await;
    app.advance(600);
    for _ in 0..5 {
        twenty_wrong_codes(&app).await;
        app.advance(48 * HOUR);
    }
    let send = || app.api.post("/v1/otp/send", json!({"to": ORDINARY, "channel": "whatsapp"}));
    for refused in [send().await, app.verify(&first, &first_code).await] {
        assert_eq!(refused.problem(429, "verify_limited"), json!({}));
        assert_eq!(refused.retry_after(), 86_400);
        assert!(refused.detail().contains("unblock"));
    }
}

#[tokio::test]
async fn short_codes_have_fewer_attempts() {
    let app = TestApp::start().await;
    let issue = async |to: &str, digits: u8, purpose: &str| {
        let body = json!({"to": to, "channel": "whatsapp", "length": digits, "purpose": purpose});
        app.api.post("/v1/otp/send", body).await
    };
    for (digits, attempts) in [(4, 3), (5, 3), (6, 5), (8, 5)] {
        let session = issue(MAGIC, digits, "login").await.success(200);
        assert_eq!(session["attempts_remaining"], attempts, "{digits} digits");
    }
    let session = issue(ORDINARY, 4, "login").await.success(200);
    assert_eq!(session["attempts_remaining"], 2, "an ordinary number has two a day");
    app.advance(30);
    let refused = issue(ORDINARY, 5, "payment").await;
    assert!(refused.problem(429, "verify_limited")["retry_at"].is_string());
    assert_eq!(refused.retry_after(), 270, "the open session holds them until its end");
    let session = issue(ORDINARY, 6, "payment").await.success(200);
    assert_eq!(session["attempts_remaining"], 5);
}

#[tokio::test]
async fn the_answer_to_a_request_that_may_not_verify_says_nothing_of_the_code() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let sender = app.key(whatotp_domain::Mode::Test, &[Scope::OtpSend, Scope::Read]).await;
    for typed in [&code, &other_than(&code)] {
        let answer = sender.post("/v1/otp/verify", json!({"session_id": id, "code": typed})).await;
        assert_eq!(answer.problem(403, "insufficient_scope"), json!({}));
    }
    assert_eq!(app.status(&id).await["attempts_remaining"], 5);
}
