//! The nouns and verbs of the headers, as Rust. `capi` converts and calls one of these.

pub mod block;
pub mod close;
pub mod connect;
pub mod endpoint;
pub mod evpl;
pub mod global;
pub mod listener;
pub mod memory;
pub mod metrics;
pub mod rdma;
pub mod recv;
pub mod send;
pub mod thread;

pub use endpoint::Endpoint;
pub use evpl::{Evpl, doorbell_fd, fd_event_fd, ring_doorbell};
pub use listener::{Listener, ListenerBinding};
pub use thread::{Thread, ThreadPool};
