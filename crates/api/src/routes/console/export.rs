use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use whatotp_application::{Failure, LogLine, LogQuery, error_chain};
use whatotp_domain::{AuditAction, DeliveryId, DeliveryStatus, Permission};
use whatotp_ports::DeliveryKind;

use super::audit::audit;
use super::deliveries::filters;
use super::mode::scope_of;
use crate::context::Context;
use crate::http::{Fields, Member, Problem};

/// Lines in one piece of the file.
const PAGE: u32 = 500;
const HEAD: &str = "id,kind,to,country,status,error_code,error_title,purpose,template,session_id,sender_id,attempts,\
                    key_id,request_id,created_at,accepted_at,sent_at,delivered_at,read_at,failed_at\r\n";

/// What is still to be written.
enum Rest {
    Head,
    After(Option<DeliveryId>),
    Nothing,
}

/// Export deliveries
///
/// The log as CSV (RFC 4180), newest first, with the number masked, as long as it is. It takes the filters of the list. A
/// cell that a spreadsheet would take for a formula begins with an apostrophe.
#[utoipa::path(get, path = "/api/v1/deliveries/export.csv", operation_id = "delivery_export", tag = "Console",
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
    ),
    responses((status = 200, description = "The file.", content_type = "text/csv", body = String)))]
pub(crate) async fn csv(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ExportDeliveries)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    let wanted = LogQuery { limit: PAGE, ..filters(&mut query) };
    query.finish(Some(()))?;
    let detail = format!("{} deliveries as CSV", scope.mode);
    audit(&ctx, &member, AuditAction::DeliveriesExported, (Some(account), account.to_string()), detail).await?;
    let lines = stream::try_unfold(Rest::Head, move |rest| {
        let (ctx, wanted) = (ctx.clone(), wanted.clone());
        async move {
            let before = match rest {
                Rest::Nothing => return Ok(None),
                Rest::Head => return Ok(Some((Bytes::from_static(HEAD.as_bytes()), Rest::After(None)))),
                Rest::After(before) => before,
            };
            let page = ctx.app.deliveries(scope, &wanted, before).await.inspect_err(|failure| {
                // The answer has begun: it ends in the middle, which is no end of a chunked body.
                tracing::error!(error = error_chain(failure), "an export was broken off");
            })?;
            let text: String = page.lines.iter().map(row).collect();
            let rest = page.next.map_or(Rest::Nothing, |next| Rest::After(Some(next)));
            Ok::<_, Failure>(Some((Bytes::from(text), rest)))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"deliveries.csv\""))
        .streaming(lines))
}

fn row(line: &LogLine) -> String {
    let record = &line.record;
    let way = &record.delivery;
    let (kind, session) = match record.kind {
        DeliveryKind::Otp(session) => ("code", session.to_string()),
        DeliveryKind::Message(_) => ("message", String::new()),
    };
    let at = |status| way.reached_at(status).map(|at| at.to_string()).unwrap_or_default();
    let cells = [
        record.id.to_string(),
        kind.to_owned(),
        line.to.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.country.map(|country| country.to_string()).unwrap_or_default(),
        way.status().to_string(),
        way.error().map(|error| error.code.to_string()).unwrap_or_default(),
        way.error().map(|error| error.title.clone()).unwrap_or_default(),
        line.session.as_ref().map(|session| session.purpose.as_str().to_owned()).unwrap_or_default(),
        line.template.clone().unwrap_or_default(),
        session,
        record.sender.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.attempts.to_string(),
        record.asked.key.map(|id| id.to_string()).unwrap_or_default(),
        record.asked.request.map(|id| id.to_string()).unwrap_or_default(),
        record.created_at.to_string(),
        at(DeliveryStatus::Accepted),
        at(DeliveryStatus::Sent),
        at(DeliveryStatus::Delivered),
        at(DeliveryStatus::Read),
        at(DeliveryStatus::Failed),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

/// A cell as RFC 4180 wants it, which no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_every_one_is_one_cell() {
        for (text, expected) in [
            ("login", "login"),
            ("+1******0123", "'+1******0123"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a,b\nc", "\"a,b\nc\""),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
