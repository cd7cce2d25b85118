use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use whatotp_application::{Application, Failure, WORKER_LOOKS_EVERY, error_chain};
use whatotp_ports::{ClaimedDelivery, Topic};

/// What is known of other processes' traffic is so old at most, and what a crash forgets.
const EXCHANGE_EVERY: Duration = Duration::from_secs(1);
/// Nothing that is swept is in a hurry.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Meta's management API takes 200 calls an hour, and one decision of its may bring several webhooks.
const SYNC_PAUSE: Duration = Duration::from_secs(60);
/// A sweep that deleted so much is followed by another one at once.
const MUCH: u64 = 1_000;

/// Delivers what is due until the server stops, `most` at a time. A message that hangs keeps its place and no other's.
pub(crate) async fn deliver(app: Application, most: usize, mut draining: watch::Receiver<bool>) {
    let mut outbox = app.ports().wakeups.subscribe(Topic::Outbox);
    let mut under_way = JoinSet::new();
    while !*draining.borrow() {
        // All that have ended make room, not only the one that woke us: to take one at a time costs a write for each.
        while let Some(ended) = under_way.try_join_next() {
            told(ended);
        }
        let pause = match next(&app, most.saturating_sub(under_way.len())).await {
            Ok(Next::Taken(taken)) => {
                for claimed in taken {
                    let app = app.clone();
                    under_way.spawn(async move { app.deliver(claimed).await });
                }
                continue;
            }
            Ok(Next::DueIn(pause)) => pause,
            Err(failure) => {
                tracing::error!(error = error_chain(&failure), "the outbox cannot be worked on");
                WORKER_LOOKS_EVERY
            }
        };
        tokio::select! {
            () = outbox.changed(pause) => {}
            Some(ended) = under_way.join_next() => told(ended),
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }
    while let Some(ended) = under_way.join_next().await {
        told(ended);
    }
}

enum Next {
    Taken(Vec<ClaimedDelivery>),
    DueIn(Duration),
}

/// Takes what is due, at most `free`, or says when to look again. To look costs next to nothing, to take is a write.
async fn next(app: &Application, free: usize) -> Result<Next, Failure> {
    if free == 0 {
        return Ok(Next::DueIn(WORKER_LOOKS_EVERY));
    }
    let due = app.ports().deliveries.next_due().await?;
    let pause = due.map_or(WORKER_LOOKS_EVERY, |due| due.since(app.ports().clock.now()).min(WORKER_LOOKS_EVERY));
    if !pause.is_zero() {
        return Ok(Next::DueIn(pause));
    }
    let taken = app.take_due(u32::try_from(free).unwrap_or(u32::MAX)).await?;
    Ok(if taken.is_empty() { Next::DueIn(WORKER_LOOKS_EVERY) } else { Next::Taken(taken) })
}

/// A delivery whose task panicked is not lost: its lease runs out, and it is taken again.
fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = error_chain(&error), "a delivery was cut short");
    }
}

/// Reads templates and quality ratings from WhatsApp until the server stops: every so often, and soon after a webhook
/// said that something changed. The first time was before the server listened.
pub(crate) async fn sync_templates(app: Application, minutes: u32, mut draining: watch::Receiver<bool>) {
    let mut news = app.ports().wakeups.subscribe(Topic::Templates);
    let every = Duration::from_secs(u64::from(minutes) * 60);
    while !*draining.borrow() {
        tokio::select! {
            () = news.changed(every) => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
        if let Err(failure) = app.sync_templates().await {
            tracing::error!(error = error_chain(&failure), "the templates could not be synchronised");
        }
        let _ = tokio::time::timeout(SYNC_PAUSE, draining.wait_for(|draining| *draining)).await;
    }
}

/// Tells the database what this process has counted of its traffic, until the server stops, and once more then.
pub(crate) async fn exchange_traffic(app: Application, mut draining: watch::Receiver<bool>) {
    let mut last = false;
    while !last {
        last = tokio::time::timeout(EXCHANGE_EVERY, draining.wait_for(|draining| *draining)).await.is_ok();
        if let Err(failure) = app.exchange_traffic().await {
            tracing::error!(error = error_chain(&failure), "the counts of traffic could not be exchanged");
        }
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
                        reports = swept.reports,
                        events = swept.events,
                        traffic = swept.traffic,
                        blocks = swept.blocks,
                        console = swept.console,
                        variables = swept.variables,
                        audit = swept.audit,
                        tickets = swept.tickets,
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
