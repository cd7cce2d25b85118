use std::time::Duration;

use whatotp_domain::{
    AbuseMode, AccountScope, Country, Counts, Dimension, EventKind, Mode, NumberType, PhoneNumber, Quota, QuotaPeriod,
    Timestamp, UnverifiedBudget, is_pumped, nearly, slot_of,
};
use whatotp_ports::{Counted, TrafficKey};

use crate::destinations::Destinations;
use crate::{Application, Failure};

/// Something leaves every window with each full hour, and the operator is told once in one.
const HOUR: Duration = Duration::from_secs(3_600);

/// Where the operator reads on.
const READ: &str = "docs/ABUSE.md";

/// Why a number gets no message. Nothing was stored or charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The account may not write to this country.
    Country(Country),
    /// Nobody may write to numbers of this type.
    NumberType(NumberType),
    /// The number, its prefix or its country is blocked.
    Blocked {
        /// Until when; `None` for as long as nobody lifts it.
        until: Option<Timestamp>,
    },
    /// More codes were sent and never verified than usual.
    OverBudget {
        /// Which budget is used up.
        budget: UnverifiedBudget,
        /// When it is worth another try.
        retry_at: Timestamp,
    },
    /// The account has sent as much as it may.
    QuotaUsedUp {
        /// In which period.
        period: QuotaPeriod,
        /// When the next one begins.
        retry_at: Timestamp,
    },
}

/// What is to be sent.
pub(crate) enum Carried {
    /// A code, which comes back when all is well: for somebody at this address, when the customer says so.
    Code { client_ip: Option<String> },
    /// A message, which nobody answers.
    Message,
}

/// What may be sent, and is counted in the account's quota.
#[must_use]
pub(crate) struct Admitted {
    scope: AccountScope,
    /// What a code is counted under when it is sent.
    traffic: Vec<(TrafficKey, String)>,
    /// When it was counted in the quota, if there is one.
    counted_at: Option<Timestamp>,
}

/// The one door that every code and message goes through, before anything is stored or charged.
impl Application {
    /// Whether `to` may get a message now. What is admitted has to be [`closed`](Self::close).
    pub(crate) async fn admit(
        &self,
        scope: AccountScope,
        to: &PhoneNumber,
        carried: Carried,
    ) -> Result<Result<Admitted, NotAdmitted>, Failure> {
        let traffic = match carried {
            Carried::Code { client_ip } => self.traffic_keys(scope, to, client_ip.as_deref()),
            Carried::Message => Vec::new(),
        };
        let mut admitted = Admitted { scope, traffic, counted_at: None };
        if scope.mode == Mode::Test && (self.policy.unlimited_in_test_mode)(to) {
            return Ok(Ok(admitted));
        }
        let known = self.destinations().await?;
        if let Some(refused) = self.refused_destination(&known, scope, to) {
            return Ok(Err(refused));
        }
        if scope.mode == Mode::Test {
            return Ok(Ok(admitted));
        }
        if let Some(refused) = self.refused_for_its_traffic(&known, &admitted, to).await? {
            return Ok(Err(refused));
        }
        let quota = known.rules(scope.account).quota;
        if !quota.is_unlimited() {
            let now = self.ports.clock.now();
            match self.ports.quotas.count_message(scope.account, quota, now).await? {
                Counted::Yes { today, this_month } => {
                    admitted.counted_at = Some(now);
                    self.note_quota(scope, quota, QuotaPeriod::Day, today, now).await;
                    self.note_quota(scope, quota, QuotaPeriod::Month, this_month, now).await;
                }
                Counted::UsedUp(period) => {
                    // It may have been lowered below what was sent already.
                    self.note_quota(scope, quota, period, u64::MAX, now).await;
                    return Ok(Err(NotAdmitted::QuotaUsedUp { period, retry_at: period.end(now) }));
                }
            }
        }
        Ok(Ok(admitted))
    }

    /// Ends what [`admit`](Self::admit) began: the message was sent, or definitely was not.
    pub(crate) async fn close(&self, admitted: Admitted, sent: bool) -> Result<(), Failure> {
        let Admitted { scope, traffic, counted_at } = admitted;
        if sent {
            self.count_traffic(traffic, Counts { sent: 1, verified: 0 });
        } else if let Some(counted_at) = counted_at {
            self.ports.quotas.uncount_message(scope.account, counted_at).await?;
        }
        Ok(())
    }

