#include "signaling/rtc/session.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/id.h"
#include "core/base/rand.h"
#include "core/base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLAY_SLOTS_FIRST 16
#define MESSAGE_COST_US	   (BF_SEC(1) / BF_RTC_RATE)

/* ---- envelope ---- */

static bool is_id(struct bf_bytes text)
{
	size_t count = 0;
	uint32_t point;

	while (text.len > 0) {
		size_t len = bf_utf8_take(text, &point);

		if (len == 0 || ++count > BF_RTC_ID_MAX)
			return false;
		text = bf_bytes(text.data + len, text.len - len);
	}
	return count > 0;
}

static int refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return -EBADMSG;
}

int bf_rtc_envelope_init(
	struct bf_rtc_envelope *envelope, struct bf_bytes text, char *why, size_t why_size)
{
	struct bf_bytes id;

	memset(envelope, 0, sizeof(*envelope));
	if (bf_json_parse(&envelope->json, text, BF_RTC_MESSAGE_MAX, why, why_size) < 0) {
		envelope->json = NULL;
		return -EBADMSG;
	}
	if (!bf_json_is_object(envelope->json))
		return refuse(why, why_size, "a frame is one object");
	if (bf_json_get_str(envelope->json, "id", &id) < 0 || !is_id(id))
		return refuse(why, why_size, "id: a string of 1 to 64 characters is required");
	envelope->id = id;
	if (bf_json_get_str(envelope->json, "type", &envelope->type) < 0)
		return refuse(why, why_size, "type: a string is required");
	envelope->data = bf_json_get(envelope->json, "data");
	if (envelope->data && !bf_json_is_object(envelope->data))
		return refuse(why, why_size, "data: must be an object");
	return 0;
}

void bf_rtc_envelope_deinit(struct bf_rtc_envelope *envelope)
{
	bf_json_free(envelope->json);
	memset(envelope, 0, sizeof(*envelope));
}

/* ---- replay ring ---- */

static uint64_t replay_first_seq(const struct bf_rtc_replay *replay)
{
	return replay->next_seq - replay->frame_count;
}

static struct bf_rtc_frame *replay_at(const struct bf_rtc_replay *replay, uint64_t seq)
{
	return &replay->frames[seq % replay->slot_count];
}

static void replay_drop_oldest(struct bf_rtc_replay *replay)
{
	struct bf_rtc_frame *frame = replay_at(replay, replay_first_seq(replay));

	replay->size_bytes -= frame->len;
	replay->frame_count--;
	free(frame->text);
	frame->text = NULL;
}

static int replay_grow(struct bf_rtc_replay *replay)
{
	struct bf_rtc_replay bigger = *replay;

	bigger.slot_count = replay->slot_count ? 2 * replay->slot_count : REPLAY_SLOTS_FIRST;
	bigger.frames = calloc(bigger.slot_count, sizeof(*bigger.frames));
	if (!bigger.frames)
		return -ENOMEM;
	for (uint64_t seq = replay_first_seq(replay); seq < replay->next_seq; seq++)
		*replay_at(&bigger, seq) = *replay_at(replay, seq);
	free(replay->frames);
	*replay = bigger;
	return 0;
}

/* Takes `text`. There is a free slot: replay_reserve was called. */
static void replay_put(struct bf_rtc_replay *replay, char *text, size_t len)
{
	*replay_at(replay, replay->next_seq) = (struct bf_rtc_frame){.text = text, .len = len};
	replay->next_seq++;
	replay->frame_count++;
	replay->size_bytes += len;
	while (replay->size_bytes > BF_RTC_REPLAY_BYTES)
		replay_drop_oldest(replay);
}

static int replay_reserve(struct bf_rtc_replay *replay)
{
	if (replay->frame_count < replay->slot_count)
		return 0;
	if (replay->slot_count < BF_RTC_REPLAY_FRAMES)
		return replay_grow(replay);
	replay_drop_oldest(replay);
	return 0;
}

/* ---- life ---- */

int bf_rtc_session_new(struct bf_rtc_session **out, int64_t now_us)
{
	struct bf_rtc_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->id = bf_id_new();
	bf_token_new(session->token, sizeof(session->token), BF_RTC_TOKEN_BYTES);
	bf_rand_bytes(session->seen_seed, sizeof(session->seen_seed));
	bf_list_init(&session->in_all);
	bf_list_init(&session->in_lost);
	session->replay.next_seq = 1;
	session->bucket_at_us = now_us;
	session->bucket_us = BF_RTC_BURST * MESSAGE_COST_US;
	*out = session;
	return 0;
}

void bf_rtc_session_free(struct bf_rtc_session *session)
{
	if (!session)
		return;
	while (session->replay.frame_count > 0)
		replay_drop_oldest(&session->replay);
	free(session->replay.frames);
	free(session);
}

void bf_rtc_session_attach(struct bf_rtc_session *session, const struct bf_rtc_sink *sink)
{
	assert(!bf_rtc_session_is_attached(session));
	session->sink = *sink;
	session->sink.bind(session->sink.arg, session);
}

