//! Templates and senders over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use whatotp_domain::{
    OtpButton, SenderQuality, TemplateButton, TemplateCategory, TemplateStatus, Translation, Variables,
};
use whatotp_ports::{AuthenticationDraft, Catalog as _, CatalogError, ProviderTemplate, Sender, Submitted};

use crate::fixtures::{body, cloud_api, locale, sender};
use crate::server::Server;
use crate::shared;

fn row(name: &str) -> Value {
    json!({
        "id": "1", "name": name, "language": "en_US", "status": "APPROVED", "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hi"}],
    })
}

fn page(names: &[&str], after: Option<&str>) -> String {
    let data: Vec<Value> = names.iter().map(|name| row(name)).collect();
    let next = after.map(|_| "https://graph.facebook.com/elsewhere?access_token=x");
    json!({"data": data, "paging": {"cursors": {"before": "b", "after": after.unwrap_or("end")}, "next": next}})
        .to_string()
}

async fn listed(answers: &[(u16, &str)]) -> (Result<Vec<String>, CatalogError>, Vec<String>) {
    let mut server = Server::answering(answers).await;
    let templates = cloud_api().templates(&sender(&server.url)).await;
    let asked = std::iter::from_fn(|| server.request().map(|request| request.line().to_owned())).collect();
    (templates.map(|all| all.into_iter().map(|template| template.name).collect()), asked)
}

fn draft(locales: &[&str]) -> AuthenticationDraft {
    AuthenticationDraft {
        name: "verification_code".to_owned(),
        locales: locales.iter().map(|text| locale(text)).collect(),
        code_expires_after: Duration::from_secs(600),
        security_recommendation: true,
        message_ttl: Duration::from_secs(600),
        button: OtpButton::CopyCode,
        apps: Vec::new(),
    }
}

fn reseller(base_url: &str) -> Sender {
    let mut sender = sender(base_url);
    sender.endpoint.messages_path = "/messages".to_owned();
    sender.endpoint.templates_path = "/v1/configs/templates".to_owned();
    sender
}

#[tokio::test]
async fn every_page_is_read() {
    let (first, second, third) = (page(&["a", "b"], Some("c1")), page(&[], Some("c2")), page(&["c"], None));
    let (names, asked) = listed(&[(200, &first), (200, &second), (200, &third)]).await;
    assert_eq!(names.unwrap(), ["a", "b", "c"]);
    let path = "GET /v25.0/102290129340398/message_templates?fields=id%2Cname%2Clanguage%2Cstatus%2Ccategory%2C\
                components%2Cparameter_format%2Cquality_score&limit=100";
    assert_eq!(asked, [path.to_owned(), format!("{path}&after=c1"), format!("{path}&after=c2")]);
}

#[tokio::test]
async fn a_stale_cursor_starts_the_listing_again_once() {
    let (first, all) = (page(&["a"], Some("c1")), page(&["a", "b"], None));
    let stale = r#"{"error":{"code":131059}}"#;
    let (names, asked) = listed(&[(200, &first), (400, stale), (200, &all)]).await;
    assert_eq!(names.unwrap(), ["a", "b"]);
    assert!(!asked[2].contains("after"));
    let (again, _) = listed(&[(200, &first), (400, stale), (200, &first), (400, stale)]).await;
    assert!(matches!(again, Err(CatalogError::Refused(error)) if error.code == 131_059));
}

#[tokio::test]
async fn a_list_without_end_is_given_up() {
    let page = page(&["a"], Some("same"));
    let (names, asked) = listed(&vec![(200, page.as_str()); 101]).await;
    assert!(matches!(names, Err(CatalogError::Unreachable(_))));
    assert_eq!(asked.len(), 100);
}

