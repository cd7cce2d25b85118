use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use super::until;

/// Below the range from which systems take the ports of outgoing connections: a process that is started again finds its
/// port free.
const FIRST_PORT: u16 = 28_000;
const PORTS: u16 = 4_000;

/// A port that nobody listens on, and a different one each time.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() * 97 % u32::from(PORTS)).unwrap();
    let ports = (0..PORTS).map(|_| FIRST_PORT + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS);
    let mut free = ports.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("a port is free")
}

/// A haproxy in front of some processes: it asks each whether it is ready, and gives a request
/// that one of them could not take to another.
pub(super) struct Haproxy {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Haproxy {
    pub(super) fn start(backends: &[u16]) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut config = format!(
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n  timeout check 5s\n  retries 3\n  \
             option redispatch 1\n  retry-on conn-failure empty-response 503\n\
             frontend all\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /proxy\n  default_backend whatotp\n\
             backend whatotp\n  balance roundrobin\n  option httpchk GET /readyz\n  \
             # What is no GET is sent again only when it says under which name it was sent before.\n  \
             http-request disable-l7-retry unless METH_GET or {{ req.hdr(idempotency-key) -m found }}\n  \
             default-server check inter 200ms fall 3 rise 1\n"
        );
        for (number, backend) in backends.iter().enumerate() {
            writeln!(config, "  server replica{number} 127.0.0.1:{backend}").unwrap();
        }
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("there is no haproxy (apt has it): {error}"));
        Self { process, port, _directory: directory }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it sends requests to this process, or no more.
    pub(super) async fn knows(&self, replica: usize, status: &str) {
        let (http, url) = (reqwest::Client::builder().no_proxy().build().unwrap(), self.base_url() + "/proxy;csv");
        let name = format!("whatotp,replica{replica},");
        until(&format!("replica {replica} that is {status}"), async || {
            let Ok(answer) = http.get(&url).send().await else { return false };
            let text = answer.text().await.unwrap();
            let line = text.lines().find(|line| line.starts_with(&name));
            line.is_some_and(|line| line.split(',').nth(17).is_some_and(|seen| seen.starts_with(status)))
        })
        .await;
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // Neither fails but for a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
