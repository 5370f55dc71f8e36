#include "signaling/api/openapi.h"

#include "signaling/auth/permission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct bf_openapi {
	/* given */
	struct bf_http_server *http;
	const char *version;
	/* owned */
	char *text; /* once it was asked for */
	size_t len;
};

/* ---- schemas ---- */

static struct bf_json *type_of(const struct bf_field *field, const char *name)
{
	struct bf_json *schema = bf_json_object(), *types;

	if (!field->may_be_null) {
		bf_json_put_str(schema, "type", name);
		return schema;
	}
	types = bf_json_array();
	bf_json_push_str(types, name);
	bf_json_push_str(types, "null");
	bf_json_put(schema, "type", types);
	return schema;
}

static void put_range(
	struct bf_json *schema, const struct bf_field *field, const char *min, const char *max)
{
	if (field->min)
		bf_json_put_int(schema, min, field->min);
	if (field->max)
		bf_json_put_int(schema, max, field->max);
}

static struct bf_json *shape_field(const struct bf_field *field)
{
	struct bf_json *schema, *items;

	switch (field->kind) {
	case BF_FIELD_INT:
		schema = type_of(field, "integer");
		put_range(schema, field, "minimum", "maximum");
		break;
	case BF_FIELD_BOOL:
		schema = type_of(field, "boolean");
		break;
	case BF_FIELD_TEXTS:
		schema = type_of(field, "array");
		put_range(schema, field, "minItems", "maxItems");
		items = bf_json_object();
		bf_json_put_str(items, "type", "string");
		bf_json_put(schema, "items", items);
		break;
	case BF_FIELD_LIST:
		schema = type_of(field, "array");
		put_range(schema, field, "minItems", "maxItems");
		break;
	case BF_FIELD_OBJECT:
		schema = type_of(field, "object");
		break;
	default:
		schema = type_of(field, "string");
		put_range(schema, field, "minLength", "maxLength");
		if (field->kind == BF_FIELD_UUID)
			bf_json_put_str(schema, "format", "uuid");
	}
	if (field->text)
		bf_json_put_str(schema, "description", field->text);
	return schema;
}

static struct bf_json *shape_body(const struct bf_field *fields)
{
	struct bf_json *schema = bf_json_object(), *members = bf_json_object();
	struct bf_json *required = bf_json_array();

	for (; fields->name; fields++) {
		bf_json_put(members, fields->name, shape_field(fields));
		if (fields->is_required)
			bf_json_push_str(required, fields->name);
	}
	bf_json_put_str(schema, "type", "object");
	bf_json_put(schema, "properties", members);
	bf_json_put(schema, "required", required);
	bf_json_put_bool(schema, "additionalProperties", false);
	return schema;
}

/* {"content": {type: {"schema": schema}}}; `schema` is taken, NULL: any. */
static struct bf_json *shape_content(const char *type, struct bf_json *schema)
{
	struct bf_json *outer = bf_json_object(), *content = bf_json_object();
	struct bf_json *media = bf_json_object();

	bf_json_put(media, "schema", schema ? schema : bf_json_object());
	bf_json_put(content, type, media);
	bf_json_put(outer, "content", content);
	return outer;
}

static struct bf_json *shape_ref(const char *to)
{
	struct bf_json *schema = bf_json_object();

	bf_json_put_str(schema, "$ref", to);
	return schema;
}

/* ---- operations ---- */

/* "getApiUsersUser" of GET /api/users/{user} */
static void write_id(char *out, size_t size, const struct bf_http_route *route)
{
	bool is_big = true;
	size_t at = 0;

	for (const char *from = route->method; *from && at + 1 < size; from++)
		out[at++] = (char)(*from | 0x20);
	for (const char *from = route->path; *from && at + 1 < size; from++) {
		char letter = *from;

		if ((letter < 'a' || letter > 'z') && (letter < '0' || letter > '9')) {
			is_big = true;
			continue;
		}
		out[at++] = is_big && letter >= 'a' ? (char)(letter - 0x20) : letter;
		is_big = false;
	}
	out[at] = '\0';
}

/* The name of the next {parameter} in a pattern; where it goes on. NULL: there is none. */
static const char *next_param(const char *path, char *out, size_t size)
{
	const char *begin = strchr(path, '{'), *end = begin ? strchr(begin, '}') : NULL;
	size_t len;

	if (!end)
		return NULL;
	len = (size_t)(end - begin) - 1;
	if (begin[len] == '*')
		len--;
	snprintf(out, size, "%.*s", (int)len, begin + 1);
	return end + 1;
}

