//! What changes templates: at WhatsApp, or for test mode only here.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{TemplateChange, TemplateOwner};
use whatotp_domain::{
    AccountId, AccountScope, AuditAction, MessageTemplate, Mode, Permission, SenderId, TemplateCategory, TemplateId,
};
use whatotp_ports::{CatalogError, ProviderTemplate};

use super::audit::audit;
use super::keys::bad_field;
use super::mode::scope_of;
use super::template_parts::{ButtonRequest, Parts, unfit};
use super::templates::TemplateDetail;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};

/// A template that is to be made, in one language.
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
    /// The line above the text, with at most one placeholder.
    #[schema(max_length = 60, example = json!(null))]
    header: Option<String>,
    /// The text, with its placeholders.
    #[schema(max_length = 1024, example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// The line below the text, without placeholders.
    #[schema(max_length = 60, example = json!(null))]
    footer: Option<String>,
    /// The buttons: at most two that open an address, one that rings, and quick replies together.
    #[schema(max_items = 10, example = json!([]))]
    buttons: Option<Vec<ButtonRequest>>,
    /// An example for each placeholder: whoever decides about it reads these. A number in the header is called `header_1`,
    /// the end of the first button's address `button_0`.
    #[schema(example = json!({"first_name": "Ada", "order_id": "A-1001"}))]
    examples: Option<BTreeMap<String, String>>,
}

/// One language of a template, whole: what is left out is not in it any more.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct ChangeTemplateRequest {
    /// The language that changes.
    #[schema(example = "en")]
    locale: String,
    /// The line above the text, with at most one placeholder.
    #[schema(max_length = 60, example = json!(null))]
    header: Option<String>,
    /// The text, with its placeholders.
    #[schema(max_length = 1024, example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
    /// The line below the text, without placeholders.
    #[schema(max_length = 60, example = json!(null))]
    footer: Option<String>,
    /// The buttons.
    #[schema(max_items = 10, example = json!([]))]
    buttons: Option<Vec<ButtonRequest>>,
    /// An example for each placeholder.
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

/// A new template, as a request describes it.
struct Draft {
    template: ProviderTemplate,
    parts: Parts,
}

fn draft(body: &Body) -> Result<Draft, Problem> {
    let mut fields = Fields::of_json(&body.0)?;
    let name = fields.required("name", f::parsed("invalid_name", "Use a to z, 0 to 9 and _.", template_name));
    let category = f::parsed("invalid_category", "Use utility or marketing.", |text| {
        TemplateCategory::parse(text).filter(|category| *category != TemplateCategory::Authentication)
    });
    let category = fields.required("category", category);
    let locale = fields.required("locale", f::locale);
    let parts = Parts::take(&mut fields, "examples");
    let ((name, category), (locale, parts)) = fields.finish(name.zip(category).zip(locale.zip(parts)))?;
    let translation = parts.translation(locale)?;
    Ok(Draft { template: ProviderTemplate { name, category, translation }, parts })
}

/// Submit a template
///
/// Hands one language of a template in to Meta, in the business account of the account's first sender. It is listed at
/// once, and can be sent when Meta has approved it.
#[utoipa::path(post, path = "/api/v1/templates/submit", operation_id = "template_submit", tag = "Console",
    request_body = SubmitRequest,
    responses((status = 201, description = "It is handed in.", body = SubmittedObject)))]
pub(crate) async fn submit(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageTemplates)?;
    let Draft { template, parts } = draft(&body)?;
    parts.check_examples(&template.translation)?;
    let sender = first_sender(&ctx, account).await?;
    let submitted = ctx.app.submit_template(&sender, &template, &parts.values).await?.ok_or_else(no_sender)?;
    let submitted = submitted.map_err(|error| refused(&error))?;
    let detail = format!("{} ({})", template.name, submitted.locale);
    audit(&ctx, &member, AuditAction::TemplateSubmitted, (Some(account), template.name), detail).await?;
    let submitted = SubmittedObject { locale: submitted.locale.to_string(), status: submitted.status };
    json(HttpResponse::Created(), &submitted)
}

/// Create a template for test mode
///
/// Test keys can send it at once; its messages arrive in the sandbox. Nothing is handed in to Meta, so no examples are
/// needed.
#[utoipa::path(post, path = "/api/v1/templates", operation_id = "template_create", tag = "Console",
    request_body = SubmitRequest,
    responses((status = 201, description = "The template.", body = TemplateDetail)))]
