use whatotp_vault::{AuditKey, AuditPoint};

use crate::{AuditRecord, AuditStore, StoreResult};

/// Entries read in one step.
const PAGE: u32 = 500;

/// Whether the audit log is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditCheck {
    /// It is.
    Whole {
        /// How many entries it has.
        entries: u64,
        /// The newest one. Who writes it down can see later that the whole log was not set back.
        newest: AuditPoint,
    },
    /// It is not.
    Broken {
        /// How many entries are as they were written, from the oldest on.
        entries: u64,
        /// What is wrong first.
        first: AuditFault,
    },
}

/// What is wrong with the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// The row with this number is not what was written after the one before it.
    #[error("entry {seq} ({id}) was changed, moved or added")]
    Entry {
        /// Its number.
        seq: i64,
        /// What it has for an id.
        id: String,
    },
    /// Nothing is there with this number.
    #[error("entry {seq} is missing")]
    Missing {
        /// Which.
        seq: i64,
    },
    /// The head is missing, or is not what was written.
    #[error("the head of the log was changed or removed")]
    Head,
}

impl AuditCheck {
    /// Goes through the whole log, while others go on writing it.
    pub async fn of(store: &dyn AuditStore, key: &AuditKey) -> StoreResult<Self> {
        let (mut walk, mut promised) = (Walk::default(), 0);
        loop {
            // The rows first: a head that is read after them knows all of them.
            let rows = store.audit_after(walk.place().seq, PAGE).await?;
            let Some((head, seal)) = store.audit_head().await? else {
                if rows.is_empty() && walk.last.is_none() {
                    return Ok(Self::Whole { entries: 0, newest: AuditPoint::START });
                }
                return first_fault(store, walk, rows, key).await;
            };
            if key.seal(&head) != seal {
                return first_fault(store, walk, rows, key).await;
            }
            // What a purge deletes meanwhile is not missing.
            if walk.place().seq < head.anchor.seq {
                walk.last = Some(head.anchor);
            }
            let came = !rows.is_empty();
            if let Some(fault) = walk.follow(rows, key) {
                return Ok(walk.broken(fault));
            }
            let last = walk.place();
            if last == head.newest {
                return Ok(Self::Whole { entries: walk.entries, newest: last });
            }
            if last.seq >= head.newest.seq {
                return Ok(walk.broken(AuditFault::Head));
            }
            // What an earlier head knew has to be there by now.
            if !came && last.seq < promised {
                return Ok(walk.broken(AuditFault::Missing { seq: last.seq + 1 }));
            }
            promised = head.newest.seq;
        }
    }
}

/// The head is wrong; but an entry that is wrong says more.
async fn first_fault(
    store: &dyn AuditStore,
    mut walk: Walk,
    mut rows: Vec<AuditRecord>,
    key: &AuditKey,
) -> StoreResult<AuditCheck> {
    while let Some(first) = rows.first() {
        // Where the chain begins only the head could tell: what comes second is checked against what comes first.
        if walk.last.is_none() && first.point.seq > 1 {
            walk.last = Some(first.point);
        }
        if let Some(fault) = walk.follow(rows, key) {
            return Ok(walk.broken(fault));
        }
        rows = store.audit_after(walk.place().seq, PAGE).await?;
    }
    Ok(walk.broken(AuditFault::Head))
}

/// A way along the chain.
#[derive(Default)]
struct Walk {
    /// The last entry that was as it was written.
    last: Option<AuditPoint>,
    /// How many were.
    entries: u64,
}

impl Walk {
    fn place(&self) -> AuditPoint {
        self.last.unwrap_or(AuditPoint::START)
    }

    /// Goes on over these rows, up to the first that is wrong.
    fn follow(&mut self, rows: Vec<AuditRecord>, key: &AuditKey) -> Option<AuditFault> {
        for row in rows {
            let last = self.place();
            if row.point.seq <= last.seq {
                continue;
            }
            let expected = key.link(&last, &row.text);
            if row.point.seq != expected.seq {
                return Some(AuditFault::Missing { seq: expected.seq });
            }
            if row.point.mac != expected.mac {
                return Some(AuditFault::Entry { seq: row.point.seq, id: row.text.id });
            }
            self.last = Some(expected);
            self.entries += 1;
        }
        None
    }

    fn broken(&self, first: AuditFault) -> AuditCheck {
        AuditCheck::Broken { entries: self.entries, first }
    }
}
