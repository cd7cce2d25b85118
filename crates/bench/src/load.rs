//! A closed loop over connections that stay open: each sends its next request when the answer to the last is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failure;

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
    /// Each request's time, sorted.
    pub(crate) times: Vec<Duration>,
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
    /// Lets each caller ask over a connection of its own until the time is over or it has nothing left to ask.
    pub(crate) async fn run<C: Caller>(self, address: &str, callers: Vec<C>) -> Result<Heard<C>, Failure> {
        let address: Arc<str> = address.into();
        let mut tasks = JoinSet::new();
        let start = now();
        let end = start + self.duration;
        for caller in callers {
            tasks.spawn(converse(address.clone(), caller, end));
        }
        let (mut callers, mut times) = (Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (caller, own) = done??;
            callers.push(caller);
            times.extend(own);
        }
        let took = start.elapsed();
        times.sort_unstable();
        Ok(Heard { callers, times, took })
    }
}

async fn converse<C: Caller>(address: Arc<str>, mut caller: C, end: Instant) -> Result<(C, Vec<Duration>), Failure> {
    let mut stream = TcpStream::connect(&*address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer, mut times) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let asked = now();
        request.clear();
        if asked >= end || !caller.ask(&mut request) {
            return Ok((caller, times));
        }
        stream.write_all(&request).await?;
        let (status, head) = read(&mut stream, &mut answer).await?;
        times.push(asked.elapsed());
        let body = answer.get(head..).unwrap_or_default();
        caller.hear(status, body)?;
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
fn now() -> Instant {
    Instant::now()
}
