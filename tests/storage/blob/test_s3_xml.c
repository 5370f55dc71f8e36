#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/blob/s3_xml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct seen {
	unsigned count;
	char keys[8][64];
	uint64_t sizes[8];
	int64_t times[8];
	bool is_cut;
	unsigned stop_at;
};

static int on_entry(void *arg, const struct bf_s3_entry *entry)
{
	struct seen *seen = arg;

	snprintf(seen->keys[seen->count % 8], 64, "%.63s", entry->key);
	seen->sizes[seen->count % 8] = entry->size_bytes;
	seen->times[seen->count % 8] = entry->modified_us;
	seen->is_cut |= entry->is_cut;
	seen->count++;
	return seen->count == seen->stop_at ? -ECANCELED : 0;
}

static int read_list(const char *text, struct seen *seen, bool *is_truncated)
{
	*seen = (struct seen){.stop_at = seen->stop_at};
	return bf_s3_read_list(bf_bytes_str(text), on_entry, seen, is_truncated);
}

static const char page[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
	"<Prefix>p</Prefix><IsTruncated>true</IsTruncated>"
	"<Contents><Key>a/b</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
	"<ETag>&quot;fba9&quot;</ETag><Size>434234</Size><Owner><ID>x</ID></Owner></Contents>"
	"<Contents><Size>5</Size><Key>x&amp;y</Key></Contents>"
	"<CommonPrefixes><Prefix>q</Prefix></CommonPrefixes></ListBucketResult>";

static void a_page_of_a_list_is_read(void **state)
{
	struct seen seen = {0};
	bool is_truncated = false;

	(void)state;
	assert_int_equal(read_list(page, &seen, &is_truncated), 0);
	assert_true(is_truncated);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.keys[0], "a/b");
	assert_int_equal(seen.sizes[0], 434234);
	assert_int_equal(seen.times[0], 1255369830000000);
	assert_string_equal(seen.keys[1], "x&y");
	assert_int_equal(seen.sizes[1], 5);
	assert_int_equal(seen.times[1], 0);
}

static void a_prefix_of_names_does_not_matter(void **state)
{
	struct seen seen = {0};
	bool is_truncated = true;

	(void)state;
	assert_int_equal(read_list("<s:ListBucketResult xmlns:s='u'><s:Contents><s:Key>k</s:Key>"
				   "</s:Contents></s:ListBucketResult>",
				 &seen, &is_truncated),
		0);
	assert_int_equal(seen.count, 1);
	assert_false(is_truncated);
}

static void cut_at_every_byte_a_list_is_refused(void **state)
{
	struct seen seen;
	bool is_truncated;

	(void)state;
	for (size_t len = 0; len < sizeof(page) - 1; len++) {
		seen = (struct seen){0};
		assert_int_equal(
			bf_s3_read_list(bf_bytes(page, len), on_entry, &seen, &is_truncated),
			-EBADMSG);
	}
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = {"", "text", "<Error><Code>x</Code></Error>",
		"<ListBucketResult>", "<a><ListBucketResult/></a>",
		"<ListBucketResult/><ListBucketResult/>", "\xff\xfe<"};
	struct seen seen = {0};
	bool is_truncated;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_list(bad[i], &seen, &is_truncated), -EBADMSG);
}

static void documents_with_entities_or_a_doctype_are_refused(void **state)
{
	static const char *const bad[] = {
		"<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
		"<ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>",
		"<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
		"<!DOCTYPE l><ListBucketResult/>",
		"<ListBucketResult><Contents><Key>&unknown;</Key></Contents></ListBucketResult>"};
	struct seen seen = {0};
	bool is_truncated;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_list(bad[i], &seen, &is_truncated), -EBADMSG);
		assert_int_equal(seen.count, 0);
	}
}

static void nesting_is_limited(void **state)
{
	struct seen seen = {0};
	bool is_truncated;
	char text[512];

	(void)state;
	for (int depth = 1; depth <= BF_S3_XML_DEPTH + 1; depth++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "<ListBucketResult>");

		for (int i = 1; i < depth; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "<a>");
		for (int i = 1; i < depth; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "</a>");
		snprintf(text + len, sizeof(text) - len, "</ListBucketResult>");
		assert_int_equal(read_list(text, &seen, &is_truncated),
			depth <= BF_S3_XML_DEPTH ? 0 : -EBADMSG);
	}
}

/* A document whose key, or id, has so many bytes. */
static char *long_text(const char *before, size_t len, const char *after)
{
	size_t before_len = strlen(before);
	char *text = malloc(before_len + len + strlen(after) + 1);

	assert_non_null(text);
	memcpy(text, before, before_len);
	memset(text + before_len, 'k', len);
	strcpy(text + before_len + len, after);
	return text;
}

