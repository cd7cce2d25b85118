use whatotp_application::Swept;
use whatotp_domain::MessageTtl;
use whatotp_ports::{EventStore, SessionStore};
use whatotp_testkit::fixtures::{a_claim, a_log_event, at, home, just_before};

use crate::messages::queue;
use crate::stage::{Stage, accepted};

const SESSION: u64 = 25 * 3600;
const DELIVERY: u64 = 30 * 86_400;
const DAY: u64 = 86_400;

#[tokio::test]
async fn a_session_is_swept_after_twenty_five_hours_and_not_before() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    stage.clock.set(at(SESSION));
    assert_eq!(stage.app.sweep().await.unwrap().sessions, 0);
    assert!(stage.store.find(home(), id).await.unwrap().is_some());
    stage.clock.set(just_after(at(SESSION)));
    assert_eq!(stage.app.sweep().await.unwrap().sessions, 1);
    assert!(stage.store.find(home(), id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_delivery_is_swept_after_thirty_days_when_nobody_has_to_look_at_it() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    stage.clock.set(just_after(at(DELIVERY)));
    assert_eq!(stage.app.sweep().await.unwrap().deliveries, 0, "its end is not written down yet");
    stage.deliver().await;
    stage.clock.set(at(DELIVERY));
    assert_eq!(stage.app.sweep().await.unwrap().deliveries, 0);
    stage.clock.set(just_after(at(DELIVERY)));
    assert_eq!(stage.app.sweep().await.unwrap().deliveries, 1);
    assert!(stage.app.message_status(home(), id).await.unwrap().is_none());
}

#[tokio::test]
async fn the_ledger_of_a_number_is_swept_when_no_limit_needs_it() {
    let stage = Stage::with([accepted()]).await;
    stage.send().await;
    stage.clock.set(at(DAY));
    assert_eq!(stage.app.sweep().await.unwrap().ledgers, 0);
    stage.clock.set(just_after(at(DAY)));
    assert_eq!(stage.app.sweep().await.unwrap().ledgers, 2, "that of its account, and that over all of them");
}

#[tokio::test]
async fn an_event_is_swept_after_ninety_days() {
    let stage = Stage::with([]).await;
    stage.store.append_event(a_log_event("a sender", stage.now())).await.unwrap();
    stage.clock.set(at(90 * DAY));
    assert_eq!(stage.app.sweep().await.unwrap().events, 0);
    stage.clock.set(just_after(at(90 * DAY)));
    assert_eq!(stage.app.sweep().await.unwrap(), Swept { events: 1, ..Swept::default() });
    assert!(stage.app.list_events(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_answer_to_a_request_is_swept_after_a_day() {
    let stage = Stage::with([]).await;
    let claim = a_claim("a key", stage.now());
    stage.app.keep_answer(&claim, 200, b"an answer").await.unwrap();
    stage.clock.set(just_before(claim.expires_at));
    assert_eq!(stage.app.sweep().await.unwrap(), Swept::default());
    stage.clock.set(claim.expires_at);
    assert_eq!(stage.app.sweep().await.unwrap(), Swept { claims: 1, ..Swept::default() });
    assert_eq!(stage.app.sweep().await.unwrap().total(), 0);
}

fn just_after(moment: whatotp_domain::Timestamp) -> whatotp_domain::Timestamp {
    moment.plus(std::time::Duration::from_millis(1))
}
