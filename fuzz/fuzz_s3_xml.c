/* What an S3 service may answer in XML: nothing that is read is longer than its place, and a document with entities of its own brings
 * nothing. */
#include "storage/blob/s3_xml.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_entry(void *arg, const struct bf_s3_entry *entry)
{
	size_t *count = arg;

	assert(entry->key && strlen(entry->key) < BF_S3_TEXT_BYTES);
	assert(entry->modified_us >= 0);
	return ++*count == 1000 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_bytes xml = bf_bytes(data, size);
	bool has_doctype = memmem(data, size, "<!DOCTYPE", 9) != NULL;
	char upload[BF_S3_UPLOAD_BYTES], text[64];
	struct bf_s3_error error;
	bool is_truncated = false;
	size_t count = 0;
	int err;

	err = bf_s3_read_list(xml, on_entry, &count, &is_truncated);
	assert(!err || !is_truncated);
	assert(count <= 1000 && count * sizeof("<Key/>") <= size);
	if (bf_s3_read_upload(xml, upload) == 0)
		assert(upload[0] && memchr(upload, '\0', sizeof(upload)));
	err = bf_s3_read_error(xml, &error);
	assert((err == 0) == (error.code[0] != '\0'));
	for (const char *at = error.message; *at; at++)
		assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	(void)bf_s3_read_root(xml, "CompleteMultipartUploadResult");
	if (has_doctype && data[0] == '<' && size > 9 && memcmp(data, "<!DOCTYPE", 9) == 0)
		assert(err && count == 0);
	size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	assert(bf_s3_read_time(text) >= 0);
	return 0;
}
