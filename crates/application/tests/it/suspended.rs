//! An account that is suspended while something of it is under way.

use whatotp_domain::{DeliveryStatus, MessageTtl, SessionStatus};
use whatotp_ports::AccountRules;
use whatotp_testkit::fixtures::{at, home};

use crate::messages::queue;
use crate::stage::{Stage, unknown};

async fn suspend(stage: &Stage, suspended: bool) {
    let rules = AccountRules { suspended, ..AccountRules::default() };
    assert!(stage.app.set_rules(home().account, rules).await.unwrap());
}

#[tokio::test]
async fn what_is_queued_fails_and_says_why() {
    let stage = Stage::with([]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    suspend(&stage, true).await;
    assert_eq!(stage.deliver().await, 1);
    let way = stage.delivery(id).await.delivery;
    assert_eq!((way.status(), way.error().map(|error| error.code)), (DeliveryStatus::Failed, Some(900_005)));
    suspend(&stage, false).await;
    assert_eq!((stage.deliver().await, stage.next_due().await), (0, None), "it is over");
    assert!(stage.outgoing.all().is_empty());
}

#[tokio::test]
async fn what_may_have_left_already_is_not_sent_once_more() {
    let stage = Stage::with([unknown()]).await;
    let session = stage.send().await.session;
    suspend(&stage, true).await;
    stage.clock.set(at(10));
    stage.deliver().await;
    assert_eq!(stage.outgoing.all().len(), 1, "the first try, and no second");
    assert_eq!(stage.look(session.id).await.session.status_at(stage.now()), SessionStatus::Pending, "it may arrive");
    stage.clock.set(session.expires_at);
    stage.deliver().await;
    assert_eq!(stage.next_due().await, None);
    assert_eq!(stage.outgoing.all().len(), 1);
}
