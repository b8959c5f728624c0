/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Seeded choices, and payload bytes that a receiver can check by their position alone. */

#ifndef MODEL_PRNG_H
#define MODEL_PRNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct prng {
    uint64_t state;
};

static inline uint64_t
mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t
prng_next(struct prng *prng)
{
    prng->state += 0x9e3779b97f4a7c15ULL;
    return mix64(prng->state);
}

/** A number below `limit`. */
static inline uint64_t
prng_below(struct prng *prng, uint64_t limit)
{
    return prng_next(prng) % limit;
}

/** A number from `low` to `high`, both included. */
static inline uint64_t
prng_between(struct prng *prng, uint64_t low, uint64_t high)
{
    return low + prng_below(prng, high - low + 1);
}

/** The eight payload bytes at `block * 8` of the flow that `key` names. */
static inline uint64_t
payload_block(uint64_t key, uint64_t block)
{
    return mix64(key + block * 0x9e3779b97f4a7c15ULL);
}

static inline uint8_t
payload_byte(uint64_t key, uint64_t position)
{
    return (uint8_t) (payload_block(key, position / 8) >> (8 * (position % 8)));
}

/** Writes the payload of `key` from `position` on. */
static inline void
payload_fill(uint64_t key, uint64_t position, void *data, size_t length)
{
    uint8_t *out = data;

    while (length > 0 && position % 8 != 0) {
        *out++ = payload_byte(key, position++);
        length--;
    }
    for (; length >= 8; length -= 8, position += 8, out += 8) {
        uint64_t block = payload_block(key, position / 8);
        memcpy(out, &block, 8);
    }
    while (length > 0) {
        *out++ = payload_byte(key, position++);
        length--;
    }
}

/** The offset of the first byte that is not the payload of `key` from `position` on, or -1. */
static inline long
payload_check(uint64_t key, uint64_t position, const void *data, size_t length)
{
    const uint8_t *in = data;
    size_t i          = 0;

    while (i < length) {
        if ((position + i) % 8 == 0 && length - i >= 8) {
            uint64_t block = payload_block(key, (position + i) / 8);
            if (memcmp(in + i, &block, 8) == 0) {
                i += 8;
                continue;
            }
        }
        if (in[i] != payload_byte(key, position + i)) {
            return (long) i;
        }
        i++;
    }
    return -1;
}

#endif
