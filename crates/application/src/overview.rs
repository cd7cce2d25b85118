use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{AccountScope, EventKind, GroupBy, Mode, SenderQuality, TemplateStatus, Timestamp, slot_of};

use crate::{Application, Failure, Statistics};

/// How old the figures of the overview may be: it is asked for every few seconds by everybody who has it open.
const FRESH: Duration = Duration::from_secs(15);
const DAY: Duration = Duration::from_secs(86_400);
/// So many events are looked through for what needs a person.
const EVENTS: u32 = 200;
/// So many templates are looked through.
const TEMPLATES: u32 = 500;
/// So many dead letters are counted; more are "many".
const DEAD_LETTERS: u32 = 100;

/// Today's figures: broken down by hour, country, template and error, in this order.
const BREAKDOWNS: [GroupBy; 4] = [GroupBy::Hour, GroupBy::Country, GroupBy::Template, GroupBy::Error];

/// What somebody has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttentionKind {
    /// A sender that nothing can be sent from.
    SenderStopped,
    /// A sender that recipients complain about.
    SenderQuality,
    /// A template that WhatsApp refused.
    TemplateRejected,
    /// A template that WhatsApp stopped for a while.
    TemplatePaused,
    /// A template that WhatsApp stopped for good.
    TemplateDisabled,
    /// Messages that were given up.
    DeadLetters,
    /// Somebody lets codes be sent that nobody wants.
    Pumping,
    /// Most codes that are typed are wrong.
    Guessing,
    /// Nearly as many messages were sent as may be.
    QuotaNear,
    /// As many messages were sent as may be.
    QuotaReached,
    /// WhatsApp has something to say about the business account.
    AccountUpdate,
}

impl AttentionKind {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SenderStopped => "sender_stopped",
            Self::SenderQuality => "sender_quality",
            Self::TemplateRejected => "template_rejected",
            Self::TemplatePaused => "template_paused",
            Self::TemplateDisabled => "template_disabled",
            Self::DeadLetters => "dead_letters",
            Self::Pumping => "pumping",
            Self::Guessing => "guessing",
            Self::QuotaNear => "quota_near",
            Self::QuotaReached => "quota_reached",
            Self::AccountUpdate => "account_update",
        }
    }

    /// What to do about it, in a sentence.
    #[must_use]
    pub const fn what_to_do(self) -> &'static str {
        match self {
            Self::SenderStopped => {
                "Look at the sender in Meta's WhatsApp Manager, put right what it names there, and send a test message."
            }
            Self::SenderQuality => {
                "Send only what people asked for: WhatsApp restricts a sender that stays red. Have a second one ready."
            }
            Self::TemplateRejected => {
                "Read the reason in Meta's WhatsApp Manager, change the text, and submit it again."
            }
            Self::TemplatePaused => {
                "Codes go out in another language or template meanwhile; it comes back by itself unless people go on complaining."
            }
            Self::TemplateDisabled => "Make a new template under another name: WhatsApp does not bring this one back.",
            Self::DeadLetters => "Open the dead letters, and send each again or discard it.",
            Self::Pumping => {
                "Look at the numbers: if they are not your users, leave the block, and put a captcha before your form."
            }
            Self::Guessing => "Somebody may be trying codes: see who asks for them, and limit them at your side.",
            Self::QuotaNear => "Ask the operator for a higher quota, or send less until the period is over.",
            Self::QuotaReached => "Nothing more is sent in this period: ask the operator for a higher quota.",
            Self::AccountUpdate => "Open Meta's WhatsApp Manager and read what it says about the business account.",
        }
    }
}

/// One thing that somebody has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// What.
    pub kind: AttentionKind,
    /// What it is about: a sender, a template, a prefix.
    pub subject: String,
    /// What is known of it.
    pub detail: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
}

/// The figures of today that were counted lately.
#[derive(Default)]
pub(crate) struct Overviews(Mutex<HashMap<AccountScope, (Timestamp, Arc<Statistics>)>>);

impl Overviews {
    fn get(&self, scope: AccountScope, now: Timestamp) -> Option<Arc<Statistics>> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Never yesterday's: the range is part of what is kept.
        let fresh = counted.get(&scope).filter(|(at, one)| now < at.plus(FRESH) && one.from == slot_of(DAY, now));
        fresh.map(|(_, counted)| Arc::clone(counted))
    }

    fn put(&self, scope: AccountScope, now: Timestamp, statistics: Statistics) -> Arc<Statistics> {
        let statistics = Arc::new(statistics);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, (at, _)| now < at.plus(FRESH));
        counted.insert(scope, (now, Arc::clone(&statistics)));
        statistics
    }
}

