// matrix: none
// net: yes
// Ring sizes that are no power of two, a gather limit beyond the kernel's, and zeroes all work.
#include "../test.h"

static int received;

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) bind;
    (void) unused;
    if (event->notify_type == EVPL_NOTIFY_RECV_MSG) {
        received++;
        evpl_iovecs_release(evpl, event->recv_msg.iovec, (int) event->recv_msg.niov);
    }
}

static void
run(void *argument)
{
    unsigned int entries              = *(unsigned int *) argument;
    struct evpl_global_config *config = evpl_global_config_init();
    struct evpl_endpoint *here, *there;
    struct evpl_bind *bind;
    struct evpl *evpl;

    evpl_global_config_set_iovec_ring_size(config, entries);
    evpl_global_config_set_dgram_ring_size(config, entries);
    evpl_global_config_set_max_num_iovec(config, entries * 2);
    evpl_init(config);
    evpl  = test_evpl();
    here  = evpl_endpoint_create("127.0.0.1", 5001);
    there = evpl_endpoint_create("127.0.0.1", 5002);
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, there, notify, NULL) != NULL);
    bind = evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, here, notify, NULL);
    CHECK(bind != NULL);
    for (int i = 0; i < 50; i++) {
        evpl_sendtoep(evpl, bind, there, "hello", 5);
    }
    RUN_UNTIL(evpl, received == 50, 3000);
    evpl_destroy(evpl);
}

int
main(void)
{
    unsigned int entries[] = { 0, 1, 3, 1000, 100000 };

    for (int i = 0; i < 5; i++) {
        CHECK_CHILD(run, &entries[i], 0, "");
    }
    return 0;
}
