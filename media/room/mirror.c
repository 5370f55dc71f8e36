/* Participants and tracks of the room that other workers have: to subscriptions and players they look like ours.
 *
 * A mirror wants of its origin what its subscriptions need: each tells what it needs now, the sum is told when it changes, at the end
 * of the turn. Its packets come as records, into a cache of its own, and are forwarded as any other. */
#include "media/room/peer_priv.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_MIN 16

static struct bf_rooms *rooms_of(const struct bf_mirror *mirror)
{
	return mirror->track->participant->room->rooms;
}

static int64_t now_us(const struct bf_mirror *mirror)
{
	return bf_loop_now_us(rooms_of(mirror)->conf.loop);
}

/* ---- the table of mirrors: a handle is a slot and its generation ---- */

static struct bf_mirror *find_handle(const struct bf_rooms *rooms, uint32_t handle)
{
	unsigned slot = handle & 0xffff;

	if (slot >= rooms->mirror_slot_count || rooms->mirrors[slot].generation != handle >> 16)
		return NULL;
	return rooms->mirrors[slot].mirror;
}

static bool grow(struct bf_rooms *rooms)
{
	unsigned count = rooms->mirror_slot_count ? 2 * rooms->mirror_slot_count : SLOTS_MIN;
	struct bf_mirror_slot *bigger;

	if (count > BF_MIRRORS_MAX)
		return false;
	bigger = realloc(rooms->mirrors, count * sizeof(*bigger));
	if (!bigger)
		return false;
	memset(bigger + rooms->mirror_slot_count, 0,
		(count - rooms->mirror_slot_count) * sizeof(*bigger));
	rooms->mirrors = bigger;
	rooms->mirror_slot_next = rooms->mirror_slot_count;
	rooms->mirror_slot_count = count;
	return true;
}

static bool take_free_slot(struct bf_rooms *rooms, struct bf_mirror *mirror)
{
	for (unsigned i = 0; i < rooms->mirror_slot_count; i++) {
		unsigned at = (rooms->mirror_slot_next + i) % rooms->mirror_slot_count;
		struct bf_mirror_slot *slot = &rooms->mirrors[at];

		if (slot->mirror)
			continue;
		rooms->mirror_slot_next = at + 1;
		slot->mirror = mirror;
		slot->generation++;
		mirror->handle = (uint32_t)slot->generation << 16 | at;
		return true;
	}
	return false;
}

static bool take_slot(struct bf_rooms *rooms, struct bf_mirror *mirror)
{
	return take_free_slot(rooms, mirror) || (grow(rooms) && take_free_slot(rooms, mirror));
}

/* ---- what is wanted ---- */

static uint8_t needs_of(const struct bf_sub *sub)
{
	uint8_t layers;

	if (!sub->is_active || sub->is_paused || sub->is_shed || !sub->conn->is_connected)
		return 0;
	if (!sub->is_video)
		return 1;
	layers = (uint8_t)(1u << sub->target);
	if (sub->current >= 0)
		layers |= (uint8_t)(1u << sub->current); /* until the target's keyframe comes */
	return layers;
}

static void set_needs(struct bf_sub *sub, uint8_t layers)
{
	struct bf_mirror *mirror = sub->track->mirror;

	for (unsigned i = 0; i < BF_TRACK_LAYERS; i++) {
		bool was_needed = sub->mirror_layers & 1u << i, is_needed = layers & 1u << i;

		if (was_needed == is_needed)
			continue;
		mirror->want_counts[i] += is_needed ? 1u : -1u;
		if (mirror->want_counts[i] == (is_needed ? 1u : 0u))
			bf_mirror_changed(mirror);
	}
	sub->mirror_layers = layers;
}

void bf_mirror_on_sub(struct bf_sub *sub)
{
	if (sub->track && sub->track->mirror)
		set_needs(sub, needs_of(sub));
}

void bf_mirror_leave(struct bf_sub *sub)
{
	if (sub->track && sub->track->mirror)
		set_needs(sub, 0);
}

