//! The library's counters in Prometheus text.
//!
//! A scrape reads atomics and takes only the locks of the lists of series, so it may run on any
//! thread; values that belong together may be a moment apart. The depth of the RPC queues is
//! counted by a sibling library through libprometheus-c, inside objects of that library. It is
//! looked up at run time: whoever calls for such a series has it loaded, and nobody else needs it.

use crate::{log_error, log_info};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::{self, Write};
use core::mem::transmute;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

/// What the buffer pool counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllocatorCounters {
    pub slabs_inline: u64,
    pub slabs_prealloc: u64,
    pub consumer_waits: u64,
    pub consumer_wait_ns: u64,
    pub free_buffers: i64,
    pub outstanding_slabs: i64,
    pub target_buffers: i64,
    pub total_slabs: i64,
}

/// The text of all families, in their fixed order.
pub fn render(allocator: &AllocatorCounters) -> String {
    let rpc2 = lock(&RPC2)
        .as_ref()
        .map_or_else(String::new, Rpc2Registry::series_text);
    let mut out = String::new();
    write_families(&mut out, allocator, &lock(&BLOCK), &rpc2)
        .expect("writing to a string does not fail");
    out
}

/// Kinds of block requests. A write of zeroes counts as a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockOp {
    Read,
    Write,
    Flush,
    Discard,
}

/// The series of one open block device. All its queues share it.
#[derive(Debug)]
pub struct BlockSeries {
    /// The labels that all its series begin with.
    labels: String,
    queue_depth: AtomicI64,
    latency_ns: [Histogram<34>; BLOCK_OPS.len()],
    request_bytes: [Histogram<32>; BLOCK_OPS.len()],
}

impl BlockSeries {
    /// Series that scrapes show until `close`. None if a label cannot be written.
    pub fn open(device: &str, kind: &str) -> Option<Arc<BlockSeries>> {
        if device.contains('"') || kind.contains('"') {
            log_error!(
                "core",
                "block device {device} has no metrics: its name has a quote"
            );
            return None;
        }
        let series = Arc::new(BlockSeries {
            labels: format!("device=\"{device}\",type=\"{kind}\""),
            queue_depth: AtomicI64::new(0),
            latency_ns: Default::default(),
            request_bytes: Default::default(),
        });
        lock(&BLOCK).push(series.clone());
        Some(series)
    }

    pub fn close(self: &Arc<Self>) {
        lock(&BLOCK).retain(|other| !Arc::ptr_eq(self, other));
    }

    /// A request went to the device. Requests without data have no size.
    pub fn submitted(&self, op: BlockOp, bytes: u64) {
        self.queue_depth.fetch_add(1, Ordering::Relaxed);
        if bytes != 0 {
            self.request_bytes[op as usize].sample(bytes);
        }
    }

    /// A request is about to be reported to its caller.
    pub fn completed(&self, op: BlockOp, latency_ns: u64) {
        self.queue_depth.fetch_sub(1, Ordering::Relaxed);
        self.latency_ns[op as usize].sample(latency_ns);
    }
}

/// Creates a series of the RPC queue depth for the sibling library, which gets libprometheus-c's own
/// object. NULL without that library and for labels it cannot take.
///
/// # Safety
/// Both are NULL or NUL-terminated.
pub unsafe fn queue_depth_create_series(role: *const c_char, thread: *const c_char) -> *mut c_void {
    if role.is_null() || thread.is_null() {
        log_error!("core", "rpc2 queue depth series without role or thread");
        return core::ptr::null_mut();
    }
    // SAFETY: the contract above, and not NULL.
    let (role, thread) = unsafe { (CStr::from_ptr(role), CStr::from_ptr(thread)) };
    if role.to_bytes().contains(&b'"') || thread.to_bytes().contains(&b'"') {
        log_error!(
            "core",
            "rpc2 queue depth series {role:?} {thread:?} has a quote in a label"
        );
        return core::ptr::null_mut();
    }
    let mut registry = lock(&RPC2);
    if registry.is_none() {
        *registry = Rpc2Registry::open();
    }
    registry.as_mut().map_or(core::ptr::null_mut(), |registry| {
        registry.create(role, thread)
    })
}

/// Removes a series; what is not one is ignored, since a creation that failed gave NULL.
pub fn queue_depth_destroy_series(series: *mut c_void) {
    if let Some(registry) = lock(&RPC2).as_mut() {
        registry.destroy(series);
    }
}

