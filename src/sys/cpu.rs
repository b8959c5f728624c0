//! Which processors this process and this thread may use.

use std::sync::OnceLock;

/// Processors a thread may run on, as far as the mask goes.
pub const CPUS_MAX: usize = libc::CPU_SETSIZE as usize;

fn affinity(thread: libc::pid_t) -> Option<libc::cpu_set_t> {
    // SAFETY: all-zero is an empty set.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set is writable for its size.
    let result = unsafe { libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &mut set) };
    (result == 0).then_some(set)
}

/// The one processor this thread is bound to, if it is.
pub fn pinned_to() -> Option<usize> {
    let set = affinity(0)?;
    // SAFETY: the set is initialised.
    let mut allowed = (0..CPUS_MAX).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) });
    let first = allowed.next()?;
    allowed.next().is_none().then_some(first)
}

/// Processors the process may use at once: its affinity and its share of time, whichever is less.
pub fn usable() -> usize {
    static USABLE: OnceLock<usize> = OnceLock::new();
    *USABLE.get_or_init(|| {
        let process = std::process::id() as libc::pid_t;
        // SAFETY: the set is initialised.
        let allowed = affinity(process).map_or(1, |set| unsafe { libc::CPU_COUNT(&set) } as usize);
        allowed.min(quota().unwrap_or(usize::MAX)).max(1)
    })
}

/// The control group's share, in whole processors rounded down. Nested groups show their own limit in
/// their own mount, so the root of what is mounted is the one that counts in a container.
fn quota() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let (quota, period) = match read("/sys/fs/cgroup/cpu.max") {
        Some(text) => {
            let mut words = text.split_whitespace().map(str::to_owned);
            (words.next()?, words.next()?)
        }
        None => (
            read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?,
            read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?,
        ),
    };
    let quota: usize = quota.trim().parse().ok()?;
    let period: usize = period.trim().parse().ok().filter(|period| *period > 0)?;
    Some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_use_at_least_one_processor() {
        assert!((1..=CPUS_MAX).contains(&usable()));
    }
}
