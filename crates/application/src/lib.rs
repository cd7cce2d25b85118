//! The use cases of WhatOTP, one file each: what a request, a worker or an operator can have done.
//!
//! A use case is a method of [`Application`], which holds the ports. It reads top to bottom as the whole rule; what it
//! answers is an enum of its own, because "the code is wrong" is an answer and not a failure. What nobody can answer
//! (the store is down) is a [`Failure`].

mod admission;
mod audit;
mod cancel_otp;
mod change_template;
mod codes;
mod console_sessions;
mod content;
mod dead_letters;
mod deliver;
mod delivery_log;
mod destinations;
mod erasure;
mod failure;
mod fall_back;
mod first_attempt;
mod follow_up;
mod fresh;
mod guessing;
mod hand_over;
mod idempotency;
mod ingest;
mod joining;
mod keys;
mod log_in;
mod members;
mod messages;
mod notices;
mod numbers;
mod otp_status;
mod outcome;
mod overview;
mod passwords;
mod places;
mod policy;
mod redaction;
mod resend_otp;
mod retry_budget;
mod rotation;
mod routing;
mod sandbox_inbox;
mod sealing;
mod second_factor;
mod send_message;
mod send_otp;
mod senders;
mod setup;
mod statistics;
mod submit_template;
mod sweep;
mod template_sync;
mod templates;
mod test_send;
mod tickets;
mod traffic;
mod users;
mod verify_otp;
mod views;
mod watch;

use std::sync::Arc;

use whatotp_domain::Mode;
use whatotp_ports::{
    AccountStore, ApiKeyStore, AuditStore, Catalog, Clock, ConsoleSessionStore, DeliveryStore, DestinationStore,
    Entropy, EventStore, IdempotencyStore, LinkStore, MasterKeyStore, MessageChannel, PersonalDataStore, QuotaStore,
    SenderStore, SessionStore, TemplateStore, TicketStore, TrafficStore, UserStore, Wakeups,
};
use whatotp_vault::Keyring;

use crate::destinations::Destinations;
use crate::fresh::Fresh;
use crate::guessing::Turnstile;
use crate::keys::{KeyUses, KnownKeys};
use crate::notices::Told;
use crate::overview::Overviews;
use crate::passwords::PasswordWork;
use crate::places::Places;
use crate::retry_budget::RetryBudget;
use crate::routing::Routing;
use crate::template_sync::{Decisions, FirstSyncs};
use crate::traffic::TrafficCounters;

pub use admission::NotAdmitted;
pub use cancel_otp::OtpCanceled;
pub use change_template::{TemplateChange, TemplateOwner};
pub use console_sessions::LoggedIn;
pub use dead_letters::{DeadLetterView, Replayed};
pub use deliver::WORKER_LOOKS_EVERY;
pub use delivery_log::{DeliveryDetail, LogLine, LogPage, LogQuery};
pub use destinations::Blocked;
pub use erasure::Erasure;
pub use failure::{Failure, error_chain};
pub use idempotency::Earlier;
pub use joining::{FollowLink, LinkFollowed};
pub use keys::{Authenticated, NewKey};
pub use log_in::{LogIn, LogInAnswer, PasswordChanged};
pub use members::{ChangeMember, MemberChanged, NotInvited};
pub use messages::{MessageCanceled, MessageQuery};
pub use numbers::NumberCount;
pub use overview::{Attention, AttentionKind};
pub use policy::Policy;
pub use resend_otp::OtpResent;
pub use rotation::{KeyUse, Rotated, Rotating};
pub use sandbox_inbox::{InboxItem, InboxQuery};
pub use second_factor::TotpOffer;
pub use send_message::{MessageSent, SendMessage};
pub use send_otp::{OtpSent, SendOtp};
pub use senders::{FixedSender, NewSender, SenderChange, SenderCheck};
pub use setup::FirstRun;
pub use statistics::Statistics;
pub use sweep::Swept;
pub use template_sync::Synced;
pub use templates::TemplateRef;
pub use tickets::{CommentView, Linked, NewTicket, TicketOpened, TicketStep, TicketStepped, TicketSummary, TicketView};
pub use verify_otp::{OtpVerified, Typed, Verification, VerifyOtp};
pub use views::{MessageView, SessionView};
pub use watch::{Change, Watch};

