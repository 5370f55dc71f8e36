#include "core/backup_schedule.h"

#include "core/base/clock.h"
#include "core/loop/ready.h"
#include "core/loop/timer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US	      BF_SEC(60)  /* between two looks at what is due */
#define RETRY_US      BF_SEC(600) /* after one that failed */
#define SAID_BYTES    1024
#define PRIORITY      10
#define CONF_FD	      3
#define VARIABLES_MAX 256

extern char **environ;

struct bf_backup_schedule {
	/* given */
	const struct bf_conf *conf;
	struct bf_log *log;
	struct bf_loop *loop;
	/* owned */
	struct bf_timer timer;
	struct bf_metric *good, *failed, *last;
	struct bf_ready *ready; /* of `said_fd`; NULL: none is being made */
	int said_fd;		/* what the process says; its end is the process's */
	/* state */
	pid_t pid;
	int64_t began_us;
	int64_t not_before_us;
	size_t said_len;
	char said[SAID_BYTES];
};

/* ---- the process ---- */

/* The configuration as a file without a name, secrets and all. */
static int conf_file(const struct bf_conf *conf)
{
	char *text = bf_conf_print(conf, true);
	int fd = text ? memfd_create("belfry-conf", MFD_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		close(fd);
		fd = -1;
	}
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return fd;
}

/* Of ours what is no setting: those are in the file already, and there the flags have been counted in. */
static void keep_variables(char *out[static VARIABLES_MAX])
{
	static const char *const kept[] = {"PATH=", "HOME=", "TMPDIR=", "TZ=", "LANG=", "LC_",
		"LD_", "PG", "ASAN_", "TSAN_", "UBSAN_"};
	size_t count = 0;

	for (char **at = environ; *at && count + 1 < VARIABLES_MAX; at++)
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			if (strncmp(*at, kept[i], strlen(kept[i])) == 0) {
				out[count++] = *at;
				break;
			}
	out[count] = NULL;
}

static int spawn(pid_t *pid, int conf_fd, int said_fd)
{
	static const char *const argv[] = {
		"belfry", "db", "backup", "--scheduled", "--config=/proc/self/fd/3", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	char *variables[VARIABLES_MAX];
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	keep_variables(variables);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	err = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, said_fd, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, said_fd, STDERR_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, conf_fd, CONF_FD);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!err)
		err = posix_spawn(pid, "/proc/self/exe", &actions, &attributes,
			(char *const *)(uintptr_t)argv, variables);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The last line that it said. */
static const char *last_line(struct bf_backup_schedule *schedule)
{
	char *line;

	while (schedule->said_len > 0 && schedule->said[schedule->said_len - 1] == '\n')
		schedule->said_len--;
	schedule->said[schedule->said_len] = '\0';
	line = strrchr(schedule->said, '\n');
	return line ? line + 1 : schedule->said;
}

