//! Accepting against attaching, detaching and a loop that goes away, under every interleaving: no
//! request of a detached binding remains, and every connection is delivered or closed, once.

use core::ptr;

use loom::thread;

use super::*;
use crate::event::wake::Wake;
use crate::transport::inproc::channel::{self, Batch, ChannelEnd};
use crate::transport::registry;

fn inbox() -> Arc<Inbox> {
    Inbox::new(Arc::new(Wake::open().expect("the model has descriptors")))
}

fn attach(shared: &Arc<Shared>, inbox: &Arc<Inbox>) -> ListenerBinding {
    let attachment = Arc::new(Attachment::new(inbox.clone(), None, ptr::null_mut()));
    let binding = ListenerBinding {
        shared: shared.clone(),
        attachment: attachment.clone(),
    };
    shared.with(|rotation| rotation.attachments.push(attachment));
    binding
}

fn detach(binding: ListenerBinding) {
    // SAFETY: a box that is given up here.
    unsafe { ListenerBinding::detach(Box::into_raw(Box::new(binding))) };
}

/// Accepts one connection and returns its client's end.
fn accept(shared: &Shared) -> ChannelEnd {
    let address = |serial| Arc::new(Address::inproc(Arc::from(&b"model"[..]), serial));
    let (client, end) = channel::pair();
    let accepted = Accepted::Channel {
        end,
        local: address(0),
    };
    shared.accept(None, registry::first_row(), accepted, address(1));
    client
}

fn is_closed(client: &ChannelEnd) -> bool {
    client.receive(&mut Batch::default())
}

fn requests(inbox: &Inbox) -> Vec<AcceptRequest> {
    inbox
        .mail()
        .into_iter()
        .map(|mail| match mail {
            Mail::Accept(request) => *request,
            _ => unreachable!("only connections were posted"),
        })
        .collect()
}

#[test]
fn loom_nothing_remains_of_a_detached_binding() {
    loom::model(|| {
        let shared = Arc::<Shared>::default();
        let (leaving, staying) = (inbox(), inbox());
        let binding = attach(&shared, &leaving);
        let other = attach(&shared, &staying);
        let acceptor = {
            let shared = shared.clone();
            thread::spawn(move || [accept(&shared), accept(&shared)])
        };
        detach(binding);
        let clients = acceptor.join().unwrap();
        assert!(requests(&leaving).is_empty());
        let delivered = requests(&staying);
        let open = clients.iter().filter(|client| !is_closed(client)).count();
        assert_eq!(delivered.len(), open, "delivered or closed");
        drop(delivered);
        assert!(clients.iter().all(is_closed));
        drop(other);
    });
}

/// The loop goes away without detaching first: the next one gets the connection.
#[test]
fn loom_a_loop_that_is_gone_is_passed_over() {
    loom::model(|| {
        let shared = Arc::<Shared>::default();
        let (gone, staying) = (inbox(), inbox());
        let bindings = [attach(&shared, &gone), attach(&shared, &staying)];
        let acceptor = {
            let shared = shared.clone();
            thread::spawn(move || [accept(&shared), accept(&shared)])
        };
        let given_up = gone.close().len();
        let clients = acceptor.join().unwrap();
        assert_eq!(requests(&gone).len(), 0);
        let delivered = requests(&staying);
        let open = clients.iter().filter(|client| !is_closed(client)).count();
        assert_eq!(delivered.len(), open);
        assert_eq!(given_up + delivered.len(), 2, "nobody was refused");
        drop(bindings);
    });
}

/// A connection that comes while a loop attaches is delivered to it or refused.
#[test]
fn loom_accepting_while_attaching_delivers_or_closes() {
    loom::model(|| {
        let shared = Arc::<Shared>::default();
        let inbox = inbox();
        let acceptor = {
            let shared = shared.clone();
            thread::spawn(move || accept(&shared))
        };
        let binding = attach(&shared, &inbox);
        let client = acceptor.join().unwrap();
        let delivered = requests(&inbox);
        assert_eq!(delivered.is_empty(), is_closed(&client));
        drop(delivered);
        detach(binding);
        assert!(is_closed(&client));
    });
}
