use serde_json::Value;
use whatotp_domain::EventKind;
use whatotp_ports::Inbound;

use super::envelope::{Change, text_or_number};
use super::said;

/// How a sender does, or how much it may send, has changed.
pub(super) fn phone_number_quality(change: &Change) -> Option<Inbound> {
    let event = said(&change.value, "event")?;
    let limit = said(&change.value, "current_limit").map(|limit| format!(" It may message {} now.", people(&limit)));
    let news = match event.as_str() {
        "FLAGGED" => "Recipients complain about the sender: its quality is low.",
        "UNFLAGGED" => "The sender's quality has recovered.",
        "ONBOARDING" => "The sender is registered.",
        "UPGRADE" => "The sender's messaging limit was raised.",
        "DOWNGRADE" => "The sender's messaging limit was lowered.",
        "THROUGHPUT_UPGRADE" => "The sender may send more messages per second.",
        _ => return Some(notice(change, EventKind::SenderQuality, format!("WhatsApp says of the sender: {event}."))),
    };
    Some(notice(change, EventKind::SenderQuality, format!("{news}{}", limit.unwrap_or_default())))
}

/// What a business account may do has changed.
pub(super) fn business_capability(change: &Change) -> Option<Inbound> {
    let first = |names: &[&str]| names.iter().find_map(|name| said(&change.value, name));
    let people = first(&["max_daily_conversations_per_business", "max_daily_conversation_per_phone"]).map(|limit| {
        let limit = people(&limit);
        format!("The business may message {limit} now.")
    });
    let numbers = first(&["max_phone_numbers_per_business", "max_phone_numbers_per_waba"])
        .map(|limit| format!("It may have {limit} phone numbers."));
    let told: Vec<String> = people.into_iter().chain(numbers).collect();
    if told.is_empty() { None } else { Some(notice(change, EventKind::SenderQuality, told.join(" "))) }
}

/// WhatsApp decided something about a business account.
pub(super) fn account(change: &Change) -> Option<Inbound> {
    let value = &change.value;
    let event = said(value, "event")?;
    let of = |group: &str, name: &str| said(value.get(group)?, name);
    let restrictions = value.get("restriction_info").and_then(Value::as_array).into_iter().flatten();
    let restrictions = restrictions.filter_map(|one| said(one, "restriction_type"));
    let reasons = [of("violation_info", "violation_type"), of("ban_info", "waba_ban_state")];
    let reasons: Vec<String> = reasons.into_iter().flatten().chain(restrictions).collect();
    let news = match event.as_str() {
        "DISABLED_UPDATE" => "The business account is disabled, or was enabled again",
        "ACCOUNT_VIOLATION" => "The business account broke a policy of WhatsApp",
        "ACCOUNT_RESTRICTION" => "The business account is restricted",
        "ACCOUNT_DELETED" => "The business account is deleted",
        "VERIFIED_ACCOUNT" => "The business account is verified",
        _ => {
            return Some(notice(
                change,
                EventKind::AccountUpdate,
                sentence(&format!("WhatsApp says: {event}"), &reasons),
            ));
        }
    };
    Some(notice(change, EventKind::AccountUpdate, sentence(news, &reasons)))
}

/// WhatsApp wants something to be known about a business account.
pub(super) fn alert(change: &Change) -> Option<Inbound> {
    // Older ones have no group.
    let info = change.value.get("alert_info").unwrap_or(&change.value);
    let kind = said(info, "alert_type")?;
    let severity = said(info, "alert_severity").map(|severity| format!(" ({severity})")).unwrap_or_default();
    let description = said(info, "alert_description").map(|words| format!(" {words}")).unwrap_or_default();
    Some(notice(change, EventKind::AccountUpdate, format!("WhatsApp's alert: {kind}{severity}.{description}")))
}

/// Somebody did something about a sender's PIN.
pub(super) fn security(change: &Change) -> Option<Inbound> {
    let detail = match said(&change.value, "event")?.as_str() {
        "PIN_CHANGED" => "The sender's two-step verification PIN was changed.".to_owned(),
        "PIN_RESET_REQUEST" => "Somebody asked to reset the sender's two-step verification PIN.".to_owned(),
        event => format!("WhatsApp says about the sender's security: {event}."),
    };
    Some(notice(change, EventKind::AccountUpdate, detail))
}

fn notice(change: &Change, kind: EventKind, detail: String) -> Inbound {
    Inbound::Notice(change.notice(kind, subject(change), detail))
}

/// The sender's last digits, where there is one, or the business account.
fn subject(change: &Change) -> String {
    let shown = ["display_phone_number", "phone_number"].into_iter().find_map(|name| change.value.get(name));
    let digits: String =
        shown.and_then(text_or_number).unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let tail = digits.len().checked_sub(4).and_then(|start| digits.get(start..));
    tail.map_or_else(|| change.waba.to_string(), |tail| format!("the sender ending in {tail}"))
}

/// How many people a limit such as `TIER_2K` or 2000 allows in 24 hours.
fn people(limit: &str) -> String {
    match limit.strip_prefix("TIER_").unwrap_or(limit) {
        "UNLIMITED" | "-1" => "any number of people".to_owned(),
        number => format!("{number} people in 24 hours"),
    }
}

fn sentence(news: &str, reasons: &[String]) -> String {
    if reasons.is_empty() { format!("{news}.") } else { format!("{news}: {}.", reasons.join(", ")) }
}
