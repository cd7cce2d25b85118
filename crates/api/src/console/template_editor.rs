use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::TemplateRef;
use whatotp_domain::{Locale, Permission, TemplateButton, TemplateHeader, TemplateId, Translation};

use super::frame::{Frame, Section, scope};
use super::{Asked, page};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Member, Problem};

/// As many buttons as WhatsApp allows.
const BUTTONS: usize = 10;

#[derive(Template)]
#[template(path = "console/template_edit.html")]
struct Editor {
    frame: Frame,
    /// The call that the form makes.
    call: String,
    back: String,
    /// The template that is changed; none when it is new.
    known: Option<Known>,
    language: String,
    header: String,
    body: String,
    footer: String,
    buttons: Vec<ButtonRow>,
}

struct Known {
    name: String,
    category: &'static str,
}

/// A button in the form. Those that are not used are there, hidden.
#[derive(Default)]
struct ButtonRow {
    used: bool,
    kind: &'static str,
    label: String,
    url: String,
    number: String,
}

impl From<&TemplateButton> for ButtonRow {
    fn from(button: &TemplateButton) -> Self {
        let (kind, label, number) = match button {
            TemplateButton::Url { label, .. } | TemplateButton::UrlWithVariable { label, .. } => ("url", label, ""),
            TemplateButton::Phone { label, number } => ("phone", label, number.as_str()),
            TemplateButton::QuickReply { label } | TemplateButton::Other { label } => ("quick_reply", label, ""),
            TemplateButton::Otp(_) => return Self::default(),
        };
        let url = button.address().unwrap_or_default();
        Self { used: true, kind, label: label.clone(), url, number: number.to_owned() }
    }
}

fn rows(buttons: &[TemplateButton]) -> Vec<ButtonRow> {
    let unused = std::iter::repeat_with(ButtonRow::default);
    buttons.iter().map(ButtonRow::from).chain(unused).take(BUTTONS).collect()
}

pub(super) async fn new(member: Member, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let scope = scope(&member, Permission::ManageTemplates, &Asked::of(&request))?;
    let frame = Frame::new(&member, Section::Templates, scope.mode);
    let call = if frame.test { "POST /api/v1/templates" } else { "POST /api/v1/templates/submit" };
    page(&Editor {
        call: call.to_owned(),
        back: format!("/console/templates{}", frame.suffix),
        frame,
        known: None,
        language: "en".to_owned(),
        header: String::new(),
        body: String::new(),
        footer: String::new(),
        buttons: rows(&[]),
    })
}

pub(super) async fn edit(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request);
    let scope = scope(&member, Permission::ManageTemplates, &asked)?;
    let nowhere = || Problem::new(ErrorCode::TemplateNotFound);
    let id = TemplateId::parse(&id).map_err(|_malformed| nowhere())?;
    let template = ctx.app.find_template(scope, &TemplateRef::Id(id)).await?.ok_or_else(nowhere)?;
    let locale = Locale::parse(&asked.get("locale"));
    let translation: &Translation = template.translation(locale.as_ref(), &ctx.app.policy().default_locale);
    let frame = Frame::new(&member, Section::Templates, scope.mode);
    page(&Editor {
        call: format!("PATCH /api/v1/templates/{id}{}", frame.suffix),
        back: format!("/console/templates/{id}{}", frame.suffix),
        known: Some(Known { name: template.name().to_owned(), category: template.category().as_str() }),
        language: translation.locale.to_string(),
        header: match &translation.header {
            Some(TemplateHeader::Text(text)) => text.as_str().to_owned(),
            _ => String::new(),
        },
        body: translation.body.as_str().to_owned(),
        footer: translation.footer.clone().unwrap_or_default(),
        buttons: rows(&translation.buttons),
        frame,
    })
}
