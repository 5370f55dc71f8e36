#include "media/media_msg.h"
#include "signaling/auth/join_token.h"
#include "signaling/auth/permission.h"
#include "signaling/channels/channels_priv.h"
#include "signaling/rest/shape.h"
#include "storage/repo/organizations.h"
#include "storage/repo/users.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_S 3600

/* Into a channel: a join token for the room of its id, with what the channel allows. */

struct joining {
	struct visit visit; /* first */
	uint32_t rights;
	struct bf_join_grants grants;
};

static void reply(struct bf_op *op)
{
	struct bf_channels *channels = op->owner;
	struct joining *joining = op->more;
	int64_t now_s = bf_clock_wall_us() / 1000000;
	char token[BF_JOIN_TOKEN_MAX + 1], why[128];
	struct bf_json *body;

	joining->grants.expires_s = now_s + TOKEN_S;
	if (bf_join_sign(token, sizeof(token), channels->join_key_path, &joining->grants, now_s,
		    why, sizeof(why))) {
		BF_LOG(channels->rest->log, BF_LOG_ERROR, "no join token could be signed",
			BF_STR("why", why));
		bf_op_refuse(op, 500, "internal", "the server's log tells what went wrong");
		return;
	}
	body = bf_json_object();
	bf_json_put_str(body, "token", token);
	bf_json_put_str(body, "room", joining->grants.room);
	bf_json_put_int(body, "expires_in", TOKEN_S);
	bf_json_put(body, "rights", shape_rights(joining->rights));
	bf_op_reply(op, 200, body);
}

static void on_verified(struct bf_op *op, int result, const char *hash)
{
	(void)hash;
	if (result)
		bf_op_refuse(op, 403, "wrong_password", "that is not the channel's password");
	else
		reply(op);
}

static void check_password(struct bf_op *op, struct bf_bytes hash)
{
	char hashes[1][BF_OP_HASH_TEXT];

	if (!bf_op_text(op, "password")[0]) {
		bf_op_refuse(op, 403, "password_required", "the channel has a password");
		return;
	}
	snprintf(hashes[0], sizeof(hashes[0]), "%.*s", (int)hash.len, (const char *)hash.data);
	bf_op_verify(op, bf_op_text(op, "password"), hashes, 1, on_verified);
}

/* Steps: the channel, the organization, who asks. */
static void on_known(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct joining *joining = op->more;
	struct bf_join_grants *grants = &joining->grants;
	struct bf_db_rows channels = answer->steps[0], orgs = answer->steps[1];
	struct bf_db_rows users = answer->steps[2];
	struct bf_organization org;
	struct bf_channel channel;
	struct bf_user user;

	if (!bf_channel_next(&channels, &channel) || !bf_organization_next(&orgs, &org) ||
		!bf_user_next(&users, &user)) {
		bf_op_refuse(op, 404, "not_found", WHO_UNKNOWN);
		return;
	}
	bf_uuid_format(channel.id, grants->room);
	snprintf(grants->name, sizeof(grants->name), "%.*s", (int)user.username.len,
		(const char *)user.username.data);
	if (!bf_uuid_equal(
		    op->caller.org, BF_DEFAULT_ORG)) /* whose rooms are nobody's in particular */
		snprintf(grants->org, sizeof(grants->org), "%.*s", (int)org.slug.len,
			(const char *)org.slug.data);
	if (channel.password_hash.data && !(joining->rights & BF_CHANNEL_WRITE))
		check_password(op, channel.password_hash);
	else
		reply(op);
}

static void join(struct bf_op *op, const struct bf_tree *tree)
{
	struct joining *joining = op->more;
	const struct bf_tree_channel *channel;
	struct bf_tx tx;

	channel = visit_find(op, tree, BF_CHANNEL_ENTER, &joining->rights);
	if (!channel)
		return;
	joining->grants.grants = BF_GRANT_SUBSCRIBE;
	if (joining->rights & BF_CHANNEL_SPEAK &&
		bf_permits(op->caller.permissions, BF_PERMIT(BF_CALLS_PUBLISH)))
		joining->grants.grants |= BF_GRANT_PUBLISH;
	if (joining->rights & BF_CHANNEL_TEXT)
		joining->grants.grants |= BF_GRANT_DATA;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_channel_get(&tx, channel->id);
	bf_organization_get(&tx);
	bf_user_get(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_known);
}

void on_channel_join(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_channels *channels = arg;
	struct bf_op *op =
		bf_op_read(channels->rest, channels, exchange, request, sizeof(struct joining));

	if (op)
		visit_begin(op, bf_op_param(request, 0), join);
}
