use std::process::Command;

use tempfile::TempDir;
use tokio::time::Instant;
use whatotp_testkit::{PostgresServer, ServerProcess};

use super::{BINARY, LONG, Stage, until};

const ROUNDS: usize = 20;
const AT_ONCE: usize = 4;

fn server(directory: &TempDir, url: &str) -> ServerProcess {
    let server = ServerProcess::builder(BINARY).directory(directory.path()).arg("serve");
    let server = server.env("WHATOTP_DATABASE_URL", url).env("WHATOTP_MASTER_KEY_FILE", "master.key");
    server.env("WHATOTP_SERVER__WORKERS", "1").env("WHATOTP_LOG__LEVEL", "warn").spawn()
}

/// Starts four at once on a database that does not even have tables, and waits until all of them listen.
async fn four_starts(postgres: &PostgresServer, round: usize, with_key_file: Option<&str>) {
    let directory = tempfile::tempdir().unwrap();
    if let Some(key) = with_key_file {
        let path = directory.path().join("master.key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let name = format!("start_{}_{round}", if with_key_file.is_some() { "with_key" } else { "without_key" });
    postgres.execute("postgres", &format!("CREATE DATABASE {name}")).await;
    let url = postgres.url(&name);
    let mut servers: Vec<ServerProcess> = (0..AT_ONCE).map(|_| server(&directory, &url)).collect();
    for server in &servers {
        // It panics with what was printed when the process ends instead.
        server.wait_for_line("listening on http://");
    }
    for server in &mut servers {
        server.kill9();
        assert!(!server.logs().contains("ERROR"), "round {round}: {}", server.logs());
    }
    postgres.execute("postgres", &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_that_start_at_once_on_an_empty_database_all_start_with_one_key_file() {
    let key = a_key_file();
    for version in PostgresServer::each_version() {
        let (postgres, begun) = (PostgresServer::start(&version), Instant::now());
        for round in 0..ROUNDS {
            four_starts(&postgres, round, Some(&key)).await;
        }
        println!("PostgreSQL {}: {ROUNDS} rounds of {AT_ONCE} in {:?}", version.major(), begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_that_start_at_once_on_an_empty_database_agree_on_the_key_file_that_one_of_them_makes() {
    for version in PostgresServer::each_version() {
        let (postgres, begun) = (PostgresServer::start(&version), Instant::now());
        for round in 0..ROUNDS {
            four_starts(&postgres, round, None).await;
        }
        println!("PostgreSQL {}: {ROUNDS} rounds of {AT_ONCE} in {:?}", version.major(), begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_newer_than_the_program_is_refused_and_left_as_it_is() {
    for version in PostgresServer::each_version() {
        let stage = Stage::start(&version).await;
        stage.key(whatotp_domain::Mode::Test);
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')";
        stage.postgres.execute(stage.database.name(), newer).await;
        for arguments in [&["serve"][..], &["migrate"], &["keys", "list"]] {
            let mut command = Command::new(BINARY);
            command.current_dir(stage.directory.path()).env_clear().envs(stage.variables()).args(arguments);
            let ended = tokio::time::timeout(LONG, tokio::task::spawn_blocking(move || command.output().unwrap()));
            let output = ended.await.expect("it ends").unwrap();
            let printed = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{arguments:?} did not refuse");
            assert!(printed.contains("20991231000000") && printed.contains("newer"), "{arguments:?}: {printed}");
            println!("{arguments:?}: {}", printed.trim());
        }
        let clean = "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000000'";
        assert_eq!(stage.postgres.execute(stage.database.name(), clean).await, 1);
        let again = stage.serve("all");
        let client = super::Client::new(again.base_url(), "");
        until("a ready server", async || client.get("/readyz").await.status == 200).await;
    }
}

/// A master key such as an operator prepares for all machines.
fn a_key_file() -> String {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::builder(BINARY).directory(directory.path()).start();
    let key = std::fs::read_to_string(server.directory().join("data/master.key")).unwrap();
    drop(server);
    key
}
