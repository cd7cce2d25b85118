//! Everything that can go wrong between the server and WhatsApp, and what comes of it: what the caller saw, how it
//! ended, and how many messages the phone got.
//!
//! Each case is run four times: for a code and for a message, with WhatsApp's webhooks and without any. `~` marks what
//! goes wrong once; the rest goes wrong until the message has expired.

mod cases;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use whatotp_domain::{Mode, Timestamp};
use whatotp_simulator::{Fault, Status};

use super::scene::{Live, PHONE, config};
use crate::support::{order_update, text};
use cases::{Case, Definite, Times, Trouble, cases};

/// A request that is never answered costs a second and a half.
const SETTINGS: &[(&str, &str)] = &[
    ("WHATOTP_DELIVERY__CHANNEL_TIMEOUT_SECONDS", "2"),
    ("WHATOTP_SERVER__WORKERS", "1"),
    ("WHATOTP_OTP__DEFAULT_EXPIRES_IN_SECONDS", "300"),
];
const LIFETIME: Duration = Duration::from_secs(300);
/// Runs at the same time. Most of their time is waiting for answers that do not come.
const AT_ONCE: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Message,
}

/// One run of a case.
#[derive(Debug, Clone, Copy)]
struct Run {
    row: usize,
    kind: Kind,
    /// Whether WhatsApp's webhooks arrive.
    heard: bool,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// The answer to the request, such as `200 unknown`.
    answer: String,
    /// What the caller is told in the end.
    end: String,
    /// Messages that the phone shows.
    shown: usize,
    /// Whether anybody could not know if a message had left.
    was_unknown: bool,
}

