#include "media/transport/transport.h"

#include "core/base/clock.h"
#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SCTP_PORT 5000 /* what every browser uses; ours is written into the description */

/* A message may go to everyone in a room, so who sends small ones fast costs us much. Beyond this rate they wait in SCTP, whose window
 * then slows the sender down; none is lost. 1000/s of 16 KiB are 130 Mbit/s. */
#define EVENTS_A_SECOND 1000
#define EVENTS_BURST	256
#define EVENTS_PAUSE_US 10000

struct bf_transport {
	/* given */
	const struct bf_transport_env *env;
	const struct bf_transport_ops *ops;
	void *arg;
	uint32_t id;
	struct bf_transport_out out; /* follows from what is below */
	/* owned */
	struct bf_ice ice;
	struct bf_dtls *dtls;
	struct bf_srtp *srtp_in;
	struct bf_srtp *srtp_out;
	struct bf_sctp *sctp;
	struct bf_timer timer;
	/* state */
	enum bf_transport_state state;
	enum bf_srtp_profile profile;
	enum bf_dtls_role role;
	bool is_ready;	    /* DTLS is over, and SRTP and SCTP have begun */
	bool is_broken;	    /* they could not: only a new transport helps */
	int64_t give_up_us; /* INT64_MAX while connected, or while there is nobody to wait for */
	char remote_ufrag[257];
	char remote_fingerprint[BF_DTLS_FINGERPRINT_TEXT * 3];
	uint16_t sctp_remote_port; /* 0: no data channels */
	uint64_t sctp_remote_max_message;
	int64_t event_quota_us; /* when the quota of events was last raised */
	int64_t event_quota;
	int64_t events_due_us; /* events wait for the quota; else INT64_MAX */
	bool *is_freed;	       /* set while a callback runs that may free us */
};

/* ufrag: worker as two hex digits, id as eight, then random characters. */
static void make_creds(const struct bf_transport *transport, struct bf_ice_creds *creds)
{
	char prefix[16];
	uint8_t random[32];

	snprintf(prefix, sizeof(prefix), "%02x%08x", transport->env->worker & 0xff, transport->id);
	bf_rand_bytes(random, sizeof(random));
	bf_ice_creds_make(creds, prefix, random);
}

bool bf_transport_id_from_username(uint32_t *out, unsigned worker, struct bf_bytes username)
{
	uint64_t value = 0;

	if (username.len < 11)
		return false;
	for (size_t i = 0; i < 10; i++) {
		uint8_t c = username.data[i];
		unsigned digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10u;
		else
			return false;
		value = value << 4 | digit;
	}
	if (value >> 32 != (worker & 0xff))
		return false;
	*out = (uint32_t)value;
	return true;
}

static void arm_timer(struct bf_transport *transport)
{
	int64_t at_us = transport->give_up_us;
	int64_t ice_us = bf_ice_deadline_us(&transport->ice);
	int64_t dtls_us = transport->dtls ? bf_dtls_deadline_us(transport->dtls) : INT64_MAX;

	if (ice_us < at_us)
		at_us = ice_us;
	if (dtls_us < at_us)
		at_us = dtls_us;
	if (transport->events_due_us < at_us)
		at_us = transport->events_due_us;
	bf_timer_arm(&transport->timer, at_us);
}

static int64_t now_us(const struct bf_transport *transport)
{
	return bf_loop_now_us(transport->env->loop);
}

static void refresh_out(struct bf_transport *transport)
{
	const struct bf_ice_path *path = bf_ice_selected(&transport->ice);

	transport->out.is_open =
		transport->state == BF_TRANSPORT_CONNECTED && path && transport->srtp_out;
	if (!transport->out.is_open)
		return;
	transport->out.path = *path;
	transport->out.srtp = transport->srtp_out;
	transport->out.tag_len = (uint8_t)bf_srtp_tag_len(transport->profile);
}

const struct bf_transport_out *bf_transport_out(const struct bf_transport *transport)
{
	return &transport->out;
}

