//! What the process has once: configuration, clock, buffer pool. First in, last out.
//!
//! Explicit and implicit initialisation share one guard. After the exit cleanup the guard stays shut:
//! nothing initialises again.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Evpl, endpoint, metrics};
use crate::config::{GlobalConfig, ThreadConfig};
use crate::memory::slab::{Pool, PoolConfig};
use crate::time::Clock;
use crate::transport::io_uring;
use crate::transport::registry::{self, Row};
use crate::transport::{DropCounters, Process, address::AddressKind, tls};

/// Thread configurations that were used and not released are remembered up to this many, so that a
/// late release of one is still recognised.
const CONSUMED_CONFIGS_MAX: usize = 16_384;

static PROCESS: AtomicPtr<Process> = AtomicPtr::new(core::ptr::null_mut());
static STATE: Mutex<State> = Mutex::new(State::new());

struct State {
    adopted: *mut GlobalConfig,
    /// Every thread configuration handed out and not freed.
    thread_configs: BTreeSet<usize>,
    consumed: VecDeque<usize>,
    loops: BTreeSet<usize>,
}

// SAFETY: the pointers are identities and owned objects, used under the lock.
unsafe impl Send for State {}

impl State {
    const fn new() -> State {
        State {
            adopted: core::ptr::null_mut(),
            thread_configs: BTreeSet::new(),
            consumed: VecDeque::new(),
            loops: BTreeSet::new(),
        }
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process's state, if it was initialised.
pub fn process() -> Option<&'static Process> {
    // SAFETY: published once, fully made, and never freed.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

fn initialised(function: &str) -> &'static Process {
    match process() {
        Some(process) => process,
        None => crate::abort!("core", "{}: the library is not initialised", function),
    }
}

/// Takes over `config`; NULL means the defaults. A second initialisation is the caller's mistake.
pub fn init(config: *mut GlobalConfig) {
    let mut state = state();
    if process().is_some() {
        crate::abort!("core", "evpl_init: already initialised");
    }
    let config = if config.is_null() {
        config_new()
    } else {
        config
    };
    state.adopted = config;
    // SAFETY: a live configuration of ours; the caller gave it up.
    publish(unsafe { (*config).clone() });
}

/// Implicit initialisation.
pub fn ensure_init() -> &'static Process {
    if let Some(process) = process() {
        return process;
    }
    let mut state = state();
    if process().is_none() {
        state.adopted = config_new();
        publish(GlobalConfig::default());
    }
    initialised("initialisation")
}

fn publish(mut config: GlobalConfig) {
    if let Err(reason) = config.validate() {
        crate::abort!("core", "evpl_init: {}", reason);
    }
    crate::log::install_panic_hook();
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    endpoint::RESOLVE_TIMEOUT_MS.store(config.resolve_timeout_ms, Ordering::Relaxed);
    io_uring::configure(&config);
    let clock = Box::leak(Box::new(Clock::new(
        config.virtual_clock,
        config.hf_time_mode,
    )));
    let pool = Pool::new(PoolConfig {
        slab_size: config.slab_size,
        buffer_size: config.buffer_size,
        huge_pages: config.huge_pages,
        huge_page_size: config.huge_page_size,
        page_size: config.page_size,
        preallocate_slabs: config.preallocate_slabs,
        preallocate_threads: config.preallocate_threads,
    });
    pool.start_preallocation();
    let process = Box::leak(Box::new(Process {
        config,
        clock,
        pool,
        names: Default::default(),
        publications: Default::default(),
        drops: DropCounters::default(),
        tls: Default::default(),
    }));
    PROCESS.store(process, Ordering::Release);
    // SAFETY: `cleanup` is a function of this library, which runs it before it is unloaded.
    if unsafe { libc::atexit(cleanup) } != 0 {
        crate::log_error!("core", "evpl_init: no exit cleanup: atexit failed");
    }
}

/// The exit cleanup: endpoints, buffers with the leak check, metrics, configurations.
extern "C" fn cleanup() {
    let Some(process) = process() else { return };
    // After a fatal line any lock may be held, by this very thread: memory can run out under each.
    if crate::log::is_fatal() {
        return;
    }
    endpoint::close_all();
    for &evpl in &state().loops {
        // SAFETY: a registered loop is alive until `destroy` takes it off the list, under this lock.
        unsafe { (*core::ptr::with_exposed_provenance::<Evpl>(evpl)).give_up_queues() };
    }
    process.pool.shutdown();
    metrics::close_all();
    let mut state = state();
    for config in core::mem::take(&mut state.thread_configs) {
        // SAFETY: the set holds what `thread_config_new` made, each until it is freed.
        drop(unsafe {
            Box::from_raw(core::ptr::with_exposed_provenance_mut::<ThreadConfig>(
                config,
            ))
        });
    }
    let adopted = core::mem::replace(&mut state.adopted, core::ptr::null_mut());
    if !adopted.is_null() {
        // SAFETY: adopted by `init`, freed only here.
        drop(unsafe { Box::from_raw(adopted) });
    }
}

pub(super) fn register_loop(evpl: *mut Evpl) {
    state().loops.insert(evpl.expose_provenance());
}

pub(super) fn unregister_loop(evpl: *mut Evpl) {
    state().loops.remove(&evpl.expose_provenance());
}

// ---- configuration objects ----------------------------------------------------------------------

