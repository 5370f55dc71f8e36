#include "core/db_backup.h"

#include "core/base/clock.h"
#include "core/seal/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEALED_SUFFIX ".sealed"
#define PREFIX	      "belfry-"

static int fail(struct bf_backup *backup, const char *path, int err)
{
	snprintf(backup->why, backup->why_size, "%s: %s", path,
		err == -EBADMSG ? "it is damaged, or sealed with another key" : strerror(-err));
	return err;
}

static void on_progress(void *arg, int left, int count)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%3d %%%s", count > 0 ? (count - left) * 100 / count : 100,
			left > 0 ? "" : "\n");
}

/* ---- sealing ---- */

typedef int turn(int to, int from, const uint8_t *key);

/* Makes `to_path`, 0600, of `from_path`. */
static int turn_file(
	struct bf_backup *backup, turn *turns, const char *to_path, const char *from_path)
{
	uint8_t key[BF_SEAL_KEY_BYTES];
	int from = -1, to = -1;
	int err =
		bf_seal_key_read(key, backup->conf->backup.key_file, backup->why, backup->why_size);

	if (err)
		return err;
	from = open(from_path, O_RDONLY | O_CLOEXEC);
	if (from < 0) {
		err = fail(backup, from_path, -errno);
	} else {
		to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (to < 0)
			err = fail(backup, to_path, -errno);
	}
	if (!err) {
		err = turns(to, from, key);
		if (!err && fsync(to))
			err = -errno;
		if (err)
			(void)fail(backup, err == -EBADMSG ? from_path : to_path, err);
	}
	explicit_bzero(key, sizeof(key));
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	if (err && to >= 0)
		(void)unlink(to_path);
	return err;
}

/* A name beside `path` that is in nobody's way. */
static void name_plain(char out[static PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%.4000s.plain-%ld", path, (long)getpid());
}

int bf_backup_make(struct bf_backup *backup, const char *path)
{
	char plain[PATH_MAX];
	int err;

	if (!backup->conf->backup.key_file[0])
		return backup->ops->backup(
			backup->admin, path, on_progress, NULL, backup->why, backup->why_size);
	if (access(path, F_OK) == 0)
		return fail(backup, path, -EEXIST);
	name_plain(plain, path);
	err = backup->ops->backup(
		backup->admin, plain, on_progress, NULL, backup->why, backup->why_size);
	if (err)
		return err;
	err = turn_file(backup, bf_seal_write, path, plain);
	(void)unlink(plain);
	return err;
}

/* What to read: `path` itself, or, where it is sealed, an opened copy beside the database, which *is_copy says is to be removed. */
static int open_seal(
	struct bf_backup *backup, const char *path, char out[static PATH_MAX], bool *is_copy)
{
	char place[PATH_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), sealed, err;

	*is_copy = false;
	if (fd < 0)
		return fail(backup, path, -errno);
	sealed = bf_seal_is_sealed(fd);
	close(fd);
	snprintf(out, PATH_MAX, "%s", path);
	if (sealed <= 0)
		return sealed ? fail(backup, path, sealed) : 0;
	if (!backup->conf->backup.key_file[0]) {
		snprintf(backup->why, backup->why_size,
			"%s is sealed: backup.key_file must name the file of its key", path);
		return -EINVAL;
	}
	(void)mkdir(backup->conf->storage.folder, 0700);
	snprintf(place, sizeof(place), "%.4000s/opened", backup->conf->storage.folder);
	name_plain(out, place);
	err = turn_file(backup, bf_seal_read, out, path);
	*is_copy = err == 0;
	return err;
}

int bf_backup_verify(
	struct bf_backup *backup, const char *path, bf_backup_on_line *on_line, void *arg)
{
	char plain[PATH_MAX];
	bool is_copy;
	int err = open_seal(backup, path, plain, &is_copy);

	if (!err)
		err = backup->ops->verify(
			backup->admin, plain, on_line, arg, backup->why, backup->why_size);
	if (is_copy)
		(void)unlink(plain);
	return err;
}

int bf_backup_restore(struct bf_backup *backup, const char *path)
{
	char plain[PATH_MAX];
	bool is_copy;
	int err = open_seal(backup, path, plain, &is_copy);

	if (!err)
		err = backup->ops->restore(
			backup->admin, plain, on_progress, NULL, backup->why, backup->why_size);
	if (is_copy)
		(void)unlink(plain);
	return err;
}

/* ---- by schedule ---- */

static int is_ours(const struct dirent *entry)
{
	return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
	       !strstr(entry->d_name, ".plain-");
}

/* The names begin with the time, so that the oldest come first. */
static int remove_old(struct bf_backup *backup)
{
	const char *folder = backup->conf->backup.folder;
	struct dirent **entries;
	int count = scandir(folder, &entries, is_ours, alphasort), err = 0;

	if (count < 0)
		return fail(backup, folder, -errno);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (i + (int)backup->conf->backup.keep < count && unlink(path) && !err)
			err = fail(backup, path, -errno);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static void ignore_line(void *arg, const char *what, const char *said)
{
	(void)arg;
	(void)what;
	(void)said;
}

int bf_backup_scheduled(struct bf_backup *backup, int64_t wall_us)
{
	const char *folder = backup->conf->backup.folder;
	char path[PATH_MAX], stamp[32];
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm utc;
	int err;

	if (!folder[0]) {
		snprintf(backup->why, backup->why_size, "backup.folder is not set");
		return -EINVAL;
	}
	if (mkdir(folder, 0700) && errno != EEXIST)
		return fail(backup, folder, -errno);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &utc));
	snprintf(path, sizeof(path), "%s/" PREFIX "%s%s%s", folder, stamp,
		backup->ops->backup_suffix, backup->conf->backup.key_file[0] ? SEALED_SUFFIX : "");
	err = bf_backup_make(backup, path);
	if (!err)
		err = bf_backup_verify(backup, path, ignore_line, NULL);
	if (err < 0)
		return err;
	printf("%s: written and %s.\n", path,
		err == 0 ? "restored to try it"
			 : "its directory read; no database could be made to restore it into");
	return remove_old(backup);
}
