#include "core/base/clock.h"

#include <assert.h>
#include <time.h>

#define US_PER_SEC 1000000

/* What four digits of year can show: 0001-01-01T00:00:00 to 9999-12-31T23:59:59.999999. */
#define WALL_US_MIN (-62135596800 * US_PER_SEC)
#define WALL_US_MAX (253402300799 * US_PER_SEC + 999999)

/* Seconds from 1900, where NTP counts from, to 1970 (RFC 5905 figure 4). */
#define NTP_UNIX_SEC 2208988800

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	int err = clock_gettime(id, &ts);

	assert(err == 0); /* the three clocks asked for here always exist on Linux */
	(void)err;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t bf_clock_mono_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

int64_t bf_clock_wall_us(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000;
}

int64_t bf_clock_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Seconds rounded down, also before 1970, so that the rest is never negative. */
static int64_t floor_sec(int64_t us, int64_t *rest_us)
{
	int64_t sec = us / US_PER_SEC;

	*rest_us = us % US_PER_SEC;
	if (*rest_us < 0) {
		*rest_us += US_PER_SEC;
		sec--;
	}
	return sec;
}

static char *put_digits(char *at, int64_t value, int count, char after)
{
	for (int i = count - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	at[count] = after;
	return at + count + 1;
}

const char *bf_clock_format(int64_t wall_us, char out[static BF_CLOCK_TEXT])
{
	int64_t rest_us;
	time_t sec;
	struct tm tm;
	char *at = out;

	if (wall_us < WALL_US_MIN)
		wall_us = WALL_US_MIN;
	if (wall_us > WALL_US_MAX)
		wall_us = WALL_US_MAX;
	sec = (time_t)floor_sec(wall_us, &rest_us);
	gmtime_r(&sec, &tm); /* the range was just made sure of */
	at = put_digits(at, tm.tm_year + 1900, 4, '-');
	at = put_digits(at, tm.tm_mon + 1, 2, '-');
	at = put_digits(at, tm.tm_mday, 2, 'T');
	at = put_digits(at, tm.tm_hour, 2, ':');
	at = put_digits(at, tm.tm_min, 2, ':');
	at = put_digits(at, tm.tm_sec, 2, '.');
	at = put_digits(at, rest_us, 6, 'Z');
	*at = '\0';
	return out;
}

uint64_t bf_clock_ntp(int64_t wall_us)
{
	int64_t rest_us;
	int64_t sec = floor_sec(wall_us, &rest_us) + NTP_UNIX_SEC;

	/* The upper half wraps in 2036, as the format says. */
	return ((uint64_t)sec << 32) | (((uint64_t)rest_us << 32) / US_PER_SEC);
}
