#include "signaling/rtc/frames.h"

const char *bf_rtc_pc_name(unsigned pc)
{
	return pc == BF_PC_PUBLISH ? "publish" : "subscribe";
}

const char *bf_rtc_source_name(unsigned source)
{
	static const char *const names[] = {
		[BF_SOURCE_UNKNOWN] = "unknown",
		[BF_SOURCE_MICROPHONE] = "microphone",
		[BF_SOURCE_CAMERA] = "camera",
		[BF_SOURCE_SCREEN] = "screen",
		[BF_SOURCE_SCREEN_AUDIO] = "screen_audio",
	};

	return source < sizeof(names) / sizeof(names[0]) ? names[source] : "unknown";
}

/* WHIP says no sources, and PROTOCOL.md has no "unknown": a camera and a microphone are what it publishes. */
static const char *source_name(unsigned source, bool is_video)
{
	if (source == BF_SOURCE_UNKNOWN)
		return is_video ? "camera" : "microphone";
	return bf_rtc_source_name(source);
}

static struct bf_json *track_json(const struct bf_rtc_track *track)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_id(json, "id", track->id);
	bf_json_put_str(json, "kind", track->is_video ? "video" : "audio");
	bf_json_put_str(json, "source", source_name(track->source, track->is_video));
	bf_json_put_str(json, "codec", track->codec);
	bf_json_put_int(json, "layers", track->layer_count);
	bf_json_put_bool(json, "muted", track->muted);
	return json;
}

static struct bf_json *participant_json(const struct bf_rtc_participant *participant)
{
	struct bf_json *json = bf_json_object();
	struct bf_json *tracks = bf_json_array();

	for (unsigned i = 0; i < participant->track_count; i++)
		bf_json_push(tracks, track_json(&participant->tracks[i]));
	bf_json_put_id(json, "id", participant->id);
	bf_json_put_str(json, "name", participant->name);
	bf_json_put(json, "tracks", tracks);
	return json;
}

struct bf_json *bf_rtc_frame_participant(const struct bf_rtc_participant *participant)
{
	struct bf_json *json = bf_json_object();

	bf_json_put(json, "participant", participant_json(participant));
	return json;
}

struct bf_json *bf_rtc_frame_joined(const struct bf_rtc_participant *self)
{
	struct bf_json *json = bf_json_object();
	struct bf_json *grants = bf_json_object();
	struct bf_json *others = bf_json_array();

	BF_LIST_EACH(at, &self->room->participants, struct bf_rtc_participant, in_room) {
		if (at != self && at->kind != BF_RTC_BY_WHEP &&
			at->state == BF_RTC_PARTICIPANT_SHOWN)
			bf_json_push(others, participant_json(at));
	}
	bf_json_put_bool(grants, "publish", self->grants & BF_GRANT_PUBLISH);
	bf_json_put_bool(grants, "subscribe", self->grants & BF_GRANT_SUBSCRIBE);
	bf_json_put_bool(grants, "data", self->grants & BF_GRANT_DATA);
	bf_json_put_str(json, "room", self->room->name);
	bf_json_put_id(json, "participant_id", self->id);
	bf_json_put(json, "grants", grants);
	bf_json_put(json, "participants", others);
	return json;
}

struct bf_json *bf_rtc_frame_left(uint64_t participant_id, const char *reason)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_id(json, "participant_id", participant_id);
	bf_json_put_str(json, "reason", reason);
	return json;
}

struct bf_json *bf_rtc_frame_published(uint64_t participant_id, const struct bf_rtc_track *track)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_id(json, "participant_id", participant_id);
	bf_json_put(json, "track", track_json(track));
	return json;
}

struct bf_json *bf_rtc_frame_unpublished(uint64_t participant_id, uint64_t track_id)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_id(json, "participant_id", participant_id);
	bf_json_put_id(json, "track_id", track_id);
	return json;
}

struct bf_json *bf_rtc_frame_muted(uint64_t participant_id, uint64_t track_id, bool muted)
{
	struct bf_json *json = bf_rtc_frame_unpublished(participant_id, track_id);

	bf_json_put_bool(json, "muted", muted);
	return json;
}

struct bf_json *bf_rtc_frame_sdp(const struct bf_media_sdp *sdp)
{
	struct bf_json *json = bf_json_object();
	struct bf_json *tracks = bf_json_array();

	for (uint32_t i = 0; i < sdp->track_count && i < BF_MEDIA_TRACKS_MAX; i++) {
		const struct bf_media_sdp_track *track = &sdp->tracks[i];
		struct bf_json *item = bf_json_object();

		bf_json_put_bytes(
			item, "mid", bf_bytes(track->mid, strnlen(track->mid, sizeof(track->mid))));
		bf_json_put_id(item, "track_id", track->track_id);
		if (sdp->is_offer) {
			bf_json_put_id(item, "participant_id", track->participant_id);
			bf_json_put_str(item, "kind", track->is_video ? "video" : "audio");
			bf_json_put_str(
				item, "source", source_name(track->source, track->is_video));
		}
		bf_json_push(tracks, item);
	}
	bf_json_put_str(json, "pc", bf_rtc_pc_name(sdp->pc));
	bf_json_put_bytes(json, "sdp", bf_bytes(sdp->sdp, sdp->sdp_len));
	bf_json_put(json, "tracks", tracks);
	return json;
}

struct bf_json *bf_rtc_frame_speakers(const struct bf_media_speakers *speakers)
{
	struct bf_json *json = bf_json_object();
	struct bf_json *speaking = bf_json_array();

	for (uint32_t i = 0; i < speakers->speaking_count && i < BF_MEDIA_SPEAKERS_MAX; i++)
		bf_json_push_id(speaking, speakers->speaking[i]);
	if (speakers->dominant_id)
		bf_json_put_id(json, "dominant", speakers->dominant_id);
	else
		bf_json_put_null(json, "dominant");
	bf_json_put(json, "speaking", speaking);
	return json;
}

struct bf_json *bf_rtc_frame_error(const char *code, const char *cause, struct bf_bytes ref)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_str(json, "code", code);
	bf_json_put_str(json, "message", cause);
	if (ref.data)
		bf_json_put_bytes(json, "ref", ref);
	return json;
}
