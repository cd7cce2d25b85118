use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::TemplateRef;
use whatotp_domain::{AuditAction, MessageTemplate, Permission, TemplateHeader, TemplateId, Translation};

use super::audit::audit;
use super::mode::scope_of;
use super::template_parts::{ButtonObject, ButtonRequest, Parts};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, json};
use crate::routes::paging::Paging;

/// A template in one language.
#[derive(Serialize, ToSchema)]
pub(crate) struct TranslationObject {
    /// The language.
    #[schema(example = "en")]
    locale: String,
    /// Where WhatsApp stands on it.
    #[schema(pattern = "^(draft|pending|approved|rejected|paused|disabled)$", example = "approved")]
    status: &'static str,
    /// What its recipients think of it: `red` is stopped soon.
    #[schema(pattern = "^(green|yellow|red|unknown)$", example = "green")]
    quality: &'static str,
    /// The line above the text, if it is one of text.
    #[schema(required = true)]
    header: Option<String>,
    /// The text.
    #[schema(example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// The line below the text.
    #[schema(required = true)]
    footer: Option<String>,
    /// The buttons, in their order.
    buttons: Vec<ButtonObject>,
}

impl From<&Translation> for TranslationObject {
    fn from(translation: &Translation) -> Self {
        let header = translation.header.as_ref().and_then(|header| match header {
            TemplateHeader::Text(text) => Some(text.as_str().to_owned()),
            TemplateHeader::Image | TemplateHeader::Video | TemplateHeader::Document => None,
        });
        Self {
            locale: translation.locale.to_string(),
            status: translation.status.as_str(),
            quality: translation.quality.as_str(),
            header,
            body: translation.body.as_str().to_owned(),
            footer: translation.footer.clone(),
            buttons: translation.buttons.iter().map(ButtonObject::from).collect(),
        }
    }
}

/// A template with all its languages.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateDetail {
    /// Its id.
    #[schema(example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Its name.
    #[schema(example = "order_update")]
    name: String,
    /// Meta's category.
    #[schema(pattern = "^(authentication|utility|marketing)$", example = "utility")]
    category: &'static str,
    /// Whether it can be sent.
    #[schema(pattern = "^(draft|pending|approved|rejected|paused|disabled)$", example = "approved")]
    status: &'static str,
    /// The worst that recipients think of any of its languages.
    #[schema(pattern = "^(green|yellow|red|unknown)$", example = "green")]
    quality: &'static str,
    /// The business account it belongs to; none in test mode.
    #[schema(required = true, example = "102290129340398")]
    waba_id: Option<String>,
    /// Its placeholders.
    #[schema(example = json!(["first_name", "order_id"]))]
    variables: Vec<String>,
    /// Its languages.
    translations: Vec<TranslationObject>,
}

impl From<&MessageTemplate> for TemplateDetail {
    fn from(template: &MessageTemplate) -> Self {
        Self {
            id: template.id().to_string(),
            name: template.name().to_owned(),
            category: template.category().as_str(),
            status: template.status().as_str(),
            quality: template.quality().as_str(),
            waba_id: template.waba().map(ToString::to_string),
            variables: template.placeholders(),
            translations: template.translations().map(TranslationObject::from).collect(),
        }
    }
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateDetails {
    /// Newest first.
    data: Vec<TemplateDetail>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List templates with their languages
///
/// Those that the account can send, and those that it cannot send any more.
#[utoipa::path(get, path = "/api/v1/templates", operation_id = "console_template_list", tag = "Console",
    params(
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
        ("cursor" = Option<String>, Query, pattern = "^tpl_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of templates.", body = TemplateDetails)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTemplates)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    let paging = Paging::take(&mut query, TemplateId::parse);
    query.finish(Some(()))?;
    let templates = ctx.app.list_templates(scope, paging.before, paging.rows()).await?;
    let (templates, next_cursor) = paging.cut(templates, |template| template.id().to_string());
    let data = templates.iter().map(TemplateDetail::from).collect();
    json(HttpResponse::Ok(), &TemplateDetails { data, next_cursor })
}

/// Get a template with its languages
///
/// One template, by its id.
#[utoipa::path(get, path = "/api/v1/templates/{template_id}", operation_id = "console_template_get", tag = "Console",
    params(
        ("template_id" = String, Path, description = "The template.", example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
    ),
    responses((status = 200, description = "The template.", body = TemplateDetail)))]
pub(crate) async fn get(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TemplateId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTemplates)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    query.finish(Some(()))?;
    let template = ctx.app.find_template(scope, &TemplateRef::Id(id.0)).await?;
    let template = template.ok_or_else(|| Problem::new(ErrorCode::TemplateNotFound))?;
    json(HttpResponse::Ok(), &TemplateDetail::from(&template))
}

