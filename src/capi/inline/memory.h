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
