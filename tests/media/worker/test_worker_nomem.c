/* Rooms when memory runs out: the n-th allocation of a whole story fails, for every n. Requests are answered, nothing is lost. */
#include "core/base/clock.h"
#include "media/room/room_priv.h"
#include "tests/media/worker/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* How many more allocations succeed; negative: all. Only while the rooms work. */
static int left = -1;
static bool has_failed, is_armed;
static int64_t clock_us;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
int64_t __wrap_bf_clock_mono_us(void);

static bool fails(void)
{
	if (!is_armed || left < 0 || left-- > 0)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return fails() ? NULL : __real_realloc(block, size);
}

int64_t __wrap_bf_clock_mono_us(void)
{
	return clock_us;
}

/* ---- rooms without a worker ---- */

#define CONNS 16

struct house {
	struct bf_loop *loop;
	int log_fd;
	struct bf_log *log;
	struct bf_sctp_stack *sctp;
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_transport_env env;
	struct bf_transit transit;
	struct bf_outbox outbox;
	struct bf_pool cache_pool;
	struct bf_rooms *rooms;
	struct bf_conn *conns[CONNS];
	uint64_t drops[BF_DROP_COUNT];
	char candidates[1][BF_ICE_CANDIDATE_TEXT];
	uint8_t datagram[2048];
	/* what was asked and answered */
	uint64_t asked, answered, refused;
	char offer[PEER_SDP_MAX]; /* the newest one to Bob */
	bool has_offer;
};

static uint8_t *reserve(void *arg, const struct bf_ice_path *path, size_t size_max)
{
	(void)path;
	(void)size_max;
	return ((struct house *)arg)->datagram;
}

static void commit(void *arg, const struct bf_ice_path *path, size_t len)
{
	(void)arg;
	(void)path;
	(void)len;
}

static int add_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	(void)arg;
	(void)transport;
	(void)path;
	return 0;
}

static void remove_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	(void)add_path(arg, transport, path);
}

static uint32_t add_conn(void *arg, struct bf_conn *conn)
{
	struct house *house = arg;

	for (uint32_t i = 0; i < CONNS; i++)
		if (!house->conns[i]) {
			house->conns[i] = conn;
			return i + 1;
		}
	return 0;
}

static void remove_conn(void *arg, uint32_t id)
{
	struct house *house = arg;

	assert_non_null(house->conns[id - 1]);
	house->conns[id - 1] = NULL;
}

static void on_event(void *arg, struct bf_msg *msg)
{
	struct house *house = arg;
	const struct bf_media_sdp *sdp = (const struct bf_media_sdp *)msg;

	if (msg->kind == BF_MEDIA_SDP && sdp->is_offer) {
		memcpy(house->offer, sdp->sdp, sdp->sdp_len);
		house->offer[sdp->sdp_len] = '\0';
		house->has_offer = true;
	} else if (msg->kind == BF_MEDIA_SDP || msg->kind == BF_MEDIA_DONE) {
		house->answered++;
	} else if (msg->kind == BF_MEDIA_ERROR) {
		house->answered++;
		house->refused++;
		assert_true(((const struct bf_media_error *)msg)->code[0] != '\0');
	}
	bf_msg_free(msg);
}

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

