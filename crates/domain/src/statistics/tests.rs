use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds * 1000)
}

/// A message made at `seconds` that arrived after `took`.
fn arrived(seconds: i64, took: u64) -> DeliveryFacts {
    let created_at = at(seconds);
    DeliveryFacts {
        created_at,
        template: None,
        country: Country::parse("DE"),
        status: DeliveryStatus::Delivered,
        handed_over: true,
        delivered_at: Some(created_at.plus(Duration::from_secs(took))),
        error: None,
        code: Some(CodeFacts { verified_after: None }),
    }
}

fn failed(seconds: i64, error: u32) -> DeliveryFacts {
    DeliveryFacts { status: DeliveryStatus::Failed, delivered_at: None, error: Some(error), ..arrived(seconds, 0) }
}

fn tally(by: GroupBy, facts: &[DeliveryFacts]) -> (Figures, Vec<(GroupKey, Figures)>) {
    let mut tally = Tally::new(by);
    for one in facts {
        tally.count(one);
    }
    tally.finish()
}

#[test]
fn nothing_has_no_conversion_and_no_times() {
    let (total, groups) = tally(GroupBy::Day, &[]);
    assert_eq!(total, Figures::default());
    assert_eq!((total.conversion_permille(), groups.len()), (None, 0));
}

#[test]
fn every_figure_counts_what_it_says() {
    let verified = CodeFacts { verified_after: Some(Duration::from_secs(9)) };
    let facts = [
        DeliveryFacts { code: Some(verified), status: DeliveryStatus::Read, ..arrived(0, 3) },
        arrived(1, 5),
        // A second message of the session before it.
        DeliveryFacts { code: None, ..arrived(2, 4) },
        failed(3, 131_026),
        DeliveryFacts { status: DeliveryStatus::Expired, delivered_at: None, ..arrived(4, 0) },
        DeliveryFacts { status: DeliveryStatus::Queued, handed_over: false, delivered_at: None, ..arrived(5, 0) },
    ];
    let (total, _) = tally(GroupBy::Day, &facts);
    let seconds =
        |median, p95| Some(Percentiles { median: Duration::from_secs(median), p95: Duration::from_secs(p95) });
    let expected = Figures {
        sent: 5,
        delivered: 3,
        read: 1,
        failed: 1,
        expired: 1,
        codes: 5,
        verified: 1,
        to_deliver: seconds(4, 5),
        to_verify: seconds(9, 9),
    };
    assert_eq!(total, expected);
    assert_eq!(total.conversion_permille(), Some(200));
}

#[test]
fn groups_are_what_was_asked_for() {
    let template = TemplateId::new(at(0), [1; 10]);
    let message = DeliveryFacts { template: Some(template), code: None, country: None, ..arrived(7_300, 1) };
    let facts = [arrived(0, 1), arrived(3_599, 1), failed(3_600, 7), failed(90_000, 8), failed(90_001, 8), message];
    let keys = |by| tally(by, &facts).1.into_iter().map(|(key, figures)| (key, figures.sent)).collect::<Vec<_>>();
    let since = |seconds| GroupKey::Since(at(seconds));
    assert_eq!(keys(GroupBy::Hour), [(since(0), 2), (since(3_600), 1), (since(7_200), 1), (since(90_000), 2)]);
    assert_eq!(keys(GroupBy::Day), [(since(0), 4), (since(86_400), 2)]);
    assert_eq!(keys(GroupBy::Country), [(GroupKey::Country(Country::parse("DE")), 5), (GroupKey::Country(None), 1)]);
    assert_eq!(keys(GroupBy::Template), [(GroupKey::Template(None), 5), (GroupKey::Template(Some(template)), 1)]);
    assert_eq!(keys(GroupBy::Error), [(GroupKey::Error(8), 2), (GroupKey::Error(7), 1)]);
}

#[test]
fn every_grouping_has_a_name_of_its_own() {
    for by in GroupBy::ALL {
        assert_eq!(GroupBy::parse(by.as_str()), Some(by));
    }
}

proptest! {
    #[test]
    fn the_groups_add_up_to_the_total_in_whatever_order(
        seconds in prop::collection::vec((0_i64..200_000, 0_u64..500), 1..60).prop_shuffle(),
    ) {
        let mut facts: Vec<_> = seconds.iter().map(|(made, took)| arrived(*made, *took)).collect();
        let (total, groups) = tally(GroupBy::Hour, &facts);
        prop_assert_eq!(groups.iter().map(|(_, figures)| figures.sent).sum::<u64>(), total.sent);
        facts.reverse();
        prop_assert_eq!(tally(GroupBy::Hour, &facts), (total.clone(), groups));
        // As anybody would count it with a sorted list.
        let mut times: Vec<u64> = seconds.iter().map(|(_, took)| *took).collect();
        times.sort_unstable();
        let Percentiles { median, p95 } = total.to_deliver.unwrap();
        let no_longer = |limit: Duration| times.iter().filter(|took| **took <= limit.as_secs()).count();
        prop_assert!(no_longer(median) * 2 >= times.len());
        prop_assert!(no_longer(p95) * 100 >= times.len() * 95);
        let shorter = |limit: Duration| times.iter().filter(|took| **took < limit.as_secs()).count();
        prop_assert!(shorter(median) * 2 < times.len());
        prop_assert!(shorter(p95) * 100 < times.len() * 95);
    }
}
