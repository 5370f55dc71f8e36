#include "storage/blob/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder's names in the order of the keys: a folder sorts as if a slash stood behind its name. */
struct names {
	char **texts;
	size_t count, size;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->texts[i]);
	free(names->texts);
}

/* With its slash, if it is a folder. */
static int names_add(struct names *names, const char *name, bool is_folder)
{
	char *text;

	if (names->count == names->size) {
		size_t size = names->size ? 2 * names->size : 64;
		char **grown = realloc(names->texts, size * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		names->texts = grown;
		names->size = size;
	}
	text = malloc(strlen(name) + 2);
	if (!text)
		return -ENOMEM;
	snprintf(text, strlen(name) + 2, "%s%s", name, is_folder ? "/" : "");
	names->texts[names->count++] = text;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 0: no key of ours; else 'f'ile or 'd'irectory. */
static char kind_of(int fd, const struct dirent *entry)
{
	struct stat info;

	if (!bf_blob_key_is_valid(entry->d_name))
		return 0;
	if (entry->d_type == DT_REG)
		return 'f';
	if (entry->d_type == DT_DIR)
		return 'd';
	if (entry->d_type != DT_UNKNOWN || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW))
		return 0;
	return S_ISREG(info.st_mode) ? 'f' : S_ISDIR(info.st_mode) ? 'd' : 0;
}

static int names_read(struct names *names, int folder_fd)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (entry = readdir(dir))) {
		char kind = kind_of(fd, entry);

		if (kind)
			err = names_add(names, entry->d_name, kind == 'd');
	}
	closedir(dir);
	if (names->count > 0)
		qsort(names->texts, names->count, sizeof(*names->texts), compare);
	return err;
}

/* Whether keys that begin with `path`, which ends with a slash, can be asked for. */
static bool may_hold(const struct bf_blob_walk *walk, const char *path, size_t len)
{
	size_t prefix_len = strlen(walk->prefix);
	size_t common = len < prefix_len ? len : prefix_len;

	return memcmp(path, walk->prefix, common) == 0 && strncmp(path, walk->after, len) >= 0;
}

static bool is_asked_for(const struct bf_blob_walk *walk, const char *key)
{
	return strncmp(key, walk->prefix, strlen(walk->prefix)) == 0 &&
	       strcmp(key, walk->after) > 0;
}

static int walk_folder(
	const struct bf_blob_walk *walk, int fd, char path[static BF_BLOB_KEY_MAX + 2], size_t len);

static int walk_name(const struct bf_blob_walk *walk, int fd, const char *name,
	char path[static BF_BLOB_KEY_MAX + 2], size_t len)
{
	size_t name_len = strlen(name);
	struct stat info;
	int result, below_fd;

	memcpy(path + len, name, name_len + 1);
	if (name[name_len - 1] != '/') {
		if (!is_asked_for(walk, path) || fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) ||
			!S_ISREG(info.st_mode))
			return 0;
		return walk->on_key(walk->arg, path, &info);
	}
	if (!may_hold(walk, path, len + name_len) || bf_blob_tree_folder(fd, name, &below_fd))
		return 0; /* a folder that cannot be looked into holds nothing that can be had */
	result = walk_folder(walk, below_fd, path, len + name_len);
	close(below_fd);
	return result;
}

/* As deep as a key has segments: 256 at most. */
static int walk_folder(
	const struct bf_blob_walk *walk, int fd, char path[static BF_BLOB_KEY_MAX + 2], size_t len)
{
	struct names names = {0};
	int result = names_read(&names, fd);

	for (size_t i = 0; i < names.count && !result; i++)
		if (len + strlen(names.texts[i]) <= BF_BLOB_KEY_MAX)
			result = walk_name(walk, fd, names.texts[i], path, len);
	names_free(&names);
	return result;
}

int bf_blob_tree_walk(const struct bf_blob_tree *tree, const struct bf_blob_walk *walk)
{
	char path[BF_BLOB_KEY_MAX + 2] = "";

	return walk_folder(walk, tree->fd, path, 0);
}
