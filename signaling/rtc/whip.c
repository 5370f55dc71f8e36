#include "signaling/rtc/whip.h"

#include "core/base/id.h"
#include "signaling/rtc/hub.h"
#include "signaling/rtc/sdpfrag.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define KEY_BYTES     24 /* 192 random bits: the URL is half of the right to it */
#define ETAG_BYTES    12
#define BUSY	      "the media worker is busy; try again"
#define RETRY_AFTER_S "2"

/* ---- replies ---- */

static int reply(struct bf_rtc_hub *hub, uint64_t exchange_id, const struct bf_rtc_whip_reply *what)
{
	return hub->conf.reply(hub->conf.reply_arg, exchange_id, what);
}

static void add_field(struct bf_rtc_whip_reply *what, const char *name, const char *value)
{
	assert(what->field_count < BF_RTC_WHIP_FIELDS);
	what->fields[what->field_count++] = (struct bf_rtc_whip_field){name, value};
}

void bf_rtc_whip_refuse(struct bf_rtc_hub *hub, uint64_t exchange_id, int status, const char *code,
	const char *detail)
{
	struct bf_rtc_whip_reply what = {.status = status, .code = code, .detail = detail};

	if (status == 401)
		add_field(&what, "WWW-Authenticate", "Bearer");
	if (status == 503)
		add_field(&what, "Retry-After", RETRY_AFTER_S);
	(void)reply(hub, exchange_id, &what);
}

static void refuse(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request,
	enum bf_rtc_code code, const char *detail)
{
	bf_rtc_whip_refuse(hub, request->exchange_id, bf_rtc_code_status(code),
		bf_rtc_code_name(code), detail);
}

/* ---- fields of requests ---- */

static bool equals_nocase(struct bf_bytes a, const char *b)
{
	return a.len == strlen(b) && strncasecmp((const char *)a.data, b, a.len) == 0;
}

static struct bf_bytes trim(struct bf_bytes text)
{
	while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = bf_bytes(text.data + 1, text.len - 1);
	while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* The part of `*rest` before `separator`, trimmed; `*rest` goes on after it. */
static struct bf_bytes next_part(struct bf_bytes *rest, char separator)
{
	struct bf_bytes part;
	const uint8_t *end;
	size_t taken;

	if (rest->len == 0)
		return bf_bytes("", 0); /* also of an absent field, which has no data */
	end = memchr(rest->data, separator, rest->len);
	part = bf_bytes(rest->data, end ? (size_t)(end - rest->data) : rest->len);
	taken = end ? part.len + 1 : part.len;
	*rest = bf_bytes(rest->data + taken, rest->len - taken);
	return trim(part);
}

/* Parameters (charset and the like) do not matter. */
static bool is_media_type(struct bf_bytes field, const char *type)
{
	return equals_nocase(next_part(&field, ';'), type);
}

/* Whether an Accept field, if there is one, lets us answer with application/sdp (RFC 9110 section 12.5.1). */
static bool accepts_sdp(struct bf_bytes field)
{
	if (!field.data)
		return true;
	while (field.len > 0) {
		struct bf_bytes range = next_part(&field, ',');
		struct bf_bytes type = next_part(&range, ';');
		struct bf_bytes weight = next_part(&range, ';');

		if (!equals_nocase(type, "application/sdp") &&
			!equals_nocase(type, "application/*") && !equals_nocase(type, "*/*"))
			continue;
		if (!equals_nocase(weight, "q=0"))
			return true;
	}
	return false;
}

/* The token of "Bearer <token>"; data NULL when there is none. */
static struct bf_bytes bearer(struct bf_bytes field)
{
	static const char scheme[] = "Bearer ";
	const size_t len = sizeof(scheme) - 1;