static uint8_t wants_of(const struct bf_mirror *mirror)
{
	const struct bf_track *track = mirror->track;
	uint8_t layers = 0;

	for (unsigned i = 0; i < track->layer_count; i++)
		if (mirror->want_counts[i] > 0)
			layers |= (uint8_t)(1u << i);
	if (track->participant->room->is_leader && track->source == BF_SOURCE_MICROPHONE)
		layers |= BF_PEER_LEVELS;
	return layers;
}

static void send_want(struct bf_mirror *mirror, uint8_t layers)
{
	struct bf_participant *participant = mirror->track->participant;
	struct bf_peer_want *want = bf_peer_msg_new(
		participant->room, participant->worker, BF_PEER_WANT, sizeof(*want));

	if (want) {
		want->track_id = mirror->track->id;
		want->handle = mirror->handle;
		want->layers = layers;
	}
	mirror->told = layers; /* if it is lost, all wants are repeated */
	bf_peer_tell(participant->room, participant->worker, want);
}

void bf_mirror_repeat_wants(struct bf_room *room, unsigned worker)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node) {
		if (!participant->is_remote || participant->worker != worker)
			continue;
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			send_want(track->mirror, wants_of(track->mirror));
	}
}

/* Packets of a layer that nobody wants any more can be asked for again for a while. */
static void note_unwanted(struct bf_mirror *mirror, uint8_t layers)
{
	for (unsigned i = 0; i < mirror->track->layer_count; i++) {
		if (layers & 1u << i)
			mirror->unwanted_us[i] = 0;
		else if (mirror->told & 1u << i)
			mirror->unwanted_us[i] = now_us(mirror);
	}
}

static void send_keyframe(struct bf_mirror *mirror, unsigned layer)
{
	struct bf_participant *participant = mirror->track->participant;
	struct bf_peer_keyframe *keyframe = bf_peer_msg_new(
		participant->room, participant->worker, BF_PEER_KEYFRAME, sizeof(*keyframe));

	if (keyframe) {
		keyframe->track_id = mirror->track->id;
		keyframe->layer = (uint8_t)layer;
	}
	(void)bf_peer_post(rooms_of(mirror), participant->worker,
		keyframe); /* what is lost is asked again with the next try */
}

/* Ask for the keyframes that are due. Returns when next. */
static int64_t ask_keyframes(struct bf_mirror *mirror, uint8_t layers)
{
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < mirror->track->layer_count; i++) {
		struct bf_keyframe *keyframe = &mirror->track->streams[i].keyframe;

		if (!(layers & 1u << i))
			bf_keyframe_on_keyframe(
				keyframe, now_us(mirror)); /* nobody needs it any more */
		else if (bf_keyframe_poll(keyframe, now_us(mirror)))
			send_keyframe(mirror, i);
		if (bf_keyframe_deadline_us(keyframe) < next_us)
			next_us = bf_keyframe_deadline_us(keyframe);
	}
	return next_us;
}

/* Give back the memory of layers long unwanted. Returns when next. */
static int64_t empty_caches(struct bf_mirror *mirror)
{
	struct bf_rooms *rooms = rooms_of(mirror);
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < mirror->track->layer_count; i++) {
		int64_t at_us = mirror->unwanted_us[i] + BF_CACHE_AGE_US;

		if (!mirror->unwanted_us[i])
			continue;
		if (at_us > now_us(mirror)) {
			next_us = at_us < next_us ? at_us : next_us;
			continue;
		}
		bf_forward_flush(&mirror->track->streams[i]);
		bf_outbox_finish(rooms->conf.outbox); /* jobs may look into it */
		bf_cache_deinit(&mirror->track->streams[i].cache);
		bf_cache_init(&mirror->track->streams[i].cache, rooms->conf.cache_pool);
		mirror->unwanted_us[i] = 0;
	}
	return next_us;
}

