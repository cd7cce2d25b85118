use std::time::Duration;

use super::*;
use crate::slot_of;

/// A full hour, at 12:00 of its day: so that an hour before it is of the same day.
const NOON: Timestamp = Timestamp::from_unix_ms(1_800_014_400_000);

fn hours_ago(hours: u32) -> Timestamp {
    NOON.minus(HOUR * hours)
}

/// A country: the best day before, what was verified and what was not in the last 24 hours, and in the last hour.
struct Scenario {
    name: &'static str,
    most_verified_in_a_day: u64,
    day: (u64, u64),
    hour: (u64, u64),
    budgets: (u64, u64),
    exceeded: (bool, bool),
}

/// The ten scenarios that authgear publishes with its formula. Its two ratios are 30 % a day and 20 % an hour.
const SCENARIOS: [Scenario; 10] = [
    Scenario {
        name: "initial launch, no history, 300 verified in the first hour",
        most_verified_in_a_day: 0,
        day: (300, 20),
        hour: (300, 20),
        budgets: (90, 60),
        exceeded: (false, false),
    },
    Scenario {
        name: "normal traffic, a thousand a day, 200 in the peak hour",
        most_verified_in_a_day: 1_000,
        day: (1_000, 50),
        hour: (200, 10),
        budgets: (300, 40),
        exceeded: (false, false),
    },
    Scenario {
        name: "a spike of twice as much",
        most_verified_in_a_day: 1_000,
        day: (2_000, 150),
        hour: (400, 30),
        budgets: (600, 80),
        exceeded: (false, false),
    },
    Scenario {
        name: "attack on a quiet day",
        most_verified_in_a_day: 1_000,
        day: (500, 300),
        hour: (100, 60),
        budgets: (300, 33),
        exceeded: (true, true),
    },
    Scenario {
        name: "attack during a spike",
        most_verified_in_a_day: 1_000,
        day: (2_000, 800),
        hour: (400, 200),
        budgets: (600, 80),
        exceeded: (true, true),
    },
    Scenario {
        name: "little traffic: initial launch",
        most_verified_in_a_day: 0,
        day: (10, 2),
        hour: (10, 2),
        budgets: (20, 3),
        exceeded: (false, false),
    },
    Scenario {
        name: "little traffic: normal",
        most_verified_in_a_day: 15,
        day: (12, 5),
        hour: (5, 2),
        budgets: (20, 3),
        exceeded: (false, false),
    },
    Scenario {
        name: "little traffic: a spike of twice as much",
        most_verified_in_a_day: 15,
        day: (30, 5),
        hour: (10, 2),
        budgets: (20, 3),
        exceeded: (false, false),
    },
    Scenario {
        name: "little traffic: attack on a quiet day",
        most_verified_in_a_day: 15,
        day: (7, 35),
        hour: (2, 8),
        budgets: (20, 3),
        exceeded: (true, true),
    },
    Scenario {
        name: "little traffic: attack during a spike",
        most_verified_in_a_day: 15,
        day: (30, 50),
        hour: (10, 10),
        budgets: (20, 3),
        exceeded: (true, true),
    },
];

/// Messages of which so many were verified, and so many not.
fn counts((verified, unverified): (u64, u64)) -> Counts {
    Counts { sent: verified + unverified, verified }
}

fn traffic(scenario: &Scenario) -> Series {
    let mut series = Series::default();
    let (day, hour) = (scenario.day, scenario.hour);
    series.add(NOON, counts(hour));
    // The rest of the 24 hours, on the day before and today, so that no calendar day outdoes the best one.
    let (verified, unverified) = (day.0 - hour.0, day.1 - hour.1);
    let half = (verified / 2, unverified / 2);
    series.add(hours_ago(2), counts(half));
    series.add(hours_ago(20), counts((verified - half.0, unverified - half.1)));
    series.add(hours_ago(7 * 24), counts((scenario.most_verified_in_a_day, 0)));
    series
}

#[test]
fn the_ten_published_scenarios_come_out_as_published() {
    for scenario in &SCENARIOS {
        let Scenario { name, most_verified_in_a_day: most, day, hour, .. } = scenario;
        assert_eq!((country_day(*most, day.0), country_hour(*most, hour.0)), scenario.budgets, "{name}");
        let exceeded = UnverifiedBudget::of_country(&traffic(scenario), NOON);
        let of = |budget| exceeded.contains(&budget);
        let found = (of(UnverifiedBudget::CountryDay), of(UnverifiedBudget::CountryHour));
        assert_eq!(found, scenario.exceeded, "{name}: {exceeded:?}");
    }
}

