#include "signaling/rtc/message.h"

#include "signaling/rtc/hub.h"
#include "signaling/rtc/requests.h"

#define END                  \
	{                    \
		.name = NULL \
	}
#define SDP_MAX	      BF_RTC_MESSAGE_MAX
#define CANDIDATE_MAX 1024
#define MID_MAX	      (BF_MEDIA_MID_TEXT - 1)

static const char *const publish_only[] = {"publish", NULL};
static const char *const subscribe_only[] = {"subscribe", NULL};
/* In the order of enum bf_pc. */
static const char *const any_pc[] = {"publish", "subscribe", NULL};
/* In the order of enum bf_source, whose 0 nobody may ask for. */
static const char *const sources[] = {"microphone", "camera", "screen", "screen_audio", NULL};

static const struct bf_rtc_field no_fields[] = {END};

static const struct bf_rtc_field resume_fields[] = {
	[BF_RTC_RESUME_TOKEN] = {"token", BF_RTC_FIELD_LINE, .max = 128},
	[BF_RTC_RESUME_LAST_SEQ] = {"last_seq", BF_RTC_FIELD_NUMBER, .max = INT64_MAX},
	END,
};

static const struct bf_rtc_field join_fields[] = {
	[BF_RTC_JOIN_ROOM] = {"room", BF_RTC_FIELD_ROOM},
	[BF_RTC_JOIN_NAME] = {"name", BF_RTC_FIELD_NAME},
	[BF_RTC_JOIN_TOKEN] = {"token", BF_RTC_FIELD_LINE, true, .max = BF_JOIN_TOKEN_MAX},
	END,
};

const struct bf_rtc_field bf_rtc_offer_track_fields[] = {
	[BF_RTC_OFFER_TRACK_MID] = {"mid", BF_RTC_FIELD_LINE, .max = MID_MAX},
	[BF_RTC_OFFER_TRACK_SOURCE] = {"source", BF_RTC_FIELD_CHOICE, .choices = sources},
	END,
};

static const struct bf_rtc_field offer_fields[] = {
	[BF_RTC_OFFER_PC] = {"pc", BF_RTC_FIELD_CHOICE, .choices = publish_only},
	[BF_RTC_OFFER_SDP] = {"sdp", BF_RTC_FIELD_TEXT, .max = SDP_MAX},
	[BF_RTC_OFFER_TRACKS] = {"tracks", BF_RTC_FIELD_LIST, .max = BF_MEDIA_TRACKS_MAX,
		.items = bf_rtc_offer_track_fields},
	END,
};

static const struct bf_rtc_field answer_fields[] = {
	[BF_RTC_ANSWER_PC] = {"pc", BF_RTC_FIELD_CHOICE, .choices = subscribe_only},
	[BF_RTC_ANSWER_SDP] = {"sdp", BF_RTC_FIELD_TEXT, .max = SDP_MAX},
	END,
};

static const struct bf_rtc_field candidate_fields[] = {
	[BF_RTC_CANDIDATE_PC] = {"pc", BF_RTC_FIELD_CHOICE, .choices = any_pc},
	[BF_RTC_CANDIDATE_TEXT] = {"candidate", BF_RTC_FIELD_LINE_OR_NULL, .max = CANDIDATE_MAX},
	[BF_RTC_CANDIDATE_MID] = {"mid", BF_RTC_FIELD_LINE_OR_NULL, true, .max = MID_MAX},
	END,
};

static const struct bf_rtc_field restart_fields[] = {
	{"pc", BF_RTC_FIELD_CHOICE, .choices = subscribe_only},
	END,
};

static const struct bf_rtc_field mute_fields[] = {
	[BF_RTC_CONTROL_TRACK] = {"track_id", BF_RTC_FIELD_ID},
	[BF_RTC_CONTROL_VALUE] = {"muted", BF_RTC_FIELD_BOOL},
	END,
};

static const struct bf_rtc_field layer_fields[] = {
	[BF_RTC_CONTROL_TRACK] = {"track_id", BF_RTC_FIELD_ID},
	[BF_RTC_CONTROL_VALUE] = {"layer", BF_RTC_FIELD_LAYER},
	END,
};

static const struct bf_rtc_field pause_fields[] = {
	[BF_RTC_CONTROL_TRACK] = {"track_id", BF_RTC_FIELD_ID},
	[BF_RTC_CONTROL_VALUE] = {"paused", BF_RTC_FIELD_BOOL},
	END,
};

/* A publish connection may carry tracks or data, so either grant opens it. Candidates need none: they change nothing
 * by themselves. */
#define PUBLISH	  (BF_GRANT_PUBLISH | BF_GRANT_DATA)
#define SUBSCRIBE BF_GRANT_SUBSCRIBE

