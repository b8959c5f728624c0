//! pthreads without the standard library's thread objects: those register destructors on the thread
//! that starts one, which would keep a library that was loaded at run time from being unloaded.

use core::ffi::c_void;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

pub type Work = Box<dyn FnOnce() + Send>;

/// A thread that somebody will join.
#[must_use]
pub struct Thread {
    handle: libc::pthread_t,
}

/// Starts a thread, or gives the work back.
pub fn spawn(stack_len: usize, work: Work) -> Result<Thread, (io::Error, Work)> {
    let argument = Box::into_raw(Box::new(work));
    // SAFETY: all-zero bytes are storage for the attributes, which are initialised next.
    let mut attributes: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    // SAFETY: the attributes live until they are destroyed below.
    let mut error = unsafe { libc::pthread_attr_init(&mut attributes) };
    if error == 0 {
        // SAFETY: initialised; a size the system refuses leaves the default.
        unsafe { libc::pthread_attr_setstacksize(&mut attributes, stack_len) };
        let mut handle: libc::pthread_t = 0;
        // SAFETY: `start` takes over the argument exactly when this succeeds.
        error = unsafe { libc::pthread_create(&mut handle, &attributes, start, argument.cast()) };
        // SAFETY: initialised above.
        unsafe { libc::pthread_attr_destroy(&mut attributes) };
        if error == 0 {
            return Ok(Thread { handle });
        }
    }
    // SAFETY: no thread took it over.
    let work = *unsafe { Box::from_raw(argument) };
    Err((io::Error::from_raw_os_error(error), work))
}

extern "C" fn start(argument: *mut c_void) -> *mut c_void {
    // SAFETY: what `spawn` made, taken over by this thread alone.
    let work = unsafe { Box::from_raw(argument.cast::<Work>()) };
    work();
    core::ptr::null_mut()
}

impl Thread {
    /// Waits for the end of the thread.
    pub fn join(self) {
        // SAFETY: joined once, because it takes the thread.
        let error = unsafe { libc::pthread_join(self.handle, core::ptr::null_mut()) };
        debug_assert_eq!(error, 0, "a thread is joined by another, once");
    }
}

/// One value on its way from one thread to another.
pub struct Handover<T> {
    value: Mutex<Option<T>>,
    arrived: Condvar,
}

impl<T> Handover<T> {
    pub fn new() -> Arc<Handover<T>> {
        Arc::new(Handover {
            value: Mutex::new(None),
            arrived: Condvar::new(),
        })
    }

    /// The first value counts.
    pub fn give(&self, value: T) {
        self.value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(value);
        self.arrived.notify_one();
    }

    /// Waits for the value.
    pub fn take(&self) -> T {
        let mut slot = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match slot.take() {
                Some(value) => return value,
                None => {
                    slot = self
                        .arrived
                        .wait(slot)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_hands_over_what_it_made() {
        let handover = Handover::new();
        let giver = handover.clone();
        let spawned = spawn(1 << 20, Box::new(move || giver.give(42)));
        let Ok(thread) = spawned else {
            panic!("no thread")
        };
        assert_eq!(handover.take(), 42);
        thread.join();
    }
}
