/* storage/repo/calls.h - keeps a record of calls: tables call_sessions and webrtc_connections.
 *
 * A call is a room from its first participant to its last; a connection is a participant from joining to leaving. Each has a row when
 * it begins, and again, with the same id, when it ends: then the row gets its end. One without an end goes on, or its server died.
 * An organization that only join tokens have named so far gets its row with its first call.
 * Owner:   main.c.   Thread: that of the client's loop.
 * Limits:  CALLS_MAX and CONNECTIONS_MAX at once, the registry's own limits (signaling/rtc/registry.h). What cannot be
 *          appended is missing in the record, and counted (belfry_db_refused_total).
 */
#ifndef BF_STORAGE_REPO_CALLS_H
#define BF_STORAGE_REPO_CALLS_H

#include "signaling/rtc/presence_msg.h"
#include "storage/db.h"

extern const struct bf_db_stream bf_organizations_stream, bf_call_sessions_stream,
	bf_webrtc_connections_stream;

struct bf_calls;

int bf_calls_new(struct bf_calls **out, struct bf_db_client *client, struct bf_log *log);

/* A participant is in a room now. */
void bf_calls_joined(struct bf_calls *calls, const struct bf_rtc_presence *presence);

/* It is not any more. Does nothing for one that never joined. */
void bf_calls_left(struct bf_calls *calls, const struct bf_rtc_presence *presence);

/* All that goes on ends at `wall_us`: the server stops. */
void bf_calls_close(struct bf_calls *calls, int64_t wall_us);

/* Accepts NULL. */
void bf_calls_free(struct bf_calls *calls);

#endif
