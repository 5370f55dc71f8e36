/* storage/repo/channels.h - tables channels and channel_acl: the tree of channels, and who may do what in them.
 *
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_CHANNELS_H
#define BF_STORAGE_REPO_CHANNELS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_CHANNEL_COLUMNS(FIRST, NEXT)          \
	FIRST(UUID, org_id)                      \
	NEXT(UUID, id)                           \
	NEXT(UUID_OR_NULL, parent_id)            \
	NEXT(TEXT, name)                         \
	NEXT(TEXT, name_key)                     \
	NEXT(TEXT, description)                  \
	NEXT(INT, position)                      \
	NEXT(INT_OR_NULL, participant_count_max) \
	NEXT(BOOL, is_temporary)                 \
	NEXT(TEXT_OR_NULL, password_hash)        \
	NEXT(JSON, settings)                     \
	NEXT(UUID_OR_NULL, created_by)           \
	NEXT(TIME, created_at)                   \
	NEXT(TIME, updated_at)

struct bf_channel {
	BF_TABLE_FIELDS(BF_CHANNEL_COLUMNS)
};

/* The next row of a step that brings channels. False: there are no more. */
bool bf_channel_next(struct bf_db_rows *rows, struct bf_channel *row);

/* BF_DB_EXISTS: channels_org_id_parent_id_name_key_key, channels_top_key. BF_DB_NO_PARENT: there is no such parent here. */
void bf_channel_add(struct bf_tx *tx, const struct bf_channel *channel);
void bf_channel_get(struct bf_tx *tx, struct bf_uuid id);

/* Those after `after_id` (zero: from the first) by id, at most `row_count`: pages of the whole tree. */
void bf_channel_list(struct bf_tx *tx, struct bf_uuid after_id, int64_t row_count);

/* Those directly below `parent_id` (zero: the top), by position and name; at most BF_PAGE_ROW_COUNT_MAX. */
void bf_channel_list_below(struct bf_tx *tx, struct bf_uuid parent_id);

/* One: the channel itself and all above it, bringing their ids from below to the top. */
void bf_channel_list_above(struct bf_tx *tx, struct bf_uuid id);

/* One: all but created_*. That a channel does not come to lie below itself is for the caller to see to, in bf_channel_list_above. */
void bf_channel_update(struct bf_tx *tx, const struct bf_channel *channel);

/* One, with all below it. */
void bf_channel_remove(struct bf_tx *tx, struct bf_uuid id);

#define BF_CHANNEL_ACL_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)                 \
	NEXT(UUID, id)                      \
	NEXT(UUID, channel_id)              \
	NEXT(INT, position)                 \
	NEXT(TEXT, subject_kind)            \
	NEXT(UUID_OR_NULL, user_id)         \
	NEXT(UUID_OR_NULL, role_id)         \
	NEXT(INT, allow)                    \
	NEXT(INT, deny)                     \
	NEXT(BOOL, applies_here)            \
	NEXT(BOOL, applies_below)

/* An entry: those that stand later count more. subject_kind is "user", "role" or "everyone". */
struct bf_channel_acl {
	BF_TABLE_FIELDS(BF_CHANNEL_ACL_COLUMNS)
};

bool bf_channel_acl_next(struct bf_db_rows *rows, struct bf_channel_acl *row);

/* Of one channel, by position; of all, for a cache. */
void bf_channel_acl_list(struct bf_tx *tx, struct bf_uuid channel_id);
void bf_channel_acl_list_all(struct bf_tx *tx, struct bf_uuid after_id, int64_t row_count);

/* A channel's list is replaced as a whole: clear, then add, in one transaction. */
void bf_channel_acl_clear(struct bf_tx *tx, struct bf_uuid channel_id);
void bf_channel_acl_add(struct bf_tx *tx, const struct bf_channel_acl *entry);

#endif
