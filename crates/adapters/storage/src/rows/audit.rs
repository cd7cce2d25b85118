//! The audit log: its rows, and how the chain is made longer at one end and shorter at the other.

use diesel::prelude::*;
use whatotp_domain::{AuditText, Timestamp};
use whatotp_ports::{Appended, AuditPurged, AuditRecord};
use whatotp_vault::{AuditHead, AuditKey, AuditMac, AuditPoint};

use super::{Read, hash};
use crate::schema::{audit_head, audit_log};

/// What no seal is: a head that was tampered with keeps it for good.
const BROKEN: AuditMac = AuditMac::from_bytes([0; 32]);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub(crate) struct AuditRow {
    seq: i64,
    id: String,
    at: i64,
    account_id: Option<String>,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    mac: Vec<u8>,
}

impl AuditRow {
    fn new(point: AuditPoint, text: AuditText) -> Self {
        let AuditText { id, at, account, actor, action, subject, detail } = text;
        let (seq, mac) = (point.seq, point.mac.as_bytes().to_vec());
        Self { seq, id, at: at.unix_ms(), account_id: account, actor, action, subject, detail, mac }
    }

    pub(crate) fn read(self) -> Read<AuditRecord> {
        let Self { seq, id, at, account_id, actor, action, subject, detail, mac } = self;
        let at = Timestamp::from_unix_ms(at);
        let text = AuditText { id, at, account: account_id, actor, action, subject, detail };
        Ok(AuditRecord { point: point(seq, &mac)?, text })
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = audit_head)]
pub(crate) struct AuditHeadRow {
    id: i32,
    anchor_seq: i64,
    anchor_mac: Vec<u8>,
    seq: i64,
    mac: Vec<u8>,
    seal: Vec<u8>,
}

impl AuditHeadRow {
    /// The head of a log that nothing was written to.
    pub(crate) fn empty(key: &AuditKey) -> Self {
        Self::new(&AuditHead::EMPTY, key.seal(&AuditHead::EMPTY))
    }

    fn new(head: &AuditHead, seal: AuditMac) -> Self {
        let AuditHead { anchor, newest } = head;
        Self {
            id: 1,
            anchor_seq: anchor.seq,
            anchor_mac: anchor.mac.as_bytes().to_vec(),
            seq: newest.seq,
            mac: newest.mac.as_bytes().to_vec(),
            seal: seal.as_bytes().to_vec(),
        }
    }

    pub(crate) fn read(&self) -> Read<(AuditHead, AuditMac)> {
        let (anchor, newest) = (point(self.anchor_seq, &self.anchor_mac)?, point(self.seq, &self.mac)?);
        Ok((AuditHead { anchor, newest }, AuditMac::from_bytes(hash(&self.seal, "audit_head.seal")?)))
    }
}

fn point(seq: i64, mac: &[u8]) -> Read<AuditPoint> {
    Ok(AuditPoint { seq, mac: AuditMac::from_bytes(hash(mac, "audit_log.mac")?) })
}

/// Makes the chain one entry longer. `newest` is the number and the MAC of the last row there is: when that is past the
/// head, somebody has written it who is not us.
pub(crate) fn lengthen(
    head: &AuditHeadRow,
    newest: Option<(i64, Vec<u8>)>,
    text: AuditText,
    key: &AuditKey,
) -> Read<(AuditRow, AuditHeadRow, Appended)> {
    let (head, seal) = head.read()?;
    let newest = newest.map(|(seq, mac)| point(seq, &mac)).transpose()?;
    let foreign = newest.filter(|newest| newest.seq > head.newest.seq);
    let point = key.link(&foreign.unwrap_or(head.newest), &text);
    let next = AuditHead { newest: point, ..head };
    let is_whole = foreign.is_none() && key.seal(&head) == seal;
    let seal = if is_whole { key.seal(&next) } else { BROKEN };
    let appended = if is_whole { Appended::Whole(point) } else { Appended::Broken(point) };
    Ok((AuditRow::new(point, text), AuditHeadRow::new(&next, seal), appended))
}

/// What is to be deleted, all up to and with a number, and the head after that; and what that came to. `oldest` are the
/// first rows after the anchor.
pub(crate) fn shorten(
    head: &AuditHeadRow,
    oldest: Vec<AuditRow>,
    written_before: Timestamp,
    key: &AuditKey,
) -> Read<(Option<(i64, AuditHeadRow)>, AuditPurged)> {
    let (head, seal) = head.read()?;
    if key.seal(&head) != seal {
        return Ok((None, AuditPurged { deleted: 0, is_whole: false }));
    }
    let (mut anchor, mut purged) = (head.anchor, AuditPurged { deleted: 0, is_whole: true });
    for row in oldest {
        let record = row.read()?;
        if key.link(&anchor, &record.text) != record.point {
            purged.is_whole = false;
            break;
        }
        if record.text.at >= written_before {
            break;
        }
        anchor = record.point;
        purged.deleted += 1;
    }
    if purged.deleted == 0 {
        return Ok((None, purged));
    }
    let next = AuditHead { anchor, ..head };
    Ok((Some((anchor.seq, AuditHeadRow::new(&next, key.seal(&next)))), purged))
}
