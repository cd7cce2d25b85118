use std::time::Duration;

use whatotp_domain::{Attempted, DeliveryStatus, LedgerPolicy, OtpPolicy, SendRefused, SessionStatus};
use whatotp_ports::{DeliveryFilter, DeliveryKind, LedgerKey, Resend, Resent};

use super::Scene;
use super::sessions::end_with;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, CODE_LIFE, DAY, a_number, a_resend, a_session, at, free_to_send, home, just_before, limited_by,
};

/// SECURITY.md F1.
pub async fn the_cooldown_doubles_and_its_edges_are_exact(scene: Scene) {
    let session = a_session(ALICE);
    scene.issue(session.at(at(0))).await;
    for (next, following) in [(30, 90), (90, 210), (210, 450)] {
        let early = session.at(just_before(at(next)));
        let (id, delivery) = (early.record.session.id, early.record.delivery);
        assert_eq!(scene.refused_issue(early).await, SendRefused::TooSoon { retry_at: at(next) });
        assert_eq!(scene.find(id).await, None, "nothing was stored");
        assert_eq!(scene.find_delivery(delivery).await, None);
        let record = scene.issue(session.at(at(next))).await;
        assert_eq!(record.session.resend_available_at, at(following));
    }
}

pub async fn a_refused_send_supersedes_nothing(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    scene.refused_issue(a_session(ALICE).at(at(1))).await;
    assert_eq!(scene.session(record.session.id).await, record);
    scene.verify(&record, at(2)).await;
}

pub async fn the_cooldown_holds_for_every_purpose_of_the_number(scene: Scene) {
    scene.issue(a_session(ALICE).purpose("login").at(at(0))).await;
    let refused = scene.refused_issue(a_session(ALICE).purpose("payment").at(at(29))).await;
    assert_eq!(refused, SendRefused::TooSoon { retry_at: at(30) });
    scene.issue(a_session(BOB).purpose("payment").at(at(29))).await;
}

pub async fn five_messages_in_ten_minutes_ten_in_an_hour_twenty_in_a_day(scene: Scene) {
    let limits = LedgerPolicy { cooldowns: Vec::new(), ..LedgerPolicy::default() };
    let five = [0, 1, 2, 3, 4];
    let ten = [0, 1, 2, 3, 4, 700, 701, 702, 703, 704];
    let twenty: Vec<u64> = (0..20).map(|n| n * 4000).collect();
    for (number, (past, free)) in [(&five[..], 600), (&ten[..], 3600), (&twenty[..], 86_400)].into_iter().enumerate() {
        let session = a_session(&a_number(number)).limits(&limits);
        for second in past {
            scene.issue(session.at(at(*second))).await;
        }
        let refused = scene.refused_issue(session.at(just_before(at(free)))).await;
        assert_eq!(refused, SendRefused::Capped { retry_at: at(free) });
        scene.issue(session.at(at(free))).await;
    }
}

pub async fn a_right_code_ends_the_cooldown_but_not_the_caps(scene: Scene) {
    let session = a_session(ALICE);
    for second in [0, 2, 4, 6, 8] {
        let record = scene.issue(session.at(at(second))).await;
        scene.verify(&record, at(second + 1)).await;
    }
    assert_eq!(scene.refused_issue(session.at(at(10))).await, SendRefused::Capped { retry_at: at(600) });
    scene.issue(session.at(at(600))).await;
}

pub async fn without_limits_every_message_is_let_through(scene: Scene) {
    let session = a_session(ALICE).limits(&LedgerPolicy::unlimited());
    let mut last = scene.issue(session.at(START)).await;
    for _ in 0..25 {
        let (record, superseded) = scene.issue_over(session.at(START)).await;
        assert_eq!(superseded.map(|live| live.session), Some(last.session.id));
        assert_eq!(record.session.resend_available_at, START);
        last = record;
    }
}

pub async fn a_resend_is_one_more_delivery_of_the_same_session(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    let resend = a_resend(&record, at(30));
    let mut expected = record.clone();
    expected.delivery = resend.delivery.id;
    expected.session.record_send(at(90));

    assert_eq!(scene.resend(resend).await, expected);
    let (found, sent) = scene.find(record.session.id).await.expect("the session is there");
    assert_eq!(found, expected, "attempts and expiry stay, the latest delivery is the new one");
    assert_eq!((found.session.sends, found.session.expires_at), (2, record.session.expires_at));
    assert_eq!(sent.delivery.reached_at(DeliveryStatus::Queued), Some(at(30)));
    let stored = scene.delivery(expected.delivery).await;
    assert_eq!(stored.kind, DeliveryKind::Otp(record.session.id));
    assert!(scene.find_delivery(record.delivery).await.is_some(), "the first delivery is still known");
    scene.verify(&record, at(31)).await;
}

pub async fn a_resend_has_the_cooldown_of_its_number(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    let early = a_resend(&record, just_before(at(30)));
    let id = early.delivery.id;
    let refused = scene.try_resend(early).await;
    assert_eq!(refused, Some(Resent::Refused(SendRefused::TooSoon { retry_at: at(30) })));
    assert_eq!(scene.session(record.session.id).await, record, "nothing was stored");
    assert_eq!(scene.find_delivery(id).await, None);

    scene.resend(a_resend(&record, at(30))).await;
    let refused = scene.refused_issue(a_session(ALICE).at(just_before(at(90)))).await;
    assert_eq!(refused, SendRefused::TooSoon { retry_at: at(90) }, "a resend counts like a first message");
}