	if (field.len <= len || strncasecmp((const char *)field.data, scheme, len) != 0)
		return bf_bytes(NULL, 0);
	return trim(bf_bytes(field.data + len, field.len - len));
}

/* ---- sessions ---- */

static int session_new(struct bf_rtc_hub *hub, struct bf_rtc_whip_session **out,
	struct bf_rtc_participant *participant, const struct bf_rtc_whip_request *request)
{
	struct bf_rtc_whip_session *session = calloc(1, sizeof(*session));
	struct bf_bytes token = bearer(request->authorization);
	int err = -ENOMEM;

	if (!session)
		return -ENOMEM;
	session->token_len = token.len;
	session->token = malloc(token.len + 1);
	if (!session->token)
		goto fail_session;
	if (token.len)
		memcpy(session->token, token.data, token.len);
	session->is_whep = request->is_whep;
	session->participant = participant;
	session->offer_exchange_id = request->exchange_id;
	bf_token_new(session->key, sizeof(session->key), KEY_BYTES);
	err = bf_map_put(&hub->whip_sessions, &session->by_key, bf_bytes_str(session->key));
	if (err)
		goto fail_token;
	participant->whip = session;
	*out = session;
	return 0;

fail_token:
	free(session->token);
fail_session:
	free(session);
	return err;
}

void bf_rtc_whip_free(struct bf_rtc_hub *hub, struct bf_rtc_whip_session *session)
{
	session->participant->whip = NULL;
	bf_map_remove(&hub->whip_sessions, &session->by_key);
	free(session->token);
	free(session);
}

static void renew_etag(struct bf_rtc_whip_session *session)
{
	const size_t text_len = ETAG_BYTES / 3 * 4;

	session->etag[0] = '"';
	bf_token_new(session->etag + 1, sizeof(session->etag) - 1, ETAG_BYTES);
	session->etag[1 + text_len] = '"';
	session->etag[2 + text_len] = '\0';
}

/* The time depends on the length only, which is no secret. */
static bool is_same_secret(struct bf_bytes a, const uint8_t *b, size_t b_len)
{
	unsigned diff = 0;

	if (a.len != b_len)
		return false;
	for (size_t i = 0; i < b_len; i++)
		diff |= (unsigned)(a.data[i] ^ b[i]);
	return diff == 0;
}

/* The resource a PATCH or DELETE is for; NULL, and it has been refused. */
static struct bf_rtc_whip_session *find_session(
	struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	struct bf_map_node *node = bf_map_get(&hub->whip_sessions, request->key);
	struct bf_rtc_whip_session *session =
		node ? BF_CONTAINER(node, struct bf_rtc_whip_session, by_key) : NULL;
	struct bf_bytes token = bearer(request->authorization);
	struct bf_join_grants grants;
	enum bf_rtc_code code;
	const char *why;

	if (!session || session->is_whep != request->is_whep) {
		refuse(hub, request, BF_RTC_NOT_FOUND, "no such session; it may have ended");
		return NULL;
	}
	/* A stream may outlast the token it began with, and must still be ended by who began it. */
	if (!hub->conf.verify || is_same_secret(token, session->token, session->token_len))
		return session;
	if (bf_rtc_hub_authorize(hub, &grants, token,
		    bf_bytes_str(session->participant->room->name), &code, &why) < 0) {
		refuse(hub, request, code, why);
		return NULL;
	}
	if (strcmp(grants.org, session->participant->room->org) != 0) {
		refuse(hub, request, BF_RTC_FORBIDDEN,
			"the join token is for rooms of another organization");
		return NULL;
	}
	if (!(grants.grants & (session->is_whep ? BF_GRANT_SUBSCRIBE : BF_GRANT_PUBLISH))) {
		refuse(hub, request, BF_RTC_FORBIDDEN, "the join token does not grant this");
		return NULL;
	}
	return session;
}

/* ---- POST ---- */

static bool check_names(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	if (!bf_rtc_is_room_name(request->room)) {
		refuse(hub, request, BF_RTC_BAD_REQUEST,
			"room: 1 to 64 characters of A-Z a-z 0-9 . _ -");
		return false;
	}
	if (request->name.data && !bf_rtc_is_display_name(request->name)) {
		refuse(hub, request, BF_RTC_BAD_REQUEST,
			"name: 1 to 64 characters, none of them a control character");
		return false;
	}
	return true;
}

/* What the participant may do, in *out; false: refused. A player does nothing but receive; a publisher may have data channels. */
static bool check_token(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request,
	struct bf_join_grants *out)
{
	uint32_t needed = request->is_whep ? BF_GRANT_SUBSCRIBE : BF_GRANT_PUBLISH;
	uint32_t wanted = request->is_whep ? BF_GRANT_SUBSCRIBE : BF_GRANT_PUBLISH | BF_GRANT_DATA;
	struct bf_join_grants grants;
	enum bf_rtc_code code;
	const char *why;

