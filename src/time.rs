//! Loop time, and the high-frequency clock that users read.
//!
//! Loop time is in nanoseconds, of `CLOCK_MONOTONIC` or of a counter that the application advances.
//! The high-frequency clock is always real: the CPU's counter scaled to `CLOCK_MONOTONIC`, so that
//! reading it costs no call. It never goes back, on whichever thread, and stays within the error of
//! one short interval, because each interval is anchored anew.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::thread::yield_now;

/// The process's clock.
pub struct Clock {
    virtual_ns: Option<AtomicU64>,
    counter: Option<ScaledCounter>,
}

impl Clock {
    /// `hf_time_mode` 0 reads the system's clock, 2 the CPU's counter if it never stops, all others
    /// the counter.
    pub fn new(virtual_clock: bool, hf_time_mode: u32) -> Clock {
        let use_counter = match hf_time_mode {
            0 => false,
            2 => std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| never_stops(&text)),
            _ => true,
        };
        Clock {
            virtual_ns: virtual_clock.then(|| AtomicU64::new(0)),
            counter: (use_counter && counter::EXISTS)
                .then(|| ScaledCounter::new(counter::read(), monotonic_ns())),
        }
    }

    /// The loop's time in nanoseconds.
    pub fn ticks(&self) -> u64 {
        match &self.virtual_ns {
            Some(now) => now.load(Ordering::Acquire),
            None => monotonic_ns(),
        }
    }

    /// Real time since boot, whatever the loops run on.
    pub fn hf_now(&self) -> libc::timespec {
        let ns = match &self.counter {
            Some(counter) => counter.now(counter::read, monotonic_ns),
            None => monotonic_ns(),
        };
        libc::timespec {
            tv_sec: (ns / NS_PER_SECOND) as libc::time_t,
            tv_nsec: (ns % NS_PER_SECOND) as libc::c_long,
        }
    }

    pub fn is_virtual(&self) -> bool {
        self.virtual_ns.is_some()
    }

    /// Moves virtual time. The caller has checked `is_virtual`.
    pub fn advance(&self, ns: u64) {
        let now = self
            .virtual_ns
            .as_ref()
            .expect("the caller checked for a virtual clock");
        now.fetch_add(ns, Ordering::AcqRel);
    }

    /// Virtual time. The caller has checked `is_virtual`.
    pub fn virtual_now(&self) -> u64 {
        let now = self
            .virtual_ns
            .as_ref()
            .expect("the caller checked for a virtual clock");
        now.load(Ordering::Acquire)
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is writable. The call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * NS_PER_SECOND + now.tv_nsec as u64
}

const NS_PER_SECOND: u64 = 1_000_000_000;
/// How long an anchor is used. The drift in it is what the clock may be off.
const INTERVAL_NS: u64 = 100_000_000;
/// The least time that gives a usable first rate.
const FIRST_INTERVAL_NS: u64 = 10_000_000;
/// A reading that took longer was interrupted and gives no good anchor.
const READING_NS_MAX: u64 = 2_000;
const READING_COUNT_MAX: u32 = 4;
const RATE_SHIFT: u32 = 32;

fn never_stops(cpuinfo: &str) -> bool {
    cpuinfo
        .split_ascii_whitespace()
        .any(|word| word == "nonstop_tsc")
}

/// A counter scaled to a slower, trusted clock.
///
/// Readers compute `base + (counter - anchor) * rate` and accept the result only if no thread began
/// to set these fields meanwhile. So every accepted reading under the old fields was taken before
/// the one that starts the new ones, and these start no lower than any reading could have been.
struct ScaledCounter {
    /// Odd while a thread sets the fields.
    sequence: AtomicU32,
    /// Nanoseconds per count, shifted; 0 while unknown. Differs from the measured rate by what takes
    /// back the lead over the trusted clock within one interval.
    rate: AtomicU64,
    /// Counts after which the fields are too old.
    interval_count: AtomicU64,
    anchor_count: AtomicU64,
    anchor_ns: AtomicU64,
    /// Result at the anchor: the trusted clock's, or more where readers were already told more.
    base_ns: AtomicU64,
}

