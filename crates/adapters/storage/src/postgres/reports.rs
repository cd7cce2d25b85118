//! What the provider reports, and where it belongs.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use diesel::prelude::{Queryable, Selectable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{DeliveryKind, Report, Reported};

use super::coalescer::{Operation, RowKey};
use super::connection::{Pool, work};
use super::progress::{Waiting, way_columns};
use super::statement::{change, changing, columns, fetch, fetching};
use super::{Batched, provider_messages};
use crate::failure::Failure;
use crate::rows::{self, ProviderMessageRow, ScopeColumns, TargetRow, Unreadable, WaitingReportRow, WayRow};
use crate::schema::deliveries;

/// A delivery's place.
type DeliveryKey = (AccountScope, DeliveryId);

/// Reports that came in together.
pub(super) struct Record {
    pub(super) reports: Vec<Report>,
    pub(super) now: Timestamp,
}

impl Operation for Record {
    type Answer = Vec<Reported>;

    fn rows(&self) -> Vec<RowKey> {
        let named = self.reports.iter().filter_map(|report| report.delivery);
        let named = named.map(|(scope, delivery)| RowKey::Delivery(scope, delivery));
        named.chain(self.reports.iter().map(|report| RowKey::message(&report.message))).collect()
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct PlacedRow {
    account_id: String,
    id: String,
    mode: String,
    #[diesel(embed)]
    target: TargetRow,
}

fetch!(
    Lock -> PlacedRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, id, mode)
     JOIN deliveries ON deliveries.account_id = k.account_id AND deliveries.id = k.id AND deliveries.mode = k.mode
     ORDER BY deliveries.account_id, deliveries.id
     FOR UPDATE OF deliveries"
);

change!(
    Save,
    "UPDATE deliveries AS d
     SET status = k.status, queued_at = k.queued_at, unknown_at = k.unknown_at, accepted_at = k.accepted_at,
         sent_at = k.sent_at, canceled_at = k.canceled_at, expired_at = k.expired_at, failed_at = k.failed_at,
         delivered_at = k.delivered_at, read_at = k.read_at, error_code = k.error_code, error_title = k.error_title,
         error_detail = k.error_detail, due_at = k.due_at
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        AS k (account_id, id, status, queued_at, unknown_at, accepted_at, sent_at, canceled_at, expired_at, failed_at,
            delivered_at, read_at, error_code, error_title, error_detail, due_at)
     WHERE d.account_id = k.account_id AND d.id = k.id"
);

change!(
    Wait,
    "INSERT INTO waiting_reports (message, status, at, error_code, error_title, error_detail, reported_at)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (message, status, at) DO NOTHING"
);

fetch!(
    Take -> WaitingReportRow,
    "DELETE FROM waiting_reports USING unnest($1) AS k (message) WHERE waiting_reports.message = k.message RETURNING ",
    ""
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::schema::waiting_reports)]
struct WaitsRow {
    message: Vec<u8>,
}

fetch!(
    Waits -> WaitsRow,
    "SELECT ",
    " FROM unnest($1) AS k (message) JOIN waiting_reports ON waiting_reports.message = k.message"
);

#[async_trait]
impl Batched for Record {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Vec<Reported>>, Failure> {
        let reports = || batch.iter().flat_map(|record| &record.reports);
        let mut targets = Targets::default();
        targets.lock(connection, reports().filter_map(|report| report.delivery).collect()).await?;
        let unplaced = reports().filter(|report| !report.delivery.is_some_and(|key| targets.0.contains_key(&key)));
        let unplaced: HashSet<[u8; 32]> = unplaced.map(|report| *report.message.as_bytes()).collect();
        let mut by_message = provider_messages::find(connection, unplaced.into_iter().collect()).await?;
        targets.lock(connection, by_message.values().copied().collect()).await?;

        let (mut answers, mut waiting, mut told) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
        for Self { reports, now } in batch {
            let mut news = News::default();
            for report in reports {
                let named = report.delivery.filter(|key| targets.0.contains_key(key));
                if let Some(key) = named.filter(|key| targets.wants_id(*key)) {
                    by_message.entry(*report.message.as_bytes()).or_insert(key);
                    let day = provider_messages::day(*now);
                    told.push(ProviderMessageRow::new(day, report.message.as_bytes(), key.0, key.1));
                }
                match named.or_else(|| by_message.get(report.message.as_bytes()).copied()) {
                    Some(key) => news.extend(targets.tell(key, &report.event, Some(*now))),
                    // One that names its delivery has nothing to wait for: the delivery was there before the message.
                    None if report.delivery.is_none() => waiting.push(WaitingReportRow::new(report, *now)),
                    None => {}
                }
            }
            answers.push(news.0);
        }
        targets.save(connection).await?;
        provider_messages::insert(connection, told).await?;
        wait(connection, waiting).await?;
        Ok(answers)
    }

