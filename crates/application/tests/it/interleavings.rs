//! Webhooks come in any order, twice, or not at all, and overtake the answer to the send: the story is the same.

use std::sync::Arc;

use proptest::prelude::*;
use whatotp_domain::{Delivery, DeliveryStatus, SessionStatus, Timestamp};
use whatotp_ports::Reference;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{an_event, at};

use crate::fake_channel::Gate;
use crate::live::status_of;
use crate::stage::{Stage, accepted_as, unknown};

/// One telling of a status.
#[derive(Debug, Clone)]
struct Telling {
    status: DeliveryStatus,
    at: Timestamp,
    by_reference: bool,
}

#[derive(Debug, Clone)]
struct Story {
    /// Whether the answer to the send arrives. Without it only our reference can join a status to its message.
    is_answered: bool,
    tellings: Vec<Telling>,
    /// How many of these overtake the answer.
    early: usize,
}

/// What survives of `sent, delivered, read`, or of `sent, failed`, each told up to three times, in any order.
fn story() -> impl Strategy<Value = Story> {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let history = prop::sample::select(vec![vec![Sent, Delivered, Read], vec![Sent, Failed], vec![Failed, Delivered]]);
    let times = prop::collection::vec((0_usize..=3, prop::collection::vec(any::<bool>(), 3)), 3);
    let tellings = (history, times, any::<bool>()).prop_map(|(history, times, is_answered)| {
        let numbered = history.into_iter().zip(1..).zip(times);
        let tellings = numbered.flat_map(move |((status, second), (count, ways))| {
            let ways = ways.into_iter().take(count);
            ways.map(move |way| Telling { status, at: at(second), by_reference: way || !is_answered })
        });
        (is_answered, tellings.collect::<Vec<_>>())
    });
    tellings
        .prop_flat_map(|(is_answered, tellings)| {
            let early = 0..=tellings.len();
            (Just(is_answered), Just(tellings).prop_shuffle(), early)
        })
        .prop_map(|(is_answered, tellings, early)| Story { is_answered, tellings, early })
}

/// Where the delivery and its session end up.
async fn played(story: &Story) -> (Delivery, SessionStatus) {
    let gate = Arc::new(Gate::default());
    let outcome = if story.is_answered { accepted_as("wamid.1") } else { unknown() };
    let stage = Stage::live_behind(&gate, [outcome]).await;
    let tell = async |tellings: &[Telling]| {
        for Telling { status, at, by_reference } in tellings {
            let delivery = stage.outgoing.last().delivery;
            let reference = by_reference.then_some(Reference { account: stage.scope.account, delivery });
            stage.app.ingest(vec![status_of("wamid.1", reference, *status, *at)]).await.unwrap();
        }
    };
    let (early, late) = story.tellings.split_at(story.early);
    let overtaking = async {
        gate.arrival().await;
        tell(early).await;
        gate.open();
    };
    let (view, ()) = tokio::join!(stage.send(), overtaking);
    tell(late).await;
    stage.settle().await;
    let view = stage.look(view.session.id).await;
    (view.delivery, view.status)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_of_webhooks_ends_in_the_same_story(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (delivery, session) = runtime.block_on(played(&story));
        let answer = if story.is_answered { DeliveryStatus::Accepted } else { DeliveryStatus::Unknown };
        let mut history: Vec<_> = story.tellings.iter().map(|one| an_event(one.status, one.at)).collect();
        history.sort_by_key(|event| event.at);
        let begin = [DeliveryStatus::Queued, answer].map(|status| an_event(status, START));
        let expected = Delivery::from_events(begin.into_iter().chain(history));
        for status in DeliveryStatus::ALL {
            prop_assert_eq!(delivery.reached_at(status), expected.reached_at(status), "{}", status);
        }
        prop_assert_eq!((delivery.status(), delivery.error()), (expected.status(), expected.error()));
        // A session that failed stays so, even if its message is delivered after all.
        let was_told_to_fail = expected.reached_at(DeliveryStatus::Failed).is_some();
        if !was_told_to_fail || expected.status() == DeliveryStatus::Failed {
            prop_assert_eq!(session == SessionStatus::Failed, was_told_to_fail);
        }
    }
}
