use futures_util::FutureExt as _;
use proptest::prelude::*;
use whatotp_domain::{
    AccountId, AccountScope, Code, CodeLength, Delivery, DeliveryError, DeliveryId, Mode, PhoneNumber,
};
use whatotp_ports::Content;

use super::*;
use DeliveryStatus::{Accepted, Delivered, Failed, Read, Sent};

/// When the message is handed over.
const START: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

fn after(ms: u64) -> Timestamp {
    START.plus(Duration::from_millis(ms))
}

fn id() -> DeliveryId {
    DeliveryId::new(START, [7; 10])
}

fn magic(suffix: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+12025550{suffix}")).unwrap()
}

fn send_to(to: PhoneNumber, attempt: u32) -> SendOutcome {
    let message = OutboundMessage {
        scope: AccountScope { account: AccountId::new(START, [1; 10]), mode: Mode::Test },
        delivery: id(),
        origin: None,
        to,
        content: Content::Code { code: Code::from_number(123_456, CodeLength::DEFAULT), locale: None },
        attempt,
    };
    Sandbox.send(&message, START).now_or_never().unwrap()
}

fn send(suffix: u32, attempt: u32) -> SendOutcome {
    send_to(magic(suffix), attempt)
}

fn poll(suffix: u32, now: Timestamp) -> Polled {
    let sent = SentMessage { delivery: id(), to: magic(suffix), status: Accepted, handed_over_at: START };
    Sandbox.poll(&sent, now).now_or_never().unwrap()
}

fn accepted(first_poll_ms: u64) -> SendOutcome {
    let provider_message_id = ProviderMessageId(format!("sandbox.{}", id()));
    SendOutcome::Accepted { provider_message_id, poll_at: Some(after(first_poll_ms)) }
}

/// What is heard by somebody who polls exactly when told to: the time, and all statuses with their times, in ms.
fn heard(suffix: u32, mut poll_at: Option<Timestamp>) -> Vec<(u64, Vec<(DeliveryStatus, u64)>)> {
    let ms = |moment: Timestamp| u64::try_from(moment.since(START).as_millis()).unwrap();
    let mut heard = Vec::new();
    while let Some(now) = poll_at {
        let polled = poll(suffix, now);
        heard.push((ms(now), polled.events.iter().map(|event| (event.status, ms(event.at))).collect()));
        assert!(polled.poll_at.is_none_or(|next| next > now), "to be asked again at once, for ever");
        poll_at = polled.poll_at;
    }
    heard
}

fn heard_from_the_start(suffix: u32) -> Vec<(u64, Vec<(DeliveryStatus, u64)>)> {
    heard(suffix, poll(suffix, START).poll_at)
}

fn code_and_title(error: &DeliveryError) -> (u32, &str) {
    (error.code, &error.title)
}

#[test]
fn delivered_is_sent_after_200_ms_and_delivered_after_500() {
    for suffix in [100, 112, 150, 199] {
        assert_eq!(send(suffix, 1), accepted(200));
        assert_eq!(
            heard_from_the_start(suffix),
            [(200, vec![(Sent, 200)]), (500, vec![(Sent, 200), (Delivered, 500)])]
        );
    }
}

#[test]
fn a_status_is_told_from_its_millisecond_on() {
    let polled = |ms| (poll(100, after(ms)).events.len(), poll(100, after(ms)).poll_at);
    assert_eq!(polled(199), (0, Some(after(200))));
    assert_eq!(polled(200), (1, Some(after(500))));
    assert_eq!(polled(499), (1, Some(after(500))));
    assert_eq!(polled(500), (2, None));
    assert_eq!(polled(1_000_000_000), (2, None));
}

#[test]
fn any_other_number_is_delivered() {
    let to = PhoneNumber::parse("+14155550123").unwrap();
    assert_eq!(send_to(to.clone(), 1), accepted(200));
    let sent = SentMessage { delivery: id(), to, status: Accepted, handed_over_at: START };
    assert_eq!(Sandbox.poll(&sent, after(500)).now_or_never().unwrap(), poll(100, after(500)));
}

#[test]
fn read_is_read_after_a_second_and_a_half() {
    assert_eq!(send(101, 1), accepted(200));
    let all = vec![(Sent, 200), (Delivered, 500), (Read, 1_500)];
    assert_eq!(heard_from_the_start(101).last(), Some(&(1_500, all)));
}

#[test]
fn never_delivered_stays_at_sent() {
    assert_eq!(send(102, 1), accepted(200));
    assert_eq!(heard_from_the_start(102), [(200, vec![(Sent, 200)])]);
    assert_eq!(poll(102, after(1_000_000_000)).events.len(), 1);
}

#[test]
fn unreachable_is_refused_at_every_try() {
    for attempt in [1, 2] {
        let SendOutcome::Refused(error) = send(103, attempt) else { panic!("not refused") };
        assert_eq!(code_and_title(&error), (131_026, "Message undeliverable"));
    }
    assert_eq!(poll(103, after(60_000)), Polled::default());
}

