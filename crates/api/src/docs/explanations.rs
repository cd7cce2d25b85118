//! The paragraph that the errors page gives to each code: when it happens, what to do, whether a retry helps, and whether
//! anything was sent or charged.

use crate::errors::ErrorCode;

impl ErrorCode {
    /// Two to four sentences for the errors page.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table of texts, one entry for each code")]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::InvalidJson => {
                "The body could not be read as one JSON object: it is malformed, not UTF-8, or names a field twice. \
                 Build the body with a JSON library rather than by joining strings. Nothing was sent or charged, and \
                 the same body will fail again."
            }
            Self::InvalidRequest => {
                "The JSON is well formed, but a field is missing, unknown or out of range. The list errors names every \
                 such field at once, each with a code and a message. On verify it also means that the text cannot be \
                 a code, for example because it has letters; no attempt is charged for that. Nothing was sent."
            }
            Self::MissingApiKey => {
                "The request has no Authorization header with a Bearer key. Keys are read from that header only: a key \
                 in the query string or the body is never looked at. Nothing was done."
            }
            Self::InvalidApiKey => {
                "The key is mistyped, cut short, revoked, or of another installation. Every key carries a checksum, so \
                 a typing error is found without a look-up. A retry with the same key does not help, and addresses \
                 that keep trying are rate-limited."
            }
            Self::ExpiredApiKey => {
                "The key was created with an expiry date, and that date has passed. Rotate keys with an overlap: create \
                 the new one, deploy it, then revoke the old one. Nothing was sent or charged."
            }
            Self::SessionRequired => {
                "The console's API takes a session's token, in the cookie __Host-session or as Authorization: Bearer, and \
                 this request had none that works. API keys do not open it. A session is over after 30 minutes without \
                 use, after 12 hours, when its password is changed elsewhere, and when the member is disabled."
            }
            Self::InvalidCredentials => {
                "One of the three is wrong, and which of them is not said: whoever guesses must not learn which addresses \
                 have an account. A code of the second factor works once. After ten failures for one address there is a \
                 wait, which grows to half an hour."
            }
            Self::SecondFactorRequired => {
                "The password is right, and this member has set up an authenticator app. Send the same request again with \
                 code. It did not count as a failure."
            }
            Self::InvalidSignature => {
                "The webhook carries no X-Hub-Signature-256, or one that was not made with the app secret that is \
                 configured. Copy the secret from App settings, Basic, in Meta's app dashboard into \
                 whatsapp.app_secret; while you change it, keep the old one in whatsapp.previous_app_secret. A proxy \
                 that rewrites bodies breaks signatures too. Nothing was stored; Meta tries again for days."
            }
            Self::InvalidVerifyToken => {
                "Meta asks this when you save the webhook form, and the token typed there is not the setting \
                 whatsapp.verify_token, or that is empty. Make the two equal and save the form again."
            }
            Self::PermissionDenied => {
                "Every member of an account has a role, and the role of this one does not allow the operation. The detail \
                 names the permission. Nothing was changed; the table of roles is in the guide."
            }
            Self::ReauthenticationRequired => {
                "Keys, credentials and members are changed only by somebody who has typed their password within the last \
                 ten minutes. Nothing was changed. After POST /api/v1/auth/reauthenticate, which gives the session a new \
                 token, the same request succeeds."
            }
            Self::CrossSiteRequest => {
                "A browser sent the session's cookie, but not from a page of this console: Sec-Fetch-Site or Origin names \
                 another site, the header X-CSRF-Token is missing or wrong, or the body is a form. It was refused before \
                 anything was looked up. Programs use Authorization: Bearer, which needs none of this."
            }
            Self::InsufficientScope => {
                "The key is genuine but lacks the scope of this call: otp:send, otp:verify, messages:send or read. \
                 Scopes are chosen when a key is created. Prefer one key for each service over one key with every \
                 scope. Nothing was sent."
            }
            Self::IpNotAllowed => {
                "The key is restricted to a list of networks, and the request came from outside. If the address is \
                 yours, add it to the key; behind a proxy, ask the operator whether the proxy is listed as trusted. \
                 If it is not yours, the key has leaked: revoke it."
            }
            Self::DestinationNotAllowed => {
                "The number is valid, but its country is not one that the account may write to, or nobody may write to \
                 numbers of its type (premium rate, toll-free, pager and so on); reason says which. It was refused \
                 before anything was sent or charged. A retry does not help until the operator changes the policy."
            }
            Self::AccountSuspended => {
                "An operator has suspended the account. Its keys still read sessions, messages and templates, and do nothing \
                 else; the console stays open to its members. Nothing was sent or charged, and no retry helps before the \
                 operator lifts it."
            }
            Self::DestinationBlocked => {
                "An operator has blocked this number, its prefix or its country, or many codes were sent to numbers \
                 like it and few came back. Nothing was sent or charged. The block ends at blocked_until; without that \
                 it lasts until the operator, who can see the reason, lifts it."
            }
            Self::NotFound => {
                "The path is not one of the API's. Look for a missing /v1, a slash at the end or a typing error. \
                 Nothing was done."
            }
            Self::SessionNotFound => {
                "No session of this account and mode has that id. An id of another account, and a test session read \
                 with a live key, give exactly the same answer. Old sessions are deleted, so a stored session_id does \
                 not work for ever. Nothing was charged."
            }
            Self::MessageNotFound => {
                "No message of this account and mode has that id. An id of another account, and a test message read \
                 with a live key, give exactly the same answer."
            }
            Self::TemplateNotFound => {
                "No template of this account has that id or name. Names are compared exactly. Nothing was queued; \
                 GET /v1/templates lists what can be sent."
            }
            Self::MemberNotFound => {
                "No member of this account has that id. An id of another account gives exactly the same answer. Nothing \
                 was changed."
            }
            Self::TicketNotFound => {
                "No ticket of this account has that id, or it was closed so long ago that it is not kept. An id of another \
                 account gives exactly the same answer. Nothing was changed."
            }
            Self::CannedReplyNotFound => {
                "No answer that the people of the platform keep ready has that id: it was deleted, perhaps by somebody else. \
                 Nothing was changed."
            }
            Self::InvitationNotFound => {
                "No open invitation of this account has that id: it was accepted or taken back, or is another account's. \
                 Nothing was changed."
            }
            Self::ConsoleSessionNotFound => {
                "You have no session of that id, or it has ended. Sessions of other members give exactly the same answer. \
                 Nothing was changed."
            }
            Self::KeyNotFound => {
                "No API key of this account has that id, or it is revoked or expired and so has no successor. Keys of other \
                 accounts give exactly the same answer. Nothing was changed."
            }
            Self::AccountNotFound => "No account of this installation has that id. Nothing was changed.",
            Self::SenderNotFound => {
                "The installation has no sender of that id, or the account has none to send from. whatotp senders add makes \
                 one. Nothing was sent."
            }
            Self::BlockNotFound => {
                "No block with these three is in force: it was lifted before, its time is over, or it is another account's. \
                 Nothing was changed."
            }
            Self::DeadLetterNotFound => {
                "No delivery of that id was given up and waits for an operator: it was replayed or discarded, or arrived \
                 after all. It is still in its account's log."
            }
            Self::MethodNotAllowed => {
                "The path exists, but not for this method: for instance GET where POST is needed. The Allow header \
                 lists the methods that work. Nothing was done."
            }
            Self::NotAcceptable => {
                "The Accept header rules out every form the answer can take. Answers are application/json, problems \
                 are application/problem+json, event streams are text/event-stream. Nothing was sent or charged."
            }
            Self::RequestTimeout => {
                "The headers arrived, but the body was not complete within 10 seconds. The request was given up before \
                 it was read, so nothing was sent or charged. Repeat it; if it keeps happening, look at the network \
                 or the proxy between you and the service."
            }
            Self::SessionAlreadyVerified => {
                "A code is accepted once. Of several calls at the same time with the right code exactly one gets 200, \
                 and the others get this. Never let a second caller in on this answer. If you repeat calls after a \
                 lost answer, send an Idempotency-Key: then the repeat gets the original 200."
            }
            Self::IdempotencyInProgress => {
                "The first request with the same Idempotency-Key has not finished, so its answer cannot be repeated \
                 yet. Wait about a second and send the same request again. The work is done once, however many \
                 requests arrive."
            }
            Self::NotCancelable => {
                "Only a pending session and a message that is still queued can be canceled. This one has already been \
                 sent, or has reached its final status. Nothing was changed; read it with GET to see where it stands."
            }
            Self::LastOwner => {
                "Every account has an owner who can log in, so the last one is not removed, disabled or given another \
                 role. Nothing was changed. Two requests at the same moment cannot get around it."
            }
            Self::TicketFull => {
                "A ticket holds at most 200 comments. The comment was not stored, and the ticket stands as it did. A new ticket \
                 with the same session or message linked goes on from here."
            }
            Self::TooManyTickets => {
                "An account has at most 100 tickets that are not closed. This one was not opened. Comments on those that are \
                 there reach the same people."
            }
            Self::TooManyInvitations => {
                "An account has at most 50 invitations that can still be accepted. Nobody was invited. One that was accepted, \
                 taken back, or is older than seven days does not count."
            }
            Self::EmailTaken => {
                "An e-mail address belongs to one member of one account of the installation. Nothing was changed, and the \
                 link still works."
            }
            Self::LinkInvalid => {
                "The link was used, taken back or replaced, or its time is over: an hour for the first start and for a \
                 new password, seven days for an invitation. Whoever made it can make another."
            }
            Self::NotReplayable => {
                "The message was given up, and sending it once more would be wrong or is not possible: the code's session is \
                 over, the template is gone, or its values were wiped. The detail says which. Nothing was sent."
            }
            Self::SessionExpired => {
                "The session's lifetime (expires_in_seconds, 300 by default) is over, so even the right code is \
                 refused. No attempt was charged. Show the user a way to ask for a new code. This answer is given for \
                 24 hours, after that the session is unknown."
            }
            Self::SessionLocked => {
                "All attempts of this session were used on wrong codes. The right code is refused too, so a retry does \
                 not help. A new session may be started, but the failures still count against the number."
            }
            Self::SessionSuperseded => {
                "A later send to the same number and purpose has replaced this session; there is only one live session \
                 for each. It usually means that the user asked twice, or opened the page in two windows. No attempt \
                 was charged. Verify against the newest session_id."
            }
            Self::SessionCanceled => {
                "The session was canceled by your own call, or because the user told WhatsApp that they had not asked \
                 for the code. The second case is a sign that somebody else typed their number. No attempt was charged."
            }
            Self::BodyTooLarge => {
                "The body is larger than 64 KiB. It was not read to its end, and nothing was sent or charged. No valid \
                 request needs more than a few kilobytes."
            }
            Self::UnsupportedMediaType => {
                "The Content-Type header is missing or is not application/json; a charset may be given, if it is utf-8. \
                 Many clients send a form type unless they are told otherwise. Nothing was sent or charged."
            }
            Self::CodeMismatch => {
                "The code has the right form, but it is not this session's code. One attempt was charged before the \
                 comparison; attempts_remaining says how many are left. Repeating the same wrong code only uses up \
                 attempts. The user is not verified."
            }
            Self::RecipientUnreachable => {
                "WhatsApp refused this recipient at once, most often because the number has no WhatsApp account. The \
                 message was not delivered, no session is left behind and no waiting time is charged. A retry gives \
                 the same answer until the user changes something."
            }
            Self::TemplateVariablesMismatch => {
                "variables must name exactly the placeholders of the template: missing lists those without a value, \
                 unexpected lists those the template does not have. Nothing was queued or charged. GET \
                 /v1/templates/{id} shows the names."
            }
            Self::IdempotencyKeyReused => {
                "The same Idempotency-Key was used in the last 24 hours on this route with a different body. Nothing \
                 was done for this request, and the first one is not affected. Make a fresh key for each operation, \
                 not for each user or process."
            }
            Self::RateLimited => {
                "Your key, or your key at this address, has made more requests in 60 seconds than it may. Retry-After \
                 says when the next one will be accepted, and RateLimit shows what is left. Nothing was sent or \
                 charged, and the request is safe to repeat."
            }
            Self::ResendTooSoon => {
                "Between two sends to one number there is a pause: 30 seconds at first, then 60, 120 and 240. No second \
                 message was sent, and the session is as it was. Show the user a countdown to resend_available_at \
                 instead of a button that fails."
            }
            Self::DestinationLimited => {
                "One number gets at most 5 codes in 10 minutes, 10 in an hour and 20 in a day from one account, and 50 \
                 in a day from all of them together. \
                 The other cause is named in budget: more codes than usual were sent to one country, or for one \
                 client_ip, and never verified, which is what message pumping looks like. Nothing was sent, and the \
                 session that is live, if any, still works; retry_at says when to come back."
            }
            Self::VerifyLimited => {
                "The wrong codes that a number may have in 24 hours are used up, 20 in your account and 50 over all \
                 accounts (2 of them for codes of 4 and 5 digits), or its open sessions hold what is left. No session \
                 is issued, no code is compared, the right one included, and no attempt is charged until the time in \
                 Retry-After and retry_at. An answer without retry_at means 100 wrong codes in a row: the number is \
                 disabled, however long you wait, until your support has made sure whose it is and the operator has unblocked it. This is \
                 what stops slow guessing; offer another way to sign in."
            }
            Self::QuotaExceeded => {
                "The account has sent as many codes and messages as the operator allows it in a day or a month (UTC); \
                 period says which. Nothing was sent or charged. It succeeds again at retry_at, when the next period \
                 begins, or when the quota is raised."
            }
            Self::LogInLimited => {
                "Ten log-ins in a row failed for this e-mail address, whoever tried. From then on each further one has to \
                 wait, 30 seconds at first, doubled up to half an hour; a right password or a day without a failure ends \
                 it. The operator can end it at once with whatotp user unlock."
            }
            Self::MaxSendsReached => {
                "The session has been sent as often as it may be; sends_remaining was 0. Nothing was sent, the code is \
                 still valid until expires_at, and attempts are as they were. If several messages did not arrive, \
                 read the delivery status before you send more."
            }
            Self::InternalError => {
                "A fault in WhatOTP itself. No details are shown, but the request_id leads to them in the operator's \
                 log. One retry is reasonable; on a send, use the same Idempotency-Key so that nothing can go out \
                 twice. If it repeats, please report it."
            }
            Self::ChannelUnavailable => {
                "The sender cannot send: no credentials are configured, the template is not approved, or WhatsApp is \
                 down. For a code, no session is left behind and no waiting time is charged, so a retry after \
                 Retry-After is safe. With a live key on a new installation it means that no sender is set up yet."
            }
            Self::Overloaded => {
                "Every queue in WhatOTP has a bound, and this one is full. The request was refused at once, before any \
                 work was done: nothing was sent or charged. Repeat it after Retry-After. The operator should look at \
                 the load and at what is slow."
            }
            Self::StorageUnavailable => {
                "The database did not take the request. Nothing was sent: a message goes out only after its record is \
                 stored. Repeat the request after Retry-After, with the same Idempotency-Key if you use one."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_explanation_has_two_to_four_sentences() {
        for code in ErrorCode::ALL {
            let text = code.explanation();
            let sentences = text.split(". ").count();
            assert!((2..=4).contains(&sentences), "{code} has {sentences} sentences");
            assert!(text.ends_with('.'), "{code}");
            assert!(!text.contains("  "), "{code}");
        }
    }
}
