//! Many connections at once, one message at a time on each.

use super::{Case, Workload, run, share};
use crate::client::Load;
use crate::report::Measurement;

pub fn measure(case: &Case) -> Result<Measurement, String> {
    let threads = case.threads.min(case.connections);
    let loads: Vec<Load> = (0..threads)
        .map(|index| Load {
            connections: share(case.connections, threads, index),
            record: true,
            ..case.load()
        })
        .collect();
    run(Workload::Connections, case, &loads)
}