static void house_open(struct house *house)
{
	const enum bf_srtp_profile profile = BF_SRTP_AEAD_AES_128_GCM;
	char why[256];

	memset(house, 0, sizeof(*house));
	assert_int_equal(bf_loop_new(&house->loop, BF_IO_EPOLL), 0);
	house->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&house->log, house->log_fd, BF_LOG_LOGFMT, BF_LOG_ERROR), 0);
	assert_int_equal(bf_sctp_stack_new(&house->sctp, 1, on_wake, NULL), 0);
	assert_int_equal(bf_dtls_ctx_new(&house->dtls, &profile, 1), 0);
	assert_int_equal(
		bf_srtp_engine_new(&house->srtp, BF_SRTP_ENGINE_AUTO, why, sizeof(why)), 0);
	assert_int_equal(bf_pool_init(&house->cache_pool, sizeof(struct bf_cache_block), 64), 0);
	snprintf(house->candidates[0], sizeof(house->candidates[0]),
		"candidate:1 1 udp 1 127.0.0.1 9 typ host");
	house->env = (struct bf_transport_env){.loop = house->loop,
		.dtls = house->dtls,
		.srtp = house->srtp,
		.sctp = house->sctp,
		.arg = house,
		.reserve = reserve,
		.commit = commit,
		.add_path = add_path,
		.remove_path = remove_path};
	bf_transit_init(&house->transit, bf_loop_now_us(house->loop));
	bf_outbox_init(&house->outbox, &house->env, &house->transit, house->drops);
	assert_int_equal(bf_rooms_new(&house->rooms,
				 &(struct bf_rooms_conf){.loop = house->loop,
					 .log = house->log,
					 .env = &house->env,
					 .outbox = &house->outbox,
					 .cache_pool = &house->cache_pool,
					 .drops = house->drops,
					 .fingerprint = bf_dtls_ctx_fingerprint(house->dtls),
					 .candidates = house->candidates,
					 .candidate_count = 1,
					 .room_participant_count_max = 10,
					 .pacer_block_count = 64,
					 .transit_budget_us = BF_OVERLOAD_BUDGET_US,
					 .arg = house,
					 .post = on_event,
					 .add_conn = add_conn,
					 .remove_conn = remove_conn}),
		0);
}

static void house_close(struct house *house)
{
	bf_rooms_free(house->rooms);
	for (uint32_t i = 0; i < CONNS; i++)
		assert_null(house->conns[i]);
	bf_pool_deinit(&house->cache_pool); /* asserts that all blocks are back */
	bf_dtls_ctx_free(house->dtls);
	bf_srtp_engine_free(house->srtp);
	bf_sctp_stack_free(house->sctp);
	bf_log_free(house->log);
	close(house->log_fd);
	bf_loop_free(house->loop);
}

/* ---- the story ---- */

static void request(struct house *house, void *msg)
{
	is_armed = true;
	bf_rooms_on_request(house->rooms, msg);
	is_armed = false;
}

static void join(struct house *house, uint64_t id)
{
	struct bf_media_join *msg = bf_msg_new(BF_MEDIA_JOIN, sizeof(*msg));

	msg->request_id = ++house->asked;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	msg->grants = STAGE_ALL;
	msg->auto_subscribe = id != CAROL;
	request(house, msg);
}

static void offer(struct house *house, uint64_t id, enum bf_pc pc, const char *sdp)
{
	size_t len = strlen(sdp);
	struct bf_media_offer *msg = bf_msg_new(BF_MEDIA_OFFER, sizeof(*msg) + len + 1);

	msg->request_id = ++house->asked;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	msg->pc = (uint8_t)pc;
	msg->sdp_len = (uint32_t)len;
	memcpy(msg->sdp, sdp, len);
	request(house, msg);
}

static void answer(struct house *house, struct peer *bob)
{
	static char sdp[PEER_SDP_MAX];
	struct bf_media_answer *msg;
	size_t len;

	if (!house->has_offer)
		return; /* no memory for it until now */
	house->has_offer = false;
	peer_answer(bob, house->offer, sdp);
	len = strlen(sdp);
	msg = bf_msg_new(BF_MEDIA_ANSWER, sizeof(*msg) + len + 1);
	msg->request_id = ++house->asked;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = BOB;
	msg->sdp_len = (uint32_t)len;
	memcpy(msg->sdp, sdp, len);
	request(house, msg);
}

static void leave(struct house *house, uint64_t id)
{
	struct bf_media_leave *msg = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*msg));

	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	request(house, msg);
}

static void pass(struct house *house, int64_t us)
{
	clock_us += us;
	is_armed = true;
	(void)bf_loop_turn(house->loop, 0);
	is_armed = false;
}

