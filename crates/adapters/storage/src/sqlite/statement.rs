//! The statements of every code and message, in SQLite's own words: to build such a text anew costs as much as to run it.

use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::statement::{self, Argument, Changing, Fetch, Fetching};
pub(super) use crate::statement::{Change, change};

/// The value of one argument, `?1` and so on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Blob(&'a [u8]),
    MaybeBlob(Option<&'a [u8]>),
    Integer(i32),
    BigInt(i64),
    MaybeBigInt(Option<i64>),
}

macro_rules! value_from {
    ($($variant:ident($value:ty);)+) => {$(
        impl<'a> From<$value> for Value<'a> {
            fn from(value: $value) -> Self {
                Self::$variant(value)
            }
        }
    )+};
}

value_from! {
    Text(&'a str);
    MaybeText(Option<&'a str>);
    Blob(&'a [u8]);
    MaybeBlob(Option<&'a [u8]>);
    Integer(i32);
    BigInt(i64);
    MaybeBigInt(Option<i64>);
}

impl Argument<Sqlite> for Value<'_> {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        match self {
            Self::Text(value) => out.push_bind_param_value_only::<Text, _>(*value),
            Self::MaybeText(value) => out.push_bind_param_value_only::<Nullable<Text>, _>(value),
            Self::Blob(value) => out.push_bind_param_value_only::<Binary, _>(*value),
            Self::MaybeBlob(value) => out.push_bind_param_value_only::<Nullable<Binary>, _>(value),
            Self::Integer(value) => out.push_bind_param_value_only::<Integer, _>(value),
            Self::BigInt(value) => out.push_bind_param_value_only::<BigInt, _>(value),
            Self::MaybeBigInt(value) => out.push_bind_param_value_only::<Nullable<BigInt>, _>(value),
        }
    }
}

/// The arguments of a statement: `values![row.id.as_str(), row.due_at]`.
macro_rules! values {
    ($($value:expr),+ $(,)?) => {
        vec![$($crate::sqlite::statement::Value::from($value)),+]
    };
}
pub(super) use values;

/// Names a statement: `fetch!(Name -> Row, "SELECT ", " FROM …")`.
macro_rules! fetch {
    ($($statement:tt)+) => {
        $crate::statement::fetch_of!(diesel::sqlite::Sqlite; $($statement)+);
    };
}
pub(super) use fetch;

pub(super) const fn changing<S: Change>(arguments: Vec<Value<'_>>) -> Changing<Value<'_>, S> {
    statement::changing(arguments)
}

pub(super) const fn fetching<S: Fetch>(arguments: Vec<Value<'_>>) -> Fetching<Value<'_>, S> {
    statement::fetching(arguments)
}
