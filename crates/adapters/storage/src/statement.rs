//! Statements in an engine's own words: texts that never change, each prepared once for a connection and found again
//! without being built anew.

use std::marker::PhantomData;
use std::sync::OnceLock;

use diesel::backend::Backend;
use diesel::expression::{Expression, Selectable};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::{RunQueryDsl, SqliteConnection};

/// What stands for one placeholder of a statement.
pub(crate) trait Argument<DB: Backend> {
    /// Binds it; its placeholder is in the text.
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// A statement that changes rows.
pub(crate) trait Change: 'static {
    /// Its text, with placeholders where the arguments go.
    const SQL: &'static str;
}

/// A statement that answers with rows.
pub(crate) trait Fetch: 'static {
    /// Whose words it is in.
    type Engine: Backend;

    /// What a row is read into.
    type Row: Selectable<Self::Engine>;

    /// Its text.
    fn text() -> QueryResult<&'static str>;
}

/// Names a statement: `change!(Name, "UPDATE …")`.
macro_rules! change {
    ($(#[$doc:meta])* $name:ident, $sql:expr) => {
        $(#[$doc])*
        struct $name;

        impl $crate::statement::Change for $name {
            const SQL: &'static str = $sql;
        }
    };
}
pub(crate) use change;

/// Names a statement: `fetch_of!(Engine; Name -> Row, "SELECT ", " FROM …")`. The row's columns stand between the two
/// halves of the text.
macro_rules! fetch_of {
    ($engine:ty; $(#[$doc:meta])* $name:ident -> $row:ty, $head:expr, $tail:expr) => {
        $(#[$doc])*
        struct $name;

        impl $crate::statement::Fetch for $name {
            type Engine = $engine;
            type Row = $row;

            fn text() -> diesel::QueryResult<&'static str> {
                static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
                $crate::statement::with_columns::<Self>(&TEXT, $head, $tail)
            }
        }
    };
}
pub(crate) use fetch_of;

/// Puts `"table"."column", …` between the halves of a text, the first time.
pub(crate) fn with_columns<S: Fetch>(
    text: &'static OnceLock<String>,
    head: &str,
    tail: &str,
) -> QueryResult<&'static str>
where
    S::Engine: Default,
    <S::Engine as Backend>::QueryBuilder: Default,
    <S::Row as Selectable<S::Engine>>::SelectExpression: QueryFragment<S::Engine>,
{
    if let Some(text) = text.get() {
        return Ok(text);
    }
    let mut columns = <S::Engine as Backend>::QueryBuilder::default();
    S::Row::construct_selection().to_sql(&mut columns, &S::Engine::default())?;
    let columns = columns.finish();
    Ok(text.get_or_init(|| format!("{head}{columns}{tail}")))
}

/// A [`Change`] with its arguments.
pub(crate) struct Changing<A, S> {
    arguments: Vec<A>,
    statement: PhantomData<fn() -> S>,
}

pub(crate) const fn changing<S: Change, A>(arguments: Vec<A>) -> Changing<A, S> {
    Changing { arguments, statement: PhantomData }
}

impl<DB: Backend, A: Argument<DB>, S: Change> QueryFragment<DB> for Changing<A, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(S::SQL);
        self.arguments.iter().try_for_each(|argument| argument.push(&mut out))
    }
}

// The text depends on nothing but `S`, so what was prepared for `S` is right for every use.
impl<A, S: Change> QueryId for Changing<A, S> {
    type QueryId = S;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<A, S> RunQueryDsl<SqliteConnection> for Changing<A, S> {}

/// A [`Fetch`] with its arguments.
pub(crate) struct Fetching<A, S> {
    arguments: Vec<A>,
    statement: PhantomData<fn() -> S>,
}

pub(crate) const fn fetching<S: Fetch, A>(arguments: Vec<A>) -> Fetching<A, S> {
    Fetching { arguments, statement: PhantomData }
}

impl<A: Argument<S::Engine>, S: Fetch> QueryFragment<S::Engine> for Fetching<A, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, S::Engine>) -> QueryResult<()> {
        out.push_sql(S::text()?);
        self.arguments.iter().try_for_each(|argument| argument.push(&mut out))
    }
}

impl<A, S: Fetch> QueryId for Fetching<A, S> {
    type QueryId = S;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<A, S: Fetch> Query for Fetching<A, S> {
    type SqlType = <<S::Row as Selectable<S::Engine>>::SelectExpression as Expression>::SqlType;
}

impl<A, S> RunQueryDsl<SqliteConnection> for Fetching<A, S> {}
