//! What workers have to say about the deliveries they hold.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::prelude::{Queryable, Selectable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{Delivery, DeliveryEvent, DeliveryStatus, Timestamp};
use whatotp_ports::{Lease, Progress};

use super::coalescer::{Operation, RowKey};
use super::connection::Pool;
use super::deliveries::merged;
use super::statement::{Values, change, changing, columns, fetch, fetching};
use super::{Batched, provider_messages, reports};
use crate::failure::Failure;
use crate::rows::{ProviderMessageRow, ScopeColumns, TargetRow, WayRow};
use crate::schema::deliveries;

/// What a worker has to say at the end of its lease.
pub(super) struct Finish {
    pub(super) lease: Lease,
    pub(super) progress: Progress,
}

impl Operation for Finish {
    type Answer = Option<Delivery>;

    fn rows(&self) -> Vec<RowKey> {
        let delivery = RowKey::Delivery(self.lease.scope, self.lease.delivery);
        [delivery].into_iter().chain(self.progress.provider_message.as_ref().map(RowKey::message)).collect()
    }
}

/// A delivery whose lease holds.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct HeldRow {
    account_id: String,
    id: String,
    #[diesel(embed)]
    target: TargetRow,
}

fetch!(
    /// The token fences: of a worker whose lease was given to another, nothing is found.
    Hold -> HeldRow,
    "SELECT ",
    " FROM unnest($1, $2, $3, $4) AS k (account_id, id, mode, token)
     JOIN deliveries ON deliveries.account_id = k.account_id AND deliveries.id = k.id AND deliveries.mode = k.mode
      AND deliveries.lease_token = k.token AND deliveries.leased = 1
     ORDER BY deliveries.account_id, deliveries.id
     FOR UPDATE OF deliveries"
);

change!(
    Save,
    "UPDATE deliveries AS d
     SET status = k.status, queued_at = k.queued_at, unknown_at = k.unknown_at, accepted_at = k.accepted_at,
         sent_at = k.sent_at, canceled_at = k.canceled_at, expired_at = k.expired_at, failed_at = k.failed_at,
         delivered_at = k.delivered_at, read_at = k.read_at, error_code = k.error_code, error_title = k.error_title,
         error_detail = k.error_detail, route = k.route, sender_id = k.sender_id, attempts = d.attempts + k.attempted,
         in_doubt = d.in_doubt + k.doubted, leased = 0, due_at = k.due_at
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        AS k (account_id, id, status, queued_at, unknown_at, accepted_at, sent_at, canceled_at, expired_at, failed_at,
            delivered_at, read_at, error_code, error_title, error_detail, route, sender_id, attempted, doubted, due_at)
     WHERE d.account_id = k.account_id AND d.id = k.id"
);

/// What is written back of one delivery.
struct Saved {
    account_id: String,
    id: String,
    way: WayRow,
    route: i64,
    sender_id: Option<String>,
    attempted: i64,
    doubted: i64,
    due_at: Option<i64>,
}

#[async_trait]
impl Batched for Finish {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Option<Delivery>>, Failure> {
        let mut held = hold(connection, batch).await?;
        let keys: Vec<_> = batch.iter().map(Self::key).collect();
        let told = batch.iter().zip(&keys).filter_map(|(finish, key)| {
            let (message, row) = (finish.progress.provider_message.as_ref()?, held.get(key)?);
            // The end of the lease is as near to now as can be told from here.
            let told_at = Timestamp::from_unix_ms(row.due_at.unwrap_or_default());
            let (Lease { scope, delivery, .. }, day) = (finish.lease, provider_messages::day(told_at));
            Some(ProviderMessageRow::new(day, message.as_bytes(), scope, delivery))
        });
        let told: Vec<_> = told.collect();
        let messages = told.iter().map(|row| row.message.clone()).collect();
        provider_messages::insert(connection, told).await?;
        let waiting = reports::take_waiting(connection, messages).await?;
        let (mut answers, mut saved) = (Vec::with_capacity(batch.len()), Vec::new());
        for (finish, key) in batch.iter().zip(keys) {
            let Some(row) = held.remove(&key) else {
                answers.push(None);
                continue;
            };
            let delivery = merged(row.way.clone().read()?, &finish.progress.events);
            let message = finish.progress.provider_message.as_ref();
            let waited = message.and_then(|message| waiting.get(message.as_bytes().as_slice()));
            let delivery = merged(delivery, waited.map_or(&[][..], Vec::as_slice));
            saved.push(finish.save(key, row, &delivery));
            answers.push(Some(delivery));
        }
        save(connection, &saved).await?;
        Ok(answers)
    }

