#include "media/ice/ice.h"

#include "media/stun/stun.h"

#include <assert.h>
#include <errno.h>

/* A selected path that had no check for this long gives way to another nominated one. Consent checks come every 5 s at
 * the latest plus or minus 20 % (RFC 7675 section 5.1), connectivity checks of a live pair far more often. */
#define STALE_US (5 * 1000000)

bool bf_ice_path_equal(const struct bf_ice_path *a, const struct bf_ice_path *b)
{
	return a->socket == b->socket && a->is_tcp == b->is_tcp &&
	       bf_addr_equal(&a->remote, &b->remote) && bf_addr_equal(&a->local, &b->local);
}

void bf_ice_init(struct bf_ice *ice, const struct bf_ice_creds *local)
{
	assert(local->pwd[0] && local->ufrag[0]);
	memset(ice, 0, sizeof(*ice));
	ice->local = *local;
	ice->selected = -1;
}

int bf_ice_set_remote(struct bf_ice *ice, struct bf_bytes ufrag)
{
	bool is_known = ice->remote_ufrag[0] != 0;

	if (ufrag.len == 0 || ufrag.len > 256 || memchr(ufrag.data, 0, ufrag.len))
		return -EINVAL;
	if (is_known && bf_bytes_is(ufrag, ice->remote_ufrag))
		return 0;
	memcpy(ice->remote_ufrag, ufrag.data, ufrag.len);
	ice->remote_ufrag[ufrag.len] = 0;
	ice->is_remote_restarted = is_known;
	return 0;
}

static bool is_previous_live(const struct bf_ice *ice)
{
	return ice->previous.pwd[0] != 0;
}

void bf_ice_restart(struct bf_ice *ice, const struct bf_ice_creds *local)
{
	assert(local->pwd[0] && local->ufrag[0]);
	/* Else nothing has used the present ones: the peer is at the previous. */
	if (!is_previous_live(ice) || ice->is_previous_renewed)
		ice->previous = ice->local;
	ice->is_previous_renewed = false;
	ice->local = *local;
	ice->generation++;
	if (!ice->is_remote_restarted)
		ice->remote_ufrag[0] = 0; /* the peer will take a new one: not known yet */
	ice->is_remote_restarted = false;
}

/* What a user name "ours:theirs" speaks of. */
struct claim {
	const struct bf_ice_creds *creds; /* NULL: of none of ours */
	/* Our previous ones with the peer's new part: it restarted, and checked a new path before our answer has told it
	 * the new password. Chromium then stays with the pair of the two for as long as the path lives. */
	bool is_renewed;
};

/* The part behind the colon must be the peer's only where we know it: proof is the password, and a check may come
 * before the description. */
static struct claim find_creds(const struct bf_ice *ice, struct bf_bytes username)
{
	const uint8_t *colon = username.len > 0 ? memchr(username.data, ':', username.len) : NULL;
	bool is_remote_known = ice->remote_ufrag[0] && !ice->is_remote_restarted;
	struct bf_bytes ours;
	bool is_theirs;

	if (!colon)
		return (struct claim){0};
	ours = bf_bytes(username.data, (size_t)(colon - username.data));
	is_theirs = is_remote_known && bf_bytes_is(bf_bytes(colon + 1, username.len - ours.len - 1),
					       ice->remote_ufrag);
	if (bf_bytes_is(ours, ice->local.ufrag) && (is_theirs || !is_remote_known))
		return (struct claim){.creds = &ice->local};
	if (is_previous_live(ice) && bf_bytes_is(ours, ice->previous.ufrag))
		return (struct claim){.creds = &ice->previous, .is_renewed = is_theirs};
	return (struct claim){0};
}

static int find_path(const struct bf_ice *ice, const struct bf_ice_path *path)
{
	for (int i = 0; i < BF_ICE_PATHS; i++)
		if (ice->paths[i].is_used && bf_ice_path_equal(&ice->paths[i].path, path))
			return i;
	return -1;
}

/* A free place, or the least recently checked path that is not selected. */
static int find_room(const struct bf_ice *ice)
{
	int oldest = -1;

	for (int i = 0; i < BF_ICE_PATHS; i++) {
		if (!ice->paths[i].is_used)
			return i;
		if (i != ice->selected && (oldest < 0 || ice->paths[i].last_check_us <
								 ice->paths[oldest].last_check_us))
			oldest = i;
	}
	return oldest;
}

