//! evpl_thread.h: threads that run one loop each.

use core::ffi::{c_int, c_void};

use super::boundary::required;
use crate::abi::{
    evpl_thread, evpl_thread_config, evpl_thread_init_callback_t, evpl_thread_shutdown_callback_t,
    evpl_threadpool,
};
use crate::api::{Thread, ThreadPool};

/// Starts a thread that runs a loop with the settings of `config`, or the defaults if it is NULL;
/// the settings are copied. `init` runs on it first, and this call returns when `init` has. Both
/// callbacks may be NULL. Any thread; initialises the library if needed. Never NULL: the process
/// ends if there is no thread to be had. evpl_thread_destroy frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_create(
    config: *mut evpl_thread_config,
    init: evpl_thread_init_callback_t,
    shutdown: evpl_thread_shutdown_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_thread {
    Thread::create(config.cast(), init, shutdown, private_data)
}

/// Stops the thread's loop, closes its binds and reports them as disconnected, calls `shutdown`,
/// destroys the loop, and joins and frees the thread. Exactly once, and from another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_destroy(thread: *mut evpl_thread) {
    Thread::destroy(required(thread, "thread", "evpl_thread_destroy"));
}

/// Starts `nthreads` threads as evpl_thread_create does, one after another and all with the same
/// arguments; none or a negative number gives an empty pool. evpl_threadpool_destroy frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_threadpool_create(
    config: *mut evpl_thread_config,
    nthreads: c_int,
    init: evpl_thread_init_callback_t,
    shutdown: evpl_thread_shutdown_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_threadpool {
    ThreadPool::create(config.cast(), nthreads, init, shutdown, private_data)
}

/// Stops and frees the threads one at a time in the order they were started, as
/// evpl_thread_destroy does, and frees the pool. Exactly once, and from none of its threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_threadpool_destroy(threadpool: *mut evpl_threadpool) {
    ThreadPool::destroy(required(
        threadpool,
        "threadpool",
        "evpl_threadpool_destroy",
    ));
}
