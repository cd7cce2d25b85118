use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;
use whatotp_simulator::{Config, Quality, TemplateReview, TemplateStatus};

use super::super::client::Client;
use super::{PHONE, SENDER, Stage, WABA, config, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_read_listed_made_and_previewed() {
    let mut stage = Stage::start().await;
    let server = stage.serve();
    let early = stage.printed(&["templates", "sync"]);
    assert!(early.contains("ok    WABA") && early.contains("keys create --mode live"), "{early}");
    let nobody = stage.failed(&["templates", "list"]);
    assert!(nobody.contains("there is no account"), "{nobody}");
    stage.live_key();

    let synced = stage.printed(&["templates", "sync"]);
    assert!(synced.starts_with(&format!("ok    WABA {WABA}: ")) && synced.lines().count() == 1, "{synced}");
    let text = stage.printed(&["templates", "list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("NAME ") && lines[0].contains("CODE LIVES"), "{text}");
    let line = lines.iter().find(|line| line.contains("verification_code") && line.contains("en-US")).unwrap();
    assert!(line.contains("approved") && line.contains("600 s"), "{line}");
    let paused = lines.iter().find(|line| line.starts_with("appointment_reminder")).unwrap();
    assert_eq!(paused.find("paused"), line.find("approved"), "columns are aligned: {text}");
    let listed = stage.json(&["templates", "list", "--json"]);
    let code = listed.as_array().unwrap().iter().find(|one| one["name"] == "verification_code").unwrap();
    assert_eq!((&code["category"], &code["waba_id"]), (&json!("authentication"), &json!(WABA)));
    assert_eq!(code["translations"][0]["code_expires_after_seconds"], 600);

    let preview = stage.printed(&["templates", "preview-otp", "--languages", "en_US,es", "--expires-minutes", "7"]);
    let lines: Vec<&str> = preview.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("en-US  ") && lines[0].contains("7 minutes"), "{preview}");

    let made = stage.printed(&["templates", "create-otp", "--name", "login_code", "--languages", "en_US,pt_BR"]);
    assert!(made.starts_with("login_code  en-US  APPROVED\nlogin_code  pt-BR  APPROVED\nok    WABA"), "{made}");
    let text = stage.printed(&["templates", "list"]);
    assert_eq!(text.lines().filter(|line| line.starts_with("login_code") && line.contains("300 s")).count(), 2);

    let submit = ["templates", "submit", "--name", "ticket_update", "--language", "en_US", "--body"];
    let body = ["Your ticket {{ticket}} is closed.", "--example", "ticket=T-1"];
    let made = stage.printed(&[&submit[..], &body].concat());
    assert!(made.starts_with("ticket_update  en-US  APPROVED\n"), "{made}");
    let twice = stage.failed(&[&submit[..], &body].concat());
    assert!(twice.contains("WhatsApp refused"), "{twice}");

    for (arguments, said) in [
        (&[&submit[..], &["Hello {{name}}."]].concat()[..], "name"),
        (&["templates", "create-otp", "--languages", "es", "--button", "one-tap"], "--app"),
        (&["templates", "create-otp", "--languages", "es", "--sender", "1"], "senders list"),
    ] {
        let refused = stage.failed(arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    // Without its sender there is nobody to ask.
    for name in ["PHONE_NUMBER_ID", "WABA_ID", "ACCESS_TOKEN"] {
        stage.set(name, "");
    }
    drop(server);
    drop(stage.serve());
    let refused = stage.failed(&["templates", "sync"]);
    assert!(refused.contains("there is no sender") && refused.contains("senders add"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_is_being_looked_at_is_said_to_be() {
    let stage = Stage::with(Config { template_review: TemplateReview::Pending, ..config() }).await;
    let _server = stage.serve();
    stage.live_key();
    let made = stage.printed(&["templates", "create-otp", "--name", "login_code", "--languages", "en_US"]);
    assert!(made.starts_with("login_code  en-US  PENDING\n") && made.contains("templates list"), "{made}");
    stage.phones().set_template_status("login_code", "en_US", TemplateStatus::Approved, None).unwrap();
    stage.phones().settle().await;
    let text = stage.printed(&["templates", "list"]);
    assert!(text.lines().any(|line| line.starts_with("login_code") && line.contains("approved")), "{text}");
}

/// Meta answers a business that may not create authentication templates in the code for missing permissions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_that_is_not_verified_is_told_so() {
    let mut stage = Stage::start().await;
    drop(stage.serve());
    let (url, asked) = refusing_everybody();
    stage.set("BASE_URL", &url);
    drop(stage.builder().start());
    let refused = stage.failed(&["templates", "create-otp", "--languages", "en_US"]);
    assert!(refused.contains("(10)") && refused.contains("Verify the business"), "{refused}");
    assert!(refused.contains("a messaging limit of at least 2,000"), "{refused}");
    assert!(asked.try_iter().any(|line| line.contains("upsert_message_templates")));
}

/// A server that answers every request with Meta's refusal. Returns where it is, and the requests as they come.
fn refusing_everybody() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let error = json!({"message": "(#10) Application does not have permission for this action",
            "type": "OAuthException", "code": 10, "error_subcode": 2_388_185, "fbtrace_id": "A1",
            "error_user_title": "Permission denied",
            "error_user_msg": "You do not have permission to create message templates."});
        let body = json!({ "error": error }).to_string();
        let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n";
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut some) = (Vec::new(), [0; 4096]);
            // The head is enough: what was asked for stands in its first line.
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                let read = stream.read(&mut some).unwrap();
                request.extend_from_slice(&some[..read]);
                if read == 0 {
                    break;
                }
            }
            let _ = tell.send(String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned());
            // It may have gone without waiting for an answer.
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_what_happened_and_what_to_do() {
    let stage = Stage::start().await;
    let server = stage.serve();
    let client = Client::new(&server, &stage.live_key());
    assert_eq!(stage.printed(&["events"]), "Nothing happened that needs a person.\n");
    assert_eq!(stage.json(&["events", "--json"]), json!([]));
    assert_eq!(send(&client, PHONE).await.status, 200);

    let phones = stage.phones();
    phones.set_template_status("verification_code", "en_US", TemplateStatus::Paused, None).unwrap();
    phones.settle().await;
    phones.set_sender_quality(SENDER, Quality::Red, "FLAGGED", "TIER_2K").unwrap();
    phones.account_update(SENDER, "ACCOUNT_RESTRICTION").unwrap();
    phones.settle().await;
    let events = stage.json(&["events", "--json"]);
    let kinds: Vec<&str> = events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "template_paused", "{events}");
    assert!(kinds.contains(&"sender_quality") && kinds.contains(&"account_update"), "{kinds:?}");
    assert_eq!((&events[0]["needs_attention"], events.as_array().unwrap().len()), (&json!(true), 3));

    let text = stage.printed(&["events"]);
    let line = text.lines().next().unwrap();
    assert!(line.starts_with("! ") && line.contains("template_paused") && line.contains("verification_code"), "{text}");
    let (_, remedies) = text.split_once("What to do").unwrap();
    for kind in ["template_paused", "sender_quality", "account_update"] {
        assert!(remedies.contains(kind), "{text}");
    }
    assert_eq!(stage.json(&["events", "--json", "--limit", "1"]).as_array().unwrap().len(), 1);

    // Codes go out in the languages that are left.
    let sent = send(&client, "+14155550124").await;
    assert_eq!(sent.status, 200, "{sent:?}");
    assert_ne!(stage.phones().messages(Some("+14155550124"))[0].language, "en_US");
}
