//! What is printed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use crate::load::Heard;

/// What one measurement found.
pub(crate) struct Row {
    engine: &'static str,
    what: &'static str,
    connections: usize,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    /// Of the server's processor time, for each request.
    processor: Duration,
    memory: u64,
}

impl Row {
    pub(crate) fn new<C>(
        (engine, what): (&'static str, &'static str),
        connections: usize,
        heard: &Heard<C>,
        processor: Duration,
        memory: u64,
    ) -> Self {
        let count = u32::try_from(heard.times.len()).unwrap_or(u32::MAX).max(1);
        let (per_second, p50, p99) = (heard.per_second(), heard.within(500), heard.within(990));
        Self { engine, what, connections, per_second, p50, p99, processor: processor / count, memory }
    }
}

/// All rounds.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<(usize, &'static str, &'static str), Vec<Row>>,
    order: Vec<(&'static str, &'static str)>,
}

impl Table {
    pub(crate) fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            if !self.order.contains(&(row.engine, row.what)) {
                self.order.push((row.engine, row.what));
            }
            self.rows.entry((row.connections, row.engine, row.what)).or_default().push(row);
        }
    }

    /// The medians of all rounds, and the ratio to hello of the median round.
    pub(crate) fn print(&self) {
        say("| connections | store | what | a second | to hello | p50 ms | p99 ms | CPU µs a request | peak MB |");
        say("|---|---|---|---|---|---|---|---|---|");
        let mut sizes: Vec<usize> = self.rows.keys().map(|(connections, ..)| *connections).collect();
        sizes.dedup();
        for connections in sizes {
            let hello = self.rows.get(&(connections, "none", "hello"));
            let hello = hello.map_or(0.0, |rows| median(rows, |row| row.per_second));
            for (engine, what) in &self.order {
                let Some(rows) = self.rows.get(&(connections, *engine, *what)) else { continue };
                let per_second = median(rows, |row| row.per_second);
                let milliseconds = |of: fn(&Row) -> Duration| median(rows, |row| of(row).as_secs_f64() * 1000.0);
                let (p50, p99) = (milliseconds(|row| row.p50), milliseconds(|row| row.p99));
                let processor = milliseconds(|row| row.processor) * 1000.0;
                let memory = rows.iter().map(|row| row.memory).max().unwrap_or_default();
                let ratio = per_second / hello;
                say(&format!(
                    "| {connections} | {engine} | {what} | {per_second:.0} | {ratio:.3} | {p50:.2} | {p99:.2} | {processor:.1} | {memory} |"
                ));
            }
        }
    }
}

fn median(rows: &[Row], of: impl Fn(&Row) -> f64) -> f64 {
    let mut values: Vec<f64> = rows.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn say(line: &str) {
    // Whoever has closed the output wants no more of it.
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub(crate) fn complain(why: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "error: {why}");
}