static struct bf_json *shape_params(const char *path)
{
	struct bf_json *list = bf_json_array();
	char name[64];

	while ((path = next_param(path, name, sizeof(name))) != NULL) {
		struct bf_json *param = bf_json_object(), *schema = bf_json_object();

		bf_json_put_str(param, "name", name);
		bf_json_put_str(param, "in", "path");
		bf_json_put_bool(param, "required", true);
		bf_json_put_str(schema, "type", "string");
		bf_json_put(param, "schema", schema);
		bf_json_push(list, param);
	}
	return list;
}

static struct bf_json *shape_permissions(uint64_t permissions)
{
	struct bf_json *names = bf_json_array();

	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++)
		if (permissions & BF_PERMIT(i))
			bf_json_push_str(names, bf_permissions[i].name);
	return names;
}

static void put_answer(
	struct bf_json *answers, const char *status, const char *text, struct bf_json *answer)
{
	bf_json_put_str(answer, "description", text);
	bf_json_put(answers, status, answer);
}

static void put_problem(struct bf_json *answers, const char *status, const char *text)
{
	put_answer(answers, status, text,
		shape_content(
			"application/problem+json", shape_ref("#/components/schemas/Problem")));
}

static struct bf_json *shape_answers(const struct bf_http_route *route)
{
	struct bf_json *answers = bf_json_object();

	put_answer(answers, "2XX", "It is done.", bf_json_object());
	if (route->request) {
		put_problem(answers, "400", "The body is no JSON object.");
		put_problem(answers, "422", "A member of the body is not what it should be.");
	}
	if (route->access != BF_HTTP_PUBLIC)
		put_problem(answers, "401", "Nobody, or nobody any more, is known by that.");
	if (route->access == BF_HTTP_SIGNED_IN)
		put_problem(answers, "403", "Whoever asks may not do that.");
	if (route->rate != BF_HTTP_RATE_EXEMPT)
		put_problem(answers, "429", "Asked too often; Retry-After says how long to wait.");
	put_problem(answers, "default", "What went wrong.");
	return answers;
}

static struct bf_json *shape_security(const struct bf_http_route *route)
{
	static const char *const ways[] = {"bearer", "apiKey"};
	struct bf_json *list = bf_json_array();

	for (size_t i = 0; i < 2 && route->access == BF_HTTP_SIGNED_IN; i++) {
		struct bf_json *way = bf_json_object();

		bf_json_put(way, ways[i], bf_json_array());
		bf_json_push(list, way);
	}
	return list;
}

/* The segment behind /api/, or the first one. */
static void write_tag(char *out, size_t size, const char *path)
{
	const char *at = strncmp(path, "/api/", 5) == 0 ? path + 5 : path + 1;
	size_t len = strcspn(at, "/");

	snprintf(out, size, "%.*s", (int)len, len > 0 ? at : "");
}

static struct bf_json *shape_operation(const struct bf_http_route *route)
{
	struct bf_json *operation = bf_json_object(), *tags = bf_json_array(), *body;
	char id[128], tag[64];

	write_id(id, sizeof(id), route);
	write_tag(tag, sizeof(tag), route->path);
	bf_json_push_str(tags, tag);
	bf_json_put_str(operation, "operationId", id);
	bf_json_put_str(operation, "summary", route->summary);
	bf_json_put(operation, "tags", tags);
	bf_json_put(operation, "parameters", shape_params(route->path));
	if (route->request) {
		body = shape_content("application/json", shape_body(route->request));
		bf_json_put_bool(body, "required", true);
		bf_json_put(operation, "requestBody", body);
	}
	bf_json_put(operation, "responses", shape_answers(route));
	bf_json_put(operation, "security", shape_security(route));
	if (route->permissions)
		bf_json_put(operation, "x-permissions", shape_permissions(route->permissions));
	if (route->needs_fresh_factor)
		bf_json_put_bool(operation, "x-needs-fresh-factor", true);
	return operation;
}

/* ---- the whole ---- */

static struct bf_json *shape_problem(void)
{
	static const struct bf_field members[] = {
		{"type", BF_FIELD_TEXT, .is_required = true},
		{"title", BF_FIELD_TEXT, .is_required = true},
		{"status", BF_FIELD_INT, .is_required = true},
		{"code", BF_FIELD_TEXT, .is_required = true, .text = "for programs"},
		{"detail", BF_FIELD_TEXT, .text = "for people"},
		{"request_id", BF_FIELD_TEXT, .text = "as the log has it"},
		{NULL},
	};

	return shape_body(members);
}