static void finish(struct bf_backup_schedule *schedule)
{
	int status = 0;

	bf_ready_close(schedule->ready);
	schedule->ready = NULL;
	close(schedule->said_fd);
	while (waitpid(schedule->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		bf_metric_add(schedule->good, 1);
		bf_metric_set(schedule->last, bf_clock_wall_us() / 1000000);
		BF_LOG(schedule->log, BF_LOG_INFO, "backup made",
			BF_STR("what", last_line(schedule)),
			BF_INT("ms", (bf_clock_mono_us() - schedule->began_us) / 1000));
	} else {
		bf_metric_add(schedule->failed, 1);
		schedule->not_before_us = bf_clock_mono_us() + RETRY_US;
		BF_LOG(schedule->log, BF_LOG_ERROR, "backup failed",
			BF_STR("why", last_line(schedule)));
	}
}

static void on_said(void *arg)
{
	struct bf_backup_schedule *schedule = arg;
	ssize_t got;

	if (schedule->said_len == SAID_BYTES - 1) /* only the end counts */
		schedule->said_len = 0;
	got = read(schedule->said_fd, schedule->said + schedule->said_len,
		SAID_BYTES - 1 - schedule->said_len);
	if (got > 0)
		schedule->said_len += (size_t)got;
	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		bf_ready_want(schedule->ready, true, false);
	else
		finish(schedule);
}

static void on_writable(void *arg)
{
	(void)arg;
}

static void begin(struct bf_backup_schedule *schedule)
{
	int pipes[2] = {-1, -1}, conf_fd = conf_file(schedule->conf);
	int err = conf_fd < 0 || pipe2(pipes, O_CLOEXEC | O_NONBLOCK) ? -EMFILE : 0;

	schedule->said_len = 0;
	schedule->began_us = bf_clock_mono_us();
	if (!err)
		err = bf_ready_new(
			&schedule->ready, schedule->loop, pipes[0], on_said, on_writable, schedule);
	if (!err) {
		err = spawn(&schedule->pid, conf_fd, pipes[1]);
		if (err) {
			bf_ready_close(schedule->ready);
			schedule->ready = NULL;
		}
	}
	if (conf_fd >= 0)
		close(conf_fd);
	if (pipes[1] >= 0)
		close(pipes[1]);
	if (err) {
		if (pipes[0] >= 0)
			close(pipes[0]);
		schedule->not_before_us = bf_clock_mono_us() + RETRY_US;
		bf_metric_add(schedule->failed, 1);
		BF_LOG(schedule->log, BF_LOG_ERROR, "backup failed", BF_ERRNO("why", err));
		return;
	}
	(void)setpriority(PRIO_PROCESS, (id_t)schedule->pid, PRIORITY);
	schedule->said_fd = pipes[0];
	bf_ready_want(schedule->ready, true, false);
}

/* ---- when ---- */

/* When the newest in the folder was written, us of wall time; 0: there is none. */
static int64_t newest_us(const char *folder)
{
	DIR *dir = opendir(folder);
	int64_t newest = 0;

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		struct stat info;

		if (strncmp(entry->d_name, "belfry-", 7) == 0 &&
			fstatat(dirfd(dir), entry->d_name, &info, 0) == 0 &&
			BF_SEC(info.st_mtime) > newest)
			newest = BF_SEC(info.st_mtime);
	}
	if (dir)
		closedir(dir);
	return newest;
}

static void on_timer(void *arg)
{
	struct bf_backup_schedule *schedule = arg;
	int64_t now_us = bf_clock_mono_us();
	int64_t every_us = BF_SEC(3600) * (int64_t)schedule->conf->backup.every_hours;

	if (!schedule->ready && now_us >= schedule->not_before_us &&
		newest_us(schedule->conf->backup.folder) + every_us <= bf_clock_wall_us())
		begin(schedule);
	bf_timer_arm(&schedule->timer, now_us + LOOK_US);
}

/* ---- life ---- */

int bf_backup_schedule_new(struct bf_backup_schedule **out, const struct bf_conf *conf,
	struct bf_log *log, struct bf_metrics *metrics, struct bf_loop *loop)
{
	struct bf_backup_schedule *schedule = calloc(1, sizeof(*schedule));

	if (!schedule)
		return -ENOMEM;
	schedule->conf = conf;
	schedule->log = log;
	schedule->loop = loop;
	schedule->good = bf_metric_new(metrics, BF_METRIC_COUNTER, "belfry_backups_total",
		"result=\"good\"", "scheduled backups");
	schedule->failed = bf_metric_new(metrics, BF_METRIC_COUNTER, "belfry_backups_total",
		"result=\"failed\"", "scheduled backups");
	schedule->last = bf_metric_new(metrics, BF_METRIC_GAUGE, "belfry_backup_last_seconds", NULL,
		"when the last good backup of this process was made, seconds since 1970");
	if (!schedule->good || !schedule->failed || !schedule->last) {
		free(schedule);
		return -ENOMEM;
	}
	bf_timer_init(&schedule->timer, loop, on_timer, schedule);
	if (conf->backup.folder[0])
		bf_timer_arm(&schedule->timer, 0);
	*out = schedule;
	return 0;
}

void bf_backup_schedule_free(struct bf_backup_schedule *schedule)
{
	if (!schedule)
		return;
	bf_timer_disarm(&schedule->timer);
	if (schedule->ready) {
		(void)kill(schedule->pid, SIGTERM);
		bf_ready_close(schedule->ready);
		close(schedule->said_fd);
		while (waitpid(schedule->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(schedule);
}
