#include "scripts/bench/server.h"

#include "scripts/bench/loop.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 64

static int64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time) < 0)
		return 0;
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t bench_own_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The number behind `key` at the start of a line; 0 when there is none. */
static int64_t read_key(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int64_t value = 0;
	size_t len = strlen(key);

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, len) == 0) {
			value = strtoll(line + len, NULL, 10);
			break;
		}
	if (file)
		fclose(file);
	return value;
}

static void read_text(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	if (file && fgets(out, (int)size, file))
		out[strcspn(out, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* "running waiting timeslices", in nanoseconds. */
static int64_t read_schedstat(const char *path, int64_t *wait_ns)
{
	char text[128], *end;
	int64_t cpu_ns;

	read_text(path, text, sizeof(text));
	cpu_ns = strtoll(text, &end, 10);
	*wait_ns = strtoll(end, NULL, 10);
	return cpu_ns;
}

int64_t bench_own_wait_ns(void)
{
	int64_t wait_ns;

	(void)read_schedstat("/proc/self/schedstat", &wait_ns);
	return wait_ns;
}

static void read_thread(struct bench_server *out, pid_t pid, const char *tid)
{
	char path[PATH_BYTES];
	int64_t cpu_ns, wait_ns;
	struct bench_thread *thread = &out->threads[out->thread_count];

	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/status", (int)pid, tid);
	out->switches_waiting += read_key(path, "voluntary_ctxt_switches:");
	out->switches_forced += read_key(path, "nonvoluntary_ctxt_switches:");
	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/schedstat", (int)pid, tid);
	cpu_ns = read_schedstat(path, &wait_ns);
	out->wait_ns += wait_ns;
	if (out->thread_count == BENCH_THREADS)
		return;
	thread->tid = (pid_t)strtol(tid, NULL, 10);
	thread->cpu_ns = cpu_ns;
	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/comm", (int)pid, tid);
	read_text(path, thread->name, sizeof(thread->name));
	out->thread_count++;
}

/* -1: none, or several. */
static int only_core(pid_t pid)
{
	cpu_set_t set;

	if (sched_getaffinity(pid, sizeof(set), &set) < 0 || CPU_COUNT(&set) != 1)
		return -1;
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			return (int)i;
	return -1;
}

/* "cpu1 user nice system idle iowait irq softirq steal ...", in ticks. */
static void read_core(struct bench_server *out, pid_t pid)
{
	const int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
	long long user, nice, system, idle, iowait, irq, softirq, steal;
	FILE *file = fopen("/proc/stat", "re");
	char line[512], name[16];
	int core = only_core(pid);

	snprintf(name, sizeof(name), "cpu%d ", core);
	while (core >= 0 && file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0 ||
			sscanf(line + strlen(name), "%lld %lld %lld %lld %lld %lld %lld %lld",
				&user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 8)
			continue;
		out->has_core = true;
		out->core_busy_ns = (user + nice + system + irq + softirq) * tick_ns;
		out->core_stolen_ns = steal * tick_ns;
	}
	if (file)
		fclose(file);
}

void bench_server_read(struct bench_server *out, pid_t pid)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	clockid_t clock;
	DIR *dir;

	memset(out, 0, sizeof(*out));
	out->at_ns = bench_now_ns();
	if (pid == 0)
		return;
	if (clock_getcpuclockid(pid, &clock) == 0)
		out->cpu_ns = clock_ns(clock);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	read_core(out, pid);
	out->rss_bytes = read_key(path, "Rss:") * 1024;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			read_thread(out, pid, entry->d_name);
	if (dir)
		closedir(dir);
}

void bench_machine_read(struct bench_machine *out)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	struct utsname name;
	char line[512];

	memset(out, 0, sizeof(*out));
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			snprintf(out->cpu, sizeof(out->cpu), "%.90s", strchr(line, ':') + 2);
			out->cpu[strcspn(out->cpu, "\n")] = '\0';
			break;
		}
	if (file)
		fclose(file);
	if (uname(&name) == 0)
		snprintf(out->kernel, sizeof(out->kernel), "%.10s %.64s", name.sysname,
			name.release);
	out->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}
