//! Every error code a client can meet, in one table.
//!
//! The code is the stable part of a problem document: clients branch on it, its page under `/docs/errors` explains it.
//! To add one, add a row here and its text in `docs/explanations.rs`; the compiler asks for the second.

use std::fmt;

/// Who has to act before the same request can succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The program that calls the API, or its user.
    Caller,
    /// The people who run this installation.
    Operator,
    /// The authors of WhatOTP.
    Us,
}

impl Who {
    /// The word that the errors page shows.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::Operator => "the operator",
            Self::Us => "us, the authors",
        }
    }
}

/// One row of the table below.
struct Entry {
    code: &'static str,
    status: u16,
    who: Who,
    retryable: bool,
    title: &'static str,
    detail: &'static str,
}

const RETRY: bool = true;
const FINAL: bool = false;

macro_rules! error_codes {
    ($($variant:ident: $status:literal $code:literal $who:ident $retryable:ident $title:literal $detail:literal;)+) => {
        /// A stable error code of the product API.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the errors page: by status.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            const fn entry(self) -> Entry {
                match self {
                    $(Self::$variant => Entry {
                        code: $code,
                        status: $status,
                        who: Who::$who,
                        retryable: $retryable,
                        title: $title,
                        detail: $detail,
                    },)+
                }
            }
        }
    };
}

