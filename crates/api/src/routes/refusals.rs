//! What a caller is told whose message was not let through: why, and when it is worth another try.

use whatotp_application::NotAdmitted;
use whatotp_domain::Timestamp;

use crate::errors::ErrorCode;
use crate::http::Problem;

pub(in crate::routes) fn not_admitted(refused: &NotAdmitted, now: Timestamp) -> Problem {
    match *refused {
        NotAdmitted::Country(country) => Problem::new(ErrorCode::DestinationNotAllowed)
            .detail(format!("This account may not write to {country}: ask the operator if you have users there."))
            .with("reason", "country")
            .with("country", country.to_string()),
        NotAdmitted::NumberType(number_type) => Problem::new(ErrorCode::DestinationNotAllowed)
            .detail("Numbers of this type get no messages: ask for a mobile number.")
            .with("reason", "number_type")
            .with("number_type", number_type.as_str()),
        NotAdmitted::Blocked { until: Some(until) } => Problem::new(ErrorCode::DestinationBlocked)
            .detail("Ask the operator why this number or prefix is blocked; the block ends by itself at blocked_until.")
            .with("blocked_until", until.to_string()),
        NotAdmitted::Blocked { until: None } => Problem::new(ErrorCode::DestinationBlocked),
        NotAdmitted::OverBudget { budget, retry_at } => Problem::new(ErrorCode::DestinationLimited)
            .detail(
                "Many codes were sent there and few came back: wait for the number of seconds in Retry-After, and see \
                 whether somebody misuses your sign-up form.",
            )
            .with("budget", budget.as_str())
            .with("retry_at", retry_at.to_string())
            .retry_at(retry_at, now),
        NotAdmitted::QuotaUsedUp { period, retry_at } => Problem::new(ErrorCode::QuotaExceeded)
            .with("period", period.as_str())
            .with("retry_at", retry_at.to_string())
            .retry_at(retry_at, now),
    }
}

pub(super) fn throttled(until: Timestamp, now: Timestamp) -> Problem {
    Problem::new(ErrorCode::VerifyLimited)
        .detail(
            "Nearly every code that was verified for this account was wrong, so only one a second is looked at: wait for \
             the number of seconds in Retry-After.",
        )
        .retry_at(until, now)
}
