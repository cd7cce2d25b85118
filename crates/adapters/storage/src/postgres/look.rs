//! Sessions as they are just now, for all who look at the same time.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::prelude::{Queryable, Selectable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::BoxFuture;
use whatotp_domain::DeliveryId;
use whatotp_ports::{Sent, SessionRecord};

use super::coalescer::{Operation, RowKey, Runner};
use super::connection::{Pool, Work};
use super::sessions::{self, SessionKey};
use super::statement::{columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{ScopeColumns, StepRow};
use crate::schema::deliveries;

/// How many fallbacks are looked behind, at most: an account has fewer senders.
const FALLBACKS_MAX: usize = 8;

/// A look at a session and at how far its code has come.
pub(super) struct Look(pub(super) SessionKey);

impl Operation for Look {
    type Answer = Option<(SessionRecord, Sent)>;

    /// It changes none, so any number may look at one.
    fn rows(&self) -> Vec<RowKey> {
        Vec::new()
    }
}

/// Carries out looks, without a transaction.
pub(super) struct Looks(pub(super) Pool);

#[async_trait]
impl Runner<Look> for Looks {
    async fn run(&self, batch: &[Look]) -> Result<Vec<Option<(SessionRecord, Sent)>>, Failure> {
        self.0.read(&LookWork(batch)).await
    }
}

struct LookWork<'b>(&'b [Look]);

impl Work<Vec<Option<(SessionRecord, Sent)>>> for LookWork<'_> {
    fn run<'a>(
        &'a self,
        connection: &'a mut AsyncPgConnection,
    ) -> BoxFuture<'a, Result<Vec<Option<(SessionRecord, Sent)>>, Failure>> {
        Box::pin(async move {
            let found = sessions::find_all(connection, self.0.iter().map(|look| look.0).collect()).await?;
            let sent = sent(connection, &found).await?;
            let seen = |key| Some((found.get(key)?.clone(), sent.get(key).cloned().unwrap_or_default()));
            Ok(self.0.iter().map(|look| seen(&look.0)).collect())
        })
    }
}

/// A delivery on the way back through its session's.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct KeyedStepRow {
    account_id: String,
    id: String,
    #[diesel(embed)]
    step: StepRow,
}

fetch!(
    Steps -> KeyedStepRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, id, mode)
     JOIN deliveries ON deliveries.account_id = k.account_id AND deliveries.id = k.id AND deliveries.mode = k.mode"
);

/// How far codes have come: each by its latest delivery and those that this steps in for, the one of the most promise.
///
/// Deliveries may be kept for a shorter time than sessions: of one that is gone, nothing is known any more.
async fn sent(
    connection: &mut AsyncPgConnection,
    records: &HashMap<SessionKey, SessionRecord>,
) -> Result<HashMap<SessionKey, Sent>, Failure> {
    let mut best: HashMap<SessionKey, Sent> = HashMap::new();
    let mut next: Vec<(SessionKey, DeliveryId)> = records.iter().map(|(key, record)| (*key, record.delivery)).collect();
    for _ in 0..=FALLBACKS_MAX {
        if next.is_empty() {
            break;
        }
        let rows: Vec<_> = next.iter().map(|(key, id)| (ScopeColumns::from(key.0), id.to_string())).collect();
        let these = columns!(rows, row => row.0.account.as_str(), row.1.as_str(), row.0.mode);
        let steps: Vec<KeyedStepRow> = fetching::<Steps>(these).load(connection).await?;
        let mut steps: HashMap<(String, String), StepRow> =
            steps.into_iter().map(|row| ((row.account_id, row.id), row.step)).collect();
        let mut before = Vec::new();
        for ((key, _), (scope, id)) in next.iter().zip(rows) {
            let Some(step) = steps.remove(&(scope.account, id)) else { continue };
            before.extend(step.steps_in_for()?.map(|id| (*key, id)));
            let (sender, delivery) = (step.sender()?, step.way.read()?);
            let promise = delivery.status().promise();
            if best.get(key).is_none_or(|best| promise > best.delivery.status().promise()) {
                best.insert(*key, Sent { delivery, sender });
            }
        }
        next = before;
    }
    Ok(best)
}
