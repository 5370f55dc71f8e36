#include "signaling/http/routes.h"

#include "signaling/http/http_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum segment_kind {
	SEGMENT_FIXED,
	SEGMENT_PARAM, /* {name}: one segment that is not empty */
	SEGMENT_REST,  /* {name*}: everything that is left, perhaps nothing */
};

/* A walk over the segments of a path or pattern. */
struct walk {
	struct bf_bytes rest; /* behind the slash that begins the next segment */
	bool is_over;
	bool has_version; /* the segment behind the next one is passed over */
};

#define VERSIONED "/api/v1/"
#define VERSION	  "v1/"

static struct walk walk_begin(struct bf_bytes path)
{
	return (struct walk){.rest = bf_bytes(path.data + 1, path.len - 1),
		.has_version = path.len >= strlen(VERSIONED) &&
			       memcmp(path.data, VERSIONED, strlen(VERSIONED)) == 0};
}

static struct bf_bytes walk_next(struct walk *walk)
{
	const uint8_t *slash =
		walk->rest.len > 0 ? memchr(walk->rest.data, '/', walk->rest.len) : NULL;
	size_t len = slash ? (size_t)(slash - walk->rest.data) : walk->rest.len;
	struct bf_bytes segment = bf_bytes(walk->rest.data, len);

	walk->is_over = !slash;
	if (slash)
		walk->rest = bf_bytes(slash + 1, walk->rest.len - len - 1);
	if (walk->has_version)
		walk->rest = bf_bytes(
			walk->rest.data + strlen(VERSION), walk->rest.len - strlen(VERSION));
	walk->has_version = false;
	return segment;
}

static enum segment_kind kind_of(struct bf_bytes segment)
{
	if (segment.len == 0 || segment.data[0] != '{')
		return SEGMENT_FIXED;
	return segment.data[segment.len - 2] == '*' ? SEGMENT_REST : SEGMENT_PARAM;
}

/* ---- adding ---- */

void bf_routes_init(struct bf_routes *routes)
{
	*routes = (struct bf_routes){.count = 0};
}

void bf_routes_deinit(struct bf_routes *routes)
{
	free(routes->entries);
	bf_routes_init(routes);
}

/* "{name}" or "{name*}" where a brace appears at all. */
static bool is_segment_valid(struct bf_bytes segment)
{
	bool has_brace =
		memchr(segment.data, '{', segment.len) || memchr(segment.data, '}', segment.len);
	size_t name_len;

	if (!has_brace)
		return memchr(segment.data, '*', segment.len) == NULL;
	if (segment.len < 3 || segment.data[0] != '{' || segment.data[segment.len - 1] != '}')
		return false;
	name_len = segment.len - 2 - (segment.data[segment.len - 2] == '*');
	for (size_t i = 1; i <= name_len; i++)
		if (!bf_http_is_token_char(segment.data[i]) || segment.data[i] == '*')
			return false;
	return name_len > 0;
}

static bool is_pattern_valid(struct bf_bytes pattern)
{
	unsigned param_count = 0;
	struct walk walk;

	if (pattern.len == 0 || pattern.data[0] != '/')
		return false;
	if (pattern.len == 1)
		return true;
	walk = walk_begin(pattern);
	while (!walk.is_over) {
		struct bf_bytes segment = walk_next(&walk);

		if (segment.len == 0 || !is_segment_valid(segment))
			return false;
		param_count += kind_of(segment) != SEGMENT_FIXED;
		if (kind_of(segment) == SEGMENT_REST && !walk.is_over)
			return false;
	}
	return param_count <= BF_HTTP_SEGMENTS;
}

/* Which pattern is tried first: negative when `a` is. 0: they match the same paths. */
static int compare(const char *a, const char *b)
{
	struct walk walk_a = walk_begin(bf_bytes_str(a)), walk_b = walk_begin(bf_bytes_str(b));

	while (!walk_a.is_over && !walk_b.is_over) {
		struct bf_bytes one = walk_next(&walk_a), two = walk_next(&walk_b);
		int kind = (int)kind_of(one) - (int)kind_of(two);
		int text = 0;

		if (kind != 0)
			return kind;
		if (kind_of(one) == SEGMENT_FIXED && one.len > 0 && two.len > 0)
			text = memcmp(one.data, two.data, one.len < two.len ? one.len : two.len);
		if (text == 0 && kind_of(one) == SEGMENT_FIXED && one.len != two.len)
			text = one.len < two.len ? -1 : 1;
		if (text != 0)
			return text;
	}
	return (int)walk_b.is_over - (int)walk_a.is_over;
}

