/* signaling/http/static.h - files that are part of the binary: which one answers, and with which fields.
 *
 * Owner:   the server embeds the set; the tables and their bytes are borrowed for ever.   Thread: one.
 * Limits:  BF_FILES_MAX files.
 * Source:  RFC 9110 sections 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match); RFC 8246 (immutable).
 */
#ifndef BF_SIGNALING_HTTP_STATIC_H
#define BF_SIGNALING_HTTP_STATIC_H

#include "core/base/map.h"
#include "signaling/http/server.h"

#define BF_FILES_MAX 4096

struct bf_files {
	/* owned */
	struct bf_map map;
};

int bf_files_init(struct bf_files *files);
void bf_files_deinit(struct bf_files *files);

/* -EEXIST: a path is taken; -EINVAL: it does not begin with '/'; -ENOBUFS, -ENOMEM. */
int bf_files_add(struct bf_files *files, const struct bf_http_file *table, size_t count);

struct bf_files_answer {
	int status;			 /* 200, 304, or 405 */
	const struct bf_http_file *file; /* whose bytes and ETag go out */
	const char *content_type;
	const char *cache_control;
	bool is_gzip; /* the file is the compressed form */
	bool varies;  /* the answer depends on Accept-Encoding */
};

/* "/dir/" means "/dir/index.html". Where a file "<path>.gz" exists it is preferred for clients that take gzip. -ENOENT. */
int bf_files_find(const struct bf_files *files, const struct bf_http_request *request,
	struct bf_files_answer *out);

#endif
