#include "signaling/auth/rules.h"

#include "core/base/utf8.h"
#include "signaling/auth/guesses.h"

#include <string.h>

#define SMALL			 "abcdefghijklmnopqrstuvwxyz"
#define BIG			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS			 "0123456789"

#define NAME_MAX_BYTES		 64
#define EMAIL_MAX_BYTES		 254
#define LOCAL_MAX_BYTES		 64
#define PASSWORD_MIN_COUNT	 8
#define PASSWORD_ALONE_MIN_COUNT 15
#define PASSWORD_MAX_COUNT	 256

/* Characters of UTF-8: bytes that begin one. */
static size_t count_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static const char *check_name(const char *text, const char *letters, const char *first)
{
	size_t len = strlen(text);

	if (len == 0)
		return "is empty";
	if (len > NAME_MAX_BYTES)
		return "is longer than 64 characters";
	if (strspn(text, letters) != len)
		return "has characters that are not allowed there";
	if (!strchr(first, text[0]))
		return "begins with a character that is not allowed there";
	return NULL;
}

const char *bf_rule_slug(const char *text)
{
	const char *wrong = check_name(text, SMALL DIGITS "-", SMALL DIGITS);

	return !wrong && text[strlen(text) - 1] == '-' ? "ends with -" : wrong;
}

const char *bf_rule_username(const char *text)
{
	return check_name(text, SMALL BIG DIGITS "._-", SMALL BIG DIGITS);
}

const char *bf_rule_role(const char *text)
{
	return check_name(text, SMALL DIGITS "._-", SMALL DIGITS);
}

const char *bf_rule_email(const char *text)
{
	size_t len = strlen(text), local = strcspn(text, "@");
	const char *domain = text + local + 1;

	if (len > EMAIL_MAX_BYTES)
		return "is longer than 254 bytes";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return "has spaces or control characters";
	if (local == 0 || local == len || !*domain || strchr(domain, '@'))
		return "is not of the form name@domain";
	if (local > LOCAL_MAX_BYTES)
		return "has more than 64 bytes before the @";
	if (domain[0] == '.' || domain[0] == '-' || text[len - 1] == '.' || strstr(domain, ".."))
		return "has a domain that cannot be one";
	return NULL;
}

const char *bf_rule_title(const char *text, size_t count_max)
{
	size_t len = strlen(text);

	if (len == 0)
		return "is empty";
	if (!bf_utf8_is_valid(bf_bytes(text, len)))
		return "is not UTF-8";
	if (count_of(text) > count_max)
		return "is too long";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return "has control characters";
	if (text[0] == ' ' || text[len - 1] == ' ')
		return "begins or ends with a space";
	return NULL;
}

const char *bf_rule_password(const char *text)
{
	size_t count = count_of(text);

	if (count < PASSWORD_MIN_COUNT)
		return "is shorter than 8 characters";
	if (count > PASSWORD_MAX_COUNT)
		return "is longer than 256 characters";
	return NULL;
}

const char *bf_rule_password_chosen(const char *text, bool has_second_factor)
{
	if (!has_second_factor && count_of(text) < PASSWORD_ALONE_MIN_COUNT)
		return "is shorter than 15 characters";
	return bf_rule_password(text) ? bf_rule_password(text) : bf_guessed_why(text, NULL);
}

const char *bf_rule_password_hash(const char *text)
{
	static const char *const begins[] = {"$argon2id$v=", "$2a$", "$2b$", "$2y$"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0 && strlen(text) < 256)
			return NULL;
	return "is no hash of Argon2id or bcrypt";
}

void bf_rule_key(const char *text, char *out)
{
	do
		*out++ = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	while (*text++);
}
