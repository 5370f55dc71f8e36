/* storage/blob/tree.h - files below one folder, which nothing leads out of.
 *
 * Every open goes through openat2 with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS and RESOLVE_NO_XDEV: whoever plants a
 * link inside gains nothing. A file is written under a name in `~new`, which no key can be, and moved to its own name when it is whole
 * and on disk. One process has the folder (flock), so what is in `~new` when it is opened belongs to nobody.
 * Owner:   folder.c.   Thread: one. These calls wait for the disk.
 * Modes:   0700 folders, 0600 files.
 * Source:  openat2(2), Linux 5.6.
 */
#ifndef BF_STORAGE_BLOB_TREE_H
#define BF_STORAGE_BLOB_TREE_H

#include "storage/blob/blob.h"

#include <sys/stat.h>

#define BF_BLOB_TREE_NEW  "~new"
#define BF_BLOB_NEW_BYTES 24

struct bf_blob_tree {
	int fd;
	int new_fd;
	unsigned removed_count; /* of what was left in ~new, at the opening */
};

/* -EBUSY: another process has it; -ENOSYS; or as the kernel says. `why` names the cause. */
int bf_blob_tree_open(struct bf_blob_tree *tree, const char *folder, char *why, size_t why_size);
void bf_blob_tree_close(struct bf_blob_tree *tree);

/* A file to read; -ENOENT also where the key leads to a folder or to anything else that is no file. -ELOOP, -EXDEV: a link, or
 * another disk, is in the way. */
int bf_blob_tree_read(const struct bf_blob_tree *tree, const char *key, int *fd, struct stat *info);

/* An empty file in ~new. */
int bf_blob_tree_create(
	const struct bf_blob_tree *tree, char name[static BF_BLOB_NEW_BYTES], int *fd);

/* Puts that file in the key's place, on disk, with the folders that lead there. After an error it is still in ~new, or, if only the last
 * fsync failed, in its place. */
int bf_blob_tree_commit(const struct bf_blob_tree *tree, const char *name, int fd, const char *key);

/* Removes it from ~new. */
void bf_blob_tree_drop(const struct bf_blob_tree *tree, const char *name);

/* Removes the key's file, and the folders that are empty without it. -ENOENT. */
int bf_blob_tree_remove(const struct bf_blob_tree *tree, const char *key);

/* A folder to look into; "" is the tree's own. */
int bf_blob_tree_folder(int above_fd, const char *name, int *fd);

struct bf_blob_walk {
	const char *prefix, *after;
	/* A file's key, in order. Not 0: enough. */
	int (*on_key)(void *arg, const char *key, const struct stat *info);
	void *arg;
};

/* All keys that begin so and come after that, in the order of their bytes. What is no key of ours is passed over. Returns what on_key
 * returned, or a negative errno. */
int bf_blob_tree_walk(const struct bf_blob_tree *tree, const struct bf_blob_walk *walk);

#endif