static int make_room(struct bf_routes *routes)
{
	size_t capacity = routes->capacity ? routes->capacity * 2 : 32;
	struct bf_routes_entry *entries;

	if (routes->count < routes->capacity)
		return 0;
	if (routes->count == BF_ROUTES_MAX)
		return -ENOBUFS;
	entries = realloc(routes->entries, capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	routes->entries = entries;
	routes->capacity = capacity;
	return 0;
}

int bf_routes_add(struct bf_routes *routes, const struct bf_http_route *route, void *arg)
{
	size_t at = routes->count;
	int err;

	if (!route->summary || route->summary[0] == '\0' || !route->handler ||
		route->access == BF_HTTP_ACCESS_UNSAID ||
		(route->permissions && route->access != BF_HTTP_SIGNED_IN))
		return -EINVAL;
	if (!bf_http_is_token(bf_bytes_str(route->method)) ||
		!is_pattern_valid(bf_bytes_str(route->path)))
		return -EINVAL;
	for (size_t i = 0; i < routes->count; i++) {
		const struct bf_http_route *other = routes->entries[i].route;

		if (compare(route->path, other->path) == 0 &&
			strcmp(route->method, other->method) == 0)
			return -EEXIST;
	}
	err = make_room(routes);
	if (err)
		return err;
	for (; at > 0 && compare(route->path, routes->entries[at - 1].route->path) < 0; at--)
		routes->entries[at] = routes->entries[at - 1];
	routes->entries[at] = (struct bf_routes_entry){.route = route, .arg = arg};
	routes->count++;
	return 0;
}

/* ---- finding ---- */

/* Whether `path` fits the pattern; the parameters go to params. */
static bool matches(
	const char *pattern, struct bf_bytes path, struct bf_bytes *params, unsigned *param_count)
{
	struct walk want = walk_begin(bf_bytes_str(pattern)), have = walk_begin(path);
	unsigned count = 0;

	for (;;) {
		struct bf_bytes segment = walk_next(&want), left = have.rest, value;

		if (kind_of(segment) == SEGMENT_REST) {
			params[count++] = left;
			break;
		}
		value = walk_next(&have);
		if (kind_of(segment) == SEGMENT_PARAM) {
			if (value.len == 0)
				return false;
			params[count++] = value;
		} else if (!bf_bytes_equal(segment, value)) {
			return false;
		}
		if (want.is_over != have.is_over)
			return false;
		if (want.is_over)
			break;
	}
	*param_count = count;
	return true;
}

static bool is_listed(const char *allow, const char *method)
{
	struct bf_bytes name, list = bf_bytes_str(allow);

	while (bf_http_list_next(&list, ',', &name))
		if (bf_bytes_is(name, method))
			return true;
	return false;
}

static void allow_add(char allow[static BF_ROUTES_ALLOW], const char *method)
{
	size_t len = strlen(allow);

	if (!is_listed(allow, method) && len + strlen(method) + 3 < BF_ROUTES_ALLOW)
		snprintf(allow + len, BF_ROUTES_ALLOW - len, "%s%s", len ? ", " : "", method);
}

int bf_routes_find(const struct bf_routes *routes, struct bf_http_request *request,
	const struct bf_routes_entry **out, char allow[static BF_ROUTES_ALLOW])
{
	const struct bf_routes_entry *get = NULL;

	allow[0] = '\0';
	for (size_t i = 0; i < routes->count; i++) {
		const struct bf_routes_entry *entry = &routes->entries[i];
		struct bf_bytes params[BF_HTTP_SEGMENTS];
		unsigned count;

		if (!matches(entry->route->path, request->path, params, &count))
			continue;
		allow_add(allow, entry->route->method);
		if (strcmp(entry->route->method, "GET") == 0) {
			allow_add(allow, "HEAD");
			if (!get && bf_bytes_is(request->method, "HEAD"))
				get = entry;
		}
		if (!bf_bytes_is(request->method, entry->route->method) && get != entry)
			continue;
		memcpy(request->params, params, count * sizeof(params[0]));
		request->param_count = count;
		*out = entry;
		if (get != entry)
			return 0; /* a HEAD route of its own, further down, goes before GET */
	}
	if (get)
		return 0;
	return allow[0] == '\0' ? -ENOENT : -EOPNOTSUPP;
}
