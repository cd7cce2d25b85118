use actix_web::{HttpRequest, HttpResponse, web};
use whatotp_application::LogQuery;
use whatotp_domain::{ApiKeyId, Country, DeliveryId, DeliveryStatus, Permission, RequestId, SessionId, TemplateId};

use super::delivery_bodies::{DeliveryLine, DeliveryList, DeliveryObject};
use super::mode::scope_of;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Fields, Id, Member, Problem, fields as f, json};
use crate::routes::paging::Paging;

/// Takes the filters out of a query.
pub(super) fn filters(query: &mut Fields) -> LogQuery {
    let kind = f::parsed("invalid_kind", "Use code or message.", |text| match text {
        "code" => Some(false),
        "message" => Some(true),
        _ => None,
    });
    let status = f::parsed("invalid_status", "Use one of the delivery statuses.", DeliveryStatus::parse);
    let country = f::parsed("invalid_country", "Use a two-letter country code.", Country::parse);
    let session = f::parsed("invalid_id", "Use a session's id (otp_…).", |text| SessionId::parse(text).ok());
    let template = f::parsed("invalid_id", "Use a template's id (tpl_…).", |text| TemplateId::parse(text).ok());
    let key = f::parsed("invalid_id", "Use a key's id (key_…).", |text| ApiKeyId::parse(text).ok());
    let request = f::parsed("invalid_id", "Use a request's id (req_…).", |text| RequestId::parse(text).ok());
    LogQuery {
        messages: query.optional("kind", kind),
        number: query.optional("to", f::phone_number),
        status: query.optional("status", status),
        error: query.optional("error", f::integer(0, u32::MAX)),
        country: query.optional("country", country),
        template: query.optional("template_id", template),
        session: query.optional("session_id", session),
        key: query.optional("key_id", key),
        request: query.optional("request_id", request),
        created_after: query.optional("created_after", f::moment),
        created_before: query.optional("created_before", f::moment),
        limit: 0,
    }
}

/// List deliveries
///
/// Everything that was sent, codes and messages, newest first, with the number masked. Every filter may be left out. One
/// page looks at some thousand deliveries at most: `complete` says whether the search has to go on.
#[utoipa::path(get, path = "/api/v1/deliveries", operation_id = "delivery_list", tag = "Console",
    params(
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
        ("kind" = Option<String>, Query, pattern = "^(code|message)$", description = "Only codes, or only messages."),
        ("to" = Option<String>, Query, format = "phone-number", description = "Only to this number, in E.164."),
        ("status" = Option<String>, Query, pattern = "^(queued|unknown|accepted|sent|canceled|expired|failed|delivered|read)$",
            description = "Only what stands here."),
        ("error" = Option<u32>, Query, minimum = 0, description = "Only what failed with this code of Meta's."),
        ("country" = Option<String>, Query, min_length = 2, max_length = 3, description = "Only to this country."),
        ("template_id" = Option<String>, Query, pattern = "^tpl_[0-7][0-9a-hjkmnp-tv-z]{25}$", description = "Only of this template."),
        ("session_id" = Option<String>, Query, pattern = "^otp_[0-7][0-9a-hjkmnp-tv-z]{25}$", description = "Only of this session."),
        ("key_id" = Option<String>, Query, pattern = "^key_[0-7][0-9a-hjkmnp-tv-z]{25}$", description = "Only asked for with this key."),
        ("request_id" = Option<String>, Query, pattern = "^req_[0-7][0-9a-hjkmnp-tv-z]{25}$", description = "Only asked for in this request."),
        ("created_after" = Option<String>, Query, format = DateTime, description = "Only made at this time or later (RFC 3339)."),
        ("created_before" = Option<String>, Query, format = DateTime, description = "Only made before this time (RFC 3339)."),
        ("cursor" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of the log.", body = DeliveryList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewDeliveries)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    let paging = Paging::take(&mut query, DeliveryId::parse);
    // What is read is one more than asked for; the use case does the same by itself.
    let wanted = LogQuery { limit: paging.rows() - 1, ..filters(&mut query) };
    query.finish(Some(()))?;
    let page = ctx.app.deliveries(scope, &wanted, paging.before).await?;
    let data = page.lines.iter().map(DeliveryLine::from).collect();
    let next_cursor = page.next.map(|id| id.to_string());
    json(HttpResponse::Ok(), &DeliveryList { data, next_cursor, complete: page.complete })
}

/// Get a delivery
///
/// One delivery with its timeline, what Meta's error means and what to do about it, the request and the key that asked for
/// it, and the other deliveries of its session.
#[utoipa::path(get, path = "/api/v1/deliveries/{delivery_id}", operation_id = "delivery_get", tag = "Console",
    params(
        ("delivery_id" = String, Path, description = "The delivery.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
    ),
    responses((status = 200, description = "The delivery.", body = DeliveryObject)))]
pub(crate) async fn get(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<DeliveryId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewDeliveries)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    query.finish(Some(()))?;
    let detail = ctx.app.delivery(scope, id.0).await?.ok_or_else(|| Problem::new(ErrorCode::MessageNotFound))?;
    json(HttpResponse::Ok(), &DeliveryObject::from(&detail))
}
