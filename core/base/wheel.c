#include "core/base/wheel.h"

#include <assert.h>

static unsigned slot_of(int64_t tick)
{
	return (unsigned)((uint64_t)tick % BF_WHEEL_SLOTS);
}

/* Bits of the slots in the order in which they come, from the next tick on. */
static uint64_t used_from_next(const struct bf_wheel *wheel)
{
	unsigned slot = slot_of(wheel->tick + 1);

	return slot == 0 ? wheel->used
			 : wheel->used >> slot | wheel->used << (BF_WHEEL_SLOTS - slot);
}

void bf_wheel_init(struct bf_wheel *wheel, int64_t grid_us, int64_t now_us)
{
	assert(grid_us > 0);
	*wheel = (struct bf_wheel){.grid_us = grid_us, .tick = now_us / grid_us};
	for (unsigned i = 0; i < BF_WHEEL_SLOTS; i++)
		bf_list_init(&wheel->slots[i]);
}

void bf_wheel_node_init(struct bf_wheel_node *node)
{
	bf_list_init(&node->node);
	node->at_us = INT64_MAX;
}

void bf_wheel_remove(struct bf_wheel_node *node)
{
	bf_list_remove(&node->node); /* the slot's bit stays until somebody looks */
	node->at_us = INT64_MAX;
}

static void put(struct bf_wheel *wheel, struct bf_wheel_node *node, int64_t at_us)
{
	int64_t tick = at_us / wheel->grid_us + (at_us % wheel->grid_us > 0);

	bf_list_remove(&node->node);
	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick > wheel->tick + BF_WHEEL_SLOTS)
		tick = wheel->tick + BF_WHEEL_SLOTS;
	node->at_us = at_us;
	bf_list_append(&wheel->slots[slot_of(tick)], &node->node);
	wheel->used |= UINT64_C(1) << slot_of(tick);
}

void bf_wheel_put(struct bf_wheel *wheel, struct bf_wheel_node *node, int64_t at_us, int64_t now_us)
{
	if (at_us == INT64_MAX) {
		bf_wheel_remove(node);
		return;
	}
	/* Nobody turns an empty wheel. */
	if (wheel->used == 0 && wheel->tick < now_us / wheel->grid_us)
		wheel->tick = now_us / wheel->grid_us;
	put(wheel, node, at_us);
}

/* A node of this slot that is due; those that are not go on to the last slot within reach, which is another one. */
static struct bf_wheel_node *take_due(struct bf_wheel *wheel, struct bf_list *slot, int64_t now_us)
{
	struct bf_list *first;

	while ((first = bf_list_first(slot))) {
		struct bf_wheel_node *node = BF_CONTAINER(first, struct bf_wheel_node, node);

		if (node->at_us <= now_us) {
			bf_wheel_remove(node);
			return node;
		}
		put(wheel, node, node->at_us);
		assert(bf_list_first(slot) != first);
	}
	return NULL;
}

struct bf_wheel_node *bf_wheel_next(struct bf_wheel *wheel, int64_t now_us)
{
	int64_t now_tick = now_us / wheel->grid_us;

	/* After a long sleep one round sees every slot. So it does when the clock has gone back. */
	if (wheel->tick < now_tick - BF_WHEEL_SLOTS || wheel->tick > now_tick)
		wheel->tick = now_tick - BF_WHEEL_SLOTS;
	while (wheel->tick < now_tick) {
		unsigned slot = slot_of(wheel->tick + 1);
		struct bf_wheel_node *node;

		if (wheel->used == 0) {
			wheel->tick = now_tick;
			break;
		}
		node = take_due(wheel, &wheel->slots[slot], now_us);
		if (node)
			return node;
		wheel->used &= ~(UINT64_C(1) << slot);
		wheel->tick++;
	}
	return NULL;
}

int64_t bf_wheel_deadline_us(const struct bf_wheel *wheel)
{
	uint64_t used = used_from_next(wheel);

	for (; used; used &= used - 1) {
		int64_t tick = wheel->tick + 1 + __builtin_ctzll(used);

		if (!bf_list_is_empty(&wheel->slots[slot_of(tick)]))
			return tick * wheel->grid_us;
	}
	return INT64_MAX;
}
