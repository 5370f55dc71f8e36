#include "storage/blob/blob_priv.h"
#include "storage/blob/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blobs as files. Everything here waits for the disk, on the store's own thread. */

#define PATH_BYTES 4096

struct blob_engine {
	/* owned */
	struct bf_blob_tree tree;
	uint8_t chunk[BF_BLOB_CHUNK_BYTES];
};

/* A put or a get on its way. */
struct file_job {
	struct blob_engine *engine;
	int fd;
	char name[BF_BLOB_NEW_BYTES]; /* put: in ~new */
	uint64_t at, left;	      /* get */
};

/* ---- what errors mean ---- */

static enum bf_blob_status status_of(int err)
{
	switch (-err) {
	case ENOENT:
	case ENAMETOOLONG:
		return BF_BLOB_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP: /* a link where a folder or a file of ours should be */
	case EXDEV: /* another disk, or a way out */
		return BF_BLOB_DENIED;
	case ENOSPC:
	case EDQUOT:
		return BF_BLOB_FULL;
	case EFBIG:
		return BF_BLOB_TOO_LARGE;
	case ENOTDIR:
	case EISDIR:
	case ENOTEMPTY:
		return BF_BLOB_INVALID; /* another key begins with this one, or this one with another */
	default:
		return BF_BLOB_FAILED;
	}
}

static void end_job(struct blob_job *job, int err)
{
	struct file_job *file = job->engine_job;

	if (file) {
		close(file->fd);
		if (file->name[0])
			bf_blob_tree_drop(&file->engine->tree, file->name);
		free(file);
		job->engine_job = NULL;
	}
	if (err)
		blob_job_end(job, status_of(err), strerrordesc_np(-err));
	else
		blob_job_end(job, BF_BLOB_OK, "");
}

static void on_cancel(struct blob_job *job)
{
	struct file_job *file = job->engine_job;

	if (!file)
		return;
	close(file->fd);
	if (file->name[0])
		bf_blob_tree_drop(&file->engine->tree, file->name);
	free(file);
	job->engine_job = NULL;
}

static int64_t modified_us(const struct stat *info)
{
	return (int64_t)info->st_mtim.tv_sec * 1000000 + info->st_mtim.tv_nsec / 1000;
}

/* ---- put ---- */

static void begin_put(struct blob_engine *engine, struct blob_job *job)
{
	struct file_job *file = calloc(1, sizeof(*file));
	int err;

	if (!file) {
		end_job(job, -ENOMEM);
		return;
	}
	file->engine = engine;
	err = bf_blob_tree_create(&engine->tree, file->name, &file->fd);
	if (err) {
		free(file);
		end_job(job, err);
		return;
	}
	job->engine_job = file;
	(void)blob_job_want(job, BF_BLOB_CREDIT);
}

static int write_all(int fd, struct bf_bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes.data += n;
		bytes.len -= (size_t)n;
	}
	return 0;
}

static void on_chunk(struct blob_job *job, struct bf_bytes bytes, bool is_last)
{
	struct file_job *file = job->engine_job;
	int err = write_all(file->fd, bytes);

	if (!err && !is_last) {
		(void)blob_job_want(job, 1);
		return;
	}
	if (!err) {
		err = bf_blob_tree_commit(&file->engine->tree, file->name, file->fd, job->ask->key);
		if (!err)
			file->name[0] = '\0'; /* it has another by now */
	}
	end_job(job, err);
}

/* ---- get and stat ---- */

/* Cuts the range to what there is. -ERANGE: it begins behind the end. */
static int cut_range(struct bf_blob_range *range, uint64_t size)
{
	if (range->from > size || (range->from == size && size > 0))
		return -ERANGE;
	if (range->len > size - range->from)
		range->len = size - range->from;
	return 0;
}

static void send_data(struct blob_job *job)
{
	struct file_job *file = job->engine_job;
	struct blob_engine *engine = file->engine;
	int err = 0;

	while (job->credit > 0 && file->left > 0 && !err) {
		size_t len =
			file->left < BF_BLOB_CHUNK_BYTES ? (size_t)file->left : BF_BLOB_CHUNK_BYTES;
		ssize_t n = pread(file->fd, engine->chunk, len, (off_t)file->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* nobody but us makes it shorter */
			err = n < 0 ? -errno : -EIO;
			break;
		}
		file->at += (uint64_t)n;
		file->left -= (uint64_t)n;
		err = blob_job_data(job, bf_bytes(engine->chunk, (size_t)n));
	}
	if (err || file->left == 0)
		end_job(job, err);
}