#[test]
fn whatever_goes_wrong_nobody_gets_a_message_twice_or_late_or_never_without_need() {
    let cases = cases();
    let runs = [(Kind::Code, true), (Kind::Code, false), (Kind::Message, true), (Kind::Message, false)];
    let all = (0..cases.len()).flat_map(|row| runs.map(|(kind, heard)| Run { row, kind, heard }));
    let (waiting, done) = (Mutex::new(all.collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let Some(run) = waiting.lock().unwrap().pop_front() else { return };
                    let outcome = runtime.block_on(play(&cases[run.row], run));
                    done.lock().unwrap().push((run, outcome));
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    let outcome = |row, kind, heard| {
        let is_it = |(run, _): &&(Run, Outcome)| (run.row, run.kind, run.heard) == (row, kind, heard);
        &done.iter().find(is_it).unwrap().1
    };
    let table = table(&cases, outcome);
    println!("{table}");
    for (run, outcome) in &done {
        keeps_the_promises(&cases[run.row], *run, outcome);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("fault_matrix", table));
}

/// What holds whatever goes wrong.
fn keeps_the_promises(case: &Case, run: Run, outcome: &Outcome) {
    let what = || format!("{} {run:?}: {outcome:?}", case.name);
    // Never two, unless nobody could know.
    let most = if outcome.was_unknown { 2 } else { 1 };
    assert!(outcome.shown <= most, "{}", what());
    // Where webhooks arrive, everybody knows.
    assert!(!run.heard || outcome.shown <= 1, "{}", what());
    // Never none where one was possible, unless the caller was told at once that there is none.
    let promised = outcome.answer.starts_with("20");
    let possible = case.times == Times::Once && case.definite == Definite::No;
    assert!(!(promised && possible) || outcome.shown >= 1, "{}", what());
    // What the caller is told is what the phone shows, as far as anybody told us.
    assert!(!run.heard || (outcome.end == "delivered") == (outcome.shown > 0), "{}", what());
}

/// One run, from the request to long after the message's expiry.
async fn play(case: &Case, run: Run) -> Outcome {
    let mut live = Live::with(config(), SETTINGS).await;
    let url = live.url();
    match &case.trouble {
        Trouble::Fault(kind) => {
            let times = if case.times == Times::Once { 1 } else { u32::MAX };
            live.whatsapp.push_fault(Fault::once(kind.clone()).times(times));
        }
        Trouble::Fails(_) => {}
        Trouble::Down => live.stop_whatsapp().await,
    }

    let began = live.app.app.ports().clock.now();
    let (answer, path) = match run.kind {
        Kind::Code => {
            let answer = live.ask_for_code(PHONE).await;
            let body = answer.body();
            match answer.status {
                200 => {
                    let path = format!("/v1/otp/{}", text(&body["session_id"]));
                    (format!("200 {}", text(&body["delivery"]["status"])), Some(path))
                }
                status => (format!("{status} {}", text(&body["code"])), None),
            }
        }
        Kind::Message => {
            let answer = live.api.post("/v1/messages/send", order_update(PHONE)).await.success(202);
            live.app.deliver().await;
            (format!("202 {}", text(&answer["status"])), Some(format!("/v1/messages/{}", text(&answer["message_id"]))))
        }
    };
    if matches!(case.trouble, Trouble::Down) && case.times == Times::Once {
        live.start_whatsapp_at(&url).await;
    }
    if !run.heard {
        live.whatsapp.set_webhook_url(None);
    }
    let way: &[Status] = match &case.trouble {
        Trouble::Fails(code) => &[Status::Failed { code: *code }],
        _ => &[Status::Sent, Status::Delivered],
    };

    let expiry = began.plus(LIFETIME);
    work_until(&live, expiry, way).await;
    let asked_in_time = live.whatsapp.requests(None).len();
    live.app.clock.set(expiry);
    work_until(&live, expiry.plus(LIFETIME * 12), way).await;
    assert_eq!(live.whatsapp.requests(None).len(), asked_in_time, "{}: it was sent after its expiry", case.name);

    let (end, story) = if let Some(path) = path {
        let view = live.api.get(&path).await.success(200);
        let (status, error) = (text(&view["delivery"]["status"]), &view["delivery"]["error"]["code"]);
        (if error.is_null() { status } else { format!("{status} {error}") }, view.to_string())
    } else {
        let left = live.app.outbox(Mode::Live).await;
        (left.first().map_or("none".to_owned(), |one| one.delivery.status().to_string()), String::new())
    };
    let failed = |status: &Status| matches!(status, Status::Failed { .. });
    let messages = live.whatsapp.messages(None);
    let shown = messages.iter().filter(|one| !one.statuses.iter().any(|change| failed(&change.status))).count();
    let was_unknown = answer.ends_with("unknown") || story.contains("\"unknown\"");
    live.end().await;
    Outcome { answer, end, shown, was_unknown }
}

/// Moves the clock from one due moment to the next, up to but not including `end`, and has done what is due. Whatever
/// the phone got goes its way at once.
async fn work_until(live: &Live, end: Timestamp, way: &[Status]) {
    loop {
        for message in live.whatsapp.messages(None).iter().filter(|message| message.statuses.is_empty()) {
            live.tell(message, way).await;
        }
        live.whatsapp.settle().await;
        let due = live.app.app.ports().deliveries.next_due().await.unwrap();
        let Some(due) = due.filter(|due| *due < end) else { return };
        if due > live.app.app.ports().clock.now() {
            live.app.clock.set(due);
        }
        live.app.app.deliver_due(64).await.unwrap();
    }
}

/// The outcomes side by side: how many messages the phone shows, and what the caller is told in the end.
fn table<'a>(cases: &[Case], outcome: impl Fn(usize, Kind, bool) -> &'a Outcome) -> String {
    let shown = |outcome: &Outcome| format!("{} {}", outcome.shown, outcome.end);
    let mut table = String::new();
    let mut line = |cells: [&str; 6]| {
        let [name, code, heard, unheard, message, lost] = cells;
        let line = format!("{name:<36}| {code:<26}| {heard:<16}| {unheard:<16}| {message:<16}| {lost}");
        writeln!(table, "{}", line.trim_end()).unwrap();
    };
    line(["", "code: the answer", "with webhooks", "without", "message: with", "without"]);
    for (row, case) in cases.iter().enumerate() {
        let (heard, unheard) = (outcome(row, Kind::Code, true), outcome(row, Kind::Code, false));
        assert_eq!(heard.answer, unheard.answer, "{}", case.name);
        let message = [true, false].map(|heard| shown(outcome(row, Kind::Message, heard)));
        let name = format!("{}{}", if case.times == Times::Once { "~ " } else { "  " }, case.name);
        line([&name, &heard.answer, &shown(heard), &shown(unheard), &message[0], &message[1]]);
    }
    table
}