	if (bf_rtc_hub_authorize(
		    hub, &grants, bearer(request->authorization), request->room, &code, &why) < 0) {
		refuse(hub, request, code, why);
		return false;
	}
	if (!(grants.grants & needed)) {
		refuse(hub, request, BF_RTC_FORBIDDEN, "the join token does not grant this");
		return false;
	}
	if (!request->is_whep && grants.name[0] && !bf_bytes_is(request->name, grants.name)) {
		refuse(hub, request, BF_RTC_FORBIDDEN, "the join token is for another name");
		return false;
	}
	*out = grants;
	out->grants &= wanted;
	return true;
}

static bool check_offer(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	if (!is_media_type(request->content_type, "application/sdp")) {
		bf_rtc_whip_refuse(hub, request->exchange_id, 415, "unsupported_media_type",
			"the body must be application/sdp");
		return false;
	}
	if (!accepts_sdp(request->accept)) {
		bf_rtc_whip_refuse(hub, request->exchange_id, 406, "not_acceptable",
			"the answer is application/sdp");
		return false;
	}
	if (request->body.len == 0 || request->body.len > BF_RTC_WHIP_SDP_MAX) {
		refuse(hub, request, BF_RTC_BAD_SDP, "the offer is empty or too long");
		return false;
	}
	return true;
}

/* Who is to be played, in *played, NULL: whoever speaks; false: refused. */
static bool check_room(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request,
	const struct bf_join_grants *grants, const struct bf_rtc_participant **played)
{
	const struct bf_rtc_room *room =
		bf_rtc_registry_room(&hub->registry, bf_bytes_str(grants->org), request->room);

	*played = NULL;
	if (!request->is_whep) {
		if (!room || !bf_rtc_room_has_whip(room, request->name))
			return true;
		refuse(hub, request, BF_RTC_BAD_STATE, "this name is being published already");
		return false;
	}
	if (!room) {
		refuse(hub, request, BF_RTC_NOT_FOUND, "no such room");
		return false;
	}
	if (!request->name.data)
		return true;
	*played = bf_rtc_room_named(room, request->name);
	if (*played)
		return true;
	refuse(hub, request, BF_RTC_NOT_FOUND, "nobody of that name is in the room");
	return false;
}

static int post_offer(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant,
	const struct bf_rtc_whip_request *request, uint64_t play_id)
{
	struct bf_rtc_pending *pending =
		bf_rtc_hub_expect(hub, participant, BF_RTC_PENDING_WHIP_OFFER);
	struct bf_media_offer *msg;

	if (!pending)
		return -ENOBUFS;
	msg = bf_msg_new(BF_MEDIA_OFFER, sizeof(*msg) + request->body.len + 1);
	if (!msg)
		return -ENOMEM;
	msg->request_id = pending->request_id;
	msg->room_id = participant->room->id;
	msg->participant_id = participant->id;
	msg->pc = request->is_whep ? BF_PC_SUBSCRIBE : BF_PC_PUBLISH;
	msg->play_participant_id = play_id;
	msg->sdp_len = (uint32_t)request->body.len;
	memcpy(msg->sdp, request->body.data, request->body.len);
	if (bf_rtc_hub_post(hub, participant, &msg->msg) < 0)
		return -ENOBUFS;
	/* Only now: until the offer is under way the caller answers the exchange itself. */
	pending->exchange_id = request->exchange_id;
	return 0;
}

static void start(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request,
	const struct bf_join_grants *grants, const struct bf_rtc_participant *played)
{
	struct bf_rtc_whip_session *session;
	struct bf_rtc_participant *participant;
	struct bf_rtc_pending *join;
	bool is_known = false;
	int err = bf_rtc_registry_add(&hub->registry, &participant, bf_bytes_str(grants->org),
		request->room, request->is_whep ? bf_bytes(NULL, 0) : request->name,
		request->is_whep ? BF_RTC_BY_WHEP : BF_RTC_BY_WHIP, played);

	if (err) {
		refuse(hub, request, err == -ENOBUFS ? BF_RTC_ROOM_FULL : BF_RTC_BUSY,
			err == -ENOBUFS ? "the room is full" : "out of memory");
		return;
	}
	participant->grants = grants->grants;
	err = session_new(hub, &session, participant, request);
	if (!err) {
		join = bf_rtc_hub_expect(hub, participant, BF_RTC_PENDING_WHIP_JOIN);
		err = join ? bf_rtc_hub_post_join(hub, join) : -ENOBUFS;
	}
	if (!err) {
		is_known = true;
		err = post_offer(hub, participant, request, played ? played->id : 0);
	}
	if (err) {
		bf_rtc_hub_end(hub, participant, is_known, "failed", BF_RTC_BUSY, BUSY);
		refuse(hub, request, BF_RTC_BUSY, BUSY);
	}
	bf_rtc_hub_refresh_gauges(hub);
}

void bf_rtc_whip_post(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	const struct bf_rtc_participant *played;
	struct bf_join_grants grants;

	if (check_names(hub, request) && check_token(hub, request, &grants) &&
		check_offer(hub, request) && check_room(hub, request, &grants, &played))
		start(hub, request, &grants, played);
}

/* Location, ETag, and a Link for each ICE server that fits. */
static void created(
	struct bf_rtc_hub *hub, struct bf_rtc_whip_session *session, const struct bf_media_sdp *sdp)
{
	char links[BF_RTC_WHIP_LINKS][BF_ICE_LINK_TEXT];
	char location[512], name[BF_ID_TEXT];
	const char *base = hub->conf.public_url ? hub->conf.public_url : "";
	struct bf_rtc_whip_reply what = {
		.status = 201,
		.content_type = "application/sdp",
		.body = bf_bytes(sdp->sdp, sdp->sdp_len),
	};
	size_t base_len = strlen(base), link_bytes = 0;

