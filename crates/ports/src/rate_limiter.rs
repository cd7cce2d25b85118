use std::time::Duration;

use async_trait::async_trait;

/// "At most `quota` in any span of `window`", for one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRule {
    /// A keyed or cryptographic hash of the rule's name and its subject: never the subject itself.
    pub key: u64,
    /// How many.
    pub quota: u32,
    /// In which span.
    pub window: Duration,
    /// What this call costs: 1, or 0 to look without counting.
    pub cost: u32,
}

/// Where one rule stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// How many more fit right now.
    pub remaining: u32,
    /// How long until there is room for one more: zero when there is.
    pub retry_after: Duration,
    /// How long until everything counted so far is forgotten.
    pub reset_after: Duration,
}

/// Whether a call is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether every rule had room.
    pub admitted: bool,
    /// Where each rule stands, in the order asked.
    pub states: Vec<RateState>,
}

/// Exact sliding-window rate limits.
///
/// MUST be exact: no span of `window`, however placed, sees more than `quota` admitted calls. (A fixed window and a
/// leaky bucket both let nearly twice the quota through.) MUST admit only when every rule has room, and then count
/// all of them; a refused call counts nowhere. MUST NOT fail: an implementation that loses its backend falls back to
/// one that has none, with the same limits. Memory MUST be bounded whatever keys are asked for.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Decides one call at the present moment.
    async fn admit(&self, rules: &[RateRule]) -> RateDecision;
}
