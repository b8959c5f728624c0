//! The two one-way queues between the ends of an in-process connection.
//!
//! A sender appends a whole batch under a short lock and announces it once; the receiver takes the
//! whole batch. The end of a direction is in band: what was sent before a close is received before it.
//! The channel exists from connect on, so the client may send before anybody accepted. An end that is
//! dropped closes, wherever it was on its way.

use std::sync::{Arc, PoisonError};

use crate::abi::evpl;
use crate::memory::iovec::Iovec;
use crate::sync::Mutex;
use crate::transport::inbox::{BindKey, Inbox, Mail};

/// Sends on their way: pieces, and how many of them each send has.
#[derive(Default)]
pub struct Batch {
    pub pieces: Vec<Iovec>,
    pub sends: Vec<u32>,
}

// SAFETY: every piece in a batch is SHARED: its count is atomic and any thread may release it.
unsafe impl Send for Batch {}
// SAFETY: its lone piece came from a batch.
unsafe impl Send for Direction {}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    pub fn release(&mut self, evpl: *mut evpl) {
        for piece in self.pieces.drain(..) {
            piece.release(evpl);
        }
        self.sends.clear();
    }
}

/// What one end receives from.
#[derive(Default)]
struct Direction {
    /// A lone send of one piece, ahead of `waiting`: here it takes no array that would travel between the
    /// threads.
    lone: Option<Iovec>,
    waiting: Batch,
    /// Whom to tell; unset until the end is attached to a bind.
    receiver: Option<(Arc<Inbox>, BindKey)>,
    /// The sender closed: the batch is the last.
    finished: bool,
    /// The receiver closed: nothing is taken any more.
    refused: bool,
    announced: bool,
}

impl Direction {
    /// Moves what waits to `into`, which is empty.
    fn take_waiting(&mut self, into: &mut Batch) {
        if let Some(piece) = self.lone.take() {
            into.pieces.push(piece);
            into.sends.push(1);
            into.pieces.append(&mut self.waiting.pieces);
            into.sends.append(&mut self.waiting.sends);
            self.waiting = Batch::default();
        } else {
            *into = core::mem::take(&mut self.waiting);
        }
    }
}

#[derive(Default)]
struct Channel {
    directions: Mutex<[Direction; 2]>,
}

/// One end. It receives from the direction of its own side and sends to the other.
pub struct ChannelEnd {
    channel: Arc<Channel>,
    side: usize,
}

/// Whom to wake after a send or a close.
pub type Announcement = Option<(Arc<Inbox>, BindKey)>;

/// The two ends of a new connection.
pub fn pair() -> (ChannelEnd, ChannelEnd) {
    let channel = Arc::<Channel>::default();
    (
        ChannelEnd {
            channel: channel.clone(),
            side: 0,
        },
        ChannelEnd { channel, side: 1 },
    )
}

impl ChannelEnd {
    fn with<R>(&self, f: impl FnOnce(&mut [Direction; 2]) -> R) -> R {
        f(&mut self
            .channel
            .directions
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn peer(&self) -> usize {
        1 - self.side
    }

    /// Names the bind that receives. What was sent before waits to be taken.
    pub fn attach(&self, inbox: Arc<Inbox>, key: BindKey) {
        self.with(|directions| directions[self.side].receiver = Some((inbox, key)));
    }

    /// Passes a batch to the peer, leaving an empty one. A peer that closed gets nothing: the references
    /// are released.
    pub fn send(&self, batch: &mut Batch, evpl: *mut evpl) -> Announcement {
        let announcement = self.with(|directions| {
            let direction = &mut directions[self.peer()];
            if direction.refused {
                return None;
            }
            if direction.waiting.is_empty() && direction.lone.is_none() && batch.sends == [1] {
                direction.lone = batch.pieces.pop();
                batch.sends.clear();
            } else if direction.waiting.is_empty() {
                core::mem::swap(&mut direction.waiting, batch);
            } else {
                direction.waiting.pieces.append(&mut batch.pieces);
                direction.waiting.sends.append(&mut batch.sends);
            }
            announce(direction)
        });
        batch.release(evpl);
        announcement
    }

    /// Takes what waits into an empty batch; true if it is the last.
    pub fn receive(&self, into: &mut Batch) -> bool {
        debug_assert!(into.is_empty());
        self.with(|directions| {
            let direction = &mut directions[self.side];
            direction.announced = false;
            direction.take_waiting(into);
            direction.finished
        })
    }

    /// Neither sends nor receives any more. What the peer had sent is given up.
    pub fn close(&self, evpl: *mut evpl) -> Announcement {
        let (mut unread, announcement) = self.with(|directions| {
            let own = &mut directions[self.side];
            own.refused = true;
            own.receiver = None;
            let mut unread = Batch::default();
            own.take_waiting(&mut unread);
            let direction = &mut directions[self.peer()];
            let announcement = if direction.finished {
                None
            } else {
                announce(direction)
            };
            direction.finished = true;
            (unread, announcement)
        });
        unread.release(evpl);
        announcement
    }
}

/// Tells the receiver once per batch; an end that is not attached yet looks by itself.
fn announce(direction: &mut Direction) -> Announcement {
    if direction.announced || direction.refused {
        return None;
    }
    let receiver = direction.receiver.clone()?;
    direction.announced = true;
    Some(receiver)
}

impl Drop for ChannelEnd {
    fn drop(&mut self) {
        if let Some((inbox, key)) = self.close(core::ptr::null_mut()) {
            // A loop that is gone has closed its own end.
            let _ = inbox.post(Mail::Channel(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(length: u32) -> Batch {
        Batch {
            pieces: Vec::new(),
            sends: vec![length],
        }
    }

    #[test]
    fn what_was_sent_before_a_close_is_received_before_it() {
        let (client, server) = pair();
        assert!(
            client.send(&mut one(0), core::ptr::null_mut()).is_none(),
            "nobody is attached yet"
        );
        drop(client);
        let mut batch = Batch::default();
        assert!(server.receive(&mut batch), "the batch is the last");
        assert_eq!(batch.sends, [0]);
    }

    #[test]
    fn a_peer_that_closed_takes_nothing() {
        let (client, server) = pair();
        drop(server);
        let mut batch = one(0);
        assert!(client.send(&mut batch, core::ptr::null_mut()).is_none());
        assert!(batch.is_empty());
    }
}

#[cfg(all(test, loom))]
mod models;