static const struct peer_section published[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
	{PEER_DATA_M, "2", "a=sctp-port:5000\r\n"},
};
static const struct peer_section stopped[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=inactive\r\n" PEER_VP8_LINES},
	{PEER_DATA_M, "2", "a=sctp-port:5000\r\n"},
};
static const struct peer_section played[] = {
	{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=recvonly\r\n" PEER_VP8_LINES},
};

static void tell(struct house *house, struct peer peers[static 4])
{
	static char sdp[PEER_SDP_MAX];

	join(house, ALICE);
	peer_describe(&peers[0], published, 3, "actpass", sdp);
	offer(house, ALICE, BF_PC_PUBLISH, sdp);
	join(house, BOB);
	pass(house, BF_MS(30));
	answer(house, &peers[1]);
	join(house, CAROL);
	peer_describe(&peers[2], played, 2, "actpass", sdp);
	offer(house, CAROL, BF_PC_SUBSCRIBE, sdp);
	peer_describe(&peers[0], stopped, 3, "actpass", sdp);
	offer(house, ALICE, BF_PC_PUBLISH, sdp);
	pass(house, BF_MS(30));
	pass(house, BF_SEC(2)); /* an offer without memory comes late */
	answer(house, &peers[1]);
	peer_describe(&peers[3], published, 3, "actpass", sdp); /* a fresh connection */
	offer(house, ALICE, BF_PC_PUBLISH, sdp);
	pass(house, BF_MS(30));
	pass(house, BF_SEC(2));
	answer(house, &peers[1]);
	leave(house, CAROL);
	leave(house, ALICE);
	pass(house, BF_SEC(2));
	leave(house, BOB);
}

static void each_allocation_may_fail_once(void **state)
{
	static struct house house;
	static struct peer peers[4];
	unsigned failures = 0;

	(void)state;
	clock_us = BF_SEC(1000);
	for (int i = 0; i < 4; i++)
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
	for (int n = 0;; n++) {
		house_open(&house);
		left = n;
		has_failed = false;
		tell(&house, peers);
		left = -1;
		assert_int_equal(bf_rooms_counters(house.rooms)->participants, 0);
		assert_int_equal(bf_rooms_counters(house.rooms)->tracks, 0);
		assert_int_equal(bf_rooms_counters(house.rooms)->subscriptions, 0);
		/* only the answer itself may be what there was no memory for; and who is not there is told so */
		assert_in_range(house.answered, house.asked - (has_failed ? 1 : 0), house.asked);
		if (!has_failed)
			assert_int_equal(house.refused, 0);
		house_close(&house);
		if (!has_failed)
			break;
		failures++;
	}
	print_message("%u allocations failed\n", failures);
	assert_true(failures > 25);
	for (int i = 0; i < 4; i++)
		peer_close(&peers[i]);
}

/* Bob gets everything in the end, whatever single allocation failed while Alice came and he joined. */
static void what_was_missed_for_want_of_memory_is_made_up_for(void **state)
{
	static struct house house;
	static struct peer peers[2];
	static char sdp[PEER_SDP_MAX];

	(void)state;
	for (int i = 0; i < 2; i++)
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
	for (int n = 0;; n++) {
		house_open(&house);
		join(&house, ALICE);
		peer_describe(&peers[0], published, 3, "actpass", sdp);
		offer(&house, ALICE, BF_PC_PUBLISH, sdp);
		join(&house, BOB);
		left = n;
		has_failed = false;
		pass(&house, BF_MS(30)); /* the offer's turn */
		left = -1;
		pass(&house, BF_SEC(2));
		assert_true(house.has_offer);
		assert_non_null(strstr(house.offer, "m=audio"));
		assert_non_null(strstr(house.offer, "m=video"));
		house_close(&house);
		if (!has_failed)
			break;
	}
	for (int i = 0; i < 2; i++)
		peer_close(&peers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail_once),
		cmocka_unit_test(what_was_missed_for_want_of_memory_is_made_up_for),
	};

	return cmocka_run_group_tests_name("worker_nomem", tests, NULL, NULL);
}
