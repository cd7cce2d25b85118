use serde_json::Value;
use whatotp_domain::{EventKind, Locale, SenderQuality};
use whatotp_ports::{Inbound, TemplateDecision};

use super::envelope::{Change, moment};
use super::said;
use crate::cloud_api::catalog::{category as category_of, status as status_of};

/// One language of a template, as a change names it.
struct Named {
    name: String,
    locale: Locale,
}

impl Named {
    fn in_change(change: &Change) -> Option<Self> {
        let text = |name| change.value.get(name).and_then(Value::as_str);
        Some(Self {
            name: text("message_template_name")?.to_owned(),
            // `en-US` here, `en_US` in the API.
            locale: Locale::parse(text("message_template_language")?)?,
        })
    }

    fn subject(&self) -> String {
        format!("{} ({})", self.name, self.locale)
    }

    fn decided(self, change: &Change, decision: TemplateDecision, kind: EventKind, detail: String) -> Inbound {
        let notice = change.notice(kind, self.subject(), detail);
        Inbound::Template { waba: change.waba.clone(), name: self.name, locale: self.locale, decision, notice }
    }
}

/// WhatsApp decided whether a template may be sent.
pub(super) fn status(change: &Change) -> Option<Inbound> {
    let template = Named::in_change(change)?;
    let event = said(&change.value, "event")?.to_ascii_uppercase();
    let (kind, news) = match event.as_str() {
        "APPROVED" if pause(change).as_deref() == Some("UNPAUSE") => {
            (EventKind::TemplateApproved, "The pause is over: the template may be sent again.")
        }
        "APPROVED" => (EventKind::TemplateApproved, "The template is approved and may be sent."),
        "REINSTATED" | "UNARCHIVED" | "UNPAUSED" => (EventKind::TemplateApproved, "The template may be sent again."),
        "REJECTED" => (EventKind::TemplateRejected, "WhatsApp rejected the template."),
        "PAUSED" => {
            (EventKind::TemplatePaused, "The template is paused because recipients complained, and cannot be sent.")
        }
        "DISABLED" => (EventKind::TemplateDisabled, "The template is disabled for good and cannot be sent."),
        "ARCHIVED" => (EventKind::TemplateDisabled, "The template was not used for a year and is archived."),
        "DELETED" | "PENDING_DELETION" => (EventKind::TemplateDisabled, "The template is deleted."),
        "PENDING" => (EventKind::AccountUpdate, "The template is being reviewed."),
        "IN_APPEAL" => (EventKind::AccountUpdate, "The template's rejection is being reviewed again."),
        "LIMIT_EXCEEDED" => (EventKind::AccountUpdate, "The business account has as many templates as it may have."),
        // It may still be sent, so that nothing is decided: a warning that came late must not undo the end it warned of.
        "FLAGGED" => {
            let news = "Recipients complain about the template. It will be disabled if that goes on.";
            let notice = change.notice(EventKind::TemplateQuality, template.subject(), explained(change, news));
            return Some(Inbound::Notice(notice));
        }
        _ => {
            let news = format!("WhatsApp says of the template: {event}.");
            let notice = change.notice(EventKind::AccountUpdate, template.subject(), explained(change, &news));
            return Some(Inbound::Notice(notice));
        }
    };
    Some(template.decided(change, TemplateDecision::Status(status_of(&event)), kind, explained(change, news)))
}

/// WhatsApp put a template into another category, or is going to.
pub(super) fn category(change: &Change) -> Option<Inbound> {
    let template = Named::in_change(change)?;
    let kind = EventKind::TemplateRecategorised;
    if let Some(category) = said(&change.value, "new_category").as_deref().and_then(category_of) {
        let before = said(&change.value, "previous_category").map(|before| format!(" instead of {before}"));
        let detail = format!("The template is charged as {}{} now.", category.as_str(), before.unwrap_or_default());
        return Some(template.decided(change, TemplateDecision::Category(category), kind, detail));
    }
    let planned = said(&change.value, "correct_category")?;
    let detail = format!("WhatsApp is going to charge the template as {planned}; ask for a review if that is wrong.");
    Some(Inbound::Notice(change.notice(kind, template.subject(), detail)))
}

/// What recipients think of a template has changed.
pub(super) fn quality(change: &Change) -> Option<Inbound> {
    let template = Named::in_change(change)?;
    let now = said(&change.value, "new_quality_score")?;
    let before = said(&change.value, "previous_quality_score").map(|before| format!(" after {before}"));
    let detail = format!("The template's quality is {now}{}.", before.unwrap_or_default());
    let kind = EventKind::TemplateQuality;
    Some(match SenderQuality::parse(&now) {
        Some(quality) => template.decided(change, TemplateDecision::Quality(quality), kind, detail),
        None => Inbound::Notice(change.notice(kind, template.subject(), detail)),
    })
}

fn pause(change: &Change) -> Option<String> {
    said(change.value.get("other_info")?, "title")
}

fn disabled_on(change: &Change) -> Option<String> {
    let info = change.value.get("disable_info")?;
    let date = info.get("disable_date").and_then(moment).map(|date| date.to_string());
    date.or_else(|| said(info, "disable_date"))
}

/// The news with whatever reasons Meta gives.
fn explained(change: &Change, news: &str) -> String {
    let of = |group: &str, name: &str| said(change.value.get(group)?, name);
    let reasons = [
        said(&change.value, "reason").map(|reason| format!("Reason: {reason}.")),
        of("rejection_info", "reason").map(|reason| format!("WhatsApp says: {reason}")),
        of("rejection_info", "recommendation").map(|advice| format!("Its advice: {advice}")),
        of("other_info", "description").map(|words| format!("WhatsApp says: {words}")),
        disabled_on(change).map(|date| format!("Since: {date}.")),
    ];
    let told = std::iter::once(news.to_owned()).chain(reasons.into_iter().flatten());
    told.collect::<Vec<_>>().join(" ")
}
