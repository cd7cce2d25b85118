use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::TemplateRef;
use whatotp_domain::{
    AccountId, AuditAction, MessageTemplate, Permission, SenderId, TemplateBody, TemplateCategory, TemplateHeader,
    TemplateId, Translation, Variables,
};
use whatotp_ports::{CatalogError, ProviderTemplate};

use super::audit::audit;
use super::keys::bad_field;
use super::mode::scope_of;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::{Bad, sentence};
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};
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
    /// The line above the text, if it is one of text.
    #[schema(required = true)]
    header: Option<String>,
    /// The text.
    #[schema(example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// The line below the text.
    #[schema(required = true)]
    footer: Option<String>,
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
            header,
            body: translation.body.as_str().to_owned(),
            footer: translation.footer.clone(),
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
    /// The text, with its placeholders.
    #[schema(max_length = 1024, example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// What goes into them.
    #[schema(example = json!({"first_name": "Ada"}))]
    variables: Option<BTreeMap<String, String>>,
}

/// What a text would look like.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preview {
    /// The text with its values; `null` while one is missing.
    #[schema(required = true, example = "Hi Ada, your order A-1001 is on its way.")]
    text: Option<String>,
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
/// Checks a text and puts values into it. Nothing is stored or sent.
#[utoipa::path(post, path = "/api/v1/templates/preview", operation_id = "template_preview", tag = "Console",
    request_body = PreviewRequest,
    responses((status = 200, description = "What it would look like.", body = Preview)))]
pub(crate) async fn preview(member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.may(Permission::ViewTemplates)?;
    let mut fields = Fields::of_json(&body.0)?;
    let (body, variables) = (fields.required("body", template_body), fields.optional("variables", variables));
    let body = fields.finish(body)?;
    let variables = variables.unwrap_or_default();
    let (missing, unexpected) = match variables.check(body.placeholders()) {
        Ok(()) => (Vec::new(), Vec::new()),
        Err(mismatch) => (mismatch.missing, mismatch.unexpected),
    };
    let text = body.render(&variables).filter(|_| missing.is_empty());
    json(HttpResponse::Ok(), &Preview { text, variables: body.placeholders().to_vec(), missing, unexpected })
}

/// A template that is to be handed in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct SubmitRequest {
    /// Its name: small letters, digits and underscores.
    #[schema(pattern = "^[a-z0-9_]{1,512}$", example = "order_update")]
    name: String,
    /// What it is charged as. (WhatsApp writes the texts of authentication templates: `whatotp templates` makes those.)
    #[schema(pattern = "^(utility|marketing)$", example = "utility")]
    category: String,
    /// The language.
    #[schema(example = "en")]
    locale: String,
    /// The text, with its placeholders.
    #[schema(max_length = 1024, example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// An example for each of its placeholders: whoever decides about it reads these.
    #[schema(example = json!({"first_name": "Ada", "order_id": "A-1001"}))]
    examples: Option<BTreeMap<String, String>>,
}

/// What became of a template that was handed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubmittedObject {
    /// The language.
    #[schema(example = "en")]
    locale: String,
    /// WhatsApp's word for where it stands.
    #[schema(example = "PENDING")]
    status: String,
}

/// Submit a template
///
/// Hands one language of a template in to Meta, in the business account of the account's first sender. What is made of it
/// comes with the next synchronisation.
#[utoipa::path(post, path = "/api/v1/templates/submit", operation_id = "template_submit", tag = "Console",
    request_body = SubmitRequest,
    responses((status = 201, description = "It is handed in.", body = SubmittedObject)))]
pub(crate) async fn submit(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageTemplates)?;
    let mut fields = Fields::of_json(&body.0)?;
    let name = fields.required("name", f::parsed("invalid_name", "Use a to z, 0 to 9 and _.", template_name));
    let category = f::parsed("invalid_category", "Use utility or marketing.", |text| {
        TemplateCategory::parse(text).filter(|category| *category != TemplateCategory::Authentication)
    });
    let category = fields.required("category", category);
    let locale = fields.required("locale", f::locale);
    let body = fields.required("body", template_body);
    let examples = fields.optional("examples", variables);
    let ((name, category), (locale, body)) = fields.finish(name.zip(category).zip(locale.zip(body)))?;
    let examples = examples.unwrap_or_default();
    if let Err(mismatch) = examples.check(body.placeholders()) {
        return Err(Problem::new(ErrorCode::TemplateVariablesMismatch)
            .with("missing", mismatch.missing)
            .with("unexpected", mismatch.unexpected));
    }
    let sender = first_sender(&ctx, account).await?;
    let template = ProviderTemplate { name, category, translation: Translation::of_body(locale, body) };
    let submitted = ctx.app.submit_template(&sender, &template, &examples).await?.ok_or_else(no_sender)?;
    let submitted = submitted.map_err(|error| refused(&error))?;
    let detail = format!("{} ({})", template.name, submitted.locale);
    audit(&ctx, &member, AuditAction::TemplateSubmitted, (Some(account), template.name), detail).await?;
    let submitted = SubmittedObject { locale: submitted.locale.to_string(), status: submitted.status };
    json(HttpResponse::Created(), &submitted)
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

async fn first_sender(ctx: &Context, account: AccountId) -> Result<SenderId, Problem> {
    ctx.app.senders_of(account).await?.into_iter().next().ok_or_else(no_sender)
}

fn no_sender() -> Problem {
    Problem::new(ErrorCode::SenderNotFound).detail("Ask the operator for a sender: this account has none.")
}

/// What Meta said no to is told in its own words: they name the field.
fn refused(error: &CatalogError) -> Problem {
    match error {
        CatalogError::Refused(error) => {
            bad_field("body", "refused_by_whatsapp", format!("WhatsApp refused it: {} ({}).", error.detail, error.code))
        }
        CatalogError::Unreachable(_) => Problem::new(ErrorCode::ChannelUnavailable).retry_after(30),
    }
}

fn template_name(text: &str) -> Option<String> {
    let fits = (1..=512).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    fits.then(|| text.to_owned())
}

fn template_body(value: Value) -> Result<TemplateBody, Bad> {
    match value {
        Value::String(text) => TemplateBody::parse(&text).map_err(|error| ("invalid_body", sentence(&error))),
        _ => Err(("invalid_type", "This must be a string.".into())),
    }
}

fn variables(value: Value) -> Result<Variables, Bad> {
    let Value::Object(pairs) = value else {
        return Err(("invalid_type", "This must be an object of strings.".into()));
    };
    let pairs: Option<Vec<(String, String)>> =
        pairs.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
    let pairs = pairs.ok_or(("invalid_type", "Every value must be a string.".into()))?;
    Variables::new(pairs).map_err(|error| ("invalid_variables", sentence(&error)))
}
