use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use whatotp_domain::Timestamp;
use whatotp_ports::{Claim, Enqueued, NewDelivery, Subject};

use super::claims::Priors;
use super::coalescer::{Operation, RowKey};
use super::sends::store_claims;
use super::{Batched, deliveries};
use crate::failure::Failure;
use crate::rows::{After, DeliveryRow};

/// A message that is to be stored.
pub(super) struct Enqueue {
    pub(super) new: NewDelivery,
    pub(super) claim: Option<Claim>,
    pub(super) now: Timestamp,
}

impl Operation for Enqueue {
    type Answer = Enqueued;

    fn rows(&self) -> Vec<RowKey> {
        let row = RowKey::Delivery(self.new.scope, self.new.id);
        [row].into_iter().chain(RowKey::claim(self.claim.as_ref())).collect()
    }
}

#[async_trait]
impl Batched for Enqueue {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Enqueued>, Failure> {
        let claims = batch.iter().filter_map(|message| message.claim.as_ref()).collect();
        let mut priors = Priors::find(connection, claims).await?;
        let (mut answers, mut rows, mut done) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
        for Self { new, claim, now } in batch {
            if let Some(prior) = priors.of(claim.as_ref(), *now)? {
                answers.push(Enqueued::Replay(prior));
                continue;
            }
            rows.push(DeliveryRow::new(new, After::Nothing, *now));
            let stored = DeliveryRow::new(new, After::Nothing, *now).read()?;
            answers.push(Enqueued::Stored(Box::new(stored)));
            done.extend(claim.as_ref().map(|claim| (claim, Subject::Message(new.id))));
        }
        deliveries::insert(connection, rows.iter().collect()).await?;
        store_claims(connection, done, batch.iter().map(|message| message.now)).await?;
        Ok(answers)
    }
}
