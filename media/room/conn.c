#include "media/room/room_priv.h"

#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void post_state(struct bf_conn *conn, enum bf_pc_state state, const char *cause)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	struct bf_media_pc_state *msg = bf_msg_new(BF_MEDIA_PC_STATE, sizeof(*msg));

	if (!msg)
		return;
	msg->room_id = conn->participant->room->id;
	msg->participant_id = conn->participant->id;
	msg->pc = (uint8_t)conn->pc;
	msg->state = (uint8_t)state;
	snprintf(msg->cause, sizeof(msg->cause), "%s", cause);
	rooms->conf.post(rooms->conf.arg, &msg->msg);
}

static void on_connected(struct bf_conn *conn)
{
	conn->is_connected = true;
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		bf_sub_interrupt(sub); /* what it missed meanwhile is no loss */
	bf_conn_wake(conn, conn->report_due_us);
}

static void on_disconnected(struct bf_conn *conn)
{
	conn->is_connected = false;
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		bf_layer_update(sub); /* it needs no packets now */
}

static void on_transport_state(void *arg, enum bf_transport_state state, const char *cause)
{
	struct bf_conn *conn = arg;
	static const enum bf_pc_state shown[] = {
		[BF_TRANSPORT_CONNECTED] = BF_PC_CONNECTED,
		[BF_TRANSPORT_DISCONNECTED] = BF_PC_DISCONNECTED,
		[BF_TRANSPORT_FAILED] = BF_PC_FAILED,
		[BF_TRANSPORT_CLOSED] = BF_PC_CLOSED,
	};

	assert(state != BF_TRANSPORT_CONNECTING);
	BF_LOG(bf_conn_rooms(conn)->conf.log, BF_LOG_INFO, "peer connection",
		BF_ID("participant", conn->participant->id),
		BF_STR("pc", conn->pc == BF_PC_PUBLISH ? "publish" : "subscribe"),
		BF_STR("state", state == BF_TRANSPORT_CONNECTED	     ? "connected"
				: state == BF_TRANSPORT_DISCONNECTED ? "disconnected"
				: state == BF_TRANSPORT_FAILED	     ? "failed"
								     : "closed"),
		BF_STR("srtp", bf_srtp_profile_name(bf_transport_profile(conn->transport))),
		BF_STR("cause", cause));
	if (state == BF_TRANSPORT_CONNECTED)
		on_connected(conn);
	else
		on_disconnected(conn);
	post_state(conn, shown[state], cause);
}

static void on_channel_event(void *arg, const struct bf_sctp_event *event)
{
	struct bf_conn *conn = arg;

	if (event->kind == BF_SCTP_MESSAGE)
		bf_data_on_message(conn->participant, event->channel, event->is_text, event->data);
}

static const struct bf_transport_ops transport_ops = {
	.on_state = on_transport_state,
	.on_channel_event = on_channel_event,
};

static void on_timer(void *arg)
{
	struct bf_conn *conn = arg;
	int64_t at_us = bf_feedback_run(conn, bf_loop_now_us(bf_conn_rooms(conn)->conf.loop));

	bf_timer_arm(&conn->timer, at_us);
}

void bf_conn_wake(struct bf_conn *conn, int64_t at_us)
{
	if (!conn->timer.is_armed || at_us < conn->timer.at_us)
		bf_timer_arm(&conn->timer, at_us);
}

uint32_t bf_conn_ssrc(struct bf_conn *conn)
{
	if (++conn->next_ssrc == 0)
		conn->next_ssrc = 1; /* 0 means none */
	return conn->next_ssrc;
}

static void on_offer_timer(void *arg)
{
	bf_subscribe_request_offer(arg);
}

/* What only a publisher needs is 18 KiB, what only we need to offer is 4 KiB: a player needs neither. */
static int prepare_publish(struct bf_conn *conn)
{
	conn->ssrcs = calloc(BF_CONN_SSRCS, sizeof(*conn->ssrcs));
	conn->retired = calloc(BF_CONN_RETIRED, sizeof(*conn->retired));
	conn->twcc = malloc(sizeof(*conn->twcc));
	if (!conn->ssrcs || !conn->retired || !conn->twcc)
		return -ENOMEM;
	bf_twcc_init(conn->twcc, conn->feedback_ssrc);
	return 0;
}

int bf_conn_prepare_offers(struct bf_conn *conn)
{
	if (!conn->sections)
		conn->sections = calloc(BF_CONN_SECTIONS, sizeof(*conn->sections));
	if (!conn->pts)
		conn->pts = calloc(BF_CONN_PTS, sizeof(*conn->pts));
	return conn->sections && conn->pts ? 0 : -ENOMEM;
}

static void free_parts(struct bf_conn *conn)
{
	free(conn->ssrcs);
	free(conn->retired);
	free(conn->twcc);
	free(conn->sections);
	free(conn->pts);
	free(conn);
}

int bf_conn_new(struct bf_conn **out, struct bf_participant *participant, enum bf_pc pc)
{
	struct bf_rooms_conf *conf = &participant->room->rooms->conf;
	struct bf_conn *conn = calloc(1, sizeof(*conn));
	int err;

	if (!conn)
		return -ENOMEM;
	conn->participant = participant;
	conn->pc = pc;
	conn->session_id = bf_rand_u64() >> 2; /* RFC 8866 section 5.2: numeric; JSEP: 63 bits */
	conn->next_ssrc = bf_rand_u32();
	conn->feedback_ssrc = bf_conn_ssrc(conn);
	conn->report_due_us = bf_loop_now_us(conf->loop) + BF_REPORT_US;
	bf_list_init(&conn->subs);
	bf_pacer_init(&conn->pacer, &participant->room->rooms->pacers, bf_loop_now_us(conf->loop));
	bf_timer_init(&conn->timer, conf->loop, on_timer, conn);
	bf_timer_init(&conn->offer_timer, conf->loop, on_offer_timer, conn);
	err = pc == BF_PC_PUBLISH ? prepare_publish(conn) : 0;
	if (err)
		goto fail;
	conn->transport_id = conf->add_conn(conf->arg, conn);
	err = -ENOBUFS;
	if (!conn->transport_id)
		goto fail;
	err = bf_transport_new(
		&conn->transport, conf->env, conn->transport_id, &transport_ops, conn);
	if (err)
		goto fail_id;
	participant->conns[pc] = conn;
	*out = conn;
	return 0;

fail_id:
	conf->remove_conn(conf->arg, conn->transport_id);
fail:
	free_parts(conn);
	return err;
}

void bf_conn_free(struct bf_conn *conn)
{
	struct bf_rooms_conf *conf;

	if (!conn)
		return;
	conf = &bf_conn_rooms(conn)->conf;
	bf_outbox_finish(conf->outbox); /* jobs hold its keys */
	bf_data_count_refused(conn);
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		bf_sub_free(sub);
	bf_pacer_deinit(&conn->pacer);
	bf_timer_disarm(&conn->timer);
	bf_timer_disarm(&conn->offer_timer);
	conf->remove_conn(conf->arg, conn->transport_id);
	bf_transport_free(conn->transport);
	conn->participant->conns[conn->pc] = NULL;
	free_parts(conn);
}

struct bf_transport *bf_conn_transport(struct bf_conn *conn)
{
	return conn->transport;
}
