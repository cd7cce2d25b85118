//! What happens when there is more than a server can do, and when live codes come at the most that Meta takes.

use std::path::Path;
use std::time::Duration;

use crate::Failure;
use crate::callers::{Each, Kind, Sends};
use crate::growth::Rows;
use crate::load::{Load, now, within};
use crate::meta::Meta;
use crate::report::say;
use crate::server::Server;
use crate::site::Site;
use crate::store::Engine;

/// How many times what it can do is asked of it.
const TIMES: u32 = 5;
/// More than wait in the server's queues, so that it has to turn somebody away.
const CONNECTIONS: usize = 4096;
/// Wrong codes that are tried meanwhile, a second.
const VERIFICATIONS: u32 = 50;
/// What Meta takes from one sender, a second.
const META_TAKES: u32 = 1_000;
/// As soon as this is over, nobody waits for it any more.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Finds out how many codes a server sends, asks for five times as many, and looks at how it is afterwards.
pub(crate) async fn overload(binary: &Path, engine: Engine, seconds: Duration) -> Result<(), Failure> {
    let site = Site::found(binary, engine, Vec::new(), Rows::default()).await?;
    let server = Server::start(binary, &[], &site).await?;
    let (key, _) = site.keys.as_ref().ok_or("a site without keys")?;
    let sends = |count: usize| (0..count).map(|_| Sends::new(key, &site.numbers)).collect::<Vec<_>>();
    let closed = Load { connections: 64, duration: seconds, rate: None };
    let normal = closed.run(&server.address, sends(closed.connections)).await?;
    let memory = server.peak_memory()?;
    let most = normal.per_second();
    let flood = Load { connections: CONNECTIONS, duration: seconds, rate: Some(whole(most) * TIMES) };
    let beside = Load { rate: Some(VERIFICATIONS), ..closed };
    let wrong = |sender: Sends| {
        let left = sender.sessions.into_iter().map(|session| (session, "111111".to_owned())).collect();
        Each { key: key.clone(), left, kind: Kind::Wrong }
    };
    let usual = normal.within(990);
    let verifiers = normal.callers.into_iter().map(wrong).collect();
    let (flooded, verified) =
        tokio::try_join!(flood.run(&server.address, sends(CONNECTIONS)), beside.run(&server.address, verifiers))?;
    let afterwards = now();
    let one = Load { connections: 1, duration: GIVE_UP, rate: None };
    loop {
        let next = vec![Sends { most: 1, ..Sends::new(key, &site.numbers) }];
        let asked = one.run(&server.address, next).await?;
        if asked.turned_away.is_empty() && asked.within(0) <= usual {
            break;
        }
        if afterwards.elapsed() > GIVE_UP {
            return Err("it does not recover".into());
        }
    }
    say(&format!("| {} | what | value |", engine.name()));
    say("|---|---|---|");
    let row = |what: &str, value: String| say(&format!("| {} | {what} | {value} |", engine.name()));
    row("codes a second, 64 connections", format!("{most:.0}"));
    row("asked for", format!("{:.0}", f64::from(whole(most) * TIMES)));
    row("sent, to the most", format!("{:.0} ({:.2})", flooded.per_second(), flooded.per_second() / most));
    row("turned away", flooded.turned_away.len().to_string());
    row("p99 of what was sent", milliseconds(flooded.within(990)));
    row("p99 of a 503", milliseconds(within(&flooded.turned_away, 990)));
    row("p99 of a verification meanwhile", milliseconds(verified.within(990)));
    row(
        "verifications turned away",
        format!("{} of {}", verified.turned_away.len(), verified.turned_away.len() + verified.times.len()),
    );
    row("most MB, before and after", format!("{memory}, {}", server.peak_memory()?));
    row("as fast as before after", milliseconds(afterwards.elapsed()));
    Ok(())
}

/// Live codes at the most that Meta takes from one sender.
pub(crate) async fn delivery(binary: &Path, engine: Engine, duration: Duration, meta: &Meta) -> Result<(), Failure> {
    let site = Site::found(binary, engine, meta.settings(), Rows::default()).await?;
    let server = Server::start(binary, &[], &site).await?;
    let (_, key) = site.keys.as_ref().ok_or("a site without keys")?;
    let load = Load { connections: 256, duration, rate: Some(META_TAKES) };
    let sends = || (0..load.connections).map(|_| Sends::new(key, &site.numbers)).collect();
    load.warm_up().run(&server.address, sends()).await?;
    drop(meta.taken());
    let (connections, processor) = (meta.connections(), server.processor_time()?);
    let sent = load.run(&server.address, sends()).await?;
    let processor = server.processor_time()?.saturating_sub(processor);
    let row = |what: &str, value: String| say(&format!("| {} | {what} | {value} |", engine.name()));
    row("live codes a second asked for, and taken by Meta", format!("{META_TAKES}, {:.0}", sent.per_second()));
    row("turned away", sent.turned_away.len().to_string());
    row(
        "p50 and p99 from the request to the answer",
        format!("{}, {}", milliseconds(sent.within(500)), milliseconds(sent.within(990))),
    );
    row("messages at Meta", meta.taken().len().to_string());
    row(
        "connections to Meta, and those made meanwhile",
        format!("{}, {}", meta.connections(), meta.connections() - connections),
    );
    row("of a processor", format!("{:.2}", processor.as_secs_f64() / sent.took.as_secs_f64()));
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// A rate in whole requests.
fn whole(per_second: f64) -> u32 {
    format!("{per_second:.0}").parse().unwrap_or(u32::MAX)
}
