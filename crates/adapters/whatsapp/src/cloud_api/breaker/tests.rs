use proptest::prelude::*;
use whatotp_domain::WabaId;

use super::*;

const START: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);
const OLD: Configuration = Configuration([1; 32]);
const NEW: Configuration = Configuration([2; 32]);

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn error(code: u32) -> DeliveryError {
    DeliveryError { code, title: "t".to_owned(), detail: "d".to_owned() }
}

fn open(code: u32, stopped: Stopped) -> Open {
    Open { error: error(code), stopped }
}

/// A breaker after these verdicts, all at the start.
fn breaker(verdicts: impl IntoIterator<Item = Verdict>) -> Breaker {
    let mut breaker = Breaker::new(OLD);
    for verdict in verdicts {
        breaker.record(OLD, START, verdict);
    }
    breaker
}

fn works(n: usize) -> impl Iterator<Item = Verdict> {
    std::iter::repeat_n(Verdict::Works, n)
}

fn fails(n: usize) -> impl Iterator<Item = Verdict> {
    std::iter::repeat_n(Verdict::Fails(error(2)), n)
}

#[test]
fn it_opens_at_half_of_twenty() {
    assert_eq!(breaker(fails(19)).refusal(OLD, START), None);
    assert_eq!(breaker(fails(20)).refusal(OLD, START), Some(open(2, Stopped::Nothing)));
    assert_eq!(breaker(works(10).chain(fails(10))).refusal(OLD, START), Some(open(2, Stopped::Nothing)));
    assert_eq!(breaker(works(11).chain(fails(10))).refusal(OLD, START), None);
}

#[test]
fn what_is_thirty_seconds_old_does_not_count() {
    for (later, opens) in [(29, true), (30, false)] {
        let mut breaker = breaker(fails(19));
        breaker.record(OLD, after(later), Verdict::Fails(error(2)));
        assert_eq!(breaker.refusal(OLD, after(later)).is_some(), opens, "{later}");
    }
}

#[test]
fn one_request_in_ten_seconds_probes_it_and_a_success_closes_it() {
    let mut breaker = breaker(fails(20));
    assert!(breaker.refusal(OLD, after(9)).is_some());
    assert_eq!(breaker.refusal(OLD, after(10)), None);
    assert!(breaker.refusal(OLD, after(10)).is_some(), "one probe is enough");
    breaker.record(OLD, after(10), Verdict::Fails(error(2)));
    assert!(breaker.refusal(OLD, after(19)).is_some());
    assert_eq!(breaker.refusal(OLD, after(20)), None);
    breaker.record(OLD, after(20), Verdict::Works);
    assert_eq!(breaker.refusal(OLD, after(20)), None);
    breaker.record(OLD, after(20), Verdict::Fails(error(2)));
    assert_eq!(breaker.refusal(OLD, after(20)), None, "it starts afresh");
}

#[test]
fn a_stopped_sender_is_left_alone_for_a_minute() {
    let mut breaker = breaker([Verdict::Stopped(error(131_048))]);
    assert_eq!(breaker.refusal(OLD, after(59)), Some(open(131_048, Stopped::Sender)));
    assert_eq!(breaker.refusal(OLD, after(60)), None);
    breaker.record(OLD, after(60), Verdict::Stopped(error(131_031)));
    assert_eq!(breaker.refusal(OLD, after(119)), Some(open(131_031, Stopped::Sender)));
    assert_eq!(breaker.refusal(OLD, after(120)), None);
}