	while (base_len > 0 && base[base_len - 1] == '/')
		base_len--;
	snprintf(location, sizeof(location), "%.*s/%s/%s", (int)base_len, base,
		session->is_whep ? "whep-session" : "whip-session", session->key);
	renew_etag(session);
	add_field(&what, "Location", location);
	add_field(&what, "ETag", session->etag);
	for (unsigned i = 0; i < hub->conf.ice_servers.url_count && i < BF_RTC_WHIP_LINKS; i++) {
		if (bf_ice_servers_link(&hub->conf.ice_servers, i, hub->wall_us / 1000000,
			    bf_id_format(session->participant->id, name), links[i],
			    sizeof(links[i])) < 0)
			continue;
		link_bytes += strlen(links[i]);
		if (link_bytes > BF_RTC_WHIP_LINKS_MAX)
			break;
		add_field(&what, "Link", links[i]);
	}
	if (reply(hub, session->offer_exchange_id, &what) < 0)
		/* Nobody will ever learn the URL. */
		bf_rtc_hub_end(hub, session->participant, true, "failed", BF_RTC_NOT_FOUND,
			"the client has gone");
}

/* ---- PATCH and DELETE ---- */

enum match {
	MATCH_MISSING, /* no If-Match */
	MATCH_NONE,    /* tags, none of them ours */
	MATCH_ETAG,    /* this ICE session: trickle */
	MATCH_ANY,     /* any: an ICE restart */
};

/* RFC 9110 writes the wildcard bare, RFC 9725 shows it in quotes; clients do either. */
static enum match match_of(const struct bf_rtc_whip_session *session, struct bf_bytes if_match)
{
	if (!if_match.data)
		return MATCH_MISSING;
	if (bf_bytes_is(if_match, "*") || bf_bytes_is(if_match, "\"*\""))
		return MATCH_ANY;
	while (if_match.len > 0) {
		if (bf_bytes_is(next_part(&if_match, ','), session->etag))
			return MATCH_ETAG;
	}
	return MATCH_NONE;
}

static int post_candidate(struct bf_rtc_hub *hub, const struct bf_rtc_whip_session *session,
	struct bf_bytes text, uint64_t request_id)
{
	const struct bf_rtc_participant *participant = session->participant;
	struct bf_media_candidate *msg =
		bf_msg_new(BF_MEDIA_CANDIDATE, sizeof(*msg) + text.len + 1);

