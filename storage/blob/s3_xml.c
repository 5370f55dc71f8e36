#include "storage/blob/s3_xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAME_BYTES 48 /* longer ones are none that we know */

/* One pass over a document. `path` is as "ListBucketResult/Contents/Key". */
struct reader {
	/* given */
	void (*on_text)(struct reader *reader, const char *path, const char *text, bool is_cut);
	void *arg;
	/* owned */
	XML_Parser parser;
	/* state */
	int failure;
	unsigned depth;
	size_t path_lens[BF_S3_XML_DEPTH];
	char path[BF_S3_XML_DEPTH * (NAME_BYTES + 1)];
	char text[BF_S3_TEXT_BYTES]; /* of the innermost element */
	size_t text_len;
	bool is_cut;
};

static void stop(struct reader *reader, int failure)
{
	reader->failure = failure;
	(void)XML_StopParser(reader->parser, XML_FALSE);
}

/* ---- what expat calls ---- */

/* Names may have a prefix for their namespace: it says nothing to us. */
static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *reader = arg;
	size_t len = strlen(reader->path);

	(void)attributes;
	if (reader->failure)
		return;
	if (reader->depth == BF_S3_XML_DEPTH) {
		stop(reader, -EBADMSG);
		return;
	}
	reader->path_lens[reader->depth++] = len;
	snprintf(reader->path + len, sizeof(reader->path) - len, "%s%.*s", len ? "/" : "",
		NAME_BYTES, local_name(name));
	reader->text_len = 0;
	reader->text[0] = '\0';
	reader->is_cut = false;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reader *reader = arg;

	(void)name;
	if (reader->failure)
		return;
	reader->on_text(reader, reader->path, reader->text, reader->is_cut);
	reader->path[reader->path_lens[--reader->depth]] = '\0';
	reader->text_len = 0;
	reader->text[0] = '\0';
	reader->is_cut = false;
}

static void XMLCALL on_characters(void *arg, const XML_Char *text, int len)
{
	struct reader *reader = arg;
	size_t room = sizeof(reader->text) - 1 - reader->text_len, taken = (size_t)len;

	if (taken > room) {
		taken = room;
		reader->is_cut = true;
	}
	memcpy(reader->text + reader->text_len, text, taken);
	reader->text_len += taken;
	reader->text[reader->text_len] = '\0';
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
	const XML_Char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	stop(arg, -EBADMSG);
}

/* on_text must not keep what it is given. */
static int read_document(struct reader *reader, struct bf_bytes xml)
{
	enum XML_Status status;

	if (xml.len > INT_MAX || xml.len == 0)
		return -EBADMSG;
	reader->parser = XML_ParserCreate(NULL);
	if (!reader->parser)
		return -ENOMEM;
	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_characters);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
	status = XML_Parse(reader->parser, (const char *)xml.data, (int)xml.len, 1);
	if (status != XML_STATUS_OK && !reader->failure)
		reader->failure = XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY
					  ? -ENOMEM
					  : -EBADMSG;
	XML_ParserFree(reader->parser);
	return reader->failure;
}

/* ---- lists ---- */

struct list_reader {
	struct reader reader;
	int (*on_entry)(void *arg, const struct bf_s3_entry *entry);
	void *arg;
	bool is_list, is_truncated;
	char key[BF_S3_TEXT_BYTES];
	struct bf_s3_entry entry;
};

static uint64_t read_number(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 19 || strspn(text, "0123456789") != len)
		return 0;
	return strtoull(text, NULL, 10);
}

