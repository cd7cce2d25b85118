//! Several processes, one limit.

use std::time::Duration;

use whatotp_ports::{RateLimiter as _, RateRule};
use whatotp_testkit::{RedisCluster, RedisKind, RedisServer};

use super::{admitted, per_minute, process};

async fn four_processes_get_exactly_the_quota(url: &str) {
    let (mut running, shared) = (Vec::new(), per_minute(100, 300));
    for number in 0..4_u64 {
        let limiter = std::sync::Arc::new(process(url).await);
        for task in 0..8_u64 {
            let (limiter, own) = (std::sync::Arc::clone(&limiter), per_minute(number * 8 + task, 1_000));
            running.push(tokio::spawn(async move {
                let admitted = admitted(&limiter, 20, &[own, shared]).await;
                let look = limiter.admit(&[RateRule { cost: 0, ..own }]).await;
                assert!(limiter.is_shared());
                assert_eq!(look.states[0].remaining, 1_000 - admitted, "a refused call counts nowhere");
                admitted
            }));
        }
    }
    let mut total = 0;
    for task in running {
        total += task.await.unwrap();
    }
    assert_eq!(total, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_on_a_server_get_exactly_the_quota() {
    for kind in [RedisKind::Redis, RedisKind::Valkey] {
        let server = RedisServer::start(kind);
        four_processes_get_exactly_the_quota(&server.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_on_a_cluster_get_exactly_the_quota() {
    let cluster = RedisCluster::start(RedisKind::Redis);
    four_processes_get_exactly_the_quota(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_time_opens_the_window_again_and_not_before() {
    let server = RedisServer::start(RedisKind::Redis);
    let (one, other) = (process(&server.url()).await, process(&server.url()).await);
    let rule = [RateRule { window: Duration::from_millis(300), ..per_minute(1, 2) }];
    assert_eq!(admitted(&one, 1, &rule).await + admitted(&other, 1, &rule).await, 2);
    let mut waited = 0;
    while !other.admit(&rule).await.admitted {
        waited += 1;
    }
    assert!(waited > 10, "it was refused for 300 ms: {waited} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_longer_than_it_counts_and_no_key_says_whose_it_is() {
    let server = RedisServer::start(RedisKind::Redis);
    let limiter = process(&server.url()).await;
    limiter.admit(&[per_minute(0xAB, 1)]).await;
    assert_eq!(server.command(&["LLEN", "{whatotp}:rate:00000000000000ab:60000"]), "1");
    let left: u32 = server.command(&["PTTL", "{whatotp}:rate:00000000000000ab:60000"]).parse().unwrap();
    assert!((55_000..=61_000).contains(&left), "{left}");
    // Refusals and looks keep nothing.
    admitted(&limiter, 5, &[per_minute(0xAB, 1), per_minute(0xCD, 5)]).await;
    limiter.admit(&[RateRule { cost: 0, ..per_minute(0xEF, 5) }]).await;
    assert_eq!(server.command(&["KEYS", "*00000000000000[cdef]*"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_survives_being_flushed() {
    let server = RedisServer::start(RedisKind::Redis);
    let limiter = process(&server.url()).await;
    let rule = [per_minute(1, 50)];
    for call in 0..50 {
        assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "OK");
        assert!(limiter.admit(&rule).await.admitted, "call {call}");
    }
    assert!(!limiter.admit(&rule).await.admitted);
    assert!(limiter.is_shared());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_survives_being_flushed_on_every_node() {
    let cluster = RedisCluster::start(RedisKind::Redis);
    let limiter = process(&cluster.url()).await;
    for call in 0..20 {
        for node in cluster.nodes() {
            assert_eq!(node.command(&["SCRIPT", "FLUSH"]), "OK");
        }
        assert!(limiter.admit(&[per_minute(1, 20)]).await.admitted, "call {call}");
    }
    assert!(limiter.is_shared());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_used() {
    let server = RedisServer::start_with(RedisKind::Redis, &["--requirepass", "p,w@:"]);
    let url = |password: &str| server.url().replace("://", &format!("://:{password}@"));
    assert!(process(&url("p%2Cw%40%3A")).await.is_shared());
    assert!(!process(&url("wrong")).await.is_shared());
    assert!(!process(&server.url()).await.is_shared());
}
