use whatotp_domain::AuditText;

use crate::Keyring;
use crate::digest::digests;
use crate::keyring::MacKey;

const ENTRY: &str = "whatotp/audit/v1/entry";
const HEAD: &str = "whatotp/audit/v1/head";

digests! {
    /// The MAC of an entry of the audit log and of the entry before it, and so of all before it; or that of the head.
    AuditMac;
}

/// An entry's place in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPoint {
    /// Its number: 1 for the first that there ever was.
    pub seq: i64,
    /// Its MAC.
    pub mac: AuditMac,
}

impl AuditPoint {
    /// Before the first entry.
    pub const START: Self = Self { seq: 0, mac: AuditMac::from_bytes([0; 32]) };
}

/// From where to where the audit log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The newest entry that was deleted because its time was over: the first one that is there follows it.
    pub anchor: AuditPoint,
    /// The newest entry.
    pub newest: AuditPoint,
}

impl AuditHead {
    /// A log without an entry.
    pub const EMPTY: Self = Self { anchor: AuditPoint::START, newest: AuditPoint::START };
}

/// The key that chains the audit log. Wiped when dropped.
///
/// It belongs to the index key, the one master key that stays the same for the life of a database (see [`Keyring`]): a
/// chain that changed its key in the middle would have to be made anew by a rotation, and whoever can make it anew can
/// make another one.
#[derive(Clone)]
pub struct AuditKey(MacKey);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditKey([REDACTED])")
    }
}

impl AuditKey {
    /// The place of an entry that follows `previous`.
    #[must_use]
    pub fn link(&self, previous: &AuditPoint, entry: &AuditText) -> AuditPoint {
        let seq = previous.seq.saturating_add(1);
        let AuditText { id, at, account, actor, action, subject, detail } = entry;
        let fields: [&[u8]; 10] = [
            previous.mac.as_bytes(),
            &seq.to_be_bytes(),
            id.as_bytes(),
            &at.unix_ms().to_be_bytes(),
            // No account is not the same as an account without a name.
            &[u8::from(account.is_some())],
            account.as_deref().unwrap_or_default().as_bytes(),
            actor.as_bytes(),
            action.as_bytes(),
            subject.as_bytes(),
            detail.as_bytes(),
        ];
        AuditPoint { seq, mac: AuditMac(self.0.tag(ENTRY, &fields)) }
    }

    /// The MAC of the head. What the rows hold does not tell it: so a head that was moved back, to cut off the newest
    /// entries, is noticed.
    #[must_use]
    pub fn seal(&self, head: &AuditHead) -> AuditMac {
        let AuditHead { anchor, newest } = head;
        let numbers = [anchor.seq.to_be_bytes(), newest.seq.to_be_bytes()];
        let [first, last] = &numbers;
        AuditMac(self.0.tag(HEAD, &[first, anchor.mac.as_bytes(), last, newest.mac.as_bytes()]))
    }
}

impl Keyring {
    /// The key that chains the audit log.
    #[must_use]
    pub fn audit_key(&self) -> AuditKey {
        AuditKey(self.indexing().audit.clone())
    }
}
