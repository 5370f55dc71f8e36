/* storage/repo/history.h - reads what storage/repo/calls.h records: tables call_sessions and webrtc_connections, view room_stats.
 *
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_HISTORY_H
#define BF_STORAGE_REPO_HISTORY_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_CALL_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)          \
	NEXT(UUID, id)               \
	NEXT(TEXT, room)             \
	NEXT(TIME, started_at)       \
	NEXT(TIME_OR_NULL, ended_at)

struct bf_call {
	BF_TABLE_FIELDS(BF_CALL_COLUMNS)
};

bool bf_call_next(struct bf_db_rows *rows, struct bf_call *row);

/* The newest first: those before (after_us, after_id), or all where after_us is 0. */
void bf_call_list(struct bf_tx *tx, const struct bf_page *page);
void bf_call_list_of_room(struct bf_tx *tx, struct bf_bytes room, const struct bf_page *page);
void bf_call_get(struct bf_tx *tx, struct bf_uuid id);

#define BF_CONNECTION_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)                \
	NEXT(UUID, id)                     \
	NEXT(UUID, call_id)                \
	NEXT(UUID_OR_NULL, user_id)        \
	NEXT(TEXT, name)                   \
	NEXT(TEXT, kind)                   \
	NEXT(INT, worker)                  \
	NEXT(TIME, joined_at)              \
	NEXT(TIME_OR_NULL, left_at)

struct bf_connection {
	BF_TABLE_FIELDS(BF_CONNECTION_COLUMNS)
};

bool bf_connection_next(struct bf_db_rows *rows, struct bf_connection *row);

/* Of one call, in the order of joining: those after `after_id`, by id. */
void bf_connection_list(
	struct bf_tx *tx, struct bf_uuid call_id, struct bf_uuid after_id, int64_t row_count);

#define BF_ROOM_STATS_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)                \
	NEXT(TEXT, room)                   \
	NEXT(INT, call_count)              \
	NEXT(TIME, last_started_at)        \
	NEXT(INT, ended_calls_us)

struct bf_room_stats {
	BF_TABLE_FIELDS(BF_ROOM_STATS_COLUMNS)
};

bool bf_room_stats_next(struct bf_db_rows *rows, struct bf_room_stats *row);
void bf_room_stats_get(struct bf_tx *tx, struct bf_bytes room);

#endif
