//! The contract of rate limiters, on servers whose clock the tests set: the script asks for the time in one place, and
//! here it finds a key there instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::Timestamp;
use whatotp_ports::{RateDecision, RateLimiter, RateRule, RateState};
use whatotp_system::LocalRateLimiter;
use whatotp_testkit::rate_limiter_contract::{
    Bench, a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota,
    it_decides_like_one_that_keeps_every_admission,
};
use whatotp_testkit::{ManualClock, RedisCluster, RedisKind, RedisServer, rate_limiter_contract};

use crate::address::Connection;
use crate::script::DECIDE;
use crate::{RedisAddress, RedisRateLimiter};

struct RedisBench {
    limiter: RedisRateLimiter,
    clock: Arc<ManualClock>,
    connection: Connection,
    time_key: String,
}

/// A limiter that has room for everybody: the server alone decides.
struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn admit(&self, rules: &[RateRule]) -> RateDecision {
        let free = RateState { remaining: u32::MAX, retry_after: Duration::ZERO, reset_after: Duration::ZERO };
        RateDecision { admitted: true, states: vec![free; rules.len()] }
    }
}

impl RedisBench {
    async fn open(url: &str) -> Self {
        Self::open_beside(url, Arc::default(), Arc::new(Unlimited)).await
    }

    async fn open_beside(url: &str, clock: Arc<ManualClock>, local: Arc<dyn RateLimiter>) -> Self {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        let time_key = format!("{{whatotp}}:time:{}", OPENED.fetch_add(1, Ordering::Relaxed));
        let connection = RedisAddress::parse(url).unwrap().connect().await.unwrap();
        set(&connection, &time_key, 0).await;
        assert_eq!(DECIDE.matches("redis.call('TIME')").count(), 1);
        let script = DECIDE.replace("redis.call('TIME')", &format!("{{ 0, redis.call('GET', '{time_key}') * 1000 }}"));
        let limiter = RedisRateLimiter::with_script(RedisAddress::parse(url).unwrap(), local, &script).await;
        assert!(limiter.is_shared());
        Self { limiter, clock, connection, time_key }
    }
}

async fn set(connection: &Connection, key: &str, value: i64) {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(value);
    let done: redis::RedisResult<()> = match connection.clone() {
        Connection::Server(mut connection) => command.query_async(&mut connection).await,
        Connection::Cluster(mut connection) => command.query_async(&mut connection).await,
    };
    done.unwrap();
}

impl Bench for RedisBench {
    async fn admit(&self, rules: &[RateRule]) -> RateDecision {
        let decision = self.limiter.admit(rules).await;
        assert!(self.limiter.is_shared(), "the server was lost, and somebody else decided");
        decision
    }

    async fn set(&self, unix_ms: i64) {
        self.clock.set(Timestamp::from_unix_ms(unix_ms));
        set(&self.connection, &self.time_key, unix_ms).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_process_has_admitted_itself_never_changes_a_decision() {
    let server = RedisServer::start(RedisKind::Redis);
    for claim in 0..2 {
        server.flush();
        let clock = Arc::<ManualClock>::default();
        let local = LocalRateLimiter::new(Arc::<ManualClock>::clone(&clock), 1_000);
        let bench = RedisBench::open_beside(&server.url(), clock, Arc::new(local)).await;
        if claim == 0 {
            a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota(&bench).await;
        } else {
            it_decides_like_one_that_keeps_every_admission(&bench).await;
        }
    }
}

mod redis_server {
    use super::*;

    async fn open() -> (RedisBench, RedisServer) {
        let server = RedisServer::start(RedisKind::Redis);
        (RedisBench::open(&server.url()).await, server)
    }

    rate_limiter_contract!(open);
}

mod valkey_server {
    use super::*;

    async fn open() -> (RedisBench, RedisServer) {
        let server = RedisServer::start(RedisKind::Valkey);
        (RedisBench::open(&server.url()).await, server)
    }

    rate_limiter_contract!(open);
}

mod clusters {
    use std::sync::LazyLock;

    use super::*;

    static REDIS: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start(RedisKind::Redis));
    static VALKEY: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start(RedisKind::Valkey));

    async fn open(cluster: &RedisCluster) -> (RedisBench, ()) {
        cluster.flush();
        (RedisBench::open(&cluster.url()).await, ())
    }

    rate_limiter_contract!(async || open(&REDIS).await, together as a_redis_cluster_keeps_the_contract);
    rate_limiter_contract!(async || open(&VALKEY).await, together as a_valkey_cluster_keeps_the_contract);
}
