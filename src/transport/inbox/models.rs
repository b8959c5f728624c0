//! Every interleaving of two posters with the owner, for both kinds of waiting: an edge-triggered
//! bell that is heard once per ring, and a level-triggered one that is heard until it is silenced; and
//! for an owner that spins before it sleeps.

use loom::sync::atomic::{AtomicU32, Ordering::SeqCst};
use loom::thread;

use super::*;

/// An eventfd with its two ways to be heard.
struct ModelBell {
    count: AtomicU32,
    edge: AtomicU32,
}

impl Bell for ModelBell {
    fn ring(&self) {
        self.count.fetch_add(1, SeqCst);
        self.edge.fetch_add(1, SeqCst);
    }

    fn silence(&self) {
        self.count.swap(0, SeqCst);
    }
}

impl ModelBell {
    fn is_heard(&self, level: bool) -> bool {
        // The kernel reports an edge only while there is something to read.
        (level || self.edge.swap(0, SeqCst) > 0) && self.count.load(SeqCst) > 0
    }
}

/// The owner's half: it looks only if it hears the bell, or knows by itself.
struct Owner {
    inbox: Arc<Inbox<ModelBell>>,
    level: bool,
    got: Vec<u32>,
}

impl Owner {
    fn new(level: bool) -> Owner {
        let bell = ModelBell {
            count: AtomicU32::new(0),
            edge: AtomicU32::new(0),
        };
        Owner {
            inbox: Inbox::new(Arc::new(Wake::new(bell))),
            level,
            got: Vec::new(),
        }
    }

    /// One wait of the loop; false if it would have slept.
    fn turn(&mut self) -> bool {
        let heard = self.inbox.wake.bell().is_heard(self.level);
        if heard {
            self.look(true);
        }
        heard
    }

    /// The same with a spin ahead.
    fn spinning_turn(&mut self) {
        self.inbox.wake.begin_spin();
        let heard = self.inbox.wake.bell().is_heard(self.level);
        if self.inbox.wake.end_spin() {
            self.look(false);
        } else if heard {
            self.look(true);
        } else {
            self.turn();
        }
    }

    fn look(&mut self, rung: bool) {
        let mut mails = Vec::new();
        self.inbox.take(rung, &mut mails);
        self.got.extend(mails.iter().map(number));
    }

    /// With everybody gone: what was posted is heard of, then it is quiet, and the next one rings again.
    fn finish(mut self) {
        while self.turn() {}
        self.got.sort_unstable();
        assert_eq!(self.got, [1, 2]);
        assert!(self.inbox.post(mail(3)).is_ok());
        assert!(self.turn(), "the loop would sleep over this mail");
        assert_eq!(self.got, [1, 2, 3]);
    }
}

impl Inbox {
    /// For models of what is built on inboxes: reads all mail.
    pub(crate) fn mail(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        self.take(false, &mut mails);
        mails
    }
}

fn mail(number: u32) -> Mail {
    Mail::Channel(BindKey {
        handle: core::ptr::null_mut(),
        generation: number,
    })
}

fn number(mail: &Mail) -> u32 {
    match mail {
        Mail::Channel(key) => key.generation,
        _ => unreachable!("the models post channel mail"),
    }
}

/// Two threads post one mail each while the owner takes one turn.
fn post_twice_during(level: bool, turn: fn(&mut Owner)) {
    loom::model(move || {
        let mut owner = Owner::new(level);
        let posters = [1, 2].map(|n| {
            let inbox = owner.inbox.clone();
            thread::spawn(move || assert!(inbox.post(mail(n)).is_ok()))
        });
        turn(&mut owner);
        for poster in posters {
            poster.join().unwrap();
        }
        owner.finish();
    });
}

fn turn(owner: &mut Owner) {
    owner.turn();
}

#[test]
fn loom_no_mail_is_left_without_a_wake_up_edge_triggered() {
    post_twice_during(false, turn);
}

#[test]
fn loom_no_mail_is_left_without_a_wake_up_level_triggered() {
    post_twice_during(true, turn);
}

#[test]
fn loom_no_mail_is_left_without_a_wake_up_by_a_spin() {
    post_twice_during(false, Owner::spinning_turn);
    post_twice_during(true, Owner::spinning_turn);
}

/// The owner posts to itself, without ringing, and looks; a foreign poster relies on that look or rings.
#[test]
fn loom_own_mail_carries_foreign_mail_along() {
    for level in [false, true] {
        loom::model(move || {
            let mut owner = Owner::new(level);
            let inbox = owner.inbox.clone();
            let poster = thread::spawn(move || assert!(inbox.post(mail(1)).is_ok()));
            assert!(owner.inbox.push(mail(2)).is_ok());
            owner.inbox.wake.announce_to_self();
            owner.look(false);
            poster.join().unwrap();
            owner.finish();
        });
    }
}

/// Mail is read, handed back by the close, or handed back to its sender; never two of these, never none.
#[test]
fn loom_closing_returns_the_mail() {
    loom::model(|| {
        let mut owner = Owner::new(false);
        let inbox = owner.inbox.clone();
        let poster = thread::spawn(move || {
            [1, 2]
                .into_iter()
                .filter_map(|n| inbox.post(mail(n)).err())
                .collect::<Vec<_>>()
        });
        owner.turn();
        let given_up = owner.inbox.close();
        let refused = poster.join().unwrap();
        owner.look(true);
        let mut all = owner.got;
        all.extend(given_up.iter().chain(&refused).map(number));
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    });
}