/// Gives up what libprometheus-c holds for us. For process exit, after which no series is used.
pub fn close_all() {
    drop(lock(&RPC2).take());
}

static BLOCK: Mutex<Vec<Arc<BlockSeries>>> = Mutex::new(Vec::new());
static RPC2: Mutex<Option<Rpc2Registry>> = Mutex::new(None);

const BLOCK_OPS: [(BlockOp, &str); 4] = [
    (BlockOp::Read, "read"),
    (BlockOp::Write, "write"),
    (BlockOp::Flush, "flush"),
    (BlockOp::Discard, "discard"),
];

const RPC2_QUEUE_DEPTH: &CStr = c"evpl_rpc2_queue_depth";
const RPC2_QUEUE_DEPTH_HELP: &CStr = c"RPC requests in flight";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_families(
    out: &mut String,
    allocator: &AllocatorCounters,
    blocks: &[Arc<BlockSeries>],
    rpc2: &str,
) -> fmt::Result {
    let counters = [
        (
            "slabs_inline_total",
            "Slabs a loop had to allocate itself",
            allocator.slabs_inline,
        ),
        (
            "slabs_prealloc_total",
            "Slabs made ready in the background",
            allocator.slabs_prealloc,
        ),
        (
            "consumer_waits_total",
            "Times a loop waited for a buffer",
            allocator.consumer_waits,
        ),
        (
            "consumer_wait_ns_total",
            "Nanoseconds loops waited for buffers",
            allocator.consumer_wait_ns,
        ),
    ];
    for (name, help, value) in counters {
        write_head(out, &format!("evpl_allocator_{name}"), help, "counter")?;
        writeln!(out, "evpl_allocator_{name}{{}} {value}\n")?;
    }

    write_head(
        out,
        "evpl_block_queue_depth",
        "Block requests in flight",
        "gauge",
    )?;
    for block in blocks {
        let depth = block.queue_depth.load(Ordering::Relaxed);
        writeln!(out, "evpl_block_queue_depth{{{}}} {depth}", block.labels)?;
    }
    let rpc2_help = RPC2_QUEUE_DEPTH_HELP.to_str().expect("our own text");
    write_head(
        out,
        RPC2_QUEUE_DEPTH.to_str().expect("our own text"),
        rpc2_help,
        "gauge",
    )?;
    out.push_str(rpc2);
    let gauges = [
        (
            "free_buffers",
            "Buffers free in the global pool",
            allocator.free_buffers,
        ),
        (
            "outstanding_slabs",
            "Slabs the background threads still owe",
            allocator.outstanding_slabs,
        ),
        (
            "target_buffers",
            "Free buffers the background threads aim for",
            allocator.target_buffers,
        ),
        ("total_slabs", "Slabs ever allocated", allocator.total_slabs),
    ];
    for (name, help, value) in gauges {
        write_head(out, &format!("evpl_allocator_{name}"), help, "gauge")?;
        writeln!(out, "evpl_allocator_{name}{{}} {value}")?;
    }

    let (name, help) = (
        "evpl_block_latency_nanoseconds",
        "Latency of block requests",
    );
    write_histograms(out, name, help, blocks, |block| &block.latency_ns)?;
    let (name, help) = ("evpl_block_request_bytes", "Size of block requests");
    write_histograms(out, name, help, blocks, |block| &block.request_bytes)
}

