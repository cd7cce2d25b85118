//! The templates a business account starts with.

use super::authentication::{body_text, footer_text};
use super::{Button, Content, Header, ParameterFormat, Quality, Template, TemplateCategory, TemplateStatus, otp_url};

const CODE_EXPIRATION_MINUTES: u8 = 10;

pub(crate) fn templates(waba_id: &str, first_id: u64) -> Vec<Template> {
    let mut templates = Vec::new();
    for (language, label) in [("en_US", "Copy code"), ("es", "Copiar código"), ("pt_BR", "Copiar código")] {
        templates.push(authentication(language, label));
    }
    for (language, body) in [
        ("en", "Hello {{first_name}}, your order {{order_id}} is confirmed."),
        ("es", "Hola {{first_name}}, tu pedido {{order_id}} está confirmado."),
    ] {
        templates.push(Template { format: ParameterFormat::Named, ..utility("order_update", language, plain(body)) });
    }
    templates.push(utility("payment_received", "en", plain("We received your payment of {{1}} for invoice {{2}}.")));
    templates.push(utility("shipping_update", "en_US", shipping()));
    let paused = utility("appointment_reminder", "en", plain("Your appointment is on {{1}}."));
    templates.push(Template { status: TemplateStatus::Paused, quality: Quality::Red, ..paused });
    let rejected = utility("spring_sale", "en", plain("Everything is cheaper until {{1}}!"));
    templates.push(Template {
        status: TemplateStatus::Rejected,
        rejected_reason: "PROMOTIONAL".to_owned(),
        ..rejected
    });
    for (template, id) in templates.iter_mut().zip(first_id..) {
        template.id = id;
        waba_id.clone_into(&mut template.waba_id);
    }
    templates
}

fn authentication(language: &str, label: &str) -> Template {
    let content = Content {
        header: None,
        body: body_text(language, true),
        security_recommendation: Some(true),
        footer: Some(footer_text(language, CODE_EXPIRATION_MINUTES)),
        code_expiration_minutes: Some(CODE_EXPIRATION_MINUTES),
        buttons: vec![Button::Url { label: label.to_owned(), url: otp_url("COPY_CODE") }],
    };
    let template = utility("verification_code", language, content);
    Template { category: TemplateCategory::Authentication, ttl_seconds: Some(600), ..template }
}

fn utility(name: &str, language: &str, content: Content) -> Template {
    Template {
        id: 0,
        waba_id: String::new(),
        name: name.to_owned(),
        language: language.to_owned(),
        category: TemplateCategory::Utility,
        status: TemplateStatus::Approved,
        quality: Quality::Green,
        rejected_reason: "NONE".to_owned(),
        edits: Vec::new(),
        format: ParameterFormat::Positional,
        ttl_seconds: None,
        content,
    }
}

fn plain(body: &str) -> Content {
    Content {
        header: None,
        body: body.to_owned(),
        security_recommendation: None,
        footer: None,
        code_expiration_minutes: None,
        buttons: Vec::new(),
    }
}

fn shipping() -> Content {
    Content {
        header: Some(Header::Text("Order {{1}}".to_owned())),
        footer: Some("Thank you for shopping with us.".to_owned()),
        buttons: vec![Button::Url {
            label: "Track parcel".to_owned(),
            url: "https://shop.example/track/{{1}}".to_owned(),
        }],
        ..plain("Good news, {{1}}: your parcel arrives on {{2}}.")
    }
}