/* What may follow what. FAILED is left when somebody comes late after all, perhaps after an ICE restart. */
static const uint8_t state_may_enter[] = {
	[BF_TRANSPORT_CONNECTING] =
		1 << BF_TRANSPORT_CONNECTED | 1 << BF_TRANSPORT_FAILED | 1 << BF_TRANSPORT_CLOSED,
	[BF_TRANSPORT_CONNECTED] = 1 << BF_TRANSPORT_DISCONNECTED | 1 << BF_TRANSPORT_FAILED |
				   1 << BF_TRANSPORT_CLOSED,
	[BF_TRANSPORT_DISCONNECTED] =
		1 << BF_TRANSPORT_CONNECTED | 1 << BF_TRANSPORT_FAILED | 1 << BF_TRANSPORT_CLOSED,
	[BF_TRANSPORT_FAILED] = 1 << BF_TRANSPORT_CONNECTED | 1 << BF_TRANSPORT_CLOSED,
	[BF_TRANSPORT_CLOSED] = 0,
};

/* Tell the owner. Returns false if it freed us. */
static bool enter(struct bf_transport *transport, enum bf_transport_state state, const char *cause)
{
	bool is_freed = false;
	bool *outer = transport->is_freed;

	if (transport->state == state || transport->state == BF_TRANSPORT_CLOSED)
		return true;
	assert(state_may_enter[transport->state] & 1 << state);
	transport->state = state;
	refresh_out(transport);
	transport->give_up_us = state == BF_TRANSPORT_DISCONNECTED
					? now_us(transport) + BF_TRANSPORT_RETURN_US
					: INT64_MAX;
	transport->is_freed = &is_freed;
	transport->ops->on_state(transport->arg, state, cause);
	if (is_freed) {
		if (outer)
			*outer = true;
		return false;
	}
	transport->is_freed = outer;
	return true;
}

/* Nobody can be reached any more: consent ran out, or the last path is gone. Returns false if the owner freed us. */
static bool on_disconnected(struct bf_transport *transport, const char *cause)
{
	if (transport->state != BF_TRANSPORT_CONNECTED)
		return true;
	return enter(transport, BF_TRANSPORT_DISCONNECTED, cause);
}

static void send_datagram(
	struct bf_transport *transport, const struct bf_ice_path *path, struct bf_bytes packet)
{
	const struct bf_transport_env *env = transport->env;
	uint8_t *room = env->reserve(env->arg, path, packet.len);

	if (!room)
		return;
	memcpy(room, packet.data, packet.len);
	env->commit(env->arg, path, packet.len);
}

static void flush_dtls(struct bf_transport *transport)
{
	const struct bf_ice_path *path = bf_ice_selected(&transport->ice);
	uint8_t datagram[1500];
	size_t len;

	if (!path)
		return;
	while ((len = bf_dtls_poll(transport->dtls, datagram, sizeof(datagram))) > 0)
		send_datagram(transport, path, bf_bytes(datagram, len));
}

static int start_sctp(struct bf_transport *transport)
{
	uint64_t id = (uint64_t)transport->env->worker << 32 | transport->id;
	int err;

	err = bf_sctp_new(&transport->sctp, transport->env->sctp, transport->env->worker, id,
		SCTP_PORT, transport->sctp_remote_port, transport->role == BF_DTLS_CLIENT,
		transport->sctp_remote_max_message);
	if (err)
		return err;
	err = bf_sctp_start(transport->sctp);
	if (err) {
		bf_sctp_free(transport->sctp);
		transport->sctp = NULL;
	}
	return err;
}

static int make_srtp(struct bf_transport *transport)
{
	struct bf_srtp_key outgoing, incoming;
	int err;

	transport->profile = bf_dtls_srtp_keys(transport->dtls, &outgoing, &incoming);
	if (transport->profile == BF_SRTP_NONE)
		return 0; /* data only: no SRTP */
	err = bf_srtp_new(
		&transport->srtp_out, transport->env->srtp, transport->profile, &outgoing, true);
	if (!err)
		err = bf_srtp_new(&transport->srtp_in, transport->env->srtp, transport->profile,
			&incoming, false);
	explicit_bzero(&outgoing, sizeof(outgoing));
	explicit_bzero(&incoming, sizeof(incoming));
	return err;
}

/* The handshake is over. Returns false if the owner freed us. */
static bool on_dtls_connected(struct bf_transport *transport)
{
	if (make_srtp(transport) || (transport->sctp_remote_port && start_sctp(transport))) {
		transport->is_broken = true;
		return enter(transport, BF_TRANSPORT_FAILED, "out of memory for SRTP or SCTP");
	}
	transport->is_ready = true;
	return enter(transport, BF_TRANSPORT_CONNECTED, "");
}

