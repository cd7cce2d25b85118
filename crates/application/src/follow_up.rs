use whatotp_domain::{Delivery, DeliveryStatus, Timestamp};
use whatotp_ports::{DeliveryRecord, Lease, Polled, Progress, SentMessage};

use crate::deliver::ended;
use crate::views::delivery_row;
use crate::{Application, Failure, error_chain};

/// A message that may have been sent is tried once more, and never a third time.
const DOUBTS_MAX: u32 = 2;

impl Application {
    /// Looks at a message that was handed over: asks the channel, tries an unknown one once more, and ends what has
    /// run out of time.
    pub(crate) async fn follow_up(&self, record: &DeliveryRecord, lease: &Lease) -> Result<(), Failure> {
        let now = self.ports.clock.now();
        let polled = match self.poll(record).await {
            Err(failure) if now >= record.expires_at => {
                // Its end is written down all the same, or it would come back for ever.
                tracing::error!(delivery.id = %record.id, error = error_chain(&failure), "a delivery ends unseen");
                Polled::default()
            }
            polled => polled?,
        };
        let mut way = record.delivery.clone();
        for event in &polled.events {
            way.record(event);
        }
        let settled = way.status().is_final();
        if way.status() == DeliveryStatus::Failed {
            self.after_failure(record).await?;
        }
        if !settled && now >= record.expires_at {
            let mut progress = ended(DeliveryStatus::Expired, now);
            progress.events.extend(polled.events);
            return self.progress(record, lease, progress).await;
        }
        let fall_back_at = self.fall_back_at(record, way.status());
        let fell_back = fall_back_at.is_some_and(|at| at <= now) && self.fall_back(record).await?;
        // One more copy is enough: the next sender's, or this one's.
        let replay_at = self.replay_at(record, &way).filter(|_| !fell_back);
        if replay_at.is_some_and(|at| at <= now) && now < self.last_moment(record) {
            return self.try_to_send(record, lease).await;
        }
        let looks = [polled.poll_at, replay_at.filter(|at| *at > now), fall_back_at.filter(|at| *at > now)];
        let next_look = looks.into_iter().flatten().min();
        let due_at = if settled { polled.poll_at } else { Some(next_look.unwrap_or(record.expires_at)) };
        self.progress(record, lease, Progress { events: polled.events, due_at, ..Progress::default() }).await
    }

    /// From when on a message of unknown outcome is tried once more. `None` when it is not: its outcome is known, or it
    /// was tried again already.
    pub(crate) fn replay_at(&self, record: &DeliveryRecord, way: &Delivery) -> Option<Timestamp> {
        let open = way.status() == DeliveryStatus::Unknown && record.in_doubt < DOUBTS_MAX;
        let since = way.reached_at(DeliveryStatus::Unknown).filter(|_| open)?;
        Some(since.plus(self.policy.unknown_wait))
    }

    async fn poll(&self, record: &DeliveryRecord) -> Result<Polled, Failure> {
        let channel = self.channel(record.scope.mode);
        let now = self.ports.clock.now();
        let way = &record.delivery;
        let handed_over_at = way.reached_at(DeliveryStatus::Accepted).or(way.reached_at(DeliveryStatus::Unknown));
        let id = record.id.to_bytes();
        let sent = SentMessage {
            delivery: record.id,
            to: self.open_number(delivery_row(record, &id), &record.recipient)?,
            status: way.status(),
            handed_over_at: handed_over_at.unwrap_or(record.created_at),
        };
        Ok(channel.poll(&sent, now).await)
    }
}
