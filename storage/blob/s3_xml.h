/* storage/blob/s3_xml.h - reads what an S3 service answers in XML.
 *
 * The bytes are strangers': a document with a DOCTYPE, and so with entities of its own, is refused, as is one that is nested deeper than
 * BF_S3_XML_DEPTH. Texts are cut to what their places hold; nothing is sized by what a document says.
 * Thread:  any.   Limits: the caller's, for the document's length.
 * Source:  Amazon S3 API Reference (ListObjectsV2, CreateMultipartUpload, error responses), by expat.
 */
#ifndef BF_STORAGE_BLOB_S3_XML_H
#define BF_STORAGE_BLOB_S3_XML_H

#include "core/base/bytes.h"

#define BF_S3_XML_DEPTH	    8
#define BF_S3_TEXT_BYTES    1025 /* of one element, with a NUL: keys are the longest */
#define BF_S3_UPLOAD_BYTES  1025
#define BF_S3_CODE_BYTES    64
#define BF_S3_MESSAGE_BYTES 160

struct bf_s3_entry {
	const char *key;
	bool is_cut; /* the key is longer than it may be */
	uint64_t size_bytes;
	int64_t modified_us; /* 0: not readable */
};

/* A page of ListObjectsV2: on_entry for each object, until it returns something else than 0. -EBADMSG: not such a document; -ENOMEM; or
 * what on_entry returned. */
int bf_s3_read_list(struct bf_bytes xml,
	int (*on_entry)(void *arg, const struct bf_s3_entry *entry), void *arg, bool *is_truncated);

/* The id of a multipart upload. -EBADMSG, also if it is too long; -ENOMEM. */
int bf_s3_read_upload(struct bf_bytes xml, char out[static BF_S3_UPLOAD_BYTES]);

/* Whether the document's outermost element is that. -EBADMSG, -ENOMEM. */
int bf_s3_read_root(struct bf_bytes xml, const char *name);

struct bf_s3_error {
	char code[BF_S3_CODE_BYTES];	   /* as "NoSuchKey" */
	char message[BF_S3_MESSAGE_BYTES]; /* without control characters */
};

/* -EBADMSG, and both are ""; -ENOMEM. */
int bf_s3_read_error(struct bf_bytes xml, struct bf_s3_error *out);

/* "2026-11-27T10:00:00.000Z", and "Fri, 27 Nov 2026 10:00:00 GMT" as in headers. Microseconds since 1970, fractions left out; 0: it is
 * neither. */
int64_t bf_s3_read_time(const char *text);

#endif
