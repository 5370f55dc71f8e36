/* ICE as a sequence of events: checks over many paths, restarts, lost streams, time. */
#include "media/ice/ice.h"
#include "media/stun/stun.h"
#include "tests/media/stun/stun_build.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MAX 256

enum {
	EVENT_CHECK,
	EVENT_OLD_CHECK,
	EVENT_WRONG_CHECK,
	EVENT_RAW,
	EVENT_RESTART,
	EVENT_SET_REMOTE,
	EVENT_REMOVE,
	EVENT_WAIT,
	EVENT_COUNT,
};

struct world {
	struct bf_ice ice;
	struct bf_ice_creds old;
	unsigned restarts;
	int64_t now_us;
};

static struct bf_ice_path make_path(uint8_t n)
{
	struct bf_ice_path path = {
		.remote = {.ip = {192, 0, 2, (uint8_t)(n % 16)}, .port = 4000, .family = 4},
		.local = {.ip = {198, 51, 100, 1}, .port = 7100, .family = 4},
		.socket = 1,
		.is_tcp = n & 0x80};

	return path;
}

static void make_creds(struct bf_ice_creds *out, uint8_t n)
{
	uint8_t random[32];

	memset(random, n, sizeof(random));
	bf_ice_creds_make(out, "w0", random);
}

static void assert_sane(const struct world *world)
{
	const struct bf_ice *ice = &world->ice;
	const struct bf_ice_path *selected = bf_ice_selected(ice);

	assert(ice->selected >= -1 && ice->selected < BF_ICE_PATHS);
	assert(ice->selected < 0 || ice->paths[ice->selected].is_used);
	assert((selected != NULL) == (ice->state == BF_ICE_CONNECTED));
	assert(!selected || bf_ice_is_valid_path(ice, selected));
	for (int i = 0; i < BF_ICE_PATHS; i++)
		for (int j = i + 1; j < BF_ICE_PATHS; j++)
			assert(!ice->paths[i].is_used || !ice->paths[j].is_used ||
				!bf_ice_path_equal(&ice->paths[i].path, &ice->paths[j].path));
}

static void feed(struct world *world, const struct bf_ice_path *path, struct bf_bytes packet)
{
	struct bf_ice before = world->ice;
	uint8_t reply[BF_STUN_MAX];
	struct bf_ice_result result;

	bf_ice_on_stun(&world->ice, path, packet, world->now_us, reply, &result);
	assert(result.reply_len <= BF_STUN_MAX);
	if (result.drop != BF_DROP_NONE)
		assert(memcmp(&before, &world->ice, sizeof(before)) == 0);
	if (result.evicted >= 0)
		assert(!bf_ice_is_valid_path(&world->ice, &result.evicted_path));
	if (result.is_selected)
		assert(bf_ice_path_equal(bf_ice_selected(&world->ice), path));
}

static void on_check(struct world *world, uint8_t event, uint8_t where, uint8_t how)
{
	const struct bf_ice_creds *creds =
		event == EVENT_OLD_CHECK ? &world->old : &world->ice.local;
	struct bf_ice_path path = make_path(where);
	struct stun_build build;
	char username[BF_ICE_UFRAG_TEXT + sizeof(world->ice.remote_ufrag) + 1];
	size_t len = strlen(creds->ufrag);

	if (creds->ufrag[0] == 0)
		return;
	memcpy(username, creds->ufrag, len);
	username[len] = ':';
	strcpy(username + len + 1, world->ice.remote_ufrag);
	stun_check(&build, &(struct stun_check){.username = username,
				   .password = event == EVENT_WRONG_CHECK ? "wrong" : creds->pwd,
				   .priority = how / 4,
				   .use_candidate = how & 1,
				   .is_controlled = (how & 0x82) == 0x82});
	feed(world, &path, stun_view(&build));
}

static void on_event(struct world *world, struct bf_rd *rd)
{
	uint8_t event = bf_rd_u8(rd) % EVENT_COUNT;
	uint8_t a = bf_rd_u8(rd);
	uint8_t b = bf_rd_u8(rd);
	struct bf_ice_path path = make_path(a);
	struct bf_ice_creds creds;
	struct bf_bytes raw;

	switch (event) {
	case EVENT_RAW:
		raw = bf_rd_bytes(rd, b);
		if (raw.data)
			feed(world, &path, raw);
		break;
	case EVENT_RESTART:
		world->old = world->ice.local;
		make_creds(&creds, (uint8_t)++world->restarts);
		bf_ice_restart(&world->ice, &creds);
		break;
	case EVENT_SET_REMOTE:
		raw = bf_rd_bytes(rd, b);
		if (raw.data)
			(void)bf_ice_set_remote(&world->ice, raw);
		break;
	case EVENT_REMOVE:
		(void)bf_ice_remove_path(&world->ice, &path);
		break;
	case EVENT_WAIT:
		world->now_us += (int64_t)a * 200000 + b;
		(void)bf_ice_on_timer(&world->ice, world->now_us);
		assert(bf_ice_deadline_us(&world->ice) > world->now_us);
		break;
	default:
		on_check(world, event, a, b);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_rd rd = bf_rd(bf_bytes(data, size));
	struct world world = {.restarts = 0};
	struct bf_ice_creds creds;

	make_creds(&creds, 0);
	bf_ice_init(&world.ice, &creds);
	for (int i = 0; i < EVENTS_MAX && bf_rd_left(&rd) > 0; i++) {
		on_event(&world, &rd);
		assert_sane(&world);
	}
	return 0;
}
