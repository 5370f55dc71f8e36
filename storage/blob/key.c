#include "storage/blob/blob.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static bool is_segment(const char *text, size_t len)
{
	if (len == 0 || len > BF_BLOB_SEGMENT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(text[i]))
			return false;
	return !(text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')));
}

bool bf_blob_key_is_valid(const char *key)
{
	const char *at = key;

	if (strnlen(key, BF_BLOB_KEY_MAX + 1) > BF_BLOB_KEY_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(at, "/");

		if (!is_segment(at, len))
			return false;
		if (at[len] == '\0')
			return true;
		at += len + 1;
	}
}

const char *bf_blob_status_name(enum bf_blob_status status)
{
	static const char *const names[BF_BLOB_STATUS_COUNT] = {"ok", "not found", "too large",
		"invalid", "away", "denied", "full", "stopped", "failed", "closed"};

	return names[status];
}
