//! What was measured, as a table and as JSON.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::Mode;
use crate::workload::Workload;

const LATENCY_NS_MAX: u64 = 60_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

pub struct Measurement {
    pub protocol: &'static str,
    pub workload: Workload,
    pub size: u32,
    pub depth: u64,
    pub connections: u32,
    pub threads: u32,
    pub seconds: f64,
    /// Round trips, messages or connections, as the workload counts.
    pub messages: u64,
    pub bytes: u64,
    /// Messages or connections that came to nothing.
    pub lost: u64,
    pub latency: Option<Latency>,
}

/// Of round trips, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
    pub mean: f64,
}

/// What was asked for and not measured.
pub struct Skipped {
    pub protocol: String,
    pub workload: &'static str,
    pub size: u32,
    pub reason: String,
}

/// For nanoseconds. All have the same bounds, so that they can be added.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants")
}

impl Latency {
    /// Nothing, if nothing was recorded.
    pub fn of(ns: &Histogram<u64>) -> Option<Latency> {
        let us = |ns: u64| ns as f64 / 1e3;
        (!ns.is_empty()).then(|| Latency {
            p50: us(ns.value_at_quantile(0.5)),
            p99: us(ns.value_at_quantile(0.99)),
            p99_9: us(ns.value_at_quantile(0.999)),
            max: us(ns.max()),
            mean: ns.mean() / 1e3,
        })
    }
}

impl Measurement {
    pub fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

pub fn table(measurements: &[Measurement], skipped: &[Skipped]) -> String {
    let mut text = format!(
        "{:<20} {:<11} {:>8} {:>5} {:>5} {:>11} {:>10} {:>9} {:>9} {:>9} {:>9} {:>6}\n",
        "protocol",
        "workload",
        "size",
        "depth",
        "conns",
        "per second",
        "MB/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "max us",
        "lost",
    );
    for m in measurements {
        let latency = |of: fn(&Latency) -> f64| match &m.latency {
            Some(latency) => format!("{:.1}", of(latency)),
            None => "-".to_owned(),
        };
        text += &format!(
            "{:<20} {:<11} {:>8} {:>5} {:>5} {:>11.0} {:>10.1} {:>9} {:>9} {:>9} {:>9} {:>6}\n",
            m.protocol,
            m.workload.name(),
            m.size,
            m.depth,
            m.connections,
            m.messages_per_second(),
            m.bytes_per_second() / 1e6,
            latency(|latency| latency.p50),
            latency(|latency| latency.p99),
            latency(|latency| latency.p99_9),
            latency(|latency| latency.max),
            m.lost,
        );
    }
    for s in skipped {
        text += &format!(
            "{:<20} {:<11} {:>8} skipped: {}\n",
            s.protocol, s.workload, s.size, s.reason
        );
    }
    text
}

pub fn json(
    mode: Mode,
    duration: Duration,
    measurements: &[Measurement],
    skipped: &[Skipped],
) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": mode.name(),
        "duration_s": duration.as_secs_f64(),
        "results": measurements.iter().map(measurement_json).collect::<Vec<_>>(),
        "skipped": skipped.iter().map(|s| json!({
            "protocol": s.protocol,
            "workload": s.workload,
            "size": s.size,
            "reason": s.reason,
        })).collect::<Vec<_>>(),
    })
}

fn measurement_json(m: &Measurement) -> Value {
    json!({
        "protocol": m.protocol,
        "workload": m.workload.name(),
        "size": m.size,
        "depth": m.depth,
        "connections": m.connections,
        "threads": m.threads,
        "seconds": m.seconds,
        "messages": m.messages,
        "bytes": m.bytes,
        "lost": m.lost,
        "messages_per_second": m.messages_per_second(),
        "bytes_per_second": m.bytes_per_second(),
        "latency_us": m.latency.map(|latency| json!({
            "p50": latency.p50,
            "p99": latency.p99,
            "p99_9": latency.p99_9,
            "max": latency.max,
            "mean": latency.mean,
        })),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A round trip of `us` microseconds at `size` bytes.
    pub fn sample(protocol: &'static str, workload: Workload, size: u32, us: u64) -> Measurement {
        let mut ns = histogram();
        ns.saturating_record(us * 1000);
        Measurement {
            protocol,
            workload,
            size,
            depth: 1,
            connections: 1,
            threads: 1,
            seconds: 2.0,
            messages: 10,
            bytes: 10 * u64::from(size),
            lost: 0,
            latency: (workload == Workload::Latency).then(|| Latency::of(&ns).unwrap()),
        }
    }

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let mut ns = histogram();
        (1..=1000).for_each(|us| ns.saturating_record(us * 1000));
        let latency = Latency::of(&ns).unwrap();
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert!(near(latency.p50, 500.0), "{latency:?}");
        assert!(near(latency.p99, 990.0), "{latency:?}");
        assert!(near(latency.p99_9, 999.0), "{latency:?}");
        assert!(near(latency.max, 1000.0), "{latency:?}");
        assert!(near(latency.mean, 500.5), "{latency:?}");
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        assert!(Latency::of(&histogram()).is_none());
    }

    #[test]
    fn histograms_of_threads_add_up_and_keep_what_is_out_of_bounds() {
        let (mut a, mut b) = (histogram(), histogram());
        a.saturating_record(1);
        b.saturating_record(u64::MAX);
        a.add(&b).unwrap();
        assert_eq!(a.len(), 2);
        assert!(Latency::of(&a).unwrap().max >= LATENCY_NS_MAX as f64 / 1e3);
    }

    #[test]
    fn every_row_has_all_columns() {
        let rows = [
            sample("STREAM_SOCKET_TCP", Workload::Latency, 64, 20),
            sample("DATAGRAM_INPROC", Workload::Bulk, 65_536, 0),
        ];
        let text = table(&rows, &[]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines.iter().all(|line| line.len() == lines[0].len()),
            "{text}"
        );
        assert!(lines[1].contains("20.0"), "{text}");
    }

    #[test]
    fn what_was_skipped_says_why() {
        let skipped = [Skipped {
            protocol: "X".to_owned(),
            workload: "bulk",
            size: 1,
            reason: "no such thing".to_owned(),
        }];
        assert!(table(&[], &skipped).contains("skipped: no such thing"));
        let value = json(Mode::Poll, Duration::from_secs(1), &[], &skipped);
        assert_eq!(value["skipped"][0]["reason"], "no such thing");
    }

    #[test]
    fn json_has_rates() {
        let rows = [sample("STREAM_INPROC", Workload::Latency, 100, 7)];
        let value = json(Mode::Event, Duration::from_secs(2), &rows, &[]);
        assert_eq!(value["mode"], "event");
        assert_eq!(value["results"][0]["messages_per_second"], 5.0);
        assert_eq!(value["results"][0]["bytes_per_second"], 500.0);
        assert!(value["results"][0]["latency_us"]["p50"].as_f64().unwrap() > 6.9);
    }
}
