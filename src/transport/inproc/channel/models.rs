//! Every interleaving of the two ends of a channel: nothing is lost or released twice, the end comes
//! after the data, and whoever has something to receive has mail that says so.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use loom::thread;

use super::*;
use crate::abi::{EVPL_IOVEC_FLAG_SHARED, evpl_iovec, evpl_iovec_ref};
use crate::event::wake::Wake;

/// Pieces with one reference each, whose releases are counted in `slab`.
struct Pieces {
    records: Box<[evpl_iovec_ref]>,
    released: Box<[AtomicU32]>,
}

impl Pieces {
    fn new<const N: usize>() -> Arc<Pieces> {
        let released: Box<[AtomicU32]> = (0..N).map(|_| AtomicU32::new(0)).collect();
        let records = released
            .iter()
            .map(|released| evpl_iovec_ref {
                refcnt: AtomicU32::new(1),
                flags: EVPL_IOVEC_FLAG_SHARED,
                slab: ptr::from_ref(released).cast_mut().cast::<c_void>(),
                release: Some(count_release),
            })
            .collect();
        Arc::new(Pieces { records, released })
    }

    /// One send of the piece, `index` long.
    fn batch(&self, index: usize) -> Batch {
        let piece = Iovec::from_raw(evpl_iovec {
            data: ptr::null_mut(),
            length: index as u32,
            pad: 0,
            ref_: ptr::from_ref(&self.records[index]).cast_mut(),
        });
        Batch {
            pieces: vec![piece],
            sends: vec![1],
        }
    }

    fn each_was_released_once(&self) -> bool {
        self.released.iter().all(|count| count.load(Relaxed) == 1)
    }
}

// SAFETY: the records are counted atomically, as SHARED ones are.
unsafe impl Send for Pieces {}
// SAFETY: as above.
unsafe impl Sync for Pieces {}

unsafe extern "C" fn count_release(_evpl: *mut evpl, record: *mut evpl_iovec_ref) {
    // SAFETY: `slab` is the counter that `Pieces` put there, and it outlives the model's ends.
    let released = unsafe { &*(*record).slab.cast::<AtomicU32>() };
    released.fetch_add(1, Relaxed);
}

/// One end on its loop, which looks only when there is mail.
struct Receiver {
    end: ChannelEnd,
    inbox: Arc<Inbox>,
    got: Vec<u32>,
    ended: bool,
}

impl Receiver {
    fn attach(end: ChannelEnd) -> Receiver {
        let inbox = Inbox::new(Arc::new(Wake::open().expect("the model has descriptors")));
        let key = BindKey {
            handle: ptr::null_mut(),
            generation: 0,
        };
        end.attach(inbox.clone(), key);
        let mut receiver = Receiver {
            end,
            inbox,
            got: Vec::new(),
            ended: false,
        };
        // What came before the attach announces nothing.
        receiver.drain();
        receiver
    }

    fn read_mail(&mut self) -> bool {
        let has_mail = !self.inbox.mail().is_empty();
        if has_mail {
            self.drain();
        }
        has_mail
    }

    fn drain(&mut self) {
        let mut batch = Batch::default();
        let last = self.end.receive(&mut batch);
        assert!(!self.ended || batch.is_empty(), "data after the end");
        self.got.extend(batch.pieces.iter().map(Iovec::len));
        batch.release(ptr::null_mut());
        self.ended |= last;
    }
}

fn post(announcement: Announcement) {
    if let Some((inbox, key)) = announcement {
        let _ = inbox.post(Mail::Channel(key));
    }
}

#[test]
fn loom_everything_sent_arrives_then_the_end() {
    loom::model(|| {
        let pieces = Pieces::new::<2>();
        let (client, server) = pair();
        let sent = pieces.clone();
        let sender = thread::spawn(move || {
            for index in 0..2 {
                post(client.send(&mut sent.batch(index), ptr::null_mut()));
            }
            drop(client);
        });
        let mut receiver = Receiver::attach(server);
        receiver.read_mail();
        sender.join().unwrap();
        while receiver.read_mail() {}
        assert!(receiver.ended, "the end was never announced");
        assert_eq!(receiver.got, [0, 1]);
        drop(receiver);
        assert!(pieces.each_was_released_once());
    });
}

/// Both send and close at once: each hears of the other's end or has closed, and nothing leaks.
#[test]
fn loom_both_ends_close_at_once() {
    loom::model(|| {
        let pieces = Pieces::new::<2>();
        let (client, server) = pair();
        let sent = pieces.clone();
        let other = thread::spawn(move || {
            post(server.send(&mut sent.batch(1), ptr::null_mut()));
            drop(server);
        });
        let mut receiver = Receiver::attach(client);
        post(receiver.end.send(&mut pieces.batch(0), ptr::null_mut()));
        receiver.read_mail();
        post(receiver.end.close(ptr::null_mut()));
        other.join().unwrap();
        assert!(receiver.got.iter().all(|length| *length == 1));
        drop(receiver);
        assert!(pieces.each_was_released_once());
    });
}

/// Traffic both ways at once keeps the two directions apart.
#[test]
fn loom_both_ends_send_at_once() {
    loom::model(|| {
        let pieces = Pieces::new::<2>();
        let (client, server) = pair();
        let sent = pieces.clone();
        let other = thread::spawn(move || {
            let receiver = Receiver::attach(server);
            post(receiver.end.send(&mut sent.batch(1), ptr::null_mut()));
            receiver
        });
        let mut near = Receiver::attach(client);
        post(near.end.send(&mut pieces.batch(0), ptr::null_mut()));
        let mut far = other.join().unwrap();
        while near.read_mail() {}
        while far.read_mail() {}
        assert_eq!((&near.got[..], &far.got[..]), (&[1][..], &[0][..]));
        drop((near, far));
        assert!(pieces.each_was_released_once());
    });
}
