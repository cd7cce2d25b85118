//! Which errors an operation has of its own.

use crate::errors::ErrorCode;

/// Which errors an operation has of its own, beside those that every one of its kind has.
pub(super) fn own_errors(operation: &str) -> &'static [ErrorCode] {
    use ErrorCode as E;
    match operation {
        "otp_send" => &[
            E::DestinationNotAllowed,
            E::DestinationBlocked,
            E::RecipientUnreachable,
            E::ResendTooSoon,
            E::DestinationLimited,
            E::VerifyLimited,
            E::QuotaExceeded,
            E::ChannelUnavailable,
        ],
        "otp_verify" => &[
            E::SessionNotFound,
            E::SessionAlreadyVerified,
            E::SessionExpired,
            E::SessionLocked,
            E::SessionSuperseded,
            E::SessionCanceled,
            E::CodeMismatch,
            E::RecipientUnreachable,
            E::VerifyLimited,
        ],
        "otp_status" | "otp_events" => &[E::SessionNotFound],
        "otp_resend" => &[
            E::DestinationNotAllowed,
            E::DestinationBlocked,
            E::SessionNotFound,
            E::SessionAlreadyVerified,
            E::SessionExpired,
            E::SessionLocked,
            E::SessionSuperseded,
            E::SessionCanceled,
            E::RecipientUnreachable,
            E::ResendTooSoon,
            E::DestinationLimited,
            E::QuotaExceeded,
            E::MaxSendsReached,
            E::ChannelUnavailable,
        ],
        "otp_cancel" => &[E::SessionNotFound, E::NotCancelable],
        "message_send" => &[
            E::DestinationNotAllowed,
            E::DestinationBlocked,
            E::TemplateNotFound,
            E::TemplateVariablesMismatch,
            E::QuotaExceeded,
            E::ChannelUnavailable,
        ],
        "message_status" | "delivery_get" => &[E::MessageNotFound],
        "message_cancel" => &[E::MessageNotFound, E::NotCancelable],
        "template_get" | "console_template_get" => &[E::TemplateNotFound],
        "webhook_handshake" => &[E::InvalidRequest, E::InvalidVerifyToken],
        "webhook" => &[
            E::InvalidJson,
            E::InvalidSignature,
            E::RequestTimeout,
            E::BodyTooLarge,
            E::Overloaded,
            E::StorageUnavailable,
        ],
        "security_txt" => &[E::NotFound],
        _ => console_errors(operation),
    }
}

fn console_errors(operation: &str) -> &'static [ErrorCode] {
    use ErrorCode as E;
    match operation {
        "auth_register" => &[E::EmailTaken, E::LinkInvalid],
        "auth_login" | "auth_reauthenticate" => &[E::InvalidCredentials, E::SecondFactorRequired, E::LogInLimited],
        "auth_password" => &[E::InvalidCredentials, E::LogInLimited],
        "auth_session_end" => &[E::ConsoleSessionNotFound],
        "auth_totp_offer" | "auth_totp_confirm" | "auth_totp_remove" | "key_create" | "admin_account_create" => {
            &[E::ReauthenticationRequired]
        }
        "member_change" | "member_remove" | "admin_member_change" => {
            &[E::MemberNotFound, E::LastOwner, E::ReauthenticationRequired]
        }
        "invitation_resend" | "invitation_withdraw" => &[E::InvitationNotFound, E::ReauthenticationRequired],
        "key_rotate" | "key_revoke" => &[E::KeyNotFound, E::ReauthenticationRequired],
        "template_submit" => &[E::SenderNotFound, E::TemplateVariablesMismatch, E::ChannelUnavailable],
        "template_change" => {
            &[E::TemplateNotFound, E::SenderNotFound, E::TemplateVariablesMismatch, E::ChannelUnavailable]
        }
        "template_delete" => &[E::TemplateNotFound, E::SenderNotFound, E::ChannelUnavailable],
        "admin_account_change" | "admin_account_senders" | "admin_erase" => {
            &[E::AccountNotFound, E::ReauthenticationRequired]
        }
        "admin_sender_add" => &[E::ReauthenticationRequired],
        "admin_sender_health" => &[E::SenderNotFound, E::ChannelUnavailable],
        "admin_sender_change" | "admin_sender_remove" | "admin_sender_test" => {
            &[E::SenderNotFound, E::ReauthenticationRequired]
        }
        "admin_block_add" | "admin_member_list" => &[E::AccountNotFound],
        "admin_block_lift" => &[E::BlockNotFound],
        "dead_letter_get" | "dead_letter_discard" => &[E::DeadLetterNotFound],
        "ticket_open" => &[E::TooManyTickets],
        "invitation_create" => &[E::TooManyInvitations, E::ReauthenticationRequired],
        "admin_member_invite" => &[E::AccountNotFound, E::TooManyInvitations, E::ReauthenticationRequired],
        "admin_member_reset" => &[E::MemberNotFound, E::ReauthenticationRequired],
        "dead_letter_replay" => &[
            E::DeadLetterNotFound,
            E::NotReplayable,
            E::DestinationNotAllowed,
            E::DestinationBlocked,
            E::DestinationLimited,
            E::QuotaExceeded,
            E::RecipientUnreachable,
            E::ChannelUnavailable,
        ],
        "ticket_get" | "ticket_close" | "ticket_reopen" | "admin_ticket_get" | "admin_ticket_change" => {
            &[E::TicketNotFound]
        }
        "ticket_comment" | "admin_ticket_comment" => &[E::TicketNotFound, E::TicketFull],
        "canned_reply_delete" => &[E::CannedReplyNotFound],
        _ => &[],
    }
}
