//! Templates that are handed in to WhatsApp.

use std::time::Duration;

use whatotp_domain::{OtpButton, SenderId, Variables};
use whatotp_ports::AuthenticationDraft;
use whatotp_testkit::fixtures::sender_id;

use crate::fake_catalog::{LOGIN_CODE, locale, provider_template};
use crate::stage::Stage;

fn a_draft() -> AuthenticationDraft {
    AuthenticationDraft {
        name: LOGIN_CODE.to_owned(),
        locales: vec![locale("en"), locale("es")],
        code_expires_after: Duration::from_secs(300),
        security_recommendation: true,
        message_ttl: Duration::from_secs(300),
        button: OtpButton::CopyCode,
        apps: Vec::new(),
    }
}

#[tokio::test]
async fn a_template_is_handed_in_through_a_sender_that_there_is() {
    let stage = Stage::live([]).await;
    let submitted = stage.app.submit_authentication(&sender_id(1), &a_draft()).await.unwrap().unwrap().unwrap();
    let said: Vec<_> = submitted.iter().map(|one| (one.locale.as_str(), one.status.as_str())).collect();
    assert_eq!(said, [("en", "PENDING"), ("es", "PENDING")]);
    let preview = stage.app.preview_authentication(&sender_id(1), &a_draft()).await.unwrap().unwrap().unwrap();
    assert_eq!(preview[1], (locale("es"), "A preview in es.".to_owned()));
    let (news, examples) = (provider_template("news", "en", "{{1}}"), Variables::new([("1", "x")]).unwrap());
    let submitted = stage.app.submit_template(&sender_id(1), &news, &examples).await.unwrap().unwrap().unwrap();
    assert_eq!(submitted.locale, locale("en"));
}

#[tokio::test]
async fn nothing_is_handed_in_through_a_sender_that_there_is_not() {
    let stage = Stage::live([]).await;
    let nobody: SenderId = sender_id(9);
    assert!(stage.app.submit_authentication(&nobody, &a_draft()).await.unwrap().is_none());
    assert!(stage.app.preview_authentication(&nobody, &a_draft()).await.unwrap().is_none());
    let news = provider_template("news", "en", "Hello.");
    assert!(stage.app.submit_template(&nobody, &news, &Variables::default()).await.unwrap().is_none());
}