/* UDP before TCP whatever the priorities say; then by the priority of the peer's check. */
static int compare(const struct bf_ice_valid *a, const struct bf_ice_valid *b)
{
	if (a->path.is_tcp != b->path.is_tcp)
		return a->path.is_tcp ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return 0;
}

/* Whether a check at `now_us` makes `idx` the path to send on. With aggressive nomination every check asks for that, so
 * asking again is not enough: else two paths would take turns. */
static bool should_select(
	const struct bf_ice *ice, int idx, bool is_first_nomination, int64_t now_us)
{
	const struct bf_ice_valid *path = &ice->paths[idx];
	const struct bf_ice_valid *old;

	if (ice->selected == idx)
		return false;
	if (ice->selected < 0 || ice->state != BF_ICE_CONNECTED)
		return true;
	old = &ice->paths[ice->selected];
	if (now_us - old->last_check_us > STALE_US &&
		(path->is_nominated || path->generation != old->generation))
		return true;
	if (!path->is_wanted)
		return false;
	if (path->generation != old->generation || !old->is_nominated || !old->is_wanted)
		return true; /* a restart, a provisional choice, or the peer has changed its mind */
	return is_first_nomination && compare(path, old) >= 0;
}

static int add_path(struct bf_ice *ice, const struct bf_ice_path *path, struct bf_ice_result *out)
{
	int idx = find_room(ice);

	if (ice->paths[idx].is_used) {
		out->evicted = idx;
		out->evicted_path = ice->paths[idx].path;
	}
	ice->paths[idx] = (struct bf_ice_valid){
		.path = *path, .is_used = true, .generation = ice->generation};
	out->is_new_path = true;
	return idx;
}

static void enter_connected(struct bf_ice *ice, struct bf_ice_result *out)
{
	if (ice->state == BF_ICE_CONNECTED)
		return;
	ice->state = BF_ICE_CONNECTED;
	out->is_connected = true;
}

/* A check with the credentials of before a restart keeps the path of before alive, and that is all. */
static void commit_previous(struct bf_ice *ice, const struct bf_ice_path *path, int64_t now_us,
	struct bf_ice_result *out)
{
	int idx = find_path(ice, path);

	if (idx < 0)
		return;
	ice->paths[idx].last_check_us = now_us;
	if (idx == ice->selected)
		enter_connected(ice, out);
}

static void commit(struct bf_ice *ice, const struct bf_ice_path *path,
	const struct bf_stun_request *request, int64_t now_us, struct bf_ice_result *out)
{
	int idx = find_path(ice, path);
	struct bf_ice_valid *valid;
	bool is_first_nomination;

	if (idx < 0)
		idx = add_path(ice, path, out);
	valid = &ice->paths[idx];
	if (valid->generation != ice->generation) {
		valid->generation = ice->generation;
		valid->is_nominated = false;
	}
	is_first_nomination = request->use_candidate && !valid->is_nominated;
	valid->last_check_us = now_us;
	valid->priority = request->priority;
	valid->is_wanted = request->use_candidate;
	valid->is_nominated = valid->is_nominated || request->use_candidate;
	if (should_select(ice, idx, is_first_nomination, now_us)) {
		ice->selected = idx;
		out->is_selected = true;
	}
	if (ice->selected == idx)
		enter_connected(ice, out);
}

static void refuse(struct bf_ice_result *out, uint8_t *reply, struct bf_bytes packet, int code,
	struct bf_bytes password, enum bf_drop drop)
{
	int len = bf_stun_write_error(reply, BF_STUN_MAX, packet, code, password);

	out->drop = drop;
	out->reply_len = len > 0 ? (size_t)len : 0;
}

/* Where an error is due, the answer is about as long as the question: nothing to amplify. */
static struct claim authenticate(const struct bf_ice *ice, struct bf_bytes packet,
	struct bf_stun_request *request, uint8_t *reply, struct bf_ice_result *out)
{
	const struct bf_bytes unsigned_ = bf_bytes(NULL, 0);
	const struct claim none = {0};
	struct claim claim;
	struct bf_stun_peek peek;
	struct bf_bytes password;

