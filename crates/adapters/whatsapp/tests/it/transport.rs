//! What can go wrong below HTTP. Whatever may have left is never said to be unsent.

use std::time::Duration;

use whatotp_ports::{MessageChannel as _, SendOutcome, Stopped};
use whatotp_whatsapp::{CloudApi, Timeouts};

use crate::fixtures::{NOW, cloud_api, code, impatient, message};
use crate::server::{Act, Server, response};

async fn outcome(channel: &CloudApi, url: &str) -> SendOutcome {
    channel.send(&message(url, code()), NOW).await
}

/// An answer that says so many bytes more than it has.
fn cut(status: u16, body: &str) -> Vec<u8> {
    let length = body.len() + 5;
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let mut hanging = Server::new(vec![Act::Hang, Act::Hang]).await;
    let no_tls = hanging.url.replace("http:", "https:");
    // Nobody listens at port 1 (tcpmux), and `.invalid` is never a host (RFC 6761).
    for url in ["http://127.0.0.1:1", "http://whatotp.invalid", &no_tls] {
        let outcome = outcome(&impatient(), url).await;
        let SendOutcome::Unavailable { error, stopped: Stopped::Nothing } = &outcome else {
            panic!("{url}: {outcome:?}")
        };
        assert_eq!(error.title, "WhatsApp not reached");
        assert!(!error.detail.contains("EAAJ"), "{}", error.detail);
    }
    assert!(hanging.request().is_none());
}

#[tokio::test]
async fn a_connect_deadline_as_long_as_the_whole_is_still_told_apart() {
    let hanging = Server::new(vec![Act::Hang]).await;
    let same = Duration::from_millis(300);
    let channel = CloudApi::new(Timeouts { connect: same, total: same }).unwrap();
    let outcome = outcome(&channel, &hanging.url.replace("http:", "https:")).await;
    assert!(matches!(outcome, SendOutcome::Unavailable { stopped: Stopped::Nothing, .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_left_and_got_no_whole_answer_may_have_been_sent() {
    let taken = r#"{"messages":[{"id":"wamid.x"}]}"#;
    let refused = r#"{"error":{"code":131026}}"#;
    let slow = || format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{taken}\r\n", taken.len());
    for (what, act) in [
        ("closed", Act::ReadAndClose),
        ("silent", Act::Hang),
        ("cut in the head", Act::Say(b"HTTP/1.1 200 X\r\ncontent-le".to_vec())),
        ("no HTTP", Act::Say(b"hello\r\n\r\n".to_vec())),
        ("cut in the body", Act::Say(cut(200, taken))),
        ("cut in the error", Act::Say(cut(400, refused))),
        ("cut between chunks", Act::Say(slow().into_bytes())),
    ] {
        let mut server = Server::new(vec![act]).await;
        let channel = if what == "silent" { impatient() } else { cloud_api() };
        let outcome = outcome(&channel, &server.url).await;
        assert!(
            matches!(&outcome, SendOutcome::Unknown { poll_at: None, error } if error.code == 900_003),
            "{what}: {outcome:?}"
        );
        assert!(server.request().is_some(), "{what}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let mut elsewhere = Server::answering(&[(200, r#"{"messages":[{"id":"wamid.x"}]}"#)]).await;
        let location = format!("location: {}/v25.0/1/messages\r\n", elsewhere.url);
        let server = Server::new(vec![Act::Say(response(status, &location, ""))]).await;
        let outcome = outcome(&cloud_api(), &server.url).await;
        assert!(
            matches!(&outcome, SendOutcome::Unknown { error, .. } if error.code == 900_000 + u32::from(status)),
            "{outcome:?}"
        );
        assert!(elsewhere.request().is_none(), "{status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let long = "x".repeat(64 * 1024 + 1);
    for (status, body) in [(200, format!(r#"{{"messages":[{{"id":"wamid.x"}}],"x":"{long}"}}"#)), (500, long)] {
        let server = Server::new(vec![Act::Say(response(status, "", &body))]).await;
        let outcome = outcome(&cloud_api(), &server.url).await;
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{status}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_after_twenty_requests() {
    let failures = vec![(503, ""); 30];
    let mut server = Server::answering(&failures).await;
    let channel = cloud_api();
    for _ in 0..20 {
        assert!(matches!(outcome(&channel, &server.url).await, SendOutcome::Unknown { .. }));
        assert!(server.request().is_some());
    }
    let refused = outcome(&channel, &server.url).await;
    assert!(matches!(&refused, SendOutcome::Unavailable { error, stopped: Stopped::Nothing } if error.code == 900_503));
    assert!(server.request().is_none());
    let later = channel.send(&message(&server.url, code()), NOW.plus(Duration::from_secs(10))).await;
    assert!(matches!(later, SendOutcome::Unknown { .. }));
    assert!(server.request().is_some(), "a probe is due after ten seconds");
}
