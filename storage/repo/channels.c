#include "storage/repo/channels.h"

#include "storage/repo/statements.h"

#define NAMES	  BF_TABLE_NAMES(BF_CHANNEL_COLUMNS)
#define TYPES	  BF_TABLE_TYPES(BF_CHANNEL_COLUMNS)
#define ACL_NAMES BF_TABLE_NAMES(BF_CHANNEL_ACL_COLUMNS)
#define ACL_TYPES BF_TABLE_TYPES(BF_CHANNEL_ACL_COLUMNS)

BF_TABLE_READER(channel, BF_CHANNEL_COLUMNS)
BF_TABLE_WRITER(channel, BF_CHANNEL_COLUMNS)
BF_TABLE_READER(channel_acl, BF_CHANNEL_ACL_COLUMNS)
BF_TABLE_WRITER(channel_acl, BF_CHANNEL_ACL_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_CHANNEL_COLUMNS) == 14, "as many parameters as columns");
_Static_assert(BF_TABLE_COUNT(BF_CHANNEL_ACL_COLUMNS) == 11, "as many parameters as columns");

enum {
	ADD,
	GET,
	LIST,
	LIST_TOP,
	LIST_BELOW,
	LIST_ABOVE,
	UPDATE,
	REMOVE,
	ACL_LIST,
	ACL_LIST_ALL,
	ACL_CLEAR,
	ACL_ADD,
};

const struct bf_db_statement bf_channel_statements[] = {
	[ADD] = {"channel_add", "INSERT INTO channels (" NAMES ") VALUES (" BF_SQL_PARAMS_14 ")",
		NULL, TYPES, "", false},
	[GET] = {"channel_get", "SELECT " NAMES " FROM channels WHERE org_id = $1 AND id = $2",
		NULL, "uu", TYPES, false},
	[LIST] = {"channel_list",
		"SELECT " NAMES " FROM channels WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3",
		NULL, "uui", TYPES, false},
	[LIST_TOP] = {"channel_list_top",
		"SELECT " NAMES " FROM channels WHERE org_id = $1 AND parent_id IS NULL"
		" ORDER BY position, name_key LIMIT 500",
		NULL, "u", TYPES, false},
	[LIST_BELOW] = {"channel_list_below",
		"SELECT " NAMES " FROM channels WHERE org_id = $1 AND parent_id = $2"
		" ORDER BY position, name_key LIMIT 500",
		NULL, "uu", TYPES, false},
	/* 64: a ring, which should not be, ends there */
	[LIST_ABOVE] = {"channel_list_above",
		"WITH RECURSIVE above (id, parent_id, depth) AS ("
		"SELECT id, parent_id, 0 FROM channels WHERE org_id = $1 AND id = $2"
		" UNION ALL SELECT c.id, c.parent_id, a.depth + 1 FROM channels c JOIN above a"
		" ON c.org_id = $1 AND c.id = a.parent_id WHERE a.depth < 64)"
		" SELECT id FROM above ORDER BY depth",
		NULL, "uu", "u", false},
	[UPDATE] = {"channel_update",
		"UPDATE channels SET parent_id = $3, name = $4, name_key = $5, description = $6,"
		" position = $7, participant_count_max = $8, is_temporary = $9, password_hash = "
		"$10,"
		" settings = $11, updated_at = $12 WHERE org_id = $1 AND id = $2",
		NULL, "uuutttiibtjz", "", false},
	[REMOVE] = {"channel_remove", "DELETE FROM channels WHERE org_id = $1 AND id = $2", NULL,
		"uu", "", false},
	[ACL_LIST] = {"channel_acl_list",
		"SELECT " ACL_NAMES " FROM channel_acl WHERE org_id = $1 AND channel_id = $2"
		" ORDER BY position LIMIT 500",
		NULL, "uu", ACL_TYPES, false},
	[ACL_LIST_ALL] = {"channel_acl_list_all",
		"SELECT " ACL_NAMES " FROM channel_acl WHERE org_id = $1 AND id > $2"
		" ORDER BY id LIMIT $3",
		NULL, "uui", ACL_TYPES, false},
	[ACL_CLEAR] = {"channel_acl_clear",
		"DELETE FROM channel_acl WHERE org_id = $1 AND channel_id = $2", NULL, "uu", "",
		false},
	[ACL_ADD] = {"channel_acl_add",
		"INSERT INTO channel_acl (" ACL_NAMES ") VALUES (" BF_SQL_PARAMS_11 ")", NULL,
		ACL_TYPES, "", false},
};
const size_t bf_channel_statement_count = BF_STATEMENT_COUNT(bf_channel_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_channel_statements[idx], params, expected);
}

/* Pages by id. */
static void add_page(struct bf_tx *tx, int idx, struct bf_uuid after_id, int64_t row_count)
{
	const struct bf_page page = {.row_count = row_count};
	const struct bf_db_value params[] = {bf_db_uuid(after_id), bf_db_int(bf_page_rows(&page))};

	add(tx, idx, params, BF_DB_ANY);
}

void bf_channel_add(struct bf_tx *tx, const struct bf_channel *channel)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_CHANNEL_COLUMNS)];

	put_channel(values, channel);
	add(tx, ADD, values + 1, 1);
}

void bf_channel_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_channel_list(struct bf_tx *tx, struct bf_uuid after_id, int64_t row_count)
{
	add_page(tx, LIST, after_id, row_count);
}

void bf_channel_list_below(struct bf_tx *tx, struct bf_uuid parent_id)
{
	const struct bf_db_value parent = bf_kind_put_UUID_OR_NULL(parent_id);

	add(tx, parent.is_set ? LIST_BELOW : LIST_TOP, &parent, BF_DB_ANY);
}

void bf_channel_list_above(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, LIST_ABOVE, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_channel_update(struct bf_tx *tx, const struct bf_channel *channel)
{
	const struct bf_db_value params[] = {bf_db_uuid(channel->id),
		bf_kind_put_UUID_OR_NULL(channel->parent_id), bf_db_bytes(channel->name),
		bf_db_bytes(channel->name_key), bf_db_bytes(channel->description),
		bf_db_int(channel->position),
		bf_kind_put_INT_OR_NULL(channel->participant_count_max),
		bf_db_bool(channel->is_temporary), bf_kind_put_TEXT_OR_NULL(channel->password_hash),
		bf_kind_put_JSON(channel->settings), bf_db_time(channel->updated_at)};

	add(tx, UPDATE, params, 1);
}

void bf_channel_remove(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, REMOVE, (struct bf_db_value[]){bf_db_uuid(id)}, 1);
}

void bf_channel_acl_list(struct bf_tx *tx, struct bf_uuid channel_id)
{
	add(tx, ACL_LIST, (struct bf_db_value[]){bf_db_uuid(channel_id)}, BF_DB_ANY);
}

void bf_channel_acl_list_all(struct bf_tx *tx, struct bf_uuid after_id, int64_t row_count)
{
	add_page(tx, ACL_LIST_ALL, after_id, row_count);
}

void bf_channel_acl_clear(struct bf_tx *tx, struct bf_uuid channel_id)
{
	add(tx, ACL_CLEAR, (struct bf_db_value[]){bf_db_uuid(channel_id)}, BF_DB_ANY);
}

void bf_channel_acl_add(struct bf_tx *tx, const struct bf_channel_acl *entry)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_CHANNEL_ACL_COLUMNS)];

	put_channel_acl(values, entry);
	add(tx, ACL_ADD, values + 1, 1);
}
