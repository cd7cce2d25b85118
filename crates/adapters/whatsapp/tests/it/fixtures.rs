//! Senders and messages of the tests.

use std::sync::Arc;
use std::time::Duration;

use whatotp_domain::{
    AccountId, AccountScope, Code, CodeLength, DeliveryId, Locale, MessageTemplate, Mode, PhoneNumber, SenderId,
    TemplateBody, TemplateButton, TemplateCategory, TemplateHeader, TemplateId, Timestamp, Translation, Variables,
    WabaId,
};
use whatotp_ports::{Content, Endpoint, Origin, OutboundMessage, Sender};
use whatotp_whatsapp::{CloudApi, Timeouts};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

pub(crate) fn cloud_api() -> CloudApi {
    CloudApi::new(Timeouts::default()).unwrap()
}

/// For what is to run out of time.
pub(crate) fn impatient() -> CloudApi {
    CloudApi::new(Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(2) }).unwrap()
}

pub(crate) fn sender(base_url: &str) -> Sender {
    Sender {
        id: SenderId::parse("106540352242922").unwrap(),
        waba: WabaId::parse("102290129340398").unwrap(),
        endpoint: Endpoint {
            base_url: base_url.to_owned(),
            api_version: "v25.0".to_owned(),
            messages_path: "/{version}/{phone_number_id}/messages".to_owned(),
            templates_path: "/{version}/{waba_id}/message_templates".to_owned(),
            auth_header: "Authorization".to_owned(),
            auth_prefix: "Bearer ".to_owned(),
        },
        access_token: "EAAJtoken".to_owned().into(),
    }
}

pub(crate) fn origin(sender: Sender) -> Origin {
    Origin { sender: Arc::new(sender), otp_template: "verification_code".to_owned() }
}

pub(crate) fn locale(text: &str) -> Locale {
    Locale::parse(text).unwrap()
}

pub(crate) fn code() -> Content {
    Content::Code { code: Code::from_number(7_401, CodeLength::DEFAULT), locale: Some(locale("en-US")) }
}

pub(crate) fn message(base_url: &str, content: Content) -> OutboundMessage {
    OutboundMessage {
        scope: AccountScope { account: AccountId::new(NOW, [1; 10]), mode: Mode::Live },
        delivery: DeliveryId::new(NOW, [7; 10]),
        origin: Some(origin(sender(base_url))),
        to: PhoneNumber::parse("+14155550123").unwrap(),
        content,
        attempt: 1,
    }
}

pub(crate) fn body(text: &str) -> TemplateBody {
    TemplateBody::parse(text).unwrap()
}

pub(crate) fn templated(
    header: Option<TemplateHeader>,
    text: &str,
    buttons: Vec<TemplateButton>,
    variables: &[(&str, &str)],
) -> Content {
    let translation = Translation { header, buttons, ..Translation::of_body(locale("pt-BR"), body(text)) };
    let id = TemplateId::new(NOW, [3; 10]);
    let template =
        MessageTemplate::new(id, "order_update".to_owned(), TemplateCategory::Utility, vec![translation]).unwrap();
    let variables = Variables::new(variables.iter().copied()).unwrap();
    Content::Template { template: Box::new(template), locale: Some(locale("pt-BR")), variables }
}
