use std::time::Duration;

use whatotp_application::Change;
use whatotp_domain::{DeliveryStatus, MessageTtl, SessionId, SessionStatus};
use whatotp_ports::{DeliveryStore, SessionStore, Topic};
use whatotp_testkit::fixtures::{home, other_account};

use crate::messages::{a_message, queue};
use crate::stage::{Stage, accepted, another};

/// Long enough for any machine; nothing here waits for it.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_watcher_wakes_when_the_session_changes() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let mut watch = stage.app.watch_otp(home(), id).await.unwrap().unwrap();
    assert_eq!(watch.seen().status, SessionStatus::Pending);
    let (changed, canceled) = tokio::join!(watch.changed(LONG), stage.app.cancel_otp(home(), id, None));
    canceled.unwrap();
    assert_eq!(changed.unwrap(), Change::Seen);
    assert_eq!(watch.into_seen().status, SessionStatus::Canceled);
}

/// Whether whoever listens to `topic` was told by the time `work` is done.
async fn tells(stage: &Stage, topic: Topic, work: impl Future) -> bool {
    let mut listener = stage.app.ports().wakeups.subscribe(topic);
    work.await;
    let told = listener.changed(Duration::from_secs(3600));
    tokio::time::timeout(Duration::from_secs(5), told).await.is_ok()
}

#[tokio::test]
async fn every_change_is_announced() {
    let stage = Stage::with((0..5).map(|_| accepted())).await;
    let message = queue(&stage, MessageTtl::DEFAULT).await;
    assert!(tells(&stage, Topic::Message(message), stage.deliver()).await, "a worker's progress");
    let message = stage.app.send_message(a_message(MessageTtl::DEFAULT));
    assert!(tells(&stage, Topic::Outbox, message).await, "something to deliver");
    let id = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    let session = Topic::Session(id);
    assert!(tells(&stage, session, stage.verify(id, &another(&code))).await, "a wrong code");
    stage.pass(30);
    assert!(
        tells(&stage, session, stage.app.resend_otp(home(), id, whatotp_domain::Asked::default(), None)).await,
        "a resend"
    );
    assert!(tells(&stage, session, stage.verify(id, &code)).await, "the right code");
    let id = stage.send().await.session.id;
    assert!(tells(&stage, Topic::Session(id), stage.app.cancel_otp(home(), id, None)).await, "a cancellation");
    assert_eq!(stage.deliver().await, 1);
}

#[tokio::test]
async fn a_canceled_message_wakes_who_watches_it() {
    let stage = Stage::with([]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    assert!(tells(&stage, Topic::Message(id), stage.app.cancel_message(home(), id, None)).await);
}

#[tokio::test]
async fn a_change_between_two_waits_is_not_missed() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    let mut watch = stage.app.watch_message(home(), id).await.unwrap().unwrap();
    stage.deliver().await;
    assert_eq!(watch.changed(LONG).await.unwrap(), Change::Seen);
    assert_eq!(watch.seen().record.delivery.status(), DeliveryStatus::Accepted);
    assert!(!watch.seen().is_settled());
}

#[tokio::test]
async fn a_session_that_expires_changes_by_itself() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let mut watch = stage.app.watch_otp(home(), id).await.unwrap().unwrap();
    stage.pass(300);
    stage.app.ports().wakeups.announce(Topic::Session(id));
    assert_eq!(watch.changed(LONG).await.unwrap(), Change::Seen);
    assert_eq!(watch.seen().status, SessionStatus::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_of_what_does_not_change_waits_its_time_out() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let mut watch = stage.app.watch_otp(home(), id).await.unwrap().unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(watch.changed(Duration::from_secs(25)).await.unwrap(), Change::None);
    assert!(before.elapsed() >= Duration::from_secs(25));
}

#[tokio::test]
async fn an_announcement_without_a_change_wakes_nobody() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let mut watch = stage.app.watch_otp(home(), id).await.unwrap().unwrap();
    stage.app.ports().wakeups.announce(Topic::Session(id));
    assert_eq!(watch.changed(Duration::from_millis(200)).await.unwrap(), Change::None);
}

#[tokio::test]
async fn what_vanishes_does_not_change_any_more() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let (session, message) = (stage.send().await.session.id, queue(&stage, MessageTtl::DEFAULT).await);
    stage.deliver().await;
    let mut session_watch = stage.app.watch_otp(home(), session).await.unwrap().unwrap();
    let mut message_watch = stage.app.watch_message(home(), message).await.unwrap().unwrap();
    let later = stage.pass(300);
    while stage.deliver().await > 0 {}
    stage.app.ports().wakeups.announce(Topic::Session(session));
    stage.store.purge_sessions(later, 10).await.unwrap();
    stage.store.purge_deliveries(later, 10).await.unwrap();
    stage.app.ports().wakeups.announce(Topic::Session(session));
    stage.app.ports().wakeups.announce(Topic::Message(message));
    assert_eq!(session_watch.changed(LONG).await.unwrap(), Change::Gone);
    assert_eq!(message_watch.changed(LONG).await.unwrap(), Change::Gone);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_watched() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    assert!(stage.app.watch_otp(other_account(), id).await.unwrap().is_none());
    let nobody = SessionId::earliest_at(stage.now());
    assert!(stage.app.watch_otp(home(), nobody).await.unwrap().is_none());
}
