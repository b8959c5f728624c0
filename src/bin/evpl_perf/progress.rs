//! The line that shows how a measurement goes, for people at a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(200);
/// Moves to the start of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// What one thread has done so far. Only that thread writes.
#[derive(Default)]
#[repr(align(64))]
pub struct Tally {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub fn add(&self, messages: u64, bytes: u64) {
        let add = |to: &AtomicU64, n: u64| {
            to.store(to.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        };
        add(&self.messages, messages);
        add(&self.bytes, bytes);
    }

    fn get(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

/// Keeps the line up to date until `is_over`. Without a terminal it returns at once, so that nothing
/// runs beside the measurement.
pub fn follow(title: &str, tallies: &[Tally], is_over: impl Fn() -> bool) {
    let mut output = io::stderr();
    if !output.is_terminal() {
        return;
    }
    let begin = Instant::now();
    let mut last = (0, 0);
    while !is_over() {
        std::thread::sleep(INTERVAL);
        let sum = tallies
            .iter()
            .map(Tally::get)
            .fold((0, 0), |sum, tally| (sum.0 + tally.0, sum.1 + tally.1));
        let line = line(title, begin.elapsed(), last, sum);
        // A terminal that went away does not end the measurement.
        let _ = write!(output, "{CLEAR}{line}").and_then(|()| output.flush());
        last = sum;
    }
    let _ = write!(output, "{CLEAR}").and_then(|()| output.flush());
}

fn line(title: &str, elapsed: Duration, last: (u64, u64), now: (u64, u64)) -> String {
    let rate = |last: u64, now: u64| (now - last) as f64 / INTERVAL.as_secs_f64();
    format!(
        "{title}  {:.1} s  {:.0}/s  {:.1} MB/s",
        elapsed.as_secs_f64(),
        rate(last.0, now.0),
        rate(last.1, now.1) / 1e6,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_the_rate_since_the_last_one() {
        let text = line("x", Duration::from_secs(1), (100, 0), (300, 2_000_000));
        assert_eq!(text, "x  1.0 s  1000/s  10.0 MB/s");
    }

    #[test]
    fn a_tally_adds_up() {
        let tally = Tally::default();
        tally.add(1, 10);
        tally.add(2, 20);
        assert_eq!(tally.get(), (3, 30));
    }
}
