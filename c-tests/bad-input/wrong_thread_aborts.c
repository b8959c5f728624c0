// matrix: none
// A call for a loop that another thread is inside of ends the process with the function's name.
#include "../test.h"

static struct evpl *loop;
static struct evpl_timer timer, late;
static struct evpl_deferral deferral;
static struct evpl_doorbell doorbell;
static struct evpl_iovec iovec;
static int inside;

static void
on_timer(struct evpl *evpl, struct evpl_timer *unused)
{
    (void) evpl;
    (void) unused;
    __atomic_store_n(&inside, 1, __ATOMIC_RELEASE);
    test_sleep_ms(5000);
}

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *unused)
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

static void *
pass(void *unused)
{
    evpl_continue(loop);
    return unused;
}

#define CALLS(X)                                                                                   \
    X(evpl_continue, loop)                                                                         \
    X(evpl_run, loop)                                                                              \
    X(evpl_destroy, loop)                                                                          \
    X(evpl_add_timer, loop, &late, on_timer, 1)                                                    \
    X(evpl_remove_timer, loop, &timer)                                                             \
    X(evpl_defer, loop, &deferral)                                                                 \
    X(evpl_remove_deferral, loop, &deferral)                                                       \
    X(evpl_add_doorbell, loop, &doorbell, on_doorbell)                                             \
    X(evpl_add_poll, loop, NULL, NULL, private_callback, NULL)                                     \
    X(evpl_activity, loop)                                                                         \
    X(evpl_poll_pin, loop)                                                                         \
    X(evpl_set_loop_hooks, loop, NULL)                                                             \
    X(evpl_iovec_alloc, loop, 1, 0, 1, 0, &iovec)

static int chosen;

static void
call(void *unused)
{
    int number = 0;
    pthread_t thread;

    (void) unused;
    loop = test_evpl();
    evpl_add_oneshot_timer(loop, &timer, on_timer, 0);
    CHECK(pthread_create(&thread, NULL, pass, NULL) == 0);
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE)) {
        test_sleep_ms(1);
    }
#define CALL(name, ...)                                                                            \
    if (number++ == chosen) {                                                                      \
        (void) name(__VA_ARGS__);                                                                  \
        _exit(0);                                                                                  \
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
            fprintf(stderr, "%s ended with %d: %s\n", names[chosen], child->code, child->output);
            failures++;
        }
    }
    CHECK_EQ(failures, 0);
    return 0;
}
