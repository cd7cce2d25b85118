use std::collections::{BTreeMap, BTreeSet};

use whatotp_domain::Timestamp;
use whatotp_ports::{MasterKeyStore, Resealed, SealedColumn, SealedRow, SealedRowKey, SealedTable, random};
use whatotp_vault::{Keyring, Kid, Place, Sealed};

use crate::sealing::{CLAIMS, COMMENTS, DELIVERIES, LINKS, SESSIONS, TICKETS, USERS, of_account};
use crate::tickets::comment_row;
use crate::{Application, Failure, Ports};

/// Rows of one step: few, so that nobody waits long for one of them.
const BATCH: u32 = 200;
/// Passes over everything. What others change during one is the next one's; that it never ends means that a process still
/// seals with an old key.
const PASSES: usize = 5;

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotating {
    /// The table that it is in.
    pub table: SealedTable,
    /// Rows it has looked at in it.
    pub rows: u64,
    /// Values it has sealed anew in it.
    pub resealed: u64,
    /// Whether it is through with the table.
    pub is_done: bool,
}

/// What needs one master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUse {
    /// Sealed values.
    pub values: u64,
    /// Pending sessions whose code is derived from it: until when the last of them lives.
    pub codes_until: Option<Timestamp>,
    /// Whether numbers are looked up by it.
    pub index: bool,
    /// Whether it is noted as one that is in use, and asked for at every start.
    pub noted: bool,
}

impl KeyUse {
    /// Whether there is anything that could not be read, checked or found without the key.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        self.values > 0 || self.codes_until.is_some() || self.index
    }
}

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rotated {
    /// Values it sealed anew.
    pub resealed: u64,
    /// Values that do not open: their key is missing, or they are damaged. They are as they were.
    pub unopened: u64,
    /// Whether a last pass found nothing more to do.
    pub is_complete: bool,
    /// What each key is still needed for. A key that is not in here can be dropped.
    pub uses: BTreeMap<Kid, KeyUse>,
    /// Keys that were in use before, and are not any more.
    pub retired: Vec<Kid>,
}

/// One look at everything that is sealed.
#[derive(Default)]
struct Pass {
    resealed: u64,
    unopened: u64,
    uses: BTreeMap<Kid, KeyUse>,
}

impl Application {
    /// Makes sure that the key file has every master key that the database needs, and binds a database that is bound to
    /// none yet. `note` says that the active key may be used to seal from now on.
    pub async fn bind_master_keys(ports: &Ports, keyring: &mut Keyring, note: bool) -> Result<(), Failure> {
        let bound = ports.accounts.bind_master_key(keyring.index_kid()).await?;
        if !keyring.index_by(bound) {
            return Err(Failure::OtherMasterKey { bound, ours: keyring.active_kid() });
        }
        let store = &*ports.master_keys;
        let noted = store.noted_master_keys().await?;
        if let Some(missing) = noted.iter().find(|kid| !keyring.kids().any(|ours| ours == **kid)) {
            return Err(Failure::DroppedMasterKey(*missing));
        }
        if note { note_active(store, keyring, &noted).await } else { Ok(()) }
    }

    /// A process that goes on sealing with a key that was retired meanwhile says so, before the key is dropped.
    pub(crate) async fn note_active_key(&self) -> Result<(), Failure> {
        let store = &*self.ports.master_keys;
        note_active(store, &self.keyring, &store.noted_master_keys().await?).await
    }

    /// Seals everything anew that is not sealed with the active key, while others go on working. Interrupted at any
    /// moment it can be called again, and goes on with what is left: every value names the key that it needs.
    pub async fn rotate_keys(&self, mut tell: impl FnMut(Rotating) + Send) -> Result<Rotated, Failure> {
        self.note_active_key().await?;
        let mut rotated = Rotated::default();
        for _ in 0..PASSES {
            let pass = self.pass(true, &mut tell).await?;
            rotated.resealed += pass.resealed;
            rotated.unopened = pass.unopened;
            rotated.uses = pass.uses;
            if pass.resealed == 0 {
                rotated.is_complete = true;
                break;
            }
        }
        for kid in self.note_uses(&mut rotated.uses).await? {
            if rotated.is_complete && kid != self.keyring.active_kid() && !rotated.uses.contains_key(&kid) {
                self.ports.master_keys.forget_master_key(kid).await?;
                rotated.retired.push(kid);
            }
        }
        Ok(rotated)
    }

    /// What each master key is needed for. It looks at everything that is sealed.
    pub async fn key_uses(&self) -> Result<BTreeMap<Kid, KeyUse>, Failure> {
        let mut uses = self.pass(false, &mut |_| {}).await?.uses;
        self.note_uses(&mut uses).await?;
        Ok(uses)
    }

    /// Adds what no row tells, and returns the keys that were noted.
    async fn note_uses(&self, uses: &mut BTreeMap<Kid, KeyUse>) -> Result<Vec<Kid>, Failure> {
        uses.entry(self.keyring.index_kid()).or_default().index = true;
        let noted = self.ports.master_keys.noted_master_keys().await?;
        for kid in &noted {
            if let Some(one) = uses.get_mut(kid) {
                one.noted = true;
            }
        }
        Ok(noted)
    }

