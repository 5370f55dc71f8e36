#include "core/loop/inbox.h"

#include "core/loop/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CACHE_LINE 64

/* A bounded queue with many producers and one consumer. Each slot carries a turn number: `turn == pos` means
 * free for the producer that draws position `pos`, `turn == pos + 1` means filled. Producers draw positions
 * by compare-and-swap on `tail`; a slot not yet free means that the queue is full. A producer
 * that was interrupted between drawing and filling holds back those behind it until it goes on, and it then
 * wakes the loop itself if that has fallen asleep meanwhile. */
struct slot {
	_Atomic size_t turn;
	struct bf_msg *msg;
};

struct bf_inbox {
	/* given */
	struct bf_loop *loop;
	void (*on_message)(void *arg, struct bf_msg *msg);
	void *arg;

	/* owned */
	struct slot *slots;

	/* state of the receiver */
	size_t mask;
	size_t head;
	struct bf_list node;
	bool is_delivering;
	bool is_freed; /* by its own on_message */

	/* state of the posters, on a line of its own: it moves with every post */
	_Alignas(CACHE_LINE) _Atomic size_t tail;
};

static size_t round_up(size_t slot_count)
{
	size_t count = 2;

	while (count < slot_count)
		count *= 2;
	return count;
}

size_t bf_inbox_bytes(size_t slot_count)
{
	return sizeof(struct bf_inbox) + round_up(slot_count) * sizeof(struct slot);
}

int bf_inbox_new(struct bf_inbox **out, struct bf_loop *loop, size_t slot_count,
	void (*on_message)(void *arg, struct bf_msg *msg), void *arg)
{
	struct bf_inbox *inbox;
	size_t count;

	assert(out);
	if (slot_count == 0 || slot_count > (size_t)1 << 24)
		return -EINVAL;
	count = round_up(slot_count);
	inbox = aligned_alloc(CACHE_LINE, sizeof(*inbox));
	if (!inbox)
		return -ENOMEM;
	*inbox = (struct bf_inbox){
		.loop = loop, .on_message = on_message, .arg = arg, .mask = count - 1};
	inbox->slots = calloc(count, sizeof(*inbox->slots));
	if (!inbox->slots) {
		free(inbox);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		atomic_init(&inbox->slots[i].turn, i);
	atomic_init(&inbox->tail, 0);
	bf_list_append(&loop->inboxes, &inbox->node);
	*out = inbox;
	return 0;
}

static bool has_message(const struct bf_inbox *inbox)
{
	return atomic_load(&inbox->slots[inbox->head & inbox->mask].turn) == inbox->head + 1;
}

static struct bf_msg *take(struct bf_inbox *inbox)
{
	struct slot *slot = &inbox->slots[inbox->head & inbox->mask];
	struct bf_msg *msg;

	if (!has_message(inbox))
		return NULL;
	msg = slot->msg;
	atomic_store_explicit(&slot->turn, inbox->head + inbox->mask + 1, memory_order_release);
	inbox->head++;
	return msg;
}

static void destroy(struct bf_inbox *inbox)
{
	struct bf_msg *msg;

	while ((msg = take(inbox)) != NULL)
		bf_msg_free(msg);
	free(inbox->slots);
	free(inbox);
}

void bf_inbox_free(struct bf_inbox *inbox)
{
	if (!inbox)
		return;
	if (inbox->loop->inbox_next == inbox) {
		struct bf_list *next = inbox->node.next;

		inbox->loop->inbox_next = next == &inbox->loop->inboxes
						  ? NULL
						  : BF_CONTAINER(next, struct bf_inbox, node);
	}
	bf_list_remove(&inbox->node);
	if (inbox->is_delivering)
		inbox->is_freed = true;
	else
		destroy(inbox);
}

int bf_inbox_post(struct bf_inbox *inbox, struct bf_msg *msg)
{
	size_t pos = atomic_load_explicit(&inbox->tail, memory_order_relaxed);
	struct slot *slot;

	for (;;) {
		size_t slot_turn;

		slot = &inbox->slots[pos & inbox->mask];
		slot_turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
		if (slot_turn == pos) {
			if (atomic_compare_exchange_weak_explicit(&inbox->tail, &pos, pos + 1,
				    memory_order_relaxed, memory_order_relaxed))
				break;
		} else if ((ptrdiff_t)(slot_turn - pos) < 0) {
			return -ENOBUFS;
		} else {
			pos = atomic_load_explicit(&inbox->tail, memory_order_relaxed);
		}
	}
	slot->msg = msg;
	atomic_store(&slot->turn, pos + 1);
	bf_loop_rouse(inbox->loop);
	return 0;
}

bool bf_inboxes_have_message(const struct bf_loop *loop)
{
	for (const struct bf_list *at = loop->inboxes.next; at != &loop->inboxes; at = at->next)
		if (has_message(BF_CONTAINER(at, struct bf_inbox, node)))
			return true;
	return false;
}

static void deliver(struct bf_inbox *inbox)
{
	struct bf_msg *msg;

	inbox->is_delivering = true;
	for (int i = 0; i < BF_INBOX_BATCH && !inbox->is_freed; i++) {
		msg = take(inbox);
		if (!msg)
			break;
		inbox->on_message(inbox->arg, msg);
	}
	inbox->is_delivering = false;
	if (inbox->is_freed)
		destroy(inbox);
}

void bf_inboxes_run(struct bf_loop *loop)
{
	struct bf_list *first = bf_list_first(&loop->inboxes);

	loop->inbox_next = first ? BF_CONTAINER(first, struct bf_inbox, node) : NULL;
	while (loop->inbox_next) {
		struct bf_inbox *inbox = loop->inbox_next;
		struct bf_list *next = inbox->node.next;

		loop->inbox_next =
			next == &loop->inboxes ? NULL : BF_CONTAINER(next, struct bf_inbox, node);
		deliver(inbox);
	}
}
