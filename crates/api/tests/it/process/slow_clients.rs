use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;
use whatotp_domain::Mode;
use whatotp_testkit::create_key;

use super::client::Client;
use super::{BINARY, DELIVERED, server, without_limits};

const SLOW: usize = 200;
/// Long after every deadline of the server.
const ENOUGH: Duration = Duration::from_secs(100);

/// No client waits so long on any machine, if it is not for the others.
const HELD_UP: Duration = Duration::from_secs(10);

/// How a client keeps a connection for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its head never ends (slowhttptest -H).
    Head,
    /// Its body never ends (-B).
    Body,
    /// It asks and asks, and reads no answer (-X).
    Reader,
}

/// A connection that somebody keeps.
struct Slow {
    kind: Kind,
    write: OwnedWriteHalf,
    /// Held, so that nothing is read: of a reader only.
    _unread: Option<OwnedReadHalf>,
    open: bool,
    ended: Arc<AtomicUsize>,
}

impl Slow {
    async fn open(kind: Kind, address: &str, key: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut read, mut write) = stream.into_split();
        let begin = match kind {
            Kind::Head => "GET /livez HTTP/1.1\r\nhost: slow\r\nx-slow: ".to_owned(),
            Kind::Body => format!(
                "POST /v1/otp/send HTTP/1.1\r\nhost: slow\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/json\r\ncontent-length: 60000\r\n\r\n"
            ),
            Kind::Reader => "GET /openapi.json HTTP/1.1\r\nhost: slow\r\n\r\n".repeat(400),
        };
        write.write_all(begin.as_bytes()).await.unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        let unread = if kind == Kind::Reader {
            Some(read)
        } else {
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                // Whether it is closed in good order or not: both end it.
                let _ = read.read_to_end(&mut Vec::new()).await;
                ended.fetch_add(1, Ordering::SeqCst);
            });
            None
        };
        Self { kind, write, _unread: unread, open: true, ended }
    }

    /// One more byte, and whether the server still has the connection.
    async fn drip(&mut self) {
        let sent = self.write.write_all(b" ").await;
        self.open = sent.is_ok() && self.ended.load(Ordering::SeqCst) == 0;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_slow_clients_hold_up_nobody_and_are_closed_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
    let server = without_limits(server(directory.path())).arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start();
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let client = Client::new(&server, &key);
    let mut slow = Vec::new();
    for kind in [Kind::Head, Kind::Body, Kind::Reader].into_iter().cycle().take(SLOW) {
        slow.push(Slow::open(kind, &address, &key).await);
    }

    let (began, mut times, mut closed) = (Instant::now(), Vec::new(), Vec::new());
    while !slow.is_empty() {
        for one in &mut slow {
            one.drip().await;
        }
        closed.extend(slow.iter().filter(|one| !one.open).map(|one| (one.kind, began.elapsed().as_secs())));
        slow.retain(|one| one.open);
        for request in [
            client.request(Method::GET, "/v1/templates"),
            client.request(Method::POST, "/v1/otp/send").json(&json!({"to": DELIVERED, "channel": "whatsapp"})),
        ] {
            let asked = Instant::now();
            // On a connection of its own: that there is one to be had is half of it.
            let answer = request.header("connection", "close").send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
            times.push(asked.elapsed());
        }
        let left: Vec<Kind> = slow.iter().map(|one| one.kind).collect();
        assert!(began.elapsed() < ENOUGH, "{} are still there: {left:?}", left.len());
    }
    times.sort();
    for kind in [Kind::Head, Kind::Body, Kind::Reader] {
        let of_kind = || closed.iter().filter(|(one, _)| *one == kind).map(|(_, seconds)| *seconds);
        println!("{kind:?}: closed after {:?} to {:?} s", of_kind().min().unwrap(), of_kind().max().unwrap());
    }
    println!(
        "{} requests beside them; p99 {:?}, slowest {:?}",
        times.len(),
        times[times.len() * 99 / 100],
        times.last()
    );
    assert_eq!(closed.len(), SLOW);
    assert!(times.last().is_some_and(|slowest| *slowest < HELD_UP), "somebody was held up");
    let logs = server.logs();
    assert!(!logs.contains("panicked"), "{logs}");
}
