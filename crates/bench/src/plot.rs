//! Throughput as pictures, legible on a light ground and on a dark one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Failure;
use crate::report::{Size, Table, say};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Of the field within: left, right, top and bottom.
const FIELD: (f64, f64, f64, f64) = (70.0, 500.0, 50.0, 310.0);
const STYLE: &str = "text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } \
                     .grid { stroke: #8c959f; stroke-opacity: .35 } \
                     @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }";
const COLOURS: [&str; 4] = ["#2f81f7", "#d4a72c", "#3fb950", "#db61a2"];

/// One line for each store and of a send and a verification.
type Lines = Vec<(String, Vec<(u64, f64)>)>;

/// Writes `connections.svg` and `sessions.svg`.
pub(crate) fn write(directory: &Path, table: &Table) -> Result<(), Failure> {
    let (mut by_connections, mut by_sessions) = (Lines::new(), Lines::new());
    for (store, what) in table.kinds().filter(|(store, what)| *store != "null" && is_drawn(what)) {
        let name = format!("{store}: {what}");
        let rates = table.rates((store, what));
        let (fewest_sessions, fewest_connections) = least(&rates);
        let along = |x: fn(Size) -> u64, same: &dyn Fn(Size) -> bool| -> Vec<(u64, f64)> {
            rates.iter().filter(|(size, _)| same(*size)).map(|(size, rate)| (x(*size), *rate)).collect()
        };
        let connections = |(_, connections): Size| u64::try_from(connections).unwrap_or(u64::MAX);
        by_connections.push((name.clone(), along(connections, &|(sessions, _)| sessions == fewest_sessions)));
        by_sessions
            .push((name, along(|(sessions, _)| sessions, &|(_, connections)| connections == fewest_connections)));
    }
    fs::create_dir_all(directory)?;
    for (file, axis, lines) in
        [("connections.svg", "connections", by_connections), ("sessions.svg", "live sessions", by_sessions)]
    {
        let path = directory.join(file);
        fs::write(&path, svg(axis, &lines)?)?;
        say(&format!("drawn: {}", path.display()));
    }
    Ok(())
}

fn is_drawn(what: &str) -> bool {
    matches!(what, "send" | "verify right")
}

/// The other size that a picture is drawn at: the smallest.
fn least(rates: &[(Size, f64)]) -> Size {
    let sessions = rates.iter().map(|((sessions, _), _)| *sessions).min();
    let connections = rates.iter().map(|((_, connections), _)| *connections).min();
    (sessions.unwrap_or_default(), connections.unwrap_or_default())
}

/// The measured sizes stand side by side, however far apart they are.
fn svg(axis: &str, lines: &Lines) -> Result<String, Failure> {
    let (left, right, top, bottom) = FIELD;
    let mut sizes: Vec<u64> = lines.iter().flat_map(|(_, points)| points.iter().map(|(size, _)| *size)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let most = round_up(lines.iter().flat_map(|(_, points)| points.iter().map(|(_, rate)| *rate)).fold(1.0, f64::max));
    let y = |rate: f64| bottom - rate / most * (bottom - top);
    let x = |size: u64| {
        let before = u32::try_from(sizes.iter().filter(|other| **other < size).count()).unwrap_or_default();
        let steps = u32::try_from(sizes.len()).unwrap_or_default();
        left + (f64::from(before) + 0.5) / f64::from(steps) * (right - left)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><style>{STYLE}</style>\n\
         <text class=\"title\" x=\"{left}\" y=\"28\">Requests a second, by {axis}</text>\n"
    );
    for quarter in 0..=4_u32 {
        let rate = most * f64::from(quarter) / 4.0;
        let (at, label) = (y(rate), rate);
        writeln!(svg, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>")?;
        writeln!(svg, "<text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{label:.0}</text>", at + 4.0)?;
    }
    for size in &sizes {
        writeln!(svg, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{size}</text>", x(*size), bottom + 20.0)?;
    }
    for (((name, points), colour), nth) in lines.iter().zip(COLOURS.iter().cycle()).zip(0_u32..) {
        let along: Vec<String> = points.iter().map(|(size, rate)| format!("{:.1},{:.1}", x(*size), y(*rate))).collect();
        writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            along.join(" ")
        )?;
        for (size, rate) in points {
            writeln!(svg, "<circle fill=\"{colour}\" r=\"4\" cx=\"{:.1}\" cy=\"{:.1}\"/>", x(*size), y(*rate))?;
        }
        let at = top + 10.0 + f64::from(nth) * 24.0;
        writeln!(svg, "<circle fill=\"{colour}\" r=\"5\" cx=\"{}\" cy=\"{at}\"/>", right + 18.0)?;
        writeln!(svg, "<text x=\"{}\" y=\"{}\">{name}</text>", right + 30.0, at + 4.0)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// To the next 1, 2, 4 or 8 with zeros.
fn round_up(rate: f64) -> f64 {
    let power = 10_f64.powf(rate.log10().floor());
    let step = [1.0, 2.0, 4.0, 8.0].into_iter().find(|step| step * power >= rate);
    step.unwrap_or(10.0) * power
}
