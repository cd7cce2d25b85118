use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970. Only for what is shown and sent: delays and limits follow tokio's clock.
#[expect(clippy::disallowed_methods, reason = "stands in for another machine, which has a clock of its own")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A number that this machine did not have before.
pub(crate) fn nonce() -> u64 {
    let since_epoch = since_epoch();
    since_epoch.as_secs().rotate_left(32) ^ u64::from(since_epoch.subsec_nanos())
}

pub(crate) fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}
