use whatotp_domain::{AccountScope, EmailAddress, PhoneNumber};

use crate::Keyring;
use crate::digest::{digests, hex_prefix};

const PER_ACCOUNT: &str = "whatotp/phone-index/v1/account";
const EMAIL: &str = "whatotp/email-index/v1";
const MESSAGE: &str = "whatotp/message-index/v1";
const GLOBAL: &str = "whatotp/phone-index/v1/global";
const TRAFFIC: &str = "whatotp/traffic-index/v1";

digests! {
    /// A keyed hash of a phone number, by which rows are found without the number being readable in the database.
    ///
    /// It is still personal data. An unkeyed hash would be no protection: all numbers there are can be tried.
    BlindIndex;

    /// A keyed hash of an e-mail address, by which a user is found without the address being readable in the database.
    EmailIndex;

    /// A keyed hash of a provider's id for a message, by which its reports are joined with the message. A keyed one,
    /// because the id holds the recipient's number: a wamid is that number, among other things, in base64.
    MessageIndex;
}

impl BlindIndex {
    /// 8 hex characters that tell numbers apart in the logs.
    #[must_use]
    pub fn tag(&self) -> String {
        hex_prefix(&self.0, 4)
    }

    /// All 64 hex characters.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex_prefix(&self.0, 32)
    }
}

impl Keyring {
    /// A number as one account and mode knows it: no other can be matched with it.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn blind_index(&self, scope: AccountScope, number: &PhoneNumber) -> BlindIndex {
        let number = number.as_e164();
        BlindIndex(self.indexing().phone_index.scoped_tag(PER_ACCOUNT, scope, &[number.as_bytes()]))
    }

    /// A number as the whole installation knows it, for the limits that hold over all accounts.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn global_index(&self, number: &PhoneNumber) -> BlindIndex {
        let number = number.as_e164();
        BlindIndex(self.indexing().phone_index.tag(GLOBAL, &[number.as_bytes()]))
    }

    /// An e-mail address, whatever the case it is typed in.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn email_index(&self, address: &EmailAddress) -> EmailIndex {
        EmailIndex(self.indexing().phone_index.tag(EMAIL, &[address.folded().as_bytes()]))
    }

    /// A provider's id for a message.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn message_index(&self, provider_message_id: &str) -> MessageIndex {
        MessageIndex(self.indexing().phone_index.tag(MESSAGE, &[provider_message_id.as_bytes()]))
    }
    /// What one account's messages are counted under, when `value` (an end user's address, the beginning of a number) must
    /// not be readable in the database: 32 hex characters. `dimension` says what it is.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn traffic_index(&self, scope: AccountScope, dimension: &str, value: &[u8]) -> String {
        hex_prefix(&self.indexing().phone_index.scoped_tag(TRAFFIC, scope, &[dimension.as_bytes(), value]), 16)
    }
}