    async fn pass(&self, reseal: bool, tell: &mut (impl FnMut(Rotating) + Send)) -> Result<Pass, Failure> {
        let mut pass = Pass::default();
        for table in SealedTable::ALL {
            let mut state = Rotating { table, rows: 0, resealed: 0, is_done: false };
            let mut after = None;
            while !state.is_done {
                let rows = self.ports.master_keys.sealed_rows(table, after, BATCH).await?;
                let looked_at = u32::try_from(rows.len()).unwrap_or(BATCH);
                state.is_done = looked_at < BATCH;
                state.rows += u64::from(looked_at);
                after = rows.last().map(|row| row.key.clone());
                state.resealed += self.work_off(rows, reseal, &mut pass).await?;
                tell(state);
            }
            pass.resealed += state.resealed;
        }
        Ok(pass)
    }

    /// Counts what keys these rows need, after sealing them anew if that is asked for. Returns how many values were.
    async fn work_off(&self, rows: Vec<SealedRow>, reseal: bool, pass: &mut Pass) -> Result<u64, Failure> {
        let (now, active) = (self.ports.clock.now(), self.keyring.active_kid());
        let mut changes = Vec::new();
        for row in rows {
            if let Some((kid, until)) = row.code.filter(|(_, until)| *until > now) {
                let codes_until = &mut pass.uses.entry(kid).or_default().codes_until;
                *codes_until = (*codes_until).max(Some(until));
            }
            for (column, old) in row.values {
                if reseal && old.kid() != Some(active) {
                    match self.resealed(&row.key, column, old.clone())? {
                        Some(change) => {
                            changes.push(change);
                            continue;
                        }
                        None => pass.unopened += 1,
                    }
                }
                if let Some(kid) = old.kid() {
                    pass.uses.entry(kid).or_default().values += 1;
                }
            }
        }
        if changes.is_empty() {
            return Ok(0);
        }
        Ok(self.ports.master_keys.reseal(changes).await?)
    }

    /// `None` when the value does not open.
    fn resealed(&self, key: &SealedRowKey, column: SealedColumn, old: Sealed) -> Result<Option<Resealed>, Failure> {
        let row = row_id(key);
        let place = place(key, column, &row);
        let Ok(plain) = self.keyring.open(&place, &old) else { return Ok(None) };
        let new = self.keyring.seal(&place, &plain, random(&*self.ports.entropy)?);
        Ok(Some(Resealed { key: key.clone(), column, old, new }))
    }
}

async fn note_active(store: &dyn MasterKeyStore, keyring: &Keyring, noted: &[Kid]) -> Result<(), Failure> {
    let active = keyring.active_kid();
    let known: BTreeSet<&Kid> = noted.iter().collect();
    if !known.contains(&active) {
        store.note_master_key(active).await?;
    }
    Ok(())
}

/// What tells the row from the others of its table, as [`crate::sealing`] and [`crate::senders`] have it.
fn row_id(key: &SealedRowKey) -> Vec<u8> {
    match key {
        SealedRowKey::Sender(id) => id.as_str().as_bytes().to_vec(),
        SealedRowKey::Session(_, id) => id.to_bytes().to_vec(),
        SealedRowKey::Delivery(_, id) => id.to_bytes().to_vec(),
        SealedRowKey::Claim(_, key) => key.as_bytes().to_vec(),
        SealedRowKey::Ticket(_, id) => id.to_bytes().to_vec(),
        SealedRowKey::User(_, id) => id.to_bytes().to_vec(),
        SealedRowKey::Link(_, id) => id.to_bytes().to_vec(),
        SealedRowKey::Comment(_, ticket, id) => comment_row(*ticket, *id),
    }
}

fn place<'a>(key: &SealedRowKey, column: SealedColumn, row: &'a [u8]) -> Place<'a> {
    let (scope, table) = match key {
        SealedRowKey::Sender(_) => (None, "senders"),
        SealedRowKey::Session(scope, _) => (Some(*scope), SESSIONS),
        SealedRowKey::Delivery(scope, _) => (Some(*scope), DELIVERIES),
        SealedRowKey::Claim(scope, _) => (Some(*scope), CLAIMS),
        SealedRowKey::Ticket(account, _) => (Some(of_account(*account)), TICKETS),
        SealedRowKey::Comment(account, ..) => (Some(of_account(*account)), COMMENTS),
        SealedRowKey::User(account, _) => (Some(of_account(*account)), USERS),
        SealedRowKey::Link(account, _) => (Some(of_account(*account)), LINKS),
    };
    let column = match column {
        SealedColumn::AccessToken => "access_token",
        SealedColumn::Recipient => "recipient",
        SealedColumn::Metadata => "metadata",
        SealedColumn::Variables => "variables",
        SealedColumn::Answer | SealedColumn::Body => "body",
        SealedColumn::Subject => "subject",
        SealedColumn::Email => "email",
        SealedColumn::Name => "name",
        // One becomes the other as it is.
        SealedColumn::Totp | SealedColumn::TotpPending => "totp",
    };
    Place { scope, table, column, row }
}
