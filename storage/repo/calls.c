#include "storage/repo/calls.h"

#include "core/base/clock.h"
#include "core/base/map.h"
#include "storage/repo/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CALLS_MAX	65536
#define CONNECTIONS_MAX 262144
#define NAME_BYTES	260 /* 64 characters of UTF-8 and the end */

const struct bf_db_stream bf_organizations_stream = {
	.id = BF_STREAM_ORGANIZATIONS,
	.is_durable = true,
	.name = "organizations",
	.types = "utz", /* id, slug, created_at */
	.postgres = "INSERT INTO organizations (id, slug, name, created_at, updated_at)"
		    " SELECT r.id, r.slug, r.slug, r.at, r.at"
		    " FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS r (id, slug, at)"
		    " ON CONFLICT (slug) DO NOTHING",
	.sqlite = "INSERT INTO organizations (id, slug, name, created_at, updated_at)"
		  " VALUES ($1, $2, $2, $3, $3) ON CONFLICT (slug) DO NOTHING",
};

const struct bf_db_stream bf_call_sessions_stream = {
	.id = BF_STREAM_CALL_SESSIONS,
	.is_durable = true,
	.name = "call_sessions",
	.types = "uttzz", /* id, organization's slug, room, started_at, ended_at */
	/* beginning and end of one call may be in one batch, which may not change a row twice */
	.postgres = "INSERT INTO call_sessions (id, org_id, room, started_at, ended_at)"
		    " SELECT DISTINCT ON (r.id) r.id, o.id, r.room, r.started_at, r.ended_at"
		    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[],"
		    " $5::timestamptz[]) AS r (id, slug, room, started_at, ended_at)"
		    " JOIN organizations o ON o.slug = r.slug"
		    " ORDER BY r.id, r.ended_at NULLS LAST"
		    " ON CONFLICT (id) DO UPDATE"
		    " SET ended_at = coalesce(excluded.ended_at, call_sessions.ended_at)",
	.sqlite =
		"INSERT INTO call_sessions (id, org_id, room, started_at, ended_at)"
		" SELECT $1, o.id, $3, $4, $5 FROM organizations o WHERE o.slug = $2"
		" ON CONFLICT (id) DO UPDATE SET ended_at = coalesce(excluded.ended_at, ended_at)",
};

const struct bf_db_stream bf_webrtc_connections_stream = {
	.id = BF_STREAM_WEBRTC_CONNECTIONS,
	.is_durable = true,
	.name = "webrtc_connections",
	.types = "uuttizz", /* id, call_id, name, kind, worker, joined_at, left_at */
	.postgres =
		"INSERT INTO webrtc_connections"
		" (id, org_id, call_id, name, kind, worker, joined_at, left_at)"
		" SELECT DISTINCT ON (r.id) r.id, c.org_id, r.call_id, r.name, r.kind, r.worker,"
		" r.joined_at, r.left_at"
		" FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[],"
		" $6::timestamptz[], $7::timestamptz[])"
		" AS r (id, call_id, name, kind, worker, joined_at, left_at)"
		" JOIN call_sessions c ON c.id = r.call_id"
		" ORDER BY r.id, r.left_at NULLS LAST"
		" ON CONFLICT (id) DO UPDATE"
		" SET left_at = coalesce(excluded.left_at, webrtc_connections.left_at)",
	.sqlite =
		"INSERT INTO webrtc_connections"
		" (id, org_id, call_id, name, kind, worker, joined_at, left_at)"
		" SELECT $1, c.org_id, $2, $3, $4, $5, $6, $7 FROM call_sessions c WHERE c.id = $2"
		" ON CONFLICT (id) DO UPDATE SET left_at = coalesce(excluded.left_at, left_at)",
};

struct call {
	struct bf_map_node node; /* by room_id */
	uint64_t room_id;
	struct bf_uuid id;
	int64_t started_us;
	size_t connection_count;
	char *org, *room;
};

struct connection {
	struct bf_map_node node; /* by participant_id */
	uint64_t participant_id;
	struct bf_uuid id;
	struct call *call;
	int64_t joined_us;
	unsigned worker;
	const char *kind; /* a constant */
	char name[NAME_BYTES];
};

struct bf_calls {
	/* given */
	struct bf_db_client *client;
	struct bf_log *log;
	/* state */
	struct bf_map calls, connections;
	struct bf_log_limit log_limit;
};

static void append(
	struct bf_calls *calls, const struct bf_db_stream *stream, const struct bf_db_value *values)
{
	int err = bf_db_append(calls->client, stream, values, NULL, NULL);
	uint32_t suppressed;

	if (err && bf_log_limit_allows(&calls->log_limit, bf_clock_mono_us(), 5, &suppressed))
		BF_LOG(calls->log, BF_LOG_ERROR, "a call is not recorded",
			BF_STR("stream", stream->name), BF_ERRNO("cause", err),
			BF_UINT("suppressed", suppressed));
}

/* `ended_us` 0: it goes on. An end is not before its beginning, whatever the clock did. */
static struct bf_db_value end_of(int64_t began_us, int64_t ended_us)
{
	if (!ended_us)
		return bf_db_null();
	return bf_db_time(ended_us < began_us ? began_us : ended_us);
}

static void append_call(struct bf_calls *calls, const struct call *call, int64_t ended_us)
{
	const struct bf_db_value values[] = {bf_db_uuid(call->id), bf_db_text(call->org),
		bf_db_text(call->room), bf_db_time(call->started_us),
		end_of(call->started_us, ended_us)};

	append(calls, &bf_call_sessions_stream, values);
}

