#include "signaling/channels/trees.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE 500

struct waiting {
	struct bf_list node;
	struct bf_op *op;
	bf_trees_then *then;
};

struct kept {
	struct bf_list node;
	struct bf_trees *trees;
	struct bf_uuid org;
	/* owned */
	struct bf_tree tree, next; /* the one in force; the one that is being read */
	struct bf_list waiting;
	/* state */
	int64_t read_us; /* when the one in force was begun; 0: there is none */
	int64_t began_us;
	int64_t call; /* at the database */
	struct bf_uuid after;
	bool is_answering;
	bool is_stale; /* what is being read may be of before a change */
};

static void read_channels(struct kept *kept);

static void drop(struct kept *kept)
{
	if (kept->call)
		bf_db_forget(kept->trees->rest->db, kept->call);
	BF_LIST_EACH(waiting, &kept->waiting, struct waiting, node)
		free(waiting);
	bf_tree_deinit(&kept->tree);
	bf_tree_deinit(&kept->next);
	bf_list_remove(&kept->node);
	kept->trees->count--;
	free(kept);
}

/* ---- who waits ---- */

static void answer_all(struct kept *kept, const char *wrong)
{
	struct bf_list *first;

	kept->is_answering = true; /* so that it stays, whatever they ask next */
	while ((first = bf_list_first(&kept->waiting)) != NULL) {
		struct waiting waiting = *BF_CONTAINER(first, struct waiting, node);

		bf_list_remove(first);
		free(BF_CONTAINER(first, struct waiting, node));
		if (wrong)
			bf_op_refuse(waiting.op, 503, "unavailable", wrong);
		else
			waiting.then(waiting.op, &kept->tree);
	}
	kept->is_answering = false;
}

static void fail(struct kept *kept, const char *wrong)
{
	bf_tree_deinit(&kept->next);
	answer_all(kept, wrong);
}

/* ---- reading ---- */

static void begin(struct kept *kept)
{
	kept->began_us = bf_clock_mono_us();
	kept->is_stale = false;
	kept->after = (struct bf_uuid){{0}};
	bf_tree_deinit(&kept->next);
	read_channels(kept);
}

static void finish(struct kept *kept)
{
	if (kept->is_stale) {
		begin(kept);
		return;
	}
	if (bf_tree_finish(&kept->next)) {
		fail(kept, "out of memory");
		return;
	}
	bf_tree_deinit(&kept->tree);
	kept->tree = kept->next;
	kept->next = (struct bf_tree){.channel_count = 0};
	kept->read_us = kept->began_us;
	answer_all(kept, NULL);
}

static void ask(struct kept *kept, struct bf_tx *tx, bf_db_on_answer *on_answer)
{
	int64_t call = bf_tx_ask(tx, kept->trees->rest->db, on_answer, kept);

	kept->call = call > 0 ? call : 0;
	if (call <= 0)
		fail(kept, "too much is at work already");
}

static void on_entries(void *arg, const struct bf_db_answer *answer);

static void read_entries(struct kept *kept)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, kept->org, (struct bf_uuid){{0}});
	bf_channel_acl_list_all(&tx, kept->after, PAGE);
	ask(kept, &tx, on_entries);
}

static void on_entries(void *arg, const struct bf_db_answer *answer)
{
	struct kept *kept = arg;
	struct bf_channel_acl row;
	struct bf_db_rows rows;
	size_t count = 0;
	int err = 0;

	kept->call = 0;
	if (answer->status != BF_DB_OK) {
		fail(kept, "the database cannot be reached: try again");
		return;
	}
	rows = answer->steps[0];
	while (!err && bf_channel_acl_next(&rows, &row)) {
		err = bf_tree_add_entry(&kept->next, &row);
		kept->after = row.id;
		count++;
	}
	if (err)
		fail(kept, "the organization has more channels than fit");
	else if (count == PAGE)
		read_entries(kept);
	else
		finish(kept);
}

static void on_channels(void *arg, const struct bf_db_answer *answer)
{
	struct kept *kept = arg;
	struct bf_channel row;
	struct bf_db_rows rows;
	size_t count = 0;
	int err = 0;

	kept->call = 0;
	if (answer->status != BF_DB_OK) {
		fail(kept, "the database cannot be reached: try again");
		return;
	}
	rows = answer->steps[0];
	while (!err && bf_channel_next(&rows, &row)) {
		err = bf_tree_add(&kept->next, &row);
		kept->after = row.id;
		count++;
	}
	if (err) {
		fail(kept, "the organization has more channels than fit");
	} else if (count == PAGE) {
		read_channels(kept);
	} else {
		kept->after = (struct bf_uuid){{0}};
		read_entries(kept);
	}
}

static void read_channels(struct kept *kept)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, kept->org, (struct bf_uuid){{0}});
	bf_channel_list(&tx, kept->after, PAGE);
	ask(kept, &tx, on_channels);
}

/* ---- asking ---- */

static struct kept *find(struct bf_trees *trees, struct bf_uuid org)
{
	BF_LIST_EACH(kept, &trees->trees, struct kept, node)
		if (bf_uuid_equal(kept->org, org))
			return kept;
	return NULL;
}

static void make_room(struct bf_trees *trees)
{
	BF_LIST_EACH(kept, &trees->trees, struct kept, node) {
		if (trees->count < BF_TREES_MAX)
			return;
		if (!kept->call && !kept->is_answering && bf_list_is_empty(&kept->waiting))
			drop(kept);
	}
}

static struct kept *provide(struct bf_trees *trees, struct bf_uuid org)
{
	struct kept *kept = find(trees, org);

	if (kept) {
		bf_list_remove(&kept->node);
		bf_list_append(&trees->trees, &kept->node);
		return kept;
	}
	make_room(trees);
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	kept->trees = trees;
	kept->org = org;
	bf_list_init(&kept->waiting);
	bf_list_append(&trees->trees, &kept->node);
	trees->count++;
	return kept;
}

void bf_trees_get(struct bf_trees *trees, struct bf_op *op, bf_trees_then *then)
{
	struct kept *kept = provide(trees, op->caller.org);
	struct waiting *waiting;

	if (kept && kept->read_us && kept->read_us + BF_TREES_FRESH_US > bf_clock_mono_us()) {
		then(op, &kept->tree);
		return;
	}
	waiting = kept ? calloc(1, sizeof(*waiting)) : NULL;
	if (!waiting) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	waiting->op = op;
	waiting->then = then;
	bf_list_append(&kept->waiting, &waiting->node);
	if (!kept->call)
		begin(kept);
}

void bf_trees_forget(struct bf_trees *trees, struct bf_uuid org)
{
	struct kept *kept = find(trees, org);

	if (!kept)
		return;
	kept->read_us = 0;
	kept->is_stale = true;
}

/* ---- life ---- */

void bf_trees_init(struct bf_trees *trees, struct bf_rest *rest)
{
	*trees = (struct bf_trees){.rest = rest};
	bf_list_init(&trees->trees);
}

void bf_trees_deinit(struct bf_trees *trees)
{
	BF_LIST_EACH(kept, &trees->trees, struct kept, node)
		drop(kept);
}
