use std::time::Duration;

use tokio::sync::watch;
use whatotp_application::{Application, error_chain};
use whatotp_ports::Topic;

/// Announcements may be lost, and other processes make none here: the worker looks by itself this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Nothing that is swept is in a hurry.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// A sweep that deleted so much is followed by another one at once.
const MUCH: u64 = 1_000;

/// Delivers what is due until the server stops.
pub(crate) async fn deliver(app: Application, batch: u32, mut draining: watch::Receiver<bool>) {
    let mut outbox = app.ports().wakeups.subscribe(Topic::Outbox);
    while !*draining.borrow() {
        let pause = match app.deliver_due(batch).await {
            Ok(taken) if u32::try_from(taken).is_ok_and(|taken| taken == batch) => continue,
            Ok(_) => until_next_due(&app).await,
            Err(failure) => {
                tracing::error!(error = error_chain(&failure), "the outbox cannot be worked on");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = outbox.changed(pause) => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }
}

async fn until_next_due(app: &Application) -> Duration {
    match app.ports().deliveries.next_due().await {
        Ok(Some(due)) => due.since(app.ports().clock.now()).min(LOOK_AGAIN),
        _ => LOOK_AGAIN,
    }
}

/// Deletes what is over until the server stops.
pub(crate) async fn sweep(app: Application, mut draining: watch::Receiver<bool>) {
    while !*draining.borrow() {
        let much = match app.sweep().await {
            Ok(swept) => {
                if swept.total() > 0 {
                    tracing::debug!(
                        sessions = swept.sessions,
                        deliveries = swept.deliveries,
                        ledgers = swept.ledgers,
                        claims = swept.claims,
                        "swept what was over"
                    );
                }
                swept.total() >= MUCH
            }
            Err(failure) => {
                tracing::error!(error = error_chain(&failure), "what is over could not be swept");
                false
            }
        };
        if !much {
            let _ = tokio::time::timeout(SWEEP_EVERY, draining.wait_for(|draining| *draining)).await;
        }
    }
}
