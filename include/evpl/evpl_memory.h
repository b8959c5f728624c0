/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_MEMORY_H
#define EVPL_MEMORY_H

/* Generated from src/capi/memory.rs by `make headers`; change it there. */

#include <stddef.h>
#include <stdint.h>
#include "evpl_logging.h"

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
struct evpl_iovec;
struct evpl_iovec_ref;

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

/**
 * The buffer may be referenced from any thread; its count is atomic.
 */
#define EVPL_IOVEC_FLAG_SHARED 1

/**
 * The buffer belongs to one owner and is not counted.
 */
#define EVPL_IOVEC_FLAG_GLOBAL 2

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Allocates `length` bytes of buffer memory and fills `r_iovec` with up to `max_iovecs` iovecs,
 * each owning one reference that the caller releases. A length up to the configured buffer size
 * takes exactly one iovec; a longer one takes whole buffers.
 *
 * `alignment` in bytes is 0 or a power of two and counts from the start of the buffer. `flags` is
 * 0 for memory of this thread, or EVPL_IOVEC_FLAG_SHARED. Owner thread of `evpl` only. Returns the
 * number of iovecs, 0 for length 0, or -1 if `max_iovecs` are not enough; nothing is owned then.
 */
int evpl_iovec_alloc(struct evpl *evpl,
                     unsigned int length,
                     unsigned int alignment,
                     unsigned int max_iovecs,
                     unsigned int flags,
                     struct evpl_iovec *r_iovec);

/**
 * Allocates one whole buffer, of the configured buffer size, that is owned instead of counted:
 * clones do not change its count and are not released with evpl_iovec_release. The owner frees it
 * by calling evpl_iovec_release on `r_iovec` exactly once. Once the library is initialised `evpl`
 * may be NULL and any thread may call this.
 */
void evpl_iovec_alloc_global(struct evpl *evpl, struct evpl_iovec *r_iovec);

/**
 * Like evpl_iovec_alloc without SHARED, but the memory is only lent until evpl_iovec_commit says
 * how much of it was used: reserving again without a commit returns the same memory. Length 0
 * gives one empty iovec. Each iovec owns a reference; the caller releases those it does not use.
 * Owner thread of `evpl` only. Returns the number of iovecs, or -1 if `max_iovecs` are not enough.
 */
int evpl_iovec_reserve(struct evpl *evpl,
                       unsigned int length,
                       unsigned int alignment,
                       unsigned int max_iovecs,
                       struct evpl_iovec *r_iovec);

/**
 * Ends a reservation: the first `niovs` iovecs, whose lengths the caller may have reduced, are
 * used, and the next allocation starts after them, rounded up to `alignment` bytes. They must be
 * those of the newest reservation, with no allocation in between. Owner thread of `evpl` only.
 */
void evpl_iovec_commit(struct evpl *evpl,
                       unsigned int alignment,
                       struct evpl_iovec *iovecs,
                       int niovs);

/**
 * The configured size in bytes of a slab, the block that buffers are cut from. Any thread;
 * initialises the library if needed.
 */
uint64_t evpl_get_slab_size(void);

/**
 * Lends a whole slab and returns its first byte. `*slab_private` receives an opaque handle. It is
 * the caller's until the process exits. Any thread; initialises the library if needed.
 */
void *evpl_slab_alloc(void **slab_private);

/**
 * Logs the call sites that hold buffers, under the heading `label`. Does nothing in a library that
 * was built without EVPL_IOVEC_PROFILE.
 */
void evpl_iovec_profile_dump(const char *label);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#ifdef EVPL_IOVEC_PROFILE
#ifdef __cplusplus
extern "C" {
#endif
uint32_t evpl_iovec_profile_capture(void);
void evpl_iovec_profile_ref(uint32_t site);
void evpl_iovec_profile_unref(uint32_t site);
#ifdef __cplusplus
}
#endif
#endif

/** Counts the iovec for the call site that took it. Does nothing without EVPL_IOVEC_PROFILE. */
static inline void
evpl_iovec_profile_assign(struct evpl_iovec *iovec)
{
#ifdef EVPL_IOVEC_PROFILE
    iovec->profile_site = evpl_iovec_profile_capture();
    evpl_iovec_profile_ref(iovec->profile_site);
#else
    (void) iovec;
#endif
}

/** Uncounts the iovec for its call site. Does nothing without EVPL_IOVEC_PROFILE. */
static inline void
evpl_iovec_profile_release(struct evpl_iovec *iovec)
{
#ifdef EVPL_IOVEC_PROFILE
    evpl_iovec_profile_unref(iovec->profile_site);
    iovec->profile_site = 0;
#else
    (void) iovec;
#endif
}

