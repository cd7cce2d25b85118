use std::time::Duration;

use whatotp_domain::Figures;

use super::shown::{duration, share};

/// Figures as a page shows them.
pub(super) struct ShownFigures {
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) delivered_share: String,
    pub(super) codes: u64,
    pub(super) verified: u64,
    pub(super) conversion: String,
    pub(super) failed: u64,
    pub(super) failed_share: String,
    pub(super) to_deliver: String,
    pub(super) to_deliver_p95: String,
    pub(super) to_verify: String,
    pub(super) to_verify_p95: String,
}

impl From<&Figures> for ShownFigures {
    fn from(figures: &Figures) -> Self {
        let deliver = figures.to_deliver.as_ref();
        let verify = figures.to_verify.as_ref();
        Self {
            sent: figures.sent,
            delivered: figures.delivered,
            delivered_share: share(figures.delivered, figures.sent),
            codes: figures.codes,
            verified: figures.verified,
            conversion: share(figures.verified, figures.codes),
            failed: figures.failed,
            failed_share: share(figures.failed, figures.sent.max(figures.failed)),
            to_deliver: time(deliver.map(|times| times.median)),
            to_deliver_p95: time(deliver.map(|times| times.p95)),
            to_verify: time(verify.map(|times| times.median)),
            to_verify_p95: time(verify.map(|times| times.p95)),
        }
    }
}

fn time(taken: Option<Duration>) -> String {
    taken.map_or_else(|| "–".to_owned(), |taken| duration(taken.as_millis().try_into().unwrap_or(u64::MAX)))
}
