use std::sync::Arc;

use whatotp_domain::{Quota, QuotaPeriod, Timestamp};
use whatotp_ports::Counted;

use super::Scene;
use super::scene::{count, race};
use crate::fixtures::an_account;

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a test's moment is one")
}

const fn quota(per_day: Option<u32>, per_month: Option<u32>) -> Quota {
    Quota { per_day, per_month }
}

const fn counted(today: u64, this_month: u64) -> Counted {
    Counted::Yes { today, this_month }
}

async fn ask(scene: &Scene, quota: Quota, now: Timestamp) -> Counted {
    scene.store.count_message(an_account(1).id, quota, now).await.expect("count_message answers")
}

pub async fn a_quota_ends_where_it_says_and_begins_anew_with_the_period(scene: Scene) {
    let limits = quota(Some(2), Some(3));
    let first_day = moment("2026-11-29T10:00:00Z");
    assert_eq!(ask(&scene, limits, first_day).await, counted(1, 1));
    assert_eq!(ask(&scene, limits, moment("2026-11-29T23:59:59.999Z")).await, counted(2, 2));
    assert_eq!(ask(&scene, limits, first_day).await, Counted::UsedUp(QuotaPeriod::Day));
    let second_day = moment("2026-11-30T00:00:00Z");
    assert_eq!(ask(&scene, limits, second_day).await, counted(1, 3));
    assert_eq!(ask(&scene, limits, second_day).await, Counted::UsedUp(QuotaPeriod::Month));
    assert_eq!(ask(&scene, limits, moment("2026-12-01T00:00:00Z")).await, counted(1, 1));
}

pub async fn a_quota_of_one_period_asks_for_no_other(scene: Scene) {
    let now = moment("2026-11-29T10:00:00Z");
    for used in 1..=5 {
        assert_eq!(ask(&scene, quota(None, Some(5)), now).await, counted(used, used));
    }
    assert_eq!(ask(&scene, quota(None, Some(5)), now).await, Counted::UsedUp(QuotaPeriod::Month));
    assert_eq!(ask(&scene, quota(Some(6), None), now).await, counted(6, 6));
    assert_eq!(ask(&scene, quota(Some(6), None), now).await, Counted::UsedUp(QuotaPeriod::Day));
}

pub async fn an_account_uses_up_its_own_quota_only(scene: Scene) {
    let now = moment("2026-11-29T10:00:00Z");
    let limits = quota(Some(1), None);
    assert_eq!(ask(&scene, limits, now).await, counted(1, 1));
    let other = scene.store.count_message(an_account(2).id, limits, now).await.unwrap();
    assert_eq!(other, counted(1, 1));
}

pub async fn a_message_that_is_taken_back_was_never_counted(scene: Scene) {
    let now = moment("2026-11-29T10:00:00Z");
    let limits = quota(Some(2), None);
    let back = |at| scene.store.uncount_message(an_account(1).id, at);
    back(now).await.unwrap();
    assert_eq!(ask(&scene, limits, now).await, counted(1, 1));
    assert_eq!(ask(&scene, limits, now).await, counted(2, 2));
    back(now).await.unwrap();
    assert_eq!(ask(&scene, limits, now).await, counted(2, 2));
    // The day is over when the message is taken back, the month is not.
    let next_day = moment("2026-11-30T00:00:01Z");
    assert_eq!(ask(&scene, limits, next_day).await, counted(1, 3));
    back(now).await.unwrap();
    assert_eq!(ask(&scene, limits, next_day).await, counted(2, 3));
    for _ in 0..9 {
        back(next_day).await.unwrap();
    }
    assert_eq!(ask(&scene, limits, next_day).await, counted(1, 1), "nothing is less than nothing");
}

pub async fn a_clock_that_is_behind_counts_in_the_present_period(scene: Scene) {
    let limits = quota(Some(3), None);
    let (now, behind) = (moment("2026-12-01T00:00:00Z"), moment("2026-11-30T23:59:59Z"));
    assert_eq!(ask(&scene, limits, now).await, counted(1, 1));
    assert_eq!(ask(&scene, limits, behind).await, counted(2, 2));
    assert_eq!(ask(&scene, limits, now).await, counted(3, 3));
    assert_eq!(ask(&scene, limits, behind).await, Counted::UsedUp(QuotaPeriod::Day));
}

pub async fn of_fifty_racing_messages_the_quota_lets_through_as_many_as_it_has(scene: Scene) {
    let now = moment("2026-11-29T10:00:00Z");
    for limits in [quota(Some(7), None), quota(Some(1_000), Some(20))] {
        let answers = race((0..50).map(|_| {
            let store = Arc::clone(&scene.store);
            async move { store.count_message(an_account(1).id, limits, now).await.expect("count_message answers") }
        }))
        .await;
        let admitted = count(&answers, |answer| matches!(answer, Counted::Yes { .. }));
        // Of the second quota, the first has used up seven.
        assert_eq!(admitted, if limits.per_month.is_none() { 7 } else { 13 });
        let mut months: Vec<u64> = answers.iter().filter_map(month).collect();
        months.sort_unstable();
        months.dedup();
        assert_eq!(months.len(), admitted, "no two are told the same count");
    }
}

const fn month(answer: &Counted) -> Option<u64> {
    match answer {
        Counted::Yes { this_month, .. } => Some(*this_month),
        Counted::UsedUp(_) => None,
    }
}
