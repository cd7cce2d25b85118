//! Charts, as SVG that is written by the server: they need no script, and the numbers are in a table beside them.

/// What is drawn for one hour or day: sent, delivered, verified.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) verified: u64,
}

/// A rectangle of a bar, in the drawing's units.
pub(super) struct Rect {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

/// A line across, and what it stands for.
pub(super) struct Line {
    pub(super) y: String,
    pub(super) label: String,
}

/// A name under a bar.
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

/// Bars over time; each holds, one before the other, what was sent, what of it arrived, and what of it was verified.
pub(super) struct Chart {
    pub(super) rects: Vec<Rect>,
    pub(super) lines: Vec<Line>,
    pub(super) ticks: Vec<Tick>,
}

const WIDTH: u64 = 720;
const HEIGHT: u64 = 180;
const LEFT: u64 = 44;
const BOTTOM: u64 = 20;
const TOP: u64 = 10;
/// A few bars are no walls.
const WIDEST: u64 = 900;
/// So many names fit beneath.
const NAMES: usize = 8;

impl Chart {
    pub(super) fn new(bars: &[Bar]) -> Self {
        let most = bars.iter().map(|bar| bar.sent).max().unwrap_or(0);
        let top = round_up(most);
        let tall = (HEIGHT - BOTTOM - TOP) * 10;
        // Tenths of the drawing's units.
        let height_of =
            |count: u64| u64::try_from(u128::from(count) * u128::from(tall) / u128::from(top)).unwrap_or(tall);
        let count = u64::try_from(bars.len()).unwrap_or(1).max(1);
        let slot = ((WIDTH - LEFT) * 10 / count).min(WIDEST);
        let gap = if slot > 60 { 20 } else { slot / 4 };
        let mut chart = Self { rects: Vec::new(), lines: Vec::new(), ticks: Vec::new() };
        for part in 0..=2 {
            let value = top / 2 * part;
            chart.lines.push(Line { y: tenths((HEIGHT - BOTTOM) * 10 - height_of(value)), label: value.to_string() });
        }
        let every = bars.len().div_ceil(NAMES).max(1);
        let mut left = LEFT * 10;
        for (index, bar) in bars.iter().enumerate() {
            for (class, value) in [("sent", bar.sent), ("delivered", bar.delivered), ("verified", bar.verified)] {
                if value == 0 {
                    continue;
                }
                let height = height_of(value).max(10);
                chart.rects.push(Rect {
                    class,
                    x: tenths(left + gap / 2),
                    y: tenths((HEIGHT - BOTTOM) * 10 - height),
                    width: tenths(slot - gap),
                    height: tenths(height),
                });
            }
            if index % every == 0 {
                chart.ticks.push(Tick { x: tenths(left + slot / 2), label: bar.label.clone() });
            }
            left += slot;
        }
        chart
    }
}

/// The next of 2, 4, 10, 20, 40, 100, …, so that the line in the middle stands for a whole number.
fn round_up(value: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [2, 4, 10] {
            let top = step.saturating_mul(factor);
            if top >= value {
                return top;
            }
        }
        step = step.saturating_mul(10);
    }
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(sent: u64, delivered: u64, verified: u64) -> Bar {
        Bar { label: "10".to_owned(), sent, delivered, verified }
    }

    #[test]
    fn the_tallest_bar_stands_within_the_drawing_and_in_proportion() {
        let chart = Chart::new(&[bar(100, 50, 25), bar(0, 0, 0)]);
        let heights: Vec<&str> = chart.rects.iter().map(|rect| rect.height.as_str()).collect();
        assert_eq!(heights, ["150.0", "75.0", "37.5"]);
        assert_eq!(chart.rects[0].y, "10.0");
        assert_eq!(chart.lines.iter().map(|line| line.label.as_str()).collect::<Vec<_>>(), ["0", "50", "100"]);
    }

    #[test]
    fn nothing_and_very_much_can_be_drawn() {
        assert!(Chart::new(&[]).rects.is_empty());
        assert_eq!(Chart::new(&[bar(u64::MAX, 0, 0)]).rects.len(), 1);
        assert_eq!([0, 2, 3, 5, 11, 41].map(round_up), [2, 2, 4, 10, 20, 100]);
    }
}