const struct bf_rtc_message bf_rtc_messages[BF_RTC_MESSAGE_TYPES] = {
	{"connection:resume", BF_RTC_WHEN_ANY, 0, resume_fields, bf_rtc_on_resume},
	{"room:join", BF_RTC_WHEN_OPEN, 0, join_fields, bf_rtc_on_join},
	{"room:leave", BF_RTC_WHEN_IN, 0, no_fields, bf_rtc_on_leave},
	{"webrtc_offer", BF_RTC_WHEN_JOINED, PUBLISH, offer_fields, bf_rtc_on_offer},
	{"webrtc_answer", BF_RTC_WHEN_JOINED, SUBSCRIBE, answer_fields, bf_rtc_on_answer},
	{"ice_candidate", BF_RTC_WHEN_JOINED, 0, candidate_fields, bf_rtc_on_candidate},
	{"ice_restart", BF_RTC_WHEN_JOINED, SUBSCRIBE, restart_fields, bf_rtc_on_restart},
	{"track:mute", BF_RTC_WHEN_JOINED, BF_GRANT_PUBLISH, mute_fields, bf_rtc_on_mute},
	{"track:layer", BF_RTC_WHEN_JOINED, SUBSCRIBE, layer_fields, bf_rtc_on_layer},
	{"track:pause", BF_RTC_WHEN_JOINED, SUBSCRIBE, pause_fields, bf_rtc_on_pause},
	{"ping", BF_RTC_WHEN_ANY, 0, no_fields, bf_rtc_on_ping},
};

static size_t find_type(struct bf_bytes type)
{
	size_t i = 0;

	while (i < BF_RTC_MESSAGE_TYPES && !bf_bytes_is(type, bf_rtc_messages[i].type))
		i++;
	return i;
}

/* NULL: allowed now; else why not. */
static const char *check_state(const struct bf_rtc_message *message,
	const struct bf_rtc_session *session, enum bf_rtc_code *code)
{
	enum bf_rtc_session_state state = session->state;

	*code = BF_RTC_NOT_JOINED;
	if (message->when == BF_RTC_WHEN_OPEN && state != BF_RTC_SESSION_OPEN) {
		*code = BF_RTC_ALREADY_JOINED;
		return "leave the room first";
	}
	if (message->when == BF_RTC_WHEN_IN && state == BF_RTC_SESSION_OPEN)
		return "join a room first";
	if (message->when == BF_RTC_WHEN_JOINED && state != BF_RTC_SESSION_JOINED)
		return "join a room and wait for room:joined first";
	if (message->grants && !(session->participant->grants & message->grants)) {
		*code = BF_RTC_FORBIDDEN;
		return "the join token does not grant this";
	}
	return NULL;
}

static void dispatch(struct bf_rtc_hub *hub, struct bf_rtc_session *session,
	const struct bf_rtc_message *message, const struct bf_rtc_envelope *envelope)
{
	struct bf_rtc_value values[BF_RTC_FIELDS];
	struct bf_rtc_request request = {hub, session, envelope->id, values};
	enum bf_rtc_code code;
	char why[160];
	const char *refusal;

	/* Answered once already, or about to be: that answer is kept, and sent again on resume. */
	if (!bf_rtc_session_note(session, envelope->id))
		return;
	refusal = check_state(message, session, &code);
	if (refusal) {
		bf_rtc_hub_error(hub, session, envelope->id, code, refusal);
		return;
	}
	if (bf_rtc_schema_check(values, message->fields, envelope->data, why, sizeof(why)) < 0) {
		bf_rtc_hub_error(hub, session, envelope->id, BF_RTC_BAD_REQUEST, why);
		return;
	}
	message->handler(&request);
}

void bf_rtc_hub_receive(
	struct bf_rtc_hub *hub, struct bf_rtc_session *session, struct bf_bytes text)
{
	struct bf_rtc_envelope envelope;
	char why[160];
	bool may = bf_rtc_session_spend(session, hub->now_us);
	int err = bf_rtc_envelope_init(&envelope, text, why, sizeof(why));
	size_t type = err ? BF_RTC_MESSAGE_TYPES : find_type(envelope.type);

	bf_metric_add(hub->metrics.messages[type], 1);
	if (!may)
		bf_rtc_hub_error(hub, session, envelope.id, BF_RTC_RATE_LIMITED,
			"too many messages; send again, later, with the same id");
	else if (err)
		bf_rtc_hub_error(hub, session, envelope.id, BF_RTC_BAD_MESSAGE, why);
	else if (type == BF_RTC_MESSAGE_TYPES)
		bf_rtc_hub_error(hub, session, envelope.id, BF_RTC_UNKNOWN_TYPE,
			"this server knows no such type");
	else
		dispatch(hub, session, &bf_rtc_messages[type], &envelope);
	bf_rtc_envelope_deinit(&envelope);
}
