//! The throwaway servers.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;
use whatotp_testkit::{PostgresServer, PostgresVersion, RedisCluster, RedisKind, RedisServer};

const KINDS: [RedisKind; 2] = [RedisKind::Redis, RedisKind::Valkey];

async fn count(url: &str, statement: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(statement, &[]).await.unwrap().get(0)
}

#[test]
fn there_are_two_generations_of_postgresql() {
    let majors: Vec<u32> = PostgresServer::each_version().iter().map(PostgresVersion::major).collect();
    let (oldest, newest) = (majors[0], majors[majors.len() - 1]);
    assert!(oldest < 18 && newest >= 18, "{majors:?}: `scripts/test.sh test` installs what is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_database_is_a_copy_of_a_template_that_is_made_once() {
    for version in PostgresServer::each_version() {
        let (server, migrations) = (PostgresServer::shared(&version), AtomicU32::new(0));
        let migrate = async |url: &str| {
            migrations.fetch_add(1, Ordering::SeqCst);
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
        };
        let (one, other) = tokio::join!(server.database(migrate), server.database(migrate));
        assert_eq!(server.execute(one.name(), "INSERT INTO t VALUES (2)").await, 1);
        assert_eq!(count(one.url(), "SELECT count(*) FROM t").await, 2);
        assert_eq!(count(other.url(), "SELECT count(*) FROM t").await, 1);
        assert_eq!(migrations.into_inner(), 1);
        assert_eq!(server.port(), PostgresServer::shared(&version).port());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_crashes_keeps_what_was_committed() {
    for version in PostgresServer::each_version() {
        let mut server = PostgresServer::start(&version);
        let database = server.database(async |_: &str| ()).await;
        server.execute(database.name(), "CREATE TABLE kept (n int)").await;
        server.stop();
        assert!(tokio_postgres::connect(database.url(), NoTls).await.is_err());
        server.start_again();
        assert_eq!(count(database.url(), "SELECT count(*) FROM kept").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backend_fails_its_statement() {
    let server = PostgresServer::start(&PostgresServer::each_version()[0]);
    let (database, other) = tokio::join!(server.database(async |_: &str| ()), server.database(async |_: &str| ()));
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let (spared, connection) = tokio_postgres::connect(other.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let sleeping = client.batch_execute("SELECT pg_sleep(60)");
    let (slept, killed) = tokio::join!(sleeping, server.kill_backends(&database));
    assert!(slept.is_err() && killed == 1);
    assert!(spared.batch_execute("SELECT 1").await.is_ok());
}

#[test]
fn a_redis_is_stopped_started_paused_and_flushed() {
    for kind in KINDS {
        let mut server = RedisServer::start(kind);
        assert_eq!(server.command(&["SET", "a", "1 2\r\n3"]), "OK");
        assert_eq!(server.command(&["GET", "a"]), "1 2\r\n3");
        server.flush();
        assert_eq!(server.command(&["GET", "a"]), "");
        let _one = server.command(&["INCR", "n"]);
        server.pause();
        let port = server.port();
        let asked = std::thread::spawn(move || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(asked.join().unwrap(), "the system takes the connection");
        server.resume();
        assert_eq!(server.command(&["MGET", "n", "a"]), "1\n");
        server.stop();
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
        server.start_again();
        assert_eq!((server.port(), server.command(&["DBSIZE"]).as_str()), (port, "0"));
    }
}

#[test]
fn a_cluster_serves_every_slot() {
    let cluster = RedisCluster::start(RedisKind::Redis);
    for node in cluster.nodes() {
        assert!(node.command(&["CLUSTER", "INFO"]).contains("cluster_slots_ok:16384"));
    }
    // The slot of "foo" is 12182, of the third node.
    assert_eq!(cluster.nodes()[2].command(&["SET", "foo", "1"]), "OK");
    cluster.flush();
    assert_eq!(cluster.nodes()[2].command(&["DBSIZE"]), "0");
    assert_eq!(cluster.url().matches("127.0.0.1:").count(), 3);
}

/// Ends the process in the middle of it when [`no_server_outlives_a_test_that_is_killed`] says so.
#[test]
fn servers_are_up_until_the_end() {
    let redis = RedisServer::start(RedisKind::Redis);
    let postgres = PostgresServer::start(&PostgresServer::each_version()[0]);
    if let Some(file) = std::env::var_os("WHATOTP_TEST_DIE_AFTER_NOTING_PORTS_IN") {
        let directory = redis.command(&["CONFIG", "GET", "dir"]).lines().nth(1).unwrap().to_owned();
        std::fs::write(file, format!("{} {} {directory}", redis.port(), postgres.port())).unwrap();
        std::process::abort();
    }
    assert_eq!(redis.command(&["PING"]), "PONG");
}

#[test]
fn no_server_outlives_a_test_that_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "servers::servers_are_up_until_the_end"]);
    let output = test.env("WHATOTP_TEST_DIE_AFTER_NOTING_PORTS_IN", &notes).output().unwrap();
    assert!(!output.status.success());
    let written = std::fs::read_to_string(notes).unwrap();
    let [redis, postgres, directory] = written.split(' ').collect::<Vec<_>>()[..] else { panic!("{written}") };
    for _ in 0..1_000 {
        let gone = |port: &str| std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err();
        if gone(redis) && gone(postgres) && !Path::new(directory).exists() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("still there after ten seconds: {written}");
}
