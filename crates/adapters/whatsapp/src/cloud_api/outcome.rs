use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use whatotp_domain::Timestamp;
use whatotp_ports::{ProviderMessageId, SendOutcome, Stopped};

use super::client::{Answer, Unanswered};
use super::error_body::Failure;
use super::errors::{ErrorClass, NOT_REACHED, PAIR_RATE, UNREADABLE};

/// The longest wait that an answer may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// How long to wait when nothing says more.
const MOMENT: Duration = Duration::from_secs(1);
/// How long to wait for limits that count by the hour.
const WHILE: Duration = Duration::from_secs(60);

/// The id that the provider took a message under, or what went wrong.
pub(super) fn acceptance(answer: Result<Answer, Unanswered>) -> Result<ProviderMessageId, Failure> {
    match answer {
        Ok(answer) if answer.is_success() => accepted(answer.body())
            .ok_or_else(|| Failure::ours(UNREADABLE, "the message was taken, but the answer has no id for it")),
        Ok(answer) => Err(Failure::of(&answer)),
        Err(unanswered) => Err(Failure::without_answer(&unanswered)),
    }
}

/// What a failure means for the message.
pub(super) fn outcome(failure: &Failure, attempt: u32, now: Timestamp) -> SendOutcome {
    let error = failure.error.clone();
    match failure.meaning.class {
        // There was no request that could have been refused.
        _ if error.code == NOT_REACHED => SendOutcome::Unavailable { error, stopped: Stopped::Nothing },
        ErrorClass::Retry | ErrorClass::Wait => {
            let asked = failure.retry_after.as_deref().and_then(|header| wait_asked_for(header, now));
            let after = wait(failure.meaning.first, attempt).max(asked.unwrap_or_default()).min(LONGEST_WAIT);
            SendOutcome::Retry { after, error }
        }
        ErrorClass::StopSender => SendOutcome::Unavailable { error, stopped: Stopped::Sender },
        ErrorClass::StopTemplate => SendOutcome::Unavailable { error, stopped: Stopped::Template },
        ErrorClass::Unreachable => SendOutcome::Refused(error),
        ErrorClass::OurFault => SendOutcome::Invalid(error),
        ErrorClass::Unknown => SendOutcome::Unknown { error, poll_at: None },
    }
}

fn accepted(body: &[u8]) -> Option<ProviderMessageId> {
    #[derive(Deserialize)]
    struct Accepted {
        messages: Vec<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        id: String,
    }
    let Accepted { messages } = serde_json::from_slice(body).ok()?;
    let first = messages.into_iter().next()?;
    (!first.id.is_empty()).then_some(ProviderMessageId(first.id))
}

/// The shortest wait before the next try.
fn wait(code: u32, attempt: u32) -> Duration {
    match code {
        // Meta: "retry after 4^X seconds", X from 0.
        PAIR_RATE => Duration::from_secs(4_u64.saturating_pow(attempt.saturating_sub(1)).min(64)),
        4 | 80_007 | 80_008 | 133_004 => WHILE,
        // Meta: the upgrade of a number's throughput takes up to a minute.
        131_057 => Duration::from_secs(20),
        // Meta: five minutes after a number was deleted.
        133_015 => Duration::from_secs(5 * 60),
        _ => MOMENT,
    }
}

