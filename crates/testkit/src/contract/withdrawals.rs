use whatotp_domain::{Attempted, GuessRefused, LedgerPolicy, SendRefused, SessionStatus};
use whatotp_ports::{Before, Issued, Resend, SessionRecord, Settled, Withdrawal};

use super::Scene;
use super::sessions::live;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, DAY, LEASE, a_claim, a_resend, a_session, a_withdrawal, at, free_to_guess, free_to_send, home,
    just_before, limited_by,
};

pub async fn a_withdrawn_session_was_never_there(scene: Scene) {
    let claim = a_claim("first", START);
    let session = a_session(ALICE).claim(&claim);
    let record = scene.issue(session.at(at(0))).await;
    let withdrawal = Withdrawal { claim: Some(claim.clone()), ..a_withdrawal(&record, Before::NoSession(None)) };
    scene.store.withdraw(withdrawal, at(1)).await.unwrap();

    assert_eq!(scene.find(record.session.id).await, None);
    assert_eq!(scene.find_delivery(record.delivery).await, None);
    assert_eq!(scene.prior(&claim, at(1)).await, None);
    assert_eq!(scene.settle(&record, true, at(1)).await, None);
    assert!(scene.claim(10, at(1).plus(LEASE)).await.is_empty(), "there is nothing to be sent");
    assert_eq!(scene.store.next_due().await.unwrap(), None);
    // Neither the cooldown nor the claim stands in the way of the next one.
    let (next, superseded) = scene.issue_over(session.at(at(1))).await;
    assert_eq!((superseded, next.session.resend_available_at), (None, at(31)));
}

pub async fn a_withdrawal_takes_back_one_message_and_not_those_before_it(scene: Scene) {
    let first = scene.issue(a_session(ALICE).at(at(0))).await;
    let second = scene.issue(a_session(ALICE).at(at(30))).await;
    withdraw_new(&scene, &second, Some(&first), 31).await;
    let third = scene.issue(a_session(ALICE).at(at(31))).await;
    assert_eq!(third.session.resend_available_at, at(31 + 60), "it is the second message, not the first or third");
    withdraw_new(&scene, &third, Some(&first), 32).await;
    let refused = scene.try_issue(a_session(ALICE).at(just_before(at(30)))).await;
    assert_eq!(refused, Issued::Refused(SendRefused::TooSoon { retry_at: at(30) }), "the first message still counts");
}

pub async fn a_withdrawn_message_counts_for_no_cap(scene: Scene) {
    let limits = LedgerPolicy { cooldowns: Vec::new(), ..LedgerPolicy::default() };
    let session = a_session(ALICE).limits(&limits);
    for second in 0..20 {
        let record = scene.issue(session.at(at(second))).await;
        withdraw_new(&scene, &record, None, second).await;
    }
    for second in 20..25 {
        scene.issue(session.at(at(second))).await;
    }
    assert_eq!(scene.refused_issue(session.at(at(25))).await, SendRefused::Capped { retry_at: at(620) });
}

pub async fn the_session_that_was_superseded_is_pending_again(scene: Scene) {
    let session = a_session(ALICE);
    let first = scene.issue(session.at(at(0))).await;
    assert_eq!(scene.attempt(&first, false, at(1)).await, Attempted::Wrong { left: 4 });
    let before = scene.session(first.session.id).await;
    let (second, superseded) = scene.issue_over(session.at(at(30))).await;
    let withdrawal = a_withdrawal(&second, Before::NoSession(superseded));
    scene.store.withdraw(withdrawal, at(31)).await.unwrap();

    assert_eq!(scene.session(first.session.id).await, before, "with its attempts and its expiry");
    assert_eq!(scene.attempt(&first, false, at(32)).await, Attempted::Wrong { left: 3 });
    // It has its place back as well: the next one supersedes it.
    let (_, superseded) = scene.issue_over(session.at(at(33))).await;
    assert_eq!(superseded, Some(live(&first)));
    assert_eq!(scene.status(first.session.id, at(33)).await, SessionStatus::Superseded);
}

pub async fn a_superseded_session_whose_time_is_over_does_not_come_back(scene: Scene) {
    let session = a_session(ALICE);
    let first = scene.issue(session.at(at(0))).await;
    let (second, superseded) = scene.issue_over(session.at(at(299))).await;
    assert_eq!(superseded, Some(live(&first)));
    scene.store.withdraw(a_withdrawal(&second, Before::NoSession(superseded)), at(300)).await.unwrap();
    assert_eq!(scene.find(second.session.id).await, None);
    let attempted = scene.attempt(&first, true, at(300)).await;
    assert!(matches!(attempted, Attempted::Finished(_)), "{attempted:?}");
    let (_, superseded) = scene.issue_over(session.at(at(301))).await;
    assert_eq!(superseded, None);
}