/* Take what DTLS has after input or time. Returns false if the owner freed us. */
static bool drain_dtls(struct bf_transport *transport)
{
	uint8_t record[BF_DTLS_MTU * 2];
	size_t len;

	flush_dtls(transport);
	if (bf_dtls_state(transport->dtls) == BF_DTLS_CONNECTED && !transport->is_ready &&
		!transport->is_broken && !on_dtls_connected(transport))
		return false;
	while ((len = bf_dtls_read(transport->dtls, record, sizeof(record))) > 0)
		if (transport->sctp)
			(void)bf_sctp_on_packet(transport->sctp, bf_bytes(record, len));
	/* reading may have come upon the peer's goodbye */
	if (bf_dtls_state(transport->dtls) == BF_DTLS_FAILED)
		return enter(transport, BF_TRANSPORT_FAILED, bf_dtls_error(transport->dtls));
	if (bf_dtls_state(transport->dtls) == BF_DTLS_CLOSED)
		return enter(transport, BF_TRANSPORT_CLOSED, "closed by the peer");
	return true;
}

static bool read_events(struct bf_transport *transport);

static void on_timer(void *arg)
{
	struct bf_transport *transport = arg;
	int64_t now = now_us(transport);

	if (transport->dtls && bf_dtls_deadline_us(transport->dtls) <= now) {
		bf_dtls_on_timer(transport->dtls, now);
		if (!drain_dtls(transport))
			return;
	}
	if (transport->events_due_us <= now && !read_events(transport))
		return;
	if (bf_ice_on_timer(&transport->ice, now)) {
		refresh_out(transport);
		if (!on_disconnected(transport, "no consent for 30 s"))
			return;
	}
	if (transport->give_up_us <= now &&
		!enter(transport, BF_TRANSPORT_FAILED, "no connection in time"))
		return;
	arm_timer(transport);
}

int bf_transport_new(struct bf_transport **out, const struct bf_transport_env *env, uint32_t id,
	const struct bf_transport_ops *ops, void *arg)
{
	struct bf_transport *transport = calloc(1, sizeof(*transport));
	struct bf_ice_creds creds;

	if (!transport)
		return -ENOMEM;
	transport->env = env;
	transport->ops = ops;
	transport->arg = arg;
	transport->id = id;
	transport->state = BF_TRANSPORT_CONNECTING;
	make_creds(transport, &creds);
	bf_ice_init(&transport->ice, &creds);
	bf_timer_init(&transport->timer, env->loop, on_timer, transport);
	transport->give_up_us = INT64_MAX; /* nobody is late before there is a description */
	transport->event_quota = EVENTS_BURST;
	transport->event_quota_us = bf_loop_now_us(env->loop);
	transport->events_due_us = INT64_MAX;
	*out = transport;
	return 0;
}

static void remove_paths(struct bf_transport *transport)
{
	for (unsigned i = 0; i < BF_ICE_PATHS; i++)
		if (transport->ice.paths[i].is_used)
			transport->env->remove_path(
				transport->env->arg, transport, &transport->ice.paths[i].path);
}

void bf_transport_free(struct bf_transport *transport)
{
	if (!transport)
		return;
	bf_timer_disarm(&transport->timer);
	bf_sctp_free(transport->sctp);
	if (transport->dtls) {
		bf_dtls_close(transport->dtls);
		flush_dtls(transport);
	}
	remove_paths(transport);
	bf_dtls_free(transport->dtls);
	bf_srtp_free(transport->srtp_in);
	bf_srtp_free(transport->srtp_out);
	if (transport->is_freed)
		*transport->is_freed = true;
	explicit_bzero(&transport->ice, sizeof(transport->ice));
	free(transport);
}

uint32_t bf_transport_id(const struct bf_transport *transport)
{
	return transport->id;
}

const struct bf_ice_creds *bf_transport_creds(const struct bf_transport *transport)
{
	return &transport->ice.local;
}

bool bf_transport_has_remote(const struct bf_transport *transport)
{
	return transport->dtls != NULL;
}

bool bf_transport_is_dead(const struct bf_transport *transport)
{
	enum bf_dtls_state dtls =
		transport->dtls ? bf_dtls_state(transport->dtls) : BF_DTLS_HANDSHAKING;

	return transport->is_broken || dtls == BF_DTLS_FAILED || dtls == BF_DTLS_CLOSED;
}

