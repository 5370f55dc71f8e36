#include "signaling/channels/channels.h"

#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "signaling/channels/channels_priv.h"
#include "signaling/rest/page.h"
#include "signaling/rest/shape.h"
#include "storage/repo/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who asks ---- */

static void on_roles(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_channels *channels = op->owner;
	struct visit *visit = op->more;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_role role;

	while (visit->subject.role_count < ROLES_MAX && bf_role_next(&rows, &role))
		visit->roles[visit->subject.role_count++] = role.id;
	bf_trees_get(&channels->trees, op, visit->then);
}

void visit_begin(struct bf_op *op, struct bf_uuid channel, bf_trees_then *then)
{
	struct visit *visit = op->more;
	struct bf_tx tx;

	visit->channel = channel;
	visit->then = then;
	visit->subject = (struct bf_channel_subject){.user = op->caller.user,
		.roles = visit->roles,
		.is_admin = bf_permits(op->caller.permissions, BF_PERMIT(BF_CHANNELS_WRITE))};
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_role_list_of_user(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_roles);
}

const struct bf_tree_channel *visit_find(
	struct bf_op *op, const struct bf_tree *tree, uint32_t needed, uint32_t *rights)
{
	const struct visit *visit = op->more;
	const struct bf_tree_channel *channel = bf_tree_find(tree, visit->channel);

	*rights = channel ? bf_tree_rights(tree, channel, &visit->subject) : 0;
	if (!*rights)
		bf_op_refuse(op, 404, "not_found", WHO_UNKNOWN);
	else if ((*rights & needed) != needed)
		bf_op_refuse(op, 403, "forbidden", "the channel does not allow you that");
	else
		return channel;
	return NULL;
}

/* ---- looking ---- */

struct bf_json *shape_rights(uint32_t rights)
{
	struct bf_json *names = bf_json_array();
	const char *name;
	uint32_t right;

	for (size_t i = 0; (name = bf_channel_right_name(i, &right)) != NULL; i++)
		if (rights & right)
			bf_json_push_str(names, name);
	return names;
}

static struct bf_json *shape_channel(const struct bf_tree_channel *channel, uint32_t rights)
{
	struct bf_json *body = bf_json_object();

	bf_shape_uuid(body, "id", channel->id);
	bf_shape_uuid(body, "parent_id", channel->parent);
	bf_json_put_str(body, "name", channel->name);
	bf_json_put_str(body, "description", channel->description);
	bf_json_put_int(body, "position", channel->position);
	if (channel->participant_count_max)
		bf_json_put_int(body, "participant_count_max", channel->participant_count_max);
	else
		bf_json_put_null(body, "participant_count_max");
	bf_json_put_bool(body, "is_temporary", channel->is_temporary);
	bf_json_put_bool(body, "has_password", channel->has_password);
	bf_json_put(body, "rights", shape_rights(rights));
	bf_shape_time(body, "created_at", channel->created_at);
	bf_shape_time(body, "updated_at", channel->updated_at);
	return body;
}

struct listing {
	struct visit visit; /* first */
	struct bf_page page;
};

