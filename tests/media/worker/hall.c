#include "tests/media/worker/hall.h"

#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PAYLOAD 100 /* bytes: the pacer lets some hundred pass at once */

int64_t hall_clock_us = 1000 * 1000000;

int64_t __wrap_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_mono_us(void)
{
	return hall_clock_us;
}

/* ---- what the worker would do ---- */

static uint8_t *reserve(void *arg, const struct bf_ice_path *path, size_t size_max)
{
	struct hall *hall = arg;

	(void)path;
	if (size_max > sizeof(hall->slab[0]))
		return hall->slab[hall->slab_idx % HALL_SLAB]; /* RTCP and DTLS: nobody reads it */
	return hall->slab[hall->slab_idx++ % HALL_SLAB];
}

static void commit(void *arg, const struct bf_ice_path *path, size_t len)
{
	struct hall *hall = arg;
	const uint8_t *data = hall->slab[(hall->slab_idx - 1) % HALL_SLAB];
	struct hall_copy *copy = &hall->copies[hall->copy_count];
	struct bf_rtp rtp;

	if (path->socket == 0 || bf_rtp_parse(&rtp, bf_bytes(data, len)))
		return;
	assert_true(hall->copy_count < HALL_COPIES);
	*copy = (struct hall_copy){.listener = (uint16_t)(path->socket - 1),
		.seq = rtp.seq,
		.ssrc = rtp.ssrc,
		.timestamp = rtp.timestamp,
		.is_video = rtp.pt == 96};
	hall->copy_count++;
}

static void take_back(void *arg, uint64_t socket, const uint8_t *data)
{
	(void)arg;
	(void)data;
	fail_msg("a packet to %llu was not encrypted", (unsigned long long)socket);
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
	struct hall *hall = arg;

	for (uint32_t i = 0; i < HALL_CONNS; i++)
		if (!hall->conns[i]) {
			hall->conns[i] = conn;
			return i + 1;
		}
	return 0;
}

static void remove_conn(void *arg, uint32_t id)
{
	((struct hall *)arg)->conns[id - 1] = NULL;
}

static void on_event(void *arg, struct bf_msg *msg)
{
	struct hall *hall = arg;

	if (msg->kind == BF_MEDIA_TRACK) {
		const struct bf_media_track *track = (const struct bf_media_track *)msg;

		hall->suspended_count += track->event == BF_TRACK_SUSPENDED && track->muted;
		hall->resumed_count += track->event == BF_TRACK_SUSPENDED && !track->muted;
	}
	if (msg->kind == BF_MEDIA_ERROR) {
		const struct bf_media_error *error = (const struct bf_media_error *)msg;

		hall->error.is_everywhere = error->is_everywhere;
		memcpy(hall->error.code, error->code, sizeof(error->code));
		memcpy(hall->error.cause, error->cause, sizeof(error->cause));
	}
	bf_msg_free(msg);
}

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

/* ---- life ---- */

void hall_open(struct hall *hall, const struct bf_rooms_conf *given)
{
	const enum bf_srtp_profile profile = BF_SRTP_AEAD_AES_128_GCM;
	struct bf_rooms_conf conf = *given;
	char why[256];

	memset(hall, 0, sizeof(*hall));
	assert_int_equal(bf_loop_new(&hall->loop, BF_IO_EPOLL), 0);
	(void)bf_loop_turn(hall->loop, 0); /* its clock */
	hall->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&hall->log, hall->log_fd, BF_LOG_LOGFMT, BF_LOG_ERROR), 0);
	assert_int_equal(bf_sctp_stack_new(&hall->sctp, 1, on_wake, NULL), 0);
	assert_int_equal(bf_dtls_ctx_new(&hall->dtls, &profile, 1), 0);
	assert_int_equal(
		bf_srtp_engine_new(&hall->srtp, BF_SRTP_ENGINE_OPENSSL, why, sizeof(why)), 0);
	assert_int_equal(bf_pool_init(&hall->cache_pool, sizeof(struct bf_cache_block), 2048), 0);
	snprintf(hall->candidates[0], sizeof(hall->candidates[0]),
		"candidate:1 1 udp 1 127.0.0.1 9 typ host");
	hall->env = (struct bf_transport_env){.loop = hall->loop,
		.dtls = hall->dtls,
		.srtp = hall->srtp,
		.sctp = hall->sctp,
		.arg = hall,
		.reserve = reserve,
		.commit = commit,
		.revoke = take_back,
		.add_path = add_path,
		.remove_path = remove_path};
	bf_transit_init(&hall->transit, bf_loop_now_us(hall->loop));
	bf_outbox_init(&hall->outbox, &hall->env, &hall->transit, hall->drops);
	conf.loop = hall->loop;
	conf.log = hall->log;
	conf.env = &hall->env;
	conf.outbox = &hall->outbox;
	conf.cache_pool = &hall->cache_pool;
	conf.pacer_block_count = 1024;
	conf.drops = hall->drops;
	conf.fingerprint = bf_dtls_ctx_fingerprint(hall->dtls);
	conf.candidates = hall->candidates;
	conf.candidate_count = 1;
	conf.room_participant_count_max = HALL_CONNS;
	conf.transit_budget_us = BF_OVERLOAD_BUDGET_US;
	conf.arg = hall;
	conf.post = on_event;
	conf.add_conn = add_conn;
	conf.remove_conn = remove_conn;
	assert_int_equal(bf_rooms_new(&hall->rooms, &conf), 0);
}