static void begin_get(struct blob_engine *engine, struct blob_job *job)
{
	struct bf_blob_range range = job->ask->range;
	struct file_job *file;
	struct stat info;
	int fd, err = bf_blob_tree_read(&engine->tree, job->ask->key, &fd, &info);

	if (err) {
		end_job(job, err);
		return;
	}
	job->modified_us = modified_us(&info);
	job->size_bytes = (uint64_t)info.st_size;
	if (cut_range(&range, job->size_bytes)) {
		close(fd);
		blob_job_end(job, BF_BLOB_INVALID, "the range begins behind the blob's end");
		return;
	}
	file = calloc(1, sizeof(*file));
	if (!file) {
		close(fd);
		end_job(job, -ENOMEM);
		return;
	}
	*file = (struct file_job){.engine = engine, .fd = fd, .at = range.from, .left = range.len};
	job->engine_job = file;
	if (blob_job_begin_data(job, job->size_bytes, &range))
		send_data(job);
}

static void begin_stat(struct blob_engine *engine, struct blob_job *job)
{
	struct stat info;
	int fd, err = bf_blob_tree_read(&engine->tree, job->ask->key, &fd, &info);

	if (!err) {
		close(fd);
		job->size_bytes = (uint64_t)info.st_size;
		job->modified_us = modified_us(&info);
	}
	end_job(job, err);
}

/* ---- delete and list ---- */

static void begin_delete(struct blob_engine *engine, struct blob_job *job)
{
	int err = bf_blob_tree_remove(&engine->tree, job->ask->key);

	end_job(job, err == -ENOENT ? 0 : err);
}

/* Returns 1 when the page is full. */
static int on_key(void *arg, const char *key, const struct stat *info)
{
	struct blob_job *job = arg;

	if (job->list.entry_count == job->ask->count) {
		const struct blob_reply_entry *last = &job->list.entries[job->ask->count - 1];

		snprintf(job->next, sizeof(job->next), "%s", job->list.texts + last->at);
		return 1;
	}
	return blob_job_entry(job, key, (uint64_t)info->st_size, modified_us(info));
}

static void begin_list(struct blob_engine *engine, struct blob_job *job)
{
	struct bf_blob_walk walk = {
		.prefix = job->ask->key, .after = job->ask->after, .on_key = on_key, .arg = job};
	int result = bf_blob_tree_walk(&engine->tree, &walk);

	end_job(job, result < 0 ? result : 0);
}

static void on_begin(struct blob_engine *engine, struct blob_job *job)
{
	static void (*const verbs[BLOB_VERB_COUNT])(struct blob_engine *, struct blob_job *) = {
		begin_put, begin_get, begin_stat, begin_delete, begin_list};

	verbs[job->ask->verb](engine, job);
}

/* ---- the engine ---- */

static int on_open(
	struct blob_engine **out, const struct blob_engine_env *env, char *why, size_t why_size)
{
	struct blob_engine *engine = calloc(1, sizeof(*engine));
	const char *folder = env->conf->storage.blob_folder;
	char path[PATH_BYTES];
	int err;

	if (!engine)
		return -ENOMEM;
	if (folder[0])
		snprintf(path, sizeof(path), "%s", folder);
	else
		snprintf(path, sizeof(path), "%s/blobs", env->conf->storage.folder);
	if (!folder[0] && mkdir(env->conf->storage.folder, 0700) && errno != EEXIST) {
		err = -errno;
		snprintf(why, why_size, "storage.folder %s: %s", env->conf->storage.folder,
			strerrordesc_np(-err));
		free(engine);
		return err;
	}
	err = bf_blob_tree_open(&engine->tree, path, why, why_size);
	if (err) {
		free(engine);
		return err;
	}
	if (engine->tree.removed_count > 0)
		BF_LOG(env->log, BF_LOG_INFO, "blobs that were not complete have been removed",
			BF_UINT("count", engine->tree.removed_count));
	*out = engine;
	return 0;
}

static void on_close(struct blob_engine *engine)
{
	bf_blob_tree_close(&engine->tree);
	free(engine);
}

static bool is_idle(struct blob_engine *engine)
{
	(void)engine;
	return true;
}

const struct blob_engine_ops blob_folder = {.name = "folder",
	.open = on_open,
	.close = on_close,
	.begin = on_begin,
	.chunk = on_chunk,
	.more = send_data,
	.cancel = on_cancel,
	.is_idle = is_idle};
