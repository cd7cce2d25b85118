//! Requests over connections that stay open. In a closed loop each sends its next request when the answer to the last is
//! there; in an open one the requests come at a rate, however long the answers take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
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
    /// How many requests a second there are in an open loop. A closed loop has none.
    pub(crate) rate: Option<u32>,
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
    /// The time of each request that was turned away with 503 `overloaded`, sorted.
    pub(crate) turned_away: Vec<Duration>,
    pub(crate) took: Duration,
}

impl<C> Heard<C> {
    pub(crate) fn per_second(&self) -> f64 {
        let count = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.took.as_secs_f64()
    }

    /// The time that so many of a thousand requests stayed within.
    pub(crate) fn within(&self, of_thousand: usize) -> Duration {
        within(&self.times, of_thousand)
    }
}

/// The time that so many of a thousand stayed within; the times are sorted.
pub(crate) fn within(times: &[Duration], of_thousand: usize) -> Duration {
    let last = times.len().saturating_sub(1);
    times.get((times.len() * of_thousand / 1000).min(last)).copied().unwrap_or_default()
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
        let schedule =
            Arc::new(Schedule { start, end: start + self.duration, rate: self.rate, asked: AtomicU32::new(0) });
        for caller in callers {
            tasks.spawn(converse(address.clone(), caller, schedule.clone()));
        }
        let (mut callers, mut times, mut turned_away) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let one: Conversation<C> = done??;
            callers.push(one.caller);
            times.extend(one.times);
            turned_away.extend(one.turned_away);
        }
        let took = start.elapsed();
        times.sort_unstable();
        turned_away.sort_unstable();
        Ok(Heard { callers, times, turned_away, took })
    }
}

/// When what is asked, by all connections together.
struct Schedule {
    start: Instant,
    end: Instant,
    rate: Option<u32>,
    asked: AtomicU32,
}

impl Schedule {
    /// Waits until it is time for the next request. Returns when that is, which may be over; `None` at the end.
    async fn next(&self) -> Option<Instant> {
        let at = match self.rate {
            None => now(),
            Some(rate) => {
                self.start + Duration::from_secs(1) * self.asked.fetch_add(1, Ordering::Relaxed) / rate.max(1)
            }
        };
        if at >= self.end {
            return None;
        }
        // A timer is a millisecond late even for a moment that is over.
        if at > now() {
            tokio::time::sleep_until(at.into()).await;
        }
        Some(at)
    }
}

/// What went over one connection.
struct Conversation<C> {
    caller: C,
    times: Vec<Duration>,
    turned_away: Vec<Duration>,
}

async fn converse<C: Caller>(
    address: Arc<str>,
    caller: C,
    schedule: Arc<Schedule>,
) -> Result<Conversation<C>, Failure> {
    let mut stream = TcpStream::connect(&*address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    let mut so_far = Conversation { caller, times: Vec::new(), turned_away: Vec::new() };
    loop {
        // In an open loop a request's time begins when it was due: what waits for a connection waits, too.
        let Some(asked) = schedule.next().await else { return Ok(so_far) };
        request.clear();
        if !so_far.caller.ask(&mut request) {
            return Ok(so_far);
        }
        stream.write_all(&request).await?;
        let (status, head) = read(&mut stream, &mut answer).await?;
        let took = asked.elapsed();
        let body = answer.get(head..).unwrap_or_default();
        // A server that says so is not wrong, only full.
        if status == 503 && member(body, "code") == Some("overloaded") {
            so_far.turned_away.push(took);
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
