/* Rooms of several organizations come, go, flood and drop in any order: work is shared within what a visit is worth, and the
 * books agree with the items.
 *
 * Input: events of 3 bytes: what and which room, value (2 bytes).
 */
#include "core/base/bytes.h"
#include "media/cc/fair.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EVENT	3
#define ORGS	3
#define ROOMS	7
#define PLACES	64
#define QUANTUM 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
	struct bf_fair_room room;
	int64_t costs[PLACES]; /* of its items, in order */
	unsigned count;
};

struct world {
	struct bf_fair fair;
	struct bf_fair_org orgs[ORGS];
	struct owner owners[ROOMS];
	int64_t done[ORGS]; /* by each organization since all of them have had something to do */
	int64_t largest;
};

static int64_t take_item(struct owner *owner)
{
	int64_t cost = owner->costs[0];

	assert(owner->count > 0);
	owner->count--;
	memmove(owner->costs, owner->costs + 1, owner->count * sizeof(owner->costs[0]));
	return cost;
}

static void check(const struct world *world)
{
	uint32_t count = 0;
	int64_t backlog = 0;

	for (size_t i = 0; i < ROOMS; i++) {
		const struct owner *owner = &world->owners[i];
		int64_t own = 0;

		for (unsigned k = 0; k < owner->count; k++)
			own += owner->costs[k];
		assert(owner->room.item_count == owner->count && owner->room.backlog == own);
		assert(bf_list_is_empty(&owner->room.node) == (owner->count == 0));
		assert(owner->count > 0 || owner->room.deficit <= 0);
		count += owner->count;
		backlog += own;
	}
	assert(world->fair.item_count == count && count <= PLACES);
	assert(world->fair.backlog == backlog);
	assert(bf_list_is_empty(&world->fair.orgs) == (count == 0));
	for (size_t i = 0; i < ORGS; i++)
		assert(bf_list_is_empty(&world->orgs[i].node) == (world->orgs[i].item_count == 0));
}

/* While all organizations have had work, none has done more than the others by more than two visits and two items. */
static void check_shares(struct world *world)
{
	int64_t least = INT64_MAX, most = 0;

	for (size_t i = 0; i < ORGS; i++) {
		least = world->done[i] < least ? world->done[i] : least;
		most = world->done[i] > most ? world->done[i] : most;
	}
	assert(most - least <= 2 * world->fair.quantum + 2 * world->largest);
}

static void restart_shares(struct world *world)
{
	memset(world->done, 0, sizeof(world->done));
}

static void work(struct world *world, int64_t amount)
{
	int64_t allowance = 0, spent = 0;
	struct bf_fair_room *room = bf_fair_next(&world->fair, &allowance);
	struct owner *owner;

	if (!room) {
		assert(world->fair.item_count == 0);
		return;
	}
	assert(allowance > 0 && allowance <= world->fair.quantum);
	owner = BF_CONTAINER(room, struct owner, room);
	amount = amount < allowance ? amount : allowance;
	do {
		int64_t cost = take_item(owner);

		spent += cost;
		bf_fair_done(&world->fair, room, cost);
	} while (owner->count > 0 && spent < amount);
	world->done[room->org - world->orgs] += spent;
	check_shares(world);
	for (size_t i = 0; i < ORGS; i++)
		if (world->orgs[i].item_count == 0)
			restart_shares(world);
}

static void run_event(struct world *world, const uint8_t *event)
{
	struct owner *owner = &world->owners[event[0] % ROOMS];
	uint16_t value = bf_get_u16(event + 1);
	int64_t cost = value % 9000 + 1;

	switch (event[0] / 8 % 8) {
	case 0:
		bf_fair_remove(&world->fair, &owner->room);
		owner->count = 0;
		restart_shares(world);
		break;
	case 1:
		if (owner->count > 0)
			bf_fair_drop(&world->fair, &owner->room, take_item(owner));
		restart_shares(world);
		break;
	case 2:
	case 3:
	case 4:
		if (bf_fair_add(&world->fair, &owner->room, cost))
			break;
		owner->costs[owner->count++] = cost;
		world->largest = cost > world->largest ? cost : world->largest;
		break;
	default:
		work(world, value + 1);
	}
	check(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	bf_fair_init(&world.fair, QUANTUM, PLACES);
	for (size_t i = 0; i < ORGS; i++)
		bf_fair_org_init(&world.orgs[i]);
	for (size_t i = 0; i < ROOMS; i++)
		bf_fair_room_init(&world.owners[i].room, &world.orgs[i % ORGS]);
	for (; size >= EVENT; data += EVENT, size -= EVENT)
		run_event(&world, data);
	return 0;
}
