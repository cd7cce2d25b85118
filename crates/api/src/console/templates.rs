use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::TemplateRef;
use whatotp_domain::{
    MessageTemplate, Permission, SenderQuality, TemplateButton, TemplateCategory, TemplateHeader, TemplateId,
    TemplateStatus, Translation,
};

use super::frame::{Frame, Section, scope};
use super::shown::Status;
use super::{Asked, page};
use crate::context::Context;
use crate::docs::message_samples;
use crate::errors::ErrorCode;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/templates.html")]
struct List {
    frame: Frame,
    may_manage: bool,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    body: String,
    status: Status,
    quality: Option<Status>,
    category: &'static str,
    languages: Vec<String>,
    variables: Vec<String>,
}

pub(super) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request);
    let scope = scope(&member, Permission::ViewTemplates, &asked)?;
    let paging = asked.paging(TemplateId::parse);
    let found = ctx.app.list_templates(scope, paging.before, paging.rows()).await?;
    let (found, next) = paging.cut(found, |template| template.id().to_string());
    let default_locale = &ctx.app.policy().default_locale;
    let rows = found.iter().map(|template| Row {
        id: template.id().to_string(),
        name: template.name().to_owned(),
        body: template.translation(None, default_locale).body.as_str().to_owned(),
        status: template.status().into(),
        quality: quality(template.quality()),
        category: template.category().as_str(),
        languages: template.locales().map(ToString::to_string).collect(),
        variables: template.placeholders(),
    });
    page(&List {
        frame: Frame::new(&member, Section::Templates, scope.mode),
        may_manage: member.user.role.may(Permission::ManageTemplates),
        rows: rows.collect(),
        next: asked.next("/console/templates", next),
    })
}

#[derive(Template)]
#[template(path = "console/template.html")]
struct Detail {
    frame: Frame,
    id: String,
    name: String,
    status: Status,
    category: &'static str,
    may_manage: bool,
    /// Whether its texts are written here, and not by WhatsApp.
    may_edit: bool,
    texts: Vec<Text>,
    samples: Vec<(&'static str, String)>,
}

struct Text {
    language: String,
    status: Status,
    quality: Option<Status>,
    /// Why it cannot be changed here; empty when it can.
    closed: &'static str,
    header: String,
    body: String,
    footer: String,
    buttons: Vec<String>,
}

impl From<&Translation> for Text {
    fn from(translation: &Translation) -> Self {
        Self {
            language: translation.locale.to_string(),
            status: translation.status.into(),
            quality: quality(translation.quality),
            closed: closed(translation),
            header: match &translation.header {
                None => String::new(),
                Some(TemplateHeader::Text(text)) => text.as_str().to_owned(),
                Some(TemplateHeader::Image) => "[picture]".to_owned(),
                Some(TemplateHeader::Video) => "[film]".to_owned(),
                Some(TemplateHeader::Document) => "[file]".to_owned(),
            },
            body: translation.body.as_str().to_owned(),
            footer: translation.footer.clone().unwrap_or_default(),
            buttons: translation.buttons.iter().map(label).collect(),
        }
    }
}

fn closed(translation: &Translation) -> &'static str {
    let is_open =
        matches!(translation.status, TemplateStatus::Approved | TemplateStatus::Rejected | TemplateStatus::Paused);
    if !translation.is_written_here() {
        "It has parts that only WhatsApp Manager can write: change it there."
    } else if is_open {
        ""
    } else {
        "WhatsApp takes changes of approved, rejected and paused texts only."
    }
}

fn label(button: &TemplateButton) -> String {
    match button {
        TemplateButton::Otp(_) => "Copy code".to_owned(),
        TemplateButton::Url { label, .. } | TemplateButton::UrlWithVariable { label, .. } => format!("↗ {label}"),
        TemplateButton::QuickReply { label } => format!("↩ {label}"),
        TemplateButton::Phone { label, .. } => format!("☎ {label}"),
        TemplateButton::Other { label } => label.clone(),
    }
}

/// In words, too. Nothing is said of what nobody has judged yet.
const fn quality(quality: SenderQuality) -> Option<Status> {
    match quality {
        SenderQuality::Green => Some(Status::good("quality green")),
        SenderQuality::Yellow => Some(Status::warn("quality yellow")),
        SenderQuality::Red => Some(Status::bad("quality red")),
        SenderQuality::Unknown => None,
    }
}

pub(super) async fn detail(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let scope = scope(&member, Permission::ViewTemplates, &Asked::of(&request))?;
    let nowhere = || Problem::new(ErrorCode::TemplateNotFound);
    let id = TemplateId::parse(&id).map_err(|_malformed| nowhere())?;
    let template = ctx.app.find_template(scope, &TemplateRef::Id(id)).await?.ok_or_else(nowhere)?;
    page(&Detail {
        frame: Frame::new(&member, Section::Templates, scope.mode),
        id: template.id().to_string(),
        name: template.name().to_owned(),
        status: template.status().into(),
        category: template.category().as_str(),
        may_manage: member.user.role.may(Permission::ManageTemplates),
        may_edit: template.category() != TemplateCategory::Authentication,
        texts: template.translations().map(Text::from).collect(),
        samples: samples(&template),
    })
}

/// The guide's programs that send a message, with this template in the place of the guide's.
fn samples(template: &MessageTemplate) -> Vec<(&'static str, String)> {
    let names = template.placeholders();
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\": \"…\"")).collect();
    let quoted = format!("{{{}}}", quoted.join(", "));
    let sample = |(label, code): (&'static str, &str)| {
        let code = code.replace("order_update", template.name());
        let code = code.replace(r#"{"first_name": "Ada", "order_id": "1042"}"#, &quoted);
        (label, code.replace(r#"{ first_name: "Ada", order_id: "1042" }"#, &quoted))
    };
    message_samples().into_iter().map(sample).collect()
}
