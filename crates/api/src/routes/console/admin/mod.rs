//! What the people who run the platform do, over all accounts.

pub(crate) mod accounts;
pub(crate) mod blocks;
pub(crate) mod dead_letters;
pub(crate) mod senders;

use super::audit::audit;