#[derive(Clone, Copy)]
struct Fields {
    rate: u64,
    interval_count: u64,
    anchor_count: u64,
    anchor_ns: u64,
    base_ns: u64,
}

impl ScaledCounter {
    fn new(count: u64, ns: u64) -> ScaledCounter {
        ScaledCounter {
            sequence: AtomicU32::new(0),
            rate: AtomicU64::new(0),
            interval_count: AtomicU64::new(0),
            anchor_count: AtomicU64::new(count),
            anchor_ns: AtomicU64::new(ns),
            base_ns: AtomicU64::new(ns),
        }
    }

    fn now(&self, count: impl Fn() -> u64, clock_ns: impl Fn() -> u64) -> u64 {
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            if sequence & 1 == 1 {
                // Over in less than a microsecond, unless that thread lost its CPU.
                yield_now();
                continue;
            }
            let fields = self.load();
            let (now, expired) = fields.evaluate(&count, &clock_ns);
            fence(Ordering::Acquire);
            if self.sequence.load(Ordering::Relaxed) != sequence {
                continue;
            }
            if !expired {
                return now;
            }
            let odd = sequence.wrapping_add(1);
            let claimed =
                self.sequence
                    .compare_exchange(sequence, odd, Ordering::SeqCst, Ordering::Relaxed);
            if claimed.is_ok() {
                // The reading below must come after the claim, see above.
                fence(Ordering::SeqCst);
                let renewed = fields.renew(&count, &clock_ns);
                self.store(renewed);
                self.sequence.store(odd.wrapping_add(1), Ordering::Release);
                return renewed.base_ns;
            }
        }
    }

    fn load(&self) -> Fields {
        Fields {
            rate: self.rate.load(Ordering::Relaxed),
            interval_count: self.interval_count.load(Ordering::Relaxed),
            anchor_count: self.anchor_count.load(Ordering::Relaxed),
            anchor_ns: self.anchor_ns.load(Ordering::Relaxed),
            base_ns: self.base_ns.load(Ordering::Relaxed),
        }
    }

    fn store(&self, fields: Fields) {
        self.rate.store(fields.rate, Ordering::Relaxed);
        self.interval_count
            .store(fields.interval_count, Ordering::Relaxed);
        self.anchor_count
            .store(fields.anchor_count, Ordering::Relaxed);
        self.anchor_ns.store(fields.anchor_ns, Ordering::Relaxed);
        self.base_ns.store(fields.base_ns, Ordering::Relaxed);
    }
}

impl Fields {
    /// The time, and whether new fields are due, in which case it does not hold.
    fn evaluate(&self, count: impl Fn() -> u64, clock_ns: impl Fn() -> u64) -> (u64, bool) {
        if self.rate == 0 {
            let now = clock_ns();
            let due = now >= self.base_ns.max(self.anchor_ns + FIRST_INTERVAL_NS);
            (now.max(self.base_ns), due)
        } else {
            // A counter that was set back wraps to a large number and counts as expired.
            let elapsed = count().wrapping_sub(self.anchor_count);
            let due = elapsed > self.interval_count;
            (
                self.base_ns + scale(elapsed.min(self.interval_count), self.rate),
                due,
            )
        }
    }