static void update(struct bf_mirror *mirror)
{
	uint8_t layers = wants_of(mirror);
	int64_t keyframe_us, empty_us;

	if (layers != mirror->told) {
		note_unwanted(mirror, layers);
		send_want(mirror, layers);
	}
	keyframe_us = ask_keyframes(mirror, layers);
	empty_us = empty_caches(mirror);
	bf_timer_arm(&mirror->timer, keyframe_us < empty_us ? keyframe_us : empty_us);
}

static void on_timer(void *arg)
{
	update(arg);
}

void bf_mirror_changed(struct bf_mirror *mirror)
{
	struct bf_rooms *rooms = rooms_of(mirror);

	if (!bf_list_is_empty(&mirror->changed_node))
		return;
	bf_list_append(&rooms->changed_mirrors, &mirror->changed_node);
	bf_loop_hook_request(rooms->conf.loop, &rooms->mirror_hook);
}

static void on_turn_end(void *arg)
{
	struct bf_rooms *rooms = arg;

	BF_LIST_EACH(mirror, &rooms->changed_mirrors, struct bf_mirror, changed_node) {
		bf_list_remove(&mirror->changed_node);
		update(mirror);
	}
}

void bf_mirror_want_keyframe(struct bf_stream *stream, int64_t now)
{
	bf_keyframe_want(&stream->keyframe, now);
	bf_mirror_changed(stream->track->mirror);
}

bool bf_mirror_is_alive(const struct bf_stream *stream)
{
	return stream->track->mirror->alive & 1u << stream->layer;
}

void bf_mirror_on_leader(struct bf_room *room)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			if (track->mirror)
				bf_mirror_changed(track->mirror);
}

/* ---- participants and tracks ---- */

static struct bf_participant *find_participant(struct bf_room *room, unsigned worker, uint64_t id)
{
	BF_LIST_EACH(at, &room->participants, struct bf_participant, node)
		if (at->is_remote && at->worker == worker && at->id == id)
			return at;
	return NULL;
}

static struct bf_participant *find_or_add(struct bf_room *room, unsigned worker, uint64_t id)
{
	struct bf_participant *participant = find_participant(room, worker, id);

	if (!participant) {
		participant = calloc(1, sizeof(*participant));
		if (!participant)
			return NULL;
		participant->id = id;
		participant->room = room;
		participant->is_remote = true;
		participant->worker = (uint16_t)worker;
		bf_list_init(&participant->tracks);
		bf_list_append(&room->participants, &participant->node);
	}
	participant->is_doubtful = false;
	return participant;
}

static void end_track(struct bf_track *track)
{
	struct bf_mirror *mirror = track->mirror;
	struct bf_room *room = track->participant->room;

	bf_track_drop(track);
	bf_timer_disarm(&mirror->timer);
	bf_list_remove(&mirror->changed_node);
	room->rooms->mirrors[mirror->handle & 0xffff].mirror = NULL;
	free(mirror);
	free(track);
	bf_play_update(room);
}

static void remove_participant(struct bf_participant *participant)
{
	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
		end_track(track);
	bf_leader_on_left(participant->room, participant->id);
	bf_org_set_receiver(participant, false);
	bf_list_remove(&participant->node);
	free(participant);
}

static void apply_state(struct bf_track *track, const struct bf_peer_track_state *state)
{
	bool is_turned = track->is_muted != state->is_muted;

	track->is_muted = state->is_muted;
	track->mirror->alive = state->alive;
	memcpy(track->ranks, state->ranks, sizeof(track->ranks));
	bf_layer_update_track(track);
	if (!is_turned)
		return;
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		bf_sub_interrupt(sub);
}

static void describe(struct bf_track *track, const struct bf_peer_track *msg)
{
	track->id = msg->track_id;
	track->is_video = msg->is_video;
	track->source = msg->source;
	track->format = msg->format;
	memcpy(track->fmtp_text, msg->fmtp_text, sizeof(track->fmtp_text));
	track->format.fmtp = bf_bytes_str(track->fmtp_text);
	bf_track_init_streams(track, msg->layer_count);
	for (unsigned i = 0; i < BF_TRACK_LAYERS; i++)
		memcpy(track->streams[i].rid, msg->rids[i], sizeof(msg->rids[i]));
	apply_state(track, &msg->state);
}

