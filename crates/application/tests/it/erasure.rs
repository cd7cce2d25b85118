//! Everything about one number, gone.

use std::time::Duration;

use whatotp_domain::{EventKind, MessageTtl, Timestamp};
use whatotp_ports::{AccountStore, DeliveryStore, Erased, LedgerKey, SessionStore};
use whatotp_testkit::fixtures::{
    ALICE, BOB, a_claim, an_acceptance, an_account, home, index_of, other_account, other_mode,
};

use crate::messages::{a_message, queue, send};
use crate::stage::{Stage, a_send_of, accepted_as, number};

#[tokio::test]
async fn an_erased_number_is_gone_from_every_table_and_others_are_not() {
    let stage = Stage::with(["a", "b", "c"].map(accepted_as)).await;
    let claim = a_claim("a key", stage.now());
    let alice = a_send_of(home());
    let alice_session = stage.send_as(whatotp_application::SendOtp { claim: Some(claim.clone()), ..alice }).await;
    stage.app.keep_answer(&claim, 200, b"an answer").await.unwrap();
    let bob = stage.send_as(whatotp_application::SendOtp { to: number(BOB), ..a_send_of(home()) }).await;
    queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;

    let erasure = stage.app.erase(&number(ALICE), None).await.unwrap();
    let erased = erasure.erased;
    assert_eq!(erasure.held, 0);
    assert_eq!((erased.sessions, erased.deliveries, erased.claims, erased.provider_messages), (1, 2, 1, 2));
    assert!(erased.ledgers >= 1, "{erased:?}");
    assert!(stage.store.find(home(), alice_session.session.id).await.unwrap().is_none());
    assert!(stage.app.earlier(&claim).await.unwrap().is_none());
    assert_eq!(stage.known_as("a").await, None);
    assert!(stage.store.find_ledger(&LedgerKey::of(home(), index_of(home(), ALICE))).await.unwrap().is_none());
    assert!(stage.store.find(home(), bob.session.id).await.unwrap().is_some());
    assert_eq!(stage.deliveries().await.len(), 1, "Bob's");

    stage.pass(1);
    let again = stage.app.erase(&number(ALICE), None).await.unwrap();
    assert_eq!(again.erased, Erased::default());
    let events = stage.app.list_events(None, 10).await.unwrap();
    let erasures: Vec<_> = events.iter().filter(|event| event.kind == EventKind::Erased).collect();
    assert_eq!(erasures.len(), 2, "one for each time");
    assert!(erasures[1].detail.starts_with(&erased.total().to_string()), "{:?}", erasures[1]);
    assert!(erasures.iter().all(|event| !format!("{event:?}").contains(&ALICE[2..])));
}

#[tokio::test]
async fn one_account_is_erased_and_not_the_others() {
    let stage = Stage::with(["a", "b"].map(accepted_as)).await;
    stage.store.insert_account(an_account(2)).await.unwrap();
    stage.send().await;
    stage.send_as(a_send_of(other_account())).await;
    let erasure = stage.app.erase(&number(ALICE), Some(other_account().account)).await.unwrap();
    assert_eq!((erasure.erased.sessions, erasure.erased.deliveries, erasure.erased.ledgers), (1, 1, 1));
    assert_eq!(stage.deliveries().await.len(), 1);
    let erasure = stage.app.erase(&number(ALICE), None).await.unwrap();
    assert_eq!((erasure.erased.sessions, erasure.erased.deliveries), (1, 1));
    assert_eq!(other_mode().account, home().account, "both modes of an account are looked at");
}

#[tokio::test]
async fn what_is_queued_is_never_sent_after_an_erase() {
    let stage = Stage::with([]).await;
    queue(&stage, MessageTtl::DEFAULT).await;
    send(&stage, a_message(MessageTtl::DEFAULT)).await;
    assert_eq!(stage.app.erase(&number(ALICE), None).await.unwrap().erased.deliveries, 2);
    assert_eq!((stage.deliver().await, stage.next_due().await), (0, None));
    assert!(stage.outgoing.all().is_empty());
}

#[tokio::test]
async fn an_erase_waits_for_a_message_that_is_on_its_way() {
    let stage = Stage::with([]).await;
    queue(&stage, MessageTtl::DEFAULT).await;
    let mut claimed = stage.store.claim_due(Duration::from_secs(60), 10, stage.now()).await.unwrap();
    let claimed = claimed.remove(0);
    let alice = number(ALICE);
    let mut erase = Box::pin(stage.app.erase(&alice, None));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut erase).await;
    assert!(early.is_err(), "a worker has it: {early:?}");
    assert!(stage.store.find_delivery(home(), claimed.record.id).await.unwrap().is_some());
    let told = stage.store.progress(&claimed.lease, an_acceptance("wamid.1", stage.now())).await.unwrap();
    assert!(told.is_some(), "its worker may still say what became of it");
    let erasure = erase.await.unwrap();
    assert_eq!((erasure.held, erasure.erased.deliveries, erasure.erased.provider_messages), (0, 1, 1));
    assert_eq!(stage.known_as("wamid.1").await, None);
}

#[tokio::test]
async fn the_variables_of_a_message_are_wiped_a_day_after_its_end() {
    const DAY: u64 = 86_400;
    let stage = Stage::with([]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    let canceled_at: Timestamp = stage.pass(10);
    stage.store.cancel_delivery(home(), id, None, canceled_at).await.unwrap();
    stage.clock.set(canceled_at.plus(Duration::from_secs(DAY)));
    assert_eq!(stage.app.sweep().await.unwrap().variables, 0);
    assert!(stage.delivery(id).await.variables.is_some());
    stage.pass(1);
    assert_eq!(stage.app.sweep().await.unwrap().variables, 1);
    assert_eq!(stage.delivery(id).await.variables, None);
    assert!(stage.app.message_status(home(), id).await.unwrap().is_some(), "the message is there all the same");
}
