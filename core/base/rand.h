/* core/base/rand.h - random bytes from the kernel, and a seeded generator for tests and jitter.
 *
 * Thread: bf_rand_* any; a struct bf_prng one.
 */
#ifndef BF_CORE_BASE_RAND_H
#define BF_CORE_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* getrandom(2); the process ends if the kernel has no entropy source. */
void bf_rand_bytes(void *out, size_t len);
uint32_t bf_rand_u32(void);
uint64_t bf_rand_u64(void);

/* xoshiro256**: repeatable, not for secrets. */
struct bf_prng {
	uint64_t s[4];
};
void bf_prng_init(struct bf_prng *prng, uint64_t seed);
uint64_t bf_prng_next(struct bf_prng *prng);

/* 0 .. bound-1 */
uint32_t bf_prng_below(struct bf_prng *prng, uint32_t bound);

#endif
