use super::{Bench, admits, admitted, per_minute};

const START: i64 = 1_795_428_000_000;
const FIVE_MINUTES: i64 = 300_000;

/// Asks twice a second for ten minutes while the clock is stepped in the middle of it, and returns the admitted calls'
/// times by a clock that was not stepped.
async fn through_a_step(bench: &impl Bench, step: i64) -> Vec<i64> {
    let rule = [per_minute(1, 50)];
    let mut admitted = Vec::new();
    for real in (0..600_000).step_by(500) {
        bench.set(START + real + if real < 290_000 { 0 } else { step }).await;
        if admits(bench, &rule).await {
            admitted.push(real);
        }
    }
    admitted
}

fn most_in_a_minute(admitted: &[i64]) -> usize {
    let spans = admitted.iter().map(|end| admitted.iter().filter(|real| (end - 60_000..=*end).contains(real)).count());
    spans.max().unwrap()
}

pub async fn a_step_back_by_five_minutes_neither_freezes_the_limiter_nor_opens_it(bench: &impl Bench) {
    let admitted = through_a_step(bench, -FIVE_MINUTES).await;
    assert_eq!(most_in_a_minute(&admitted), 50);
    let longest_pause = admitted.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest_pause <= 60_500, "{longest_pause}");
}

pub async fn a_step_forward_by_five_minutes_ends_the_windows_as_the_clock_says(bench: &impl Bench) {
    let admitted = through_a_step(bench, FIVE_MINUTES).await;
    let (before, after): (Vec<i64>, Vec<i64>) = admitted.iter().partition(|real| **real < 290_000);
    assert_eq!([most_in_a_minute(&before), most_in_a_minute(&after)], [50, 50]);
    assert!(most_in_a_minute(&admitted) <= 100, "one quota for each side of the step");
}

pub async fn a_full_key_is_free_one_window_after_a_step_back(bench: &impl Bench) {
    let rule = [per_minute(1, 20)];
    bench.set(START).await;
    assert_eq!(admitted(bench, 20, &rule).await, 20);
    let back = START - FIVE_MINUTES;
    bench.set(back).await;
    let state = bench.admit(&rule).await.states[0];
    assert_eq!(state.retry_after.as_millis(), 60_001, "and not six minutes");
    bench.set(back + 60_000).await;
    assert!(!admits(bench, &rule).await);
    bench.set(back + 60_001).await;
    assert!(admits(bench, &rule).await);
}

pub async fn a_clock_that_is_set_back_again_and_again_gives_no_second_quota(bench: &impl Bench) {
    let rule = [per_minute(1, 20)];
    let (mut now, mut let_in) = (START, 0);
    // Forwards it runs 50 ms a round, which all rounds together do not make a window.
    for _ in 0..200 {
        for step in [-70_000, 50] {
            now += step;
            bench.set(now).await;
            let_in += u32::from(admits(bench, &rule).await);
        }
    }
    assert_eq!(let_in, 20);
}
