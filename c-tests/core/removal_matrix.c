// From inside each kind of callback every kind of object can be removed and freed, the caller too.
#include "../test.h"

enum kind { TIMER, DEFERRAL, DOORBELL, FD_EVENT, POLL, HOOK_PRE, HOOK_POST, HOOK_END, KINDS };

/* One object of any kind, in storage of its own. */
struct object {
    enum kind kind;
    int calls, removed;
    struct evpl_poll *poll;
    union {
        struct evpl_timer timer;
        struct evpl_deferral deferral;
        struct evpl_doorbell doorbell;
        struct evpl_fd_event fd_event;
    } *storage;
    int fds[2];
};

static struct object killer, victim, other;

static void called(struct evpl *evpl, struct object *object);

static struct object *
object_of(void *storage)
{
    return storage == killer.storage ? &killer : storage == victim.storage ? &victim : &other;
}

static void
on_timer(struct evpl *evpl, struct evpl_timer *timer)
{
    called(evpl, object_of(timer));
}

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    called(evpl, object_of(doorbell));
}

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    called(evpl, object_of(event));
}

static void
on_private(struct evpl *evpl, void *object)
{
    called(evpl, object);
}

static void
object_add(struct evpl *evpl, struct object *object, enum kind kind)
{
    struct evpl_loop_hooks hooks = { NULL, NULL, NULL, object };

    memset(object, 0, sizeof(*object));
    object->kind    = kind;
    object->storage = test_page_alloc();
    switch (kind) {
    case TIMER:
        evpl_add_timer(evpl, &object->storage->timer, on_timer, 0);
        break;
    case DEFERRAL:
        object->storage->deferral.armed = 0;
        evpl_deferral_init(&object->storage->deferral, on_private, object);
        evpl_defer(evpl, &object->storage->deferral);
        break;
    case DOORBELL:
        evpl_add_doorbell(evpl, &object->storage->doorbell, on_doorbell);
        evpl_ring_doorbell(&object->storage->doorbell);
        break;
    case FD_EVENT:
        CHECK(pipe2(object->fds, O_NONBLOCK) == 0);
        CHECK_EQ(write(object->fds[1], "a", 1), 1);
        evpl_add_fd_event(evpl, &object->storage->fd_event, object->fds[0], on_read, NULL, NULL);
        evpl_fd_event_read_interest(evpl, &object->storage->fd_event);
        break;
    case POLL:
        object->poll = evpl_add_poll(evpl, NULL, NULL, on_private, object);
        break;
    case HOOK_PRE:
        hooks.pre_wait = on_private;
        evpl_set_loop_hooks(evpl, &hooks);
        break;
    case HOOK_POST:
        hooks.post_wait = on_private;
        evpl_set_loop_hooks(evpl, &hooks);
        break;
    default:
        hooks.iteration_end = on_private;
        evpl_set_loop_hooks(evpl, &hooks);
        break;
    }
}

static void
object_remove(struct evpl *evpl, struct object *object)
{
    CHECK(!object->removed);
    object->removed = 1;
    switch (object->kind) {
    case TIMER:
        evpl_remove_timer(evpl, &object->storage->timer);
        break;
    case DEFERRAL:
        evpl_remove_deferral(evpl, &object->storage->deferral);
        break;
    case DOORBELL:
        evpl_remove_doorbell(evpl, &object->storage->doorbell);
        break;
    case FD_EVENT:
        evpl_remove_fd_event(evpl, &object->storage->fd_event);
        close(object->fds[0]);
        close(object->fds[1]);
        break;
    case POLL:
        evpl_remove_poll(evpl, object->poll);
        break;
    default:
        evpl_set_loop_hooks(evpl, NULL);
        break;
    }
    test_page_free(object->storage);
}

static void
called(struct evpl *evpl, struct object *object)
{
    CHECK(!object->removed);
    object->calls++;
    if (object == &killer) {
        if (!victim.removed) {
            object_remove(evpl, &victim);
        }
        object_remove(evpl, &killer);
    }
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    for (int by = 0; by < KINDS; by++) {
        for (int of = 0; of < KINDS; of++) {
            if (by >= HOOK_PRE && of >= HOOK_PRE) {
                continue;
            }
            for (int killer_first = 0; killer_first < 2; killer_first++) {
                evpl = test_evpl_with(1, 2, -1);
                memset(&other, 0, sizeof(other));
                if (killer_first) {
                    object_add(evpl, &killer, by);
                    object_add(evpl, &victim, of);
                } else {
                    object_add(evpl, &victim, of);
                    object_add(evpl, &killer, by);
                }
                object_add(evpl, &other, of >= HOOK_PRE ? TIMER : of);
                RUN_UNTIL(evpl, killer.calls == 1 && other.calls >= 1, 2000);
                RUN_PASSES(evpl, 6);
                CHECK_EQ(killer.calls, 1);
                CHECK(victim.removed);
                object_remove(evpl, &other);
                RUN_PASSES(evpl, 2);
                evpl_destroy(evpl);
            }
        }
    }
    return 0;
}
