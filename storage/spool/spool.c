#include "storage/spool/spool.h"

#include "core/base/crc32c.h"
#include "core/base/rand.h"
#include "storage/spool/format.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PENDING_BYTES ((size_t)4 << 20) /* added and not yet written: then they are */
#define NAME_BYTES    64
#define SUFFIX	      ".spool"
#define CURSOR_NAME   "cursor"
#define CURSOR_SLOT_BYTES \
	16 /* number, CRC, zeros; two of them, written in turns, so that one is always whole */

struct segment {
	struct bf_spool_header header;
	uint64_t last_number; /* synced; below the first one: none */
	size_t len;	      /* synced */
};

struct bf_spool {
	/* given */
	struct bf_log *log;
	uint64_t size_max_bytes;
	/* owned */
	int folder_fd, cursor_fd;
	int tail_fd; /* -1: the next record begins a segment */
	struct segment *segments;
	size_t segment_count, segment_size;
	uint8_t *pending;
	uint8_t *loaded; /* the first segment's bytes from some place on */
	/* state */
	size_t pending_len;
	int64_t pending_wall_us; /* of the first record that is not synced */
	size_t tail_len;	 /* written, synced or not */
	uint64_t next_number;
	uint64_t unsynced_count;
	int failure; /* since the last sync: what was added is lost, which the next one says */
	uint64_t synced_bytes; /* of all segments */
	size_t loaded_len;
	size_t loaded_at;	/* where in `loaded` the oldest record begins */
	size_t loaded_from;	/* where in the segment `loaded` begins */
	uint64_t cursor;	/* number of the last consumed record */
	uint64_t cursor_writes; /* since the opening */
	uint64_t record_count;	/* synced, not consumed */
	uint64_t damaged_count;
	int64_t oldest_wall_us;
	size_t peeked_count;
	size_t peeked_ends[BF_SPOOL_PEEK_MAX]; /* in `loaded` */
	uint64_t peeked_numbers[BF_SPOOL_PEEK_MAX];
};

static const char *segment_name(char out[static NAME_BYTES], uint64_t first_number)
{
	snprintf(out, NAME_BYTES, "%016" PRIx64 SUFFIX, first_number);
	return out;
}

static struct segment *tail(struct bf_spool *spool)
{
	return &spool->segments[spool->segment_count - 1];
}

