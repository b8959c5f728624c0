// matrix: none
// timeout: 60
// A NULL where a handle or storage is due ends the process with the function's name in the log.
#include "../test.h"

#include <evpl/evpl_ext.h>

static struct evpl *loop;
static struct evpl_timer timer;
static struct evpl_deferral deferral;
static struct evpl_doorbell doorbell;
static struct evpl_fd_event event;
static struct evpl_iovec iovec;

static void
timer_callback(struct evpl *evpl, struct evpl_timer *unused)
{
    (void) evpl;
    (void) unused;
}

static void
doorbell_callback(struct evpl *evpl, struct evpl_doorbell *unused)
{
    (void) evpl;
    (void) unused;
}

static void
private_callback(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
}

/* One line per call: the function and its arguments. */
#define CALLS(X)                                                                                   \
    X(evpl_continue, NULL)                                                                         \
    X(evpl_run, NULL)                                                                              \
    X(evpl_stop, NULL)                                                                             \
    X(evpl_destroy, NULL)                                                                          \
    X(evpl_set_loop_hooks, NULL, NULL)                                                             \
    X(evpl_get_hf_monotonic_time, loop, NULL)                                                      \
    X(evpl_add_timer, NULL, &timer, timer_callback, 1)                                             \
    X(evpl_add_timer, loop, NULL, timer_callback, 1)                                               \
    X(evpl_add_oneshot_timer, NULL, &timer, timer_callback, 1)                                     \
    X(evpl_add_oneshot_timer, loop, NULL, timer_callback, 1)                                       \
    X(evpl_remove_timer, NULL, &timer)                                                             \
    X(evpl_deferral_init, NULL, private_callback, NULL)                                            \
    X(evpl_defer, NULL, &deferral)                                                                 \
    X(evpl_defer, loop, NULL)                                                                      \
    X(evpl_remove_deferral, NULL, &deferral)                                                       \
    X(evpl_add_doorbell, NULL, &doorbell, doorbell_callback)                                       \
    X(evpl_add_doorbell, loop, NULL, doorbell_callback)                                            \
    X(evpl_remove_doorbell, NULL, &doorbell)                                                       \
    X(evpl_doorbell_fd, NULL)                                                                      \
    X(evpl_ring_doorbell, NULL)                                                                    \
    X(evpl_add_fd_event, NULL, &event, 0, NULL, NULL, NULL)                                        \
    X(evpl_add_fd_event, loop, NULL, 0, NULL, NULL, NULL)                                          \
    X(evpl_remove_fd_event, NULL, &event)                                                          \
    X(evpl_fd_event_fd, NULL)                                                                      \
    X(evpl_fd_event_read_interest, NULL, &event)                                                   \
    X(evpl_fd_event_read_disinterest, NULL, &event)                                                \
    X(evpl_fd_event_write_interest, NULL, &event)                                                  \
    X(evpl_fd_event_write_disinterest, NULL, &event)                                               \
    X(evpl_fd_event_mark_readable, NULL, &event)                                                   \
    X(evpl_fd_event_mark_unreadable, NULL, &event)                                                 \
    X(evpl_fd_event_mark_unwritable, NULL, &event)                                                 \
    X(evpl_add_poll, NULL, NULL, NULL, private_callback, NULL)                                     \
    X(evpl_remove_poll, NULL, (struct evpl_poll *) &timer)                                         \
    X(evpl_remove_poll, loop, NULL)                                                                \
    X(evpl_activity, NULL)                                                                         \
    X(evpl_poll_pin, NULL)                                                                         \
    X(evpl_poll_unpin, NULL)                                                                       \
    X(evpl_thread_destroy, NULL)                                                                   \
    X(evpl_threadpool_destroy, NULL)                                                               \
    X(evpl_iovec_alloc, NULL, 1, 0, 1, 0, &iovec)                                                  \
    X(evpl_iovec_reserve, NULL, 1, 0, 1, &iovec)                                                   \
    X(evpl_iovec_commit, NULL, 0, &iovec, 1)                                                       \
    X(evpl_iovec_alloc_global, loop, NULL)                                                         \
    X(evpl_endpoint_close, NULL)                                                                   \
    X(evpl_endpoint_address, NULL)                                                                 \
    X(evpl_endpoint_port, NULL)                                                                    \
    X(evpl_endpoint_is_local, NULL)                                                                \
    X(evpl_endpoint_is_inproc, NULL)                                                               \
    X(evpl_endpoint_set_tls_name, NULL, "name")                                                    \
    X(evpl_listener_destroy, NULL)                                                                 \
    X(evpl_listen, NULL, EVPL_STREAM_SOCKET_TCP, NULL)                                             \
    X(evpl_listener_attach, loop, NULL, NULL, NULL)                                                \
    X(evpl_listener_detach, loop, NULL)                                                            \
    X(evpl_connect, NULL, EVPL_STREAM_SOCKET_TCP, NULL, NULL, NULL, NULL, NULL)                    \
    X(evpl_bind, NULL, EVPL_DATAGRAM_SOCKET_UDP, NULL, NULL, NULL)                                 \
    X(evpl_close, loop, NULL)                                                                      \
    X(evpl_finish, loop, NULL)                                                                     \
    X(evpl_send, loop, NULL, "x", 1)                                                               \
    X(evpl_sendv, loop, NULL, &iovec, 1, 1, 0)                                                     \
    X(evpl_consume, loop, NULL, 1)                                                                 \
    X(evpl_bind_get_protocol, NULL)                                                                \
    X(evpl_bind_is_closing, NULL)                                                                  \
    X(evpl_bind_is_rdma, NULL)                                                                     \
    X(evpl_bind_request_send_notifications, loop, NULL)                                            \
    X(evpl_block_close_device, NULL)                                                               \
    X(evpl_block_size, NULL)                                                                       \
    X(evpl_block_open_queue, loop, NULL)                                                           \
    X(evpl_global_config_set_spin_ns, NULL, 1)                                                     \
    X(evpl_global_config_set_tls_ca, NULL, "x")                                                    \
    X(evpl_global_config_set_tls_client_sessions, NULL, 1)                                         \
    X(evpl_global_config_set_tls_server_sessions, NULL, 1)                                         \
    X(evpl_global_config_set_tls_server_tickets, NULL, 1)                                          \
    X(evpl_global_config_set_tls_send_name, NULL, 1)                                               \
    X(evpl_global_config_set_tls_verify_name, NULL, 1)                                             \
    X(evpl_global_config_set_tls_require_client_cert, NULL, 1)                                     \
    X(evpl_global_config_set_tls_key_log, NULL, 1)                                                 \
    X(evpl_thread_config_set_wait_ms, NULL, 1)                                                     \
    X(evpl_thread_config_set_poll_mode, NULL, 1)

static int chosen;

static void
call(void *unused)
{
    int number = 0;

    (void) unused;
    loop = test_evpl();
#define CALL(name, ...)                                                                            \
    if (number++ == chosen) {                                                                      \
        (void) name(__VA_ARGS__);                                                                  \
        return;                                                                                    \
    }
    CALLS(CALL)
}

int
main(void)
{
#define NAME(name, ...) #name,
    static const char *const names[] = { CALLS(NAME) };
    int failures = 0;

    for (chosen = 0; chosen < (int) (sizeof(names) / sizeof(names[0])); chosen++) {
        struct test_child *child = test_run_child(call, NULL);

        if (child->code != 134 || strstr(child->output, names[chosen]) == NULL) {
            fprintf(stderr, "%s (call %d) ended with %d: %s\n", names[chosen], chosen, child->code,
                    child->output);
            failures++;
        }
    }
    CHECK_EQ(failures, 0);
    return 0;
}
