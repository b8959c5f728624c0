// matrix: mech
// What cannot be had and cannot be reported ends the process with one fatal line.
#include <sys/resource.h>

#include "../test.h"

void *evpl_malloc(unsigned int size);

static struct evpl_doorbell doorbell;

static void
ring(struct evpl *evpl, struct evpl_doorbell *unused)
{
    (void) evpl;
    (void) unused;
}

static void
limit(int resource, rlim_t value)
{
    struct rlimit limits = { value, value };

    CHECK(setrlimit(resource, &limits) == 0);
}

static void
loop_without_descriptors(void *unused)
{
    (void) unused;
    test_init();
    limit(RLIMIT_NOFILE, 3);
    test_evpl();
}

static void
doorbell_without_descriptors(void *unused)
{
    struct evpl *evpl;

    (void) unused;
    test_init();
    evpl = test_evpl();
    limit(RLIMIT_NOFILE, 3);
    evpl_add_doorbell(evpl, &doorbell, ring);
}

#ifndef __SANITIZE_ADDRESS__ /* which needs more address space than is left here */
static void
slab_without_memory(void *unused)
{
    struct evpl_iovec iovec;

    (void) unused;
    test_init();
    limit(RLIMIT_AS, 512 << 20);
    evpl_iovec_alloc_global(NULL, &iovec);
}

static void
heap_without_memory(void *unused)
{
    (void) unused;
    limit(RLIMIT_AS, 512 << 20);
    evpl_malloc(0xffffffffu);
}

/* The allocation that fails is one made under a lock, sooner or later; the exit must not want it. */
static void
record_without_memory(void *unused)
{
    (void) unused;
    test_init();
    limit(RLIMIT_DATA, 1 << 20);
    alarm(10);
    for (;;) {
        evpl_thread_config_init();
    }
}
#endif

int
main(void)
{
    CHECK_ABORTS(loop_without_descriptors, NULL, "evpl_create");
    CHECK_ABORTS(doorbell_without_descriptors, NULL, "evpl_add_doorbell");
#ifndef __SANITIZE_ADDRESS__
    CHECK_CHILD(slab_without_memory, NULL, 1, "level=fatal");
    CHECK_CHILD(heap_without_memory, NULL, 1, "level=fatal");
    CHECK_CHILD(record_without_memory, NULL, 1, "level=fatal");
#endif
    return 0;
}
