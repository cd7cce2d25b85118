use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, Script};
use whatotp_ports::{RateDecision, RateRule, RateState};

use crate::address::Connection;

/// The whole decision, in one round trip and one step of the server.
pub(crate) const DECIDE: &str = include_str!("decide.lua");

/// What every key begins with. The braces put all of them into one slot of a cluster, on one node: a call is one step
/// over any number of rules, and any two rules may come in one call.
const PREFIX: &str = "{whatotp}:rate:";

/// Asks the server to decide, by its own clock: replicas need not agree on the time.
pub(crate) async fn decide(script: &Script, connection: Connection, rules: &[RateRule]) -> RedisResult<RateDecision> {
    let mut call = script.prepare_invoke();
    for rule in rules {
        let window = window_ms(rule.window);
        let same_log = rules.iter().filter(|other| other.key == rule.key && window_ms(other.window) == window);
        let cost: u64 = same_log.map(|other| u64::from(other.cost)).sum();
        call.key(format!("{PREFIX}{:016x}:{window}", rule.key));
        call.arg(window).arg(rule.quota).arg(cost.max(1)).arg(rule.cost);
    }
    let answer: Vec<u64> = match connection {
        Connection::Server(mut connection) => call.invoke_async(&mut connection).await?,
        Connection::Cluster(mut connection) => call.invoke_async(&mut connection).await?,
    };
    read(&answer, rules.len())
        .ok_or_else(|| RedisError::from((ErrorKind::UnexpectedReturnType, "the script did not answer with a decision")))
}

fn read(answer: &[u64], rules: usize) -> Option<RateDecision> {
    let (admitted, states) = answer.split_first()?;
    let (states, []) = states.as_chunks::<3>() else { return None };
    let states: Vec<RateState> = states
        .iter()
        .map(|[remaining, retry_after, reset_after]| {
            Some(RateState {
                remaining: u32::try_from(*remaining).ok()?,
                retry_after: Duration::from_millis(*retry_after),
                reset_after: Duration::from_millis(*reset_after),
            })
        })
        .collect::<Option<_>>()?;
    (states.len() == rules).then_some(RateDecision { admitted: *admitted == 1, states })
}

/// A window in milliseconds: rounded up, so that it is never shorter than asked for; one above 49 days as 49 days, as
/// the limiter of one process has it.
fn window_ms(window: Duration) -> u32 {
    u32::try_from(window.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
