#include "storage/blob/tree.h"

#include "core/base/rand.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AGAIN_MAX 16 /* times that others' renames may get in the way of one open */

/* ---- opening ---- */

/* glibc has no openat2. */
static int open_below(int folder_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	for (int i = 0; i < AGAIN_MAX; i++) {
		long fd = syscall(SYS_openat2, folder_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

static int sync_fd(int fd)
{
	int result;

	do
		result = fsync(fd);
	while (result && errno == EINTR);
	return result ? -errno : 0;
}

int bf_blob_tree_folder(int above_fd, const char *name, int *fd)
{
	*fd = open_below(above_fd, name[0] ? name : ".", O_RDONLY | O_DIRECTORY, 0);
	return *fd < 0 ? *fd : 0;
}

/* The same, made if it is not there. */
static int make_folder(int above_fd, const char *name, int *fd)
{
	int err = bf_blob_tree_folder(above_fd, name, fd);

	if (err != -ENOENT)
		return err;
	if (mkdirat(above_fd, name, 0700) && errno != EEXIST)
		return -errno;
	err = sync_fd(above_fd);
	if (err)
		(void)unlinkat(above_fd, name, AT_REMOVEDIR); /* so that the next one tries again */
	return err ? err : bf_blob_tree_folder(above_fd, name, fd);
}

/* What puts have left that a crash broke off. */
static int clean_new(struct bf_blob_tree *tree)
{
	int fd, err = bf_blob_tree_folder(tree->fd, BF_BLOB_TREE_NEW, &fd);
	struct dirent *entry;
	DIR *dir;

	if (err)
		return err;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(fd, entry->d_name, 0))
			err = -errno;
		else
			tree->removed_count++;
	}
	closedir(dir);
	return err;
}

static int open_root(struct bf_blob_tree *tree, const char *folder, char *why, size_t why_size)
{
	int err;

	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	tree->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->fd < 0)
		return -errno;
	if (flock(tree->fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (err == -EBUSY)
			snprintf(why, why_size, "%s: another process uses this folder", folder);
		return err;
	}
	err = make_folder(tree->fd, BF_BLOB_TREE_NEW, &tree->new_fd);
	if (err == -ENOSYS)
		snprintf(why, why_size, "%s: this kernel has no openat2 (Linux 5.6 or newer)",
			folder);
	return err ? err : clean_new(tree);
}

int bf_blob_tree_open(struct bf_blob_tree *tree, const char *folder, char *why, size_t why_size)
{
	int err;

	*tree = (struct bf_blob_tree){.fd = -1, .new_fd = -1};
	why[0] = '\0';
	err = open_root(tree, folder, why, why_size);
	if (!err)
		return 0;
	if (!why[0])
		snprintf(why, why_size, "%s: %s", folder, strerrordesc_np(-err));
	bf_blob_tree_close(tree);
	return err;
}

void bf_blob_tree_close(struct bf_blob_tree *tree)
{
	if (tree->new_fd >= 0)
		close(tree->new_fd);
	if (tree->fd >= 0)
		close(tree->fd);
	tree->fd = tree->new_fd = -1;
}

int bf_blob_tree_read(const struct bf_blob_tree *tree, const char *key, int *fd, struct stat *info)
{
	int opened = open_below(tree->fd, key, O_RDONLY, 0);
	int err = 0;

	if (opened < 0)
		return opened == -ENOTDIR || opened == -ENXIO ? -ENOENT : opened;
	if (fstat(opened, info))
		err = -errno;
	else if (!S_ISREG(info->st_mode))
		err = -ENOENT;
	if (err)
		close(opened);
	else
		*fd = opened;
	return err;
}

/* ---- writing ---- */

int bf_blob_tree_create(
	const struct bf_blob_tree *tree, char name[static BF_BLOB_NEW_BYTES], int *fd)
{
	snprintf(name, BF_BLOB_NEW_BYTES, "%016" PRIx64, bf_rand_u64());
	*fd = open_below(tree->new_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	return *fd < 0 ? *fd : 0;
}

void bf_blob_tree_drop(const struct bf_blob_tree *tree, const char *name)
{
	(void)unlinkat(tree->new_fd, name, 0); /* what is left goes at the next start */
}

/* The folder that the key's file lies in, made if need be, and the rest of the key. */
static int make_way(const struct bf_blob_tree *tree, const char *key, int *fd, const char **last)
{
	char segment[BF_BLOB_SEGMENT_MAX + 1];
	int err = bf_blob_tree_folder(tree->fd, "", fd);
	size_t len;

	for (; !err && key[len = strcspn(key, "/")]; key += len + 1) {
		int above_fd = *fd;

		snprintf(segment, sizeof(segment), "%.*s", (int)len, key);
		err = make_folder(above_fd, segment, fd);
		close(above_fd);
	}
	*last = key;
	return err;
}

int bf_blob_tree_commit(const struct bf_blob_tree *tree, const char *name, int fd, const char *key)
{
	int folder_fd, err = sync_fd(fd);
	const char *last;

	if (err)
		return err;
	err = make_way(tree, key, &folder_fd, &last);
	if (err)
		return err;
	if (renameat2(tree->new_fd, name, folder_fd, last, 0))
		err = -errno;
	if (!err)
		err = sync_fd(folder_fd);
	close(folder_fd);
	return err;
}

/* The folder above `key`, whose length it cuts there; "" is the root. */
static void cut_last(char *key)
{
	char *slash = strrchr(key, '/');

	*(slash ? slash : key) = '\0';
}

/* One step up at a time, as long as they are empty. It may fail: then they stay, and do no harm. */
static void remove_folders(const struct bf_blob_tree *tree, char *path)
{
	while (path[0]) {
		char above[BF_BLOB_KEY_MAX + 1];
		const char *last = strrchr(path, '/');
		int fd, result;

		snprintf(above, sizeof(above), "%s", path);
		cut_last(above);
		if (bf_blob_tree_folder(tree->fd, above, &fd))
			return;
		result = unlinkat(fd, last ? last + 1 : path, AT_REMOVEDIR);
		close(fd);
		if (result)
			return;
		cut_last(path);
	}
}

int bf_blob_tree_remove(const struct bf_blob_tree *tree, const char *key)
{
	char path[BF_BLOB_KEY_MAX + 1];
	const char *last = strrchr(key, '/');
	int fd, err;

	last = last ? last + 1 : key;
	snprintf(path, sizeof(path), "%s", key);
	cut_last(path);
	err = bf_blob_tree_folder(tree->fd, path, &fd);
	if (err)
		return err == -ENOTDIR ? -ENOENT : err;
	/* a link itself, never what it points at */
	if (unlinkat(fd, last, 0))
		err = errno == EISDIR ? -ENOENT : -errno;
	if (!err)
		err = sync_fd(fd);
	close(fd);
	if (!err)
		remove_folders(tree, path);
	return err;
}