// Name: status, code, who acts, whether the unchanged request may succeed later; title; what to do next.
error_codes! {
    InvalidJson: 400 "invalid_json" Caller FINAL
        "The body is not valid JSON"
        "Send one JSON object, encoded as UTF-8, without duplicate fields.";
    InvalidRequest: 400 "invalid_request" Caller FINAL
        "The request is not valid"
        "Correct the fields named in errors and send the request again.";
    MissingApiKey: 401 "missing_api_key" Caller FINAL
        "An API key is required"
        "Send your API key in the header Authorization: Bearer <key>.";
    InvalidApiKey: 401 "invalid_api_key" Caller FINAL
        "The API key is not valid"
        "Check that the whole key was copied and that it has not been revoked, or create a new one.";
    ExpiredApiKey: 401 "expired_api_key" Caller FINAL
        "The API key has expired"
        "Create a new key, deploy it, and remove the expired one.";
    SessionRequired: 401 "session_required" Caller FINAL
        "You are not logged in"
        "Log in with POST /api/v1/auth/login; a session ends after 30 minutes without use and after 12 hours.";
    InvalidCredentials: 401 "invalid_credentials" Caller FINAL
        "The e-mail address, password or code is wrong"
        "Check what was typed, or ask an operator for a link to set a new password.";
    SecondFactorRequired: 401 "second_factor_required" Caller FINAL
        "A code of your second factor is required"
        "Send the code of your authenticator app, or a recovery code, in code.";
    InvalidSignature: 403 "invalid_signature" Operator FINAL
        "The webhook is not signed as it should be"
        "Set whatsapp.app_secret to the secret of the Meta app that sends the webhooks.";
    InvalidVerifyToken: 403 "invalid_verify_token" Operator FINAL
        "The verify token is not the one that is configured"
        "Type the value of the setting whatsapp.verify_token into the webhook form of the Meta app.";
    PermissionDenied: 403 "permission_denied" Caller FINAL
        "Your role does not allow this"
        "Ask an owner or an admin of the account.";
    ReauthenticationRequired: 403 "reauthentication_required" Caller FINAL
        "Type your password again first"
        "Send your password to POST /api/v1/auth/reauthenticate, then repeat the request within ten minutes.";
    CrossSiteRequest: 403 "cross_site_request" Caller FINAL
        "The request does not come from a page of this console"
        "Use the console itself; if it is reached under another address, set console.public_url to that.";
    InsufficientScope: 403 "insufficient_scope" Caller FINAL
        "The API key may not do this"
        "Use a key that has the scope this call needs.";
    IpNotAllowed: 403 "ip_not_allowed" Caller FINAL
        "The API key may not be used from this address"
        "Call from an address on the key's list, or add this one to the list.";
    DestinationNotAllowed: 403 "destination_not_allowed" Operator FINAL
        "Messages to this destination are not allowed"
        "Ask the operator to allow this country or number type if you have users there.";
    AccountSuspended: 403 "account_suspended" Operator FINAL
        "The account is suspended"
        "Ask the operator why; until it is lifted, keys of the account can only read.";
    DestinationBlocked: 403 "destination_blocked" Operator FINAL
        "Messages to this number are blocked"
        "Ask the operator why this number or prefix is blocked; do not retry before the block is lifted.";
    NotFound: 404 "not_found" Caller FINAL
        "There is nothing at this address"
        "Check the path against the reference at /docs/reference.";
    SessionNotFound: 404 "session_not_found" Caller FINAL
        "There is no such session"
        "Check the session_id and that the key has the mode and the account that created it.";
    MessageNotFound: 404 "message_not_found" Caller FINAL
        "There is no such message"
        "Check the message id and that the key has the mode and the account that created it.";
    TemplateNotFound: 404 "template_not_found" Caller FINAL
        "There is no such template"
        "List the templates with GET /v1/templates and use an id or a name from there.";
    MemberNotFound: 404 "member_not_found" Caller FINAL
        "There is no such member"
        "List the members with GET /api/v1/members.";
    TicketNotFound: 404 "ticket_not_found" Caller FINAL
        "There is no such ticket"
        "List the tickets with GET /api/v1/tickets.";
    CannedReplyNotFound: 404 "canned_reply_not_found" Caller FINAL
        "There is no such canned reply"
        "List the canned replies with GET /api/v1/admin/canned-replies.";
    InvitationNotFound: 404 "invitation_not_found" Caller FINAL
        "There is no such invitation"
        "List the invitations with GET /api/v1/invitations; one that was accepted is gone.";
    ConsoleSessionNotFound: 404 "console_session_not_found" Caller FINAL
        "You have no such session"
        "List your sessions with GET /api/v1/auth/sessions; one that has ended is gone.";
    KeyNotFound: 404 "key_not_found" Caller FINAL
        "There is no such API key"
        "List the account's keys with GET /api/v1/keys; one that is revoked has no successor.";
    AccountNotFound: 404 "account_not_found" Caller FINAL
        "There is no such account"
        "List the accounts with GET /api/v1/admin/accounts.";
    SenderNotFound: 404 "sender_not_found" Operator FINAL
        "There is no such sender"
        "List the senders with GET /api/v1/admin/senders.";
    BlockNotFound: 404 "block_not_found" Caller FINAL
        "There is no such block in force"
        "List the blocks with GET /api/v1/admin/blocks.";
    DeadLetterNotFound: 404 "dead_letter_not_found" Caller FINAL
        "There is no such dead letter"
        "List them with GET /api/v1/admin/dead-letters; one that was replayed or discarded is gone from there.";
    MethodNotAllowed: 405 "method_not_allowed" Caller FINAL
        "The address does not take this method"
        "Use one of the methods in the Allow header.";
    NotAcceptable: 406 "not_acceptable" Caller FINAL
        "The answer cannot be given in the form you accept"
        "Accept application/json and application/problem+json, or send no Accept header.";
    RequestTimeout: 408 "request_timeout" Caller RETRY
        "The body did not arrive in time"
        "Send the whole body within 10 seconds; nothing was done, so the request can be repeated.";
    SessionAlreadyVerified: 409 "session_already_verified" Caller FINAL
        "The session was verified before"
        "Treat this attempt as not verified; a new login needs a new session.";
    IdempotencyInProgress: 409 "idempotency_in_progress" Caller RETRY
        "The first request with this Idempotency-Key is still running"
        "Wait a second and repeat the same request to get its answer.";
    NotCancelable: 409 "not_cancelable" Caller FINAL
        "It is too late to cancel"
        "Read the current status; what is sent or finished cannot be canceled.";
    LastOwner: 409 "last_owner" Caller FINAL
        "This is the account's last owner"
        "Make somebody else an owner first.";
    TicketFull: 409 "ticket_full" Caller FINAL
        "The ticket takes no more comments"
        "Open a new ticket, and name this one in it.";
    TooManyTickets: 409 "too_many_tickets" Caller FINAL
        "The account has too many open tickets"
        "Close what is done, or go on in a ticket that is open.";
    TooManyInvitations: 409 "too_many_invitations" Caller FINAL
        "The account has too many open invitations"
        "Take back those that nobody will accept, or wait until they end.";
    EmailTaken: 409 "email_taken" Caller FINAL
        "The e-mail address is in use"
        "Use another address, or log in with this one.";
    NotReplayable: 409 "not_replayable" Caller FINAL
        "This cannot be sent once more"
        "Discard it, or have the account send it anew.";
    LinkInvalid: 410 "link_invalid" Caller FINAL
        "The link cannot be used"
        "Ask for a new one: a link works once, and not for ever.";
    SessionExpired: 410 "session_expired" Caller FINAL
        "The session has expired"
        "Start again with POST /v1/otp/send.";
    SessionLocked: 410 "session_locked" Caller FINAL
        "The session is locked after too many wrong codes"
        "Start again with POST /v1/otp/send; the correct code no longer works here.";
    SessionSuperseded: 410 "session_superseded" Caller FINAL
        "A newer session has replaced this one"
        "Use the session_id of the latest send to this number and purpose.";
    SessionCanceled: 410 "session_canceled" Caller FINAL
        "The session was canceled"
        "Start again with POST /v1/otp/send if the user still wants to continue.";
    BodyTooLarge: 413 "body_too_large" Caller FINAL
        "The body is too large"
        "Keep the body at or under 64 KiB.";
    UnsupportedMediaType: 415 "unsupported_media_type" Caller FINAL
        "The body is not JSON"
        "Send the body with the header Content-Type: application/json.";
    CodeMismatch: 422 "code_mismatch" Caller FINAL
        "The code is wrong"
        "Ask the user to type the code from the latest message; attempts_remaining says how many tries are left.";
    RecipientUnreachable: 422 "recipient_unreachable" Caller FINAL
        "The number cannot be reached on WhatsApp"
        "Ask the user to check the number, or offer another way to sign in.";
    TemplateVariablesMismatch: 422 "template_variables_mismatch" Caller FINAL
        "The variables do not match the template"
        "Add the variables listed in missing and remove those listed in unexpected.";
    IdempotencyKeyReused: 422 "idempotency_key_reused" Caller FINAL
        "The Idempotency-Key belongs to another request"
        "Use a new Idempotency-Key for a request with a different body.";
    RateLimited: 429 "rate_limited" Caller RETRY
        "Too many requests"
        "Wait for the number of seconds in Retry-After, then go on more slowly.";
    ResendTooSoon: 429 "resend_too_soon" Caller RETRY
        "It is too soon to send to this number again"
        "Wait for the number of seconds in Retry-After; the code that was sent still works.";
    DestinationLimited: 429 "destination_limited" Caller RETRY
        "Too many codes were sent to this number or country"
        "Wait for the number of seconds in Retry-After before you send there again.";
    VerifyLimited: 429 "verify_limited" Caller RETRY
        "Too many wrong codes for this number"
        "Wait for the number of seconds in Retry-After; until then even a correct code is refused.";
    QuotaExceeded: 429 "quota_exceeded" Operator RETRY
        "The account has used up its quota"
        "Ask the operator to raise the quota, or wait for the number of seconds in Retry-After.";
    LogInLimited: 429 "log_in_limited" Caller RETRY
        "Too many failed log-ins"
        "Wait for the number of seconds in Retry-After; until then even the right password is refused.";
    MaxSendsReached: 429 "max_sends_reached" Caller FINAL
        "This session has no sends left"
        "Let the user type the code that was sent, or start a new session after this one has expired.";
    InternalError: 500 "internal_error" Us RETRY
        "Something went wrong on our side"
        "Try once more; if it happens again, report the request_id to the operator.";
    ChannelUnavailable: 503 "channel_unavailable" Operator RETRY
        "Messages cannot be sent at the moment"
        "Wait for the number of seconds in Retry-After and send again, or offer another way to sign in.";
    Overloaded: 503 "overloaded" Operator RETRY
        "The service has more work than it can take"
        "Wait for the number of seconds in Retry-After, then repeat the request.";
    StorageUnavailable: 503 "storage_unavailable" Operator RETRY
        "The database cannot be reached"
        "Wait for the number of seconds in Retry-After, then repeat the request.";
}

