// Tells ThreadSanitizer what the locks of the Rust standard library order, which is not
// instrumented. The linker sends the calls from the library to these; scripts/test-tsan.sh knows
// the names. A lock taken without contention needs none of this: that code is inlined into ours.

#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

void REAL_MUTEX_LOCK(void *mutex);
void REAL_RWLOCK_READ(void *lock);
void REAL_RWLOCK_WRITE(void *lock);
void REAL_CONDVAR_WAIT(void *condvar, void *mutex);
int REAL_CONDVAR_WAIT_TIMEOUT(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds);
void REAL_ONCE_CALL(void *once, int ignore_poisoning, void *closure, void *vtable, void *location);

void MUTEX_LOCK(void *mutex)
{
    REAL_MUTEX_LOCK(mutex);
    __tsan_acquire(mutex);
}

void RWLOCK_READ(void *lock)
{
    REAL_RWLOCK_READ(lock);
    __tsan_acquire(lock);
}

void RWLOCK_WRITE(void *lock)
{
    REAL_RWLOCK_WRITE(lock);
    __tsan_acquire(lock);
}

void CONDVAR_WAIT(void *condvar, void *mutex)
{
    __tsan_release(mutex);
    REAL_CONDVAR_WAIT(condvar, mutex);
    __tsan_acquire(mutex);
}

int CONDVAR_WAIT_TIMEOUT(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds)
{
    int signalled;

    __tsan_release(mutex);
    signalled = REAL_CONDVAR_WAIT_TIMEOUT(condvar, mutex, seconds, nanoseconds);
    __tsan_acquire(mutex);
    return signalled;
}

void ONCE_CALL(void *once, int ignore_poisoning, void *closure, void *vtable, void *location)
{
    REAL_ONCE_CALL(once, ignore_poisoning, closure, vtable, location);
    __tsan_release(once);
    __tsan_acquire(once);
}