pub async fn a_withdrawn_resend_leaves_the_session_as_it_was(scene: Scene) {
    let claim = a_claim("again", at(30));
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Wrong { left: 4 });
    let before = scene.session(record.session.id).await;
    let again = Resend { claim: Some(claim.clone()), ..a_resend(&record, at(30)) };
    let resent = scene.resend(again).await;

    let restored = Before::Delivery { latest: record.delivery, resend_available_at: at(30) };
    let withdrawal = Withdrawal { claim: Some(claim.clone()), ..a_withdrawal(&resent, restored) };
    scene.store.withdraw(withdrawal, at(31)).await.unwrap();
    let (found, _) = scene.find(record.session.id).await.expect("the session is there");
    assert_eq!(found, before, "sends, latest delivery and the time of the next message");
    assert_eq!(scene.find_delivery(resent.delivery).await, None);
    assert!(scene.find_delivery(record.delivery).await.is_some());
    assert_eq!(scene.prior(&claim, at(31)).await, None);
    // The number's ledger forgot it too: again at once, and again the second message.
    let again = scene.resend(a_resend(&record, at(31))).await;
    assert_eq!((again.session.resend_available_at, again.session.sends), (at(31 + 60), 2));
    scene.verify(&record, at(32)).await;
}

pub async fn a_session_that_has_moved_on_is_not_withdrawn(scene: Scene) {
    // Verified by a code that got through after all.
    let verified = scene.issue(a_session(ALICE).at(at(0))).await;
    scene.verify(&verified, at(1)).await;
    // Superseded by a newer one.
    let session = a_session(BOB).limits(&free_to_send());
    let superseded = scene.issue(session.at(at(0))).await;
    let newer = scene.issue(session.at(at(1))).await;
    for record in [&verified, &superseded] {
        let before = scene.session(record.session.id).await;
        scene.store.withdraw(a_withdrawal(record, Before::NoSession(None)), at(2)).await.unwrap();
        assert_eq!(scene.session(record.session.id).await, before);
        assert!(scene.find_delivery(record.delivery).await.is_some());
    }
    assert_eq!(scene.session(newer.session.id).await, newer);
}

pub async fn a_resend_that_is_not_the_latest_is_not_withdrawn(scene: Scene) {
    let free = free_to_send();
    let record = scene.issue(a_session(ALICE).limits(&free).at(at(0))).await;
    let resend = |second| Resend { limits: limited_by(&free), ..a_resend(&record, at(second)) };
    let second = scene.resend(resend(1)).await;
    let third = scene.resend(resend(2)).await;
    let before = Before::Delivery { latest: record.delivery, resend_available_at: at(0) };
    scene.store.withdraw(a_withdrawal(&second, before), at(3)).await.unwrap();
    assert_eq!(scene.session(record.session.id).await, third);
    assert!(scene.find_delivery(second.delivery).await.is_some());
}

pub async fn a_withdrawal_restores_no_session_that_was_not_superseded(scene: Scene) {
    let free = free_to_send();
    let session = a_session(ALICE).limits(&free);
    let first = scene.issue(session.at(at(0))).await;
    scene.store.cancel(home(), first.session.id, None, at(1)).await.unwrap();
    let (second, superseded) = scene.issue_over(session.at(at(2))).await;
    assert_eq!(superseded, None);
    // Whatever the caller believes, a canceled session stays canceled.
    withdraw_new(&scene, &second, Some(&first), 3).await;
    assert_eq!(scene.status(first.session.id, at(3)).await, SessionStatus::Canceled);
}

pub async fn a_withdrawal_leaves_the_failures_of_the_number(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    for round in 0..4 {
        let record = scene.issue(session.at(at(round * 10))).await;
        for left in (0..5).rev() {
            assert_eq!(scene.attempt(&record, false, at(round * 10 + 1)).await, Attempted::Wrong { left });
        }
    }
    // As if they had been issued under other limits.
    let session = session.limits(&free_to_guess());
    let withdrawn = scene.issue(session.at(at(50))).await;
    withdraw_new(&scene, &withdrawn, None, 51).await;
    let fresh = scene.issue(session.at(at(52))).await;
    let blocked = Settled::Blocked(GuessRefused::Until { retry_at: at(1).plus(DAY) });
    assert_eq!(scene.settle(&fresh, true, at(53)).await, Some(blocked));
}

async fn withdraw_new(scene: &Scene, record: &SessionRecord, superseded: Option<&SessionRecord>, second: u64) {
    let before = Before::NoSession(superseded.map(live));
    scene.store.withdraw(a_withdrawal(record, before), at(second)).await.expect("withdraw answers");
    assert_eq!(scene.find(record.session.id).await, None);
}