static void a_key_that_is_too_long_is_said_to_be_cut(void **state)
{
	(void)state;
	for (size_t len = 1023; len <= 1026; len++) {
		char *text = long_text("<ListBucketResult><Contents><Key>", len,
			"</Key></Contents></ListBucketResult>");
		struct seen seen = {0};
		bool is_truncated;

		assert_int_equal(read_list(text, &seen, &is_truncated), 0);
		assert_int_equal(seen.is_cut, len > 1024);
		free(text);
	}
}

static void a_list_stops_when_its_reader_has_enough(void **state)
{
	struct seen seen = {.stop_at = 1};
	bool is_truncated = false;

	(void)state;
	assert_int_equal(read_list(page, &seen, &is_truncated), -ECANCELED);
	assert_int_equal(seen.count, 1);
	assert_false(is_truncated);
}

static void an_uploads_id_is_read(void **state)
{
	char id[BF_S3_UPLOAD_BYTES] = "untouched";
	char *text;

	(void)state;
	assert_int_equal(
		bf_s3_read_upload(bf_bytes_str("<Error><UploadId>x</UploadId></Error>"), id),
		-EBADMSG);
	assert_int_equal(bf_s3_read_upload(bf_bytes_str("<InitiateMultipartUploadResult><UploadId/>"
							"</InitiateMultipartUploadResult>"),
				 id),
		-EBADMSG);
	text = long_text("<InitiateMultipartUploadResult><UploadId>", 1025,
		"</UploadId></InitiateMultipartUploadResult>");
	assert_int_equal(bf_s3_read_upload(bf_bytes_str(text), id), -EBADMSG);
	free(text);
	assert_string_equal(id, "untouched");
	assert_int_equal(
		bf_s3_read_upload(bf_bytes_str("<InitiateMultipartUploadResult><Key>k</Key>"
					       "<UploadId>VXBs-b2Fk+IC8=</UploadId>"
					       "</InitiateMultipartUploadResult>"),
			id),
		0);
	assert_string_equal(id, "VXBs-b2Fk+IC8=");
}

static void an_error_is_read_and_its_control_characters_are_left_out(void **state)
{
	struct bf_s3_error error;

	(void)state;
	assert_int_equal(bf_s3_read_error(bf_bytes_str("<Error><Code>NoSuchKey</Code>"
						       "<Message>it\n is &#x9;gone</Message>"
						       "<Secret>s</Secret></Error>"),
				 &error),
		0);
	assert_string_equal(error.code, "NoSuchKey");
	assert_string_equal(error.message, "it is gone");
	assert_int_equal(bf_s3_read_error(bf_bytes_str("<html>502</html>"), &error), -EBADMSG);
	assert_string_equal(error.code, "");
}

static void a_completed_upload_is_told_from_an_error(void **state)
{
	static const char name[] = "CompleteMultipartUploadResult";

	(void)state;
	assert_int_equal(
		bf_s3_read_root(bf_bytes_str("\n\n<CompleteMultipartUploadResult>"
					     "<Key>k</Key></CompleteMultipartUploadResult>"),
			name),
		0);
	assert_int_equal(
		bf_s3_read_root(bf_bytes_str("<Error><Code>InternalError</Code></Error>"), name),
		-EBADMSG);
	assert_int_equal(bf_s3_read_root(bf_bytes_str(""), name), -EBADMSG);
}

static void times_of_lists_and_headers_are_read(void **state)
{
	(void)state;
	assert_int_equal(bf_s3_read_time("2009-10-12T17:50:30.000Z"), 1255369830000000);
	assert_int_equal(bf_s3_read_time("Mon, 12 Oct 2009 17:50:30 GMT"), 1255369830000000);
	assert_int_equal(bf_s3_read_time(""), 0);
	assert_int_equal(bf_s3_read_time("yesterday"), 0);
	assert_int_equal(bf_s3_read_time("1960-01-01T00:00:00Z"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_of_a_list_is_read),
		cmocka_unit_test(a_prefix_of_names_does_not_matter),
		cmocka_unit_test(cut_at_every_byte_a_list_is_refused),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(documents_with_entities_or_a_doctype_are_refused),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(a_key_that_is_too_long_is_said_to_be_cut),
		cmocka_unit_test(a_list_stops_when_its_reader_has_enough),
		cmocka_unit_test(an_uploads_id_is_read),
		cmocka_unit_test(an_error_is_read_and_its_control_characters_are_left_out),
		cmocka_unit_test(a_completed_upload_is_told_from_an_error),
		cmocka_unit_test(times_of_lists_and_headers_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
