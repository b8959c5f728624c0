//! One direction: the server only says how much arrived, so what counts is what was received.

use super::{Case, Workload, run};
use crate::client::{Answer, Load};
use crate::report::Measurement;

/// Less in flight would measure the round trip.
const WINDOW_MIN: u64 = 256 * 1024;

pub fn measure(case: &Case) -> Result<Measurement, String> {
    let depth = u64::from(case.depth).max(WINDOW_MIN / u64::from(case.size));
    let load = Load {
        window: case.window(depth),
        answer: Answer::Count,
        ..case.load()
    };
    run(Workload::Bulk, case, &vec![load; case.threads as usize])
}
