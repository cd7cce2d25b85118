//! Errors as Meta would name them: the same numbers, titles and details that a live key sees.

use whatotp_domain::DeliveryError;

fn error(code: u32, title: &str, detail: &str) -> DeliveryError {
    DeliveryError { code, title: title.to_owned(), detail: detail.to_owned() }
}

/// The recipient is not on WhatsApp, has not accepted its terms, or has too old a version.
pub(super) fn undeliverable() -> DeliveryError {
    error(131_026, "Message undeliverable", "Message Undeliverable.")
}

/// Graph is down or overloaded.
pub(super) fn out_of_service() -> DeliveryError {
    error(2, "Service temporarily unavailable", "Temporary due to downtime or due to being overloaded.")
}

/// Too many messages from one sender to one recipient.
pub(super) fn pair_rate_limit() -> DeliveryError {
    error(
        131_056,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number to the same phone \
         number in a short period of time.",
    )
}

/// Something broke at Meta, before or after the message was sent.
pub(super) fn unknown() -> DeliveryError {
    error(131_000, "Something went wrong", "Message failed to send due to an unknown error.")
}