/// A text that is to be looked at before it is handed in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct PreviewRequest {
    /// The line above the text, with at most one placeholder.
    #[schema(max_length = 60, example = "Order {{order_id}}")]
    header: Option<String>,
    /// The text, with its placeholders.
    #[schema(max_length = 1024, example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// The line below the text, without placeholders.
    #[schema(max_length = 60, example = "Thank you for shopping with us.")]
    footer: Option<String>,
    /// The buttons: at most two that open an address, one that rings, and quick replies together.
    #[schema(max_items = 10)]
    buttons: Option<Vec<ButtonRequest>>,
    /// What goes into the placeholders. A number in the header is called `header_1`, the end of the first button's address
    /// `button_0`.
    #[schema(example = json!({"first_name": "Ada"}))]
    variables: Option<BTreeMap<String, String>>,
}

/// What a text would look like.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preview {
    /// The line above the text, with its value.
    #[schema(required = true, example = "Order A-1001")]
    header: Option<String>,
    /// The text with its values; `null` while one is missing.
    #[schema(required = true, example = "Hi Ada, your order A-1001 is on its way.")]
    text: Option<String>,
    /// The line below the text.
    #[schema(required = true, example = "Thank you for shopping with us.")]
    footer: Option<String>,
    /// The buttons.
    buttons: Vec<ButtonObject>,
    /// Its placeholders.
    #[schema(example = json!(["first_name", "order_id"]))]
    variables: Vec<String>,
    /// Those without a value.
    #[schema(example = json!(["order_id"]))]
    missing: Vec<String>,
    /// Values without a placeholder.
    #[schema(example = json!([]))]
    unexpected: Vec<String>,
}

/// Preview a template
///
/// Checks a template's parts and puts values into them. Nothing is stored or sent.
#[utoipa::path(post, path = "/api/v1/templates/preview", operation_id = "template_preview", tag = "Console",
    request_body = PreviewRequest,
    responses((status = 200, description = "What it would look like.", body = Preview)))]
pub(crate) async fn preview(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.may(Permission::ViewTemplates)?;
    let mut fields = Fields::of_json(&body.0)?;
    let parts = Parts::take(&mut fields, "variables");
    let parts = fields.finish(parts)?;
    let translation = parts.translation(ctx.app.policy().default_locale.clone())?;
    let variables = translation.placeholders();
    let (missing, unexpected) = match parts.values.check(&variables) {
        Ok(()) => (Vec::new(), Vec::new()),
        Err(mismatch) => (mismatch.missing, mismatch.unexpected),
    };
    let header = match &translation.header {
        Some(TemplateHeader::Text(text)) => {
            let value = translation.header.as_ref().and_then(TemplateHeader::variable);
            let value = value.and_then(|name| parts.values.get(&name));
            match (text.placeholders().first(), value) {
                (Some(name), Some(value)) => Some(text.as_str().replace(&["{{", name, "}}"].concat(), value)),
                _ => Some(text.as_str().to_owned()),
            }
        }
        _ => None,
    };
    let text = translation.body.render(&parts.values).filter(|_| missing.is_empty());
    let buttons = translation.buttons.iter().map(ButtonObject::from).collect();
    json(
        HttpResponse::Ok(),
        &Preview { header, text, footer: translation.footer, buttons, variables, missing, unexpected },
    )
}

/// What a synchronisation brought.
#[derive(Serialize, ToSchema)]
pub(crate) struct SyncedObject {
    /// The business account.
    #[schema(example = "102290129340398")]
    waba_id: String,
    /// How many templates it has that can be sent from here; `null` when it could not be asked.
    #[schema(required = true, example = 3)]
    templates: Option<usize>,
    /// Why it could not be asked.
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
}

/// What the synchronisation of every business account brought.
#[derive(Serialize, ToSchema)]
pub(crate) struct SyncedList {
    /// One for each business account that the account sends from.
    data: Vec<SyncedObject>,
}

/// Synchronise the templates
///
/// Reads every template from Meta now, instead of at the next hour.
#[utoipa::path(post, path = "/api/v1/templates/sync", operation_id = "template_sync", tag = "Console",
    responses((status = 200, description = "What it brought.", body = SyncedList)))]
pub(crate) async fn sync(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageTemplates)?;
    body.nothing()?;
    let own = ctx.app.senders_of(account).await?;
    let senders = ctx.app.list_senders().await?;
    let mine = |waba: &whatotp_domain::WabaId| senders.iter().any(|one| one.waba == *waba && own.contains(&one.id));
    let synced = ctx.app.sync_templates().await?;
    audit(&ctx, &member, AuditAction::TemplatesSynchronised, (Some(account), account.to_string()), String::new())
        .await?;
    let data = synced.into_iter().filter(|one| mine(&one.waba)).map(|one| SyncedObject {
        waba_id: one.waba.to_string(),
        templates: one.templates.as_ref().ok().map(|(templates, _)| *templates),
        error: one.templates.err().map(|error| error.to_string()),
    });
    json(HttpResponse::Ok(), &SyncedList { data: data.collect() })
}
