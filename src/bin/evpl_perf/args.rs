//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::workload::Workload;

/// The largest message that can be asked for.
const SIZE_MAX: u32 = 1 << 30;
const DURATION_MAX_S: f64 = 3600.0;
/// Sizes of a plot's points, unless others are asked for. Every protocol can carry them.
const SWEEP: [u32; 4] = [64, 512, 4096, 32_768];

/// Measures libevpl through its C functions.
///
/// Client and server run in this process, on loopback, unless --server or --client is given.
#[derive(Parser, Debug)]
#[command(name = "evpl_perf", version)]
pub struct Args {
    /// Protocols by lookup name, separated by commas
    #[arg(
        short,
        long,
        value_delimiter = ',',
        default_value = "STREAM_SOCKET_TCP"
    )]
    pub protocol: Vec<String>,
    /// Measure every protocol that this build offers
    #[arg(long, conflicts_with_all = ["protocol", "server", "client"])]
    pub all: bool,
    /// What to measure; everything if not given
    #[arg(short, long, value_enum, value_delimiter = ',')]
    pub workload: Vec<Workload>,
    /// Message sizes in bytes, separated by commas; chosen by workload if not given
    #[arg(short, long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX as i64))]
    pub size: Vec<u32>,
    /// Messages in flight on a connection (messages, bulk), or connections being made (connect)
    #[arg(short, long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub depth: u32,
    /// Client threads, and server threads if this process serves
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// Connections of the workload of that name, over all threads
    #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Seconds of each measurement
    #[arg(long, default_value = "1", value_parser = seconds)]
    pub duration: Duration,
    /// Whether loops look for work again before they sleep
    #[arg(long, value_enum, default_value_t = Mode::Poll)]
    pub mode: Mode,
    /// Send with the functions that copy, instead of one buffer by reference
    #[arg(long)]
    pub copy: bool,
    /// Serve other processes
    #[arg(long, conflicts_with = "client")]
    pub server: bool,
    /// Measure against a server in another process: a host, or the path of its socket
    #[arg(long, value_name = "HOST")]
    pub client: Option<String>,
    /// Where the server listens: an address, or the path of a socket
    #[arg(long, value_name = "ADDRESS", requires = "server")]
    pub bind: Option<String>,
    /// The server's port, and the next two
    #[arg(long, default_value_t = 7471, value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub port: u16,
    /// Seconds after which the server stops by itself
    #[arg(long, default_value = "600", value_parser = seconds)]
    pub serve_for: Duration,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Draw latency percentiles and throughput by message size
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Poll,
    Event,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Poll => "poll",
            Mode::Event => "event",
        }
    }
}

impl Args {
    pub fn workloads(&self) -> &[Workload] {
        if self.workload.is_empty() {
            Workload::value_variants()
        } else {
            &self.workload
        }
    }

    /// The sizes to measure `workload` with.
    pub fn sizes(&self, workload: Workload) -> Vec<u32> {
        if !workload.has_size() {
            vec![1]
        } else if !self.size.is_empty() {
            self.size.clone()
        } else if self.plot.is_some() && workload.is_plotted() {
            SWEEP.to_vec()
        } else {
            vec![workload.default_size()]
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number <= DURATION_MAX_S {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err(format!("not between 0 and {DURATION_MAX_S} seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_measures_several_sizes_unless_told_which() {
        let args = Args::parse_from(["evpl_perf", "--plot", "x.svg"]);
        assert_eq!(args.sizes(Workload::Latency), SWEEP);
        assert_eq!(args.sizes(Workload::Messages).len(), 1);
        let args = Args::parse_from(["evpl_perf", "--plot", "x.svg", "--size", "7,8"]);
        assert_eq!(args.sizes(Workload::Bulk), [7, 8]);
    }

    #[test]
    fn a_bound_is_kept() {
        for wrong in [
            ["--duration", "0"],
            ["--duration", "1e9"],
            ["--size", "0"],
            ["--threads", "0"],
            ["--workload", "sleep"],
        ] {
            let line = ["evpl_perf", wrong[0], wrong[1]];
            assert!(Args::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }
}
