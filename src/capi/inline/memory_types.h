#ifndef __cplusplus
#include <stdatomic.h>
#endif
#ifdef EVPL_IOVEC_TRACE
#include <pthread.h>
#include <stdlib.h>
#endif

/*
 * EVPL_IOVEC_TRACE and EVPL_IOVEC_PROFILE change the layouts below. A program may define one of
 * them only with a library and siblings that were built with the same one.
 */

/**
 * The count of one buffer. Many iovecs may refer to parts of one buffer; it is recycled when its
 * count reaches zero. Programs use the functions below instead of the fields.
 */
struct evpl_iovec_ref {
    union {
        /** Plain for a buffer of one thread, atomic for a SHARED one, always 1 for a GLOBAL one. */
        unsigned int refcnt;
#ifdef __cplusplus
        unsigned int refcnt_atomic;
#else
        atomic_uint refcnt_atomic;
#endif
    };
    /** EVPL_IOVEC_FLAG_*; 0 for a buffer that only the allocating thread may clone and release. */
    unsigned int flags;
    /** Opaque. */
    void *slab;
    /** Called exactly when the count drops to zero, with the caller's own loop or NULL. */
    void (*release)(struct evpl *evpl, struct evpl_iovec_ref *ref);
#ifdef EVPL_IOVEC_TRACE
    pthread_t owner_thread;
#endif
};

/** A counted reference to some bytes of one buffer. */
struct evpl_iovec {
    void *data;
    /** Bytes. */
    unsigned int length;
    /** Without meaning. */
    unsigned int pad;
#ifdef EVPL_IOVEC_PROFILE
    /** The call site that took this reference; 0 if none. */
    unsigned int profile_site;
#endif
    /** Use evpl_iovec_get_ref. */
    struct evpl_iovec_ref *ref;
};

#ifdef EVPL_IOVEC_TRACE
/** Stands between an iovec and its count, and finds an iovec that was copied or released twice. */
struct evpl_iovec_canary {
    unsigned int magic;
    struct evpl_iovec_ref *real_ref;
    const struct evpl_iovec *owner;
};
#endif