static int add_segment(struct bf_spool *spool, const struct segment *segment)
{
	if (spool->segment_count == spool->segment_size) {
		size_t size = spool->segment_size ? 2 * spool->segment_size : 16;
		struct segment *grown = realloc(spool->segments, size * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		spool->segments = grown;
		spool->segment_size = size;
	}
	spool->segments[spool->segment_count++] = *segment;
	spool->synced_bytes += segment->len;
	return 0;
}

/* ---- files ---- */

static int write_all(int fd, const uint8_t *data, size_t len, size_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

static int read_all(int fd, uint8_t *data, size_t len, size_t offset)
{
	while (len > 0) {
		ssize_t n = pread(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

static int sync_file(int fd)
{
	int result;

	do
		result = fdatasync(fd);
	while (result && errno == EINTR);
	return result ? -errno : 0;
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void remove_segment_file(struct bf_spool *spool, uint64_t first_number)
{
	char name[NAME_BYTES];

	if (unlinkat(spool->folder_fd, segment_name(name, first_number), 0))
		BF_LOG(spool->log, BF_LOG_WARN, "a file of the spool cannot be removed",
			BF_STR("file", name), BF_ERRNO("cause", -errno));
}

/* ---- the cursor ---- */

static int write_cursor(struct bf_spool *spool)
{
	uint8_t slot[CURSOR_SLOT_BYTES] = {0};
	int err;

	bf_put_u64(slot, spool->cursor);
	bf_put_u32(slot + 8, bf_crc32c(0, bf_bytes(slot, 8)));
	err = write_all(spool->cursor_fd, slot, sizeof(slot),
		(size_t)(spool->cursor_writes++ & 1) * CURSOR_SLOT_BYTES);
	return err ? err : sync_file(spool->cursor_fd);
}

static int read_cursor(struct bf_spool *spool)
{
	uint8_t slots[2 * CURSOR_SLOT_BYTES];
	ssize_t n = pread(spool->cursor_fd, slots, sizeof(slots), 0);

	if (n < 0)
		return -errno;
	for (size_t at = 0; at + CURSOR_SLOT_BYTES <= (size_t)n; at += CURSOR_SLOT_BYTES) {
		uint64_t number = bf_get_u64(slots + at);

		if (bf_get_u32(slots + at + 8) != bf_crc32c(0, bf_bytes(slots + at, 8)))
			continue;
		if (number >= spool->cursor) {
			spool->cursor = number;
			spool->cursor_writes =
				at ? 0 : 1; /* the next one goes into the other slot */
		}
	}
	return 0;
}

/* ---- opening ---- */

/* A second name for the file as it is, so that nothing which could still be of use is thrown away. */
static void keep_aside(struct bf_spool *spool, const char *name, const char *why)
{
	char aside[NAME_BYTES + 16];
	int err = 0;

	snprintf(aside, sizeof(aside), "%s.damaged", name);
	if (linkat(spool->folder_fd, name, spool->folder_fd, aside, 0) && errno != EEXIST)
		err = -errno;
	BF_LOG(spool->log, BF_LOG_ERROR, "the spool is damaged", BF_STR("file", name),
		BF_STR("why", why), BF_STR("kept_as", err ? "" : aside));
	spool->damaged_count++;
}

/* Cuts what a crash has left of records that were never synced. */
static int cut_tail(struct bf_spool *spool, int fd, const char *name, size_t len, size_t file_len)
{
	BF_LOG(spool->log, BF_LOG_WARN, "the spool's last record was not complete",
		BF_STR("file", name), BF_UINT("cut_bytes", file_len - len));
	return ftruncate(fd, (off_t)len) ? -errno : 0;
}

static int scan_records(struct bf_spool *spool, int fd, const char *name, struct bf_bytes bytes,
	struct segment *segment)
{
	uint64_t number = segment->header.first_number;
	size_t at = BF_SPOOL_HEADER_BYTES, torn_count = 0;
	struct bf_spool_record record;
	bool is_torn;

	while (bf_spool_record_next(bytes, segment->header.salt, &at, number, &record, &is_torn) ==
		0) {
		torn_count += is_torn;
		number = record.number + 1;
		if (record.number <= spool->cursor)
			continue;
		if (spool->record_count++ == 0)
			spool->oldest_wall_us = record.wall_us;
	}
	segment->last_number = number - 1;
	segment->len = at;
	if (torn_count > 0)
		keep_aside(spool, name, "bytes in the middle cannot be read");
	return at < bytes.len ? cut_tail(spool, fd, name, at, bytes.len) : 0;
}

static int scan_file(struct bf_spool *spool, int fd, const char *name, size_t len)
{
	uint8_t *data = malloc(len ? len : 1);
	struct segment segment = {0};
	int err;

	if (!data)
		return -ENOMEM;
	err = read_all(fd, data, len, 0);
	if (err)
		goto out;
	if (bf_spool_header_read(&segment.header, bf_bytes(data, len))) {
		/* so short that nothing in it can have been synced, or else something we cannot read */
		if (len > BF_SPOOL_HEADER_BYTES)
			keep_aside(spool, name, "its header cannot be read");
		err = unlinkat(spool->folder_fd, name, 0) ? -errno : 0;
		goto out;
	}
	err = scan_records(spool, fd, name, bf_bytes(data, len), &segment);
	if (err)
		goto out;
	if (segment.last_number >= spool->next_number)
		spool->next_number = segment.last_number + 1;
	if (segment.last_number <= spool->cursor ||
		segment.last_number < segment.header.first_number)
		err = unlinkat(spool->folder_fd, name, 0) ? -errno : 0;
	else
		err = add_segment(spool, &segment);
out:
	free(data);
	return err;
}

static int scan_named(struct bf_spool *spool, const char *name)
{
	int fd = openat(spool->folder_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat info;
	int err;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &info) ? -errno : 0;
	if (!err && !S_ISREG(info.st_mode))
		err = -EINVAL;
	if (!err)
		err = scan_file(spool, fd, name, (size_t)info.st_size);
	close(fd);
	return err;
}

static int is_segment(const struct dirent *entry)
{
	size_t len = strspn(entry->d_name, "0123456789abcdef");

	return len == 16 && strcmp(entry->d_name + len, SUFFIX) == 0;
}

static int scan_folder(struct bf_spool *spool, char *why, size_t why_size)
{
	struct dirent **entries;
	int count = scandirat(spool->folder_fd, ".", &entries, is_segment, alphasort);
	int err = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		if (!err) {
			err = scan_named(spool, entries[i]->d_name);
			if (err)
				snprintf(why, why_size, "spool file %s: %s", entries[i]->d_name,
					strerror(-err));
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return err;
}

static int open_folder(struct bf_spool *spool, const char *folder)
{
	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	spool->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->folder_fd < 0)
		return -errno;
	if (flock(spool->folder_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	spool->cursor_fd = openat(
		spool->folder_fd, CURSOR_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (spool->cursor_fd < 0)
		return -errno;
	return read_cursor(spool);
}

int bf_spool_open(
	struct bf_spool **out, const struct bf_spool_conf *conf, char *why, size_t why_size)
{
	struct bf_spool *spool = calloc(1, sizeof(*spool));
	int err;

	if (!spool)
		return -ENOMEM;
	spool->log = conf->log;
	spool->size_max_bytes = conf->size_max_bytes;
	spool->folder_fd = spool->cursor_fd = spool->tail_fd = -1;
	err = open_folder(spool, conf->folder);
	if (err) {
		snprintf(why, why_size, "%s: %s", conf->folder,
			err == -EBUSY ? "another process uses this spool" : strerror(-err));
		goto fail;
	}
	spool->next_number = spool->cursor + 1;
	err = scan_folder(spool, why, why_size);
	if (err)
		goto fail;
	*out = spool;
	return 0;

fail:
	bf_spool_close(spool);
	return err;
}

void bf_spool_close(struct bf_spool *spool)
{
	if (!spool)
		return;
	close_file(&spool->tail_fd);
	close_file(&spool->cursor_fd);
	close_file(&spool->folder_fd);
	free(spool->segments);
	free(spool->pending);
	free(spool->loaded);
	free(spool);
}

/* ---- adding ---- */

static uint64_t file_bytes(const struct bf_spool *spool)
{
	if (spool->tail_fd < 0)
		return spool->synced_bytes;
	return spool->synced_bytes - spool->segments[spool->segment_count - 1].len +
	       spool->tail_len + spool->pending_len;
}

static int begin_segment(struct bf_spool *spool)
{
	struct segment segment = {
		.header = {.first_number = spool->next_number, .salt = bf_rand_u32()},
		.last_number = spool->next_number - 1,
	};
	uint8_t header[BF_SPOOL_HEADER_BYTES];
	char name[NAME_BYTES];
	int err, fd;

	fd = openat(spool->folder_fd, segment_name(name, spool->next_number),
		O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	bf_spool_header_write(header, &segment.header);
	err = write_all(fd, header, sizeof(header), 0);
	if (!err && fsync(spool->folder_fd))
		err = -errno;
	if (!err)
		err = add_segment(spool, &segment);
	if (err) {
		close(fd);
		remove_segment_file(spool, segment.header.first_number);
		return err;
	}
	spool->tail_fd = fd;
	spool->tail_len = sizeof(header);
	return 0;
}

/* All that was added since the last sync is forgotten, and the segment is not written to any more: after an error nobody knows what
 * of it is on disk. Numbers are not used again, so that what may be left there cannot be taken for later records. */
static void take_back(struct bf_spool *spool, int failure)
{
	struct segment *segment = tail(spool);

	spool->failure = failure;
	spool->pending_len = 0;
	spool->unsynced_count = 0;
	if (segment->len == 0) {
		remove_segment_file(spool, segment->header.first_number);
		spool->segment_count--;
	} else if (ftruncate(spool->tail_fd, (off_t)segment->len)) {
		BF_LOG(spool->log, BF_LOG_WARN, "the spool cannot be cut",
			BF_ERRNO("cause", -errno));
	}
	close_file(&spool->tail_fd);
}

static int write_pending(struct bf_spool *spool)
{
	int err;

	if (spool->pending_len == 0)
		return 0;
	err = write_all(spool->tail_fd, spool->pending, spool->pending_len, spool->tail_len);
	if (err)
		return err;
	spool->tail_len += spool->pending_len;
	spool->pending_len = 0;
	return 0;
}

static int sync_added(struct bf_spool *spool)
{
	struct segment *segment;
	int err;

	if (spool->unsynced_count == 0)
		return 0;
	segment = tail(spool);
	err = write_pending(spool);
	if (!err)
		err = sync_file(spool->tail_fd);
	if (err) {
		take_back(spool, err);
		return err;
	}
	spool->synced_bytes += spool->tail_len - segment->len;
	segment->len = spool->tail_len;
	segment->last_number = spool->next_number - 1;
	if (spool->record_count == 0)
		spool->oldest_wall_us = spool->pending_wall_us;
	spool->record_count += spool->unsynced_count;
	spool->unsynced_count = 0;
	if (segment->len >= BF_SPOOL_SEGMENT_BYTES)
		close_file(&spool->tail_fd);
	return 0;
}

int bf_spool_add(struct bf_spool *spool, uint16_t stream, int64_t wall_us, struct bf_bytes bytes)
{
	struct bf_spool_record record = {.stream = stream, .wall_us = wall_us, .bytes = bytes};
	size_t len = BF_SPOOL_RECORD_BYTES + bytes.len;
	struct bf_wr wr;
	int err;

	if (bytes.len > BF_SPOOL_BYTES_MAX)
		return -EMSGSIZE;
	if (spool->failure)
		return spool->failure;
	if (file_bytes(spool) + len + BF_SPOOL_HEADER_BYTES > spool->size_max_bytes)
		return -ENOSPC;
	if (!spool->pending) {
		spool->pending = malloc(PENDING_BYTES);
		if (!spool->pending)
			return -ENOMEM;
	}
	if (spool->pending_len + len > PENDING_BYTES) {
		err = sync_added(spool);
		if (err)
			return err;
	}
	if (spool->tail_fd < 0) {
		err = begin_segment(spool);
		if (err)
			return err;
	}
	record.number = spool->next_number++;
	wr = bf_wr(spool->pending + spool->pending_len, len);
	bf_spool_record_write(&wr, tail(spool)->header.salt, &record);
	assert(!wr.is_full);
	spool->pending_len += len;
	if (spool->unsynced_count++ == 0)
		spool->pending_wall_us = wall_us;
	return 0;
}

int bf_spool_sync(struct bf_spool *spool)
{
	int err = spool->failure ? spool->failure : sync_added(spool);

	spool->failure = 0;
	return err;
}

/* ---- taking ---- */

static void forget_loaded(struct bf_spool *spool)
{
	free(spool->loaded);
	spool->loaded = NULL;
	spool->loaded_len = spool->loaded_at = spool->loaded_from = 0;
	spool->peeked_count = 0;
}

/* What there is of the first segment from the oldest record on. */
static int load(struct bf_spool *spool)
{
	const struct segment *head = &spool->segments[0];
	size_t from = spool->loaded ? spool->loaded_from + spool->loaded_at : BF_SPOOL_HEADER_BYTES;
	size_t len = head->len - from;
	uint8_t *data = malloc(len);
	char name[NAME_BYTES];
	int err, fd;

	if (!data)
		return -ENOMEM;
	fd = openat(spool->folder_fd, segment_name(name, head->header.first_number),
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	err = fd < 0 ? -errno : read_all(fd, data, len, from);
	close_file(&fd);
	if (err) {
		free(data);
		return err;
	}
	free(spool->loaded);
	spool->loaded = data;
	spool->loaded_len = len;
	spool->loaded_from = from;
	spool->loaded_at = 0;
	return 0;
}

static void drop_head(struct bf_spool *spool)
{
	spool->synced_bytes -= spool->segments[0].len;
	forget_loaded(spool);
	remove_segment_file(spool, spool->segments[0].header.first_number);
	if (spool->segment_count == 1)
		close_file(&spool->tail_fd);
	spool->segment_count--;
	memmove(spool->segments, spool->segments + 1,
		spool->segment_count * sizeof(spool->segments[0]));
}

/* The oldest record of the first segment that has one; `at` is where in `loaded` to go on. -ENOENT: none is loaded. */
static int next_loaded(
	struct bf_spool *spool, size_t *at, uint64_t number_min, struct bf_spool_record *out)
{
	const struct segment *head = &spool->segments[0];
	struct bf_bytes loaded = bf_bytes(spool->loaded, spool->loaded_len);
	bool is_torn;

	if (!spool->loaded)
		return -ENOENT;
	if (number_min < head->header.first_number)
		number_min = head->header.first_number;
	return bf_spool_record_next(loaded, head->header.salt, at, number_min, out, &is_torn);
}

static size_t collect(
	struct bf_spool *spool, struct bf_spool_record *out, size_t count_max, size_t bytes_max)
{
	size_t at = spool->loaded_at, count = 0, bytes = 0;
	uint64_t number_min = spool->cursor + 1;

	while (count < count_max && bytes < bytes_max &&
		next_loaded(spool, &at, number_min, &out[count]) == 0) {
		spool->peeked_ends[count] = at;
		spool->peeked_numbers[count] = out[count].number;
		number_min = out[count].number + 1;
		bytes += out[count++].bytes.len;
	}
	spool->peeked_count = count;
	if (count > 0)
		spool->oldest_wall_us = out[0].wall_us;
	return count;
}

static bool has_more_to_load(const struct bf_spool *spool)
{
	return !spool->loaded || spool->loaded_from + spool->loaded_len < spool->segments[0].len;
}

int bf_spool_peek(
	struct bf_spool *spool, struct bf_spool_record *out, size_t count_max, size_t bytes_max)
{
	assert(count_max <= BF_SPOOL_PEEK_MAX);
	while (spool->record_count > 0) {
		size_t count = collect(spool, out, count_max, bytes_max);
		int err;

		if (count > 0)
			return (int)count;
		if (!has_more_to_load(spool)) { /* what it had could not be read */
			spool->damaged_count++;
			drop_head(spool);
			if (spool->segment_count == 0)
				spool->record_count = 0;
			continue;
		}
		err = load(spool);
		if (err)
			return err;
	}
	return 0;
}

static void note_oldest(struct bf_spool *spool)
{
	struct bf_spool_record record;
	size_t at = spool->loaded_at;

	if (spool->record_count == 0)
		spool->oldest_wall_us = 0;
	else if (next_loaded(spool, &at, spool->cursor + 1, &record) == 0)
		spool->oldest_wall_us = record.wall_us;
}

/* The first `count` of those peeked at are done with. */
static void shift_peeked(struct bf_spool *spool, size_t count)
{
	spool->peeked_count -= count;
	memmove(spool->peeked_ends, spool->peeked_ends + count,
		spool->peeked_count * sizeof(spool->peeked_ends[0]));
	memmove(spool->peeked_numbers, spool->peeked_numbers + count,
		spool->peeked_count * sizeof(spool->peeked_numbers[0]));
}

int bf_spool_consume(struct bf_spool *spool, size_t count)
{
	bool holds_unsynced = spool->segment_count == 1 && spool->unsynced_count > 0;
	int err;

	assert(count >= 1 && count <= spool->peeked_count);
	spool->loaded_at = spool->peeked_ends[count - 1];
	spool->cursor = spool->peeked_numbers[count - 1];
	shift_peeked(spool, count);
	spool->record_count -= count;
	note_oldest(spool);
	err = write_cursor(spool);
	if (spool->cursor >= spool->segments[0].last_number && !holds_unsynced)
		drop_head(spool);
	return err;
}

struct bf_spool_status bf_spool_status(const struct bf_spool *spool)
{
	return (struct bf_spool_status){.records = spool->record_count,
		.bytes = file_bytes(spool),
		.oldest_wall_us = spool->oldest_wall_us,
		.damaged = spool->damaged_count};
}