#[test]
fn a_token_that_was_refused_is_not_tried_until_the_configuration_changes() {
    let mut breaker = breaker([Verdict::Unauthorized(error(190))]);
    assert_eq!(breaker.refusal(OLD, after(10_000_000)), Some(open(190, Stopped::Sender)));
    assert_eq!(breaker.refusal(NEW, after(1)), None);
    breaker.record(OLD, after(2), Verdict::Unauthorized(error(190)));
    assert_eq!(breaker.refusal(NEW, after(2)), None, "an answer to the old token says nothing of the new one");
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_it_open() {
    let mut breaker = breaker([Verdict::Stopped(error(131_048))]);
    assert_eq!(breaker.refusal(OLD, START.minus(Duration::from_secs(3_600))), None);
}

#[test]
fn senders_do_not_share_a_breaker() {
    let breakers = Breakers::default();
    let [one, other] = ["1", "2"].map(|id| SenderId::parse(id).unwrap());
    for sender in [&one, &other] {
        assert_eq!(breakers.refusal(sender, OLD, START), None);
    }
    breakers.record(&one, OLD, START, Verdict::Unauthorized(error(190)));
    assert!(breakers.refusal(&one, OLD, START).is_some());
    assert_eq!(breakers.refusal(&other, OLD, START), None);
}

#[test]
fn a_configuration_is_the_token_and_the_whole_endpoint() {
    let sender = |base_url: &str, auth_prefix: &str, token: &str| Sender {
        id: SenderId::parse("1").unwrap(),
        waba: WabaId::parse("2").unwrap(),
        endpoint: Endpoint {
            base_url: base_url.to_owned(),
            api_version: "v25.0".to_owned(),
            messages_path: "/m".to_owned(),
            templates_path: "/t".to_owned(),
            auth_header: "Authorization".to_owned(),
            auth_prefix: auth_prefix.to_owned(),
        },
        access_token: token.to_owned().into(),
    };
    let of = |base, prefix, token| Configuration::of(&sender(base, prefix, token));
    let first = of("a", "Bearer ", "token");
    assert_eq!(first, of("a", "Bearer ", "token"));
    for other in [of("b", "Bearer ", "token"), of("a", "Bearer ", "tokens"), of("a", "Bearer t", "oken")] {
        assert_ne!(first, other);
    }
}

/// The same rules over a list of everything that ever happened.
#[derive(Default)]
struct Model {
    history: Vec<(i64, bool)>,
    opened: Option<(u32, Stopped, Option<i64>)>,
}

impl Model {
    fn refuses(&mut self, now: i64) -> Option<(u32, Stopped)> {
        let (code, stopped, probe_at) = self.opened?;
        if probe_at.is_some_and(|at| at <= now) {
            self.opened = Some((code, stopped, Some(now + 10)));
            return None;
        }
        Some((code, stopped))
    }

    fn record(&mut self, now: i64, verdict: &Verdict) {
        match verdict {
            Verdict::Works if self.opened.is_some() => *self = Self::default(),
            Verdict::Works => self.history.push((now, false)),
            Verdict::Fails(error) => {
                self.history.push((now, true));
                let window: Vec<_> = self.history.iter().filter(|(at, _)| now - at < 30).collect();
                let failures = window.iter().filter(|(_, failed)| *failed).count();
                if self.opened.is_none() && window.len() >= 20 && failures * 2 >= window.len() {
                    self.opened = Some((error.code, Stopped::Nothing, Some(now + 10)));
                }
            }
            Verdict::Stopped(error) => self.opened = Some((error.code, Stopped::Sender, Some(now + 60))),
            Verdict::Unauthorized(error) => self.opened = Some((error.code, Stopped::Sender, None)),
        }
    }
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        300 => Just(Verdict::Works),
        400 => (1_u32..4).prop_map(|code| Verdict::Fails(error(code))),
        6 => (4_u32..6).prop_map(|code| Verdict::Stopped(error(code))),
        1 => Just(Verdict::Unauthorized(error(190))),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_rules_say(
        steps in prop::collection::vec((prop_oneof![6 => 0_u64..2, 1 => 5_u64..40], verdict()), 0..200),
    ) {
        let (mut breaker, mut model, mut seconds) = (Breaker::new(OLD), Model::default(), 0);
        for (passed, verdict) in steps {
            seconds += passed;
            let now = i64::try_from(seconds).unwrap();
            let refused = breaker.refusal(OLD, after(seconds));
            prop_assert_eq!(refused.clone().map(|open| (open.error.code, open.stopped)), model.refuses(now));
            // What is refused is never sent, and so has no verdict.
            if refused.is_none() {
                breaker.record(OLD, after(seconds), verdict.clone());
                model.record(now, &verdict);
            }
        }
    }
}
