use std::fmt::Write as _;

use whatotp_domain::{Actor, AuditAction, ConsoleSession, User};
use whatotp_ports::{UserRecord, random};
use whatotp_vault::{RecoveryHash, Sealed, TotpSecret};
use zeroize::Zeroizing;

use crate::sealing::{Row, USERS, of_account};
use crate::{Application, Failure};

/// How many recovery codes somebody has.
const RECOVERY_CODES: usize = 10;
/// What an authenticator app shows as where the code is for.
const ISSUER: &str = "WhatOTP";

/// A second factor that is still to be shown to work.
#[derive(Debug, Clone)]
pub struct TotpOffer {
    /// What the app is to keep.
    pub secret: TotpSecret,
    /// The same as a link, which most apps read from a picture.
    pub url: Zeroizing<String>,
}

impl Application {
    /// Offers a second factor. It counts when a code of it has been shown; one that is there goes on counting till then.
    pub async fn offer_totp(&self, user: &User) -> Result<TotpOffer, Failure> {
        let bytes: Zeroizing<[u8; 20]> = Zeroizing::new(random(&*self.ports.entropy)?);
        let secret = TotpSecret::from_bytes(&bytes[..]).ok_or(Failure::Corrupt("second factor"))?;
        let id = user.id.to_bytes();
        let row = Row { scope: of_account(user.account), table: USERS, id: &id };
        let sealed = self.seal(row, "totp", secret.as_bytes())?;
        self.ports.users.offer_totp(user.id, sealed).await?;
        let url = format!(
            "otpauth://totp/{ISSUER}:{}?secret={}&issuer={ISSUER}",
            escaped(user.email.as_str()),
            *secret.to_base32()
        );
        Ok(TotpOffer { secret, url: Zeroizing::new(url) })
    }

    /// Makes the second factor that was offered the one that counts, when `code` is one of its codes. Returns the recovery
    /// codes, which are shown this once; `None` when the code is wrong or nothing was offered. Ends the other sessions.
    pub async fn confirm_totp(
        &self,
        user: &User,
        session: &ConsoleSession,
        code: &str,
    ) -> Result<Option<Vec<String>>, Failure> {
        let Some(record) = self.ports.users.find_user(user.id).await? else { return Ok(None) };
        let Some(pending) = record.totp_pending.clone() else { return Ok(None) };
        let Some(step) = self.open_totp(&record, &pending)?.step_of(code, self.unix_seconds()) else { return Ok(None) };
        let codes = self.recovery_codes()?;
        let hashes = codes.iter().map(|code| RecoveryHash::of(&compared(code))).collect();
        if !self.ports.users.confirm_totp(user.id, pending, step, hashes, session.id).await? {
            return Ok(None);
        }
        let actor = Actor::User(user.id);
        self.audit_member(user.account, actor, AuditAction::UserSecondFactorAdded, user.id, String::new()).await?;
        Ok(Some(codes))
    }

    /// Takes somebody's second factor away. `false` when they have none.
    pub async fn remove_totp(&self, user: &User, actor: Actor) -> Result<bool, Failure> {
        let removed = self.ports.users.remove_totp(user.id).await?;
        if removed {
            let action = AuditAction::UserSecondFactorRemoved;
            self.audit_member(user.account, actor, action, user.id, String::new()).await?;
        }
        Ok(removed)
    }

    /// How many recovery codes somebody has left.
    pub async fn recovery_codes_left(&self, user: &User) -> Result<u64, Failure> {
        Ok(self.ports.users.count_recovery_codes(user.id).await?)
    }

    /// Whether `code` is one of the second factor that was not used before, or a recovery code. It is used up.
    pub(crate) async fn check_code(&self, record: &UserRecord, code: &str) -> Result<bool, Failure> {
        let Some(totp) = &record.totp else { return Ok(false) };
        let code = compared(code);
        if code.len() == 6 {
            let step = self.open_totp(record, totp)?.step_of(&code, self.unix_seconds());
            let Some(step) = step else { return Ok(false) };
            return Ok(self.ports.users.use_totp_step(record.id, step).await?);
        }
        let used = self.ports.users.use_recovery_code(record.id, &RecoveryHash::of(&code)).await?;
        if used {
            let action = AuditAction::UserRecoveryCodeUsed;
            self.audit_member(record.account, Actor::User(record.id), action, record.id, String::new()).await?;
        }
        Ok(used)
    }

    fn open_totp(&self, record: &UserRecord, sealed: &Sealed) -> Result<TotpSecret, Failure> {
        let id = record.id.to_bytes();
        let row = Row { scope: of_account(record.account), table: USERS, id: &id };
        let bytes = Zeroizing::new(self.open(row, "totp", sealed)?);
        TotpSecret::from_bytes(&bytes).ok_or(Failure::Corrupt("second factor"))
    }

    fn unix_seconds(&self) -> u64 {
        self.ports.clock.now().unix_seconds().try_into().unwrap_or_default()
    }

    /// 64 random bits each, in groups that people can copy: `1f2e-3d4c-5b6a-7988`.
    fn recovery_codes(&self) -> Result<Vec<String>, Failure> {
        let code = || {
            let groups: [[u8; 2]; 4] = [self.two()?, self.two()?, self.two()?, self.two()?];
            Ok(groups.map(|[high, low]| format!("{high:02x}{low:02x}")).join("-"))
        };
        (0..RECOVERY_CODES).map(|_| code()).collect()
    }

    fn two(&self) -> Result<[u8; 2], Failure> {
        Ok(random(&*self.ports.entropy)?)
    }
}

/// A code as it is compared: however it was copied.
fn compared(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

/// An address as it stands in a URL.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
