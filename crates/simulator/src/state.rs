use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tokio::runtime;
use tokio::sync::watch;

use crate::behaviour::Behaviour;
use crate::clock;
use crate::config::{Config, Limits, Retries, SenderConfig, TemplateReview};
use crate::fault::{Fault, FaultKind};
use crate::phone::digits_of;
use crate::random::Random;
use crate::rate_limit::RateLimit;
use crate::received::{ReceivedMessage, ReceivedRequest, StatusChange};
use crate::status::Status;
use crate::template::{self, Quality, Template};
use crate::webhook::{StatusEvent, WebhookPost};

/// Of everything that is remembered, the newest.
const REMEMBERED: usize = 10_000;

const FIRST_TEMPLATE_ID: u64 = 594_425_479_261_001;

/// What the HTTP workers, the webhooks and the handles share.
pub(crate) struct Shared {
    pub(crate) app_secret: String,
    pub(crate) verify_token: String,
    pub(crate) retries: Retries,
    pub(crate) review: TemplateReview,
    pub(crate) http: reqwest::Client,
    runtime: runtime::Handle,
    state: Mutex<State>,
    /// Counts the changes, so that others can wait for one.
    changes: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
}

pub(crate) struct State {
    /// Decides what is lost, and repeats with the seed.
    pub(crate) random: Random,
    /// Makes ids, and does not repeat: a service that remembers a wamid must not meet it again after a restart.
    pub(crate) ids: Random,
    pub(crate) webhook_url: Option<String>,
    pub(crate) behaviour: Behaviour,
    /// By the digits of the recipient's number.
    pub(crate) behaviour_for: BTreeMap<String, Behaviour>,
    pub(crate) limits: Limits,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) templates: Vec<Template>,
    /// The business accounts whose webhooks are posted.
    pub(crate) subscribed: BTreeSet<String>,
    pub(crate) token_revoked: bool,
    pub(crate) messages: VecDeque<ReceivedMessage>,
    pub(crate) requests: VecDeque<ReceivedRequest>,
    pub(crate) webhooks: VecDeque<WebhookPost>,
    /// Statuses that wait to be posted together, by phone number id.
    pub(crate) batches: BTreeMap<String, Vec<StatusEvent>>,
    pub(crate) pairs: RateLimit<(String, String)>,
    pub(crate) throughput: RateLimit<String>,
    pub(crate) accepted: u64,
    /// Calls by business account.
    pub(crate) calls: HashMap<String, u32>,
    /// Work that will still post webhooks.
    pub(crate) pending: usize,
    next_template_id: u64,
}

pub(crate) struct Sender {
    pub(crate) config: SenderConfig,
    pub(crate) quality: Quality,
}

/// What a page or a script needs to know in order to send.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SenderView {
    phone_number_id: String,
    waba_id: String,
    display_phone_number: String,
    verified_name: String,
    quality_rating: Quality,
    /// The token, if it is the public one of demonstrations.
    demonstration_token: Option<String>,
}

impl Shared {
    pub(crate) fn new(config: Config, http: reqwest::Client) -> Self {
        let senders: Vec<SenderConfig> = [config.sender].into_iter().chain(config.other_senders).collect();
        let subscribed: BTreeSet<String> = senders.iter().map(|sender| sender.waba_id.clone()).collect();
        let mut templates = Vec::new();
        let mut next_template_id = FIRST_TEMPLATE_ID;
        for waba_id in &subscribed {
            for template in template::seed(waba_id, next_template_id) {
                next_template_id = template.id + 1;
                templates.push(template);
            }
        }
        let state = State {
            random: Random::new(config.seed),
            ids: Random::new(clock::nonce()),
            webhook_url: config.webhook_url,
            behaviour: config.behaviour,
            behaviour_for: BTreeMap::new(),
            limits: config.limits,
            faults: VecDeque::new(),
            senders: senders.into_iter().map(|config| Sender { config, quality: Quality::Green }).collect(),
            templates,
            subscribed,
            token_revoked: false,
            messages: VecDeque::new(),
            requests: VecDeque::new(),
            webhooks: VecDeque::new(),
            batches: BTreeMap::new(),
            pairs: RateLimit::new(),
            throughput: RateLimit::new(),
            accepted: 0,
            calls: HashMap::new(),
            pending: 0,
            next_template_id,
        };
        Self {
            app_secret: config.app_secret,
            verify_token: config.verify_token,
            retries: config.webhook_retries,
            review: config.template_review,
            http,
            runtime: runtime::Handle::current(),
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
        }
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Runs beside the requests, until it is done or the simulator stops. It counts as pending meanwhile.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let pending = self.pending();
        let mut stopping = self.stopping.subscribe();
        self.runtime.spawn(async move {
            let _pending = pending;
            tokio::select! {
                // An error means that the sender is gone, which is the same.
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = work => {}
            }
        });
    }

