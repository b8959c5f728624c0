//! Ending binds: close discards, finish drains.

#![forbid(unsafe_code)]

use super::Evpl;
use crate::transport::bind::{Bind, CLOSED, FINISH, PENDING_CLOSED, SENT_NOTIFY};

impl Evpl {
    /// Asks for the close; DISCONNECTED follows in a later pass. Asking again changes nothing.
    pub fn close(&self, bind: &Bind) {
        if bind.has(CLOSED) {
            crate::log_error!("core", "evpl_close: the bind is gone");
            return;
        }
        self.cx.request_close(bind);
    }

    /// Closes as soon as everything queued is handed over.
    pub fn finish(&self, bind: &Bind) {
        if bind.has(PENDING_CLOSED | CLOSED) {
            return;
        }
        bind.set(FINISH);
        self.cx.close_if_finished(bind);
    }

    pub fn request_send_notifications(&self, bind: &Bind) {
        bind.set(SENT_NOTIFY);
    }
}