pub fn config_new() -> *mut GlobalConfig {
    Box::into_raw(Box::default())
}

/// Frees a configuration that was never adopted.
pub fn config_release(config: *mut GlobalConfig) {
    if state().adopted == config {
        crate::log_error!(
            "core",
            "evpl_global_config_release: the configuration is in use until exit"
        );
        return;
    }
    // SAFETY: the caller owns it and gives it up.
    drop(unsafe { Box::from_raw(config) });
}

/// The defaults for a thread; before initialisation the built-in ones, without initialising.
pub fn thread_config_new() -> *mut ThreadConfig {
    let defaults = process()
        .map(|process| process.config.thread_defaults())
        .unwrap_or_default();
    let config = Box::into_raw(Box::new(defaults));
    state().thread_configs.insert(config.expose_provenance());
    config
}

/// Frees a thread configuration once, whether or not it was used meanwhile.
pub fn thread_config_release(config: *mut ThreadConfig) {
    let address = config.expose_provenance();
    let mut state = state();
    if state.thread_configs.remove(&address) {
        state.consumed.retain(|consumed| *consumed != address);
        // SAFETY: the set held what `thread_config_new` made.
        drop(unsafe { Box::from_raw(config) });
    }
}

/// Copies a configuration that a thread was given. The handle stays good: it may be used for more
/// threads, released, or forgotten.
pub(super) fn consume_thread_config(config: *mut ThreadConfig) -> ThreadConfig {
    if config.is_null() {
        return ensure_init().config.thread_defaults();
    }
    // SAFETY: the caller passes a live configuration.
    let copy = unsafe { *config };
    let address = config.expose_provenance();
    let mut state = state();
    if state.thread_configs.contains(&address) && !state.consumed.contains(&address) {
        state.consumed.push_back(address);
        if state.consumed.len() > CONSUMED_CONFIGS_MAX
            && let Some(oldest) = state.consumed.pop_front()
        {
            state.thread_configs.remove(&oldest);
            // SAFETY: the set held what `thread_config_new` made.
            drop(unsafe {
                Box::from_raw(core::ptr::with_exposed_provenance_mut::<ThreadConfig>(
                    oldest,
                ))
            });
        }
    }
    copy
}

// ---- small answers ------------------------------------------------------------------------------

pub fn http_max_header_size() -> c_uint {
    initialised("evpl_global_config_get_http_max_header_size")
        .config
        .http_max_header_size
}

pub fn rpc2_max_message_size() -> c_uint {
    initialised("evpl_config_rpc2_max_message_size")
        .config
        .rpc2_max_message_size
}

pub fn slab_size() -> u64 {
    ensure_init().pool.slab_size()
}

pub fn slab_alloc() -> (*mut c_void, *mut c_void) {
    ensure_init().pool.slab_alloc()
}

pub fn hf_monotonic_time() -> libc::timespec {
    initialised("evpl_get_hf_monotonic_time").clock.hf_now()
}

pub fn virtual_clock_advance(ns: u64) {
    virtual_clock("evpl_virtual_clock_advance").advance(ns);
}

pub fn virtual_clock_now() -> u64 {
    virtual_clock("evpl_virtual_clock_now").virtual_now()
}

fn virtual_clock(function: &str) -> &'static Clock {
    let clock = initialised(function).clock;
    if !clock.is_virtual() {
        crate::abort!("core", "{}: the virtual clock is off", function);
    }
    clock
}

pub fn protocol_lookup(name: &CStr) -> Option<c_int> {
    ensure_init();
    registry::find_by_name(name.to_bytes()).map(|row| row.id)
}

pub fn protocol_available(id: c_int) -> bool {
    protocol(id).is_some()
}

pub fn protocol_is_stream(id: c_int) -> bool {
    protocol(id).is_some_and(|row| row.caps.stream)
}

pub fn protocol_is_local(id: c_int) -> bool {
    protocol(id).is_some_and(|row| row.caps.kind == AddressKind::Local)
}

pub fn protocol_is_inproc(id: c_int) -> bool {
    protocol(id).is_some_and(|row| row.caps.kind == AddressKind::Inproc)
}

fn protocol(id: c_int) -> Option<&'static Row> {
    ensure_init();
    registry::find(id).ok()
}

pub fn metrics_text() -> String {
    let counters = ensure_init().pool.counters();
    metrics::render(&metrics::AllocatorCounters {
        slabs_inline: counters.slabs_inline,
        slabs_prealloc: counters.slabs_prealloc,
        consumer_waits: counters.consumer_waits,
        consumer_wait_ns: counters.consumer_wait_ns,
        free_buffers: counters.free_buffers as i64,
        outstanding_slabs: counters.outstanding_slabs as i64,
        target_buffers: counters.target_buffers as i64,
        total_slabs: counters.total_slabs as i64,
    })
}

/// Replaces the process's ALPN list, in order of preference.
pub fn alpn_set(protocols: Vec<Vec<u8>>) {
    tls::context::set_alpn(protocols);
}

pub fn queue_depth_create_series(role: *const c_char, thread: *const c_char) -> *mut c_void {
    ensure_init();
    // SAFETY: the caller passes C strings.
    unsafe { metrics::queue_depth_create_series(role, thread) }
}

pub fn queue_depth_destroy_series(series: *mut c_void) {
    metrics::queue_depth_destroy_series(series);
}