/// The ports that the use cases work through.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The OTP sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The outbox.
    pub deliveries: Arc<dyn DeliveryStore>,
    /// The answers kept for repeated requests.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The API keys.
    pub keys: Arc<dyn ApiKeyStore>,
    /// The message templates.
    pub templates: Arc<dyn TemplateStore>,
    /// The senders.
    pub senders: Arc<dyn SenderStore>,
    /// What happened.
    pub events: Arc<dyn EventStore>,
    /// Who did what.
    pub audit: Arc<dyn AuditStore>,
    /// Which numbers get messages.
    pub destinations: Arc<dyn DestinationStore>,
    /// How many messages accounts have sent.
    pub quotas: Arc<dyn QuotaStore>,
    /// How many messages went where, and how many codes came back.
    pub traffic: Arc<dyn TrafficStore>,
    /// What customers ask.
    pub tickets: Arc<dyn TicketStore>,
    /// Who logs in to the console.
    pub users: Arc<dyn UserStore>,
    /// Who is logged in.
    pub console_sessions: Arc<dyn ConsoleSessionStore>,
    /// The one-time links.
    pub links: Arc<dyn LinkStore>,
    /// Which master keys the data needs.
    pub master_keys: Arc<dyn MasterKeyStore>,
    /// What is stored about one person.
    pub personal_data: Arc<dyn PersonalDataStore>,
    /// Where live messages go.
    pub live_channel: Arc<dyn MessageChannel>,
    /// The provider's side of templates and senders.
    pub catalog: Arc<dyn Catalog>,
    /// Where test messages go.
    pub sandbox: Arc<dyn MessageChannel>,
    /// Who waits for what.
    pub wakeups: Arc<dyn Wakeups>,
}

/// The use cases.
#[derive(Clone)]
pub struct Application {
    ports: Ports,
    keyring: Arc<Keyring>,
    policy: Arc<Policy>,
    routing: Arc<Fresh<Routing>>,
    retries: Arc<RetryBudget>,
    first_syncs: Arc<FirstSyncs>,
    decisions: Arc<Decisions>,
    places: Arc<Places>,
    key_uses: Arc<KeyUses>,
    known_keys: Arc<KnownKeys>,
    destinations: Arc<Fresh<Destinations>>,
    traffic: Arc<TrafficCounters>,
    turnstile: Arc<Turnstile>,
    told: Arc<Told>,
    passwords: Arc<PasswordWork>,
    overviews: Arc<Overviews>,
}

impl Application {
    /// The use cases over these ports.
    #[must_use]
    pub fn new(ports: Ports, keyring: Arc<Keyring>, policy: Policy) -> Self {
        Self::over(ports, keyring, Arc::new(policy))
    }

    /// The same keys and rules over other ports: for whoever puts an adapter of their own in the place of one of ours.
    /// What was read through the old ports is not remembered.
    #[must_use]
    pub fn with_ports(&self, ports: Ports) -> Self {
        Self::over(ports, self.keyring.clone(), self.policy.clone())
    }

    fn over(ports: Ports, keyring: Arc<Keyring>, policy: Arc<Policy>) -> Self {
        Self {
            ports,
            keyring,
            policy,
            routing: Arc::default(),
            retries: Arc::default(),
            first_syncs: Arc::default(),
            decisions: Arc::default(),
            places: Arc::default(),
            key_uses: Arc::default(),
            known_keys: Arc::default(),
            destinations: Arc::default(),
            traffic: Arc::default(),
            turnstile: Arc::default(),
            told: Arc::default(),
            passwords: Arc::default(),
            overviews: Arc::default(),
        }
    }

    /// The ports, for whoever runs loops beside the use cases.
    #[must_use]
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn channel(&self, mode: Mode) -> &dyn MessageChannel {
        match mode {
            Mode::Live => &*self.ports.live_channel,
            Mode::Test => &*self.ports.sandbox,
        }
    }
}