static struct bf_track *begin_track(
	struct bf_participant *participant, const struct bf_peer_track *msg)
{
	struct bf_track *track = calloc(1, sizeof(*track));
	struct bf_mirror *mirror = calloc(1, sizeof(*mirror));
	struct bf_rooms *rooms = participant->room->rooms;

	if (!track || !mirror || !take_slot(rooms, mirror)) {
		free(track);
		free(mirror);
		return NULL;
	}
	mirror->track = track;
	bf_list_init(&mirror->changed_node);
	bf_timer_init(&mirror->timer, rooms->conf.loop, on_timer, mirror);
	track->mirror = mirror;
	track->participant = participant;
	bf_list_init(&track->subs);
	bf_list_init(&track->feeds);
	describe(track, msg);
	bf_list_append(&participant->tracks, &track->node);
	return track;
}

static struct bf_track *find_track(struct bf_room *room, unsigned worker, uint64_t track_id)
{
	struct bf_track *track = bf_track_find(room, track_id);

	return track && track->mirror && track->participant->worker == worker ? track : NULL;
}

void bf_mirror_on_joined(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_participant *told = (const struct bf_peer_participant *)msg;
	struct bf_participant *participant = find_or_add(room, msg->from, told->participant_id);

	if (participant)
		bf_org_set_receiver(participant, told->is_receiver);
	else
		bf_member_repair(room, msg->from);
}

void bf_mirror_on_left(struct bf_room *room, struct bf_peer_msg *msg)
{
	uint64_t id = ((const struct bf_peer_participant *)msg)->participant_id;
	struct bf_participant *participant = find_participant(room, msg->from, id);

	if (participant)
		remove_participant(participant);
}

void bf_mirror_on_track(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_track *told = (const struct bf_peer_track *)msg;
	struct bf_track *track = find_track(room, msg->from, told->track_id);
	struct bf_participant *participant;

	assert(told->layer_count >= 1 && told->layer_count <= BF_TRACK_LAYERS);
	if (track) {
		track->participant->is_doubtful = false;
		track->mirror->is_doubtful = false;
		apply_state(track, &told->state);
		return;
	}
	participant = find_or_add(room, msg->from, told->participant_id);
	track = participant ? begin_track(participant, told) : NULL;
	if (!track) {
		bf_member_repair(room, msg->from);
		return;
	}
	BF_LIST_EACH(other, &room->participants, struct bf_participant, node)
		bf_subscribe_track(other, track);
	bf_play_update(room);
	bf_mirror_changed(track->mirror);
}

void bf_mirror_on_track_end(struct bf_room *room, struct bf_peer_msg *msg)
{
	uint64_t id = ((const struct bf_peer_track_change *)msg)->track_id;
	struct bf_track *track = find_track(room, msg->from, id);

	if (track)
		end_track(track);
}

void bf_mirror_on_track_state(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_track_change *change = (const struct bf_peer_track_change *)msg;
	struct bf_track *track = find_track(room, msg->from, change->track_id);

	if (track)
		apply_state(track, &change->state);
}

void bf_mirror_forget(struct bf_room *room, unsigned worker)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		if (participant->is_remote && participant->worker == worker)
			remove_participant(participant);
}

void bf_mirror_doubt(struct bf_room *room, unsigned worker)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node) {
		if (!participant->is_remote || participant->worker != worker)
			continue;
		participant->is_doubtful = true;
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			track->mirror->is_doubtful = true;
	}
}

void bf_mirror_forget_doubtful(struct bf_room *room, unsigned worker)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node) {
		if (!participant->is_remote || participant->worker != worker)
			continue;
		if (participant->is_doubtful) {
			remove_participant(participant);
			continue;
		}
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			if (track->mirror->is_doubtful)
				end_track(track);
	}
}

/* ---- records ---- */

/* The stream of a record. When the publisher's stream began anew at the origin, so does ours. */
static struct bf_stream *stream_of(struct bf_mirror *mirror, const struct bf_peer_record *record)
{
	struct bf_stream *stream = &mirror->track->streams[record->layer];
	uint32_t *uid = &mirror->origin_uids[record->layer];

