use std::time::Duration;

use whatotp_domain::{ConsoleSession, Dimension, LogInTries, Timestamp};

use crate::{Application, Failure};

/// Rows deleted in one step: small, so that a sweep never holds up the hot path for long.
const CHUNK: u32 = 1_000;

/// How long a report waits for its message to be known. The answer to a send takes seconds; an hour is for an outage in
/// between.
const REPORTS_WAIT: Duration = Duration::from_secs(3600);

/// How long a block that has ended can be seen.
const BLOCKS_WAIT: Duration = Duration::from_secs(30 * 86_400);

/// How many rows a sweep deleted, or wiped something from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Sessions.
    pub sessions: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Ledgers of numbers.
    pub ledgers: u64,
    /// Claims of idempotency keys.
    pub claims: u64,
    /// Reports that no delivery was found for.
    pub reports: u64,
    /// Events.
    pub events: u64,
    /// Counts of messages.
    pub traffic: u64,
    /// Blocks of numbers.
    pub blocks: u64,
    /// Console sessions, one-time links and failed log-ins.
    pub console: u64,
    /// Messages whose template variables were wiped.
    pub variables: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// Tickets.
    pub tickets: u64,
}

impl Swept {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sessions
            + self.deliveries
            + self.ledgers
            + self.claims
            + self.reports
            + self.events
            + self.traffic
            + self.blocks
            + self.console
            + self.variables
            + self.audit
            + self.tickets
    }
}

impl Application {
    /// Deletes one chunk of everything whose time is over. Call it again at once while it finds much.
    pub async fn sweep(&self) -> Result<Swept, Failure> {
        let (ports, policy, now) = (&self.ports, &self.policy, self.ports.clock.now());
        self.note_active_key().await?;
        Ok(Swept {
            sessions: ports.sessions.purge_sessions(now.minus(policy.session_retention), CHUNK).await?,
            deliveries: ports.deliveries.purge_deliveries(now.minus(policy.delivery_retention), CHUNK).await?,
            ledgers: ports.sessions.purge_ledgers(&policy.limits.account, now, CHUNK).await?,
            claims: ports.idempotency.purge_claims(now, CHUNK).await?,
            reports: ports.deliveries.purge_reports(now.minus(REPORTS_WAIT), CHUNK).await?,
            events: ports.events.purge_events(now.minus(policy.event_retention), CHUNK).await?,
            traffic: self.purge_traffic(now).await?,
            blocks: ports.destinations.purge_blocks(now.minus(BLOCKS_WAIT), CHUNK).await?,
            console: self.purge_console(now).await?,
            audit: self.purge_audit(now).await?,
            tickets: ports.tickets.purge_tickets(now.minus(policy.ticket_retention), CHUNK).await?,
            variables: ports.personal_data.wipe_variables(now.minus(policy.variables_retention), CHUNK).await?,
        })
    }

    async fn purge_console(&self, now: Timestamp) -> Result<u64, Failure> {
        let (seen, made) = ConsoleSession::over_before(now);
        let ports = &self.ports;
        Ok(ports.console_sessions.purge_console_sessions(seen, made, CHUNK).await?
            + ports.links.purge_links(now, CHUNK).await?
            + ports.users.purge_log_ins(LogInTries::forgotten_before(now), CHUNK).await?)
    }

    /// What was tampered with is kept, and whoever looks is told.
    async fn purge_audit(&self, now: Timestamp) -> Result<u64, Failure> {
        let written_before = now.minus(self.policy.audit_retention);
        let purged = self.ports.audit.purge_audit(written_before, CHUNK, &self.keyring.audit_key()).await?;
        if !purged.is_whole {
            tracing::error!("the audit log was tampered with and is not purged: run `whatotp audit verify`");
        }
        Ok(purged.deleted)
    }

    async fn purge_traffic(&self, now: Timestamp) -> Result<u64, Failure> {
        let mut deleted = 0;
        for dimension in Dimension::ALL {
            deleted += self.ports.traffic.purge_traffic(dimension, now.minus(dimension.memory()), CHUNK).await?;
        }
        Ok(deleted)
    }
}