void hall_close(struct hall *hall)
{
	bf_rooms_free(hall->rooms);
	for (uint32_t i = 0; i < HALL_CONNS; i++) {
		assert_null(hall->conns[i]);
		bf_srtp_free(hall->keys[i]);
	}
	bf_pool_deinit(&hall->cache_pool); /* asserts that all blocks are back */
	bf_dtls_ctx_free(hall->dtls);
	bf_srtp_engine_free(hall->srtp);
	bf_sctp_stack_free(hall->sctp);
	bf_log_free(hall->log);
	close(hall->log_fd);
	bf_loop_free(hall->loop);
}

/* ---- participants ---- */

struct bf_participant *hall_find(struct hall *hall, uint64_t room_id, uint64_t participant_id)
{
	struct bf_map_node *node =
		bf_map_get(&hall->rooms->rooms, bf_bytes(&room_id, sizeof(room_id)));

	return node ? bf_room_find(BF_CONTAINER(node, struct bf_room, map_node), participant_id)
		    : NULL;
}

bool hall_join(struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id)
{
	struct bf_media_join *msg = bf_msg_new(BF_MEDIA_JOIN, sizeof(*msg));

	msg->request_id = 1;
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	msg->org_id = org_id;
	msg->grants = STAGE_ALL;
	bf_rooms_on_request(hall->rooms, &msg->msg);
	return hall_find(hall, room_id, participant_id) != NULL;
}

void hall_leave(struct hall *hall, uint64_t room_id, uint64_t participant_id)
{
	struct bf_media_leave *msg = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*msg));

	msg->room_id = room_id;
	msg->participant_id = participant_id;
	bf_rooms_on_request(hall->rooms, &msg->msg);
}

static void publish(struct hall *hall, uint64_t room_id, uint64_t participant_id, bool is_simulcast)
{
	static char sdp[PEER_SDP_MAX];
	struct bf_media_offer *msg;
	struct peer peer;
	size_t len;

	peer_open(&peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_offer(&peer, is_simulcast, sdp);
	peer_close(&peer);
	len = strlen(sdp);
	msg = bf_msg_new(BF_MEDIA_OFFER, sizeof(*msg) + len + 1);
	msg->request_id = 1;
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	msg->pc = BF_PC_PUBLISH;
	msg->sdp_len = (uint32_t)len;
	memcpy(msg->sdp, sdp, len);
	bf_rooms_on_request(hall->rooms, &msg->msg);
}

static struct hall_sources add_sources(struct hall *hall, uint64_t org_id, uint64_t room_id,
	uint64_t participant_id, bool is_simulcast)
{
	struct hall_sources sources = {{0}, {0}};
	struct bf_participant *participant;

	assert_true(hall_join(hall, org_id, room_id, participant_id));
	publish(hall, room_id, participant_id, is_simulcast);
	participant = hall_find(hall, room_id, participant_id);
	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node) {
		struct hall_source *source = track->is_video ? &sources.picture : &sources.sound;

		*source = (struct hall_source){.hall = hall,
			.conn = participant->conns[BF_PC_PUBLISH],
			.track = track,
			.ssrc = track->is_video ? 0x2000 : 0x1000,
			.seq = 65500,
			.is_video = track->is_video};
	}
	assert_non_null(sources.sound.track);
	assert_non_null(sources.picture.track);
	return sources;
}

struct hall_sources hall_publisher(
	struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id)
{
	return add_sources(hall, org_id, room_id, participant_id, false);
}

struct hall_sources hall_simulcaster(
	struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id)
{
	return add_sources(hall, org_id, room_id, participant_id, true);
}

/* As if the transport had connected. */
static void connect_conn(struct bf_conn *conn, const struct bf_transport_out *out)
{
	*(struct bf_transport_out *)(uintptr_t)bf_transport_out(conn->transport) = *out;
	conn->is_client_offered = true; /* nothing is to be offered */
	conn->is_connected = true;
}