    /// See [`Finish`](super::progress::Finish): what was found to belong to nobody may do so by now.
    async fn follow_up(pool: &Pool, batch: &[Self], mut answers: Vec<Vec<Reported>>) -> Vec<Vec<Reported>> {
        for (Self { reports, now }, answer) in batch.iter().zip(&mut answers) {
            let nameless = reports.iter().filter(|report| report.delivery.is_none());
            let nameless: Vec<_> = nameless.map(|report| *report.message.as_bytes()).collect();
            if nameless.is_empty() {
                continue;
            }
            match join_late(pool, nameless, Some(*now)).await {
                Ok(joined) => {
                    let mut news = News(std::mem::take(answer));
                    news.extend(joined.into_values().filter_map(|(new, _)| new));
                    *answer = news.0;
                }
                // What was asked for is committed. A report that waits for nobody is forgotten in time.
                Err(failure) => {
                    tracing::warn!(error = %failure, "it is not known whether a message waits for a report");
                }
            }
        }
        answers
    }
}

/// Those for which something was new, each as it is after the last report.
#[derive(Default)]
struct News(Vec<Reported>);

impl Extend<Reported> for News {
    fn extend<I: IntoIterator<Item = Reported>>(&mut self, news: I) {
        for new in news {
            match self.0.iter_mut().find(|old| (old.scope, old.delivery) == (new.scope, new.delivery)) {
                Some(old) => *old = new,
                None => self.0.push(new),
            }
        }
    }
}

/// The deliveries that reports are about, locked.
#[derive(Default)]
struct Targets(HashMap<DeliveryKey, Target>);

struct Target {
    row: TargetRow,
    changed: bool,
}

