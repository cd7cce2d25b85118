//! The server's own data, reached past it: to fill it, and to see what the engine does by itself.

use std::fmt::Write as _;

use rusqlite::Connection;
use tokio_postgres::{Client, NoTls};

use crate::Failure;
use crate::site::Site;

/// A connection of one's own. No server may have the file open.
pub(crate) enum Database {
    Sqlite(Connection),
    Postgres(Client),
}

impl Database {
    pub(crate) async fn open(site: &Site) -> Result<Self, Failure> {
        let Some(url) = site.store.postgres() else {
            let connection = Connection::open(site.directory.path().join("data/whatotp.db"))?;
            return Ok(Self::Sqlite(connection));
        };
        Ok(Self::Postgres(connect(&url).await?))
    }

    /// Runs statements that answer nothing.
    pub(crate) async fn run(&self, statements: &str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(statements)?,
            Self::Postgres(client) => client.batch_execute(statements).await?,
        }
        Ok(())
    }

    /// The one text that a query finds.
    pub(crate) async fn text(&self, query: &str) -> Result<String, Failure> {
        Ok(match self {
            Self::Sqlite(connection) => connection.query_row(query, (), |row| row.get(0))?,
            Self::Postgres(client) => client.query_one(query, &[]).await?.try_get(0)?,
        })
    }

    /// What engines say differently.
    pub(crate) const fn words(&self) -> Words {
        match self {
            Self::Sqlite(_) => Words {
                columns: "SELECT group_concat(name, ' ') FROM pragma_table_info",
                literal: "quote",
                hex: "lower(hex(randomblob(8)))",
                hash: "randomblob(32)",
            },
            Self::Postgres(_) => Words {
                columns: "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                          WHERE attnum > 0 AND NOT attisdropped AND attrelid = to_regclass",
                literal: "quote_nullable",
                hex: "substr(md5(random()::text), 1, 16)",
                hash: "sha256(random()::text::bytea)",
            },
        }
    }

    /// The columns of a table.
    pub(crate) async fn columns(&self, table: &str) -> Result<Vec<String>, Failure> {
        let names = self.text(&format!("{}('{table}')", self.words().columns)).await?;
        Ok(names.split(' ').map(str::to_owned).collect())
    }
}

/// Pieces of SQL.
pub(crate) struct Words {
    columns: &'static str,
    /// A function: the literal for a value.
    pub(crate) literal: &'static str,
    /// 16 random hexadecimal digits.
    pub(crate) hex: &'static str,
    /// 32 random bytes.
    pub(crate) hash: &'static str,
}

pub(crate) async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The beginning of an id that was made at `ms` (an expression): 48 bits of milliseconds are its first ten digits. With 16
/// digits more, hexadecimal ones, it is a whole id.
pub(crate) fn id_time(ms: &str) -> String {
    let mut digits = String::new();
    for shift in (0..10).rev().map(|digit| digit * 5) {
        let separator = if digits.is_empty() { "" } else { " || " };
        // Writing to a String cannot fail.
        let _ = write!(
            digits,
            "{separator}substr('0123456789abcdefghjkmnpqrstvwxyz', CAST(({ms} >> {shift}) & 31 AS integer) + 1, 1)"
        );
    }
    digits
}