static struct bf_json *shape_components(void)
{
	struct bf_json *components = bf_json_object(), *schemas = bf_json_object();
	struct bf_json *ways = bf_json_object(), *bearer = bf_json_object();
	struct bf_json *key = bf_json_object();

	bf_json_put_str(bearer, "type", "http");
	bf_json_put_str(bearer, "scheme", "bearer");
	bf_json_put_str(bearer, "bearerFormat", "JWT");
	bf_json_put_str(key, "type", "apiKey");
	bf_json_put_str(key, "in", "header");
	bf_json_put_str(key, "name", "X-API-Key");
	bf_json_put(ways, "bearer", bearer);
	bf_json_put(ways, "apiKey", key);
	bf_json_put(schemas, "Problem", shape_problem());
	bf_json_put(components, "securitySchemes", ways);
	bf_json_put(components, "schemas", schemas);
	return components;
}

static struct bf_json *shape_info(const char *version)
{
	struct bf_json *info = bf_json_object(), *licence = bf_json_object();

	bf_json_put_str(info, "title", "belfry");
	bf_json_put_str(info, "version", version);
	bf_json_put_str(info, "description",
		"Real-time communication server. Every path below /api is also there below "
		"/api/v1.");
	bf_json_put_str(licence, "name", "MIT");
	bf_json_put_str(licence, "identifier", "MIT");
	bf_json_put(info, "license", licence);
	return info;
}

/* As OpenAPI has paths: without the star of what takes the rest. */
static void write_path(char *out, size_t size, const char *path)
{
	size_t at = 0;

	for (; *path && at + 1 < size; path++)
		if (*path != '*')
			out[at++] = *path;
	out[at] = '\0';
}

static struct bf_json *shape_paths(const struct bf_http_server *http)
{
	struct bf_json *paths = bf_json_object();
	const struct bf_http_route *route;

	for (size_t i = 0; (route = bf_http_server_route(http, i)) != NULL; i++) {
		const struct bf_http_route *other;
		struct bf_json *item = bf_json_object();
		char path[256], method[16];

		write_path(path, sizeof(path), route->path);
		if (bf_json_get(paths, path)) {
			bf_json_free(item);
			continue;
		}
		for (size_t j = i; (other = bf_http_server_route(http, j)) != NULL; j++) {
			if (strcmp(other->path, route->path) != 0)
				continue;
			snprintf(method, sizeof(method), "%s", other->method);
			for (char *at = method; *at; at++)
				*at = (char)(*at | 0x20);
			bf_json_put(item, method, shape_operation(other));
		}
		bf_json_put(paths, path, item);
	}
	return paths;
}

struct bf_json *bf_openapi_make(const struct bf_http_server *http, const char *version)
{
	struct bf_json *whole = bf_json_object(), *servers = bf_json_array();
	struct bf_json *here = bf_json_object();

	bf_json_put_str(here, "url", "/");
	bf_json_push(servers, here);
	bf_json_put_str(whole, "openapi", "3.1.0");
	bf_json_put(whole, "info", shape_info(version));
	bf_json_put(whole, "servers", servers);
	bf_json_put(whole, "paths", shape_paths(http));
	bf_json_put(whole, "components", shape_components());
	return whole;
}

/* ---- the route ---- */

static void on_openapi(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_openapi *openapi = arg;
	struct bf_json *whole;

	(void)request;
	if (!openapi->text) {
		whole = bf_openapi_make(openapi->http, openapi->version);
		openapi->text = whole ? bf_json_print(whole, &openapi->len) : NULL;
		bf_json_free(whole);
	}
	if (openapi->text)
		bf_http_reply(
			exchange, 200, "application/json", bf_bytes(openapi->text, openapi->len));
	else
		bf_http_reply_problem(exchange, 503, "unavailable", "out of memory");
}

int bf_openapi_new(struct bf_openapi **out, struct bf_http_server *http, const char *version)
{
	static const struct bf_http_route routes[] = {
		{"GET", "/openapi.json", on_openapi, "This description", BF_HTTP_PUBLIC,
			.rate = BF_HTTP_RATE_EXEMPT},
	};
	struct bf_openapi *openapi = calloc(1, sizeof(*openapi));
	int err;

	if (!openapi)
		return -ENOMEM;
	openapi->http = http;
	openapi->version = version;
	err = bf_http_server_add(http, routes, 1, openapi);
	if (err) {
		free(openapi);
		return err;
	}
	*out = openapi;
	return 0;
}

void bf_openapi_free(struct bf_openapi *openapi)
{
	if (!openapi)
		return;
	free(openapi->text);
	free(openapi);
}
