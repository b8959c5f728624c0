//! Pipelining: a number of messages in flight on one connection of each thread, echoed.

use super::{Case, Workload, run};
use crate::client::Load;
use crate::report::Measurement;

pub fn measure(case: &Case) -> Result<Measurement, String> {
    let load = Load {
        window: case.window(case.depth.into()),
        ..case.load()
    };
    run(Workload::Messages, case, &vec![load; case.threads as usize])
}
