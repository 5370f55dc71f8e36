/* core/base/json.h - JSON values; the door of jansson.
 *
 * Owner:   bf_json_parse and bf_json_object/array make a value with one owner; `_get` lends; `_put` takes.
 * Thread:  a value is used by one thread at a time.
 * Limits:  a text is refused beyond `len_max` bytes, BF_JSON_DEPTH levels, on duplicate keys, bad UTF-8, NUL
 *          in strings, or trailing bytes.
 */
#ifndef BF_CORE_BASE_JSON_H
#define BF_CORE_BASE_JSON_H

#include "core/base/bytes.h"

#define BF_JSON_DEPTH 32

struct bf_json; /* a jansson json_t */

/* Parse one object or array. -EBADMSG malformed (`why` says what and where, may be NULL), -ENOBUFS over a
 * limit, -ENOMEM. */
int bf_json_parse(
	struct bf_json **out, struct bf_bytes text, size_t len_max, char *why, size_t why_size);
void bf_json_free(struct bf_json *json);

bool bf_json_is_object(const struct bf_json *json);
bool bf_json_is_array(const struct bf_json *json);
bool bf_json_is_string(const struct bf_json *json);
bool bf_json_is_null(const struct bf_json *json);

/* Members of an object. NULL or an error when absent (-ENOENT) or of another type (-EINVAL). A string view
 * lives as long as the value and is NUL-terminated. */
const struct bf_json *bf_json_get(const struct bf_json *object, const char *key);
int bf_json_get_str(const struct bf_json *object, const char *key, struct bf_bytes *out);
int bf_json_get_int(const struct bf_json *object, const char *key, int64_t *out);
int bf_json_get_bool(const struct bf_json *object, const char *key, bool *out);

/* Elements of an array. */
size_t bf_json_count(const struct bf_json *array);
const struct bf_json *bf_json_at(const struct bf_json *array, size_t idx);

/* The string or integer a value is. -EINVAL if it is not. */
int bf_json_as_str(const struct bf_json *json, struct bf_bytes *out);
int bf_json_as_int(const struct bf_json *json, int64_t *out);

/* Walk the members of an object: start with NULL, go on with what it returned, NULL at the end. */
const char *bf_json_next_key(const struct bf_json *object, const char *key);

/* Building. A failed allocation or invalid UTF-8 marks the object and shows when it is printed. */
struct bf_json *bf_json_object(void);
struct bf_json *bf_json_array(void);
void bf_json_put(struct bf_json *object, const char *key, struct bf_json *value); /* takes value */
void bf_json_put_str(struct bf_json *object, const char *key, const char *text);
void bf_json_put_bytes(struct bf_json *object, const char *key, struct bf_bytes text);
void bf_json_put_int(struct bf_json *object, const char *key, int64_t value);
void bf_json_put_bool(struct bf_json *object, const char *key, bool value);
void bf_json_put_null(struct bf_json *object, const char *key);
void bf_json_put_id(struct bf_json *object, const char *key, uint64_t id); /* 16 hex digits */
void bf_json_push(struct bf_json *array, struct bf_json *value);	   /* takes value */
void bf_json_push_str(struct bf_json *array, const char *text);
void bf_json_push_id(struct bf_json *array, uint64_t id);
struct bf_json *bf_json_copy(const struct bf_json *json); /* a new owner of an equal value */

/* Compact text in a fresh NUL-terminated block that the caller frees; NULL without memory. */
char *bf_json_print(const struct bf_json *json, size_t *out_len);

#endif
