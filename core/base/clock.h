/* core/base/clock.h - the two clocks. Protocol cores get `now_us` as an argument instead.
 *
 * Thread: any.
 */
#ifndef BF_CORE_BASE_CLOCK_H
#define BF_CORE_BASE_CLOCK_H

#include <stdint.h>

#define BF_MS(n)  ((int64_t)(n)*1000)
#define BF_SEC(n) ((int64_t)(n)*1000000)

int64_t bf_clock_mono_us(void);	  /* CLOCK_MONOTONIC */
int64_t bf_clock_wall_us(void);	  /* CLOCK_REALTIME since 1970 */
int64_t bf_clock_thread_ns(void); /* CPU time of this thread */

/* RFC 3339 in UTC with microseconds, "2026-11-21T10:00:00.000000Z". */
#define BF_CLOCK_TEXT 28
const char *bf_clock_format(int64_t wall_us, char out[static BF_CLOCK_TEXT]);

/* Wall time as 64-bit NTP (RFC 5905 section 6: seconds since 1900, 32.32 fixed point). */
uint64_t bf_clock_ntp(int64_t wall_us);

#endif
