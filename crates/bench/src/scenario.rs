//! What is asked of each server.

use std::path::Path;
use std::time::Duration;

use whatotp::wiring::Outside;

use crate::Failure;
use crate::callers::{Bearer, Each, Hello, Kind, Messages, Numbers, Sends};
use crate::load::{Caller, Load};
use crate::meta::{Meta, Taken, Webhooks};
use crate::raw;
use crate::readers::{Arrivals, Inbox};
use crate::report::{Row, Used};
use crate::server::Server;
use crate::site::Site;
use crate::store::Engine;

/// For what is asked to the end, however long it takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// With its code.
type Session = (String, String);

/// One server under one load.
struct Measuring<'a> {
    server: &'a Server<'a>,
    store: &'static str,
    load: Load,
    rows: Vec<Row>,
}

impl<'a> Measuring<'a> {
    fn new(server: &'a Server<'a>, store: &'static str, load: Load) -> Self {
        Self { server, store, load, rows: Vec::new() }
    }

    /// Lets some callers warm the server up, measures with the others, and gives all of them back.
    async fn measure<C: Caller>(
        &mut self,
        what: &'static str,
        warm: Vec<C>,
        callers: Vec<C>,
    ) -> Result<Vec<C>, Failure> {
        let warm = self.load.warm_up().run(&self.server.address, warm).await?;
        let before = self.server.processor_time()?;
        let heard = self.load.run(&self.server.address, callers).await?;
        let processor = self.server.processor_time()?.saturating_sub(before);
        let used = Used { processor, memory: self.server.peak_memory()? };
        self.rows.push(Row::new((self.store, what), self.load.connections, &heard, Some(used)));
        Ok(warm.callers.into_iter().chain(heard.callers).collect())
    }

    fn each<C>(&self, caller: impl Fn(usize) -> C) -> Vec<C> {
        (0..self.load.connections).map(caller).collect()
    }

    /// Codes to new numbers, on to what became of them, and template messages.
    async fn codes_and_messages(&mut self, key: &Bearer, numbers: &Numbers) -> Result<(), Failure> {
        let sends = || self.each(|_| Sends::new(key, numbers));
        let senders = self.measure("send", sends(), sends()).await?;
        let sent: usize = senders.iter().map(|sender| sender.sessions.len()).sum();
        // The inbox looks one message further than it shows, and what was filled in cannot be read.
        let codes = codes(self.server, key, sent.saturating_sub(1)).await?;
        let wrong: Vec<_> = codes.iter().map(|(session, code)| (session.clone(), other(code))).collect();
        for (what, kind, all) in [
            ("verify wrong", Kind::Wrong, &wrong),
            ("verify right", Kind::Right, &codes),
            ("status", Kind::Status, &codes),
        ] {
            let (warm, rest) = warm_part(all);
            let connections = self.load.connections;
            let share = |all: &[Session], nth| all.iter().skip(nth).step_by(connections).cloned().collect();
            let each = |all| self.each(|nth| Each { key: key.clone(), left: share(all, nth), kind });
            self.measure(what, each(warm), each(rest)).await?;
        }
        let messages = || self.each(|_| Messages { key: key.clone(), numbers: numbers.clone() });
        self.measure("message", messages(), messages()).await?;
        Ok(())
    }

    /// Codes that go out over HTTP, and the webhooks that say they have arrived.
    async fn live(&mut self, key: &Bearer, numbers: &Numbers, meta: &Meta) -> Result<(), Failure> {
        let sends = || self.each(|_| Sends::new(key, numbers));
        let (warm, sends) = (sends(), sends());
        drop(meta.taken());
        let senders = self.measure("live send", warm, sends).await?;
        let (taken, now) = (meta.taken(), Outside::default().clock.now().unix_ms() / 1000);
        let (warm, rest) = warm_part(&taken);
        let webhooks =
            |all: &[Taken]| self.each(|nth| Webhooks::new(all.iter().skip(nth).step_by(self.load.connections), now));
        let (warm, rest) = (webhooks(warm), webhooks(rest));
        let reporters = self.measure("webhook", warm, rest).await?;
        let reported: usize = reporters.iter().map(|reporter| reporter.delivered).sum();
        // Every webhook was answered with 200; whether it was believed shows in the sessions.
        let arrivals =
            senders.into_iter().map(|sender| Arrivals { key: key.clone(), left: sender.sessions, arrived: 0 });
        let all = Load { duration: PATIENCE, ..self.load };
        let counted = all.run(&self.server.address, arrivals.collect()).await?.callers;
        let arrived: usize = counted.iter().map(|counter| counter.arrived).sum();
        if arrived < reported {
            return Err(format!("{reported} codes were reported as delivered, {arrived} are").into());
        }
        Ok(())
    }
}

/// The sixth that a server is warmed up with, and the rest, of what can be asked about once.
fn warm_part<T>(all: &[T]) -> (&[T], &[T]) {
    all.split_at_checked(all.len() / 6).unwrap_or((&[], all))
}

pub(crate) async fn hello(own: &Path, load: Load) -> Result<Vec<Row>, Failure> {
    let site = Site::empty(Engine::None, Vec::new()).await?;
    let server = Server::start(own, &["hello"], &site).await?;
    let mut measuring = Measuring::new(&server, Engine::None.name(), load);
    let hello = || measuring.each(|_| Hello);
    let (warm, hello) = (hello(), hello());
    measuring.measure("hello", warm, hello).await?;
    Ok(measuring.rows)
}

/// Our own server with stores that only remember.
pub(crate) async fn null(own: &Path, load: Load) -> Result<Vec<Row>, Failure> {
    let site = Site::empty(Engine::None, Vec::new()).await?;
    let server = Server::start(own, &["null"], &site).await?;
    let key = Bearer::new(server.test_key()?);
    let mut measuring = Measuring::new(&server, "null", load);
    measuring.codes_and_messages(&key, &site.numbers).await?;
    Ok(measuring.rows)
}

/// The server on a site, and then the site's engine by itself.
pub(crate) async fn whatotp(binary: &Path, load: Load, site: &Site, meta: &Meta) -> Result<Vec<Row>, Failure> {
    let store = site.engine.name();
    let server = Server::start(binary, &[], site).await?;
    let (test, live) = site.keys.as_ref().ok_or("a site without keys")?;
    let mut measuring = Measuring::new(&server, store, load);
    measuring.rows.push(Row::start((store, "start"), load.connections, server.took));
    measuring.codes_and_messages(test, &site.numbers).await?;
    measuring.live(live, &site.numbers, meta).await?;
    let mut rows = measuring.rows;
    server.stop().await?;
    rows.extend(raw::measure(site, load).await?);
    Ok(rows)
}

/// A code that this one is not.
fn other(code: &str) -> String {
    if code == "111111" { "222222".to_owned() } else { "111111".to_owned() }
}

/// Reads session and code of the newest messages from the sandbox.
async fn codes(server: &Server<'_>, key: &Bearer, count: usize) -> Result<Vec<Session>, Failure> {
    let one = Load { connections: 1, duration: PATIENCE, rate: None };
    let reader = Inbox { key: key.clone(), left: count, cursor: String::new(), codes: Vec::new() };
    let read = one.run(&server.address, vec![reader]).await?;
    let codes: Vec<_> = read.callers.into_iter().flat_map(|reader| reader.codes).collect();
    if codes.len() == count {
        Ok(codes)
    } else {
        Err(format!("{count} codes were sent, {} arrived", codes.len()).into())
    }
}
