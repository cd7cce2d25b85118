//! Statements in PostgreSQL's own words, whose arguments are arrays: one text, prepared once, however many rows.

use std::marker::PhantomData;

use diesel::expression::{Expression, Selectable};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};

/// The values of one argument, `$1` and so on: one for each row, or a single one for all.
#[derive(Debug)]
pub(super) enum Values<'a> {
    Texts(Vec<&'a str>),
    MaybeTexts(Vec<Option<&'a str>>),
    Blobs(Vec<&'a [u8]>),
    MaybeBlobs(Vec<Option<&'a [u8]>>),
    Integers(Vec<i32>),
    MaybeIntegers(Vec<Option<i32>>),
    BigInts(Vec<i64>),
    MaybeBigInts(Vec<Option<i64>>),
    Bools(Vec<bool>),
    BigInt(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

macro_rules! values_from {
    ($($variant:ident($values:ty);)+) => {$(
        impl<'a> From<$values> for Values<'a> {
            fn from(values: $values) -> Self {
                Self::$variant(values)
            }
        }
    )+};
}

values_from! {
    Texts(Vec<&'a str>);
    MaybeTexts(Vec<Option<&'a str>>);
    Blobs(Vec<&'a [u8]>);
    MaybeBlobs(Vec<Option<&'a [u8]>>);
    Integers(Vec<i32>);
    MaybeIntegers(Vec<Option<i32>>);
    BigInts(Vec<i64>);
    MaybeBigInts(Vec<Option<i64>>);
    Bools(Vec<bool>);
    BigInt(i64);
    Text(&'a str);
    Blob(&'a [u8]);
}

impl Values<'_> {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Texts(values) => out.push_bind_param_value_only::<Array<Text>, _>(values),
            Self::MaybeTexts(values) => out.push_bind_param_value_only::<Array<Nullable<Text>>, _>(values),
            Self::Blobs(values) => out.push_bind_param_value_only::<Array<Binary>, _>(values),
            Self::MaybeBlobs(values) => out.push_bind_param_value_only::<Array<Nullable<Binary>>, _>(values),
            Self::Integers(values) => out.push_bind_param_value_only::<Array<Integer>, _>(values),
            Self::MaybeIntegers(values) => out.push_bind_param_value_only::<Array<Nullable<Integer>>, _>(values),
            Self::BigInts(values) => out.push_bind_param_value_only::<Array<BigInt>, _>(values),
            Self::MaybeBigInts(values) => out.push_bind_param_value_only::<Array<Nullable<BigInt>>, _>(values),
            Self::Bools(values) => out.push_bind_param_value_only::<Array<Bool>, _>(values),
            Self::BigInt(value) => out.push_bind_param_value_only::<BigInt, _>(value),
            Self::Text(value) => out.push_bind_param_value_only::<Text, _>(*value),
            Self::Blob(value) => out.push_bind_param_value_only::<Binary, _>(*value),
        }
    }
}

/// One array for each column: `columns!(&rows, row => row.id.as_str(), row.due_at)`.
macro_rules! columns {
    ($rows:expr, $row:ident => $($value:expr),+ $(,)?) => {
        vec![$($crate::postgres::statement::Values::from($rows.iter().map(|$row| $value).collect::<Vec<_>>())),+]
    };
}
pub(super) use columns;

/// A statement that changes rows.
pub(super) trait Change: 'static {
    /// Its text, with `$1` and so on where the arguments go.
    const SQL: &'static str;
}

/// A statement that answers with rows.
pub(super) trait Fetch: 'static {
    /// What a row is read into; its columns stand between the two halves of the text.
    type Row: Selectable<Pg>;

    /// Its text.
    const SQL: [&'static str; 2];
}

/// Names a statement: `change!(Name, "UPDATE …")` or `fetch!(Name -> Row, "SELECT ", " FROM …")`.
macro_rules! change {
    ($(#[$doc:meta])* $name:ident, $sql:expr) => {
        $(#[$doc])*
        struct $name;

        impl $crate::postgres::statement::Change for $name {
            const SQL: &'static str = $sql;
        }
    };
}
pub(super) use change;

macro_rules! fetch {
    ($(#[$doc:meta])* $name:ident -> $row:ty, $head:expr, $tail:expr) => {
        $(#[$doc])*
        struct $name;

        impl $crate::postgres::statement::Fetch for $name {
            type Row = $row;

            const SQL: [&'static str; 2] = [$head, $tail];
        }
    };
}
pub(super) use fetch;

/// A [`Change`] with its arguments.
pub(super) struct Changing<'a, S> {
    arguments: Vec<Values<'a>>,
    statement: PhantomData<fn() -> S>,
}

pub(super) fn changing<S: Change>(arguments: Vec<Values<'_>>) -> Changing<'_, S> {
    Changing { arguments, statement: PhantomData }
}

impl<S: Change> QueryFragment<Pg> for Changing<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(S::SQL);
        self.arguments.iter().try_for_each(|values| values.push(&mut out))
    }
}

// The text depends on nothing but `S`, so what was prepared for `S` is right for every use.
impl<S: Change> QueryId for Changing<'_, S> {
    type QueryId = S;

    const HAS_STATIC_QUERY_ID: bool = true;
}

/// A [`Fetch`] with its arguments.
pub(super) struct Fetching<'a, S> {
    arguments: Vec<Values<'a>>,
    statement: PhantomData<fn() -> S>,
}

pub(super) fn fetching<S: Fetch>(arguments: Vec<Values<'_>>) -> Fetching<'_, S> {
    Fetching { arguments, statement: PhantomData }
}

impl<S: Fetch> QueryFragment<Pg> for Fetching<'_, S>
where
    <S::Row as Selectable<Pg>>::SelectExpression: QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [head, tail] = S::SQL;
        out.push_sql(head);
        // The expression lives too short to be walked itself; it is columns, and binds nothing.
        out.push_sql(&columns_of::<S::Row>()?);
        out.push_sql(tail);
        self.arguments.iter().try_for_each(|values| values.push(&mut out))
    }
}

/// `"table"."column", …`
fn columns_of<R>() -> QueryResult<String>
where
    R: Selectable<Pg>,
    R::SelectExpression: QueryFragment<Pg>,
{
    let mut builder = diesel::pg::PgQueryBuilder::default();
    R::construct_selection().to_sql(&mut builder, &Pg)?;
    Ok(diesel::query_builder::QueryBuilder::<Pg>::finish(builder))
}

impl<S: Fetch> QueryId for Fetching<'_, S> {
    type QueryId = S;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Fetch> Query for Fetching<'_, S> {
    type SqlType = <<S::Row as Selectable<Pg>>::SelectExpression as Expression>::SqlType;
}
