//! Threads and pools, each thread running one loop until it is stopped.

use core::ffi::{c_int, c_void};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Evpl, global};
use crate::abi::{
    evpl, evpl_thread, evpl_thread_init_callback_t, evpl_thread_shutdown_callback_t,
    evpl_threadpool,
};
use crate::config::ThreadConfig;
use crate::event::LoopUse;
use crate::sys;
use crate::sys::thread::{Handover, Work};

const STACK_LEN: usize = 8 << 20;
/// The system may be short of threads for a moment.
const SPAWN_ATTEMPTS_MAX: u32 = 100;
const SPAWN_DELAY_MAX: Duration = Duration::from_millis(100);

/// A loop that may be stopped from outside as long as it exists.
#[derive(Clone, Default)]
struct StopHandle(Arc<Mutex<Option<LoopPointer>>>);

struct LoopPointer(*mut evpl);

// SAFETY: only `stop`, which any thread may call, is reached through it, under the lock that its owner
// takes before the loop goes away.
unsafe impl Send for LoopPointer {}

impl StopHandle {
    fn set(&self, evpl: Option<*mut evpl>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = evpl.map(LoopPointer);
    }

    fn stop(&self) {
        if let Some(LoopPointer(evpl)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: the owner clears the handle before it destroys the loop.
            unsafe { Evpl::from_handle(*evpl) }.stop();
        }
    }
}

/// A thread with a loop, however it is used.
pub(super) struct LoopThread {
    stop: StopHandle,
    thread: sys::thread::Thread,
}

impl LoopThread {
    /// Returns when `init` has run on the new thread. `shutdown` runs there after every bind had its
    /// DISCONNECTED.
    pub fn start(
        config: ThreadConfig,
        use_of_loop: LoopUse,
        init: impl FnOnce(*mut evpl) + Send + 'static,
        shutdown: impl FnOnce(*mut evpl) + Send + 'static,
    ) -> LoopThread {
        let stop = StopHandle::default();
        let started = Handover::new();
        let ready = started.clone();
        let handle = stop.clone();
        let thread = spawn(Box::new(move || {
            let evpl = Evpl::create_with(config, use_of_loop);
            handle.set(Some(evpl));
            init(evpl);
            ready.give(());
            // SAFETY: this thread's own loop until it destroys it below.
            let this = unsafe { Evpl::from_handle(evpl) };
            this.run();
            this.close_all_binds();
            shutdown(evpl);
            handle.set(None);
            Evpl::destroy(evpl);
        }));
        started.take();
        LoopThread { stop, thread }
    }

    pub fn stop_and_join(self) {
        self.stop.stop();
        self.thread.join();
    }
}

/// Spawns, retrying while the system is short of threads.
fn spawn(mut work: Work) -> sys::thread::Thread {
    let mut delay = Duration::from_millis(1);
    for _ in 1..SPAWN_ATTEMPTS_MAX {
        match sys::thread::spawn(STACK_LEN, work) {
            Ok(thread) => return thread,
            Err((error, unspawned)) if error.kind() == io::ErrorKind::WouldBlock => {
                work = unspawned;
                std::thread::sleep(delay);
                delay = (delay * 2).min(SPAWN_DELAY_MAX);
            }
            Err((error, _)) => refuse(&error),
        }
    }
    sys::thread::spawn(STACK_LEN, work).unwrap_or_else(|(error, _)| refuse(&error))
}

#[cold]
fn refuse(error: &io::Error) -> ! {
    crate::abort!("thread", "starting a thread failed: {}", error)
}

/// What the program passes through the thread unseen.
#[derive(Clone, Copy)]
struct Private(*mut c_void);

// SAFETY: handed back to the program, which shares it as it likes.
unsafe impl Send for Private {}

impl Private {
    // A method, so that closures capture the wrapper and not the bare pointer.
    fn get(self) -> *mut c_void {
        self.0
    }
}

pub struct Thread {
    thread: LoopThread,
}

impl Thread {
    pub fn create(
        config: *mut ThreadConfig,
        init: evpl_thread_init_callback_t,
        shutdown: evpl_thread_shutdown_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_thread {
        Box::into_raw(Box::new(Thread::start(
            config,
            init,
            shutdown,
            private_data,
        )))
        .cast()
    }

    fn start(
        config: *mut ThreadConfig,
        init: evpl_thread_init_callback_t,
        shutdown: evpl_thread_shutdown_callback_t,
        private_data: *mut c_void,
    ) -> Thread {
        global::ensure_init();
        let config = global::consume_thread_config(config);
        let given = Private(private_data);
        // What `init` returns is what `shutdown` gets.
        let kept = Arc::new(Mutex::new(given));
        let for_shutdown = kept.clone();
        let thread = LoopThread::start(
            config,
            LoopUse::Program,
            move |evpl| {
                if let Some(init) = init {
                    // SAFETY: what the program passed to evpl_thread_create; nothing is borrowed.
                    let result = unsafe { init(evpl, given.get()) };
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Private(result);
                }
            },
            move |evpl| {
                let kept = *for_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(shutdown) = shutdown {
                    // SAFETY: as for `init`.
                    unsafe { shutdown(evpl, kept.get()) };
                }
            },
        );
        Thread { thread }
    }

    /// From another thread, once.
    pub fn destroy(thread: *mut evpl_thread) {
        // SAFETY: the caller gives up a live thread.
        let thread = unsafe { Box::from_raw(thread.cast::<Thread>()) };
        thread.thread.stop_and_join();
    }
}

pub struct ThreadPool {
    threads: Vec<Thread>,
}

impl ThreadPool {
    /// Each thread is fully started before the next.
    pub fn create(
        config: *mut ThreadConfig,
        count: c_int,
        init: evpl_thread_init_callback_t,
        shutdown: evpl_thread_shutdown_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_threadpool {
        let threads = (0..count.max(0))
            .map(|_| Thread::start(config, init, shutdown, private_data))
            .collect();
        Box::into_raw(Box::new(ThreadPool { threads })).cast()
    }

    /// One at a time, in the order of creation, so that shutdown callbacks never run at once.
    pub fn destroy(pool: *mut evpl_threadpool) {
        // SAFETY: the caller gives up a live pool.
        let pool = unsafe { Box::from_raw(pool.cast::<ThreadPool>()) };
        for thread in pool.threads {
            thread.thread.stop_and_join();
        }
    }
}
