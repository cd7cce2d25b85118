//! What is of one account is not there for another: every route of the document, with every id that is somebody else's.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_domain::Mode;

use crate::support::{Answer, Client, MAGIC, NO_LIMITS, Operation, TestApp, operations, order_update, text, unused};

/// What an account has, and another one would like to get at.
struct Prey {
    session: String,
    code: String,
    message: String,
    template: String,
}

impl Prey {
    async fn of(app: &TestApp) -> Self {
        let (session, code) = app.session(MAGIC).await;
        let message = app.message(MAGIC).await;
        let template = text(&app.api.get("/v1/templates").await.success(200)["data"][0]["id"]);
        Self { session, code, message, template }
    }

    /// The same in name only: ids that nobody has.
    fn nobodys(&self) -> Self {
        Self { session: unused("otp"), code: self.code.clone(), message: unused("msg"), template: unused("tpl") }
    }

    /// All that its owner can see of it.
    async fn seen_by(&self, owner: &Client) -> Vec<Value> {
        let mut seen = Vec::new();
        for path in [
            format!("/v1/otp/{}", self.session),
            format!("/v1/messages/{}", self.message),
            format!("/v1/templates/{}", self.template),
            "/v1/messages".to_owned(),
            "/v1/sandbox/messages".to_owned(),
        ] {
            seen.push(owner.get(&path).await.success(200));
        }
        seen
    }

    /// Calls an operation with these ids wherever it takes one. `None` when it takes none.
    async fn hunted_by(&self, hunter: &Client, operation: &Operation) -> Option<Answer> {
        let path = operation.path.replace("{session_id}", &self.session);
        let path = path.replace("{message_id}", &self.message).replace("{template_id}", &self.template);
        let body = match operation.id() {
            "otp_verify" => json!({"session_id": self.session, "code": self.code}),
            "message_send" => {
                let mut body = order_update(MAGIC);
                body["template_id"] = json!(self.template);
                body
            }
            _ if path == operation.path => return None,
            _ => json!({}),
        };
        let get = operation.method == Method::GET;
        Some(if get { hunter.get(&path).await } else { hunter.post(&path, body).await })
    }

    /// Lists that are asked for what belongs to one of these ids.
    fn lists(&self) -> [String; 4] {
        [
            format!("/v1/sandbox/messages?session_id={}", self.session),
            format!("/v1/sandbox/messages?message_id={}", self.message),
            format!("/v1/messages?template_id={}", self.template),
            "/v1/messages".to_owned(),
        ]
    }
}

/// Whatever could tell two answers apart, but for what differs between any two.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let differs = ["date", "x-request-id", "ratelimit"];
    let headers = answer.headers.iter().filter(|(name, _)| !differs.contains(&name.as_str()));
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    headers.sort_unstable();
    let mut body = answer.body();
    body["request_id"].take();
    (answer.status, headers, body)
}

#[tokio::test]
async fn every_route_knows_somebody_elses_ids_as_little_as_nobodys() {
    let app = TestApp::with(NO_LIMITS).await;
    let prey = Prey::of(&app).await;
    let nobodys = prey.nobodys();
    let before = prey.seen_by(&app.api).await;
    for hunter in [app.stranger().await, app.key(Mode::Live, &[]).await] {
        let mut tried = 0;
        for operation in operations().iter().filter(|operation| operation.needs_a_key()) {
            let Some(answer) = prey.hunted_by(&hunter, operation).await else { continue };
            let same_of_nobodys = nobodys.hunted_by(&hunter, operation).await.unwrap();
            // Without a sender, live mode refuses to send before it looks at anything.
            let is_refused = answer.status == 404 || answer.status == 503;
            assert!(is_refused, "{}: {answer:?}", operation.id());
            assert_eq!(told(&answer), told(&same_of_nobodys), "{}", operation.id());
            tried += 1;
        }
        assert_eq!(tried, 9, "operations that take an id");
        for list in prey.lists() {
            let listed = hunter.get(&list).await;
            let sandbox_of_live = listed.status == 403 && list.contains("sandbox");
            assert!(sandbox_of_live || listed.success(200)["data"] == json!([]), "{list}: {listed:?}");
        }
    }
    assert_eq!(prey.seen_by(&app.api).await, before, "and none of it did anything");
    app.verify(&prey.session, &prey.code).await.success(200);
}