	if (!msg)
		return -ENOMEM;
	msg->request_id = request_id;
	msg->room_id = participant->room->id;
	msg->participant_id = participant->id;
	msg->pc = session->is_whep ? BF_PC_SUBSCRIBE : BF_PC_PUBLISH;
	msg->text_len = (uint32_t)text.len;
	if (text.len)
		memcpy(msg->text, text.data, text.len);
	return bf_rtc_hub_post(hub, participant, &msg->msg);
}

/* All of a fragment's candidates; the last message carries `request_id`, and its answer stands for all, since requests of one
 * participant are handled in order. */
static int post_candidates(struct bf_rtc_hub *hub, const struct bf_rtc_whip_session *session,
	const struct bf_sdpfrag *fragment, uint64_t request_id)
{
	for (unsigned i = 0; i < fragment->candidate_count; i++) {
		bool is_last = i + 1 == fragment->candidate_count && !fragment->is_end;
		int err = post_candidate(
			hub, session, fragment->candidates[i], is_last ? request_id : 0);

		if (err)
			return err;
	}
	if (fragment->is_end)
		return post_candidate(hub, session, bf_bytes(NULL, 0), request_id);
	return 0;
}

static void trickle(struct bf_rtc_hub *hub, struct bf_rtc_whip_session *session,
	const struct bf_rtc_whip_request *request, const struct bf_sdpfrag *fragment)
{
	struct bf_rtc_whip_reply none = {.status = 204};
	struct bf_rtc_pending *pending;

	if (fragment->candidate_count == 0 && !fragment->is_end) {
		(void)reply(hub, request->exchange_id, &none);
		return;
	}
	pending = bf_rtc_hub_expect(hub, session->participant, BF_RTC_PENDING_WHIP_TRICKLE);
	if (!pending) {
		refuse(hub, request, BF_RTC_BUSY, BUSY);
		return;
	}
	pending->exchange_id = request->exchange_id;
	if (post_candidates(hub, session, fragment, pending->request_id) < 0) {
		bf_rtc_hub_forget(hub, pending);
		refuse(hub, request, BF_RTC_BUSY, BUSY);
	}
}

static int post_restart(struct bf_rtc_hub *hub, const struct bf_rtc_whip_session *session,
	const struct bf_sdpfrag *fragment, uint64_t request_id)
{
	const struct bf_rtc_participant *participant = session->participant;
	struct bf_media_restart *msg = bf_msg_new(BF_MEDIA_RESTART, sizeof(*msg));

	if (!msg)
		return -ENOMEM;
	msg->request_id = request_id;
	msg->room_id = participant->room->id;
	msg->participant_id = participant->id;
	msg->pc = session->is_whep ? BF_PC_SUBSCRIBE : BF_PC_PUBLISH;
	memcpy(msg->remote_ufrag, fragment->ufrag.data, fragment->ufrag.len);
	memcpy(msg->remote_pwd, fragment->pwd.data, fragment->pwd.len);
	return bf_rtc_hub_post(hub, participant, &msg->msg);
}

static void restart(struct bf_rtc_hub *hub, struct bf_rtc_whip_session *session,
	const struct bf_rtc_whip_request *request, const struct bf_sdpfrag *fragment)
{
	struct bf_rtc_pending *pending;

	if (!fragment->ufrag.data) {
		refuse(hub, request, BF_RTC_BAD_REQUEST,
			"an ICE restart needs ice-ufrag and ice-pwd");
		return;
	}
	pending = bf_rtc_hub_expect(hub, session->participant, BF_RTC_PENDING_WHIP_RESTART);
	if (!pending) {
		refuse(hub, request, BF_RTC_BUSY, BUSY);
		return;
	}
	if (post_restart(hub, session, fragment, pending->request_id) < 0) {
		bf_rtc_hub_forget(hub, pending);
		refuse(hub, request, BF_RTC_BUSY, BUSY);
		return;
	}
	pending->exchange_id = request->exchange_id;
	/* If the worker's inbox fills up here, the restart stands without hints that an ICE-lite server hardly needs. */
	(void)post_candidates(hub, session, fragment, 0);
}

void bf_rtc_whip_patch(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	struct bf_rtc_whip_session *session = find_session(hub, request);
	struct bf_sdpfrag fragment;
	const char *why;

	if (!session)
		return;
	if (!is_media_type(request->content_type, "application/trickle-ice-sdpfrag")) {
		bf_rtc_whip_refuse(hub, request->exchange_id, 415, "unsupported_media_type",
			"the body must be application/trickle-ice-sdpfrag");
		return;
	}
	if (bf_sdpfrag_parse(&fragment, request->body, &why) < 0) {
		refuse(hub, request, BF_RTC_BAD_SDP, why);
		return;
	}
	switch (match_of(session, request->if_match)) {
	case MATCH_MISSING:
		bf_rtc_whip_refuse(hub, request->exchange_id, 428, "precondition_required",
			"If-Match: the ETag to trickle, or \"*\" for an ICE restart");
		return;
	case MATCH_NONE:
		bf_rtc_whip_refuse(hub, request->exchange_id, 412, "precondition_failed",
			"the ETag is of an earlier ICE session");
		return;
	case MATCH_ETAG:
		trickle(hub, session, request, &fragment);
		return;
	case MATCH_ANY:
		restart(hub, session, request, &fragment);
		return;
	}
}

void bf_rtc_whip_delete(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request)
{
	struct bf_rtc_whip_session *session = find_session(hub, request);
	struct bf_rtc_whip_reply done = {.status = 200};

	if (!session)
		return;
	bf_rtc_hub_end(hub, session->participant, true, "left", BF_RTC_NOT_FOUND,
		"the session has been ended");
	(void)reply(hub, request->exchange_id, &done);
}

/* ---- what the worker answered ---- */

void bf_rtc_whip_on_done(struct bf_rtc_hub *hub, const struct bf_rtc_pending *pending)
{
	/* RFC 9725 section 4.3.2: no body, and no ETag. */
	struct bf_rtc_whip_reply none = {.status = 204};

	(void)reply(hub, pending->exchange_id, &none);
}

void bf_rtc_whip_on_sdp(
	struct bf_rtc_hub *hub, struct bf_rtc_pending *pending, const struct bf_media_sdp *sdp)
{
	struct bf_rtc_participant *participant = pending->participant;
	struct bf_rtc_whip_session *session = participant->whip;
	bool is_offer = pending->kind == BF_RTC_PENDING_WHIP_OFFER;
	uint64_t exchange_id = pending->exchange_id;
	struct bf_rtc_whip_reply restarted = {
		.status = 200,
		.content_type = "application/trickle-ice-sdpfrag",
		.body = bf_bytes(sdp->sdp, sdp->sdp_len),
	};

	bf_rtc_hub_forget(hub, pending);
	if (is_offer) {
		bf_rtc_hub_show(hub, participant);
		created(hub, session, sdp);
		return;
	}
	renew_etag(session);
	add_field(&restarted, "ETag", session->etag);
	(void)reply(hub, exchange_id, &restarted);
}
