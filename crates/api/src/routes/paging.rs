use crate::http::Fields;
use crate::http::fields::{cursor, integer};

const DEFAULT_LIMIT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// Which page of a list is asked for.
pub(crate) struct Paging<Id> {
    /// Only what is older than this.
    pub before: Option<Id>,
    limit: u32,
}

impl<Id> Paging<Id> {
    /// So many rows older than `before`.
    pub(crate) const fn new(before: Option<Id>, limit: u32) -> Self {
        Self { before, limit }
    }

    /// Takes `cursor` and `limit` out of a query. A cursor is the id that the page before ended with.
    pub(super) fn take<E>(query: &mut Fields, parse: impl FnOnce(&str) -> Result<Id, E>) -> Self {
        let before = query.optional("cursor", cursor(|text| parse(text).ok()));
        let limit = query.optional("limit", integer(1, LIMIT_MAX)).unwrap_or(DEFAULT_LIMIT);
        Self::new(before, limit)
    }

    /// How many rows to read: one more than asked for tells whether there is a next page.
    pub(crate) const fn rows(&self) -> u32 {
        self.limit + 1
    }

    /// Cuts what was read back to what was asked for, and names the cursor of the next page if there is one.
    pub(crate) fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(id).filter(|_| more);
        (rows, next)
    }
}