/* The first channel behind an id. */
static size_t first_after(const struct bf_tree *tree, struct bf_uuid id)
{
	size_t low = 0, high = tree->channel_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&tree->channels[middle].id, &id, sizeof(id)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void list(struct bf_op *op, const struct bf_tree *tree)
{
	const struct listing *listing = op->more;
	struct bf_json *body = bf_json_object(), *items = bf_json_array();
	int64_t left = listing->page.row_count - 1;
	struct bf_uuid last = {{0}};
	bool is_last = true;

	for (size_t i = first_after(tree, listing->page.after_id); i < tree->channel_count; i++) {
		const struct bf_tree_channel *channel = &tree->channels[i];
		uint32_t rights = bf_tree_rights(tree, channel, &listing->visit.subject);

		if (!rights)
			continue;
		if (left-- == 0) {
			is_last = false;
			break;
		}
		bf_json_push(items, shape_channel(channel, rights));
		last = channel->id;
	}
	bf_json_put(body, "channels", items);
	bf_page_put_next(body, is_last, 0, last);
	bf_op_reply(op, 200, body);
}

static void on_list(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op = bf_op_new(channels->rest, channels, exchange, sizeof(struct listing));
	struct listing *listing;
	const char *why;

	if (!op)
		return;
	listing = op->more;
	if (bf_page_read(&listing->page, request, &why))
		bf_op_refuse(op, 400, "bad_request", why);
	else
		visit_begin(op, (struct bf_uuid){{0}}, list);
}

static void show(struct bf_op *op, const struct bf_tree *tree)
{
	const struct bf_tree_channel *channel;
	uint32_t rights;

	channel = visit_find(op, tree, 0, &rights);
	if (channel)
		bf_op_reply(op, 200, shape_channel(channel, rights));
}

static void on_show(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op = bf_op_new(channels->rest, channels, exchange, sizeof(struct visit));

	if (op)
		visit_begin(op, bf_op_param(request, 0), show);
}

/* ---- making and changing ---- */

struct writing {
	struct visit visit; /* first */
	bool is_new;
	struct bf_uuid id, parent;
	char name_key[NAME_BYTES];
	char password_hash[BF_OP_HASH_TEXT]; /* "": none is given */
};

static void show_written(struct bf_op *op, const struct bf_tree *tree)
{
	const struct writing *writing = op->more;
	const struct bf_tree_channel *channel = bf_tree_find(tree, writing->id);

	if (channel)
		bf_op_reply(op, writing->is_new ? 201 : 200,
			shape_channel(
				channel, bf_tree_rights(tree, channel, &writing->visit.subject)));
	else
		bf_op_refuse(op, 404, "not_found", WHO_UNKNOWN);
}

static void on_written(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_channels *channels = op->owner;

	bf_trees_forget(&channels->trees, op->caller.org);
	if (answer->status == BF_DB_OK)
		bf_trees_get(&channels->trees, op, show_written);
	else if (answer->status == BF_DB_EXISTS)
		bf_op_refuse(op, 409, "exists", "there is a channel of that name beside it");
	else
		bf_op_refuse(op, 404, "not_found", "the channel or its parent is gone");
}

static void take_members(struct bf_op *op, struct bf_channel *row)
{
	struct writing *writing = op->more;

	row->updated_at = bf_clock_wall_us();
	row->parent_id = writing->parent;
	if (bf_op_has(op, "name")) {
		row->name = bf_bytes_str(bf_op_text(op, "name"));
		bf_rule_key(bf_op_text(op, "name"), writing->name_key);
		row->name_key = bf_bytes_str(writing->name_key);
	}
	if (bf_op_has(op, "description"))
		row->description = bf_bytes_str(bf_op_text(op, "description"));
	(void)bf_json_get_int(op->body, "position", &row->position);
	if (bf_op_has(op, "participant_count_max") &&
		bf_json_get_int(op->body, "participant_count_max", &row->participant_count_max))
		row->participant_count_max = 0;
	if (bf_op_has(op, "password"))
		row->password_hash = writing->password_hash[0]
					     ? bf_bytes_str(writing->password_hash)
					     : bf_bytes(NULL, 0);
}

static void add_row(struct bf_op *op)
{
	struct writing *writing = op->more;
	struct bf_channel row = {.id = writing->id,
		.description = bf_bytes_str(""),
		.created_by = op->caller.user,
		.created_at = bf_clock_wall_us()};
	struct bf_tx tx;

	take_members(op, &row);
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_add(&tx, &row);
	bf_op_ask_or(op, &tx, on_written);
}

static void on_row(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	struct bf_channel row;
	struct bf_tx tx;

	if (!bf_channel_next(&rows, &row)) {
		bf_op_refuse(op, 404, "not_found", WHO_UNKNOWN);
		return;
	}
	take_members(op, &row);
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_update(&tx, &row);
	bf_op_ask_or(op, &tx, on_written);
}

static void write_row(struct bf_op *op)
{
	struct writing *writing = op->more;
	struct bf_tx tx;

	if (writing->is_new) {
		add_row(op);
		return;
	}
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_get(&tx, writing->id);
	bf_op_ask(op, &tx, on_row);
}

static void on_hashed(struct bf_op *op, int result, const char *hash)
{
	struct writing *writing = op->more;

	if (result) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	snprintf(writing->password_hash, sizeof(writing->password_hash), "%s", hash);
	write_row(op);
}

/* Below a channel one needs its right to make others; at the top, the permission. False: it was refused. */
static bool may_put_below(struct bf_op *op, const struct bf_tree *tree,
	const struct bf_tree_channel *channel, struct bf_uuid parent_id)
{
	const struct visit *visit = op->more;
	const struct bf_tree_channel *parent = bf_tree_find(tree, parent_id);
	uint32_t rights = parent ? bf_tree_rights(tree, parent, &visit->subject) : 0;
	const char *wrong = bf_tree_may_move(tree, channel, parent_id);
	char detail[96];

	if (wrong || (parent && !rights)) {
		snprintf(detail, sizeof(detail), "parent_id: %s",
			wrong ? wrong : "there is no such parent");
		bf_op_refuse(op, 422, "invalid", detail);
		return false;
	}
	if (parent ? rights & BF_CHANNEL_MAKE : visit->subject.is_admin)
		return true;
	bf_op_refuse(op, 403, "forbidden", "you may not make channels there");
	return false;
}

static void finish_writing(struct bf_op *op)
{
	if (bf_op_text(op, "password")[0])
		bf_op_hash(op, bf_op_text(op, "password"), on_hashed);
	else
		write_row(op);
}

static struct bf_uuid parent_of(const struct bf_op *op)
{
	struct bf_uuid parent;

	return bf_uuid_parse(&parent, bf_bytes_str(bf_op_text(op, "parent_id")))
		       ? (struct bf_uuid){{0}}
		       : parent;
}

static void create(struct bf_op *op, const struct bf_tree *tree)
{
	struct writing *writing = op->more;

	writing->is_new = true;
	writing->id = bf_uuid_make();
	writing->parent = parent_of(op);
	if (may_put_below(op, tree, NULL, writing->parent))
		finish_writing(op);
}

static void update(struct bf_op *op, const struct bf_tree *tree)
{
	struct writing *writing = op->more;
	const struct bf_tree_channel *channel;
	uint32_t rights;

	channel = visit_find(op, tree, BF_CHANNEL_WRITE, &rights);
	if (!channel)
		return;
	writing->id = channel->id;
	writing->parent = channel->parent;
	if (bf_op_has(op, "parent_id") && !bf_uuid_equal(parent_of(op), channel->parent)) {
		writing->parent = parent_of(op);
		if (!may_put_below(op, tree, channel, writing->parent))
			return;
	}
	finish_writing(op);
}

static void begin_writing(struct bf_channels *channels, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, bool is_new, bf_trees_then *then)
{
	struct bf_op *op =
		bf_op_read(channels->rest, channels, exchange, request, sizeof(struct writing));

	if (op)
		visit_begin(op, is_new ? (struct bf_uuid){{0}} : bf_op_param(request, 0), then);
}

static void on_create(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	begin_writing(arg, exchange, request, true, create);
}

static void on_update(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	begin_writing(arg, exchange, request, false, update);
}

/* ---- removing ---- */

static void on_removed(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_channels *channels = op->owner;

	bf_trees_forget(&channels->trees, op->caller.org);
	if (answer->status == BF_DB_OK)
		bf_op_reply(op, 204, NULL);
	else
		bf_op_refuse(op, 404, "not_found", WHO_UNKNOWN);
}

static void delete_it(struct bf_op *op, const struct bf_tree *tree)
{
	const struct bf_tree_channel *channel;
	uint32_t rights;
	struct bf_tx tx;

	channel = visit_find(op, tree, BF_CHANNEL_WRITE, &rights);
	if (!channel)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_remove(&tx, channel->id);
	bf_op_ask_or(op, &tx, on_removed);
}

static void on_delete(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op = bf_op_new(channels->rest, channels, exchange, sizeof(struct visit));

	if (op)
		visit_begin(op, bf_op_param(request, 0), delete_it);
}

/* ---- life ---- */

static const char *rule_name(const char *text)
{
	return bf_rule_title(text, 100);
}

#define REST_OF_FIELDS                                                                 \
	{"parent_id", BF_FIELD_UUID, .may_be_null = true, .text = "null: at the top"}, \
		{"description", BF_FIELD_TEXT, .max = 4000},                           \
		{"position", BF_FIELD_INT, .min = -1000000, .max = 1000000},           \
		{"participant_count_max", BF_FIELD_INT, .may_be_null = true, .min = 1, \
			.max = 1000000},                                               \
		{"password", BF_FIELD_TEXT, .may_be_null = true, .min = 1, .max = 256, \
			.text = "to be known by who joins; null: none"},               \
	{                                                                              \
		NULL                                                                   \
	}

static const struct bf_field create_fields[] = {
	{"name", BF_FIELD_TEXT, .is_required = true, .rule = rule_name}, REST_OF_FIELDS};
static const struct bf_field update_fields[] = {
	{"name", BF_FIELD_TEXT, .rule = rule_name}, REST_OF_FIELDS};
static const struct bf_field join_fields[] = {
	{"password", BF_FIELD_TEXT, .max = 256, .text = "of a channel that has one"}, {NULL}};
static const struct bf_field acl_fields[] = {
	{"entries", BF_FIELD_LIST, .is_required = true, .max = ACL_MAX,
		.text = "in order, later ones count more: {everyone: true} or {user: id} or {role: "
			"id}, with allow and deny (names of rights), here and below"},
	{NULL}};

#define READ BF_HTTP_SIGNED_IN, BF_PERMIT(BF_CHANNELS_READ)
#define ONE  "/api/channels/{channel}"

/* clang-format off */
static const struct bf_http_route routes[] = {
	{"GET", "/api/channels", on_list, "Channels that one may see, in pages", READ},
	{"POST", "/api/channels", on_create, "Make a channel", READ, .request = create_fields},
	{"GET", ONE, on_show, "One channel", READ},
	{"PUT", ONE, on_update, "Change, or move, a channel", READ, .request = update_fields},
	{"DELETE", ONE, on_delete, "Remove a channel and all below it", READ},
	{"GET", ONE "/acl", on_channel_acl_get, "Who may do what in a channel", READ},
	{"PUT", ONE "/acl", on_channel_acl_put, "Replace a channel's list", READ, .request = acl_fields},
	{"POST", ONE "/join", on_channel_join, "A join token for a channel's room", BF_HTTP_SIGNED_IN,
		BF_PERMIT(BF_CALLS_JOIN), .request = join_fields},
};
/* clang-format on */

int bf_channels_new(struct bf_channels **out, struct bf_rest *rest, const char *join_key_path)
{
	struct bf_channels *channels = calloc(1, sizeof(*channels));
	int err;

	if (!channels)
		return -ENOMEM;
	channels->rest = rest;
	channels->join_key_path = join_key_path;
	bf_trees_init(&channels->trees, rest);
	err = bf_http_server_add(rest->http, routes, sizeof(routes) / sizeof(routes[0]), channels);
	if (err) {
		bf_channels_free(channels);
		return err;
	}
	*out = channels;
	return 0;
}

void bf_channels_free(struct bf_channels *channels)
{
	if (!channels)
		return;
	bf_trees_deinit(&channels->trees);
	free(channels);
}
