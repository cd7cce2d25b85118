use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use whatotp_domain::{
    Attempted, LedgerPolicy, LiveSession, NumberLedger, OtpPolicy, SendCap, SendRefused, SessionId, SessionStatus,
    Timestamp,
};
use whatotp_ports::{
    Attempt, Before, CancelSession, Issued, NewSession, Resend, Resent, SessionRecord, Settled, Withdrawal,
};

use super::Scene;
use super::sessions::live;
use crate::fixtures::{SessionBuilder, a_number, a_resend, a_session, a_withdrawal, an_attempt, free_to_send, home};
use crate::{START, SeededEntropy};

const SCRIPTS: u64 = 300;
const STEPS: usize = 60;
/// How many scripts run side by side, so that a store that batches has something to batch.
const AT_ONCE: usize = 24;

/// Random scripts, step by step against a model that is nothing but the domain's own rules.
pub async fn random_scripts_go_as_the_rules_of_the_domain_say(scene: Scene) {
    let scripts = stream::iter(0..SCRIPTS).map(|seed| tokio::spawn(Script::new(scene.clone(), seed).run()));
    let played: Vec<_> = scripts.buffer_unordered(AT_ONCE).collect().await;
    let mut seen = HashMap::new();
    for script in played {
        for outcome in script.expect("a script went as the rules say") {
            *seen.entry(outcome).or_insert(0_u32) += 1;
        }
    }
    for outcome in OUTCOMES {
        assert!(seen.contains_key(outcome), "no script came to {outcome:?}: the scripts are too tame ({seen:?})");
    }
}

/// What the scripts must meet, or they would prove nothing.
const OUTCOMES: [&str; 13] = [
    "issued",
    "superseded",
    "too soon",
    "capped",
    "verified",
    "wrong",
    "finished",
    "blocked",
    "resent",
    "no sends left",
    "canceled",
    "failed",
    "withdrawn",
];

/// What a store must have stored.
#[derive(Debug, Clone, Default)]
struct Model {
    sessions: HashMap<SessionId, SessionRecord>,
    ledgers: HashMap<usize, NumberLedger>,
}

struct Script {
    scene: Scene,
    seed: u64,
    dice: SeededEntropy,
    now: Timestamp,
    limits: LedgerPolicy,
    policy: OtpPolicy,
    model: Model,
    /// Every session that was ever issued, with the place of its number.
    issued: Vec<(SessionId, usize)>,
    steps: Vec<String>,
    outcomes: Vec<&'static str>,
}

impl Script {
    fn new(scene: Scene, seed: u64) -> Self {
        let dice = SeededEntropy::new(seed);
        let tight = LedgerPolicy {
            cooldowns: vec![Duration::from_secs(1), Duration::from_secs(5)],
            ladder_window: Duration::from_secs(60),
            caps: vec![SendCap { sends: 4, window: Duration::from_secs(60) }],
            failures_max: 6,
            failure_window: Duration::from_secs(300),
        };
        let limits = dice.pick(&[LedgerPolicy::default(), free_to_send(), tight]);
        let short = OtpPolicy { attempts_max: 3, sends_max: 2, ..OtpPolicy::default() };
        let policy = dice.pick(&[OtpPolicy::default(), short]);
        let (model, issued, steps, outcomes) = (Model::default(), Vec::new(), Vec::new(), Vec::new());
        Self { scene, seed, dice, now: START, limits, policy, model, issued, steps, outcomes }
    }