/// What `Retry-After` says: seconds, or a date.
fn wait_asked_for(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = OffsetDateTime::parse(header, &Rfc2822).ok()?.unix_timestamp();
    Some(Timestamp::from_unix_ms(until.saturating_mul(1000)).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

    fn of(status: u16, retry_after: Option<&str>, body: &str, attempt: u32) -> SendOutcome {
        let answer =
            Answer { status, retry_after: retry_after.map(str::to_owned), body: Some(body.as_bytes().to_vec()) };
        match acceptance(Ok(answer)) {
            Ok(provider_message_id) => SendOutcome::Accepted { provider_message_id, poll_at: None },
            Err(failure) => outcome(&failure, attempt, NOW),
        }
    }

    fn wait_for(code: u32, retry_after: Option<&str>, attempt: u32) -> u64 {
        let body = format!(r#"{{"error":{{"code":{code}}}}}"#);
        let SendOutcome::Retry { after, .. } = of(429, retry_after, &body, attempt) else { panic!("no retry: {code}") };
        after.as_secs()
    }

    #[test]
    fn only_an_id_says_that_the_message_was_taken() {
        let taken = of(200, None, r#"{"contacts":[{}],"messages":[{"id":"wamid.x","message_status":"held"}]}"#, 1);
        let SendOutcome::Accepted { provider_message_id, poll_at: None } = taken else { panic!("{taken:?}") };
        assert_eq!(provider_message_id.0, "wamid.x");
        for body in ["", "{}", r#"{"messages":[]}"#, r#"{"messages":[{"id":""}]}"#, r#"{"messages":[{"id":7}]}"#, "OK"]
        {
            let outcome = of(200, None, body, 1);
            assert!(matches!(&outcome, SendOutcome::Unknown { error, poll_at: None } if error.code == UNREADABLE));
        }
    }

    #[test]
    fn each_class_of_error_has_its_outcome() {
        let kind = |code: u32, status| match of(status, None, &format!(r#"{{"error":{{"code":{code}}}}}"#), 1) {
            SendOutcome::Accepted { .. } => "accepted",
            SendOutcome::Refused(_) => "refused",
            SendOutcome::Retry { .. } => "retry",
            SendOutcome::Unavailable { stopped: Stopped::Nothing, .. } => "unavailable",
            SendOutcome::Unavailable { stopped: Stopped::Sender, .. } => "sender stopped",
            SendOutcome::Unavailable { stopped: Stopped::Template, .. } => "template stopped",
            SendOutcome::Invalid(_) => "invalid",
            SendOutcome::Unknown { .. } => "unknown",
        };
        for (code, status, expected) in [
            (131_026, 400, "refused"),
            (130_497, 403, "refused"),
            (131_030, 400, "invalid"),
            (132_000, 400, "invalid"),
            (130_429, 429, "retry"),
            (131_056, 400, "retry"),
            (131_057, 500, "retry"),
            (190, 401, "sender stopped"),
            (3, 500, "sender stopped"),
            (132_015, 400, "template stopped"),
            (132_001, 404, "template stopped"),
            (1, 400, "unknown"),
            (2, 503, "unknown"),
            (131_000, 500, "unknown"),
            (777_777, 500, "unknown"),
            (777_777, 302, "unknown"),
            (777_777, 404, "invalid"),
            (777_777, 429, "retry"),
            (777_777, 401, "sender stopped"),
        ] {
            assert_eq!(kind(code, status), expected, "{code} with {status}");
        }
    }

    #[test]
    fn the_wait_grows_with_the_pair_rate_and_obeys_the_header_for_up_to_an_hour() {
        assert_eq!([1, 2, 3, 4, 5, 99].map(|attempt| wait_for(131_056, None, attempt)), [1, 4, 16, 64, 64, 64]);
        assert_eq!(
            [4, 80_007, 80_008, 131_057, 133_004, 133_015].map(|code| wait_for(code, None, 1)),
            [60, 60, 60, 20, 60, 300]
        );
        assert_eq!(wait_for(130_429, None, 3), 1);
        for (header, expected) in [
            ("30", 30),
            (" 30 ", 30),
            ("0", 1),
            ("999999", 3600),
            ("Mon, 23 Nov 2026 10:00:45 GMT", 45),
            ("Mon, 23 Nov 2026 09:00:00 GMT", 1),
            ("Mon, 23 Nov 2037 09:00:00 GMT", 3600),
            ("-5", 1),
            ("soon", 1),
        ] {
            assert_eq!(wait_for(130_429, Some(header), 1), expected, "{header}");
        }
        assert_eq!(wait_for(131_057, Some("5"), 1), 20, "the header is a minimum");
    }

    #[test]
    fn what_never_connected_was_not_sent_and_what_was_lost_may_have_been() {
        let of = |unanswered| outcome(&acceptance(Err(unanswered)).unwrap_err(), 1, NOW);
        assert!(matches!(
            of(Unanswered::NotConnected("refused".into())),
            SendOutcome::Unavailable { stopped: Stopped::Nothing, error } if error.detail == "no connection to WhatsApp: refused"
        ));
        assert!(matches!(of(Unanswered::Lost("reset".into())), SendOutcome::Unknown { poll_at: None, .. }));
        assert!(matches!(
            of(Unanswered::NoRequest("no header")),
            SendOutcome::Unavailable { stopped: Stopped::Sender, .. }
        ));
    }
}
