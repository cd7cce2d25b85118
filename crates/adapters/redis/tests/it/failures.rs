//! Servers that are gone, silent, slow, empty or full.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing_subscriber::fmt::MakeWriter;
use whatotp_ports::{RateLimiter as _, RateRule};
use whatotp_redis::RedisRateLimiter;
use whatotp_testkit::{Fault, FaultProxy, RedisCluster, RedisKind, RedisServer};

use super::{admitted, per_minute, process};

/// Longer than a call may take: its deadline, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_millis(400);

fn through(proxy: &FaultProxy) -> String {
    format!("redis://127.0.0.1:{}", proxy.port())
}

/// Asks with a rule of its own until the limiter has noticed, and returns how long the longest call took.
async fn ask_until(limiter: &RedisRateLimiter, is_shared: bool) -> Duration {
    let mut longest = Duration::ZERO;
    let noticed = async {
        while limiter.is_shared() != is_shared {
            let begun = Instant::now();
            assert!(limiter.admit(&[per_minute(99, u32::MAX)]).await.admitted);
            longest = longest.max(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), noticed).await.expect("it notices within 5 s");
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_costs_nobody_an_answer_and_is_used_again_when_it_is_back() {
    for kind in [RedisKind::Redis, RedisKind::Valkey] {
        let mut server = RedisServer::start(kind);
        let (one, other) = (process(&server.url()).await, process(&server.url()).await);
        let rule = [per_minute(1, 10)];
        assert_eq!(admitted(&one, 6, &rule).await + admitted(&other, 9, &rule).await, 10);
        server.stop();
        // Each is left with its own part of what it admitted itself.
        let (more_one, more_other) = (admitted(&one, 20, &rule).await, admitted(&other, 20, &rule).await);
        assert_eq!((more_one, more_other), (4, 6), "the quota for each process, and not once more");
        ask_until(&one, false).await;
        server.start_again();
        // It is back, and remembers nothing.
        for limiter in [&one, &other] {
            ask_until(limiter, true).await;
            assert_eq!(admitted(limiter, 20, &rule).await, 0, "no fresh budget");
        }
        let fresh = [per_minute(2, 10)];
        assert_eq!(admitted(&one, 7, &fresh).await + admitted(&other, 7, &fresh).await, 10, "together again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_gone_is_used_again_when_it_is_back() {
    let cluster = RedisCluster::start(RedisKind::Redis);
    let limiter = process(&cluster.url()).await;
    assert!(limiter.is_shared());
    cluster.nodes().iter().for_each(RedisServer::pause);
    assert!(ask_until(&limiter, false).await < PATIENCE);
    let rule = [per_minute(1, 3)];
    assert_eq!(admitted(&limiter, 9, &rule).await, 3);
    cluster.nodes().iter().for_each(RedisServer::resume);
    ask_until(&limiter, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_at_the_start_is_found_later() {
    let mut server = RedisServer::start(RedisKind::Redis);
    server.stop();
    let limiter = process(&server.url()).await;
    assert!(!limiter.is_shared());
    assert_eq!(admitted(&limiter, 9, &[per_minute(1, 3)]).await, 3);
    server.start_again();
    ask_until(&limiter, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_holds_up_one_call_a_tenth_of_a_second() {
    let server = RedisServer::start(RedisKind::Redis);
    let limiter = process(&server.url()).await;
    let rule = [per_minute(1, 5)];
    assert_eq!(admitted(&limiter, 2, &rule).await, 2);
    server.pause();
    let begun = Instant::now();
    assert!(limiter.admit(&rule).await.admitted);
    assert!(begun.elapsed() >= Duration::from_millis(100) && begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(admitted(&limiter, 1_000, &rule).await, 2);
    assert!(begun.elapsed() < PATIENCE, "nobody waits after the first: {:?}", begun.elapsed());
    server.resume();
    ask_until(&limiter, true).await;
    assert_eq!(admitted(&limiter, 5, &rule).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_network_is_survived() {
    let server = RedisServer::start(RedisKind::Redis);
    let proxy = FaultProxy::start(server.port());
    let limiter = process(&through(&proxy)).await;
    let slow = Fault::Latency(Duration::from_millis(300));
    for fault in [Fault::Reset, Fault::Stall, Fault::Blackhole, slow, Fault::CutAfter(300)] {
        assert!(limiter.is_shared());
        proxy.set_both(fault);
        assert!(ask_until(&limiter, false).await < PATIENCE, "{fault:?}");
        proxy.heal();
        assert!(ask_until(&limiter, true).await < PATIENCE, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_network_sees_one_attempt_at_a_time() {
    let server = RedisServer::start(RedisKind::Redis);
    let proxy = FaultProxy::start(server.port());
    let limiter = Arc::new(process(&through(&proxy)).await);
    let before = proxy.connections();
    proxy.set_both(Fault::Reset);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2_500) {
        let calls = (0..50).map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.admit(&[per_minute(1, u32::MAX)]).await.admitted })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(call.await.unwrap());
        }
    }
    let attempts = proxy.connections() - before;
    assert!((1..=3).contains(&attempts), "one a second, not {attempts} in 2.5 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_gives_no_process_a_fresh_budget() {
    let server = RedisServer::start(RedisKind::Redis);
    let (one, other) = (process(&server.url()).await, process(&server.url()).await);
    let rule = [per_minute(1, 10)];
    assert_eq!(admitted(&one, 7, &rule).await + admitted(&other, 3, &rule).await, 10);
    server.flush();
    assert_eq!(admitted(&one, 20, &rule).await, 3);
    server.flush();
    assert_eq!(admitted(&other, 20, &rule).await, 7);
    server.flush();
    assert_eq!(admitted(&one, 20, &rule).await + admitted(&other, 20, &rule).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_count_is_not_taken_for_one_that_is_back() {
    let server = RedisServer::start(RedisKind::Redis);
    let limiter = process(&server.url()).await;
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    ask_until(&limiter, false).await;
    let refused = |server: &RedisServer| server.command(&["INFO", "errorstats"]).contains("errorstat_OOM");
    assert!(refused(&server));
    assert_eq!(server.command(&["CONFIG", "RESETSTAT"]), "OK");
    // The next attempt is refused, too.
    let attempted = async {
        while !refused(&server) {
            assert!(limiter.admit(&[per_minute(1, u32::MAX)]).await.admitted);
            assert!(!limiter.is_shared());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), attempted).await.unwrap();
    assert!(!limiter.is_shared());
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    ask_until(&limiter, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_client_is_refused_without_asking_the_server() {
    let server = RedisServer::start(RedisKind::Redis);
    let limiter = process(&server.url()).await;
    let rule = [per_minute(1, 5)];
    assert_eq!(admitted(&limiter, 5, &rule).await, 5);
    let calls =
        || server.command(&["INFO", "commandstats"]).lines().find(|line| line.contains("evalsha:")).unwrap().to_owned();
    let before = calls();
    let refused = limiter.admit(&rule).await;
    assert!(!refused.admitted && refused.states[0].remaining == 0);
    assert!(refused.states[0].retry_after > Duration::from_secs(59));
    assert_eq!(admitted(&limiter, 100, &rule).await, 0);
    assert_eq!(calls(), before);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn it_is_logged_once_when_it_goes_and_once_when_it_comes_back() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_max_level(tracing::Level::INFO).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = RedisServer::start_with(RedisKind::Redis, &["--requirepass", "hush"]);
    let proxy = FaultProxy::start(server.port());
    let limiter = process(&through(&proxy).replace("://", "://:hush@")).await;
    let rule = [RateRule { cost: 1, ..per_minute(0xFACE, u32::MAX) }];
    proxy.set_both(Fault::Reset);
    let begun = Instant::now();
    // Through several attempts.
    while begun.elapsed() < Duration::from_millis(2_200) {
        admitted(&limiter, 10, &rule).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.heal();
    ask_until(&limiter, true).await;
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.matches("Redis is lost").count(), 1, "{written}");
    assert_eq!(written.matches("Redis is back").count(), 1, "{written}");
    assert!(!written.contains("hush") && !written.contains("face"), "{written}");
}
