//! The use cases, with a clock that stands still, a channel that says what the test wants, and the real SQLite store.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod authentication;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod entropy;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod fake_catalog;
#[cfg(test)]
mod fake_channel;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod fallback_at_once;
#[cfg(test)]
mod fallback_crashes;
#[cfg(test)]
mod first_attempts;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod live;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod not_requested;
#[cfg(test)]
mod people;
#[cfg(test)]
mod resend;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod retry_budget;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod sealed_tokens;
#[cfg(test)]
mod send;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod submitting;
#[cfg(test)]
mod suspended;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod synchronisation;
#[cfg(test)]
mod template_news;
#[cfg(test)]
mod template_routes;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod unknown;
#[cfg(test)]
mod unknown_live;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod worker;
