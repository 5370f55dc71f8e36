/* A transport against a client made by hand, on a clock made by hand: what ends it and what brings it back. */
#include "core/base/clock.h"
#include "media/transport/transport.h"
#include "tests/media/stun/stun_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t clock_us;

int64_t __wrap_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_mono_us(void)
{
	return clock_us;
}

#define QUEUE 64

struct world {
	struct bf_loop *loop;
	struct bf_sctp_stack *sctp;
	struct bf_dtls_ctx *dtls[2]; /* the client's, ours */
	struct bf_srtp_engine *srtp;
	struct bf_transport_env env;
	struct bf_transport *transport;
	struct bf_dtls *client;
	/* what the transport has sent */
	struct {
		struct bf_ice_path path;
		size_t len;
		uint8_t data[1500];
	} sent[QUEUE];
	size_t sent_count;
	struct bf_ice_path reserved;
	struct bf_ice_path paths[BF_ICE_PATHS];
	size_t path_count;
	int path_err;
	/* what it has told */
	enum bf_transport_state told[16];
	char cause[128];
	size_t told_count;
	bool frees_inside;
};

static uint8_t *reserve(void *arg, const struct bf_ice_path *path, size_t size_max)
{
	struct world *world = arg;

	if (world->sent_count == QUEUE)
		world->sent_count = 0; /* nobody looks */
	assert_true(size_max <= sizeof(world->sent[0].data));
	world->sent[world->sent_count].path = *path;
	return world->sent[world->sent_count].data;
}

static void commit(void *arg, const struct bf_ice_path *path, size_t len)
{
	struct world *world = arg;

	assert_true(bf_ice_path_equal(path, &world->sent[world->sent_count].path));
	world->sent[world->sent_count++].len = len;
}

static int add_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct world *world = arg;

	(void)transport;
	if (world->path_err)
		return world->path_err;
	for (size_t i = 0; i < world->path_count; i++)
		if (bf_ice_path_equal(&world->paths[i], path))
			return 0;
	assert_true(world->path_count < BF_ICE_PATHS);
	world->paths[world->path_count++] = *path;
	return 0;
}

static void remove_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct world *world = arg;

	(void)transport;
	for (size_t i = 0; i < world->path_count; i++)
		if (bf_ice_path_equal(&world->paths[i], path))
			world->paths[i--] = world->paths[--world->path_count];
}

static void on_state(void *arg, enum bf_transport_state state, const char *cause)
{
	struct world *world = arg;

	assert_true(world->told_count < 16);
	world->told[world->told_count++] = state;
	snprintf(world->cause, sizeof(world->cause), "%s", cause);
	if (world->frees_inside) {
		bf_transport_free(world->transport);
		world->transport = NULL;
	}
}

static void on_channel_event(void *arg, const struct bf_sctp_event *event)
{
	(void)arg;
	(void)event;
}

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

static const struct bf_transport_ops ops = {
	.on_state = on_state, .on_channel_event = on_channel_event};