impl ErrorCode {
    /// The code as it stands in the problem document and as the anchor on the errors page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.entry().status
    }

    /// The problem's `title`: what happened, the same text every time.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.entry().title
    }

    /// The default `detail`: one sentence that says what to do next.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.entry().detail
    }

    /// Who has to act.
    #[must_use]
    pub const fn who(self) -> Who {
        self.entry().who
    }

    /// Whether the same request, unchanged, may succeed later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        self.entry().retryable
    }

    /// The problem's `type`: this code's place on the errors page.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/docs/errors#{}", self.as_str())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_and_can_be_an_anchor() {
        let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn the_table_holds_every_code_of_the_contract() {
        let contract = "invalid_json invalid_request missing_api_key invalid_api_key expired_api_key \
            insufficient_scope ip_not_allowed destination_not_allowed destination_blocked not_found session_not_found \
            message_not_found template_not_found method_not_allowed not_acceptable request_timeout body_too_large \
            unsupported_media_type session_already_verified idempotency_in_progress not_cancelable session_expired \
            session_locked session_superseded session_canceled code_mismatch recipient_unreachable \
            template_variables_mismatch idempotency_key_reused rate_limited resend_too_soon destination_limited \
            verify_limited quota_exceeded max_sends_reached internal_error channel_unavailable overloaded \
            storage_unavailable";
        // Of the webhook, which has no keys: told to whoever sets it up.
        let webhook = ["invalid_signature", "invalid_verify_token"];
        let console = "session_required invalid_credentials second_factor_required permission_denied \
            reauthentication_required cross_site_request member_not_found invitation_not_found \
            console_session_not_found last_owner email_taken link_invalid log_in_limited \
            account_suspended key_not_found account_not_found sender_not_found block_not_found \
            dead_letter_not_found not_replayable ticket_not_found ticket_full too_many_tickets \
            too_many_invitations canned_reply_not_found";
        let expected = contract.split_whitespace().chain(webhook).chain(console.split_whitespace());
        let expected: BTreeSet<&str> = expected.collect();
        let actual: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn codes_are_listed_by_status_and_have_a_sentence_each() {
        assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.status()));
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.status()), "{code}");
            assert!(!code.title().ends_with('.'), "{code}: a title is not a sentence");
            assert!(code.detail().ends_with('.'), "{code}: the detail is a sentence");
        }
    }
}
