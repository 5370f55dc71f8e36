/* signaling/auth/rules.h - what names, addresses and passwords may be: one place for requests, commands and seed files.
 *
 * Each says what is wrong, for people, as in "begins with '-'"; NULL: nothing. The text ends at its NUL and is UTF-8.
 * Thread: any.   Source: RFC 5321 section 4.5.3.1 (lengths of addresses), NIST SP 800-63B-4 section 3.1.1.2 (passwords)
 */
#ifndef BF_SIGNALING_AUTH_RULES_H
#define BF_SIGNALING_AUTH_RULES_H

#include "core/base/bytes.h"

/* An organization in URLs and tokens: 1 to 64 of a-z, 0-9 and -, which neither begins nor ends it. */
const char *bf_rule_slug(const char *text);

/* 1 to 64 of A-Z, a-z, 0-9 and . _ -, beginning with a letter or digit. */
const char *bf_rule_username(const char *text);

/* One @ with something on both sides, at most 254 bytes; whether it is somebody's only a message to it can tell. */
const char *bf_rule_email(const char *text);

/* As a username, in small letters: names of roles. */
const char *bf_rule_role(const char *text);

/* A line for people: 1 to `count_max` characters, none of them control characters, no space at its ends. */
const char *bf_rule_title(const char *text, size_t count_max);

/* 8 to 256 characters, of any kind. */
const char *bf_rule_password(const char *text);

/* The same for a password that somebody chooses: at least 15 characters where it is the only factor, and none that would be guessed
 * (signaling/auth/guesses.h). */
const char *bf_rule_password_chosen(const char *text, bool has_second_factor);

/* A hash that a login can be checked against: Argon2 as a PHC string, or bcrypt. */
const char *bf_rule_password_hash(const char *text);

/* What must be unique of a name: A-Z in small letters, all else as it is. `out` takes as many bytes as `text`, and the NUL. */
void bf_rule_key(const char *text, char *out);

#endif