	if (bf_stun_peek(&peek, packet) < 0) {
		out->drop = BF_DROP_STUN_MALFORMED;
		return none;
	}
	if (peek.cls != BF_STUN_REQUEST || !peek.is_binding) {
		out->drop = BF_DROP_STUN_UNKNOWN;
		return none;
	}
	claim = find_creds(ice, peek.username);
	if (!claim.creds) {
		refuse(out, reply, packet, peek.username.len > 0 ? 401 : 400, unsigned_,
			BF_DROP_STUN_UNKNOWN);
		return none;
	}
	password = bf_bytes_str(claim.creds->pwd);
	switch (bf_stun_check_request(request, packet, password)) {
	case 0:
		return claim;
	case -EACCES:
		refuse(out, reply, packet, 401, unsigned_, BF_DROP_STUN_AUTH);
		return none;
	case -EPROTO:
		refuse(out, reply, packet, 420, password, BF_DROP_STUN_MALFORMED);
		return none;
	default:
		out->drop = BF_DROP_STUN_MALFORMED;
		return none;
	}
}

void bf_ice_on_stun(struct bf_ice *ice, const struct bf_ice_path *path, struct bf_bytes packet,
	int64_t now_us, uint8_t *reply, struct bf_ice_result *out)
{
	struct bf_stun_request request;
	struct bf_bytes password;
	struct claim claim;
	int len;

	memset(out, 0, sizeof(*out));
	out->evicted = -1;
	claim = authenticate(ice, packet, &request, reply, out);
	if (!claim.creds)
		return;
	password = bf_bytes_str(claim.creds->pwd);
	if (request.is_controlled) { /* lite is always the controlled side (RFC 8445 section 6.1.1) */
		refuse(out, reply, packet, 487, password, BF_DROP_NONE);
		return;
	}
	len = bf_stun_write_success(reply, BF_STUN_MAX, packet, &path->remote, password);
	assert(len > 0); /* the request is checked and the room is there */
	out->reply_len = (size_t)len;
	if (claim.creds == &ice->previous && !claim.is_renewed) {
		commit_previous(ice, path, now_us, out);
		return;
	}
	ice->is_previous_renewed = ice->is_previous_renewed || claim.is_renewed;
	if (!ice->is_previous_renewed)
		memset(&ice->previous, 0, sizeof(ice->previous)); /* the new ones are in use */
	commit(ice, path, &request, now_us, out);
}

/* The best of what is left: of the newest generation, nominated, then by priority. */
static int find_best(const struct bf_ice *ice)
{
	int best = -1;

	for (int i = 0; i < BF_ICE_PATHS; i++) {
		const struct bf_ice_valid *path = &ice->paths[i];
		const struct bf_ice_valid *old;
		bool is_new;

		if (!path->is_used)
			continue;
		if (best < 0) {
			best = i;
			continue;
		}
		old = &ice->paths[best];
		is_new = path->generation == ice->generation;
		if (is_new != (old->generation == ice->generation))
			best = is_new ? i : best;
		else if (path->is_nominated != old->is_nominated)
			best = path->is_nominated ? i : best;
		else if (compare(path, old) > 0)
			best = i;
	}
	return best;
}

bool bf_ice_remove_path(struct bf_ice *ice, const struct bf_ice_path *path)
{
	int idx = find_path(ice, path);

	if (idx < 0)
		return false;
	memset(&ice->paths[idx], 0, sizeof(ice->paths[idx]));
	if (idx != ice->selected)
		return false;
	ice->selected = find_best(ice);
	if (ice->selected < 0)
		ice->state = BF_ICE_DISCONNECTED;
	return true;
}

const struct bf_ice_path *bf_ice_selected(const struct bf_ice *ice)
{
	return ice->state == BF_ICE_CONNECTED ? &ice->paths[ice->selected].path : NULL;
}

bool bf_ice_is_valid_path(const struct bf_ice *ice, const struct bf_ice_path *path)
{
	return find_path(ice, path) >= 0;
}

int64_t bf_ice_deadline_us(const struct bf_ice *ice)
{
	if (ice->state != BF_ICE_CONNECTED)
		return INT64_MAX;
	return ice->paths[ice->selected].last_check_us + BF_ICE_CONSENT_US;
}

bool bf_ice_on_timer(struct bf_ice *ice, int64_t now_us)
{
	if (now_us < bf_ice_deadline_us(ice))
		return false;
	ice->state = BF_ICE_DISCONNECTED;
	return true;
}