/** Hands the call site of `src` to `dst`. Does nothing without EVPL_IOVEC_PROFILE. */
static inline void
evpl_iovec_profile_move(struct evpl_iovec *dst, struct evpl_iovec *src)
{
#ifdef EVPL_IOVEC_PROFILE
    dst->profile_site = src->profile_site;
    src->profile_site = 0;
#else
    (void) dst;
    (void) src;
#endif
}

#ifdef EVPL_IOVEC_TRACE
#define EVPL_IOVEC_CANARY_LIVE 0xCAFEBABEU
#define EVPL_IOVEC_CANARY_DEAD 0xDEADBEEFU

static inline struct evpl_iovec_canary *
evpl_iovec_canary_check(const struct evpl_iovec *iovec)
{
    struct evpl_iovec_canary *canary = (struct evpl_iovec_canary *) (void *) iovec->ref;

    if (canary == NULL || canary->magic != EVPL_IOVEC_CANARY_LIVE || canary->owner != iovec) {
        evpl_abort("core", __FILE__, __LINE__, "iovec %p was copied by assignment or released twice",
                   (const void *) iovec);
    }
    return canary;
}

static inline void
evpl_iovec_canary_attach(struct evpl_iovec *iovec, struct evpl_iovec_ref *ref)
{
    struct evpl_iovec_canary *canary = (struct evpl_iovec_canary *) malloc(sizeof(*canary));

    if (canary == NULL) {
        evpl_abort("core", __FILE__, __LINE__, "out of memory for an iovec canary");
    }
    canary->magic    = EVPL_IOVEC_CANARY_LIVE;
    canary->real_ref = ref;
    canary->owner    = iovec;
    iovec->ref       = (struct evpl_iovec_ref *) (void *) canary;
}

static inline struct evpl_iovec_ref *
evpl_iovec_canary_detach(struct evpl_iovec *iovec)
{
    struct evpl_iovec_canary *canary = evpl_iovec_canary_check(iovec);
    struct evpl_iovec_ref *ref       = canary->real_ref;

    canary->magic = EVPL_IOVEC_CANARY_DEAD;
    iovec->ref    = NULL;
    free(canary);
    return ref;
}

static inline void
evpl_iovec_ref_check_thread(const struct evpl_iovec_ref *ref)
{
    if (!(ref->flags & EVPL_IOVEC_FLAG_SHARED) && !pthread_equal(ref->owner_thread, pthread_self())) {
        evpl_abort("core", __FILE__, __LINE__, "buffer %p is used outside its thread",
                   (const void *) ref);
    }
}
#endif

/** Takes one reference of a buffer. Does nothing for a GLOBAL one. */
static inline void
evpl_iovec_ref_incr(struct evpl_iovec_ref *ref)
{
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_ref_check_thread(ref);
#endif
    if (ref->flags & EVPL_IOVEC_FLAG_GLOBAL) {
        return;
    }
    if (ref->flags & EVPL_IOVEC_FLAG_SHARED) {
        __atomic_fetch_add(&ref->refcnt, 1U, __ATOMIC_RELAXED);
    } else {
        ref->refcnt++;
    }
}

/**
 * Gives back one reference of a buffer; the last one recycles it. Does nothing for a GLOBAL one.
 * `evpl` is the caller's own loop or NULL.
 */
static inline void
evpl_iovec_ref_release(struct evpl *evpl, struct evpl_iovec_ref *ref)
{
    unsigned int before;

#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_ref_check_thread(ref);
#endif
    if (ref->flags & EVPL_IOVEC_FLAG_GLOBAL) {
        return;
    }
    if (ref->flags & EVPL_IOVEC_FLAG_SHARED) {
        before = __atomic_fetch_sub(&ref->refcnt, 1U, __ATOMIC_RELEASE);
    } else {
        before = ref->refcnt--;
    }
    if (before == 1) {
        ref->release(evpl, ref);
    }
}

/** The count that the iovec refers to, borrowed. */
static inline struct evpl_iovec_ref *
evpl_iovec_get_ref(const struct evpl_iovec *iovec)
{
#ifdef EVPL_IOVEC_TRACE
    return evpl_iovec_canary_check(iovec)->real_ref;
#else
    return iovec->ref;
#endif
}

/** Makes the iovec the holder of a reference that the caller owns. The count does not change. */
static inline void
evpl_iovec_set_ref(struct evpl_iovec *iovec, struct evpl_iovec_ref *ref)
{
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_canary_attach(iovec, ref);
#else
    iovec->ref = ref;
#endif
    evpl_iovec_profile_assign(iovec);
}

/** Gives back the reference without clearing the iovec. Does nothing for a GLOBAL buffer. */
static inline void
evpl_iovec_release_internal(struct evpl *evpl, struct evpl_iovec *iovec)
{
    evpl_iovec_profile_release(iovec);
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_ref_release(evpl, evpl_iovec_canary_detach(iovec));
#else
    evpl_iovec_ref_release(evpl, iovec->ref);
#endif
}

