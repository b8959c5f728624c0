//! What can be measured. Each workload says what load it is; running it is the same for all.

mod bulk;
mod connect;
mod connections;
mod latency;
mod messages;
mod rdma;

use std::sync::Barrier;
use std::time::Duration;

use clap::ValueEnum;

use crate::client::{self, Load, Outcome};
use crate::ffi::Protocol;
use crate::log;
use crate::progress::{self, Tally};
use crate::report::{self, Latency, Measurement};
use crate::route::Route;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Round trip of one message at a time
    Latency,
    /// Messages echoed per second, several in flight
    Messages,
    /// Bytes per second in one direction
    Bulk,
    /// Round trips of many connections at once
    Connections,
    /// Connections made, used for one byte, and closed, per second
    Connect,
    /// Reads of the server's memory, several under way, where the protocol has them
    RdmaRead,
    /// Writes to the server's memory, the same
    RdmaWrite,
}

/// One measurement to make.
pub struct Case<'a> {
    pub protocol: Protocol,
    pub route: &'a Route,
    pub size: u32,
    pub depth: u32,
    pub threads: u32,
    pub connections: u32,
    pub duration: Duration,
    pub poll: bool,
    pub copy: bool,
}

/// The largest payload of a UDP datagram over IPv4.
const DATAGRAM_SIZE_MAX: u32 = 65_507;
/// What a socket's receive buffer holds by default: this many bytes of large datagrams, and this many
/// small ones, each of which takes a block of its own. More in flight would only be dropped.
const DATAGRAM_WINDOW_MAX: u64 = 96 * 1024;
const DATAGRAMS_MAX: u64 = 128;

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Workload::Latency => "latency",
            Workload::Messages => "messages",
            Workload::Bulk => "bulk",
            Workload::Connections => "connections",
            Workload::Connect => "connect",
            Workload::RdmaRead => "rdma-read",
            Workload::RdmaWrite => "rdma-write",
        }
    }

    /// Whether it can be asked of this protocol at all.
    pub fn suits(self, protocol: Protocol) -> bool {
        match self {
            Workload::RdmaRead | Workload::RdmaWrite => protocol.is_rdma(),
            _ => true,
        }
    }

    pub fn default_size(self) -> u32 {
        match self {
            Workload::Bulk | Workload::RdmaRead | Workload::RdmaWrite => 32_768,
            _ => 64,
        }
    }

    /// Whether messages of different sizes make a difference.
    pub fn has_size(self) -> bool {
        self != Workload::Connect
    }

    pub fn is_plotted(self) -> bool {
        matches!(self, Workload::Latency | Workload::Bulk)
    }

    pub fn measure(self, case: &Case) -> Result<Measurement, String> {
        if !case.protocol.is_connected() && case.size > DATAGRAM_SIZE_MAX {
            return Err(format!("a datagram has at most {DATAGRAM_SIZE_MAX} bytes"));
        }
        // Reasons are of this measurement, not of an earlier one.
        log::take_last_error();
        let measurement = match self {
            Workload::Latency => latency::measure(case),
            Workload::Messages => messages::measure(case),
            Workload::Bulk => bulk::measure(case),
            Workload::Connections => connections::measure(case),
            Workload::Connect => connect::measure(case),
            Workload::RdmaRead | Workload::RdmaWrite => rdma::measure(self, case),
        }?;
        match measurement.messages {
            0 => Err("nothing came back".to_owned()),
            _ => Ok(measurement),
        }
    }
}

impl Case<'_> {
    /// The load of a workload that differs from a plain ping-pong in what it says.
    fn load(&self) -> Load {
        Load {
            protocol: self.protocol,
            size: self.size,
            window: u64::from(self.size),
            connections: 1,
            answer: client::Answer::Echo,
            record: false,
            copy: self.copy,
            poll: self.poll,
            duration: self.duration,
        }
    }

    /// Bytes to keep in flight for `depth` messages.
    fn window(&self, depth: u64) -> u64 {
        let size = u64::from(self.size);
        if self.protocol.is_connected() {
            size * depth
        } else {
            (size * depth.min(DATAGRAMS_MAX))
                .min(DATAGRAM_WINDOW_MAX)
                .max(size)
        }
    }
}

/// Runs one load on each thread and adds up what came of it.
fn run(workload: Workload, case: &Case, loads: &[Load]) -> Result<Measurement, String> {
    let depth = loads
        .first()
        .map_or(0, |load| load.window / u64::from(load.size));
    let connections = loads.iter().map(|load| load.connections).sum();
    let start = Barrier::new(loads.len());
    let outcomes = run_threads(workload, case, loads.len(), |index, tally| {
        client::run(&loads[index], case.route, tally, &start)
    })?;
    let latency = loads.iter().all(|load| load.record);
    Ok(collect(
        workload,
        case,
        depth,
        connections,
        outcomes,
        latency,
    ))
}

/// One thread for each index, with the progress line beside them.
fn run_threads(
    workload: Workload,
    case: &Case,
    count: usize,
    work: impl Fn(usize, &Tally) -> Result<Outcome, String> + Sync,
) -> Result<Vec<Outcome>, String> {
    let tallies: Vec<Tally> = (0..count).map(|_| Tally::default()).collect();
    let title = format!("{} {} {} B", case.protocol.name, workload.name(), case.size);
    std::thread::scope(|scope| {
        let threads: Vec<_> = tallies
            .iter()
            .enumerate()
            .map(|(index, tally)| {
                let work = &work;
                std::thread::Builder::new()
                    .name(format!("client-{index}"))
                    .spawn_scoped(scope, move || work(index, tally))
                    .map_err(|error| format!("no thread: {error}"))
            })
            .collect();
        progress::follow(&title, &tallies, || {
            threads.iter().flatten().all(|thread| thread.is_finished())
        });
        threads
            .into_iter()
            .map(|thread| {
                thread?
                    .join()
                    .unwrap_or_else(|_| Err("a client thread panicked".to_owned()))
            })
            .collect()
    })
}

fn collect(
    workload: Workload,
    case: &Case,
    depth: u64,
    connections: u32,
    outcomes: Vec<Outcome>,
    latency: bool,
) -> Measurement {
    let mut histogram = report::histogram();
    for outcome in &outcomes {
        histogram
            .add(&outcome.latency_ns)
            .expect("all histograms have the same bounds");
    }
    let elapsed = outcomes.iter().map(|outcome| outcome.elapsed).max();
    Measurement {
        protocol: case.protocol.name,
        workload,
        size: case.size,
        depth,
        connections,
        threads: case.threads,
        seconds: elapsed.unwrap_or_default().as_secs_f64(),
        messages: outcomes.iter().map(|outcome| outcome.messages).sum(),
        bytes: outcomes.iter().map(|outcome| outcome.bytes).sum(),
        lost: outcomes.iter().map(|outcome| outcome.lost).sum(),
        latency: if latency {
            Latency::of(&histogram)
        } else {
            None
        },
    }
}

/// `total` over `threads`, the first ones taking what is left over.
fn share(total: u32, threads: u32, index: u32) -> u32 {
    total / threads + u32::from(index < total % threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (total, threads) in [(100, 3), (2, 4), (7, 7), (1, 1)] {
            let sum: u32 = (0..threads).map(|index| share(total, threads, index)).sum();
            assert_eq!(sum, total);
        }
    }
}
