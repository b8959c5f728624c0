//! Which processors this process and this thread may use.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Processors a thread may run on, as far as the mask goes.
pub const CPUS_MAX: usize = libc::CPU_SETSIZE as usize;

fn affinity(thread: libc::pid_t) -> Option<libc::cpu_set_t> {
    // SAFETY: all-zero is an empty set.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set is writable for its size.
    let result = unsafe { libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &mut set) };
    (result == 0).then_some(set)
}

/// The one processor this thread is bound to, if it is. What it may run on counts as usable from then on.
pub fn pinned_to() -> Option<usize> {
    let set = affinity(0)?;
    // SAFETY: the set is initialised.
    let mut allowed = (0..CPUS_MAX).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) });
    let first = allowed.next()?;
    note_allowed(first);
    let mut pinned = Some(first);
    for cpu in allowed {
        pinned = None;
        note_allowed(cpu);
    }
    pinned
}

/// Processors that some thread which asked may run on. Threads differ: one may be bound to a processor
/// and the next to another.
static ALLOWED: [AtomicU64; CPUS_MAX / 64] = [const { AtomicU64::new(0) }; CPUS_MAX / 64];
static ALLOWED_COUNT: AtomicUsize = AtomicUsize::new(0);

fn note_allowed(cpu: usize) {
    let bit = 1 << (cpu % 64);
    if ALLOWED[cpu / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        ALLOWED_COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Processors that the threads which asked may use at once: their affinity and the process's share of
/// time, whichever is less.
pub fn usable() -> usize {
    /// Zero before it is known; whoever asks then finds the same.
    static QUOTA: AtomicUsize = AtomicUsize::new(0);
    let quota = match QUOTA.load(Ordering::Relaxed) {
        0 => {
            let quota = quota().unwrap_or(usize::MAX).max(1);
            QUOTA.store(quota, Ordering::Relaxed);
            quota
        }
        known => known,
    };
    ALLOWED_COUNT.load(Ordering::Relaxed).min(quota).max(1)
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
        let pinned = pinned_to();
        assert!((1..=CPUS_MAX).contains(&usable()));
        assert!(pinned.is_none_or(|cpu| cpu < CPUS_MAX));
    }
}