/** evpl_iovec_release_internal for each of `niov` iovecs. */
static inline void
evpl_iovecs_release_internal(struct evpl *evpl, struct evpl_iovec *iov, int niov)
{
    int i;

    for (i = 0; i < niov; i++) {
        evpl_iovec_release_internal(evpl, &iov[i]);
    }
}

/**
 * Gives back the caller's reference. A buffer from evpl_iovec_alloc_global is freed by this call,
 * which its owner makes exactly once. `evpl` is the caller's own loop or NULL.
 */
static inline void
evpl_iovec_release(struct evpl *evpl, struct evpl_iovec *iovec)
{
    struct evpl_iovec_ref *ref = evpl_iovec_get_ref(iovec);

    if (!(ref->flags & EVPL_IOVEC_FLAG_GLOBAL)) {
        evpl_iovec_release_internal(evpl, iovec);
        return;
    }
    evpl_iovec_profile_release(iovec);
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_canary_detach(iovec);
#endif
    ref->refcnt = 0;
    ref->release(evpl, ref);
    iovec->data = NULL;
}

/** evpl_iovec_release for each of `niov` iovecs. */
static inline void
evpl_iovecs_release(struct evpl *evpl, struct evpl_iovec *iov, int niov)
{
    int i;

    for (i = 0; i < niov; i++) {
        evpl_iovec_release(evpl, &iov[i]);
    }
}

/** The first byte. */
static inline void *
evpl_iovec_data(const struct evpl_iovec *iovec)
{
    return iovec->data;
}

/** The length in bytes. */
static inline unsigned int
evpl_iovec_length(const struct evpl_iovec *iovec)
{
    return iovec->length;
}

/** Sets the length in bytes, which stays within what was allocated. */
static inline void
evpl_iovec_set_length(struct evpl_iovec *iovec, unsigned int length)
{
    iovec->length = length;
}

/** Takes a reference of `src` for `dst`, whose data and length stay as they are. */
static inline void
evpl_iovec_take_ref(struct evpl_iovec *dst, struct evpl_iovec_ref *src)
{
    evpl_iovec_ref_incr(src);
    evpl_iovec_set_ref(dst, src);
}

/**
 * Makes `dst` a new reference to `length` bytes of `src` from `offset` on. Aborts if they are not
 * within `src`. The caller releases `dst`.
 */
static inline void
evpl_iovec_clone_segment(struct evpl_iovec *dst, const struct evpl_iovec *src, unsigned int offset,
                         unsigned int length)
{
    evpl_iovec_take_ref(dst, evpl_iovec_get_ref(src));
    if (offset > src->length || length > src->length - offset) {
        evpl_abort("core", __FILE__, __LINE__, "clone of %u bytes at %u of an iovec of %u", length,
                   offset, src->length);
    }
    dst->data   = (char *) src->data + offset;
    dst->length = length;
}

/** Makes `dst` a new reference to all of `src`. The caller releases `dst`. */
static inline void
evpl_iovec_clone(struct evpl_iovec *dst, struct evpl_iovec *src)
{
    evpl_iovec_take_ref(dst, evpl_iovec_get_ref(src));
    dst->data   = src->data;
    dst->length = src->length;
}

/**
 * Moves the reference of `src` to `dst`, for `length` bytes from `offset` on. Aborts if they are
 * not within `src`. `src` is not to be released afterwards.
 */
static inline void
evpl_iovec_move_segment(struct evpl_iovec *dst, struct evpl_iovec *src, unsigned int offset,
                        unsigned int length)
{
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_canary_attach(dst, evpl_iovec_canary_detach(src));
#else
    dst->ref = src->ref;
#endif
    evpl_iovec_profile_move(dst, src);
    if (offset > src->length || length > src->length - offset) {
        evpl_abort("core", __FILE__, __LINE__, "move of %u bytes at %u of an iovec of %u", length,
                   offset, src->length);
    }
    dst->data   = (char *) src->data + offset;
    dst->length = length;
}

/** Moves `src` and its reference to `dst`, and sets the data of `src` to NULL. */
static inline void
evpl_iovec_move(struct evpl_iovec *dst, struct evpl_iovec *src)
{
    if (dst == NULL || src == NULL) {
        evpl_abort("core", __FILE__, __LINE__, "evpl_iovec_move: iovec is NULL");
    }
    *dst = *src;
#ifdef EVPL_IOVEC_TRACE
    evpl_iovec_canary_attach(dst, evpl_iovec_canary_detach(src));
#endif
    evpl_iovec_profile_move(dst, src);
    src->data = NULL;
}

#endif  /* EVPL_MEMORY_H */
