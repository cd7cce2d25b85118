use askama::Template;
use askama::filters::HtmlSafe;
use whatotp_domain::{DeliveryStatus, SessionStatus, TemplateStatus, TicketPriority, TicketStatus, Timestamp};

/// A moment on a page: in UTC, which the script turns into the viewer's zone.
#[derive(Template)]
#[template(source = r#"<time datetime="{{ iso }}">{{ text }}</time>"#, ext = "html")]
pub(super) struct Moment {
    pub(super) iso: String,
    pub(super) text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let iso = at.to_string();
        let text = format!("{} UTC", iso.get(..19).unwrap_or(&iso).replace('T', " "));
        Self { iso, text }
    }
}

impl HtmlSafe for Moment {}

/// How something stands: said in a word, and once more with a colour and a shape.
#[derive(Template)]
#[template(source = r#"<span class="status {{ class }}">{{ text }}</span>"#, ext = "html")]
pub(super) struct Status {
    class: &'static str,
    pub(super) text: &'static str,
}

impl HtmlSafe for Status {}

impl Status {
    pub(super) const fn good(text: &'static str) -> Self {
        Self { class: "good", text }
    }

    pub(super) const fn bad(text: &'static str) -> Self {
        Self { class: "bad", text }
    }

    pub(super) const fn warn(text: &'static str) -> Self {
        Self { class: "warn", text }
    }

    pub(super) const fn busy(text: &'static str) -> Self {
        Self { class: "busy", text }
    }

    pub(super) const fn plain(text: &'static str) -> Self {
        Self { class: "", text }
    }
}

impl From<DeliveryStatus> for Status {
    fn from(status: DeliveryStatus) -> Self {
        let text = status.as_str();
        match status {
            DeliveryStatus::Delivered | DeliveryStatus::Read => Self::good(text),
            DeliveryStatus::Failed => Self::bad(text),
            DeliveryStatus::Expired | DeliveryStatus::Unknown => Self::warn(text),
            DeliveryStatus::Canceled => Self::plain(text),
            DeliveryStatus::Queued | DeliveryStatus::Accepted | DeliveryStatus::Sent => Self::busy(text),
        }
    }
}

impl From<SessionStatus> for Status {
    fn from(status: SessionStatus) -> Self {
        let text = status.as_str();
        match status {
            SessionStatus::Verified => Self::good(text),
            SessionStatus::Failed | SessionStatus::Locked => Self::bad(text),
            SessionStatus::Expired => Self::warn(text),
            SessionStatus::Pending => Self::busy(text),
            SessionStatus::Superseded | SessionStatus::Canceled => Self::plain(text),
        }
    }
}

impl From<TemplateStatus> for Status {
    fn from(status: TemplateStatus) -> Self {
        let text = status.as_str();
        match status {
            TemplateStatus::Approved => Self::good(text),
            TemplateStatus::Rejected | TemplateStatus::Disabled => Self::bad(text),
            TemplateStatus::Paused => Self::warn(text),
            TemplateStatus::Pending => Self::busy(text),
            TemplateStatus::Draft => Self::plain(text),
        }
    }
}

impl From<TicketStatus> for Status {
    fn from(status: TicketStatus) -> Self {
        match status {
            TicketStatus::Open => Self::busy("open"),
            TicketStatus::Pending => Self::warn("waiting for the customer"),
            TicketStatus::Closed => Self::plain("closed"),
        }
    }
}

impl From<TicketPriority> for Status {
    fn from(priority: TicketPriority) -> Self {
        let text = priority.as_str();
        match priority {
            TicketPriority::Urgent => Self::bad(text),
            TicketPriority::High => Self::warn(text),
            TicketPriority::Normal | TicketPriority::Low => Self::plain(text),
        }
    }
}

/// So many milliseconds in the unit that a person would use.
pub(super) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..=999 => format!("{milliseconds} ms"),
        1_000..=59_999 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..=3_599_999 => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds % 3_600_000 / 60_000),
    }
}

/// A share as a percentage; nothing of nothing is a dash.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = (u128::from(part) * 1_000 + u128::from(whole) / 2) / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_a_person_would_write_it() {
        let moment = Moment::from(Timestamp::from_unix_ms(1_795_428_061_234));
        assert_eq!(moment.iso, "2026-11-23T10:01:01.234Z");
        assert_eq!(moment.text, "2026-11-23 10:01:01 UTC");
    }

    #[test]
    fn durations_and_shares_read_as_a_person_would_say_them() {
        let durations = [0, 999, 1_000, 2_345, 61_000, 7_260_000].map(duration);
        assert_eq!(durations, ["0 ms", "999 ms", "1.0 s", "2.3 s", "1 min 1 s", "2 h 1 min"]);
        assert_eq!([(0, 0), (0, 5), (2, 3), (3, 3)].map(|(a, b)| share(a, b)), ["–", "0.0 %", "66.7 %", "100.0 %"]);
    }
}
