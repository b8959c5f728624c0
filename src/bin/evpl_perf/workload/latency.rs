//! Ping-pong: one message at a time on one connection of each thread, every round trip recorded.

use super::{Case, Workload, run};
use crate::client::Load;
use crate::report::Measurement;

pub fn measure(case: &Case) -> Result<Measurement, String> {
    let load = Load {
        record: true,
        ..case.load()
    };
    run(Workload::Latency, case, &vec![load; case.threads as usize])
}
