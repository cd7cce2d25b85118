//! What the people who run the platform do, over all accounts.

pub(crate) mod accounts;
pub(crate) mod blocks;
pub(crate) mod dead_letters;
pub(crate) mod senders;

use whatotp_domain::{AccountId, Actor, AuditAction, AuditEntry};

use crate::context::Context;
use crate::http::{Member, Problem};

/// Writes down what an operator has done.
async fn audit(
    ctx: &Context,
    member: &Member,
    action: AuditAction,
    (account, subject): (Option<AccountId>, String),
    detail: String,
) -> Result<(), Problem> {
    let actor = Actor::User(member.user.id);
    Ok(ctx.app.audit(AuditEntry { account, actor, action, subject, detail }).await?)
}
