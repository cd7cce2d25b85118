use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::TemplateRef;
use whatotp_domain::{MessageTemplate, Scope, TemplateId};

use super::paging::Paging;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Caller, Fields, Id, Problem, json};

/// A message template.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateObject {
    /// Its id.
    #[schema(example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Its name.
    #[schema(example = "order_update")]
    name: String,
    /// Meta's category.
    #[schema(pattern = "^(authentication|utility|marketing)$", example = "utility")]
    category: &'static str,
    /// Whether it can be sent: only `approved` ones can.
    #[schema(pattern = "^(draft|pending|approved|rejected|paused|disabled)$", example = "approved")]
    status: &'static str,
    /// Its languages.
    #[schema(example = json!(["en"]))]
    languages: Vec<String>,
    /// Its placeholders.
    #[schema(example = json!(["first_name", "order_id"]))]
    variables: Vec<String>,
    /// Its text, in the installation's default language where it has that.
    #[schema(example = "Hi {{first_name}}, your order {{order_id}} is on its way.")]
    body: String,
}

impl TemplateObject {
    fn new(template: &MessageTemplate, ctx: &Context) -> Self {
        let translation = template.translation(None, &ctx.app.policy().default_locale);
        Self {
            id: template.id().to_string(),
            name: template.name().to_owned(),
            category: template.category().as_str(),
            status: template.status().as_str(),
            languages: template.locales().map(ToString::to_string).collect(),
            variables: template.placeholders(),
            body: translation.body.as_str().to_owned(),
        }
    }
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// Newest first.
    data: Vec<TemplateObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List templates
///
/// What can be sent with `POST /v1/messages/send`. A new installation has sample templates for test keys.
#[utoipa::path(get, path = "/v1/templates", operation_id = "template_list", tag = "Templates",
    params(
        ("cursor" = Option<String>, Query, pattern = "^tpl_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of templates.", body = TemplateList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, TemplateId::parse);
    query.finish(Some(()))?;
    let templates = ctx.app.list_templates(scope, paging.before, paging.rows()).await?;
    let (templates, next_cursor) = paging.cut(templates, |template| template.id().to_string());
    let data = templates.iter().map(|template| TemplateObject::new(template, &ctx)).collect();
    json(HttpResponse::Ok(), &TemplateList { data, next_cursor })
}

/// Get a template
///
/// One template, by its id.
#[utoipa::path(get, path = "/v1/templates/{template_id}", operation_id = "template_get", tag = "Templates",
    params(("template_id" = String, Path, description = "The template.", example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The template.", body = TemplateObject)))]
pub(crate) async fn get(ctx: web::Data<Context>, caller: Caller, id: Id<TemplateId>) -> Result<HttpResponse, Problem> {
    let template = ctx.app.find_template(caller.may(Scope::Read)?, &TemplateRef::Id(id.0)).await?;
    let template = template.ok_or_else(|| Problem::new(ErrorCode::TemplateNotFound))?;
    json(HttpResponse::Ok(), &TemplateObject::new(&template, &ctx))
}
