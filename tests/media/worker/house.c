#include "tests/media/worker/house.h"

#include "core/loop/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* How many more allocations succeed; negative: all. Only while the rooms work. */
static int left = -1;
static bool has_failed, is_armed, is_spared;
static int64_t clock_us = BF_SEC(1000);
static struct bf_budget_limits room_limits;

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

void house_fail_at(int n)
{
	left = n;
	has_failed = false;
}

bool house_has_failed(void)
{
	return has_failed;
}

void house_spare_requests(bool is)
{
	is_spared = is;
}

/* ---- rooms without a worker ---- */

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

	for (uint32_t i = 0; i < HOUSE_CONNS; i++)
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

static int post_peer(void *arg, unsigned worker, struct bf_msg *msg)
{
	struct house *to = &((struct house *)arg)->all[worker];

	if (to->is_full)
		return -ENOBUFS;
	assert_true(to->inbox_count < HOUSE_INBOX);
	to->inbox[(to->inbox_head + to->inbox_count++) % HOUSE_INBOX] = msg;
	return 0;
}

static void on_records(void *arg, struct bf_pipe *pipe)
{
	struct house *house = arg;
	struct bf_bytes record;

	while ((record = bf_pipe_next(pipe)).data)
		bf_rooms_on_record(house->rooms, record);
}

static struct bf_pipe *pipe_from(const struct house *house, unsigned from)
{
	return house->pipes[from * house->count + house->idx];
}

static void open_env(struct house *house)
{
	const enum bf_srtp_profile profile = BF_SRTP_AEAD_AES_128_GCM;
	char why[256];

	assert_int_equal(bf_loop_new(&house->loop, BF_IO_EPOLL), 0);
	house->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&house->log, house->log_fd, BF_LOG_LOGFMT, BF_LOG_ERROR), 0);
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
		.worker = house->idx,
		.arg = house,
		.reserve = reserve,
		.commit = commit,
		.add_path = add_path,
		.remove_path = remove_path};
	bf_transit_init(&house->transit, bf_loop_now_us(house->loop));
	bf_outbox_init(&house->outbox, &house->env, &house->transit, house->drops);
}

static void open_rooms(struct house *house)
{
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
					 .room_limits = room_limits,
					 .arg = house,
					 .post = on_event,
					 .worker = house->idx,
					 .worker_count = house->count,
					 .pipes = house->pipes + house->idx * house->count,
					 .pipe_bytes = 65536,
					 .post_peer = post_peer,
					 .add_conn = add_conn,
					 .remove_conn = remove_conn}),
		0);
	for (unsigned i = 0; i < house->count; i++)
		if (i != house->idx)
			bf_pipe_attach(pipe_from(house, i), house->loop, on_records, house);
}

void house_limit_rooms(struct bf_budget_limits limits)
{
	room_limits = limits;
}

void house_open(struct house *houses, unsigned count)
{
	memset(houses, 0, count * sizeof(*houses));
	assert_int_equal(bf_sctp_stack_new(&houses->sctp, count, on_wake, NULL), 0);
	assert_int_equal(bf_pipe_grid_new(&houses->pipes, count), 0);
	for (unsigned i = 0; i < count; i++) {
		houses[i].all = houses;
		houses[i].idx = i;
		houses[i].count = count;
		houses[i].sctp = houses->sctp;
		houses[i].pipes = houses->pipes;
		open_env(&houses[i]);
		open_rooms(&houses[i]);
	}
}

static void close_one(struct house *house)
{
	bf_rooms_free(house->rooms);
	for (uint32_t i = 0; i < HOUSE_CONNS; i++)
		assert_null(house->conns[i]);
	bf_pool_deinit(&house->cache_pool); /* asserts that all blocks are back */
	bf_dtls_ctx_free(house->dtls);
	bf_srtp_engine_free(house->srtp);
	bf_log_free(house->log);
	close(house->log_fd);
	for (unsigned i = 0; i < house->count; i++)
		if (i != house->idx)
			bf_pipe_detach(pipe_from(house, i));
}

void house_close(struct house *houses)
{
	struct bf_sctp_stack *sctp = houses->sctp;
	struct bf_pipe **pipes = houses->pipes;
	unsigned count = houses->count;

	for (unsigned i = 0; i < count; i++)
		close_one(&houses[i]);
	for (unsigned i = 0; i < count; i++) {
		for (; houses[i].inbox_count > 0; houses[i].inbox_count--)
			bf_msg_free(houses[i].inbox[houses[i].inbox_head++ % HOUSE_INBOX]);
		bf_loop_free(houses[i].loop);
	}
	bf_pipe_grid_free(pipes, count);
	bf_sctp_stack_free(sctp);
}

/* ---- requests ---- */

static void request(struct house *house, void *msg)
{
	is_armed = !is_spared;
	bf_rooms_on_request(house->rooms, msg);
	is_armed = false;
}

void house_join(struct house *house, uint64_t id, bool auto_subscribe)
{
	house_join_as(house, id, auto_subscribe, STAGE_ALL);
}

void house_join_as(struct house *house, uint64_t id, bool auto_subscribe, uint32_t grants)
{
	struct bf_media_join *msg = bf_msg_new(BF_MEDIA_JOIN, sizeof(*msg));

	msg->request_id = ++house->asked;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	msg->grants = grants;
	msg->auto_subscribe = auto_subscribe;
	request(house, msg);
}

void house_offer(struct house *house, uint64_t id, enum bf_pc pc, const char *sdp)
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

void house_answer(struct house *house, struct peer *bob)
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

void house_leave(struct house *house, uint64_t id)
{
	struct bf_media_leave *msg = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*msg));

	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	request(house, msg);
}

void house_mute(struct house *house, uint64_t id, uint64_t track_id, bool is_muted)
{
	struct bf_media_track_control *msg = bf_msg_new(BF_MEDIA_TRACK_CONTROL, sizeof(*msg));

	msg->request_id = ++house->asked;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = id;
	msg->track_id = track_id;
	msg->control = BF_TRACK_MUTE;
	msg->value = is_muted;
	request(house, msg);
}

/* ---- time ---- */

/* One message of those that wait in a house; false: there is none. */
static bool let_in(struct house *house)
{
	struct bf_msg *msg;

	if (house->inbox_count == 0)
		return false;
	msg = house->inbox[house->inbox_head++ % HOUSE_INBOX];
	house->inbox_count--;
	bf_rooms_on_peer(house->rooms, msg);
	return true;
}

/* Everybody's turn; true: something was said. */
static bool go_round(struct house *houses)
{
	bool is_quiet = true;

	for (unsigned i = 0; i < houses->count; i++) {
		while (let_in(&houses[i]))
			is_quiet = false;
		(void)bf_loop_turn(houses[i].loop, 0);
	}
	for (unsigned i = 0; i < houses->count; i++)
		is_quiet = is_quiet && houses[i].inbox_count == 0;
	return !is_quiet;
}

void house_pass(struct house *houses, int64_t us)
{
	clock_us += us;
	is_armed = true;
	for (unsigned quiet = 0; quiet < 2; quiet++) /* records come with the reader's next turn */
		if (go_round(houses))
			quiet = 0;
	is_armed = false;
}

const struct peer_section house_published[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
	{PEER_DATA_M, "2", "a=sctp-port:5000\r\n"},
};
const struct peer_section house_stopped[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=inactive\r\n" PEER_VP8_LINES},
	{PEER_DATA_M, "2", "a=sctp-port:5000\r\n"},
};
const struct peer_section house_played[] = {
	{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=recvonly\r\n" PEER_VP8_LINES},
};
