#include "storage/repo/history.h"

#include "storage/repo/statements.h"

#define NAMES		 BF_TABLE_NAMES(BF_CALL_COLUMNS)
#define TYPES		 BF_TABLE_TYPES(BF_CALL_COLUMNS)
#define CONNECTION_NAMES BF_TABLE_NAMES(BF_CONNECTION_COLUMNS)
#define CONNECTION_TYPES BF_TABLE_TYPES(BF_CONNECTION_COLUMNS)
#define STATS_NAMES	 BF_TABLE_NAMES(BF_ROOM_STATS_COLUMNS)
#define STATS_TYPES	 BF_TABLE_TYPES(BF_ROOM_STATS_COLUMNS)
#define LAST_US		 INT64_C(253402300800000000) /* the year 10000: later than any call */

BF_TABLE_READER(call, BF_CALL_COLUMNS)
BF_TABLE_READER(connection, BF_CONNECTION_COLUMNS)
BF_TABLE_READER(room_stats, BF_ROOM_STATS_COLUMNS)

enum { LIST, LIST_OF_ROOM, GET, CONNECTION_LIST, ROOM_STATS };

const struct bf_db_statement bf_history_statements[] = {
	[LIST] = {"call_list",
		"SELECT " NAMES " FROM call_sessions WHERE org_id = $1 AND"
		" (started_at, id) < ($2, $3) ORDER BY started_at DESC, id DESC LIMIT $4",
		NULL, "uzui", TYPES, false},
	[LIST_OF_ROOM] = {"call_list_of_room",
		"SELECT " NAMES " FROM call_sessions WHERE org_id = $1 AND room = $2 AND"
		" (started_at, id) < ($3, $4) ORDER BY started_at DESC, id DESC LIMIT $5",
		NULL, "utzui", TYPES, false},
	[GET] = {"call_get", "SELECT " NAMES " FROM call_sessions WHERE org_id = $1 AND id = $2",
		NULL, "uu", TYPES, false},
	[CONNECTION_LIST] = {"connection_list",
		"SELECT " CONNECTION_NAMES " FROM webrtc_connections WHERE org_id = $1 AND"
		" call_id = $2 AND id > $3 ORDER BY id LIMIT $4",
		NULL, "uuui", CONNECTION_TYPES, false},
	[ROOM_STATS] = {"room_stats_get",
		"SELECT " STATS_NAMES " FROM room_stats WHERE org_id = $1 AND room = $2", NULL,
		"ut", STATS_TYPES, false},
};
const size_t bf_history_statement_count = BF_STATEMENT_COUNT(bf_history_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params)
{
	bf_tx_add(tx, &bf_history_statements[idx], params, BF_DB_ANY);
}

void bf_call_list(struct bf_tx *tx, const struct bf_page *page)
{
	const struct bf_db_value params[] = {bf_db_time(page->after_us ? page->after_us : LAST_US),
		bf_db_uuid(page->after_id), bf_db_int(bf_page_rows(page))};

	add(tx, LIST, params);
}

void bf_call_list_of_room(struct bf_tx *tx, struct bf_bytes room, const struct bf_page *page)
{
	const struct bf_db_value params[] = {bf_db_bytes(room),
		bf_db_time(page->after_us ? page->after_us : LAST_US), bf_db_uuid(page->after_id),
		bf_db_int(bf_page_rows(page))};

	add(tx, LIST_OF_ROOM, params);
}

void bf_call_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)});
}

void bf_connection_list(
	struct bf_tx *tx, struct bf_uuid call_id, struct bf_uuid after_id, int64_t row_count)
{
	const struct bf_page page = {.row_count = row_count};
	const struct bf_db_value params[] = {
		bf_db_uuid(call_id), bf_db_uuid(after_id), bf_db_int(bf_page_rows(&page))};

	add(tx, CONNECTION_LIST, params);
}

void bf_room_stats_get(struct bf_tx *tx, struct bf_bytes room)
{
	add(tx, ROOM_STATS, (struct bf_db_value[]){bf_db_bytes(room)});
}