#[test]
fn fails_later_is_accepted_and_fails_after_500_ms() {
    assert_eq!(send(104, 1), accepted(500));
    let polled = poll(104, after(500));
    assert_eq!(heard_from_the_start(104), [(500, vec![(Failed, 500)])]);
    assert_eq!(polled.events[0].error.as_ref().map(code_and_title), Some((131_026, "Message undeliverable")));
}

#[test]
fn provider_down_is_unavailable_at_every_try() {
    for attempt in [1, 2, 3] {
        let SendOutcome::Unavailable { error, stopped: Stopped::Nothing } = send(105, attempt) else {
            panic!("not unavailable")
        };
        assert_eq!(code_and_title(&error), (2, "Service temporarily unavailable"));
    }
    assert_eq!(poll(105, after(60_000)), Polled::default());
}

#[test]
fn rate_limited_is_refused_for_two_seconds_and_then_delivered() {
    let SendOutcome::Retry { after: wait, error } = send(106, 1) else { panic!("not to be tried again") };
    assert_eq!(wait, Duration::from_secs(2));
    assert_eq!(code_and_title(&error), (131_056, "(Business Account, Consumer Account) pair rate limit hit"));
    for attempt in [2, 3] {
        assert_eq!(send(106, attempt), accepted(200));
    }
    assert_eq!(heard_from_the_start(106), heard_from_the_start(100));
}

#[test]
fn an_unknown_outcome_turns_out_to_be_delivered_after_two_seconds() {
    let SendOutcome::Unknown { error, poll_at } = send(107, 1) else { panic!("not unknown") };
    assert_eq!(code_and_title(&error), (131_000, "Something went wrong"));
    let all = vec![(Accepted, 0), (Sent, 200), (Delivered, 500)];
    assert_eq!(heard(107, poll_at), [(2_000, all)]);
    assert_eq!(poll(107, after(1_999)), Polled { events: Vec::new(), poll_at });
    assert_eq!(send(107, 2), accepted(2_000));
}

#[test]
fn slow_takes_twenty_seconds() {
    assert_eq!(send(108, 1), accepted(10_000));
    assert_eq!(
        heard_from_the_start(108),
        [(10_000, vec![(Sent, 10_000)]), (20_000, vec![(Sent, 10_000), (Delivered, 20_000)])]
    );
}

#[test]
fn a_late_webhook_tells_after_15_seconds_what_happened_in_the_first() {
    assert_eq!(send(109, 1), accepted(15_000));
    assert_eq!(heard_from_the_start(109), [(15_000, vec![(Sent, 200), (Delivered, 500)])]);
}

#[test]
fn duplicates_make_no_difference() {
    assert_eq!(send(110, 1), accepted(200));
    let heard = heard_from_the_start(110);
    assert_eq!(heard[..2], heard_from_the_start(100));
    assert_eq!(heard[2], (1_000, vec![(Sent, 200), (Delivered, 500), (Sent, 200), (Delivered, 500)]));
    let delivery = |suffix| Delivery::from_events(poll(suffix, after(1_000)).events);
    assert_eq!(delivery(110), delivery(100));
}

#[test]
fn reordered_tells_the_end_first_and_comes_to_the_same_story() {
    assert_eq!(send(111, 1), accepted(1_500));
    assert_eq!(
        heard_from_the_start(111),
        [
            (1_500, vec![(Read, 1_500)]),
            (2_000, vec![(Read, 1_500), (Delivered, 500)]),
            (2_500, vec![(Read, 1_500), (Delivered, 500), (Sent, 200)]),
        ]
    );
    let delivery = |suffix| Delivery::from_events(poll(suffix, after(2_500)).events);
    assert_eq!(delivery(111), delivery(101));
}

proptest! {
    #[test]
    fn however_often_and_whenever_it_is_polled_the_story_is_the_same(
        suffix in 100_u32..=199,
        // Also before the handing over, as seen by a clock that was set back.
        moments in prop::collection::vec(-1_000_i64..25_000, 0..20),
    ) {
        let end = poll(suffix, after(25_000));
        prop_assert_eq!(end.poll_at, None);
        let (mut delivery, queued) = (Delivery::queued(START), Delivery::queued(START));
        for now in moments.into_iter().map(|ms| Timestamp::from_unix_ms(START.unix_ms() + ms)) {
            let polled = poll(suffix, now);
            prop_assert!(polled.poll_at.is_none_or(|poll_at| poll_at > now));
            prop_assert!(polled.events.iter().all(|event| event.at <= now && end.events.contains(event)));
            polled.events.iter().for_each(|event| { delivery.record(event); });
        }
        end.events.iter().for_each(|event| { delivery.record(event); });
        let mut once = queued;
        once.merge(&Delivery::from_events(end.events));
        prop_assert_eq!(&delivery, &once);
    }

    #[test]
    fn whoever_polls_when_told_to_hears_everything(suffix in 100_u32..=199, attempt in 1_u32..4) {
        if let SendOutcome::Accepted { poll_at, .. } | SendOutcome::Unknown { poll_at, .. } = send(suffix, attempt) {
            prop_assert!(poll_at.is_some_and(|poll_at| poll_at > START));
            let last = heard(suffix, poll_at).pop().map(|(_, events)| events.len());
            prop_assert_eq!(last, Some(poll(suffix, after(1_000_000)).events.len()));
        }
    }
}
