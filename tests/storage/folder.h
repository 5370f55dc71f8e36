/* tests/storage/folder.h - a temporary folder for a test, and what is done to files in it. */
#ifndef BF_TESTS_STORAGE_FOLDER_H
#define BF_TESTS_STORAGE_FOLDER_H

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_TEXT 64

static inline void folder_make(char out[static FOLDER_TEXT])
{
	const char *base = getenv("TMPDIR");
	char *made;

	snprintf(out, FOLDER_TEXT, "%s/belfry-test-XXXXXX",
		base && strlen(base) < 32 ? base : "/tmp");
	made = mkdtemp(out);
	assert(made);
}

static inline int folder_remove_one(
	const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	return remove(path);
}

/* The folder and all that is in it. */
static inline void folder_remove(const char *path)
{
	(void)nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Names of files that end so, in order; returns how many. */
static inline size_t folder_list(
	const char *path, const char *suffix, char out[][FOLDER_TEXT], size_t count_max)
{
	struct dirent **entries;
	int found = scandir(path, &entries, NULL, alphasort);
	size_t count = 0;

	for (int i = 0; i < found; i++) {
		size_t len = strlen(entries[i]->d_name), suffix_len = strlen(suffix);

		if (len > suffix_len && count < count_max &&
			strcmp(entries[i]->d_name + len - suffix_len, suffix) == 0)
			snprintf(out[count++], FOLDER_TEXT, "%.60s", entries[i]->d_name);
		free(entries[i]);
	}
	if (found >= 0)
		free(entries);
	return count;
}

static inline uint8_t *file_read(const char *folder, const char *name, size_t *len)
{
	char path[256];
	struct stat info;
	uint8_t *data;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	assert(fd >= 0);
	fstat(fd, &info);
	*len = (size_t)info.st_size;
	data = malloc(*len + 1);
	assert(data);
	n = read(fd, data, *len);
	assert(n == (ssize_t)*len);
	close(fd);
	return data;
}

static inline void file_write(const char *folder, const char *name, const void *data, size_t len)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert(fd >= 0);
	n = write(fd, data, len);
	assert(n == (ssize_t)len);
	close(fd);
}

#endif
