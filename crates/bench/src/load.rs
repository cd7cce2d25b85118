//! A closed loop over connections that stay open: each sends its next request when the answer to the last is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failure;
use crate::http::member;

/// The longest that a server is warmed up.
const WARM_UP: Duration = Duration::from_millis(500);

/// How much is asked.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
}

/// What one connection asks.
pub(crate) trait Caller: Send + 'static {
    /// Writes the next request; `false` when there is nothing left to ask.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;

    /// Looks at the answer. Whatever is wrong with it ends the run.
    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), Failure>;
}

/// What came of it.
pub(crate) struct Heard<C> {
    pub(crate) callers: Vec<C>,
    /// The time of each request that was answered, sorted.
    pub(crate) times: Vec<Duration>,
    /// How many requests were turned away with 503 `overloaded`.
    pub(crate) turned_away: u64,
    pub(crate) took: Duration,
}

impl<C> Heard<C> {
    pub(crate) fn per_second(&self) -> f64 {
        let count = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.took.as_secs_f64()
    }

    /// The time that so many of a thousand requests stayed within.
    pub(crate) fn within(&self, of_thousand: usize) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((self.times.len() * of_thousand / 1000).min(last)).copied().unwrap_or_default()
    }
}

impl Load {
    /// The same for a sixth of the time, at most half a second: a pool opens its connections, caches fill.
    pub(crate) fn warm_up(self) -> Self {
        Self { duration: WARM_UP.min(self.duration / 6), ..self }
    }

    /// Lets each caller ask over a connection of its own until the time is over or it has nothing left to ask.
    pub(crate) async fn run<C: Caller>(self, address: &str, callers: Vec<C>) -> Result<Heard<C>, Failure> {
        let address: Arc<str> = address.into();
        let mut tasks = JoinSet::new();
        let start = now();
        let end = start + self.duration;
        for caller in callers {
            tasks.spawn(converse(address.clone(), caller, end));
        }
        let (mut callers, mut times, mut turned_away) = (Vec::new(), Vec::new(), 0);
        while let Some(done) = tasks.join_next().await {
            let one: Conversation<C> = done??;
            callers.push(one.caller);
            times.extend(one.times);
            turned_away += one.turned_away;
        }
        let took = start.elapsed();
        times.sort_unstable();
        Ok(Heard { callers, times, turned_away, took })
    }
}

/// What went over one connection.
struct Conversation<C> {
    caller: C,
    times: Vec<Duration>,
    turned_away: u64,
}

async fn converse<C: Caller>(address: Arc<str>, caller: C, end: Instant) -> Result<Conversation<C>, Failure> {
    let mut stream = TcpStream::connect(&*address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    let mut so_far = Conversation { caller, times: Vec::new(), turned_away: 0 };
    loop {
        let asked = now();
        request.clear();
        if asked >= end || !so_far.caller.ask(&mut request) {
            return Ok(so_far);
        }
        stream.write_all(&request).await?;
        let (status, head) = read(&mut stream, &mut answer).await?;
        let took = asked.elapsed();
        let body = answer.get(head..).unwrap_or_default();
        // A server that says so is not wrong, only full.
        if status == 503 && member(body, "code") == Some("overloaded") {
            so_far.turned_away += 1;
            continue;
        }
        so_far.times.push(took);
        so_far.caller.hear(status, body)?;
    }
}

/// Reads one answer into `answer`, and returns its status and where its body begins.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(u16, usize), Failure> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err("the server closed a connection".into());
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(answer)? else { continue };
        let status = response.code.ok_or("an answer without a status")?;
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.ok_or("an answer without a length")?;
        let length: usize = std::str::from_utf8(length.value)?.parse()?;
        while answer.len() < head + length {
            if stream.read_buf(answer).await? == 0 {
                return Err("the server closed a connection within an answer".into());
            }
        }
        return Ok((status, head));
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring is all that this program does")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
