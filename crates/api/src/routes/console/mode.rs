use whatotp_domain::{AccountId, AccountScope, Mode};

use crate::http::Fields;
use crate::http::fields::parsed;

/// Takes `mode` out of a query or a body: a member sees both modes of their account, one at a time.
pub(super) fn scope_of(account: AccountId, fields: &mut Fields) -> AccountScope {
    let mode = fields.optional("mode", parsed("invalid_mode", "Use live or test.", Mode::parse));
    AccountScope { account, mode: mode.unwrap_or(Mode::Live) }
}