static void append_connection(
	struct bf_calls *calls, const struct connection *connection, int64_t left_us)
{
	const struct bf_db_value values[] = {bf_db_uuid(connection->id),
		bf_db_uuid(connection->call->id), bf_db_text(connection->name),
		bf_db_text(connection->kind), bf_db_int(connection->worker),
		bf_db_time(connection->joined_us), end_of(connection->joined_us, left_us)};

	append(calls, &bf_webrtc_connections_stream, values);
}

static void append_organization(struct bf_calls *calls, const struct call *call)
{
	const struct bf_db_value values[] = {
		bf_db_uuid(bf_uuid_make()), bf_db_text(call->org), bf_db_time(call->started_us)};

	append(calls, &bf_organizations_stream, values);
}

/* ---- calls ---- */

static void free_call(struct call *call)
{
	free(call->org);
	free(call->room);
	free(call);
}

static struct call *begin_call(struct bf_calls *calls, const struct bf_rtc_presence *presence)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->room_id = presence->room_id;
	call->id = bf_uuid_make();
	call->started_us = presence->wall_us;
	call->org = strdup(presence->org[0] ? presence->org : "default");
	call->room = strdup(presence->room);
	if (!call->org || !call->room ||
		bf_map_put(&calls->calls, &call->node,
			bf_bytes(&call->room_id, sizeof(call->room_id)))) {
		free_call(call);
		return NULL;
	}
	append_organization(calls, call);
	append_call(calls, call, 0);
	return call;
}

static struct call *call_of(struct bf_calls *calls, const struct bf_rtc_presence *presence)
{
	struct bf_map_node *node =
		bf_map_get(&calls->calls, bf_bytes(&presence->room_id, sizeof(presence->room_id)));

	return node ? BF_CONTAINER(node, struct call, node) : begin_call(calls, presence);
}

/* It ends with the last one in it. */
static void leave_call(struct bf_calls *calls, struct call *call, int64_t wall_us)
{
	if (--call->connection_count > 0)
		return;
	append_call(calls, call, wall_us);
	bf_map_remove(&calls->calls, &call->node);
	free_call(call);
}

static void end_connection(struct bf_calls *calls, struct connection *connection, int64_t wall_us)
{
	append_connection(calls, connection, wall_us);
	bf_map_remove(&calls->connections, &connection->node);
	leave_call(calls, connection->call, wall_us);
	free(connection);
}

void bf_calls_joined(struct bf_calls *calls, const struct bf_rtc_presence *presence)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct call *call = connection ? call_of(calls, presence) : NULL;

	if (!call) {
		BF_LOG(calls->log, BF_LOG_ERROR, "a call is not recorded",
			BF_STR("room", presence->room), BF_ERRNO("cause", -ENOMEM));
		free(connection);
		return;
	}
	connection->participant_id = presence->participant_id;
	connection->id = bf_uuid_make();
	connection->call = call;
	connection->joined_us = presence->wall_us;
	connection->worker = presence->worker;
	connection->kind = presence->kind;
	snprintf(connection->name, sizeof(connection->name), "%s", presence->name);
	call->connection_count++;
	if (bf_map_put(&calls->connections, &connection->node,
		    bf_bytes(&connection->participant_id, sizeof(connection->participant_id)))) {
		leave_call(calls, call, presence->wall_us);
		free(connection);
		return;
	}
	append_connection(calls, connection, 0);
}

void bf_calls_left(struct bf_calls *calls, const struct bf_rtc_presence *presence)
{
	struct bf_map_node *node = bf_map_get(&calls->connections,
		bf_bytes(&presence->participant_id, sizeof(presence->participant_id)));

	if (node)
		end_connection(
			calls, BF_CONTAINER(node, struct connection, node), presence->wall_us);
}

/* ---- life ---- */

int bf_calls_new(struct bf_calls **out, struct bf_db_client *client, struct bf_log *log)
{
	struct bf_calls *calls = calloc(1, sizeof(*calls));
	int err;

	if (!calls)
		return -ENOMEM;
	calls->client = client;
	calls->log = log;
	err = bf_map_init(&calls->calls, 64, CALLS_MAX);
	if (err)
		goto fail_calls;
	err = bf_map_init(&calls->connections, 64, CONNECTIONS_MAX);
	if (err)
		goto fail_map;
	*out = calls;
	return 0;

fail_map:
	bf_map_deinit(&calls->calls);
fail_calls:
	free(calls);
	return err;
}

void bf_calls_close(struct bf_calls *calls, int64_t wall_us)
{
	struct bf_map_node *node;

	while ((node = bf_map_next(&calls->connections, NULL)) != NULL)
		end_connection(calls, BF_CONTAINER(node, struct connection, node), wall_us);
}

void bf_calls_free(struct bf_calls *calls)
{
	struct bf_map_node *node;

	if (!calls)
		return;
	while ((node = bf_map_next(&calls->connections, NULL)) != NULL) {
		bf_map_remove(&calls->connections, node);
		free(BF_CONTAINER(node, struct connection, node));
	}
	while ((node = bf_map_next(&calls->calls, NULL)) != NULL) {
		bf_map_remove(&calls->calls, node);
		free_call(BF_CONTAINER(node, struct call, node));
	}
	bf_map_deinit(&calls->connections);
	bf_map_deinit(&calls->calls);
	free(calls);
}
