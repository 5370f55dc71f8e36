/* scripts/bench/server.h - what the kernel says of a process: CPU time, memory, switches; and of this machine.
 *
 * Owner:   values.   Thread: any.   Source: proc(5), clock_getcpuclockid(3).
 */
#ifndef BF_BENCH_SERVER_H
#define BF_BENCH_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_THREADS	  32
#define BENCH_THREAD_NAME 16

struct bench_thread {
	pid_t tid;
	char name[BENCH_THREAD_NAME];
	int64_t cpu_ns;
};

struct bench_server {
	int64_t at_ns;	 /* CLOCK_MONOTONIC */
	int64_t cpu_ns;	 /* of all threads, also of those that have ended */
	int64_t wait_ns; /* its threads were ready, but their core was not free */
	int64_t rss_bytes;
	int64_t switches_waiting, switches_forced; /* it gave the core up; it was taken from it */
	/* When it may run on one core only, as measured servers do: what that core did for anybody. By the kernel's ticks, so
	 * good for percents of seconds. */
	bool has_core;
	int64_t core_busy_ns, core_stolen_ns; /* stolen: the host let another guest run */
	struct bench_thread threads[BENCH_THREADS];
	size_t thread_count;
};

/* What cannot be read is 0. */
void bench_server_read(struct bench_server *out, pid_t pid);

/* CPU time of this process, and how long it waited for its core. */
int64_t bench_own_cpu_ns(void);
int64_t bench_own_wait_ns(void);

struct bench_machine {
	char cpu[96];
	char kernel[80];
	unsigned cores;
};
void bench_machine_read(struct bench_machine *out);

#endif
