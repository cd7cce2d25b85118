use std::process::ExitCode;

use serde_json::{Value, json};
use whatotp_domain::{EventKind, LogEvent};

use super::table::aligned;
use super::{Outcome, say};
use crate::cli::whatsapp::Events;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

pub(crate) async fn run(settings: &Settings, options: &Events) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    let mut events = app.list_events(None, options.limit).await?;
    events.reverse();
    if options.json {
        say(Value::Array(events.iter().map(described).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if events.is_empty() {
        say("Nothing happened that needs a person.");
    }
    let rows: Vec<_> = events.iter().map(row).collect();
    for line in aligned(&rows) {
        say(line);
    }
    // Once for each kind: the newest lines of a bad night are all alike.
    let kinds = EventKind::ALL.into_iter().filter(|kind| events.iter().any(|event| event.kind == *kind));
    let remedies: Vec<_> =
        kinds.filter_map(|kind| Some([kind.as_str().to_owned(), remedy(kind)?.to_owned()])).collect();
    if !remedies.is_empty() {
        say("\nWhat to do (docs/WHATSAPP.md, section 5):");
        aligned(&remedies).iter().for_each(say);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(event: &LogEvent) -> [String; 4] {
    let mark = if event.kind.needs_attention() { "!" } else { " " };
    let what = format!("{}: {}", event.subject, event.detail);
    [mark.to_owned(), event.at.to_string(), event.kind.as_str().to_owned(), what]
}

fn described(event: &LogEvent) -> Value {
    json!({
        "event_id": event.id.to_string(),
        "at": event.at.to_string(),
        "kind": event.kind.as_str(),
        "needs_attention": event.kind.needs_attention(),
        "account_id": event.account.map(|account| account.to_string()),
        "subject": event.subject,
        "detail": event.detail,
    })
}

/// What somebody who was woken by it does.
const fn remedy(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::TemplateRejected => "correct the template as the reason says, and hand it in again",
        EventKind::TemplatePaused => {
            "its other languages go on; it comes back by itself when the pause ends: see `whatotp templates list`"
        }
        EventKind::TemplateDisabled => "it does not come back: make one of another name, and set whatsapp.otp_template",
        EventKind::TemplateRecategorised => "it costs something else now: appeal in WhatsApp Manager, or make another",
        EventKind::TemplateQuality | EventKind::SenderQuality => {
            "when it falls, people block or report you: ask for codes only behind something that bots fail"
        }
        EventKind::SenderStopped => "nothing goes out from it until the cause is mended: see `whatotp senders check`",
        EventKind::AccountUpdate => "read in WhatsApp Manager what Meta says about the account",
        EventKind::CodeNotRequested => "many of these are somebody else asking for codes: lower the limits per number",
        EventKind::QuotaNear => {
            "the account is answered quota_exceeded soon: is the traffic wanted? `whatotp accounts set`"
        }
        EventKind::QuotaReached => "the account sends nothing until the period ends: `whatotp accounts set` raises it",
        EventKind::UnverifiedBudget => {
            "many codes never come back: look for a script on the sign-up form (docs/ABUSE.md)"
        }
        EventKind::PrefixPumped => "somebody sends to a range of numbers: `whatotp blocks list`, `add` and `lift`",
        EventKind::GuessingSuspected => {
            "somebody tries codes, or a client is broken: look at who calls verify, and revoke its key"
        }
        EventKind::TemplateApproved | EventKind::FellBack | EventKind::NumberUnblocked | EventKind::Erased => {
            return None;
        }
    })
}
