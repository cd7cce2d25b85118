//! What the logs say of a failure, and what they never say.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use whatotp_ports::{Catalog as _, MessageChannel as _};
use whatotp_whatsapp::cloud_api::webhooks::parse;

use crate::fixtures::{NOW, cloud_api, code, message, sender};
use crate::server::Server;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Kept {
    /// The lines, since the last time.
    fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Of the test's number, code, token and message id.
const SECRETS: [&str; 4] = ["4155550123", "007401", "EAAJtoken", "wamid."];

#[tokio::test]
async fn a_failure_is_one_line_with_metas_trace_and_without_secrets() {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(kept.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let quoting = r#"{"error":{"code":132012,"message":"007401 to +14155550123 as wamid.HBgL","fbtrace_id":"Az8or"}}"#;
    for (status, body, codes) in [
        (200, r#"{"messages":[{"id":"wamid.HBgL"}]}"#, vec![]),
        (400, quoting, vec!["132012"]),
        (400, r#"{"error":{"code":131026,"fbtrace_id":"Az8or"}}"#, vec!["131026"]),
        (401, r#"{"error":{"code":190,"fbtrace_id":"Az8or"}}"#, vec!["190"]),
    ] {
        let server = Server::answering(&[(status, body)]).await;
        let outcome = cloud_api().send(&message(&server.url, code()), NOW).await;
        let lines = kept.lines();
        for secret in SECRETS {
            assert!(!format!("{outcome:?}").contains(secret), "{outcome:?}");
            assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:#?}");
        }
        let ours: Vec<&String> = lines.iter().filter(|line| line.contains("whatotp_whatsapp")).collect();
        assert_eq!(ours.len(), codes.len(), "{lines:#?}");
        for (line, code) in ours.iter().zip(codes) {
            for field in ["sender.id=106540352242922", &format!("error.code={code} "), "fbtrace_id=\"Az8or\""] {
                assert!(line.contains(field), "{line}");
            }
        }
    }

    let server = Server::answering(&[(200, r#"{"data":[{"name":"t","language":"wamid.x"}]}"#)]).await;
    assert_eq!(cloud_api().templates(&sender(&server.url)).await, Ok(Vec::new()));
    let broken = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[
        {"field":"messages","value":{"statuses":[{"id":"wamid.x","recipient_id":"14155550123"}]}}]}]}"#;
    assert_eq!(parse(broken, NOW), Ok(Vec::new()));
    let lines = kept.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("whatotp_whatsapp")).count(), 2, "{lines:#?}");
    assert!(!SECRETS.iter().any(|secret| lines.iter().any(|line| line.contains(secret))), "{lines:#?}");
}
