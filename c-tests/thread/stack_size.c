// matrix: none
// A thread has a stack of 8 MiB, whatever the process limit says.
#include <sys/resource.h>

#include "../test.h"

static size_t stack_size;

static void *
init(struct evpl *evpl, void *unused)
{
    pthread_attr_t attributes;
    void *stack;

    (void) evpl;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &stack, &stack_size) == 0);
    pthread_attr_destroy(&attributes);
    return unused;
}

int
main(void)
{
    struct rlimit limits = { 1 << 20, RLIM_INFINITY };

    setrlimit(RLIMIT_STACK, &limits);
    test_init();
    evpl_thread_destroy(evpl_thread_create(NULL, init, NULL, NULL));
    CHECK(stack_size >= (8u << 20) - 65536);
    return 0;
}