pub(crate) async fn create(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageTemplates)?;
    let ProviderTemplate { name, category, translation } = draft(&body)?.template;
    let scope = AccountScope { account, mode: Mode::Test };
    let made = done(ctx.app.create_test_template(scope, name, category, translation).await?)?;
    written_down(&ctx, &member, AuditAction::TemplateCreated, &made).await?;
    json(HttpResponse::Created(), &TemplateDetail::from(&made))
}

/// Change a template
///
/// Replaces one language of it. Meta looks at it again, and takes a change of an approved one once in 24 hours and ten
/// times in 30 days. A template of test mode is changed at once, needs no examples, and may get a new language.
#[utoipa::path(patch, path = "/api/v1/templates/{template_id}", operation_id = "template_change", tag = "Console",
    params(
        ("template_id" = String, Path, description = "The template.", example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
    ),
    request_body = ChangeTemplateRequest,
    responses((status = 200, description = "The template.", body = TemplateDetail)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TemplateId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&member, &request)?;
    let mut fields = Fields::of_json(&body.0)?;
    let locale = fields.required("locale", f::locale);
    let parts = Parts::take(&mut fields, "examples");
    let (locale, parts) = fields.finish(locale.zip(parts))?;
    let translation = parts.translation(locale)?;
    if owner.scope.mode == Mode::Live {
        parts.check_examples(&translation)?;
    }
    let changed = done(ctx.app.change_template(owner, id.0, translation, &parts.values).await?)?;
    written_down(&ctx, &member, AuditAction::TemplateChanged, &changed).await?;
    json(HttpResponse::Ok(), &TemplateDetail::from(&changed))
}

/// Delete a template
///
/// Deletes it in every language, at Meta too, where its name cannot be used again for 30 days. A template of test mode is
/// only deleted here.
#[utoipa::path(delete, path = "/api/v1/templates/{template_id}", operation_id = "template_delete", tag = "Console",
    params(
        ("template_id" = String, Path, description = "The template.", example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
    ),
    responses((status = 204, description = "It is deleted.")))]
pub(crate) async fn delete(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TemplateId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&member, &request)?;
    body.nothing()?;
    let deleted = done(ctx.app.delete_template(owner, id.0).await?)?;
    written_down(&ctx, &member, AuditAction::TemplateDeleted, &deleted).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn owner(member: &Member, request: &HttpRequest) -> Result<TemplateOwner, Problem> {
    let account = member.may(Permission::ManageTemplates)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    query.finish(Some(()))?;
    Ok(TemplateOwner { scope, operator: member.user.operator })
}

async fn written_down(
    ctx: &Context,
    member: &Member,
    action: AuditAction,
    template: &MessageTemplate,
) -> Result<(), Problem> {
    let subject = (Some(member.user.account), template.id().to_string());
    audit(ctx, member, action, subject, template.name().to_owned()).await
}

fn done(change: TemplateChange) -> Result<MessageTemplate, Problem> {
    Err(match change {
        TemplateChange::Done(template) => return Ok(*template),
        TemplateChange::NotFound => Problem::new(ErrorCode::TemplateNotFound),
        TemplateChange::NoSender => no_sender(),
        TemplateChange::Shared => Problem::new(ErrorCode::PermissionDenied)
            .detail("Ask the operator: other accounts of this installation send this template, too."),
        TemplateChange::SendsCodes => bad_field(
            "template_id",
            "sends_codes",
            "Give the sender another template for its codes first: it sends them with this one.",
        ),
        TemplateChange::Authentication => bad_field(
            "template_id",
            "authentication_template",
            "WhatsApp writes the text of authentication templates: use `whatotp templates create-otp`.",
        ),
        TemplateChange::WrittenElsewhere => bad_field(
            "template_id",
            "written_elsewhere",
            "It has a picture, a film, a file or a button that would be lost: change it in WhatsApp Manager.",
        ),
        TemplateChange::NoSuchLanguage => {
            bad_field("locale", "unknown_locale", "It has no text in this language: submit one under the same name.")
        }
        TemplateChange::NotNow(status) => bad_field(
            "template_id",
            "not_changeable",
            format!("It is {}: WhatsApp takes changes of approved, rejected and paused templates.", status.as_str()),
        ),
        TemplateChange::Invalid(error) => unfit(error),
        TemplateChange::NameTaken => {
            bad_field("name", "name_taken", "There is one of this name: change it, or use another name.")
        }
        TemplateChange::Refused(error) => refused(&error),
    })
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
        CatalogError::Unreachable(why) => {
            Problem::new(ErrorCode::ChannelUnavailable).detail(why.clone()).retry_after(30)
        }
    }
}

fn template_name(text: &str) -> Option<String> {
    is_template_name(text).then(|| text.to_owned())
}

pub(super) fn is_template_name(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
