use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use whatotp_domain::{
    Attempted, DeliveryStatus, GuessRefused, LedgerPolicy, NumberLedger, NumberLimits, OtpPolicy, Reservation, SendCap,
    SendRefused, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{
    Attempt, Before, CancelSession, Issued, LedgerKey, Resend, Resent, SessionRecord, Settled, Withdrawal,
};

use super::Scene;
use super::model::{Model, story};
use crate::fixtures::{
    SessionBuilder, a_fallback, a_number, a_report, a_resend, a_session, a_withdrawal, an_attempt, everybodys,
    free_to_send, home, index_of, naming,
};
use crate::{START, SeededEntropy};

const SCRIPTS: u64 = 1_000;
const STEPS: usize = 40;
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
const OUTCOMES: [&str; 19] = [
    "issued",
    "superseded",
    "too soon",
    "capped",
    "verified",
    "wrong",
    "finished",
    "blocked",
    "no guesses",
    "disabled",
    "fewer attempts",
    "resent",
    "no sends left",
    "canceled",
    "failed",
    "withdrawn",
    "reported",
    "fell back",
    "shows an earlier one",
];

struct Script {
    scene: Scene,
    seed: u64,
    dice: SeededEntropy,
    now: Timestamp,
    limits: NumberLimits,
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
            short_failures_max: Some(4),
            failure_window: Duration::from_secs(300),
            consecutive_max: Some(4),
        };
        let everybody = LedgerPolicy {
            caps: vec![SendCap { sends: 12, window: Duration::from_secs(3600) }],
            failures_max: 8,
            failure_window: Duration::from_secs(900),
            ..LedgerPolicy::everybody()
        };
        let account = dice.pick(&[LedgerPolicy::default(), free_to_send(), tight]);
        let everybody = dice.pick(&[None, Some(LedgerPolicy::everybody()), Some(everybody)]);
        let limits = NumberLimits { account, everybody };
        let short = OtpPolicy { attempts_max: 3, sends_max: 2, ..OtpPolicy::default() };
        let policy = dice.pick(&[OtpPolicy::default(), short]);
        let (model, issued, steps, outcomes) = (Model::default(), Vec::new(), Vec::new(), Vec::new());
        Self { scene, seed, dice, now: START, limits, policy, model, issued, steps, outcomes }
    }

    async fn run(mut self) -> Vec<&'static str> {
        for _ in 0..STEPS {
            match self.dice.next_u64() % 18 {
                0..4 => self.issue().await,
                4..10 => self.attempt().await,
                10..12 => self.resend().await,
                12 => self.cancel().await,
                13 if self.dice.one_in(3) => self.fail().await,
                14 => self.report().await,
                15 => self.fall_back().await,
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
        for place in [0, 1] {
            self.compare_ledgers(usize::try_from(self.seed * 2).expect("small") + place).await;
        }
        self.outcomes
    }

    /// The limits of a script, but for those of guesses.
    fn lax(&self) -> NumberLimits {
        let lax = |limits: &LedgerPolicy| LedgerPolicy {
            failures_max: u32::MAX,
            short_failures_max: None,
            consecutive_max: None,
            ..limits.clone()
        };
        NumberLimits { account: lax(&self.limits.account), everybody: self.limits.everybody.as_ref().map(lax) }
    }

    async fn compare_ledgers(&mut self, place: usize) {
        let model = self.model.ledgers.get(&place).cloned().unwrap_or_default();
        let number = a_number(place);
        let account = LedgerKey::of(home(), index_of(home(), &number));
        let everybody = LedgerKey::everybody(home().mode, everybodys(&number));
        for (key, policy, model) in [
            (account, Some(self.limits.account.clone()), model.account),
            (everybody, self.limits.everybody.clone(), model.everybody),
        ] {
            let stored = self.scene.store.find_ledger(&key).await.expect("find_ledger answers").unwrap_or_default();
            match policy {
                Some(policy) => {
                    let (stored, model) = (self.that_matters(&stored, &policy), self.that_matters(&model, &policy));
                    self.same("ledger", &stored, &model);
                }
                None => self.same("ledger that nobody looks at", &stored, &NumberLedger::default()),
            }
        }
    }

    /// What of a ledger limits anything now: when the rest is forgotten is the store's business.
    fn that_matters(
        &self,
        ledger: &NumberLedger,
        policy: &LedgerPolicy,
    ) -> (Vec<Timestamp>, Vec<Timestamp>, Vec<Timestamp>, u32, Vec<Reservation>) {
        let recent = |times: &[Timestamp], window| -> Vec<Timestamp> {
            times.iter().copied().filter(|at| at.plus(window) > self.now).collect()
        };
        let (guesses, window) = (ledger.guesses(), policy.failure_window);
        let mut reserved = guesses.reserved().to_vec();
        reserved.retain(|held| held.expires_at > self.now);
        reserved.sort_by_key(|held| held.session);
        (
            recent(ledger.sends(), policy.memory()),
            recent(guesses.failures(), window),
            recent(guesses.short_failures(), window),
            guesses.in_a_row(),
            reserved,
        )
    }

    async fn issue(&mut self) {
        // Two numbers of its own, so that scripts do not disturb each other.
        let place = usize::try_from(self.seed * 2 + self.dice.next_u64() % 2).expect("small");
        let purpose = self.dice.pick(&["login", "payment"]);
        // Now and then as if guesses had not been limited yet.
        let limits = if self.dice.one_in(8) { self.lax() } else { self.limits.clone() };
        let builder: SessionBuilder = a_session(&a_number(place)).policy(self.policy.clone()).limited(&limits);
        let new = builder.purpose(purpose).digits(self.dice.pick(&[4, 6, 8])).at(self.now);
        let before = self.model.clone();
        let expected = self.model.issue(place, &new, self.now);
        let issued = self.scene.store.issue(new.clone(), self.now).await.expect("issue answers");
        self.same("issue", &issued, &expected);
        match issued {
            Issued::Created { record, superseded } => {
                self.issued.push((record.session.id, place));
                self.outcomes.push(if superseded.is_some() { "superseded" } else { "issued" });
                if record.session.attempts_max < new.record.session.attempts_max {
                    self.outcomes.push("fewer attempts");
                }
                if self.dice.one_in(5) {
                    let mut before = before;
                    before.give_back(&record, place, &self.limits, self.now);
                    let restored = superseded.as_ref().map(|previous| previous.session);
                    let withdrawal = a_withdrawal(&record, Before::NoSession(superseded));
                    self.withdraw(Withdrawal { limits: self.limits.clone(), ..withdrawal }, before).await;
                    if let Some(restored) = restored {
                        self.compare_stored(restored).await;
                    }
                }
            }
            Issued::Refused(refused) => {
                self.outcomes.push(name_of(refused));
                self.compare_stored(new.record.session.id).await;
            }
            Issued::NoGuesses(refused) => {
                self.outcomes.push(if refused == GuessRefused::Disabled { "disabled" } else { "no guesses" });
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
        let refused = ledger.may_guess(&self.limits, record.session.code_length, self.now).err();
        let blocked = refused.map(Settled::Blocked);
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
                    let withdrawal = a_withdrawal(&stored, earlier);
                    self.withdraw(Withdrawal { limits: self.limits.clone(), ..withdrawal }, before).await;
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
        let expected = self.model.cancel(id, self.now);
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

    /// The provider tells of one of a session's latest deliveries.
    async fn report(&mut self) {
        let Some((id, _)) = self.some_session() else { return };
        let Some(latest) = self.model.sessions.get(&id).map(|record| record.delivery) else { return };
        let delivery = self.dice.pick(&self.model.with_fallbacks(latest));
        let status = self.dice.pick(&[DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Failed]);
        let report = naming(delivery, &a_report("wamid.any", status, self.now));
        let news = self.scene.report(vec![report.clone()], self.now).await;
        let way = &mut self.model.deliveries.get_mut(&delivery).expect("the model has the delivery").way;
        let before = story(way);
        way.record(&report.event);
        let is_news = story(way) != before;
        self.same("report", &!news.is_empty(), &is_news);
        self.outcomes.push("reported");
        self.compare_stored(id).await;
    }

    async fn fall_back(&mut self) {
        let Some((id, _)) = self.some_session() else { return };
        let Some(record) = self.model.sessions.get(&id).cloned() else { return };
        let chain = self.model.with_fallbacks(record.delivery);
        if chain.len() > 4 {
            return;
        }
        let (instead_of, new) = (self.dice.pick(&chain), a_fallback(&record, self.now));
        let stored = self.scene.store.fall_back(home(), id, instead_of, new.clone(), self.now).await;
        let expected = instead_of == record.delivery && record.session.status_at(self.now) == SessionStatus::Pending;
        self.same("fall back", &stored.expect("fall_back answers"), &expected);
        if expected {
            self.model.add(&new, Some(instead_of), self.now);
            self.model.sessions.get_mut(&id).expect("the model has the session").delivery = new.id;
            self.outcomes.push("fell back");
        }
        self.compare_stored(id).await;
    }

    /// One of the latest sessions, so that most steps meet one that is still open.
    fn some_session(&self) -> Option<(SessionId, usize)> {
        let latest = &self.issued[self.issued.len().saturating_sub(4)..];
        (!latest.is_empty()).then(|| self.dice.pick(latest))
    }

    async fn compare_stored(&mut self, id: SessionId) {
        let found = self.scene.find(id).await.map(|(record, sent)| (self.as_of_now(record), story(&sent.delivery)));
        let expected = self.model.sessions.get(&id).cloned().map(|record| {
            let shown = self.model.shown(record.delivery);
            if shown != record.delivery {
                self.outcomes.push("shows an earlier one");
            }
            (self.as_of_now(record), story(&self.model.deliveries[&shown].way))
        });
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

const fn name_of(refused: SendRefused) -> &'static str {
    match refused {
        SendRefused::TooSoon { .. } => "too soon",
        SendRefused::Capped { .. } => "capped",
    }
}