fn write_head(out: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn write_histograms<const BUCKETS: usize>(
    out: &mut String,
    name: &str,
    help: &str,
    blocks: &[Arc<BlockSeries>],
    of: impl Fn(&BlockSeries) -> &[Histogram<BUCKETS>; BLOCK_OPS.len()],
) -> fmt::Result {
    write_head(out, name, help, "histogram")?;
    for block in blocks {
        for (op, op_name) in BLOCK_OPS {
            let labels = format!("{},op=\"{op_name}\"", block.labels);
            of(block)[op as usize].write(out, name, &labels)?;
        }
    }
    writeln!(out)
}

/// Counts samples by powers of two: bucket i takes values below 2^(i+1), the last one all others.
#[derive(Debug)]
struct Histogram<const BUCKETS: usize> {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl<const BUCKETS: usize> Default for Histogram<BUCKETS> {
    fn default() -> Self {
        Histogram {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
        }
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    fn sample(&self, value: u64) {
        let bucket = value.checked_ilog2().unwrap_or(0) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// The count is what the buckets add up to, so that the two agree whatever happens meanwhile.
    fn write(&self, out: &mut String, name: &str, labels: &str) -> fmt::Result {
        let sum = self.sum.load(Ordering::Relaxed);
        let mut count = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            if index + 1 < BUCKETS {
                let below = 1u64 << (index + 1);
                writeln!(out, "{name}_bucket{{{labels},le=\"{below}\"}} {count}")?;
            } else {
                writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
            }
        }
        writeln!(
            out,
            "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}"
        )
    }
}

/// A registry inside libprometheus-c that holds one gauge.
struct Rpc2Registry {
    library: Library,
    metrics: *mut c_void,
    gauge: *mut c_void,
    series: Vec<Rpc2Series>,
}

struct Rpc2Series {
    handle: *mut c_void,
    /// What one line of it can take at most.
    line_len: usize,
}

// SAFETY: the pointers lead to heap objects of libprometheus-c that are tied to no thread; the lock
// around the registry serialises our use.
unsafe impl Send for Rpc2Registry {}

impl Rpc2Registry {
    fn open() -> Option<Rpc2Registry> {
        let Some(library) = Library::find() else {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| log_info!("core", "no rpc2 metrics: libprometheus-c is not loaded"));
            return None;
        };
        // SAFETY: no labels are allowed, and the texts are constants.
        let (metrics, gauge) = unsafe {
            let metrics = (library.create)(core::ptr::null_mut(), core::ptr::null_mut(), 0);
            let name = RPC2_QUEUE_DEPTH.as_ptr();
            (
                metrics,
                (library.create_gauge)(metrics, name, RPC2_QUEUE_DEPTH_HELP.as_ptr()),
            )
        };
        Some(Rpc2Registry {
            library,
            metrics,
            gauge,
            series: Vec::new(),
        })
    }

    fn create(&mut self, role: &CStr, thread: &CStr) -> *mut c_void {
        const LINE_LEN: usize = 128;
        let mut names = [c"role".as_ptr(), c"thread".as_ptr()];
        let mut values = [role.as_ptr(), thread.as_ptr()];
        // SAFETY: the gauge is live, and both arrays hold the number of strings told.
        let handle = unsafe {
            (self.library.create_series)(self.gauge, names.as_mut_ptr(), values.as_mut_ptr(), 2)
        };
        if !handle.is_null() {
            let line_len = LINE_LEN + role.count_bytes() + thread.count_bytes();
            self.series.push(Rpc2Series { handle, line_len });
        }
        handle
    }

    fn destroy(&mut self, handle: *mut c_void) {
        if let Some(index) = self
            .series
            .iter()
            .position(|series| series.handle == handle)
        {
            self.series.swap_remove(index);
            // SAFETY: the handle was live until now and belongs to the gauge.
            unsafe { (self.library.destroy_series)(self.gauge, handle) };
        }
    }

    /// The series lines of the registry's own text.
    fn series_text(&self) -> String {
        const HEAD_LEN: usize = 4096;
        // The library may not look at the size, so there is room for all it can print.
        let lines_len = self
            .series
            .iter()
            .map(|series| series.line_len)
            .sum::<usize>();
        let mut text = vec![0u8; HEAD_LEN + lines_len];
        // SAFETY: the registry is live and the buffer has the size told.
        let len = unsafe {
            (self.library.scrape)(self.metrics, text.as_mut_ptr().cast(), text.len() as c_int)
        };
        text.truncate(usize::try_from(len).unwrap_or(0));
        series_lines(&String::from_utf8_lossy(&text))
    }
}

impl Drop for Rpc2Registry {
    fn drop(&mut self) {
        // SAFETY: the registry is live and not used again.
        unsafe { (self.library.destroy)(self.metrics) };
    }
}

/// Keeps the gauge's series of a foreign text and turns its unsigned values into signed ones.
fn series_lines(text: &str) -> String {
    let name = RPC2_QUEUE_DEPTH.to_str().expect("our own text");
    let mut out = String::new();
    for line in text.lines() {
        let series = line.rsplit_once(' ').filter(|_| line.starts_with(name));
        let Some((series, value)) = series else {
            continue;
        };
        match value.parse::<u64>() {
            Ok(value) => writeln!(out, "{series} {}", value.cast_signed()),
            Err(_) => writeln!(out, "{series} {value}"),
        }
        .expect("writing to a string does not fail");
    }
    out
}

/// The functions of libprometheus-c that we use. Its objects are opaque here.
struct Library {
    create: Create,
    create_gauge: CreateGauge,
    create_series: CreateSeries,
    destroy_series: DestroySeries,
    scrape: Scrape,
    destroy: Destroy,
}

type Create = unsafe extern "C" fn(*mut *mut c_char, *mut *mut c_char, c_int) -> *mut c_void;
type CreateGauge = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
type CreateSeries =
    unsafe extern "C" fn(*mut c_void, *mut *const c_char, *mut *const c_char, c_int) -> *mut c_void;
type DestroySeries = unsafe extern "C" fn(*mut c_void, *mut c_void);
type Scrape = unsafe extern "C" fn(*mut c_void, *mut c_char, c_int) -> c_int;
type Destroy = unsafe extern "C" fn(*mut c_void);

impl Library {
    /// Where the process's own symbols lead, or else the library someone loaded for himself.
    fn find() -> Option<Library> {
        Library::find_in(libc::RTLD_DEFAULT).or_else(|| {
            // SAFETY: loads nothing; the handle stays open, and so does the library.
            let handle = unsafe {
                libc::dlopen(
                    c"libprometheus-c.so".as_ptr(),
                    libc::RTLD_NOLOAD | libc::RTLD_LAZY,
                )
            };
            if handle.is_null() {
                None
            } else {
                Library::find_in(handle)
            }
        })
    }

    fn find_in(handle: *mut c_void) -> Option<Library> {
        type Symbol = *mut c_void;
        let symbol = |name: &CStr| {
            // SAFETY: the handle is one of dlopen or the default scope.
            let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
            (!symbol.is_null()).then_some(symbol)
        };
        // SAFETY: libprometheus-c defines these names as functions of these types.
        unsafe {
            Some(Library {
                create: transmute::<Symbol, Create>(symbol(c"prometheus_metrics_create")?),
                create_gauge: transmute::<Symbol, CreateGauge>(symbol(
                    c"prometheus_metrics_create_gauge",
                )?),
                create_series: transmute::<Symbol, CreateSeries>(symbol(
                    c"prometheus_gauge_create_series",
                )?),
                destroy_series: transmute::<Symbol, DestroySeries>(symbol(
                    c"prometheus_gauge_destroy_series",
                )?),
                scrape: transmute::<Symbol, Scrape>(symbol(c"prometheus_metrics_scrape")?),
                destroy: transmute::<Symbol, Destroy>(symbol(c"prometheus_metrics_destroy")?),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const COUNTERS: AllocatorCounters = AllocatorCounters {
        slabs_inline: 1,
        slabs_prealloc: 2,
        consumer_waits: 3,
        consumer_wait_ns: 4,
        free_buffers: -5,
        outstanding_slabs: 6,
        target_buffers: 7,
        total_slabs: 8,
    };

    fn text(blocks: &[Arc<BlockSeries>], rpc2: &str) -> String {
        let mut out = String::new();
        write_families(&mut out, &COUNTERS, blocks, rpc2).unwrap();
        out
    }

    #[test]
    fn families_come_in_order_with_their_blank_lines() {
        let rpc2 = "evpl_rpc2_queue_depth{role=\"server\",thread=\"1\"} -2\n";
        let values = text(&[], rpc2)
            .lines()
            .filter(|line| !line.starts_with("# HELP"))
            .collect::<Vec<_>>()
            .join("\n");
        let expected = "\
# TYPE evpl_allocator_slabs_inline_total counter
evpl_allocator_slabs_inline_total{} 1

# TYPE evpl_allocator_slabs_prealloc_total counter
evpl_allocator_slabs_prealloc_total{} 2

# TYPE evpl_allocator_consumer_waits_total counter
evpl_allocator_consumer_waits_total{} 3

# TYPE evpl_allocator_consumer_wait_ns_total counter
evpl_allocator_consumer_wait_ns_total{} 4

# TYPE evpl_block_queue_depth gauge
# TYPE evpl_rpc2_queue_depth gauge
evpl_rpc2_queue_depth{role=\"server\",thread=\"1\"} -2
# TYPE evpl_allocator_free_buffers gauge
evpl_allocator_free_buffers{} -5
# TYPE evpl_allocator_outstanding_slabs gauge
evpl_allocator_outstanding_slabs{} 6
# TYPE evpl_allocator_target_buffers gauge
evpl_allocator_target_buffers{} 7
# TYPE evpl_allocator_total_slabs gauge
evpl_allocator_total_slabs{} 8
# TYPE evpl_block_latency_nanoseconds histogram

# TYPE evpl_block_request_bytes histogram
";
        assert_eq!(values, expected);
        assert!(text(&[], "").starts_with("# HELP evpl_allocator_slabs_inline_total Slabs a loop"));
        assert!(text(&[], "").ends_with("histogram\n\n"));
    }

    #[test]
    fn buckets_are_cumulative_and_end_at_the_count() {
        let histogram = Histogram::<4>::default();
        for value in [0, 1, 2, 3, 4, 15, 16, 1 << 40] {
            histogram.sample(value);
        }
        let mut out = String::new();
        histogram.write(&mut out, "h", "a=\"b\"").unwrap();
        let expected = format!(
            "h_bucket{{a=\"b\",le=\"2\"}} 2\nh_bucket{{a=\"b\",le=\"4\"}} 4\n\
             h_bucket{{a=\"b\",le=\"8\"}} 5\nh_bucket{{a=\"b\",le=\"+Inf\"}} 8\n\
             h_sum{{a=\"b\"}} {}\nh_count{{a=\"b\"}} 8\n",
            41 + (1u64 << 40)
        );
        assert_eq!(out, expected);
    }

    #[test]
    fn a_block_device_shows_from_open_to_close() {
        let series = BlockSeries::open("/dev/x", "libaio").unwrap();
        series.submitted(BlockOp::Write, 4096);
        series.submitted(BlockOp::Flush, 0);
        series.completed(BlockOp::Write, 1000);
        let shown = render(&COUNTERS);
        let labels = "device=\"/dev/x\",type=\"libaio\"";
        for line in [
            format!("evpl_block_queue_depth{{{labels}}} 1"),
            format!("evpl_block_latency_nanoseconds_bucket{{{labels},op=\"write\",le=\"512\"}} 0"),
            format!("evpl_block_latency_nanoseconds_bucket{{{labels},op=\"write\",le=\"1024\"}} 1"),
            format!("evpl_block_latency_nanoseconds_sum{{{labels},op=\"write\"}} 1000"),
            format!("evpl_block_latency_nanoseconds_count{{{labels},op=\"discard\"}} 0"),
            format!("evpl_block_request_bytes_bucket{{{labels},op=\"write\",le=\"+Inf\"}} 1"),
            format!("evpl_block_request_bytes_count{{{labels},op=\"flush\"}} 0"),
        ] {
            assert!(
                shown.lines().any(|shown| shown == line),
                "{line} is missing"
            );
        }
        assert_eq!(
            shown
                .matches("evpl_block_latency_nanoseconds_bucket{")
                .count(),
            4 * 34
        );
        assert_eq!(
            shown.matches("evpl_block_request_bytes_bucket{").count(),
            4 * 32
        );
        series.close();
        assert!(!render(&COUNTERS).contains("/dev/x"));
        assert!(BlockSeries::open("a\"b", "libaio").is_none());
    }

    #[test]
    fn foreign_text_is_reduced_to_series_with_signed_values() {
        let name = "evpl_rpc2_queue_depth";
        let foreign = format!(
            "# HELP {name} x\n# TYPE {name} gauge\n{name}{{role=\"a b\"}} 3\n\
             {name}{{role=\"c\"}} 18446744073709551615\n\n"
        );
        let expected = format!("{name}{{role=\"a b\"}} 3\n{name}{{role=\"c\"}} -1\n");
        assert_eq!(series_lines(&foreign), expected);
    }

    /// As much of libprometheus-c as one gauge needs, with its habit of not checking the size.
    const FAKE_LIBRARY: &str = r##"
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        struct series { char text[256]; int64_t value; struct series *next; };
        struct gauge { char name[64], help[64]; struct series *first; };
        struct gauge *prometheus_metrics_create(char **names, char **values, int count) {
            return names || values || count ? 0 : calloc(1, sizeof(struct gauge));
        }
        struct gauge *prometheus_metrics_create_gauge(struct gauge *m, const char *name, const char *help) {
            strcpy(m->name, name);
            strcpy(m->help, help);
            return m;
        }
        struct series *prometheus_gauge_create_series(
            struct gauge *g, const char **names, const char **values, int n) {
            struct series *s = calloc(1, sizeof(*s));
            for (int i = 0; i < n; i++)
                sprintf(s->text + strlen(s->text), "%s%s=\"%s\"", i ? "," : "", names[i], values[i]);
            s->next = g->first;
            g->first = s;
            return s;
        }
        int64_t *prometheus_gauge_series_create_instance(struct series *s) { return &s->value; }
        void prometheus_gauge_destroy_series(struct gauge *g, struct series *s) {
            struct series **at = &g->first;
            while (*at != s) at = &(*at)->next;
            *at = s->next;
            free(s);
        }
        int prometheus_metrics_scrape(struct gauge *m, char *out, int size) {
            char *start = out;
            (void) size;
            out += sprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", m->name, m->help, m->name);
            for (struct series *s = m->first; s; s = s->next)
                out += sprintf(out, "%s{%s} %lu\n", m->name, s->text, (unsigned long) s->value);
            return out - start;
        }
        void prometheus_metrics_destroy(struct gauge *m) { free(m); }
    "##;

    fn load_fake_library() -> Option<*mut c_void> {
        let folder = std::env::temp_dir().join(format!("evpl-metrics-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, library) = (folder.join("fake.c"), folder.join("libprometheus-c.so"));
        std::fs::write(&source, FAKE_LIBRARY).unwrap();
        let compiled = Command::new("cc")
            .args([
                "-shared",
                "-fPIC",
                "-w",
                "-Wl,-soname,libprometheus-c.so",
                "-o",
            ])
            .args([&library, &source])
            .status()
            .is_ok_and(|status| status.success());
        let path = std::ffi::CString::new(library.to_str().unwrap()).unwrap();
        // SAFETY: the library has no initialisers.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        std::fs::remove_dir_all(folder).unwrap();
        (compiled && !handle.is_null()).then_some(handle)
    }

    #[test]
    fn rpc2_series_live_in_the_foreign_library_and_in_our_text() {
        let create = |role: &CStr, thread: &CStr| {
            // SAFETY: both are C strings.
            unsafe { queue_depth_create_series(role.as_ptr(), thread.as_ptr()) }
        };
        assert!(
            create(c"server", c"1").is_null(),
            "the library is not loaded yet"
        );
        queue_depth_destroy_series(core::ptr::null_mut());
        let Some(handle) = load_fake_library() else {
            println!("skipped: no C compiler");
            return;
        };
        let (server, client) = (create(c"server", c"7"), create(c"client", c"7"));
        assert!(!server.is_null() && !client.is_null());
        assert!(create(c"a\"b", c"7").is_null());
        // SAFETY: the fake library's function takes a series and returns its value's place.
        unsafe {
            let instance = libc::dlsym(handle, c"prometheus_gauge_series_create_instance".as_ptr());
            type Instance = unsafe extern "C" fn(*mut c_void) -> *mut i64;
            let instance = transmute::<*mut c_void, Instance>(instance);
            *instance(server) += 3;
            *instance(client) -= 1;
        }
        let shown = render(&COUNTERS);
        let gauge = shown
            .split_once("# TYPE evpl_rpc2_queue_depth gauge\n")
            .unwrap()
            .1;
        let (series, _) = gauge
            .split_once("# HELP evpl_allocator_free_buffers")
            .unwrap();
        let expected = "evpl_rpc2_queue_depth{role=\"client\",thread=\"7\"} -1\n\
                        evpl_rpc2_queue_depth{role=\"server\",thread=\"7\"} 3\n";
        assert_eq!(series, expected);
        assert_eq!(shown.matches("# TYPE evpl_rpc2_queue_depth").count(), 1);

        queue_depth_destroy_series(server);
        queue_depth_destroy_series(server);
        assert!(!render(&COUNTERS).contains("role=\"server\""));
        queue_depth_destroy_series(client);
        assert!(!render(&COUNTERS).contains("role="));
        close_all();
    }
}