    fn renew(&self, count: impl Fn() -> u64, clock_ns: impl Fn() -> u64) -> Fields {
        let (anchor_count, anchor_ns) = reading(&count, &clock_ns, self.rate);
        let elapsed = anchor_count.wrapping_sub(self.anchor_count);
        let elapsed_ns = anchor_ns.saturating_sub(self.anchor_ns);
        let measured = (u128::from(elapsed_ns) << RATE_SHIFT) / u128::from(elapsed.max(1));
        let measured = u64::try_from(measured).unwrap_or(u64::MAX);
        // What readers may have been told at most: none of them went beyond the interval.
        let told = match self.rate {
            0 => self.base_ns,
            rate => self.base_ns + scale(elapsed.min(self.interval_count), rate),
        };
        let base_ns = anchor_ns.max(told);
        // A suspended or migrated machine breaks the relation of the two clocks; start over.
        let broken =
            measured == 0 || self.rate != 0 && measured.abs_diff(self.rate) > self.rate / 64;
        if broken {
            return Fields {
                rate: 0,
                interval_count: 0,
                anchor_count,
                anchor_ns,
                base_ns,
            };
        }
        let lead = (base_ns - anchor_ns).min(INTERVAL_NS / 128);
        Fields {
            rate: measured - scale_rate(measured, lead),
            interval_count: counts(INTERVAL_NS, measured),
            anchor_count,
            anchor_ns,
            base_ns,
        }
    }
}

/// Both clocks at one moment: the trusted one is read between two counts that are close together.
fn reading(count: impl Fn() -> u64, clock_ns: impl Fn() -> u64, rate: u64) -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..READING_COUNT_MAX {
        let before = count();
        let ns = clock_ns();
        let took = count().wrapping_sub(before);
        if took < best.0 {
            best = (took, before.wrapping_add(took / 2), ns);
        }
        if rate != 0 && scale(took, rate) < READING_NS_MAX {
            break;
        }
    }
    (best.1, best.2)
}

fn scale(count: u64, rate: u64) -> u64 {
    ((u128::from(count) * u128::from(rate)) >> RATE_SHIFT) as u64
}

/// The part of `rate` that makes up `lead` nanoseconds in one interval.
fn scale_rate(rate: u64, lead: u64) -> u64 {
    (u128::from(rate) * u128::from(lead) / u128::from(INTERVAL_NS)) as u64
}