bool bf_transport_is_remote_ufrag(const struct bf_transport *transport, struct bf_bytes ufrag)
{
	return bf_bytes_is(ufrag, transport->remote_ufrag);
}

bool bf_transport_is_remote_fingerprint(
	const struct bf_transport *transport, struct bf_bytes fingerprint)
{
	return bf_bytes_is(fingerprint, transport->remote_fingerprint);
}

static void copy_text(char *out, size_t size, struct bf_bytes text)
{
	assert(text.len < size);
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

static int start_dtls(struct bf_transport *transport, const struct bf_transport_remote *remote)
{
	int err;

	if (remote->fingerprint.len >= sizeof(transport->remote_fingerprint))
		return -EINVAL;
	err = bf_dtls_new(&transport->dtls, transport->env->dtls, remote->role, remote->hash,
		remote->fingerprint);
	if (err)
		return err;
	transport->role = remote->role;
	copy_text(transport->remote_fingerprint, sizeof(transport->remote_fingerprint),
		remote->fingerprint);
	transport->give_up_us = now_us(transport) + BF_TRANSPORT_CONNECT_US;
	if (bf_ice_selected(&transport->ice)) {
		bf_dtls_start(transport->dtls, now_us(transport));
		flush_dtls(transport);
	}
	return 0;
}

int bf_transport_set_remote(
	struct bf_transport *transport, const struct bf_transport_remote *remote)
{
	int err;

	if (remote->ufrag.len == 0 || remote->ufrag.len >= sizeof(transport->remote_ufrag))
		return -EINVAL;
	if (!transport->dtls) {
		err = start_dtls(transport, remote);
		if (err)
			return err;
	} else if (!bf_transport_is_remote_fingerprint(transport, remote->fingerprint)) {
		return -EPROTO;
	}
	bf_transport_set_remote_ufrag(transport, remote->ufrag);
	arm_timer(transport);
	return 0;
}

void bf_transport_set_remote_ufrag(struct bf_transport *transport, struct bf_bytes ufrag)
{
	copy_text(transport->remote_ufrag, sizeof(transport->remote_ufrag), ufrag);
	bf_ice_set_remote(&transport->ice, ufrag);
}

void bf_transport_restart_ice(struct bf_transport *transport)
{
	struct bf_ice_creds creds;

	make_creds(transport, &creds);
	bf_ice_restart(&transport->ice, &creds);
}

int bf_transport_enable_sctp(
	struct bf_transport *transport, uint16_t remote_port, uint64_t remote_max_message)
{
	int err = 0;

	if (transport->sctp_remote_port)
		return 0;
	transport->sctp_remote_port = remote_port;
	transport->sctp_remote_max_message = remote_max_message;
	if (transport->is_ready)
		err = start_sctp(transport);
	if (err)
		transport->sctp_remote_port = 0; /* the next description may try again */
	return err;
}

struct bf_sctp *bf_transport_sctp(struct bf_transport *transport)
{
	return transport->sctp;
}

/* A path was selected: the first one starts our ClientHello; later ones end a disconnection. */
static bool on_selected(struct bf_transport *transport)
{
	if (transport->dtls && bf_dtls_state(transport->dtls) == BF_DTLS_HANDSHAKING) {
		bf_dtls_start(transport->dtls, now_us(transport));
		return drain_dtls(transport);
	}
	return true;
}

static bool on_reconnected(struct bf_transport *transport)
{
	if (!transport->is_ready || bf_transport_is_dead(transport))
		return true;
	return enter(transport, BF_TRANSPORT_CONNECTED, "");
}

/* Returns false if the owner freed us. */
static bool lose_path(struct bf_transport *transport, const struct bf_ice_path *path)
{
	(void)bf_ice_remove_path(&transport->ice, path);
	refresh_out(transport);
	if (!bf_ice_selected(&transport->ice) &&
		!on_disconnected(transport, "the last path is gone"))
		return false;
	arm_timer(transport);
	return true;
}

enum bf_drop bf_transport_on_stun(
	struct bf_transport *transport, const struct bf_ice_path *path, struct bf_bytes packet)
{
	const struct bf_transport_env *env = transport->env;
	uint8_t reply[BF_STUN_MAX];
	struct bf_ice_result result;

	bf_ice_on_stun(&transport->ice, path, packet, now_us(transport), reply, &result);
	refresh_out(transport);
	if (result.evicted >= 0)
		env->remove_path(env->arg, transport, &result.evicted_path);
	/* Every check, not only the first: another transport may have proved the same 5-tuple in between. */
	if (result.drop == BF_DROP_NONE && bf_ice_is_valid_path(&transport->ice, path) &&
		env->add_path(env->arg, transport, path)) {
		lose_path(transport, path); /* the worker's table is full */
		return BF_DROP_PATH_LIMIT;
	}
	if (result.reply_len)
		send_datagram(transport, path, bf_bytes(reply, result.reply_len));
	if (result.is_selected && !on_selected(transport))
		return result.drop;
	if (result.is_connected && !on_reconnected(transport))
		return result.drop;
	arm_timer(transport);
	return result.drop;
}

enum bf_drop bf_transport_on_dtls(
	struct bf_transport *transport, const struct bf_ice_path *path, struct bf_bytes packet)
{
	enum bf_drop drop;

	if (!transport->dtls || !bf_ice_is_valid_path(&transport->ice, path))
		return BF_DROP_DTLS;
	drop = bf_dtls_on_datagram(transport->dtls, packet, now_us(transport));
	if (drain_dtls(transport))
		arm_timer(transport);
	return drop;
}

void bf_transport_on_sctp_output(struct bf_transport *transport, struct bf_bytes packet)
{
	if (!transport->dtls || bf_dtls_write(transport->dtls, packet))
		return; /* SCTP repeats what it lost */
	flush_dtls(transport);
}

static void raise_quota(struct bf_transport *transport)
{
	int64_t elapsed_us = now_us(transport) - transport->event_quota_us;
	int64_t raised = transport->event_quota + elapsed_us * EVENTS_A_SECOND / 1000000;

	if (elapsed_us * EVENTS_A_SECOND < 1000000)
		return; /* not a whole one yet: let it add up */
	transport->event_quota = raised < EVENTS_BURST ? raised : EVENTS_BURST;
	transport->event_quota_us = now_us(transport);
}

/* Returns false if the owner freed us. */
static bool read_events(struct bf_transport *transport)
{
	struct bf_sctp_event event;
	bool is_freed = false;
	bool *outer = transport->is_freed;

	raise_quota(transport);
	transport->events_due_us = INT64_MAX;
	transport->is_freed = &is_freed;
	while (!is_freed && transport->event_quota > 0 &&
		bf_sctp_poll_event(transport->sctp, &event) > 0) {
		transport->event_quota--;
		transport->ops->on_channel_event(transport->arg, &event);
	}
	if (!is_freed) {
		transport->is_freed = outer;
		if (transport->event_quota == 0)
			transport->events_due_us = now_us(transport) + EVENTS_PAUSE_US;
	} else if (outer) {
		*outer = true;
	}
	return !is_freed;
}

void bf_transport_on_sctp_readable(struct bf_transport *transport)
{
	if (transport->sctp && transport->events_due_us == INT64_MAX && read_events(transport))
		arm_timer(transport);
}

void bf_transport_on_path_lost(struct bf_transport *transport, const struct bf_ice_path *path)
{
	transport->env->remove_path(transport->env->arg, transport, path);
	(void)lose_path(transport, path);
}

struct bf_srtp *bf_transport_srtp_in(struct bf_transport *transport)
{
	return transport->srtp_in;
}

struct bf_srtp *bf_transport_srtp_out(struct bf_transport *transport)
{
	return transport->srtp_out;
}

enum bf_srtp_profile bf_transport_profile(const struct bf_transport *transport)
{
	return transport->profile;
}

const struct bf_ice_path *bf_transport_path(const struct bf_transport *transport)
{
	return bf_ice_selected(&transport->ice);
}

enum bf_transport_state bf_transport_state(const struct bf_transport *transport)
{
	return transport->state;
}

enum bf_drop bf_transport_send_rtcp(
	struct bf_transport *transport, uint8_t *data, size_t len, size_t size)
{
	const struct bf_ice_path *path = bf_ice_selected(&transport->ice);
	int protected_len;

	if (!path || !transport->srtp_out)
		return BF_DROP_NO_KEYS;
	protected_len = bf_srtp_protect_rtcp(transport->srtp_out, data, len, size);
	if (protected_len < 0)
		return BF_DROP_TX_FULL;
	send_datagram(transport, path, bf_bytes(data, (size_t)protected_len));
	return BF_DROP_NONE;
}