/// What somebody who opens the console sees first.
impl Application {
    /// Today's figures (UTC), at most 15 seconds old. Its groups are by hour, country, template and error, in this order.
    pub async fn today(&self, scope: AccountScope) -> Result<Arc<Statistics>, Failure> {
        let now = self.ports.clock.now();
        if let Some(counted) = self.overviews.get(scope, now) {
            return Ok(counted);
        }
        let (from, to) = (slot_of(DAY, now), now.plus(Duration::from_millis(1)));
        let counted = self.count(scope, (from, to), &BREAKDOWNS).await?;
        Ok(self.overviews.put(scope, now, counted))
    }

    /// What needs a person, of one account; and for `operators` also what is the platform's, of every account.
    pub async fn attention(&self, scope: AccountScope, operators: bool) -> Result<Vec<Attention>, Failure> {
        let live = AccountScope { mode: Mode::Live, ..scope };
        let mut attention = self.bad_senders(live, operators).await?;
        attention.extend(self.bad_templates(live).await?);
        if operators {
            attention.extend(self.unseen_dead_letters().await?);
        }
        attention.extend(self.recent_events(live, operators).await?);
        Ok(attention)
    }

    async fn bad_senders(&self, live: AccountScope, operators: bool) -> Result<Vec<Attention>, Failure> {
        let mine = self.origins_of(live).await?;
        let senders = self.ports.senders.list_senders().await?.into_iter();
        let seen = senders.filter(|record| operators || mine.iter().any(|origin| origin.sender.id == record.id));
        let bad = seen.filter(|record| record.quality == SenderQuality::Red);
        let attention = bad.map(|record| Attention {
            kind: AttentionKind::SenderQuality,
            subject: format!("sender {}", record.id),
            detail: format!("{}: WhatsApp rates it {}", record.name, record.quality.as_str()),
            since: None,
        });
        Ok(attention.collect())
    }

    async fn bad_templates(&self, live: AccountScope) -> Result<Vec<Attention>, Failure> {
        let templates = self.ports.templates.list_templates(live, None, TEMPLATES).await?;
        let attention = templates.into_iter().filter_map(|template| {
            let kind = match template.status() {
                TemplateStatus::Rejected => AttentionKind::TemplateRejected,
                TemplateStatus::Paused => AttentionKind::TemplatePaused,
                TemplateStatus::Disabled => AttentionKind::TemplateDisabled,
                TemplateStatus::Draft | TemplateStatus::Pending | TemplateStatus::Approved => return None,
            };
            Some(Attention {
                kind,
                subject: format!("template {}", template.name()),
                detail: format!("it is {} in every language", template.status().as_str()),
                since: None,
            })
        });
        Ok(attention.collect())
    }

    async fn unseen_dead_letters(&self) -> Result<Option<Attention>, Failure> {
        let letters = self.ports.deliveries.list_dead_letters(None, DEAD_LETTERS).await?;
        let many = letters.len() >= usize::try_from(DEAD_LETTERS).unwrap_or(usize::MAX);
        let count = match letters.len() {
            1 => "one delivery was".to_owned(),
            count if many => format!("{count} deliveries or more were"),
            count => format!("{count} deliveries were"),
        };
        Ok(letters.first().map(|newest| Attention {
            kind: AttentionKind::DeadLetters,
            subject: "dead letters".to_owned(),
            detail: format!("{count} given up, and nobody has seen to it"),
            since: Some(newest.created_at),
        }))
    }

    /// What was written down in the last day, and what is still true in a month: that its quota is used up.
    async fn recent_events(&self, live: AccountScope, operators: bool) -> Result<Vec<Attention>, Failure> {
        let now = self.ports.clock.now();
        let events = self.ports.events.list_events(None, EVENTS).await?;
        let mut seen: Vec<(AttentionKind, String)> = Vec::new();
        let mut attention = Vec::new();
        for event in events {
            let Some(kind) = kind_of(event.kind) else { continue };
            let is_seen = event.account.map_or(operators, |account| operators || account == live.account);
            let monthly = event.subject.ends_with("month") && same_month(event.at, now);
            if !is_seen || !(now < event.at.plus(DAY) || monthly) || seen.contains(&(kind, event.subject.clone())) {
                continue;
            }
            seen.push((kind, event.subject.clone()));
            attention.push(Attention { kind, subject: event.subject, detail: event.detail, since: Some(event.at) });
        }
        Ok(attention)
    }
}

const fn kind_of(event: EventKind) -> Option<AttentionKind> {
    match event {
        EventKind::SenderStopped => Some(AttentionKind::SenderStopped),
        EventKind::PrefixPumped | EventKind::UnverifiedBudget => Some(AttentionKind::Pumping),
        EventKind::GuessingSuspected => Some(AttentionKind::Guessing),
        EventKind::QuotaNear => Some(AttentionKind::QuotaNear),
        EventKind::QuotaReached => Some(AttentionKind::QuotaReached),
        EventKind::AccountUpdate => Some(AttentionKind::AccountUpdate),
        _ => None,
    }
}

fn same_month(one: Timestamp, other: Timestamp) -> bool {
    use whatotp_domain::QuotaPeriod;
    QuotaPeriod::Month.number(one) == QuotaPeriod::Month.number(other)
}