static void world_open(struct world *world)
{
	const enum bf_srtp_profile profile = BF_SRTP_AEAD_AES_128_GCM;
	char why[256];

	memset(world, 0, sizeof(*world));
	clock_us = BF_SEC(1000);
	assert_int_equal(bf_loop_new(&world->loop, BF_IO_EPOLL), 0);
	(void)bf_loop_turn(world->loop, 0);
	assert_int_equal(bf_sctp_stack_new(&world->sctp, 1, on_wake, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(bf_dtls_ctx_new(&world->dtls[i], &profile, 1), 0);
	assert_int_equal(
		bf_srtp_engine_new(&world->srtp, BF_SRTP_ENGINE_AUTO, why, sizeof(why)), 0);
	world->env = (struct bf_transport_env){.loop = world->loop,
		.dtls = world->dtls[1],
		.srtp = world->srtp,
		.sctp = world->sctp,
		.worker = 7,
		.arg = world,
		.reserve = reserve,
		.commit = commit,
		.add_path = add_path,
		.remove_path = remove_path};
	assert_int_equal(bf_transport_new(&world->transport, &world->env, 0x10002, &ops, world), 0);
}

static void world_close(struct world *world)
{
	bf_transport_free(world->transport);
	assert_int_equal(world->path_count, 0); /* none is left with the worker */
	bf_dtls_free(world->client);
	for (int i = 0; i < 2; i++)
		bf_dtls_ctx_free(world->dtls[i]);
	bf_srtp_engine_free(world->srtp);
	bf_sctp_stack_free(world->sctp);
	bf_loop_free(world->loop);
}

/* Time passes, in steps that let timers fire near when they are due. */
static void pass(struct world *world, int64_t us)
{
	int64_t until_us = clock_us + us;

	while (clock_us < until_us) {
		clock_us += until_us - clock_us < BF_MS(500) ? until_us - clock_us : BF_MS(500);
		(void)bf_loop_turn(world->loop, 0);
	}
}

static struct bf_ice_path path_of(uint16_t port, bool is_tcp)
{
	struct bf_ice_path path = {.socket = is_tcp ? 16u + port : 0, .is_tcp = is_tcp};

	(void)bf_addr_parse_ip(&path.remote, "192.0.2.1", port);
	(void)bf_addr_parse_ip(&path.local, "192.0.2.2", 7100);
	return path;
}

static enum bf_drop check(struct world *world, const struct bf_ice_path *path)
{
	const struct bf_ice_creds *creds = bf_transport_creds(world->transport);
	struct stun_build build;
	char username[128];

	snprintf(username, sizeof(username), "%s:them", creds->ufrag);
	stun_check(&build, &(struct stun_check){.username = username,
				   .password = creds->pwd,
				   .priority = 1,
				   .use_candidate = true});
	return bf_transport_on_stun(world->transport, path, bf_bytes(build.bytes, build.len));
}

static int set_remote(struct world *world, const char *ufrag, enum bf_dtls_role role)
{
	return bf_transport_set_remote(world->transport,
		&(struct bf_transport_remote){.ufrag = bf_bytes_str(ufrag),
			.hash = bf_bytes_str("sha-256"),
			.fingerprint = bf_bytes_str(bf_dtls_ctx_fingerprint(world->dtls[0])),
			.role = role});
}

static void exchange(struct world *world, const struct bf_ice_path *path)
{
	uint8_t datagram[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	for (int round = 0; round < 20 && world->transport; round++) {
		while ((len = bf_dtls_poll(world->client, datagram, sizeof(datagram))) > 0 &&
			world->transport)
			(void)bf_transport_on_dtls(world->transport, path, bf_bytes(datagram, len));
		for (size_t i = 0; i < world->sent_count; i++)
			if (world->sent[i].data[0] >= 20 && world->sent[i].data[0] <= 63)
				(void)bf_dtls_on_datagram(world->client,
					bf_bytes(world->sent[i].data, world->sent[i].len),
					clock_us);
		world->sent_count = 0;
	}
}

static void connect_over(struct world *world, const struct bf_ice_path *path)
{
	assert_int_equal(set_remote(world, "them", BF_DTLS_SERVER), 0);
	assert_int_equal(check(world, path), BF_DROP_NONE);
	assert_int_equal(
		bf_dtls_new(&world->client, world->dtls[0], BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
			bf_bytes_str(bf_dtls_ctx_fingerprint(world->dtls[1]))),
		0);
	bf_dtls_start(world->client, clock_us);
	exchange(world, path);
}

static void expect_told(struct world *world, enum bf_transport_state state, const char *cause)
{
	assert_int_equal(world->told_count, 1);
	assert_int_equal(world->told[0], state);
	assert_non_null(strstr(world->cause, cause));
	world->told_count = 0;
}

static void consent_ends_after_30_s_and_the_next_check_brings_it_back(void **state)
{
	struct world world;
	const struct bf_ice_path path = path_of(1000, false);

	(void)state;
	world_open(&world);
	connect_over(&world, &path);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	for (int i = 0; i < 20; i++) { /* consent checks keep it */
		pass(&world, BF_SEC(5));
		assert_int_equal(check(&world, &path), BF_DROP_NONE);
	}
	assert_int_equal(world.told_count, 0);
	pass(&world, BF_SEC(29));
	assert_int_equal(world.told_count, 0);
	assert_non_null(bf_transport_path(world.transport));
	pass(&world, BF_SEC(2));
	expect_told(&world, BF_TRANSPORT_DISCONNECTED, "consent");
	assert_null(bf_transport_path(world.transport)); /* and nothing is sent any more */
	pass(&world, BF_SEC(25));
	assert_int_equal(check(&world, &path), BF_DROP_NONE);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	assert_non_null(bf_transport_path(world.transport));
	world_close(&world);
}

static void who_does_not_come_back_has_failed_and_may_come_still(void **state)
{
	struct world world;
	const struct bf_ice_path path = path_of(1000, false);

	(void)state;
	world_open(&world);
	connect_over(&world, &path);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	pass(&world, BF_SEC(31));
	expect_told(&world, BF_TRANSPORT_DISCONNECTED, "");
	pass(&world, BF_SEC(31));
	expect_told(&world, BF_TRANSPORT_FAILED, "in time");
	pass(&world, BF_SEC(100));
	assert_int_equal(world.told_count, 0);
	assert_false(bf_transport_is_dead(world.transport));
	bf_transport_restart_ice(world.transport); /* what a browser asks for then */
	assert_int_equal(set_remote(&world, "them", BF_DTLS_SERVER), 0);
	assert_int_equal(check(&world, &path), BF_DROP_NONE);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	world_close(&world);
}

static void nobody_is_late_before_there_is_a_description(void **state)
{
	struct world world;
	const struct bf_ice_path path = path_of(1000, false);

	(void)state;
	world_open(&world);
	pass(&world, BF_SEC(300));
	assert_int_equal(world.told_count, 0);
	assert_int_equal(set_remote(&world, "them", BF_DTLS_SERVER), 0);
	pass(&world, BF_SEC(29));
	assert_int_equal(world.told_count, 0);
	pass(&world, BF_SEC(2));
	expect_told(&world, BF_TRANSPORT_FAILED, "in time");
	connect_over(&world, &path); /* late, but there */
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	world_close(&world);
}

static void a_goodbye_is_final(void **state)
{
	struct world world;
	const struct bf_ice_path path = path_of(1000, false);

	(void)state;
	world_open(&world);
	connect_over(&world, &path);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	bf_dtls_close(world.client);
	exchange(&world, &path);
	expect_told(&world, BF_TRANSPORT_CLOSED, "peer");
	assert_true(bf_transport_is_dead(world.transport));
	pass(&world, BF_SEC(200));
	assert_int_equal(check(&world, &path), BF_DROP_NONE);
	pass(&world, BF_SEC(200));
	assert_int_equal(world.told_count, 0);
	world_close(&world);
}

static void the_last_stream_that_goes_disconnects(void **state)
{
	struct world world;
	const struct bf_ice_path first = path_of(1000, true), second = path_of(1001, true);

	(void)state;
	world_open(&world);
	connect_over(&world, &first);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	assert_int_equal(check(&world, &second), BF_DROP_NONE);
	bf_transport_on_path_lost(world.transport, &first);
	assert_int_equal(world.told_count, 0);
	assert_true(bf_ice_path_equal(bf_transport_path(world.transport), &second));
	bf_transport_on_path_lost(world.transport, &second);
	expect_told(&world, BF_TRANSPORT_DISCONNECTED, "path");
	pass(&world, BF_SEC(31));
	expect_told(&world, BF_TRANSPORT_FAILED, "in time");
	world_close(&world);
}

static void a_path_the_worker_has_no_room_for_is_not_used(void **state)
{
	struct world world;
	const struct bf_ice_path path = path_of(1000, false), other = path_of(1001, false);

	(void)state;
	world_open(&world);
	world.path_err = -ENOBUFS;
	assert_int_equal(set_remote(&world, "them", BF_DTLS_SERVER), 0);
	assert_int_equal(check(&world, &path), BF_DROP_PATH_LIMIT);
	assert_int_equal(world.sent_count, 0);
	assert_null(bf_transport_path(world.transport));
	world.path_err = 0;
	connect_over(&world, &path);
	expect_told(&world, BF_TRANSPORT_CONNECTED, "");
	world.path_err = -ENOBUFS;
	assert_int_equal(check(&world, &other), BF_DROP_PATH_LIMIT);
	assert_int_equal(world.told_count, 0);
	world.path_err = 0;
	assert_int_equal(check(&world, &path), BF_DROP_NONE);
	assert_true(bf_ice_path_equal(bf_transport_path(world.transport), &path));
	world_close(&world);
}

static void more_paths_than_ice_keeps_do_not_stay_with_the_worker(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(set_remote(&world, "them", BF_DTLS_SERVER), 0);
	for (uint16_t i = 0; i < 50; i++) {
		const struct bf_ice_path path = path_of((uint16_t)(2000 + i), false);
		assert_int_equal(check(&world, &path), BF_DROP_NONE);
		assert_in_range(world.path_count, 1, BF_ICE_PATHS);
	}
	world_close(&world);
}

static void the_owner_may_free_it_in_every_callback(void **state)
{
	const struct bf_ice_path path = path_of(1000, false), stream = path_of(1001, true);

	(void)state;
	for (int end = 0; end < 5; end++) {
		struct world world;
		world_open(&world);
		world.frees_inside = end == 0;
		connect_over(&world, end == 4 ? &stream : &path);
		world.frees_inside = true;
		switch (end) {
		case 1:
			pass(&world, BF_SEC(31)); /* consent */
			break;
		case 2:
			bf_dtls_close(world.client);
			exchange(&world, &path);
			break;
		case 3:
			world.frees_inside = false;
			pass(&world, BF_SEC(31));
			world.frees_inside = true;
			assert_int_equal(check(&world, &path), BF_DROP_NONE); /* back */
			break;
		case 4:
			bf_transport_on_path_lost(world.transport, &stream);
			break;
		default:
			break;
		}
		assert_null(world.transport);
		world_close(&world);
	}
}

static void another_fingerprint_is_another_connection(void **state)
{
	struct world world;
	struct bf_transport_remote remote;

	(void)state;
	world_open(&world);
	assert_int_equal(set_remote(&world, "", BF_DTLS_SERVER), -EINVAL);
	assert_false(bf_transport_has_remote(world.transport));
	assert_int_equal(set_remote(&world, "them", BF_DTLS_SERVER), 0);
	assert_int_equal(set_remote(&world, "others", BF_DTLS_SERVER), 0);
	assert_true(bf_transport_is_remote_ufrag(world.transport, bf_bytes_str("others")));
	remote = (struct bf_transport_remote){.ufrag = bf_bytes_str("them"),
		.hash = bf_bytes_str("sha-256"),
		.fingerprint = bf_bytes_str(bf_dtls_ctx_fingerprint(world.dtls[1]))};
	assert_int_equal(bf_transport_set_remote(world.transport, &remote), -EPROTO);
	assert_true(bf_transport_is_remote_ufrag(world.transport, bf_bytes_str("others")));
	world_close(&world);
}

static void only_our_own_user_names_lead_to_a_transport(void **state)
{
	struct world world;
	const struct bf_ice_creds *creds;
	uint32_t id = 0;

	(void)state;
	world_open(&world);
	creds = bf_transport_creds(world.transport);
	assert_true(bf_transport_id_from_username(&id, 7, bf_bytes_str(creds->ufrag)));
	assert_int_equal(id, 0x10002);
	assert_false(bf_transport_id_from_username(&id, 8, bf_bytes_str(creds->ufrag)));
	assert_false(bf_transport_id_from_username(&id, 7, bf_bytes(creds->ufrag, 10)));
	assert_false(bf_transport_id_from_username(&id, 7, bf_bytes_str("0700010002")));
	assert_false(bf_transport_id_from_username(&id, 7, bf_bytes_str("07000100G2x")));
	assert_false(bf_transport_id_from_username(&id, 7, bf_bytes_str("")));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consent_ends_after_30_s_and_the_next_check_brings_it_back),
		cmocka_unit_test(who_does_not_come_back_has_failed_and_may_come_still),
		cmocka_unit_test(nobody_is_late_before_there_is_a_description),
		cmocka_unit_test(a_goodbye_is_final),
		cmocka_unit_test(the_last_stream_that_goes_disconnects),
		cmocka_unit_test(a_path_the_worker_has_no_room_for_is_not_used),
		cmocka_unit_test(more_paths_than_ice_keeps_do_not_stay_with_the_worker),
		cmocka_unit_test(the_owner_may_free_it_in_every_callback),
		cmocka_unit_test(another_fingerprint_is_another_connection),
		cmocka_unit_test(only_our_own_user_names_lead_to_a_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