    /// Something that will post webhooks is under way, until this is dropped.
    pub(crate) fn pending(self: &Arc<Self>) -> Pending {
        self.change(|state| state.pending += 1);
        Pending(Arc::clone(self))
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Shared::pending`].
pub(crate) struct Pending(Arc<Shared>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.change(|state| state.pending -= 1);
    }
}

impl State {
    pub(crate) fn behaviour_for(&self, to: &str) -> &Behaviour {
        self.behaviour_for.get(&digits_of(to)).unwrap_or(&self.behaviour)
    }

    /// Takes the first fault that matches a request to this number.
    pub(crate) fn take_fault(&mut self, to: Option<&str>) -> Option<FaultKind> {
        let to = to.map(digits_of);
        let matches = |fault: &Fault| fault.to.as_deref().is_none_or(|only| Some(digits_of(only)) == to);
        let at = self.faults.iter().position(|fault| fault.times > 0 && matches(fault))?;
        let fault = self.faults.get_mut(at)?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        self.faults.retain(|fault| fault.times > 0);
        Some(kind)
    }

    pub(crate) fn remember_request(&mut self, request: ReceivedRequest) {
        push(&mut self.requests, request);
    }

    pub(crate) fn remember_message(&mut self, message: ReceivedMessage) {
        push(&mut self.messages, message);
    }

    pub(crate) fn remember_webhook(&mut self, post: WebhookPost) {
        push(&mut self.webhooks, post);
    }

    pub(crate) fn message_mut(&mut self, wamid: &str) -> Option<&mut ReceivedMessage> {
        self.messages.iter_mut().rev().find(|message| message.wamid == wamid)
    }

    /// Writes down that a message now has this status; gives back the message as it is then.
    pub(crate) fn record_status(&mut self, wamid: &str, status: Status, timestamp: u64) -> Option<ReceivedMessage> {
        let message = self.message_mut(wamid)?;
        message.statuses.push(StatusChange { status, timestamp });
        Some(message.clone())
    }

    pub(crate) fn sender(&self, phone_number_id: &str) -> Option<&Sender> {
        self.senders.iter().find(|sender| sender.config.phone_number_id == phone_number_id)
    }

    /// The senders that this token opens; every one is looked at, whatever it is.
    pub(crate) fn senders_of_token(&self, token: &str) -> Vec<&Sender> {
        self.senders.iter().filter(|sender| same(&sender.config.access_token, token)).collect()
    }

    pub(crate) fn sender_of_api_key(&self, key: &str) -> Option<&Sender> {
        self.senders.iter().filter(|sender| same(&sender.config.api_key, key)).collect::<Vec<_>>().first().copied()
    }

    pub(crate) fn template(&self, waba_id: &str, name: &str, language: &str) -> Option<&Template> {
        self.templates.iter().find(|known| known.waba_id == waba_id && known.name == name && known.language == language)
    }

    pub(crate) fn template_mut(&mut self, waba_id: &str, name: &str, language: &str) -> Option<&mut Template> {
        self.templates
            .iter_mut()
            .find(|known| known.waba_id == waba_id && known.name == name && known.language == language)
    }

    pub(crate) const fn new_template_id(&mut self) -> u64 {
        self.next_template_id += 1;
        self.next_template_id - 1
    }

    pub(crate) fn messages_to(&self, to: Option<&str>) -> Vec<ReceivedMessage> {
        let to = to.map(digits_of);
        let matches = |message: &&ReceivedMessage| to.as_ref().is_none_or(|to| digits_of(&message.to) == *to);
        self.messages.iter().filter(matches).cloned().collect()
    }

    pub(crate) fn requests_to(&self, to: Option<&str>) -> Vec<ReceivedRequest> {
        let to = to.map(digits_of);
        let given = |request: &ReceivedRequest| request.body.get("to").and_then(Value::as_str).map(digits_of);
        self.requests.iter().filter(|request| to.is_none() || given(request) == to).cloned().collect()
    }

    pub(crate) fn sender_views(&self) -> Vec<SenderView> {
        let public = SenderConfig::default().access_token;
        self.senders
            .iter()
            .map(|sender| SenderView {
                phone_number_id: sender.config.phone_number_id.clone(),
                waba_id: sender.config.waba_id.clone(),
                display_phone_number: sender.config.display_phone_number.clone(),
                verified_name: sender.config.verified_name.clone(),
                quality_rating: sender.quality,
                demonstration_token: (sender.config.access_token == public).then(|| public.clone()),
            })
            .collect()
    }
}

fn push<T>(remembered: &mut VecDeque<T>, newest: T) {
    if remembered.len() == REMEMBERED {
        remembered.pop_front();
    }
    remembered.push_back(newest);
}

fn same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}
