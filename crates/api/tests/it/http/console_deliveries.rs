//! The log of deliveries and the figures, as members see them.

use serde_json::{Value, json};
use whatotp_domain::Role;

use super::console_scene::{member, owner, stranger};
use crate::support::{Answer, MAGIC, NO_LIMITS, TestApp, text, unused};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|line| text(&line["id"])).collect()
}

fn found(answer: &Answer) -> Value {
    let page = answer.success(200);
    assert_eq!(page["complete"], true, "{page}");
    page
}

#[tokio::test]
async fn the_log_holds_codes_and_messages_with_who_asked_and_finds_them() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let sent = app.api.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp", "purpose": "login"})).await;
    let request = sent.header("x-request-id").unwrap().to_owned();
    let session = text(&sent.success(200)["session_id"]);
    app.tick();
    let message = app.message("+12025550101").await;
    app.deliver().await;

    let all = found(&people.api.get("/api/v1/deliveries?mode=test").await);
    assert_eq!(all["next_cursor"], Value::Null);
    let [newest, oldest] = all["data"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!(
        (&newest["id"], &newest["kind"], &newest["template_name"]),
        (&json!(message), &json!("message"), &json!("order_update"))
    );
    assert_eq!(
        (&oldest["kind"], &oldest["session_id"], &oldest["purpose"]),
        (&json!("code"), &json!(session), &json!("login"))
    );
    assert_eq!(
        (&oldest["to"], &oldest["country"], &oldest["request_id"]),
        (&json!("+1******0100"), &json!("US"), &json!(request))
    );
    let key = text(&oldest["key_id"]);
    assert!(app.app.list_keys(Some(app.account)).await.unwrap().iter().any(|one| one.id.to_string() == key));
    assert!(!all.to_string().contains("2025550100"), "no number in full");
    let code = text(&oldest["id"]);

    for (filter, expected) in [
        ("kind=code", vec![&code]),
        ("kind=message", vec![&message]),
        ("to=%2B12025550100", vec![&code]),
        (&format!("request_id={request}"), vec![&code]),
        (&format!("session_id={session}"), vec![&code]),
        (&format!("key_id={key}"), vec![&message, &code]),
        ("country=US", vec![&message, &code]),
        ("country=DE", vec![]),
        ("error=131026", vec![]),
    ] {
        let page = found(&people.api.get(&format!("/api/v1/deliveries?mode=test&{filter}")).await);
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let first = found(&people.api.get("/api/v1/deliveries?mode=test&limit=1").await);
    assert_eq!(ids(&first), std::slice::from_ref(&message));
    let next = format!("/api/v1/deliveries?mode=test&limit=1&cursor={}", text(&first["next_cursor"]));
    let second = found(&people.api.get(&next).await);
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![code], &Value::Null));
    assert_eq!(ids(&found(&people.api.get("/api/v1/deliveries").await)), [""; 0], "live is another log");
    people.api.get("/api/v1/deliveries?staus=read").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_delivery_shows_its_way_what_went_wrong_and_its_siblings() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let (session, code) = app.session(MAGIC).await;
    app.advance(60);
    app.api.post_nothing(&format!("/v1/otp/{session}/resend")).await.success(200);
    app.deliver().await;
    app.verify(&session, &code).await.success(200);
    let log = found(&people.api.get("/api/v1/deliveries?mode=test").await);
    let [resend, first] = ids(&log).try_into().unwrap();
    let detail = people.api.get(&format!("/api/v1/deliveries/{first}?mode=test")).await.success(200);
    assert_eq!((&detail["session_status"], &detail["key_name"].is_string()), (&json!("verified"), &true));
    assert_eq!(detail["siblings"].as_array().unwrap().len(), 1);
    assert_eq!(detail["siblings"][0]["id"], json!(resend));
    let steps: Vec<String> = detail["timeline"].as_array().unwrap().iter().map(|step| text(&step["status"])).collect();
    assert_eq!(steps[..2], ["queued", "accepted"]);

    let message = app.message(UNREACHABLE).await;
    app.deliver().await;
    let detail = people.api.get(&format!("/api/v1/deliveries/{message}?mode=test")).await.success(200);
    assert_eq!(detail["status"], "failed", "{detail}");
    for member in ["title", "meaning", "remedy"] {
        assert!(!text(&detail["error"][member]).is_empty(), "{detail}");
    }
    let failed = found(&people.api.get("/api/v1/deliveries?mode=test&status=failed").await);
    assert_eq!(ids(&failed), [message]);
}

/// A number that gets no message on WhatsApp.
const UNREACHABLE: &str = "+12025550103";