#[tokio::test]
async fn a_refusal_is_metas_and_an_answer_that_makes_no_sense_says_what_to_do() {
    let (refused, _) = listed(&[(401, r#"{"error":{"code":190,"message":"Session has expired"}}"#)]).await;
    let error = refused.unwrap_err();
    assert_eq!(error.to_string(), "WhatsApp refused: Access token has expired (190): Session has expired");
    for answer in ["", "{}", "<html>", r#"{"data":7}"#] {
        let (unread, _) = listed(&[(200, answer)]).await;
        assert!(matches!(unread, Err(CatalogError::Unreachable(_))), "{answer}");
    }
    let down = cloud_api().templates(&sender("http://whatotp.invalid")).await.unwrap_err();
    assert!(down.to_string().starts_with("There is no connection to WhatsApp ("), "{down}");
}

#[tokio::test]
async fn metas_own_list_is_read() {
    for (_, fixture) in shared::fixtures("response.list_templates") {
        let server = Server::answering(&[(200, &fixture.to_string())]).await;
        let templates = cloud_api().templates(&sender(&server.url)).await.unwrap();
        let names: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
        assert_eq!(names, ["hello_world", "2023_april_promo"]);
        assert!(templates.iter().all(|template| template.category == TemplateCategory::Marketing));
        assert_eq!(templates[1].translation.placeholders(), ["1", "2"]);
    }
}

#[tokio::test]
async fn an_authentication_template_is_made_in_all_its_languages_at_once() {
    let made = r#"{"data":[{"id":"1","status":"APPROVED","language":"en_US"},{"id":"2","status":"PENDING"}]}"#;
    let mut server = Server::answering(&[(200, made)]).await;
    let submitted = cloud_api().submit_authentication(&sender(&server.url), &draft(&["en-US", "es"])).await.unwrap();
    let made = |language: &str, status: &str| Submitted { locale: locale(language), status: status.to_owned() };
    assert_eq!(submitted, [made("en-US", "APPROVED"), made("es", "PENDING")]);
    let request = server.request().unwrap();
    assert_eq!(request.line(), "POST /v25.0/102290129340398/upsert_message_templates");
    assert_eq!(request.json()["languages"], json!(["en_US", "es"]));
}

#[tokio::test]
async fn a_reseller_makes_it_language_by_language() {
    let made = r#"{"id":"1","status":"PENDING","category":"AUTHENTICATION"}"#;
    let mut server = Server::answering(&[(200, made), (200, made)]).await;
    let submitted = cloud_api().submit_authentication(&reseller(&server.url), &draft(&["en-US", "es"])).await.unwrap();
    assert_eq!(submitted.len(), 2);
    for language in ["en_US", "es"] {
        let request = server.request().unwrap();
        assert_eq!(request.line(), "POST /v1/configs/templates");
        assert_eq!(request.json()["language"], language);
    }
}

#[tokio::test]
async fn another_template_is_handed_in() {
    let mut server = Server::answering(&[(200, r#"{"id":"1","status":"PENDING","category":"MARKETING"}"#)]).await;
    let template = ProviderTemplate {
        name: "welcome".to_owned(),
        category: TemplateCategory::Marketing,
        translation: Translation {
            status: TemplateStatus::Draft,
            buttons: vec![TemplateButton::QuickReply { label: "Stop".to_owned() }],
            ..Translation::of_body(locale("pt-BR"), body("Oi {{1}}"))
        },
    };
    let examples = Variables::new([("1", "Ada")]).unwrap();
    let submitted = cloud_api().submit(&sender(&server.url), &template, &examples).await.unwrap();
    assert_eq!(submitted, Submitted { locale: locale("pt-BR"), status: "PENDING".to_owned() });
    let request = server.request().unwrap();
    assert_eq!(request.line(), "POST /v25.0/102290129340398/message_templates");
    assert_eq!(request.json()["name"], "welcome");
    if let Some(schema) = shared::body_of_post("/{Version}/{WABA-ID}/message_templates") {
        let errors: Vec<String> = schema.iter_errors(&request.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

fn a_reminder() -> ProviderTemplate {
    let translation = Translation::of_body(locale("pt-BR"), body("Oi {{1}}, tudo bem?"));
    ProviderTemplate { name: "reminder".to_owned(), category: TemplateCategory::Utility, translation }
}

#[tokio::test]
async fn one_language_is_changed_under_the_id_that_meta_gave_it() {
    let known = r#"{"data":[{"id":"7","name":"reminder_2","language":"pt_BR"},{"id":"8","name":"reminder","language":"en"},
                    {"id":"594425479261596","name":"reminder","language":"pt_BR"}]}"#;
    let examples = Variables::new([("1", "Ada")]).unwrap();
    let mut server = Server::answering(&[(200, known), (200, r#"{"success":true}"#)]).await;
    let edited = cloud_api().edit(&sender(&server.url), &a_reminder(), &examples).await.unwrap();
    assert_eq!(edited, Submitted { locale: locale("pt-BR"), status: "PENDING".to_owned() });
    assert_eq!(
        server.request().unwrap().line(),
        "GET /v25.0/102290129340398/message_templates?name=reminder&language=pt_BR&fields=id%2Cname%2Clanguage&limit=100"
    );
    let request = server.request().unwrap();
    assert_eq!(request.line(), "POST /v25.0/594425479261596");
    assert_eq!(
        request.json(),
        json!({"category": "UTILITY", "components": [
            {"type": "BODY", "text": "Oi {{1}}, tudo bem?", "example": {"body_text": [["Ada"]]}},
        ]})
    );
    for known in [r#"{"data":[]}"#, r#"{"data":[{"id":"../8","name":"reminder","language":"pt_BR"}]}"#] {
        let server = Server::answering(&[(200, known)]).await;
        let gone = cloud_api().edit(&sender(&server.url), &a_reminder(), &examples).await.unwrap_err();
        assert!(gone.to_string().starts_with("WhatsApp does not have this template"), "{gone}");
    }
    let none = cloud_api().edit(&reseller("http://x"), &a_reminder(), &examples).await;
    assert!(matches!(none, Err(CatalogError::Unreachable(_))));
}

#[tokio::test]
async fn a_template_is_deleted_by_its_name() {
    let missing = r#"{"error":{"code":100,"error_subcode":2593002,"message":"Invalid parameter"}}"#;
    for (status, answer) in [(200, r#"{"success":true}"#), (404, missing)] {
        let mut server = Server::answering(&[(status, answer)]).await;
        cloud_api().delete(&sender(&server.url), "reminder").await.unwrap();
        assert_eq!(server.request().unwrap().line(), "DELETE /v25.0/102290129340398/message_templates?name=reminder");
    }
    let refused = r#"{"error":{"code":200,"message":"Permissions error"}}"#;
    let server = Server::answering(&[(403, refused)]).await;
    let error = cloud_api().delete(&sender(&server.url), "reminder").await.unwrap_err();
    assert!(matches!(error, CatalogError::Refused(ref why) if why.code == 200), "{error:?}");
    assert!(matches!(cloud_api().delete(&reseller("http://x"), "t").await, Err(CatalogError::Unreachable(_))));
}

#[tokio::test]
async fn the_text_of_an_authentication_template_is_shown_beforehand() {
    let previews = r#"{"data":[{"language":"en_US","body":"*{{1}}* is your code.","footer":"It expires.","buttons":[]},
                       {"language":"es","body":"*{{1}}*"}]}"#;
    let mut server = Server::answering(&[(200, previews)]).await;
    let texts = cloud_api().preview_authentication(&sender(&server.url), &draft(&["en-US", "es"])).await.unwrap();
    assert_eq!(
        texts,
        [(locale("en-US"), "*{{1}}* is your code.\nIt expires.".to_owned()), (locale("es"), "*{{1}}*".to_owned())]
    );
    assert_eq!(
        server.request().unwrap().line(),
        "GET /v25.0/102290129340398/message_template_previews?category=AUTHENTICATION&languages=en_US%2Ces\
         &add_security_recommendation=true&code_expiration_minutes=10&button_types=OTP"
    );
    let none = cloud_api().preview_authentication(&reseller(&server.url), &draft(&["en"])).await;
    assert!(matches!(none, Err(CatalogError::Unreachable(_))));
}

#[tokio::test]
async fn a_sender_tells_how_it_does() {
    for (answer, quality) in [
        (
            r#"{"display_phone_number":"+1 555-078-3881","verified_name":"Shop","quality_rating":"YELLOW","id":"1"}"#,
            SenderQuality::Yellow,
        ),
        (
            r#"{"display_phone_number":"+1 555-078-3881","verified_name":"Shop","quality_rating":"NA"}"#,
            SenderQuality::Unknown,
        ),
        (r#"{"display_phone_number":"+1 555-078-3881","verified_name":"Shop"}"#, SenderQuality::Unknown),
    ] {
        let mut server = Server::answering(&[(200, answer)]).await;
        let health = cloud_api().health(&sender(&server.url)).await.unwrap();
        assert_eq!(health.quality, quality);
        assert_eq!((health.display_phone_number.as_str(), health.verified_name.as_str()), ("+1 555-078-3881", "Shop"));
        assert_eq!(
            server.request().unwrap().line(),
            "GET /v25.0/106540352242922?fields=display_phone_number%2Cverified_name%2Cquality_rating%2C\
             status%2Cthroughput%2Cwhatsapp_business_manager_messaging_limit"
        );
    }
    assert!(matches!(cloud_api().health(&reseller("http://x")).await, Err(CatalogError::Unreachable(_))));
}
