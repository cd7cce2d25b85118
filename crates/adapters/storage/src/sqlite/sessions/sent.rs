use diesel::prelude::*;
use whatotp_domain::{AccountScope, Delivery, DeliveryId};
use whatotp_ports::Sent;

use crate::failure::Failure;
use crate::sqlite::deliveries;

/// How many fallbacks are looked behind, at most: an account has fewer senders.
const FALLBACKS_MAX: usize = 8;

/// How far a code has come: of its latest delivery and those that this steps in for, the one of the most promise.
///
/// Deliveries may be kept for a shorter time than sessions: of one that is gone, nothing is known any more.
pub(super) fn sent(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    latest: DeliveryId,
) -> Result<Sent, Failure> {
    let (mut best, mut next): (Option<Sent>, _) = (None, Some(latest));
    for _ in 0..=FALLBACKS_MAX {
        let Some(id) = next else { break };
        let Some(step) = deliveries::step(connection, scope, id)? else { break };
        next = step.steps_in_for()?;
        let (sender, delivery) = (step.sender()?, step.way.read()?);
        if best.as_ref().is_none_or(|best| promise(&delivery) > promise(&best.delivery)) {
            best = Some(Sent { delivery, sender });
        }
    }
    Ok(best.unwrap_or_default())
}

fn promise(delivery: &Delivery) -> u8 {
    delivery.status().promise()
}
