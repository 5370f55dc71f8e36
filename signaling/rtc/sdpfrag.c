#include "signaling/rtc/sdpfrag.h"

#include <errno.h>

/* RFC 8839 section 5.4: ice-char is ALPHA / DIGIT / "+" / "/"; lengths 4 to 256 and 22 to 256. */
#define UFRAG_MIN      4
#define PWD_MIN	       22
#define CREDENTIAL_MAX 256

static bool starts_with(struct bf_bytes text, const char *prefix, struct bf_bytes *rest)
{
	size_t len = strlen(prefix);

	if (text.len < len || memcmp(text.data, prefix, len) != 0)
		return false;
	*rest = bf_bytes(text.data + len, text.len - len);
	return true;
}

static bool is_credential(struct bf_bytes text, size_t min)
{
	if (text.len < min || text.len > CREDENTIAL_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool is_alnum =
			(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!is_alnum && c != '+' && c != '/')
			return false;
	}
	return true;
}

static bool is_printable(struct bf_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < 0x20 || text.data[i] > 0x7e)
			return false;
	}
	return true;
}

/* A credential counts once for the whole bundle; each section may repeat it. */
static bool set_once(struct bf_bytes *slot, struct bf_bytes value)
{
	if (slot->data)
		return bf_bytes_equal(*slot, value);
	*slot = value;
	return true;
}

static const char *take_line(struct bf_sdpfrag *fragment, struct bf_bytes line)
{
	struct bf_bytes attribute, value;

	if (line.len < 2 || line.data[1] != '=')
		return "a line is not of the form x=...";
	if (!is_printable(line))
		return "a line holds characters that are not printable ASCII";
	if (!starts_with(line, "a=", &attribute))
		return NULL;
	if (starts_with(attribute, "ice-ufrag:", &value)) {
		if (!is_credential(value, UFRAG_MIN) || !set_once(&fragment->ufrag, value))
			return "ice-ufrag is malformed, or not the same throughout";
	} else if (starts_with(attribute, "ice-pwd:", &value)) {
		if (!is_credential(value, PWD_MIN) || !set_once(&fragment->pwd, value))
			return "ice-pwd is malformed, or not the same throughout";
	} else if (starts_with(attribute, "candidate:", &value)) {
		if (fragment->candidate_count < BF_SDPFRAG_CANDIDATES)
			fragment->candidates[fragment->candidate_count++] = attribute;
	} else if (bf_bytes_is(attribute, "end-of-candidates")) {
		fragment->is_end = true;
	}
	return NULL;
}

int bf_sdpfrag_parse(struct bf_sdpfrag *out, struct bf_bytes text, const char **why)
{
	struct bf_sdpfrag fragment = {.is_end = false};
	bool is_empty = true;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len;
		struct bf_bytes line = bf_bytes(text.data, len);
		size_t taken = end ? len + 1 : len;

		text = bf_bytes(text.data + taken, text.len - taken);
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0 && text.len == 0)
			break;
		*why = line.len > BF_SDPFRAG_LINE ? "a line is too long"
						  : take_line(&fragment, line);
		if (*why)
			return -EBADMSG;
		is_empty = false;
	}
	if (is_empty) {
		*why = "the fragment is empty";
		return -EBADMSG;
	}
	if ((fragment.ufrag.data == NULL) != (fragment.pwd.data == NULL)) {
		*why = "ice-ufrag and ice-pwd belong together";
		return -EBADMSG;
	}
	*out = fragment;
	return 0;
}