    /// A report may have come in while the id of its message was not yet committed: it saw no id, and we saw no report.
    /// Both look once more after their commit, so whoever commits last finds the other.
    async fn follow_up(pool: &Pool, batch: &[Self], mut answers: Vec<Option<Delivery>>) -> Vec<Option<Delivery>> {
        let told = batch.iter().zip(&answers).filter(|(_, answer)| answer.is_some());
        let told: Vec<_> =
            told.filter_map(|(finish, _)| Some(*finish.progress.provider_message.as_ref()?.as_bytes())).collect();
        if told.is_empty() {
            return answers;
        }
        match reports::join_late(pool, told, None).await {
            Ok(joined) => {
                for (finish, answer) in batch.iter().zip(&mut answers).filter(|(_, answer)| answer.is_some()) {
                    if let Some((_, way)) = joined.get(&(finish.lease.scope, finish.lease.delivery)) {
                        *answer = Some(way.clone());
                    }
                }
            }
            // What was asked for is committed. A report that waits for nobody is forgotten in time.
            Err(failure) => tracing::warn!(error = %failure, "it is not known whether reports wait for a message"),
        }
        answers
    }
}

impl Finish {
    fn key(&self) -> (String, String) {
        (self.lease.scope.account.to_string(), self.lease.delivery.to_string())
    }

    fn save(&self, (account_id, id): (String, String), row: TargetRow, delivery: &Delivery) -> Saved {
        let progress = &self.progress;
        let (route, sender_id) = match &progress.via {
            Some(via) => (via.route.into(), via.sender.as_ref().map(ToString::to_string)),
            None => (row.route, row.sender_id),
        };
        // What has arrived needs nobody any more, whatever a worker that did not know of it yet has planned.
        let knew = progress.events.iter().any(|event| event.status >= DeliveryStatus::Delivered);
        let due_at = progress.due_at.filter(|_| knew || delivery.status() < DeliveryStatus::Delivered);
        Saved {
            account_id,
            id,
            way: WayRow::new(delivery),
            route,
            sender_id,
            attempted: progress.attempted.into(),
            doubted: (progress.attempted && progress.in_doubt).into(),
            due_at: due_at.map(Timestamp::unix_ms),
        }
    }
}

async fn hold(
    connection: &mut AsyncPgConnection,
    batch: &[Finish],
) -> Result<HashMap<(String, String), TargetRow>, Failure> {
    let leases: Vec<_> = batch
        .iter()
        .map(|finish| (ScopeColumns::from(finish.lease.scope), finish.lease.delivery.to_string(), finish.lease.token))
        .collect();
    let hold = fetching::<Hold>(columns!(leases, one => one.0.account.as_str(), one.1.as_str(), one.0.mode, one.2));
    let rows: Vec<HeldRow> = hold.load(connection).await?;
    Ok(rows.into_iter().map(|row| ((row.account_id, row.id), row.target)).collect())
}

async fn save(connection: &mut AsyncPgConnection, rows: &[Saved]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut arguments = columns!(rows, row => row.account_id.as_str(), row.id.as_str());
    arguments.extend(way_columns(rows.iter().map(|row| &row.way)));
    arguments.extend(columns!(
        rows,
        row => row.route, row.sender_id.as_deref(), row.attempted, row.doubted, row.due_at,
    ));
    changing::<Save>(arguments).execute(connection).await?;
    Ok(())
}

/// The columns of [`WayRow`], in its order.
pub(super) fn way_columns<'a>(ways: impl Iterator<Item = &'a WayRow>) -> Vec<Values<'a>> {
    let ways: Vec<_> = ways.collect();
    columns!(
        ways,
        way => way.status.as_str(), way.queued_at, way.unknown_at, way.accepted_at, way.sent_at, way.canceled_at,
        way.expired_at, way.failed_at, way.delivered_at, way.read_at, way.error_code, way.error_title.as_deref(),
        way.error_detail.as_deref(),
    )
}

/// What waited for a message, in the order in which it is merged.
pub(super) type Waiting = HashMap<Vec<u8>, Vec<DeliveryEvent>>;
