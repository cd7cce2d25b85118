use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;

/// An `UPDATE` that stays prepared; see [`update`].
pub(super) struct Update<T, W, C> {
    table: T,
    filter: W,
    changes: C,
}

/// Changes the rows of `table` that satisfy `filter`.
///
/// As [`diesel::update`], which prepares its statement anew each time, because some changesets leave columns out and so
/// have many texts: to prepare an `UPDATE` costs more than to run it. This one is kept under its text, which is right
/// for those as well.
pub(super) fn update<T, W, S>(table: T, filter: W, changes: S) -> Update<T, W, S::Changeset>
where
    T: Table,
    W: AppearsOnTable<T> + Expression<SqlType = Bool>,
    S: AsChangeset<Target = T>,
{
    Update { table, filter, changes: changes.as_changeset() }
}

impl<T, W, C> QueryFragment<Sqlite> for Update<T, W, C>
where
    T: Table + QueryFragment<Sqlite>,
    W: QueryFragment<Sqlite>,
    C: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.filter.walk_ast(out.reborrow())
    }
}

impl<T, W, C> QueryId for Update<T, W, C> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T, W, C> RunQueryDsl<SqliteConnection> for Update<T, W, C> {}
