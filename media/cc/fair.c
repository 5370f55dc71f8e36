#include "media/cc/fair.h"

#include <assert.h>
#include <errno.h>

/* How many of the free places a room, and an organization, may hold. */
#define ROOM_SHARE 1
#define ORG_SHARE  2

void bf_fair_init(struct bf_fair *fair, int64_t quantum, uint32_t item_count_max)
{
	assert(quantum > 0);
	*fair = (struct bf_fair){
		.quantum_min = quantum, .quantum = quantum, .item_count_max = item_count_max};
	bf_list_init(&fair->orgs);
}

void bf_fair_org_init(struct bf_fair_org *org)
{
	*org = (struct bf_fair_org){0};
	bf_list_init(&org->node);
	bf_list_init(&org->rooms);
}

void bf_fair_room_init(struct bf_fair_room *room, struct bf_fair_org *org)
{
	*room = (struct bf_fair_room){.org = org};
	bf_list_init(&room->node);
}

static void join(const struct bf_fair *fair, struct bf_list *head, struct bf_list *node,
	int64_t *deficit, uint32_t *epoch)
{
	bf_list_append(head, node);
	if (*epoch != fair->epoch)
		*deficit = 0;
	*epoch = fair->epoch;
}

int bf_fair_add(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost)
{
	uint64_t free_count = fair->item_count_max - fair->item_count;

	assert(cost > 0);
	if (room->item_count >= ROOM_SHARE * free_count ||
		room->org->item_count >= ORG_SHARE * free_count) {
		fair->refused_count++;
		return -ENOBUFS;
	}
	if (room->org->item_count++ == 0)
		join(fair, &fair->orgs, &room->org->node, &room->org->deficit, &room->org->epoch);
	if (room->item_count++ == 0)
		join(fair, &room->org->rooms, &room->node, &room->deficit, &room->epoch);
	fair->item_count++;
	room->backlog += cost;
	fair->backlog += cost;
	if (cost > fair->quantum)
		fair->quantum = cost;
	return 0;
}

static void move_to_end(struct bf_list *head, struct bf_list *node)
{
	bf_list_remove(node);
	bf_list_append(head, node);
}

/* Begin a visit of the first one, or go on with it. As no item is larger than a quantum, nobody owes more than that, and the
 * first one it is; unless the owner did more than he was allowed, which is paid for by being passed over. */
static struct bf_fair_org *first_org(struct bf_fair *fair)
{
	for (;;) {
		struct bf_fair_org *org =
			BF_CONTAINER(bf_list_first(&fair->orgs), struct bf_fair_org, node);

		if (org->deficit <= 0)
			org->deficit += fair->quantum;
		if (org->deficit > 0)
			return org;
		move_to_end(&fair->orgs, &org->node);
	}
}

static struct bf_fair_room *first_room(struct bf_fair *fair, struct bf_fair_org *org)
{
	for (;;) {
		struct bf_fair_room *room =
			BF_CONTAINER(bf_list_first(&org->rooms), struct bf_fair_room, node);

		if (room->deficit <= 0)
			room->deficit += fair->quantum;
		if (room->deficit > 0)
			return room;
		move_to_end(&org->rooms, &room->node);
	}
}

struct bf_fair_room *bf_fair_next(struct bf_fair *fair, int64_t *allowance)
{
	struct bf_fair_org *org;
	struct bf_fair_room *room;

	if (fair->item_count == 0)
		return NULL;
	org = first_org(fair);
	room = first_room(fair, org);
	*allowance = room->deficit < org->deficit ? room->deficit : org->deficit;
	return room;
}

/* What has nothing to do leaves its ring: what it has not used is not saved, what it owes is not forgotten. */
static void leave(struct bf_list *node, int64_t *deficit)
{
	bf_list_remove(node);
	if (*deficit > 0)
		*deficit = 0;
}

static void forget_items(
	struct bf_fair *fair, struct bf_fair_room *room, uint32_t item_count, int64_t cost)
{
	struct bf_fair_org *org = room->org;

	assert(item_count <= room->item_count && cost <= room->backlog);
	room->item_count -= item_count;
	room->backlog -= cost;
	org->item_count -= item_count;
	fair->item_count -= item_count;
	fair->backlog -= cost;
	if (room->item_count == 0)
		leave(&room->node, &room->deficit);
	if (org->item_count == 0)
		leave(&org->node, &org->deficit);
	if (fair->item_count == 0) {
		fair->quantum = fair->quantum_min;
		fair->epoch++;
	}
}

void bf_fair_done(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost)
{
	struct bf_fair_org *org = room->org;

	assert(room->item_count > 0);
	room->deficit -= cost;
	org->deficit -= cost;
	if (room->deficit <= 0) /* the end of its visit */
		move_to_end(&org->rooms, &room->node);
	if (org->deficit <= 0)
		move_to_end(&fair->orgs, &org->node);
	forget_items(fair, room, 1, cost);
}

void bf_fair_drop(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost)
{
	forget_items(fair, room, 1, cost);
}

void bf_fair_remove(struct bf_fair *fair, struct bf_fair_room *room)
{
	if (room->item_count > 0)
		forget_items(fair, room, room->item_count, room->backlog);
}
