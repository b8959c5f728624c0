//! Buffers: where the bytes that travel live, who counts them, and the queues they wait in.
//!
//! - `slab`: the process-wide pool. It maps slabs, cuts them into buffers, and knows at exit which
//!   buffer did not come home.
//! - `allocator`: one loop's share of the pool: current buffers, caches, the receive window. No lock
//!   is taken here except to fetch from the pool or to give back to it.
//! - `iovec`: one counted reference to bytes of one buffer.
//! - `iovec_ring`: a queue of such references.
//! - `cell`: the one kind of interior mutability the loop's state uses.

pub mod allocator;
pub mod cell;
pub mod heap;
pub mod iovec;
pub mod iovec_ring;
pub mod slab;

pub use allocator::LoopMemory;
