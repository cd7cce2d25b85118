use whatotp_domain::{AccountScope, Code, CodeLength, SessionId};
use zeroize::Zeroizing;

use crate::digest::leading_u64;
use crate::{Keyring, Kid};

const LABEL: &str = "whatotp/otp/v1";

impl Keyring {
    /// The code of a session; `None` when `kid` is not on the ring.
    ///
    /// The code is nowhere stored: it is a function of the key and of what it is bound to, so a resend, a retry after a
    /// crash and every replica come to the same one, and a stolen database holds none. Another account, mode, session,
    /// purpose or length is another code.
    ///
    /// It is HMAC-SHA256(otp key, label, account, mode, session, purpose, length), each field after its own length, of
    /// which the first 64 bits are read as a number. They leave a bias below 10^8 / 2^64.
    #[must_use]
    pub fn derive_code(
        &self,
        kid: &Kid,
        scope: AccountScope,
        session: SessionId,
        purpose: &str,
        length: CodeLength,
    ) -> Option<Code> {
        let keys = self.find(*kid)?;
        let fields: [&[u8]; 3] = [&session.to_bytes(), purpose.as_bytes(), &[length.get()]];
        let tag = Zeroizing::new(keys.otp.scoped_tag(LABEL, scope, &fields));
        Some(Code::from_number(leading_u64(&tag), length))
    }
}
