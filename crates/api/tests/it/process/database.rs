use whatotp_storage::postgres::migrate;
use whatotp_testkit::{PostgresDatabase, PostgresServer, ServerBuilder};

/// What a server keeps its data in.
#[expect(clippy::large_enum_variant, reason = "there is one to a test")]
pub(super) enum Database {
    /// A file in its directory.
    Sqlite,
    /// A database on a PostgreSQL of this test's own.
    Postgres(PostgresServer, PostgresDatabase),
}

impl Database {
    /// On the oldest PostgreSQL that is installed.
    pub(super) async fn postgres() -> Self {
        let server = PostgresServer::start(PostgresServer::each_version().first().unwrap());
        let database = server.database(async |url| drop(migrate(&url.into(), false).await.unwrap())).await;
        Self::Postgres(server, database)
    }

    /// What the program must be told of it.
    pub(super) fn variables(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Sqlite => Vec::new(),
            Self::Postgres(_, database) => vec![("WHATOTP_DATABASE_URL", database.url())],
        }
    }

    /// A server that uses it.
    pub(super) fn used_by(&self, server: ServerBuilder) -> ServerBuilder {
        self.variables().into_iter().fold(server, |server, (name, value)| server.env(name, value))
    }
}