pub async fn a_session_has_as_many_messages_as_it_was_issued_with(scene: Scene) {
    let policy = OtpPolicy { sends_max: 3, ..OtpPolicy::default() };
    let free = free_to_send();
    let record = scene.issue(a_session(ALICE).policy(policy).limits(&free).at(at(0))).await;
    let resend = |second| Resend { limits: limited_by(&free), ..a_resend(&record, at(second)) };
    scene.resend(resend(1)).await;
    let last = scene.resend(resend(2)).await;
    assert_eq!(last.session.sends_remaining(), 0);

    let refused = resend(3);
    let id = refused.delivery.id;
    assert_eq!(scene.try_resend(refused).await, Some(Resent::NoSendsLeft));
    assert_eq!(scene.find_delivery(id).await, None, "nothing was stored");
    assert_eq!(scene.session(record.session.id).await, last);
    scene.verify(&record, at(4)).await;
}

pub async fn a_session_that_is_over_is_not_sent_again(scene: Scene) {
    let ends = [SessionStatus::Verified, SessionStatus::Locked, SessionStatus::Canceled, SessionStatus::Failed];
    for (number, end) in ends.into_iter().enumerate() {
        let record = scene.issue(a_session(&a_number(number)).at(at(0))).await;
        end_with(&scene, &record, end).await;
        let before = scene.session(record.session.id).await;
        let resend = a_resend(&record, at(60));
        let id = resend.delivery.id;
        assert_eq!(scene.try_resend(resend).await, Some(Resent::Finished(end)));
        assert_eq!(scene.session(record.session.id).await, before);
        assert_eq!(scene.find_delivery(id).await, None);
    }
    let expired = scene.issue(a_session(ALICE).at(at(0))).await;
    let resent = scene.try_resend(a_resend(&expired, START.plus(CODE_LIFE))).await;
    assert_eq!(resent, Some(Resent::Finished(SessionStatus::Expired)));

    let superseded = scene.issue(a_session(BOB).at(at(0))).await;
    scene.issue(a_session(BOB).at(at(30))).await;
    let resent = scene.try_resend(a_resend(&superseded, at(120))).await;
    assert_eq!(resent, Some(Resent::Finished(SessionStatus::Superseded)));
    let filter = DeliveryFilter { number: Some(superseded.number), limit: 10, ..DeliveryFilter::default() };
    assert_eq!(scene.store.list_deliveries(home(), &filter).await.unwrap().len(), 2);
}

pub async fn a_ledger_is_purged_when_nothing_in_it_matters_any_more(scene: Scene) {
    let limits = LedgerPolicy::default();
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    scene.issue(a_session(BOB).at(at(60))).await;
    scene.verify(&record, at(120)).await;
    let again = scene.issue(a_session(ALICE).at(at(150))).await;
    assert_eq!(scene.attempt(&again, false, at(180)).await, Attempted::Wrong { left: 4 });
    let purge = |now, limit| scene.store.purge_ledgers(&limits, now, limit);

    assert_eq!(purge(at(300), 10).await.unwrap(), 0);
    assert_eq!(purge(at(60).plus(DAY).minus(Duration::from_secs(1)), 10).await.unwrap(), 0);
    assert_eq!(purge(at(61).plus(DAY), 10).await.unwrap(), 2, "BOB's, here and over all accounts");
    assert_eq!(purge(at(181).plus(DAY), 10).await.unwrap(), 1, "ALICE's over all accounts");
    assert_eq!(purge(at(181).plus(DAY * 3650), 10).await.unwrap(), 0, "a row of wrong codes is kept until a right one");
    let ledger = scene.store.find_ledger(&LedgerKey::of(home(), record.number)).await.unwrap().expect("it is there");
    assert_eq!(ledger.guesses().in_a_row(), 1);

    let later = at(181).plus(DAY * 3650);
    let last = scene.issue(a_session(ALICE).at(later)).await;
    scene.verify(&last, later).await;
    assert_eq!(purge(later.plus(DAY + Duration::from_secs(1)), 10).await.unwrap(), 2);
}

pub async fn a_purge_of_ledgers_forgets_no_limit_and_takes_no_more_than_asked(scene: Scene) {
    let limits = LedgerPolicy::default();
    for number in 0..5 {
        scene.issue(a_session(&a_number(number)).at(at(0))).await;
    }
    scene.issue(a_session(ALICE).at(at(100).plus(DAY))).await;
    let now = at(120).plus(DAY);
    // Two for each number: one is over all accounts.
    for purged in [3, 3, 3, 1, 0] {
        assert_eq!(scene.store.purge_ledgers(&limits, now, 3).await.unwrap(), purged);
    }
    let refused = scene.refused_issue(a_session(ALICE).at(now)).await;
    assert_eq!(refused, SendRefused::TooSoon { retry_at: at(130).plus(DAY) });
}
