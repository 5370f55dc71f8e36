/* core/base/conf_priv.h - the table of configuration keys, for the conf*.c files only.
 *
 * The table drives defaults, file, environment, flags, suggestions, checks and printing: a new key is a
 * member in conf.h and a line in conf_keys.c.
 */
#ifndef BF_CORE_BASE_CONF_PRIV_H
#define BF_CORE_BASE_CONF_PRIV_H

#include "core/base/conf.h"

#define CONF_LIST_MAX	  256  /* entries of one list */
#define CONF_VALUE_BYTES  4096 /* of one value or list entry */
#define CONF_NAME_BYTES	  64   /* of "section.key" and BELFRY_SECTION_KEY, with the NUL */
#define CONF_SECTION_MAX  16
#define CONF_SECTION_KEYS 32

enum conf_type {
	CONF_STR,
	CONF_UINT,
	CONF_BOOL,
	CONF_LIST, /* char **, with its count in a member of its own */
};

struct conf_key {
	const char *section;
	const char *name;
	enum conf_type type;
	size_t at;	 /* offset in struct bf_conf */
	size_t count_at; /* CONF_LIST: offset of the count */
	const char *fallback;
	unsigned min, max;   /* CONF_UINT */
	const char *choices; /* CONF_STR: the only values, comma separated; NULL: anything */
	bool is_secret;
	const char *comment; /* may hold several lines */
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

/* What is wrong, one line each, in the caller's buffer. */
struct conf_why {
	char *text;
	size_t size;
	size_t len;
	int count; /* of lines, also those that did not fit */
};
void conf_why_init(struct conf_why *why, char *text, size_t size);
void conf_why_add(struct conf_why *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Where a key's value lies; each asserts the type. */
char **conf_str_at(const struct bf_conf *conf, const struct conf_key *key);
unsigned *conf_uint_at(const struct bf_conf *conf, const struct conf_key *key);
bool *conf_bool_at(const struct bf_conf *conf, const struct conf_key *key);
char ***conf_list_at(const struct bf_conf *conf, const struct conf_key *key, unsigned **count);

/* Set a key from text: a list from comma separated entries. -EINVAL with the reason in `reason`, -ENOMEM. */
#define CONF_REASON_BYTES 256
int conf_set(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES]);
int conf_set_list(struct bf_conf *conf, const struct conf_key *key, char *const *items,
	size_t count, char reason[static CONF_REASON_BYTES]);

/* Whether `text` is one of the comma separated `choices`. */
bool conf_is_choice(const char *choices, const char *text);

/* "section.key", and "BELFRY_SECTION_KEY"; both return `out`. */
const char *conf_path(const struct conf_key *key, char out[static CONF_NAME_BYTES]);
const char *conf_variable(const struct conf_key *key, char out[static CONF_NAME_BYTES]);

/* How many single edits (insert, delete, replace, swap of neighbours) lead from `a` to `b`. */
size_t conf_distance(const char *a, const char *b);

/* Whether so many edits still look like a slip of somebody who meant a name of `len` bytes. */
bool conf_is_near(size_t distance, size_t len);

/* Variables that others name: DB_HOST and its like, NODE_ENV, CORS_ORIGIN, before BELFRY_*; and PORT, after them. Empty counts as
 * not set. -ENOMEM; what is wrong is added to `why`. */
int conf_alias_apply(struct bf_conf *conf, char *const *envp, struct conf_why *why);
int conf_alias_apply_port(struct bf_conf *conf, char *const *envp, struct conf_why *why);

/* Apply the file at `path`; every complaint is added to `why`. -EINVAL, -ENOMEM, or why it cannot be read. */
int conf_file_load(struct bf_conf *conf, const char *path, struct conf_why *why);

#endif