static void listen_to(struct bf_conn *conn, struct bf_track *track)
{
	struct bf_sub *sub = bf_sub_new(conn, track->is_video);

	assert_non_null(sub);
	sub->pt = track->is_video ? 96 : 111;
	sub->rtx_pt = track->is_video ? 97 : 0;
	sub->is_active = true;
	bf_sub_attach(sub, track);
}

unsigned hall_listeners(
	struct hall *hall, const struct hall_sources *sources, uint64_t first_id, unsigned count)
{
	const struct bf_room *room = sources->sound.track->participant->room;
	unsigned first = hall->listener_count;

	for (unsigned i = 0; i < count; i++) {
		unsigned number = hall->listener_count++;
		struct bf_srtp_key key = {{(uint8_t)number, (uint8_t)(number >> 8)}};
		struct bf_transport_out out = {
			.is_open = true, .tag_len = 16, .path.socket = number + 1};
		struct bf_conn *conn;

		assert_int_equal(
			bf_srtp_new(&out.srtp, hall->srtp, BF_SRTP_AEAD_AES_128_GCM, &key, true),
			0);
		hall->keys[number] = out.srtp;
		assert_true(hall_join(hall, room->org->id, room->id, first_id + i));
		assert_int_equal(bf_conn_new(&conn, hall_find(hall, room->id, first_id + i),
					 BF_PC_SUBSCRIBE),
			0);
		connect_conn(conn, &out);
		listen_to(conn, sources->sound.track);
		listen_to(conn, sources->picture.track);
	}
	return first;
}

/* ---- packets ---- */

static void hand_in(struct hall_source *source, bool marker, const uint8_t *payload)
{
	uint8_t bytes[12 + 8 + PAYLOAD], ext[4] = {4 << 4 | 0, '1', 10 << 4 | 0};
	struct bf_wr wr = bf_wr(bytes, sizeof(bytes));
	struct bf_rtp rtp = {.pt = source->is_video ? 96 : 111,
		.marker = marker,
		.seq = source->seq++,
		.timestamp = source->timestamp,
		.ssrc = source->ssrc};

	if (source->rid) {
		ext[3] = (uint8_t)source->rid[0];
		rtp.ext_profile = 0xbede;
	}
	bf_rtp_write_header(&wr, &rtp, bf_bytes(ext, source->rid ? sizeof(ext) : 0));
	memcpy(bytes + bf_wr_len(&wr), payload, PAYLOAD);
	assert_int_equal(bf_conn_on_rtp(source->conn, bf_bytes(bytes, bf_wr_len(&wr) + PAYLOAD),
				 bf_loop_now_us(source->hall->loop)),
		BF_DROP_NONE);
}

void hall_sound(struct hall_source *source)
{
	const uint8_t payload[PAYLOAD] = {0x78};

	hand_in(source, false, payload);
	source->timestamp += 960;
}

void hall_packet(struct hall_source *source, bool is_keyframe, bool is_first, bool is_last)
{
	const struct video video = {.picture_id = source->picture_id};
	uint8_t payload[PAYLOAD] = {0};

	(void)call_vp8(payload, &video, is_keyframe, 0);
	if (!is_first)
		payload[0] = 0x80; /* goes on with the same frame: S is not set */
	hand_in(source, is_last, payload);
	if (!is_last)
		return;
	source->timestamp += 3000;
	source->picture_id++;
}

void hall_frame(struct hall_source *source, bool is_keyframe, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		hall_packet(source, is_keyframe, i == 0, i + 1 == count);
}

/* ---- time ---- */

size_t hall_turn(struct hall *hall, int64_t us)
{
	size_t before = hall->copy_count;

	hall_clock_us += us;
	(void)bf_loop_turn(hall->loop, 0);
	bf_outbox_on_flush(&hall->outbox, hall_clock_us);
	bf_outbox_on_sent(&hall->outbox, hall_clock_us);
	return hall->copy_count - before;
}

size_t hall_settle(struct hall *hall)
{
	size_t before = hall->copy_count;

	for (unsigned still = 0; still < 5;)
		still = hall_turn(hall, BF_MS(1)) ? 0 : still + 1;
	return hall->copy_count - before;
}

size_t hall_count(
	const struct hall *hall, size_t from, unsigned first, unsigned count, bool is_video)
{
	size_t found = 0;

	for (size_t i = from; i < hall->copy_count; i++)
		found += hall->copies[i].is_video == is_video &&
			 hall->copies[i].listener >= first &&
			 hall->copies[i].listener < first + count;
	return found;
}