	if (*uid && *uid != record->stream_uid)
		bf_stream_start_anew(stream);
	*uid = record->stream_uid;
	return stream;
}

static void read_exts(struct bf_media_packet *packet, const struct bf_peer_packet *in)
{
	const uint8_t *at = in->bytes;

	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		if (in->ext_lens[i] == BF_PEER_NO_EXT)
			continue;
		packet->exts.value[i] = bf_bytes(at, in->ext_lens[i]);
		at += in->ext_lens[i];
	}
	packet->payload = bf_bytes(at, in->payload_len);
}

static void hear_level(struct bf_mirror *mirror, const struct bf_ext_values *exts)
{
	struct bf_participant *participant = mirror->track->participant;
	uint8_t level;
	bool is_voice;

	if (mirror->track->source == BF_SOURCE_MICROPHONE &&
		bf_ext_audio_level(exts, &level, &is_voice))
		bf_leader_on_level(participant->room, participant->id, level, now_us(mirror));
}

/* As bf_conn_on_rtp does with a packet of a publisher of ours, once it is known what it is. */
static void on_packet(struct bf_mirror *mirror, const struct bf_peer_packet *in)
{
	struct bf_stream *stream = stream_of(mirror, &in->record);
	struct bf_media_packet packet = {
		.ext_seq = in->ext_seq,
		.timestamp = in->timestamp,
		.marker = in->marker,
		.info = in->info,
		.at_us = in->at_us,
	};

	read_exts(&packet, in);
	bf_seq_commit(&stream->seq, packet.ext_seq);
	if (packet.info.is_keyframe)
		bf_keyframe_on_keyframe(&stream->keyframe, now_us(mirror));
	hear_level(mirror, &packet.exts);
	bf_forward_packet(stream, &packet);
}

static void on_skip(struct bf_mirror *mirror, const struct bf_peer_skip *in)
{
	struct bf_stream *stream = stream_of(mirror, &in->record);

	bf_seq_commit(&stream->seq, in->ext_seq);
	bf_forward_skip(stream, in->ext_seq);
}

static void on_report(struct bf_mirror *mirror, const struct bf_peer_report *in)
{
	struct bf_stream *stream = stream_of(mirror, &in->record);

	stream->sr_ntp = in->ntp;
	stream->sr_timestamp = in->timestamp;
	stream->sr_at_us = in->at_us;
}

static void on_level(struct bf_mirror *mirror, const struct bf_peer_level *in)
{
	struct bf_participant *participant = mirror->track->participant;

	bf_leader_on_level(participant->room, participant->id, in->level_dbov, now_us(mirror));
}

void bf_rooms_on_record(struct bf_rooms *rooms, struct bf_bytes data)
{
	const struct bf_peer_record *record = (const void *)data.data;
	struct bf_mirror *mirror = find_handle(rooms, record->handle);

	rooms->counters.mirror_records++;
	if (!mirror)
		return; /* the track has ended */
	assert(record->layer < mirror->track->layer_count);
	switch ((enum bf_peer_record_kind)record->kind) {
	case BF_PEER_PACKET:
		on_packet(mirror, (const void *)record);
		break;
	case BF_PEER_SKIP:
		on_skip(mirror, (const void *)record);
		break;
	case BF_PEER_REPORT:
		on_report(mirror, (const void *)record);
		break;
	case BF_PEER_LEVEL:
		on_level(mirror, (const void *)record);
		break;
	}
}

/* ---- begin and end ---- */

void bf_mirror_init(struct bf_rooms *rooms)
{
	bf_list_init(&rooms->changed_mirrors);
	bf_loop_hook_init(&rooms->mirror_hook, on_turn_end, rooms);
}

void bf_mirror_deinit(struct bf_rooms *rooms)
{
	assert(bf_list_is_empty(&rooms->changed_mirrors));
	bf_loop_hook_cancel(&rooms->mirror_hook);
	free(rooms->mirrors);
}
