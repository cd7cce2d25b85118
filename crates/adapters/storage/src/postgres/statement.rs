//! Statements in PostgreSQL's own words, whose arguments are arrays: one text, prepared once, however many rows.

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};

use crate::statement::{self, Argument, Changing, Fetch, Fetching};
pub(super) use crate::statement::{Change, change};

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

impl Argument<Pg> for Values<'_> {
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

/// Names a statement: `fetch!(Name -> Row, "SELECT ", " FROM …")`.
macro_rules! fetch {
    ($($statement:tt)+) => {
        $crate::statement::fetch_of!(diesel::pg::Pg; $($statement)+);
    };
}
pub(super) use fetch;

pub(super) const fn changing<S: Change>(arguments: Vec<Values<'_>>) -> Changing<Values<'_>, S> {
    statement::changing(arguments)
}

pub(super) const fn fetching<S: Fetch>(arguments: Vec<Values<'_>>) -> Fetching<Values<'_>, S> {
    statement::fetching(arguments)
}