void bf_rtc_session_detach(struct bf_rtc_session *session)
{
	struct bf_rtc_sink sink = session->sink;

	assert(bf_rtc_session_is_attached(session));
	memset(&session->sink, 0, sizeof(session->sink));
	sink.bind(sink.arg, NULL);
}

bool bf_rtc_session_spend(struct bf_rtc_session *session, int64_t now_us)
{
	const int64_t full_us = BF_RTC_BURST * MESSAGE_COST_US;

	session->bucket_us += now_us - session->bucket_at_us;
	session->bucket_at_us = now_us;
	if (session->bucket_us > full_us)
		session->bucket_us = full_us;
	if (session->bucket_us < MESSAGE_COST_US)
		return false;
	session->bucket_us -= MESSAGE_COST_US;
	return true;
}

bool bf_rtc_session_note(struct bf_rtc_session *session, struct bf_bytes id)
{
	/* Hashes instead of texts: with a seed of its own, two ids of one session meet by a chance of 2^-56. */
	uint64_t hash = bf_hash(session->seen_seed, id);
	size_t known = session->seen_count < BF_RTC_SEEN ? session->seen_count : BF_RTC_SEEN;

	for (size_t i = 0; i < known; i++) {
		if (session->seen[i] == hash)
			return false;
	}
	session->seen[session->seen_count++ % BF_RTC_SEEN] = hash;
	return true;
}

/* ---- sending ---- */

/* {"type":...,"id":...,"ts":...,"seq":...,"data":{...}}; NULL without memory. `seq` 0: none. */
static char *frame_text(const char *type, struct bf_bytes id, int64_t wall_us, uint64_t seq,
	struct bf_bytes data, size_t *out_len)
{
	struct bf_json *head;
	size_t head_len, len;
	char *head_text, *text = NULL;

	if (!data.data)
		return NULL;
	head = bf_json_object();
	bf_json_put_str(head, "type", type);
	if (id.data)
		bf_json_put_bytes(head, "id", id);
	bf_json_put_int(head, "ts", wall_us / 1000);
	if (seq)
		bf_json_put_int(head, "seq", (int64_t)seq);
	head_text = bf_json_print(head, &head_len);
	bf_json_free(head);
	if (!head_text)
		return NULL;
	/* The head's closing brace makes room for the data, which one event has for many sessions. */
	len = head_len - 1 + strlen(",\"data\":") + data.len + 1;
	text = malloc(len + 1);
	if (text)
		snprintf(text, len + 1, "%.*s,\"data\":%.*s}", (int)head_len - 1, head_text,
			(int)data.len, (const char *)data.data);
	free(head_text);
	*out_len = len;
	return text;
}

static void give_up(struct bf_rtc_session *session)
{
	if (bf_rtc_session_is_attached(session))
		session->sink.close(session->sink.arg, 1011, "out of memory");
}

static int transmit(struct bf_rtc_session *session, const char *text, size_t len)
{
	if (!bf_rtc_session_is_attached(session))
		return 0;
	return session->sink.send(session->sink.arg, bf_bytes(text, len));
}

void bf_rtc_session_send(struct bf_rtc_session *session, int64_t wall_us, const char *type,
	struct bf_bytes id, struct bf_bytes data)
{
	size_t len;
	char *text = frame_text(type, id, wall_us, session->replay.next_seq, data, &len);

	if (!text || replay_reserve(&session->replay) < 0) {
		free(text);
		/* The number is used up: a client that resumes finds the frame gone and joins anew. */
		while (session->replay.frame_count > 0)
			replay_drop_oldest(&session->replay);
		session->replay.next_seq++;
		give_up(session);
		return;
	}
	/* Sent first: a frame larger than the ring does not stay in it. A failed send is the socket's end,
	 * and the frame waits in the ring. */
	(void)transmit(session, text, len);
	replay_put(&session->replay, text, len);
}

void bf_rtc_session_send_unnumbered(struct bf_rtc_session *session, int64_t wall_us,
	const char *type, struct bf_bytes id, struct bf_bytes data)
{
	size_t len;
	char *text = frame_text(type, id, wall_us, 0, data, &len);

	if (!text) {
		give_up(session);
		return;
	}
	(void)transmit(session, text, len);
	free(text);
}

int bf_rtc_session_missed(const struct bf_rtc_session *session, int64_t last_seq)
{
	const struct bf_rtc_replay *replay = &session->replay;

	if (last_seq < 0 || (uint64_t)last_seq >= replay->next_seq ||
		(uint64_t)last_seq + 1 < replay_first_seq(replay))
		return -ENOENT;
	return (int)(replay->next_seq - 1 - (uint64_t)last_seq);
}

void bf_rtc_session_replay(struct bf_rtc_session *session, int64_t last_seq)
{
	assert(bf_rtc_session_missed(session, last_seq) >= 0);
	for (uint64_t seq = (uint64_t)last_seq + 1; seq < session->replay.next_seq; seq++) {
		const struct bf_rtc_frame *frame = replay_at(&session->replay, seq);

		if (transmit(session, frame->text, frame->len) < 0)
			return;
	}
}
