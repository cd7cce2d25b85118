use super::{OTHER_SENDER, SENDER, Stage, WABA, with_two_senders};

/// The lines of `whatotp doctor` about this, with their marks.
fn about<'a>(text: &'a str, subject: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line[6..].starts_with(subject)).collect()
}

/// A running server, and settings under which `whatotp doctor` finds it.
async fn healthy() -> (Stage, whatotp_testkit::ServerProcess) {
    let mut stage = Stage::with(with_two_senders()).await;
    let server = stage.serve();
    stage.set_any("WHATOTP_LISTEN", server.base_url().trim_start_matches("http://"));
    stage.live_key();
    (stage, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_well_with_a_sender_that_works() {
    let (stage, _server) = healthy().await;
    let text = stage.printed(&["doctor"]);
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    let [sender] = about(&text, "sender")[..] else { panic!("{text}") };
    assert!(sender.contains(SENDER) && sender.contains("verification_code in en-US"), "{sender}");
    let [webhooks] = about(&text, "webhooks")[..] else { panic!("{text}") };
    assert!(webhooks.contains("published"), "an app that is not published gets no real webhooks: {webhooks}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_sender_is_said_with_what_to_do() {
    let (mut stage, _server) = healthy().await;
    let failing = |stage: &Stage, subject: &str, said: &[&str]| {
        let text = stage.failed(&["doctor"]);
        let failing: Vec<&str> = text.lines().filter(|line| line.starts_with("FAIL")).collect();
        let [line] = failing[..] else { panic!("{text}") };
        assert!(line[6..].starts_with(subject), "{line}");
        for part in said {
            assert!(line.contains(part), "{part:?} is not in: {line}");
        }
    };
    stage.phones().revoke_token();
    failing(&stage, "sender", &[SENDER, "(190)", "Give the sender a new access token"]);
    stage.phones().restore_token();

    // 600 seconds are what the template says.
    stage.set_any("WHATOTP_OTP__DEFAULT_EXPIRES_IN_SECONDS", "600");
    stage.printed(&["doctor"]);
    stage.printed(&["templates", "create-otp", "--languages", "en_US", "--expires-minutes", "1"]);
    failing(&stage, "sender", &["600 s", "60 s", "otp.default_expires_in_seconds", "verification_code"]);
    stage.set_any("WHATOTP_OTP__DEFAULT_EXPIRES_IN_SECONDS", "60");
    stage.printed(&["doctor"]);

    let secret = "simulator-app-secret";
    stage.set("APP_SECRET", "");
    failing(&stage, "webhooks", &["whatsapp.app_secret", "restart"]);
    stage.set("APP_SECRET", secret);
    stage.set("VERIFY_TOKEN", "");
    failing(&stage, "webhooks", &["whatsapp.verify_token"]);
    stage.set("VERIFY_TOKEN", "simulator-verify-token");

    let add = ["senders", "add", "--phone-number-id", OTHER_SENDER, "--waba-id", WABA, "--access-token-file", "-"];
    let with = |more: &[&str]| {
        let ran = stage.run_with_input(&[&add, more].concat(), "token-of-the-second");
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    with(&["--otp-template", "no_such_template"]);
    failing(&stage, "sender", &[OTHER_SENDER, "no template no_such_template", "templates create-otp"]);

    let account = stage.json(&["keys", "list", "--json"])[0]["account_id"].as_str().unwrap().to_owned();
    with(&["--account", &account]);
    stage.printed(&["doctor"]);
    stage.printed(&["senders", "use", "--account", &account]);
    failing(&stage, "sender", &[OTHER_SENDER, "no account uses it", "senders use"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_no_server_has_stored_yet_is_said_to_be_none() {
    let stage = Stage::start().await;
    stage.live_key();
    let text = stage.failed(&["doctor"]);
    let [sender] = about(&text, "sender")[..] else { panic!("{text}") };
    assert!(sender.starts_with("FAIL") && sender.contains("whatotp serve"), "{sender}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_shows_no_secret() {
    let mut stage = Stage::start().await;
    stage.set("PREVIOUS_APP_SECRET", "the-secret-before");
    let text = stage.printed(&["config"]);
    for key in ["access_token", "app_secret", "previous_app_secret", "verify_token"] {
        let line = text.lines().find(|line| line.starts_with(&format!("whatsapp.{key} "))).unwrap();
        assert!(line.contains("[REDACTED]") && line.contains("WHATOTP_WHATSAPP__"), "{line}");
    }
    for secret in [super::TOKEN, "simulator-app-secret", "the-secret-before", "simulator-verify-token"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains(SENDER));
}
