//! What is asked of each server.

use std::path::Path;
use std::time::Duration;

use whatotp::wiring::Outside;

use crate::Failure;
use crate::callers::{Bearer, Each, Hello, Inbox, Kind, Messages, Sends};
use crate::load::{Caller, Load};
use crate::meta::{Meta, Webhooks};
use crate::raw;
use crate::report::{Row, Used};
use crate::server::Server;
use crate::site::Site;
use crate::store::Engine;

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

    /// Warms the server up with what these callers ask, measures, and gives them back.
    async fn measure<C: Caller>(&mut self, what: &'static str, callers: Vec<C>) -> Result<Vec<C>, Failure> {
        let warm = self.load.warm_up().run(&self.server.address, callers).await?;
        let before = self.server.processor_time()?;
        let heard = self.load.run(&self.server.address, warm.callers).await?;
        let processor = self.server.processor_time()?.saturating_sub(before);
        let used = Used { processor, memory: self.server.peak_memory()? };
        self.rows.push(Row::new((self.store, what), self.load.connections, &heard, Some(used)));
        Ok(heard.callers)
    }

    fn each<C>(&self, caller: impl Fn(usize) -> C) -> Vec<C> {
        (0..self.load.connections).map(caller).collect()
    }

    /// Codes to new numbers, on to what became of them, and template messages.
    async fn codes_and_messages(&mut self, key: &Bearer, site: &Site) -> Result<(), Failure> {
        let numbers = &site.numbers;
        let sends = self.each(|_| Sends::new(key, numbers));
        let senders = self.measure("send", sends).await?;
        let codes = codes(self.server, key, senders.iter().map(|sender| sender.sessions.len()).sum()).await?;
        let wrong: Vec<_> = codes.iter().map(|(session, code)| (session.clone(), other(code))).collect();
        for (what, kind, all) in [
            ("verify wrong", Kind::Wrong, &wrong),
            ("verify right", Kind::Right, &codes),
            ("status", Kind::Status, &codes),
        ] {
            let share = |nth| all.iter().skip(nth).step_by(self.load.connections).cloned().collect();
            self.measure(what, self.each(|nth| Each { key: key.clone(), left: share(nth), kind })).await?;
        }
        self.measure("message", self.each(|_| Messages { key: key.clone(), numbers: numbers.clone() })).await?;
        Ok(())
    }

    /// Codes that go out over HTTP, and the webhooks that say they have arrived.
    async fn live(&mut self, key: &Bearer, site: &Site, meta: &Meta) -> Result<(), Failure> {
        drop(meta.taken());
        self.measure("live send", self.each(|_| Sends::new(key, &site.numbers))).await?;
        let (taken, now) = (meta.taken(), Outside::default().clock.now().unix_ms() / 1000);
        let share = |nth| taken.iter().skip(nth).step_by(self.load.connections);
        self.measure("webhook", self.each(|nth| Webhooks::new(share(nth), now))).await?;
        Ok(())
    }
}

pub(crate) async fn hello(own: &Path, load: Load) -> Result<Vec<Row>, Failure> {
    let site = Site::empty(Engine::None, Vec::new()).await?;
    let server = Server::start(own, &["hello"], &site).await?;
    let mut measuring = Measuring::new(&server, Engine::None.name(), load);
    measuring.measure("hello", measuring.each(|_| Hello)).await?;
    Ok(measuring.rows)
}

/// Our own server with stores that only remember.
pub(crate) async fn null(own: &Path, load: Load) -> Result<Vec<Row>, Failure> {
    let site = Site::empty(Engine::None, Vec::new()).await?;
    let server = Server::start(own, &["null"], &site).await?;
    let key = Bearer::new(server.test_key()?);
    let mut measuring = Measuring::new(&server, "null", load);
    measuring.codes_and_messages(&key, &site).await?;
    Ok(measuring.rows)
}

/// The server on a site, and then the site's engine by itself.
pub(crate) async fn whatotp(binary: &Path, load: Load, site: &Site, meta: &Meta) -> Result<Vec<Row>, Failure> {
    let store = site.engine.name();
    let server = Server::start(binary, &[], site).await?;
    let (test, live) = site.keys.as_ref().ok_or("a site without keys")?;
    let mut measuring = Measuring::new(&server, store, load);
    measuring.rows.push(Row::start((store, "start"), load.connections, server.took));
    measuring.codes_and_messages(test, site).await?;
    measuring.live(live, site, meta).await?;
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
async fn codes(server: &Server<'_>, key: &Bearer, count: usize) -> Result<Vec<(String, String)>, Failure> {
    let one = Load { connections: 1, duration: Duration::from_secs(600) };
    let reader = Inbox { key: key.clone(), left: count, cursor: String::new(), codes: Vec::new() };
    let read = one.run(&server.address, vec![reader]).await?;
    let codes: Vec<_> = read.callers.into_iter().flat_map(|reader| reader.codes).collect();
    if codes.len() == count {
        Ok(codes)
    } else {
        Err(format!("{count} codes were sent, {} arrived", codes.len()).into())
    }
}