fn counts(ns: u64, rate: u64) -> u64 {
    u64::try_from((u128::from(ns) << RATE_SHIFT) / u128::from(rate)).unwrap_or(u64::MAX)
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{_mm_lfence, _rdtsc};

    pub const EXISTS: bool = true;

    /// The fences keep the reading between the loads around it, as the sequence check needs.
    pub fn read() -> u64 {
        // SAFETY: every x86-64 CPU has these instructions.
        unsafe {
            _mm_lfence();
            let count = _rdtsc();
            _mm_lfence();
            count
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod counter {
    pub const EXISTS: bool = true;

    /// The barriers keep the reading between the loads around it, as the sequence check needs.
    pub fn read() -> u64 {
        let count: u64;
        // SAFETY: Linux lets user code read the virtual counter.
        unsafe { core::arch::asm!("isb", "mrs {}, cntvct_el0", "isb", out(reg) count) };
        count
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod counter {
    pub const EXISTS: bool = false;

    pub fn read() -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    fn ns(time: libc::timespec) -> u64 {
        time.tv_sec as u64 * NS_PER_SECOND + time.tv_nsec as u64
    }

    #[test]
    fn virtual_time_moves_only_when_told() {
        let clock = Clock::new(true, 0);
        assert!(clock.is_virtual());
        assert_eq!(clock.ticks(), 0);
        clock.advance(1_000_001);
        assert_eq!((clock.ticks(), clock.virtual_now()), (1_000_001, 1_000_001));
        assert!(ns(clock.hf_now()).abs_diff(monotonic_ns()) < NS_PER_SECOND);
    }

    #[test]
    fn the_flag_is_found_as_a_whole_word_only() {
        assert!(never_stops(
            "flags\t\t: fpu constant_tsc nonstop_tsc cpuid\n"
        ));
        assert!(!never_stops("flags : nonstop_tsc_s3 xnonstop_tsc\n"));
    }

    #[test]
    fn each_mode_is_monotonic_and_close_to_the_system_clock() {
        for mode in [0, 1, 2] {
            let clock = Clock::new(false, mode);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        let (mut last, end) = (0, monotonic_ns() + 250_000_000);
                        let mut furthest = 0;
                        while monotonic_ns() < end {
                            let before = monotonic_ns();
                            let now = ns(clock.hf_now());
                            let after = monotonic_ns();
                            assert!(now >= last, "mode {mode} went from {last} to {now}");
                            last = now;
                            furthest = furthest
                                .max(before.saturating_sub(now))
                                .max(now.saturating_sub(after));
                        }
                        assert!(furthest < 1_000_000, "mode {mode} was {furthest} ns off");
                    });
                }
            });
        }
    }

    #[test]
    fn threads_never_see_time_go_back() {
        let clock = Clock::new(false, 1);
        let latest = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let end = monotonic_ns() + 300_000_000;
                    while monotonic_ns() < end {
                        let seen = latest.load(Ordering::SeqCst);
                        let now = ns(clock.hf_now());
                        assert!(now >= seen);
                        latest.fetch_max(now, Ordering::SeqCst);
                    }
                });
            }
        });
    }

    /// A counter and a clock that a test moves.
    struct Fake {
        count: Cell<u64>,
        clock: Cell<u64>,
        scaled: ScaledCounter,
    }

    impl Fake {
        fn new() -> Fake {
            let (count, clock) = (1 << 40, NS_PER_SECOND);
            let scaled = ScaledCounter::new(count, clock);
            Fake {
                count: Cell::new(count),
                clock: Cell::new(clock),
                scaled,
            }
        }

        /// Lets `ns` pass while the counter runs at `hz`, then reads.
        fn pass(&self, ns: u64, hz: u64) -> u64 {
            self.clock.set(self.clock.get() + ns);
            let counted = u128::from(ns) * u128::from(hz) / u128::from(NS_PER_SECOND);
            self.count
                .set(self.count.get().wrapping_add(counted as u64));
            self.scaled.now(|| self.count.get(), || self.clock.get())
        }

        fn error(&self, now: u64) -> u64 {
            now.abs_diff(self.clock.get())
        }
    }

    #[test]
    fn a_drifting_counter_is_followed_smoothly() {
        let fake = Fake::new();
        let mut last = 0;
        for step in 0..20_000u64 {
            let now = fake.pass(1_000_000, 3_000_000_000 + step * 20);
            assert!(now >= last);
            assert!(
                fake.error(now) < 20_000,
                "off by {} at {step}",
                fake.error(now)
            );
            last = now;
        }
        assert!(fake.scaled.load().rate != 0);
    }

    #[test]
    fn a_long_pause_does_not_add_up_drift() {
        let fake = Fake::new();
        fake.pass(20_000_000, 2_000_000_000);
        fake.pass(1, 2_000_000_000);
        let now = fake.pass(3600 * NS_PER_SECOND, 2_000_010_000);
        assert!(fake.error(now) < 1_000);
    }

    #[test]
    fn a_counter_that_jumps_starts_over_without_going_back() {
        let fake = Fake::new();
        let settled = (0..30)
            .map(|_| fake.pass(10_000_000, 2_000_000_000))
            .last()
            .unwrap();
        fake.count.set(fake.count.get() + (1 << 50));
        let ahead = fake.pass(10, 2_000_000_000);
        assert!(ahead >= settled && fake.error(ahead) < INTERVAL_NS);
        fake.count.set(5);
        let behind = fake.pass(200_000_000, 2_000_000_000);
        assert!(behind >= ahead && fake.error(behind) < 1_000);
        let later = (0..30)
            .map(|_| fake.pass(10_000_000, 2_000_000_000))
            .last()
            .unwrap();
        assert!(fake.error(later) < 1_000);
    }
}
