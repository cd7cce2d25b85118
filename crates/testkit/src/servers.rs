//! Throwaway servers from local binaries: each on a free port of `127.0.0.1`, in a temporary directory, and gone when
//! its value is dropped or the test process ends, however it ends.

mod binaries;
mod postgres;
mod process;
mod redis;
mod redis_cluster;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

pub use postgres::{PostgresDatabase, PostgresServer, PostgresVersion};
pub use redis::{RedisKind, RedisServer};
pub use redis_cluster::RedisCluster;

/// Below the range from which systems take the ports of outgoing connections, so that a server which is stopped finds
/// its port free when it is started again.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 16_000;

/// A port of `127.0.0.1` that nobody listens on, and a different one each time.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests run in many processes at once, so each begins somewhere else.
    let start = u16::try_from(std::process::id() * 97 % u32::from(PORTS)).expect("it is less than PORTS");
    for _ in 0..PORTS {
        let port = FIRST_PORT + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// Looks again and again, for at most a minute.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..6_000 {
        if done() {
            return;
        }
        thread::park_timeout(PAUSE);
    }
    panic!("not within a minute: {what}");
}