    async fn run(mut self) -> Vec<&'static str> {
        for _ in 0..STEPS {
            match self.dice.next_u64() % 16 {
                0..4 => self.issue().await,
                4..10 => self.attempt().await,
                10..12 => self.resend().await,
                12 => self.cancel().await,
                13 if self.dice.one_in(3) => self.fail().await,
                _ => {
                    let wait = self.dice.pick(&[1, 999, 1_000, 5_000, 29_999, 30_000, 60_000, 240_000, 600_000]);
                    self.now = self.now.plus(Duration::from_millis(wait));
                    self.steps.push(format!("{wait} ms pass"));
                }
            }
        }
        for (id, _) in self.issued.clone() {
            self.compare_stored(id).await;
        }
        self.outcomes
    }

    async fn issue(&mut self) {
        // Two numbers of its own, so that scripts do not disturb each other.
        let place = usize::try_from(self.seed * 2 + self.dice.next_u64() % 2).expect("small");
        let purpose = self.dice.pick(&["login", "payment"]);
        let builder: SessionBuilder = a_session(&a_number(place)).policy(self.policy.clone()).limits(&self.limits);
        let new = builder.purpose(purpose).at(self.now);
        let before = self.model.clone();
        let expected = self.model.issue(place, &new, self.now);
        let issued = self.scene.store.issue(new.clone(), self.now).await.expect("issue answers");
        self.same("issue", &issued, &expected);
        match issued {
            Issued::Created { record, superseded } => {
                self.issued.push((record.session.id, place));
                self.outcomes.push(if superseded.is_some() { "superseded" } else { "issued" });
                if self.dice.one_in(5) {
                    self.withdraw(a_withdrawal(&record, Before::NoSession(superseded)), before).await;
                }
            }
            Issued::Refused(refused) => {
                self.outcomes.push(name_of(refused));
                self.compare_stored(new.record.session.id).await;
            }
            Issued::Replay(prior) => self.fail_with(&format!("a replay without a claim: {prior:?}")),
        }
    }

    async fn attempt(&mut self) {
        let Some((id, place)) = self.some_session() else { return };
        let Some(record) = self.model.sessions.get(&id).cloned() else { return self.compare_stored(id).await };
        let matched = self.dice.one_in(4);
        let attempt = Attempt { limits: self.limits.clone(), ..an_attempt(&record, matched) };
        let settled = self.scene.store.settle_attempt(attempt, self.now).await.expect("settle_attempt answers");
        let settled = settled.unwrap_or_else(|| self.fail_with("the session is not there"));

        let ledger = self.model.ledgers.entry(place).or_default();
        let blocked = ledger.verify_blocked_until(&self.limits, self.now).map(|until| Settled::Blocked { until });
        let over = record.session.status_at(self.now) != SessionStatus::Pending;
        // Of a session that is over *and* has a blocked number, either may be told.
        if blocked.is_some() && (!over || blocked.as_ref() == Some(&settled)) {
            self.outcomes.push("blocked");
            self.same("attempt", &Some(settled), &blocked);
        } else {
            let expected = self.model.settle(id, place, matched, &self.limits, self.now);
            self.outcomes.push(match &expected {
                Settled::Done(_, Attempted::Verified) => "verified",
                Settled::Done(_, Attempted::Wrong { .. }) => "wrong",
                _ => "finished",
            });
            self.same("attempt", &self.as_of_now_settled(settled), &self.as_of_now_settled(expected));
        }
        self.compare_stored(id).await;
    }

    async fn resend(&mut self) {
        let Some((id, place)) = self.some_session() else { return };
        let Some(record) = self.model.sessions.get(&id).cloned() else { return self.compare_stored(id).await };
        let resend = Resend { limits: self.limits.clone(), ..a_resend(&record, self.now) };
        let before = self.model.clone();
        let answer = self.scene.store.resend(resend.clone(), self.now).await.expect("resend answers");
        let answer = answer.unwrap_or_else(|| self.fail_with("the session is not there"));
        let mut expected = self.model.resend(place, &resend, self.now);
        // A session without sends whose number has to wait besides: either may be told.
        if record.session.sends_remaining() == 0
            && matches!((&answer, &expected), (Resent::Refused(_), Resent::NoSendsLeft))
        {
            let refused = self.model.ledgers[&place].may_send(&self.limits, self.now);
            expected = refused.err().map_or(expected, Resent::Refused);
        }
        self.same("resend", &answer, &expected);
        match answer {
            Resent::Stored(stored) => {
                self.outcomes.push("resent");
                if self.dice.one_in(5) {
                    let resend_available_at = record.session.resend_available_at;
                    let earlier = Before::Delivery { latest: record.delivery, resend_available_at };
                    self.withdraw(a_withdrawal(&stored, earlier), before).await;
                }
            }
            Resent::Refused(refused) => self.outcomes.push(name_of(refused)),
            Resent::NoSendsLeft => self.outcomes.push("no sends left"),
            Resent::Finished(_) => self.outcomes.push("finished"),
            Resent::Replay(prior) => self.fail_with(&format!("a replay without a claim: {prior:?}")),
        }
        self.compare_stored(id).await;
    }

    async fn withdraw(&mut self, withdrawal: Withdrawal, before: Model) {
        let (id, delivery) = (withdrawal.session, withdrawal.delivery);
        self.scene.store.withdraw(withdrawal, self.now).await.expect("withdraw answers");
        self.model = before;
        self.outcomes.push("withdrawn");
        self.steps.push(format!("{} withdraw {id}", self.now));
        self.compare_stored(id).await;
        let gone = self.scene.find_delivery(delivery).await;
        self.same("withdrawn delivery", &gone, &None);
    }

    async fn cancel(&mut self) {
        let Some((id, _)) = self.some_session() else { return };
        let canceled = self.scene.store.cancel(home(), id, None, self.now).await.expect("cancel answers");
        let now = self.now;
        let expected = self.model.sessions.get_mut(&id).map(|record| match record.session.cancel(now) {
            Ok(()) => CancelSession::Done(record.clone()),
            Err(finished) => CancelSession::Finished(finished.0),
        });
        if matches!(canceled, Some(CancelSession::Done(_))) {
            self.outcomes.push("canceled");
        }
        self.same("cancel", &canceled, &expected);
        self.compare_stored(id).await;
    }

    async fn fail(&mut self) {
        let Some((id, _)) = self.some_session() else { return };
        self.scene.store.fail(home(), id, self.now).await.expect("fail answers");
        // Of a session that has sent more than one message, another may still arrive.
        if let Some(record) = self.model.sessions.get_mut(&id).filter(|record| record.session.sends == 1)
            && record.session.fail(self.now).is_ok()
        {
            self.outcomes.push("failed");
        }
        self.steps.push(format!("{} fail {id}", self.now));
        self.compare_stored(id).await;
    }

    /// One of the latest sessions, so that most steps meet one that is still open.
    fn some_session(&self) -> Option<(SessionId, usize)> {
        let latest = &self.issued[self.issued.len().saturating_sub(4)..];
        (!latest.is_empty()).then(|| self.dice.pick(latest))
    }

    async fn compare_stored(&mut self, id: SessionId) {
        let found = self.scene.find(id).await.map(|(record, _)| self.as_of_now(record));
        let expected = self.model.sessions.get(&id).cloned().map(|record| self.as_of_now(record));
        self.same("the stored session", &found, &expected);
    }

    /// Whether and when an expiry is written down is the store's business.
    fn as_of_now(&self, mut record: SessionRecord) -> SessionRecord {
        record.session.expire(self.now);
        if record.session.status == SessionStatus::Expired {
            record.session.finished_at = Some(record.session.expires_at);
        }
        record
    }

    fn as_of_now_settled(&self, settled: Settled) -> Settled {
        match settled {
            Settled::Done(record, attempted) => Settled::Done(self.as_of_now(record), attempted),
            other => other,
        }
    }

    fn same<T: PartialEq + Debug>(&mut self, what: &str, store: &T, model: &T) {
        self.steps.push(format!("{} {what}: {store:?}", self.now));
        if store != model {
            self.fail_with(&format!("{what}: the rules say {model:?}"));
        }
    }

    fn fail_with(&self, what: &str) -> ! {
        panic!("script {}, {:?}:\n{}\n{what}", self.seed, self.limits, self.steps.join("\n"));
    }
}

