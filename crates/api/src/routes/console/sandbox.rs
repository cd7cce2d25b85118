use actix_web::{HttpRequest, HttpResponse, web};
use whatotp_domain::Permission;

use crate::context::Context;
use crate::http::{Member, Problem};
use crate::routes::sandbox::{Inbox, inbox};

/// Read the sandbox inbox
///
/// What the account's test keys have sent, with the codes.
#[utoipa::path(get, path = "/api/v1/sandbox/messages", operation_id = "console_inbox", tag = "Console",
    params(
        ("to" = Option<String>, Query, format = "phone-number", description = "Only messages to this number, in E.164."),
        ("session_id" = Option<String>, Query, pattern = "^otp_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Only messages of this session."),
        ("message_id" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Only this message."),
        ("cursor" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of the inbox.", body = Inbox)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    inbox(&ctx, member.may(Permission::UseSandbox)?, &request).await
}
