#include "signaling/channels/channels_priv.h"
#include "signaling/rest/shape.h"

#include <stdio.h>
#include <string.h>

/* The list of a channel: read, and replaced as a whole. */

/* ---- reading ---- */

static struct bf_json *shape_entry(const struct bf_channel_entry *entry)
{
	struct bf_json *item = bf_json_object();

	if (entry->is_everyone)
		bf_json_put_bool(item, "everyone", true);
	else if (bf_uuid_equal(entry->user, (struct bf_uuid){{0}}))
		bf_shape_uuid(item, "role", entry->role);
	else
		bf_shape_uuid(item, "user", entry->user);
	bf_json_put(item, "allow", shape_rights(entry->allow));
	bf_json_put(item, "deny", shape_rights(entry->deny));
	bf_json_put_bool(item, "here", entry->applies_here);
	bf_json_put_bool(item, "below", entry->applies_below);
	return item;
}

static void show(struct bf_op *op, const struct bf_tree *tree)
{
	const struct bf_tree_channel *channel;
	struct bf_json *body, *list;
	uint32_t rights;

	channel = visit_find(op, tree, BF_CHANNEL_WRITE, &rights);
	if (!channel)
		return;
	body = bf_json_object();
	list = bf_json_array();
	for (size_t i = 0; i < channel->entry_count; i++)
		bf_json_push(list, shape_entry(&tree->entries[channel->first_entry + i]));
	bf_json_put(body, "entries", list);
	bf_op_reply(op, 200, body);
}

void on_channel_acl_get(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op = bf_op_new(channels->rest, channels, exchange, sizeof(struct visit));

	if (op)
		visit_begin(op, bf_op_param(request, 0), show);
}

/* ---- replacing ---- */

struct replacing {
	struct visit visit; /* first */
	struct bf_channel_entry entries[ACL_MAX];
	size_t count;
};

static const char *read_rights(const struct bf_json *item, const char *key, uint32_t *out)
{
	const struct bf_json *names = bf_json_get(item, key);
	struct bf_bytes name;

	*out = 0;
	if (names && !bf_json_is_array(names))
		return "allow and deny are lists of names";
	for (size_t i = 0; i < bf_json_count(names); i++) {
		uint32_t right = bf_json_as_str(bf_json_at(names, i), &name)
					 ? 0
					 : bf_channel_right_of((const char *)name.data);

		if (!right)
			return "allow and deny name a right that does not exist";
		*out |= right;
	}
	return NULL;
}

static const char *read_flag(const struct bf_json *item, const char *key, bool *out)
{
	*out = true;
	return bf_json_get(item, key) && bf_json_get_bool(item, key, out)
		       ? "here and below are true or false"
		       : NULL;
}

static const char *read_whose(const struct bf_json *item, struct bf_channel_entry *entry)
{
	struct bf_bytes user, role;
	bool has_user = bf_json_get_str(item, "user", &user) == 0;
	bool has_role = bf_json_get_str(item, "role", &role) == 0;

	(void)bf_json_get_bool(item, "everyone", &entry->is_everyone);
	if (has_user + has_role + entry->is_everyone != 1)
		return "an entry is about everyone, or a user, or a role";
	if ((has_user && bf_uuid_parse(&entry->user, user)) ||
		(has_role && bf_uuid_parse(&entry->role, role)))
		return "user and role are ids";
	return NULL;
}

static const char *read_entry(const struct bf_json *item, struct bf_channel_entry *entry)
{
	static const char *const known[] = {
		"everyone", "user", "role", "allow", "deny", "here", "below"};
	const char *wrong;

	if (!bf_json_is_object(item))
		return "an entry is an object";
	for (const char *key = bf_json_next_key(item, NULL); key;
		key = bf_json_next_key(item, key)) {
		bool is_known = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strcmp(known[i], key) == 0;
		if (!is_known)
			return "an entry has a member that is not known";
	}
	wrong = read_whose(item, entry);
	if (!wrong)
		wrong = read_rights(item, "allow", &entry->allow);
	if (!wrong)
		wrong = read_rights(item, "deny", &entry->deny);
	if (!wrong)
		wrong = read_flag(item, "here", &entry->applies_here);
	return wrong ? wrong : read_flag(item, "below", &entry->applies_below);
}

static void on_replaced(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_channels *channels = op->owner;

	bf_trees_forget(&channels->trees, op->caller.org);
	if (answer->status == BF_DB_OK)
		bf_trees_get(&channels->trees, op, show);
	else
		bf_op_refuse(op, 422, "invalid",
			"entries: one is about a user or a role that does not exist");
}

static void replace(struct bf_op *op, const struct bf_tree *tree)
{
	const struct replacing *replacing = op->more;
	const struct bf_tree_channel *channel;
	uint32_t rights;
	struct bf_tx tx;

	channel = visit_find(op, tree, BF_CHANNEL_WRITE, &rights);
	if (!channel)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_acl_clear(&tx, channel->id);
	for (size_t i = 0; i < replacing->count; i++) {
		const struct bf_channel_entry *entry = &replacing->entries[i];
		bool has_role = !bf_uuid_equal(entry->role, (struct bf_uuid){{0}});
		const struct bf_channel_acl row = {.id = bf_uuid_make(),
			.channel_id = channel->id,
			.position = (int64_t)i,
			.subject_kind = bf_bytes_str(entry->is_everyone ? "everyone"
						     : has_role		? "role"
									: "user"),
			.user_id = entry->user,
			.role_id = entry->role,
			.allow = entry->allow,
			.deny = entry->deny,
			.applies_here = entry->applies_here,
			.applies_below = entry->applies_below};

		bf_channel_acl_add(&tx, &row);
	}
	bf_op_ask_or(op, &tx, on_replaced);
}

void on_channel_acl_put(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op =
		bf_op_read(channels->rest, channels, exchange, request, sizeof(struct replacing));
	const struct bf_json *list;
	struct replacing *replacing;
	char detail[128];

	if (!op)
		return;
	replacing = op->more;
	list = bf_json_get(op->body, "entries");
	for (size_t i = 0; i < bf_json_count(list); i++) {
		const char *wrong =
			read_entry(bf_json_at(list, i), &replacing->entries[replacing->count++]);

		if (!wrong)
			continue;
		snprintf(detail, sizeof(detail), "entries: %s", wrong);
		bf_op_refuse(op, 422, "invalid", detail);
		return;
	}
	visit_begin(op, bf_op_param(request, 0), replace);
}
