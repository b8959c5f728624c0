//! Every interleaving of two posters with the owner, for both kinds of waiting: an edge-triggered
//! bell that is heard once per ring, and a level-triggered one that is heard until it is emptied.

use loom::sync::atomic::{AtomicU32, Ordering::SeqCst};
use loom::thread;

use super::*;

/// An eventfd with its two ways to be heard.
struct ModelBell {
    count: AtomicU32,
    edge: AtomicU32,
}

impl ModelBell {
    fn new() -> Arc<ModelBell> {
        Arc::new(ModelBell {
            count: AtomicU32::new(0),
            edge: AtomicU32::new(0),
        })
    }
}

impl Bell for ModelBell {
    fn ring(&self) {
        self.count.fetch_add(1, SeqCst);
        self.edge.fetch_add(1, SeqCst);
    }
}

/// The owner's half: it looks only if it hears the bell.
struct Owner {
    inbox: Arc<Inbox<ModelBell>>,
    bell: Arc<ModelBell>,
    level: bool,
    got: Vec<u32>,
}

impl Owner {
    fn new(level: bool) -> Owner {
        let bell = ModelBell::new();
        Owner {
            inbox: Inbox::new(bell.clone()),
            bell,
            level,
            got: Vec::new(),
        }
    }

    /// One turn of the loop; false if it would have slept.
    fn turn(&mut self) -> bool {
        let heard = if self.level {
            self.bell.count.load(SeqCst) > 0
        } else {
            self.bell.edge.swap(0, SeqCst) > 0
        };
        if heard {
            self.look();
        }
        heard
    }

    fn look(&mut self) {
        let mut mails = Vec::new();
        let (bell, level) = (&self.bell, self.level);
        self.inbox.collect(
            |rung| {
                if rung || level {
                    bell.count.swap(0, SeqCst);
                }
            },
            &mut mails,
        );
        self.got.extend(mails.iter().map(number));
    }
}

impl Inbox {
    /// For models of what is built on inboxes: reads all mail.
    pub(crate) fn mail(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        self.collect(|_| (), &mut mails);
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

fn no_mail_is_left_without_a_wake_up(level: bool) {
    loom::model(move || {
        let mut owner = Owner::new(level);
        let posters = [1, 2].map(|n| {
            let inbox = owner.inbox.clone();
            thread::spawn(move || assert!(inbox.post(mail(n)).is_ok()))
        });
        owner.turn();
        for poster in posters {
            poster.join().unwrap();
        }
        // With everybody gone, what was posted is heard of, and then it is quiet.
        while owner.turn() {}
        owner.got.sort_unstable();
        assert_eq!(owner.got, [1, 2]);
    });
}

#[test]
fn loom_no_mail_is_left_without_a_wake_up_edge_triggered() {
    no_mail_is_left_without_a_wake_up(false);
}

#[test]
fn loom_no_mail_is_left_without_a_wake_up_level_triggered() {
    no_mail_is_left_without_a_wake_up(true);
}

/// The owner posts to itself, without ringing, and looks; a foreign poster relies on that look or rings.
#[test]
fn loom_own_mail_carries_foreign_mail_along() {
    loom::model(|| {
        let mut owner = Owner::new(false);
        let inbox = owner.inbox.clone();
        let poster = thread::spawn(move || {
            assert!(inbox.post(mail(1)).is_ok());
            assert!(inbox.post(mail(2)).is_ok());
        });
        assert!(owner.inbox.post_own(mail(3)).is_ok());
        owner.look();
        poster.join().unwrap();
        while owner.turn() {}
        owner.got.sort_unstable();
        assert_eq!(owner.got, [1, 2, 3]);
    });
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
        owner.look();
        let mut all = owner.got;
        all.extend(given_up.iter().chain(&refused).map(number));
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    });
}
