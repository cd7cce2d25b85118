//! The use cases, with a clock that stands still, a channel that says what the test wants, and the real SQLite store.

#[cfg(test)]
mod authentication;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod entropy;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod resend;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod send;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod unknown;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod worker;