impl Targets {
    /// Locks those that are there and are not locked yet.
    async fn lock(&mut self, connection: &mut AsyncPgConnection, keys: Vec<DeliveryKey>) -> Result<(), Failure> {
        let keys: HashSet<_> = keys.into_iter().filter(|key| !self.0.contains_key(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = keys.into_iter().map(|(scope, id)| (ScopeColumns::from(scope), id.to_string())).collect();
        let lock = fetching::<Lock>(columns!(keys, key => key.0.account.as_str(), key.1.as_str(), key.0.mode));
        let rows: Vec<PlacedRow> = lock.load(connection).await?;
        for row in rows {
            let id = DeliveryId::parse(&row.id).or(Err(Unreadable("deliveries.id")))?;
            let key = (rows::scope(&row.account_id, &row.mode)?, id);
            self.0.insert(key, Target { row: row.target, changed: false });
        }
        Ok(())
    }

    /// Whether the answer that tells the message's id has not come, and may never: whoever quotes it must find it.
    fn wants_id(&self, key: DeliveryKey) -> bool {
        let way = self.0.get(&key).and_then(|target| target.row.way.clone().read().ok());
        way.is_some_and(|way| {
            way.reached_at(DeliveryStatus::Accepted).is_none() || way.reached_at(DeliveryStatus::Unknown).is_some()
        })
    }

    /// Merges an event into a delivery, if that is there. Returns what is new. Without `now` nobody is woken: whoever
    /// asked is told the way, and acts.
    fn tell(&mut self, key: DeliveryKey, event: &DeliveryEvent, now: Option<Timestamp>) -> Option<Reported> {
        let target = self.0.get_mut(&key)?;
        match target.merge(event, now) {
            Ok(new) => new.map(|(kind, status)| Reported { scope: key.0, delivery: key.1, kind, status }),
            // The others of the batch must not be lost with it, nor told again and again.
            Err(unreadable) => {
                tracing::error!(error = %unreadable, "a report is lost: what it is about cannot be read");
                None
            }
        }
    }

    async fn save(&self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        let changed = self.0.iter().filter(|(_, target)| target.changed);
        let rows: Vec<_> = changed
            .map(|((scope, id), target)| (ScopeColumns::from(*scope).account, id.to_string(), &target.row))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut arguments = columns!(rows, row => row.0.as_str(), row.1.as_str());
        arguments.extend(way_columns(rows.iter().map(|row| &row.2.way)));
        arguments.extend(columns!(rows, row => row.2.due_at));
        changing::<Save>(arguments).execute(connection).await?;
        Ok(())
    }
}

impl Target {
    fn merge(
        &mut self,
        event: &DeliveryEvent,
        now: Option<Timestamp>,
    ) -> Result<Option<(DeliveryKind, DeliveryStatus)>, Unreadable> {
        let kind = self.row.kind()?;
        let mut delivery = self.row.way.clone().read()?;
        let before = delivery.status();
        delivery.record(event);
        let (status, way) = (delivery.status(), WayRow::new(&delivery));
        // What is told once more changes no column.
        if way == self.row.way {
            return Ok(None);
        }
        self.row.due_at = match (status, kind) {
            // Whoever has it is told when the work is done.
            _ if self.row.leased != 0 => self.row.due_at,
            (DeliveryStatus::Failed, DeliveryKind::Otp(_)) if before != DeliveryStatus::Failed => {
                now.map_or(self.row.due_at, |now| Some(now.unix_ms()))
            }
            (DeliveryStatus::Failed, DeliveryKind::Otp(_)) => self.row.due_at,
            (DeliveryStatus::Failed, DeliveryKind::Message(_)) if now.is_none() => self.row.due_at,
            (DeliveryStatus::Failed | DeliveryStatus::Delivered | DeliveryStatus::Read, _) => None,
            _ => self.row.due_at,
        };
        (self.row.way, self.changed) = (way, true);
        Ok(Some((kind, status)))
    }
}

async fn wait(connection: &mut AsyncPgConnection, mut rows: Vec<WaitingReportRow>) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by(|one, other| {
        (&one.message, &one.status, one.at).cmp(&(&other.message, &other.status, other.at))
    });
    let arguments = columns!(
        rows,
        row => row.message.as_slice(), row.status.as_str(), row.at, row.error_code, row.error_title.as_deref(),
        row.error_detail.as_deref(), row.reported_at,
    );
    changing::<Wait>(arguments).execute(connection).await?;
    Ok(())
}

/// What was reported on messages before their ids were told here. It waits no more.
pub(super) async fn take_waiting(
    connection: &mut AsyncPgConnection,
    messages: Vec<Vec<u8>>,
) -> Result<Waiting, Failure> {
    let mut waiting = Waiting::new();
    if messages.is_empty() {
        return Ok(waiting);
    }
    let mut rows: Vec<WaitingReportRow> =
        fetching::<Take>(columns!(messages, message => message.as_slice())).load(connection).await?;
    // In an order, so that the same reports always come to the same.
    rows.sort_unstable_by(|one, other| (&one.status, one.at).cmp(&(&other.status, other.at)));
    for row in rows {
        let message = row.message.clone();
        match row.read() {
            Ok(event) => waiting.entry(message).or_default().push(event),
            Err(unreadable) => tracing::error!(error = %unreadable, "a report that waited is lost: it cannot be read"),
        }
    }
    Ok(waiting)
}

/// What became of the deliveries that late reports were joined to.
type Joined = HashMap<DeliveryKey, (Option<Reported>, Delivery)>;

/// Joins reports that wait to the deliveries of these messages, if there are any of both.
pub(super) async fn join_late(pool: &Pool, messages: Vec<[u8; 32]>, now: Option<Timestamp>) -> Result<Joined, Failure> {
    let looked_for = messages.clone();
    let look = work(move |connection| {
        let messages = looked_for.clone();
        Box::pin(async move {
            let waits = fetching::<Waits>(columns!(messages, message => message.as_slice()));
            Ok(waits.load::<WaitsRow>(connection).await?.into_iter().map(|row| row.message).collect::<HashSet<_>>())
        })
    });
    let waiting = pool.read(&look).await?;
    let messages: Vec<_> = messages.into_iter().filter(|message| waiting.contains(message.as_slice())).collect();
    if messages.is_empty() {
        return Ok(Joined::new());
    }
    let join = work(move |connection| {
        let messages = messages.clone();
        Box::pin(async move { join(connection, messages, now).await })
    });
    pool.transaction(&join).await
}

async fn join(
    connection: &mut AsyncPgConnection,
    messages: Vec<[u8; 32]>,
    now: Option<Timestamp>,
) -> Result<Joined, Failure> {
    let found = provider_messages::find(connection, messages).await?;
    let mut targets = Targets::default();
    targets.lock(connection, found.values().copied().collect()).await?;
    let waiting = take_waiting(connection, found.keys().map(|message| message.to_vec()).collect()).await?;
    let mut joined = Joined::new();
    for (message, key) in &found {
        let mut news = None;
        for event in waiting.get(message.as_slice()).into_iter().flatten() {
            news = targets.tell(*key, event, now).or(news);
        }
        if let Some(target) = targets.0.get(key).filter(|target| target.changed) {
            joined.insert(*key, (news, target.row.way.clone().read()?));
        }
    }
    targets.save(connection).await?;
    Ok(joined)
}