    fn refused_destination(&self, known: &Destinations, scope: AccountScope, to: &PhoneNumber) -> Option<NotAdmitted> {
        if self.policy.abuse.refused_types.contains(&to.number_type()) {
            return Some(NotAdmitted::NumberType(to.number_type()));
        }
        let country = to.country();
        if !known.rules(scope.account).countries.contain(country) {
            return Some(NotAdmitted::Country(country));
        }
        self.block_of(known, scope.account, to).map(|block| NotAdmitted::Blocked { until: block.until })
    }

    /// Judges what was sent before, and never verified. Nobody is refused where the policy says to observe only.
    async fn refused_for_its_traffic(
        &self,
        known: &Destinations,
        admitted: &Admitted,
        to: &PhoneNumber,
    ) -> Result<Option<NotAdmitted>, Failure> {
        let Admitted { scope, traffic, .. } = admitted;
        let now = self.ports.clock.now();
        let enforced = self.policy.abuse.mode == AbuseMode::Enforce;
        let (mut budgets, mut pumped) = (Vec::new(), false);
        for (key, part) in traffic {
            match key.dimension {
                Dimension::Country => {
                    budgets.extend(UnverifiedBudget::of_country(&self.traffic.total(key), now));
                }
                Dimension::Prefix => pumped = is_pumped(&self.traffic.total(key), now),
                Dimension::ClientIp => {
                    let mut parts = self.traffic.parts(key);
                    budgets.extend(UnverifiedBudget::of_client_ip(&self.traffic.total(key), now));
                    let this = parts.remove(part).unwrap_or_default();
                    budgets.extend(UnverifiedBudget::of_client_ip_countries(&this, parts.values(), now));
                }
                Dimension::Attempts => {}
            }
        }
        if pumped {
            self.note_pumped(*scope, to, now).await;
            if enforced && let Some(until) = self.block_pumped(known, *scope, to).await? {
                return Ok(Some(NotAdmitted::Blocked { until: Some(until) }));
            }
        }
        for budget in &budgets {
            self.note_budget(*scope, *budget, to, now).await;
        }
        let retry_at = slot_of(HOUR, now).plus(HOUR);
        let first = budgets.first().filter(|_| enforced);
        Ok(first.map(|budget| NotAdmitted::OverBudget { budget: *budget, retry_at }))
    }

    async fn note_budget(&self, scope: AccountScope, budget: UnverifiedBudget, to: &PhoneNumber, now: Timestamp) {
        let subject = match budget {
            UnverifiedBudget::CountryDay | UnverifiedBudget::CountryHour => {
                format!("{} {}", budget.as_str(), to.country())
            }
            _ => budget.as_str().to_owned(),
        };
        let detail = format!("more codes than usual were sent and not verified ({READ})");
        let hour = slot_of(HOUR, now).to_string();
        self.note_once(EventKind::UnverifiedBudget, scope, subject, detail, &hour).await;
    }

    async fn note_pumped(&self, scope: AccountScope, to: &PhoneNumber, now: Timestamp) {
        let subject = format!("prefix {}", to.prefix());
        let detail = format!("20 codes or more within an hour, and fewer than a fifth verified ({READ})");
        let hour = slot_of(HOUR, now).to_string();
        self.note_once(EventKind::PrefixPumped, scope, subject, detail, &hour).await;
    }

    async fn note_quota(&self, scope: AccountScope, quota: Quota, period: QuotaPeriod, used: u64, now: Timestamp) {
        let Some(limit) = quota.of(period) else { return };
        let kind = match used {
            used if used >= u64::from(limit) => EventKind::QuotaReached,
            used if used >= u64::from(nearly(limit)) => EventKind::QuotaNear,
            _ => return,
        };
        let subject = format!("messages per {}", period.as_str());
        let detail = format!("{} of {limit} are sent", used.min(limit.into()));
        let occasion = format!("{} {limit}", period.number(now));
        self.note_once(kind, scope, subject, detail, &occasion).await;
    }
}
