//! Any interleaving, duplication and loss of the webhooks of a delivery ends in what the surviving ones tell in order.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use whatotp_simulator::ReceivedMessage;

use super::scene::{Live, config, messages_webhook, status_webhook};
use crate::support::text;

const BEGAN: i64 = 1_800_000_000;

/// One status that WhatsApp tells, at so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    status: &'static str,
    at: i64,
}

/// One telling of it.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    told: Told,
    /// Whether it names the delivery. Some resellers leave that out.
    referenced: bool,
    /// Whether it stands in one webhook with the one before.
    batched: bool,
    /// Whether the worker comes by afterwards.
    works: bool,
}

#[derive(Debug, Clone)]
struct Case {
    is_code: bool,
    survivors: Vec<Told>,
    arrivals: Vec<Arrival>,
    /// How much arrives before the answer to the send.
    early: Index,
}

/// What can become of a message: a part of its way may be skipped, and what comes together has the same time.
fn history() -> impl Strategy<Value = Vec<Told>> {
    let ways: Vec<Vec<&str>> = vec![
        vec!["sent", "delivered", "read"],
        vec!["delivered", "read"],
        vec!["sent", "failed"],
        vec!["failed"],
        vec!["sent", "read"],
    ];
    (prop::sample::select(ways), prop::collection::vec(0_i64..3, 3)).prop_map(|(way, pauses)| {
        let mut at = BEGAN;
        let told = way.into_iter().zip(pauses).map(|(status, pause)| {
            at += pause;
            Told { status, at }
        });
        told.collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let survivors = history().prop_flat_map(|told| {
        let all = told.len();
        subsequence(told, 0..=all)
    });
    let arrivals = survivors.prop_flat_map(|survivors| {
        let copies = prop::collection::vec(1_usize..4, survivors.len());
        let arrivals = copies.prop_map({
            let survivors = survivors.clone();
            move |copies| {
                survivors.iter().zip(copies).flat_map(|(told, copies)| vec![*told; copies]).collect::<Vec<_>>()
            }
        });
        let arrivals = arrivals.prop_shuffle().prop_flat_map(|told| {
            let how = prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), told.len());
            how.prop_map(move |how| {
                let arrival = |(told, (referenced, batched, works)): (&Told, _)| Arrival {
                    told: *told,
                    referenced,
                    batched,
                    works,
                };
                told.iter().zip(how).map(arrival).collect::<Vec<_>>()
            })
        });
        (Just(survivors), arrivals)
    });
    (any::<bool>(), arrivals, any::<Index>()).prop_map(|(is_code, (survivors, arrivals), early)| Case {
        is_code,
        survivors,
        arrivals,
        early,
    })
}

#[test]
fn any_interleaving_duplication_and_loss_ends_as_the_history_in_order_does() {
    let runtime = Runtime::new().unwrap();
    let live = runtime.block_on(Live::with(config(), &[]));
    let mut runner =
        TestRunner::new(Cases { cases: 256, max_shrink_iters: 100, failure_persistence: None, ..Cases::default() });
    let numbers = std::sync::atomic::AtomicU32::new(2_000_000);
    let result = runner.run(&case(), |case| {
        let number = || format!("+1415{}", numbers.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        let (ended, expected) = runtime.block_on(async {
            let in_order = case.survivors.iter().map(|told| Arrival {
                told: *told,
                referenced: true,
                batched: false,
                works: true,
            });
            let expected = play(&live, case.is_code, &number(), &[], &in_order.collect::<Vec<_>>()).await;
            // One past the last is everything.
            let (early, late) = case.arrivals.split_at(case.early.index(case.arrivals.len() + 1));
            (play(&live, case.is_code, &number(), early, late).await, expected)
        });
        prop_assert_eq!(ended, expected);
        Ok(())
    });
    result.unwrap();
}

/// Sends something, lets this arrive before the answer to the send and that after it, and returns what the caller sees.
async fn play(live: &Live, is_code: bool, to: &str, early: &[Arrival], late: &[Arrival]) -> Value {
    live.app.live_channel.hold_answers(true);
    let queued = if is_code { None } else { Some(live.queue(to).await) };
    let sending = tokio::spawn({
        let (app, api, to) = (live.app.app.clone(), live.api.clone(), to.to_owned());
        async move {
            if let Some(id) = queued {
                assert_eq!(app.deliver_due(64).await.unwrap(), 1);
                return format!("/v1/messages/{id}");
            }
            let sent = api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp"})).await.success(200);
            format!("/v1/otp/{}", text(&sent["session_id"]))
        }
    });
    let message = live.whatsapp.wait_until(|whatsapp| whatsapp.messages(Some(to)).pop()).await;
    arrive(live, &message, early).await;
    live.app.live_channel.hold_answers(false);
    let path = sending.await.unwrap();
    arrive(live, &message, late).await;
    live.app.deliver().await;
    let view = live.api.get(&path).await.success(200);
    json!({"status": view["status"], "delivery": view["delivery"]})
}

async fn arrive(live: &Live, message: &ReceivedMessage, arrivals: &[Arrival]) {
    let mut rest = arrivals;
    while !rest.is_empty() {
        let more = rest.iter().skip(1).take_while(|arrival| arrival.batched).count();
        let (batch, after) = rest.split_at(1 + more);
        let reference = message.biz_opaque_callback_data.as_deref();
        let told = |arrival: &Arrival| {
            let Told { status, at } = arrival.told;
            let webhook = status_webhook(&message.wamid, status, at, reference.filter(|_| arrival.referenced));
            webhook["entry"][0]["changes"][0]["value"]["statuses"][0].clone()
        };
        let statuses: Vec<Value> = batch.iter().map(told).collect();
        assert_eq!(live.webhook(&messages_webhook(&json!({"statuses": statuses}))).await.status, 200);
        if batch.iter().any(|arrival| arrival.works) {
            live.app.deliver().await;
        }
        rest = after;
    }
}
