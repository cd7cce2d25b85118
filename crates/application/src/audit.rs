use whatotp_domain::{AuditEntry, AuditText, EventId};
use whatotp_ports::{Appended, AuditCheck, AuditFilter, AuditRecord, random};
use whatotp_vault::AuditPoint;

use crate::{Application, Failure};

/// The most that a subject and a detail hold, in characters.
const LONGEST: usize = 500;

/// Who did what.
impl Application {
    /// Writes down who did what. Every change that somebody makes comes by here, after it was made.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), Failure> {
        let now = self.ports.clock.now();
        let id = EventId::new(now, random(&*self.ports.entropy)?);
        let entry = AuditEntry { subject: one_line(&entry.subject), detail: one_line(&entry.detail), ..entry };
        let text = AuditText::new(id, now, &entry);
        let action = entry.action.as_str();
        match self.ports.audit.append_audit(text, &self.keyring.audit_key()).await? {
            Appended::Whole(AuditPoint { seq, .. }) => {
                tracing::info!(audit.seq = seq, audit.action = action, audit.subject = entry.subject, "audited");
            }
            Appended::Broken(AuditPoint { seq, .. }) => tracing::error!(
                audit.seq = seq,
                audit.action = action,
                "the audit log was tampered with: run `whatotp audit verify`"
            ),
        }
        Ok(())
    }

    /// Entries that fit `filter` and are older than `before`, newest first.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, Failure> {
        Ok(self.ports.audit.list_audit(filter, before, limit).await?)
    }

    /// Whether the whole audit log is as it was written.
    pub async fn verify_audit(&self) -> Result<AuditCheck, Failure> {
        Ok(AuditCheck::of(&*self.ports.audit, &self.keyring.audit_key()).await?)
    }
}

/// One line of bounded length, whatever was in it.
fn one_line(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
