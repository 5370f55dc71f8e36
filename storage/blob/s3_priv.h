/* storage/blob/s3_priv.h - between the files of the S3 engine: its settings, a request of a job's, and the stages of a put.
 *
 * Thread: the store's.
 */
#ifndef BF_STORAGE_BLOB_S3_PRIV_H
#define BF_STORAGE_BLOB_S3_PRIV_H

#include "core/net/http_client.h"
#include "storage/blob/blob_priv.h"
#include "storage/blob/s3_xml.h"

#define S3_PART_BYTES \
	((size_t)8 << 20)	/* of a multipart upload; a blob that is smaller is put at once */
#define S3_PART_COUNT_MAX 10000 /* S3's own limit; storage.blob_max_mib stays below it */
#define S3_TEXT_MAX	  ((size_t)4 << 20) /* of XML: 1000 entries are less than 2 MiB */
#define S3_URL_BYTES	  8192
#define S3_ETAG_BYTES	  96
#define S3_WHY_BYTES	  BF_BLOB_WHY_BYTES

struct s3_job;

struct blob_engine {
	/* owned */
	struct bf_http_client *http;
	char *base;   /* URL of the bucket, without a slash at the end */
	char *region; /* and the rest that signs */
	char *access_key, *secret_key;
	/* state */
	struct bf_log *log;
	struct bf_list undoing; /* s3_jobs whose uploads are being given up */
};

/* What is next when the request on its way is answered. */
typedef void s3_next(struct s3_job *s3, const struct bf_http_client_end *end);

struct s3_part_etag {
	char text[S3_ETAG_BYTES];
};

/* A call's side of the engine. */
struct s3_job {
	/* given */
	struct blob_engine *engine;
	struct blob_job *job; /* NULL: cancelled; only the upload is to be given up */
	struct bf_list node;  /* in `undoing`, or in none */
	/* owned */
	int64_t request; /* on its way; 0: none */
	char *text;	 /* the answer's body, as far as it is not a blob's bytes */
	char *body;	 /* the request's, when it is not a part */
	uint8_t *part;
	struct s3_part_etag *etags;
	/* state */
	s3_next *next;
	unsigned code;	 /* of the answer that is coming in */
	bool is_data;	 /* its body is the blob's bytes */
	bool is_refused; /* no memory for what came */
	size_t text_len, text_size;
	uint64_t whole_bytes; /* as its headers say */
	int64_t modified_us;
	char etag[S3_ETAG_BYTES];
	bool has_len;
	bool has_range; /* 206, and Content-Range says which */
	struct bf_blob_range range;
	/* put */
	size_t part_len, part_size;
	unsigned wanted;     /* chunks that were asked for and have not come */
	unsigned part_count; /* put */
	size_t etag_size;
	bool is_last;
	char upload[BF_S3_UPLOAD_BYTES]; /* "" : none has begun */
};

struct s3_request {
	const char *method;
	const char *key;   /* NULL: the bucket */
	const char *query; /* sorted and encoded; "" */
	struct bf_bytes body;
	const char *header; /* one more; NULL */
	bool is_data;	    /* 2xx brings a blob's bytes */
	int64_t timeout_us;
	s3_next *next;
};

/* False: it cannot be asked, and the job has ended. */
bool s3_ask(struct s3_job *s3, const struct s3_request *request);

/* `text` percent-encoded behind what is in `out`. -EMSGSIZE. */
int s3_encode(char *out, size_t size, const char *text);

/* How the job ends after an answer that is not the one hoped for; the upload is given up. */
void s3_fail(struct s3_job *s3, const struct bf_http_client_end *end);
void s3_end(struct s3_job *s3, enum bf_blob_status status, const char *why);

/* Whether the answer came and is a good one. */
bool s3_is_good(const struct bf_http_client_end *end);

void s3_put_begin(struct s3_job *s3);
void s3_put_chunk(struct s3_job *s3, struct bf_bytes bytes, bool is_last);

/* It shall not go on: what of it the service has already is to be forgotten there. The s3_job is freed, at once or later. */
void s3_put_give_up(struct s3_job *s3);

void s3_job_free(struct s3_job *s3);

#endif
