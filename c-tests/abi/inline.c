/*
 * The inline functions of evpl_memory.h, against a buffer record made here. Built once for each of
 * the three layouts, as C and as C++, and without the library.
 */

#include <evpl/evpl_memory.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                  \
    do {                                                                  \
        if (!(condition)) {                                               \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);       \
            exit(1);                                                      \
        }                                                                 \
    } while (0)

/* Whether `call` ends in evpl_abort. */
#define ABORTS(call) (setjmp(abort_return) == 0 ? ((call), 0) : 1)

static jmp_buf abort_return;
static int released;
static int sites_live;

#ifdef __cplusplus
extern "C" {
#endif

void
evpl_abort(const char *module, const char *srcfile, int lineno, const char *fmt, ...)
{
    (void) module;
    (void) srcfile;
    (void) lineno;
    (void) fmt;
    longjmp(abort_return, 1);
}

#ifdef EVPL_IOVEC_PROFILE
uint32_t
evpl_iovec_profile_capture(void)
{
    return 5;
}

void
evpl_iovec_profile_ref(uint32_t site)
{
    CHECK(site == 5);
    sites_live++;
}

void
evpl_iovec_profile_unref(uint32_t site)
{
    CHECK(site == 5);
    sites_live--;
}
#endif

#ifdef __cplusplus
}
#endif

static void
release(struct evpl *evpl, struct evpl_iovec_ref *ref)
{
    CHECK(evpl == NULL && ref->refcnt == 0);
    released++;
}

static void
ref_init(struct evpl_iovec_ref *ref, unsigned int flags)
{
    memset((void *) ref, 0, sizeof(*ref));
    ref->refcnt  = 1;
    ref->flags   = flags;
    ref->release = release;
#ifdef EVPL_IOVEC_TRACE
    ref->owner_thread = pthread_self();
#endif
    released = 0;
}

/* An iovec over all of `bytes` that holds the first reference. */
static void
iovec_init(struct evpl_iovec *iovec, struct evpl_iovec_ref *ref, char *bytes, unsigned int length)
{
    memset((void *) iovec, 0, sizeof(*iovec));
    evpl_iovec_set_ref(iovec, ref);
    iovec->data = bytes;
    evpl_iovec_set_length(iovec, length);
}

static void
counted(unsigned int flags)
{
    struct evpl_iovec_ref ref;
    struct evpl_iovec a, b, c, pair[2];
    char bytes[16];

    ref_init(&ref, flags);
    iovec_init(&a, &ref, bytes, sizeof(bytes));
    CHECK(evpl_iovec_data(&a) == bytes && evpl_iovec_length(&a) == 16);
    CHECK(evpl_iovec_get_ref(&a) == &ref);

    evpl_iovec_clone(&b, &a);
    CHECK(ref.refcnt == 2 && b.data == bytes && b.length == 16);
    evpl_iovec_clone_segment(&c, &a, 4, 12);
    CHECK(ref.refcnt == 3 && c.data == bytes + 4 && c.length == 12);

    evpl_iovec_move(&pair[0], &b);
    CHECK(ref.refcnt == 3 && b.data == NULL && pair[0].data == bytes);
    evpl_iovec_move_segment(&pair[1], &c, 2, 3);
    CHECK(ref.refcnt == 3 && pair[1].data == bytes + 6 && pair[1].length == 3);

    evpl_iovecs_release(NULL, pair, 2);
    CHECK(ref.refcnt == 1 && released == 0);
    evpl_iovec_release(NULL, &a);
    CHECK(released == 1);
}

static void
global_belongs_to_its_owner(void)
{
    struct evpl_iovec_ref ref;
    struct evpl_iovec a, b;
    char bytes[4];

    ref_init(&ref, EVPL_IOVEC_FLAG_SHARED | EVPL_IOVEC_FLAG_GLOBAL);
    iovec_init(&a, &ref, bytes, sizeof(bytes));
    evpl_iovec_clone(&b, &a);
    CHECK(ref.refcnt == 1);
    evpl_iovecs_release_internal(NULL, &b, 1);
    CHECK(ref.refcnt == 1 && released == 0);
    evpl_iovec_release(NULL, &a);
    CHECK(ref.refcnt == 0 && released == 1 && a.data == NULL);
}

static void
out_of_range_aborts(void)
{
    struct evpl_iovec_ref ref;
    struct evpl_iovec a, b;
    char bytes[8];

    ref_init(&ref, 0);
    iovec_init(&a, &ref, bytes, sizeof(bytes));
    CHECK(ABORTS(evpl_iovec_clone_segment(&b, &a, 4, 5)));
    CHECK(ABORTS(evpl_iovec_clone_segment(&b, &a, 0xffffffffU, 2)));
    CHECK(ABORTS(evpl_iovec_move_segment(&b, &a, 9, 0)));
    CHECK(ABORTS(evpl_iovec_move(NULL, &a)));
}

#ifdef EVPL_IOVEC_TRACE
static void *
release_elsewhere(void *iovec)
{
    return ABORTS(evpl_iovec_release(NULL, (struct evpl_iovec *) iovec)) ? iovec : NULL;
}

static void
trace_finds_misuse(void)
{
    struct evpl_iovec_ref ref;
    struct evpl_iovec a, copy;
    pthread_t thread;
    void *aborted;
    char bytes[8];

    ref_init(&ref, 0);
    iovec_init(&a, &ref, bytes, sizeof(bytes));
    copy = a;
    CHECK(ABORTS(evpl_iovec_release(NULL, &copy)));
    evpl_iovec_release(NULL, &a);
    CHECK(ABORTS(evpl_iovec_release(NULL, &a)));

    ref_init(&ref, 0);
    iovec_init(&a, &ref, bytes, sizeof(bytes));
    CHECK(pthread_create(&thread, NULL, release_elsewhere, &a) == 0);
    CHECK(pthread_join(thread, &aborted) == 0 && aborted == &a);
}
#endif

int
main(void)
{
    counted(0);
    counted(EVPL_IOVEC_FLAG_SHARED);
    CHECK(sites_live == 0);
    global_belongs_to_its_owner();
    CHECK(sites_live == 0);
    out_of_range_aborts();
#ifdef EVPL_IOVEC_TRACE
    trace_finds_misuse();
#endif
    return 0;
}
