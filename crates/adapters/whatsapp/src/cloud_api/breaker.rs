use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use whatotp_domain::{DeliveryError, SenderId, Timestamp};
use whatotp_ports::{Endpoint, Sender, Stopped};

/// Over how many seconds failures are counted.
const WINDOW_SECONDS: i64 = 30;
/// From how many requests on their failures say something.
const ENOUGH: u32 = 20;
/// How often a sender that failed too much is tried.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// How long a sender that WhatsApp stopped is left alone before it is tried.
const STOPPED_FOR: Duration = Duration::from_secs(60);

/// What a request says of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// WhatsApp takes what it sends, or has its reasons that have nothing to do with the sender.
    Works,
    /// WhatsApp was not reached, or failed.
    Fails(DeliveryError),
    /// WhatsApp takes nothing from it for now.
    Stopped(DeliveryError),
    /// WhatsApp takes nothing from it with this token.
    Unauthorized(DeliveryError),
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) error: DeliveryError,
    pub(super) stopped: Stopped,
}

/// The token and where it is used, by their digest: what has to change to make an authentication error go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Configuration([u8; 32]);

impl Configuration {
    pub(super) fn of(sender: &Sender) -> Self {
        let Endpoint { base_url, api_version, messages_path, templates_path, auth_header, auth_prefix } =
            &sender.endpoint;
        let token = sender.access_token.expose_secret();
        let mut digest = Sha256::new();
        for part in [base_url, api_version, messages_path, templates_path, auth_header, auth_prefix, token] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(digest.finalize().into())
    }
}

/// Keeps requests away from senders that cannot send, each by itself.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<SenderId, Breaker>>);

impl Breakers {
    /// Why nothing may be sent from this sender now. `None` allows one request; its verdict
    /// is to be recorded.
    pub(super) fn refusal(&self, sender: &SenderId, configuration: Configuration, now: Timestamp) -> Option<Open> {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.entry(sender.clone()).or_insert_with(|| Breaker::new(configuration)).refusal(configuration, now)
    }

    pub(super) fn record(&self, sender: &SenderId, configuration: Configuration, now: Timestamp, verdict: Verdict) {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get_mut(sender) {
            breaker.record(configuration, now, verdict);
        }
    }
}

#[derive(Debug)]
struct Breaker {
    configuration: Configuration,
    /// For each second, how many requests there were and how many failed.
    seconds: BTreeMap<i64, (u32, u32)>,
    opened: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    why: Open,
    /// When the next request may try; never, until the configuration changes.
    probe_at: Option<Timestamp>,
}

impl Breaker {
    const fn new(configuration: Configuration) -> Self {
        Self { configuration, seconds: BTreeMap::new(), opened: None }
    }

    fn refusal(&mut self, configuration: Configuration, now: Timestamp) -> Option<Open> {
        if self.configuration != configuration {
            *self = Self::new(configuration);
        }
        let opened = self.opened.as_mut()?;
        if opened.probe_at.is_some_and(|probe_at| is_due(probe_at, now)) {
            opened.probe_at = Some(now.plus(PROBE_EVERY));
            return None;
        }
        Some(opened.why.clone())
    }

    fn record(&mut self, configuration: Configuration, now: Timestamp, verdict: Verdict) {
        // It began before the configuration changed, and says nothing about the new one.
        if self.configuration != configuration {
            return;
        }
        match verdict {
            Verdict::Works if self.opened.is_some() => *self = Self::new(configuration),
            Verdict::Works => self.count(now, 0),
            Verdict::Fails(error) => {
                self.count(now, 1);
                let (requests, failures) =
                    self.seconds.values().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
                if self.opened.is_none() && requests >= ENOUGH && failures * 2 >= requests {
                    self.open(error, Stopped::Nothing, Some(now.plus(PROBE_EVERY)));
                }
            }
            Verdict::Stopped(error) => self.open(error, Stopped::Sender, Some(now.plus(STOPPED_FOR))),
            Verdict::Unauthorized(error) => self.open(error, Stopped::Sender, None),
        }
    }

    fn open(&mut self, error: DeliveryError, stopped: Stopped, probe_at: Option<Timestamp>) {
        self.opened = Some(Opened { why: Open { error, stopped }, probe_at });
    }

    fn count(&mut self, now: Timestamp, failures: u32) {
        let now = now.unix_seconds();
        // Seconds that are still to come are those of a clock that was set back.
        self.seconds.retain(|second, _| now.abs_diff(*second) < WINDOW_SECONDS.unsigned_abs());
        let second = self.seconds.entry(now).or_default();
        *second = (second.0.saturating_add(1), second.1.saturating_add(failures));
    }
}

/// A wait that is longer than any there is was begun by a clock that has been set back since.
fn is_due(probe_at: Timestamp, now: Timestamp) -> bool {
    probe_at <= now || probe_at.since(now) > STOPPED_FOR
}

#[cfg(test)]
mod tests;
