#include "signaling/http/static.h"

#include "signaling/http/http_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
	struct bf_map_node map_node;
	const struct bf_http_file *file;
};

int bf_files_init(struct bf_files *files)
{
	return bf_map_init(&files->map, 64, BF_FILES_MAX);
}

void bf_files_deinit(struct bf_files *files)
{
	struct bf_map_node *next, *at;

	for (at = bf_map_next(&files->map, NULL); at; at = next) {
		next = bf_map_next(&files->map, at);
		free(at); /* map_node is the first member */
	}
	bf_map_deinit(&files->map);
}

int bf_files_add(struct bf_files *files, const struct bf_http_file *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct node *node;
		int err;

		if (table[i].path[0] != '/')
			return -EINVAL;
		node = calloc(1, sizeof(*node));
		if (!node)
			return -ENOMEM;
		node->file = &table[i];
		err = bf_map_put(&files->map, &node->map_node, bf_bytes_str(table[i].path));
		if (err) {
			free(node);
			return err;
		}
	}
	return 0;
}

static const struct bf_http_file *get(const struct bf_files *files, struct bf_bytes path)
{
	struct node *node = (struct node *)(void *)bf_map_get(&files->map, path);

	return node ? node->file : NULL;
}

/* The file of `path` followed by `ending`. */
static const struct bf_http_file *get_with(
	const struct bf_files *files, struct bf_bytes path, const char *ending)
{
	char text[BF_HTTP_PATH_MAX + 16];
	int len = snprintf(
		text, sizeof(text), "%.*s%s", (int)path.len, (const char *)path.data, ending);

	if (len < 0 || (size_t)len >= sizeof(text))
		return NULL;
	return get(files, bf_bytes(text, (size_t)len));
}

/* ---- what the client takes ---- */

/* "gzip;q=0" refuses: only digits other than 0 make a weight count (RFC 9110 section 12.4.2). */
static bool is_weight_zero(struct bf_bytes params)
{
	struct bf_bytes param;

	while (bf_http_list_next(&params, ';', &param)) {
		if (param.len < 3 || (param.data[0] != 'q' && param.data[0] != 'Q') ||
			param.data[1] != '=')
			continue;
		for (size_t i = 2; i < param.len; i++)
			if (param.data[i] >= '1' && param.data[i] <= '9')
				return false;
		return true;
	}
	return false;
}

static bool takes_gzip(const struct bf_http_request *request)
{
	struct bf_bytes coding, list = bf_http_field(request, "Accept-Encoding");

	while (bf_http_list_next(&list, ',', &coding)) {
		struct bf_bytes name;

		if (bf_http_list_next(&coding, ';', &name) && bf_http_is(name, "gzip"))
			return !is_weight_zero(coding);
	}
	return false;
}

static bool is_known_to_client(const struct bf_http_request *request, const char *etag)
{
	struct bf_bytes tag, list = bf_http_field(request, "If-None-Match");

	while (bf_http_list_next(&list, ',', &tag)) {
		if (bf_bytes_is(tag, "*"))
			return true;
		if (tag.len > 2 && tag.data[0] == 'W' && tag.data[1] == '/') /* weak comparison */
			tag = bf_bytes(tag.data + 2, tag.len - 2);
		if (bf_bytes_is(tag, etag))
			return true;
	}
	return false;
}

/* ---- caching ---- */

/* Whether the name carries a hash of its content, as bundlers write it: "app-5ZKMQ7XN.js", "app-0a1b2c3d.js". */
static bool has_hash(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	const char *dash = strrchr(name, '-');
	size_t len, upper = 0, lower_hex = 0, digits = 0;

	if (!dash)
		return false;
	len = strcspn(dash + 1, ".");
	for (size_t i = 1; i <= len; i++) {
		char c = dash[i];

		digits += c >= '0' && c <= '9';
		upper += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		lower_hex += (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
	}
	/* Lower-case words can be hexadecimal by accident ("-facade"), so those need a digit. */
	return len >= 8 && dash[len + 1] == '.' &&
	       (upper == len || (lower_hex == len && digits > 0));
}

static const char *cache_control_of(const struct bf_http_file *file)
{
	return has_hash(file->path) ? "public, max-age=31536000, immutable" : "no-cache";
}

int bf_files_find(const struct bf_files *files, const struct bf_http_request *request,
	struct bf_files_answer *out)
{
	bool is_folder = request->path.data[request->path.len - 1] == '/';
	const struct bf_http_file *file = is_folder ? get_with(files, request->path, "index.html")
						    : get(files, request->path);
	const struct bf_http_file *packed;

	if (!file)
		return -ENOENT;
	packed = get_with(files, bf_bytes_str(file->path), ".gz");
	*out = (struct bf_files_answer){
		.status = 200,
		.file = packed && takes_gzip(request) ? packed : file,
		.content_type = file->content_type,
		.cache_control = cache_control_of(file),
		.varies = packed != NULL,
	};
	out->is_gzip = out->file == packed;
	if (!bf_bytes_is(request->method, "GET") && !bf_bytes_is(request->method, "HEAD"))
		out->status = 405;
	else if (is_known_to_client(request, out->file->etag))
		out->status = 304;
	return 0;
}