impl Model {
    fn issue(&mut self, place: usize, new: &NewSession, now: Timestamp) -> Issued {
        let ledger = self.ledgers.entry(place).or_default();
        if let Err(refused) = ledger.may_send(&new.limits, now) {
            return Issued::Refused(refused);
        }
        ledger.record_send(&new.limits, now);
        let mut record = new.record.clone();
        record.session.record_send(ledger.next_send_at(&new.limits, now));
        let superseded = self.supersede(&record, now);
        self.sessions.insert(record.session.id, record.clone());
        Issued::Created { record: Box::new(record), superseded }
    }

    fn supersede(&mut self, by: &SessionRecord, now: Timestamp) -> Option<LiveSession> {
        let mut same = self.sessions.values_mut().filter(|old| {
            old.number == by.number && old.session.purpose == by.session.purpose && old.session.id != by.session.id
        });
        same.find_map(|old| {
            let place = live(old);
            old.session.supersede(now).is_ok().then_some(place)
        })
    }

    fn settle(&mut self, id: SessionId, place: usize, matched: bool, limits: &LedgerPolicy, now: Timestamp) -> Settled {
        let record = self.sessions.get_mut(&id).expect("the model has the session");
        let ledger = self.ledgers.entry(place).or_default();
        let attempted = record.session.attempt(matched, now);
        match attempted {
            Attempted::Verified => ledger.record_success(now),
            Attempted::Wrong { .. } => ledger.record_failure(limits, now),
            Attempted::Finished(_) => {}
        }
        Settled::Done(record.clone(), attempted)
    }

    fn resend(&mut self, place: usize, resend: &Resend, now: Timestamp) -> Resent {
        let record = self.sessions.get_mut(&resend.session).expect("the model has the session");
        let ledger = self.ledgers.entry(place).or_default();
        match record.session.status_at(now) {
            SessionStatus::Pending => {}
            over => return Resent::Finished(over),
        }
        if record.session.sends_remaining() == 0 {
            return Resent::NoSendsLeft;
        }
        if let Err(refused) = ledger.may_send(&resend.limits, now) {
            return Resent::Refused(refused);
        }
        ledger.record_send(&resend.limits, now);
        record.session.record_send(ledger.next_send_at(&resend.limits, now));
        record.delivery = resend.delivery.id;
        Resent::Stored(record.clone())
    }
}

const fn name_of(refused: SendRefused) -> &'static str {
    match refused {
        SendRefused::TooSoon { .. } => "too soon",
        SendRefused::Capped { .. } => "capped",
    }
}
