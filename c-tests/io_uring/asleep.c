// protocols: STREAM_IO_URING_TCP STREAM_SOCKET_TCP
// timeout: 30

// A loop that evpl_run runs, and that only traffic wakes: what it queued before it fell asleep leaves at once, whatever else it does;
// and whoever waits for the end of a send, a finish or the release of a shared buffer is not kept waiting.

#include "../bind/flow.h"

#include <semaphore.h>

#define BIG    (8 << 20)
#define WAIT_S 5

static struct flow flow;
static sem_t ready, received;
static struct evpl_deferral finish_later;
static struct evpl_bind *finishing;
static struct evpl_iovec shared;
static unsigned int references;
static int told;

static void
finish(struct evpl *evpl, void *private_data)
{
    (void) private_data;
    evpl_finish(evpl, finishing);
}

static void
obey(struct side *side, char command)
{
    static unsigned char big[BIG];

    switch (command) {
    case 'e':
        evpl_send(side->evpl, side->bind, "E", 1);
        break;
    case 'n':
        evpl_send(side->evpl, side->bind, "N", 1);
        evpl_bind_request_send_notifications(side->evpl, side->bind);
        told = 1;
        break;
    case 'f':
        evpl_send(side->evpl, side->bind, "F", 1);
        finishing = side->bind;
        evpl_deferral_init(&finish_later, finish, NULL);
        evpl_defer(side->evpl, &finish_later);
        break;
    case 's':
        CHECK(evpl_iovec_alloc(side->evpl, 1, 0, 1, EVPL_IOVEC_FLAG_SHARED, &shared) == 1);
        *(char *) shared.data = 'S';
        references            = __atomic_load_n(&shared.ref->refcnt, __ATOMIC_RELAXED);
        evpl_sendv(side->evpl, side->bind, &shared, 1, 1, 0);
        sem_post(&ready);
        break;
    case 'r':
        evpl_iovec_release(side->evpl, &shared);
        break;
    case 'b':
        pattern_fill(big, BIG, 0);
        evpl_send(side->evpl, side->bind, big, BIG);
        break;
    case 't':
        evpl_send(side->evpl, side->bind, "T", 1);
        evpl_stop(side->evpl);
        break;
    default:
        CHECK(!"known command");
    }
}

static int
hook(struct side *side, struct evpl_notify *notify)
{
    char command;

    if (notify->notify_type == EVPL_NOTIFY_SENT && told) {
        told = 0;
        evpl_send(side->evpl, side->bind, "n", 1);
    }
    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    while (evpl_recv(side->evpl, side->bind, &command, 1, 0) == 1) {
        obey(side, command);
    }
    return 1;
}

static void *
run(void *nothing)
{
    (void) nothing;
    flow.server_hook = hook;
    flow_init(&flow);
    flow.evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    flow_start(&flow);
    sem_post(&ready);
    evpl_run(flow.evpl);
    // The loop does not run while the peer waits for what it sent last.
    sem_wait(&received);
    flow_end(&flow);
    return NULL;
}

static int
dial(void)
{
    struct timeval patience = { .tv_sec = WAIT_S };
    int fd                  = raw_dial(&flow);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void
expect(int fd, const char *command, const char *answer)
{
    char bytes[16] = { 0 };

    raw_write(fd, command, strlen(command));
    CHECK_EQ(raw_read(fd, bytes, strlen(answer)), strlen(answer));
    CHECK_STR(bytes, answer);
}

int
main(void)
{
    static unsigned char big[BIG + 1];
    uint64_t end;
    pthread_t thread;
    int a, b;

    CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&received, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
    sem_wait(&ready);
    a = dial();
    b = dial();
    for (int i = 0; i < 50; i++) {
        expect(a, "e", "E");
        test_sleep_ms(i % 8);
        expect(b, "ee", "EE");
    }
    expect(a, "n", "Nn");
    expect(b, "f", "F");
    CHECK(raw_is_closed(b, WAIT_S * 1000));
    close(b);
    expect(a, "s", "S");
    sem_wait(&ready);
    end = now_ms() + WAIT_S * 1000;
    while (__atomic_load_n(&shared.ref->refcnt, __ATOMIC_ACQUIRE) != references) {
        CHECK(now_ms() < end);
        test_sleep_ms(1);
    }
    raw_write(a, "r", 1);
    b = dial();
    raw_write(b, "be", 2);
    test_sleep_ms(100);
    expect(a, "e", "E");
    CHECK_EQ(raw_read(b, big, BIG + 1), BIG + 1);
    CHECK(pattern_matches(big, BIG, 0) && big[BIG] == 'E');
    expect(b, "e", "E");
    expect(a, "t", "T");
    sem_post(&received);
    pthread_join(thread, NULL);
    close(a);
    close(b);
    return 0;
}
