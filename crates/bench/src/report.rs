//! What is printed.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use whatotp_application::error_chain;

use crate::load::Heard;

/// What a measurement took.
pub(crate) struct Used {
    /// Of the processor, by all processes behind the answers.
    pub(crate) processor: Duration,
    /// The most that the server ever had, in MB.
    pub(crate) memory: u64,
}

/// What one measurement found.
pub(crate) struct Row {
    store: &'static str,
    what: &'static str,
    connections: usize,
    per_second: Option<f64>,
    p50: Duration,
    p99: Duration,
    /// Of processor time, for each request.
    processor: Option<Duration>,
    memory: Option<u64>,
    errors: u64,
}

impl Row {
    pub(crate) fn new<C>(
        (store, what): (&'static str, &'static str),
        connections: usize,
        heard: &Heard<C>,
        used: Option<Used>,
    ) -> Self {
        let count = u32::try_from(heard.times.len()).unwrap_or(u32::MAX).max(1);
        let (per_second, p50, p99) = (Some(heard.per_second()), heard.within(500), heard.within(990));
        let (processor, memory) = used.map(|used| (used.processor / count, used.memory)).unzip();
        Self {
            store,
            what,
            connections,
            per_second,
            p50,
            p99,
            processor,
            memory,
            errors: u64::try_from(heard.turned_away.len()).unwrap_or(u64::MAX),
        }
    }

    /// How long it took until it listened: there is one of it in a round.
    pub(crate) const fn start((store, what): (&'static str, &'static str), connections: usize, took: Duration) -> Self {
        let (per_second, processor, memory) = (None, None, None);
        Self { store, what, connections, per_second, p50: took, p99: took, processor, memory, errors: 0 }
    }
}

/// Store and what was asked.
pub(crate) type Kind = (&'static str, &'static str);

/// How many sessions there were before, and how many connections.
pub(crate) type Size = (u64, usize);

/// All rounds.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<Size, BTreeMap<Kind, Vec<Row>>>,
    order: Vec<Kind>,
}

impl Table {
    pub(crate) fn add(&mut self, sessions: u64, rows: Vec<Row>) {
        for row in rows {
            let kind = (row.store, row.what);
            if !self.order.contains(&kind) {
                self.order.push(kind);
            }
            self.rows.entry((sessions, row.connections)).or_default().entry(kind).or_default().push(row);
        }
    }

    /// What was measured, in the order of its first time.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.order.iter().copied()
    }

    /// The median rate at each size, smallest first.
    pub(crate) fn rates(&self, kind: Kind) -> Vec<(Size, f64)> {
        self.rows.iter().filter_map(|(size, rows)| Some((*size, rate(rows, kind)?))).collect()
    }

    /// The medians of all rounds, and their ratios.
    pub(crate) fn print(&self) {
        say(
            "| sessions | connections | store | what | a second | to hello | to null | to raw | p50 ms | p99 ms | CPU µs a request | peak MB | errors |",
        );
        say("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        for ((sessions, connections), rows) in &self.rows {
            for kind in &self.order {
                let Some(measured) = rows.get(kind) else { continue };
                let (store, what) = *kind;
                let per_second = rate(rows, *kind);
                let ratio = |to: Option<Kind>| shown(to.and_then(|to| Some(per_second? / rate(rows, to)?)), 3);
                let (hello, null) = (ratio(Some(("none", "hello"))), ratio(Some(("null", what))));
                let raw = ratio(raw_of(what).map(|raw| (store, raw)));
                let milliseconds = |of: &dyn Fn(&Row) -> Option<Duration>| {
                    median(measured, |row| of(row).map(|took| took.as_secs_f64() * 1000.0))
                };
                let (p50, p99) = (milliseconds(&|row| Some(row.p50)), milliseconds(&|row| Some(row.p99)));
                let processor = shown(milliseconds(&|row| row.processor).map(|took| took * 1000.0), 1);
                let (p50, p99, per_second) = (shown(p50, 2), shown(p99, 2), shown(per_second, 0));
                let memory = measured.iter().filter_map(|row| row.memory).max();
                let memory = memory.map_or_else(|| "–".to_owned(), |memory| memory.to_string());
                let errors: u64 = measured.iter().map(|row| row.errors).sum();
                say(&format!(
                    "| {sessions} | {connections} | {store} | {what} | {per_second} | {hello} | {null} | {raw} | {p50} | {p99} | {processor} | {memory} | {errors} |"
                ));
            }
        }
    }
}

/// What the engine does for it by itself.
fn raw_of(what: &str) -> Option<&'static str> {
    match what {
        "send" => Some("raw insert"),
        "verify wrong" | "verify right" => Some("raw update"),
        _ => None,
    }
}

fn rate(rows: &BTreeMap<Kind, Vec<Row>>, kind: Kind) -> Option<f64> {
    median(rows.get(&kind)?, |row| row.per_second)
}

fn median(rows: &[Row], of: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = rows.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

pub(crate) fn say(line: &str) {
    // Whoever has closed the output wants no more of it.
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub(crate) fn complain(why: &(dyn Error + 'static)) {
    let _ = writeln!(std::io::stderr(), "error: {}", error_chain(why));
}