static void on_list_text(struct reader *reader, const char *path, const char *text, bool is_cut)
{
	static const char contents[] = "ListBucketResult/Contents";
	struct list_reader *list = reader->arg;
	int result = 0;

	if (strcmp(path, "ListBucketResult") == 0)
		list->is_list = true;
	else if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
		list->is_truncated = strcmp(text, "true") == 0;
	if (strncmp(path, contents, sizeof(contents) - 1) != 0)
		return;
	path += sizeof(contents) - 1;
	if (strcmp(path, "/Key") == 0) {
		snprintf(list->key, sizeof(list->key), "%s", text);
		list->entry.key = list->key;
		list->entry.is_cut = is_cut;
	} else if (strcmp(path, "/Size") == 0) {
		list->entry.size_bytes = read_number(text);
	} else if (strcmp(path, "/LastModified") == 0) {
		list->entry.modified_us = bf_s3_read_time(text);
	} else if (path[0] == '\0' && list->entry.key) {
		result = list->on_entry(list->arg, &list->entry);
		list->entry = (struct bf_s3_entry){.key = NULL};
	}
	if (result)
		stop(reader, result);
}

int bf_s3_read_list(struct bf_bytes xml,
	int (*on_entry)(void *arg, const struct bf_s3_entry *entry), void *arg, bool *is_truncated)
{
	struct list_reader list = {
		.reader = {.on_text = on_list_text}, .on_entry = on_entry, .arg = arg};
	int err;

	list.reader.arg = &list;
	err = read_document(&list.reader, xml);
	if (!err && !list.is_list)
		err = -EBADMSG;
	if (!err)
		*is_truncated = list.is_truncated;
	return err;
}

/* ---- the others ---- */

struct upload_reader {
	char id[BF_S3_UPLOAD_BYTES];
	bool is_cut;
};

static void on_upload_text(struct reader *reader, const char *path, const char *text, bool is_cut)
{
	struct upload_reader *upload = reader->arg;

	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") != 0)
		return;
	snprintf(upload->id, sizeof(upload->id), "%s", text);
	upload->is_cut = is_cut;
}

int bf_s3_read_upload(struct bf_bytes xml, char out[static BF_S3_UPLOAD_BYTES])
{
	struct upload_reader upload = {.is_cut = false};
	struct reader reader = {.on_text = on_upload_text, .arg = &upload};
	int err = read_document(&reader, xml);

	if (!err && (upload.is_cut || !upload.id[0]))
		err = -EBADMSG;
	if (!err)
		memcpy(out, upload.id, sizeof(upload.id));
	return err;
}

struct root_reader {
	const char *name;
	bool is_it;
};

static void on_root_text(struct reader *reader, const char *path, const char *text, bool is_cut)
{
	struct root_reader *root = reader->arg;

	(void)text;
	(void)is_cut;
	if (strcmp(path, root->name) == 0)
		root->is_it = true;
}

int bf_s3_read_root(struct bf_bytes xml, const char *name)
{
	struct root_reader root = {.name = name};
	struct reader reader = {.on_text = on_root_text, .arg = &root};
	int err = read_document(&reader, xml);

	return err ? err : root.is_it ? 0 : -EBADMSG;
}

static void copy_printable(char *out, size_t size, const char *text)
{
	size_t len = 0;

	for (; *text && len + 1 < size; text++)
		if ((unsigned char)*text >= 0x20 && *text != 0x7f)
			out[len++] = *text;
	out[len] = '\0';
}

static void on_error_text(struct reader *reader, const char *path, const char *text, bool is_cut)
{
	struct bf_s3_error *error = reader->arg;

	(void)is_cut;
	if (strcmp(path, "Error/Code") == 0)
		copy_printable(error->code, sizeof(error->code), text);
	else if (strcmp(path, "Error/Message") == 0)
		copy_printable(error->message, sizeof(error->message), text);
}

int bf_s3_read_error(struct bf_bytes xml, struct bf_s3_error *out)
{
	struct reader reader = {.on_text = on_error_text, .arg = out};
	int err;

	*out = (struct bf_s3_error){.code = ""};
	err = read_document(&reader, xml);
	if (!err && !out->code[0])
		err = -EBADMSG;
	if (err)
		*out = (struct bf_s3_error){.code = ""};
	return err;
}

int64_t bf_s3_read_time(const char *text)
{
	struct tm parts = {0};
	time_t seconds;

	if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &parts)) {
		parts = (struct tm){0};
		if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts))
			return 0;
	}
	seconds = timegm(&parts);
	return seconds > 0 ? (int64_t)seconds * 1000000 : 0;
}
