/* signaling/channels/tree.h - an organization's channels and their lists as of one moment, in memory: a list of them, and each question of
 * who may do what, would take a query for each channel otherwise.
 *
 * Built row by row: all channels in the order of their ids, then all entries of their lists; then bf_tree_finish.
 * Owner:   the caller.   Thread: one.
 * Limits:  BF_TREE_CHANNELS_MAX channels, BF_TREE_ENTRIES_MAX entries; BF_CHANNEL_DEPTH_MAX levels (signaling/auth/channel_acl.h).
 */
#ifndef BF_SIGNALING_CHANNELS_TREE_H
#define BF_SIGNALING_CHANNELS_TREE_H

#include "signaling/auth/channel_acl.h"
#include "storage/repo/channels.h"

#define BF_TREE_CHANNELS_MAX 100000
#define BF_TREE_ENTRIES_MAX  400000

struct bf_tree_channel {
	struct bf_uuid id, parent; /* zero: at the top */
	char *name, *description;
	int64_t position, participant_count_max, created_at, updated_at;
	bool is_temporary, has_password;
	/* state */
	int32_t parent_idx; /* -1: at the top */
	uint32_t depth;	    /* from 1 */
	size_t first_entry, entry_count;
};

struct bf_tree {
	/* owned */
	struct bf_tree_channel *channels; /* by id */
	struct bf_channel_entry
		*entries; /* of a channel together, by position, once it is finished */
	struct bf_tree_entry_place *places;
	/* state */
	size_t channel_count, channel_capacity, entry_count, entry_capacity;
};

void bf_tree_deinit(struct bf_tree *tree); /* safe on zeros */

/* -ENOBUFS: too many; -ENOMEM. */
int bf_tree_add(struct bf_tree *tree, const struct bf_channel *row);
int bf_tree_add_entry(struct bf_tree *tree, const struct bf_channel_acl *row);
int bf_tree_finish(struct bf_tree *tree);

/* NULL: there is none. */
const struct bf_tree_channel *bf_tree_find(const struct bf_tree *tree, struct bf_uuid id);

/* 0 where the way to it is longer than a tree may be deep. */
uint32_t bf_tree_rights(const struct bf_tree *tree, const struct bf_tree_channel *channel,
	const struct bf_channel_subject *subject);

/* Whether `channel` may lie below `parent` (zero: at the top): not below itself, and nothing of it too deep. NULL: it may; else why not. */
const char *bf_tree_may_move(
	const struct bf_tree *tree, const struct bf_tree_channel *channel, struct bf_uuid parent);

#endif