#[tokio::test]
async fn nobody_sees_the_log_of_another_account_and_not_everybody_takes_it_out() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let other = stranger(&app, &people.user).await;
    let message = app.message(MAGIC).await;
    let path = format!("/api/v1/deliveries/{message}");
    other.api.get(&format!("{path}?mode=test")).await.problem(404, "message_not_found");
    people.api.get(&path).await.problem(404, "message_not_found");
    people.api.get(&format!("/api/v1/deliveries/{}?mode=test", unused("msg"))).await.problem(404, "message_not_found");
    assert_eq!(ids(&found(&other.api.get("/api/v1/deliveries?mode=test").await)), [""; 0]);
    app.api.get("/api/v1/deliveries").await.problem(401, "session_required");

    for (role, may_export) in
        [(Role::Admin, true), (Role::Developer, false), (Role::Support, true), (Role::Viewer, false)]
    {
        let person = member(&app, &people.user, role).await;
        assert_eq!(ids(&found(&person.api.get("/api/v1/deliveries?mode=test").await)).len(), 1);
        let export = person.api.get("/api/v1/deliveries/export.csv?mode=test").await;
        if !may_export {
            export.problem(403, "permission_denied");
            continue;
        }
        assert_eq!(export.status, 200, "{export:?}");
        assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"deliveries.csv\""));
        let lines: Vec<&str> = export.text.split("\r\n").collect();
        assert_eq!(lines.len(), 3, "a head, a line, and the end");
        assert!(lines[1].starts_with(&format!("{message},message,'+1******0100,US,")), "{}", lines[1]);
        assert_eq!(lines[1].split(',').count(), lines[0].split(',').count());
    }
}

#[tokio::test]
async fn figures_match_an_independent_count() {
    let app = TestApp::with(NO_LIMITS).await;
    let (mut verified, mut sessions) = (0_u64, Vec::new());
    for n in 0..7_u64 {
        app.advance(1_000);
        let (session, code) = app.session("+14155550100").await;
        app.deliver_after(2_000 + n * 500).await;
        if n % 2 == 0 {
            app.verify(&session, &code).await.success(200);
            verified += 1;
        }
        sessions.push(session);
    }
    for to in ["+4915112345678", UNREACHABLE] {
        app.message(to).await;
        app.deliver_after(5_000).await;
    }
    // Counted out of what the product API says.
    let (mut delivered, mut read, mut times) = (0, 0, Vec::new());
    for session in &sessions {
        let way = &app.status(session).await["delivery"];
        let at = |status: &str| {
            let steps = way["timeline"].as_array().unwrap().iter();
            steps.filter(|step| step["status"] == status).map(|step| text(&step["at"])).next()
        };
        let [queued, arrived] = ["queued", "delivered"].map(at);
        if let Some(arrived) = arrived {
            delivered += 1;
            let ms = |text: &str| whatotp_domain::Timestamp::parse(text).unwrap().unix_ms();
            times.push(ms(&arrived) - ms(&queued.unwrap()));
        }
        read += u64::from(way["status"] == "read");
    }
    times.sort_unstable();
    let people = owner(&app).await;
    let other = stranger(&app, &people.user).await;
    let figures = people.api.get("/api/v1/stats?mode=test&by=country").await.success(200);
    let total = &figures["total"];
    let mut messages = [0_u64; 3];
    for message in app.api.get("/v1/messages").await.success(200)["data"].as_array().unwrap() {
        let status = text(&message["status"]);
        messages[0] += u64::from(matches!(&*status, "delivered" | "read"));
        messages[1] += u64::from(status == "read");
        messages[2] += u64::from(status == "failed");
    }
    assert_eq!(total["codes"], 7);
    assert_eq!(total["verified"], verified);
    assert_eq!(total["conversion"], 0.571);
    assert_eq!(total["delivered"], delivered + messages[0], "{figures}");
    assert_eq!(total["read"], read + messages[1]);
    assert_eq!((&total["failed"], messages[2]), (&json!(1), 1));
    assert_eq!(total["sent"], 8, "the one that failed was refused");
    assert_eq!(figures["complete"], true);
    let by_template = people.api.get("/api/v1/stats?mode=test&by=template").await.success(200);
    let codes = &by_template["groups"].as_array().unwrap().iter().find(|group| group["key"].is_null()).unwrap();
    assert_eq!((&codes["label"], &codes["sent"]), (&json!("codes"), &json!(7)));
    let rank = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
    assert_eq!(codes["time_to_deliver"], json!({"median_ms": rank(50), "p95_ms": rank(95)}), "{times:?}");
    let countries: Vec<(String, Value)> = figures["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (text(&group["key"]), group["sent"].clone()))
        .collect();
    assert_eq!(countries, [("US".to_owned(), json!(7)), ("DE".to_owned(), json!(1))]);
    let errors = people.api.get("/api/v1/stats?mode=test&by=error").await.success(200);
    assert_eq!(errors["groups"].as_array().unwrap().len(), 1, "{errors}");
    let hours = people.api.get("/api/v1/stats?mode=test&by=hour").await.success(200);
    let sum: u64 = hours["groups"].as_array().unwrap().iter().map(|group| group["sent"].as_u64().unwrap()).sum();
    assert_eq!(sum, 8);

    let overview = people.api.get("/api/v1/overview?mode=test").await.success(200);
    assert_eq!(overview["today"]["codes"], 7);
    assert_eq!(overview["countries"].as_array().unwrap().len(), 2);
    let theirs = other.api.get("/api/v1/stats?mode=test").await.success(200);
    assert_eq!((&theirs["total"]["codes"], &theirs["total"]["conversion"]), (&json!(0), &Value::Null));
    people
        .api
        .get("/api/v1/stats?by=hour&from=2026-01-01T00:00:00Z&to=2026-01-09T00:00:00Z")
        .await
        .problem(400, "invalid_request");
    people
        .api
        .get("/api/v1/stats?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z")
        .await
        .problem(400, "invalid_request");
}
