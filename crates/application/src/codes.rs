use whatotp_domain::{AccountScope, Code, CodeLength, SessionId, Timestamp};
use whatotp_ports::SessionRecord;

use crate::{Application, Failure};

impl Application {
    /// The code of a session, which is stored nowhere.
    pub(crate) fn code_of(&self, record: &SessionRecord) -> Result<Code, Failure> {
        let session = &record.session;
        let purpose = session.purpose.as_str();
        let code = self.keyring.derive_code(&record.kid, session.scope, session.id, purpose, session.code_length);
        code.ok_or(Failure::MissingMasterKey(record.kid))
    }

    /// Does the work of a derivation for a session that is not there, so that the time taken does not tell.
    pub(crate) fn pretend_to_derive(&self, scope: AccountScope) {
        let nobody = SessionId::earliest_at(Timestamp::default());
        let kid = self.keyring.active_kid();
        std::hint::black_box(self.keyring.derive_code(&kid, scope, nobody, "default", CodeLength::DEFAULT));
    }
}
