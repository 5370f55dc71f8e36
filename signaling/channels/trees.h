/* signaling/channels/trees.h - the trees of organizations, kept for a moment: many who ask at once share one look into the database.
 *
 * What another server changes shows within BF_TREES_FRESH_US; what this one changes, at once (bf_trees_forget).
 * Owner:   the channels.   Thread: control.
 * Limits:  BF_TREES_MAX organizations; the one that nobody has asked for the longest makes room.
 */
#ifndef BF_SIGNALING_CHANNELS_TREES_H
#define BF_SIGNALING_CHANNELS_TREES_H

#include "core/base/clock.h"
#include "signaling/channels/tree.h"
#include "signaling/rest/op.h"

#define BF_TREES_FRESH_US BF_SEC(1)
#define BF_TREES_MAX	  64

struct bf_trees {
	/* given */
	struct bf_rest *rest;
	/* owned */
	struct bf_list trees; /* struct kept, the last asked for at the end */
	/* state */
	size_t count;
};

void bf_trees_init(struct bf_trees *trees, struct bf_rest *rest);

/* After bf_rest_deinit: who waits is not answered any more. */
void bf_trees_deinit(struct bf_trees *trees);

/* `then` gets the tree of the op's caller's organization, lent until it returns, now or later; or the op is refused. */
typedef void bf_trees_then(struct bf_op *op, const struct bf_tree *tree);
void bf_trees_get(struct bf_trees *trees, struct bf_op *op, bf_trees_then *then);

/* Something of it has changed: the next one who asks looks anew. */
void bf_trees_forget(struct bf_trees *trees, struct bf_uuid org);

#endif