/// How many messages that nobody verifies go through, one after the other.
fn let_through(series: &mut Series, exceeded: impl Fn(&Series) -> bool) -> usize {
    let mut sent = 0;
    while !exceeded(series) {
        series.add(NOON, counts((0, 1)));
        sent += 1;
        assert!(sent < 1_000, "no end");
    }
    sent
}

#[test]
fn where_nothing_was_ever_verified_three_an_hour_go_through_and_twenty_a_day() {
    let over = |budget| move |series: &Series| UnverifiedBudget::of_country(series, NOON).contains(&budget);
    assert_eq!(let_through(&mut Series::default(), over(UnverifiedBudget::CountryHour)), 3);
    assert_eq!(let_through(&mut Series::default(), over(UnverifiedBudget::CountryDay)), 20);
    let over = |budget| move |series: &Series| UnverifiedBudget::of_client_ip(series, NOON).contains(&budget);
    assert_eq!(let_through(&mut Series::default(), over(UnverifiedBudget::ClientIpHour)), 5);
    assert_eq!(let_through(&mut Series::default(), over(UnverifiedBudget::ClientIpDay)), 10);
}

#[test]
fn an_office_behind_one_address_that_verifies_gets_more() {
    let mut series = Series::default();
    series.add(hours_ago(5), counts((300, 0)));
    let over = |budget| move |series: &Series| UnverifiedBudget::of_client_ip(series, NOON).contains(&budget);
    assert_eq!(let_through(&mut series.clone(), over(UnverifiedBudget::ClientIpHour)), 10);
    assert_eq!(let_through(&mut series, over(UnverifiedBudget::ClientIpDay)), 90);
}

#[test]
fn a_fourth_country_without_a_right_code_is_too_many() {
    let one = |verified| {
        let mut series = Series::default();
        series.add(NOON, counts((verified, 1)));
        series
    };
    let new: Vec<Series> = (0..4).map(|_| one(0)).collect();
    let judge = |this: &Series, others: &[Series]| {
        UnverifiedBudget::of_client_ip_countries(this, others.iter(), NOON).is_some()
    };
    assert!(!judge(&Series::default(), &new[..2]));
    assert!(judge(&Series::default(), &new[..3]));
    assert!(!judge(&one(1), &new), "a country with a right code is not new");
    assert!(!judge(&Series::default(), &[one(0), one(0), one(1), one(2)]));
    let later = NOON.plus(DAY + HOUR);
    assert!(UnverifiedBudget::of_client_ip_countries(&Series::default(), new.iter(), later).is_none());
}

#[test]
fn a_prefix_is_pumped_from_the_twentieth_message_an_hour_with_less_than_a_fifth_verified() {
    let judge = |verified, unverified, at| {
        let mut series = Series::default();
        series.add(NOON, counts((verified, unverified)));
        is_pumped(&series, at)
    };
    assert!(!judge(0, 19, NOON));
    assert!(judge(0, 20, NOON));
    assert!(judge(3, 17, NOON));
    assert!(!judge(4, 16, NOON), "a fifth is enough");
    assert!(!judge(0, 20, NOON.plus(HOUR * 2)), "an hour later it is over");
}

#[test]
fn guessing_is_suspected_above_a_hundred_and_half_and_certain_above_five_hundred_and_nearly_all() {
    let judge = |right, wrong| {
        let mut series = Series::default();
        series.add(slot_of(TEN_MINUTES, NOON), counts((right, wrong)));
        Guessing::of(&series, NOON.plus(Duration::from_secs(60)))
    };
    assert_eq!(judge(0, 100), Guessing::Unsuspected);
    assert_eq!(judge(0, 101), Guessing::Suspected);
    assert_eq!(judge(101, 101), Guessing::Unsuspected, "half is not more than half");
    assert_eq!(judge(100, 101), Guessing::Suspected);
    assert_eq!(judge(0, 500), Guessing::Suspected);
    assert_eq!(judge(0, 501), Guessing::Certain);
    assert_eq!(judge(50, 501), Guessing::Suspected);
    assert_eq!(judge(26, 501), Guessing::Certain);
}
