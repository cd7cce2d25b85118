use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::Erasure;
use whatotp_domain::{AccountId, AuditAction};

use super::accounts::find;
use super::audit;
use crate::context::Context;
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};

/// How long a request waits for workers, in each half of the account. One has 15 seconds in all.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whose traces are to be erased.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct ErasureRequest {
    /// The number, in E.164.
    #[schema(format = "phone-number", example = "+14155550123")]
    phone_number: String,
}

/// What was erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureObject {
    /// Sessions.
    sessions: u64,
    /// Deliveries, with their template variables.
    deliveries: u64,
    /// What was counted of the number: its limits begin anew.
    ledgers: u64,
    /// Answers kept for repeated requests.
    claims: u64,
    /// Ids that WhatsApp gave messages, and reports that waited for them.
    provider_messages: u64,
    /// Subjects and comments of tickets in which the number is `[erased]` now.
    ticket_texts: u64,
    /// Messages that workers have just now. When this is not 0, ask again in a minute.
    held: u64,
}

impl From<&Erasure> for ErasureObject {
    fn from(erasure: &Erasure) -> Self {
        let erased = &erasure.erased;
        Self {
            sessions: erased.sessions,
            deliveries: erased.deliveries,
            ledgers: erased.ledgers,
            claims: erased.claims,
            provider_messages: erased.provider_messages + erased.waiting_reports,
            ticket_texts: erasure.ticket_texts,
            held: erasure.held,
        }
    }
}

/// Erase a number
///
/// Deletes everything that this account stores about a number, what it has used up of its limits included, and blots it out
/// of the account's tickets. It cannot be undone; done again it finds nothing. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/accounts/{account_id}/erasures", operation_id = "admin_erase", tag = "Admin",
    request_body = ErasureRequest,
    params(("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "What was erased.", body = ErasureObject)))]
pub(crate) async fn erase(
    ctx: web::Data<Context>,
    member: Member,
    account: Id<AccountId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let number = fields.required("phone_number", f::phone_number);
    let number = fields.finish(number)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let account = find(&ctx, account.0).await?.id;
    let erasure = ctx.app.erase_within(&number, Some(account), PATIENCE).await?;
    let subject = (Some(account), format!("number {number}"));
    audit(&ctx, &member, AuditAction::NumberErased, subject, erasure.to_string()).await?;
    json(HttpResponse::Ok(), &ErasureObject::from(&erasure))
}
