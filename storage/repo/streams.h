/* storage/repo/streams.h - every stream there is. Their ids are in spools on disk: never changed, never used again.
 *
 * Thread: constants.
 */
#ifndef BF_STORAGE_REPO_STREAMS_H
#define BF_STORAGE_REPO_STREAMS_H

#include "storage/db.h"

enum bf_stream_id {
	BF_STREAM_ORGANIZATIONS = 1,
	BF_STREAM_CALL_SESSIONS = 2,
	BF_STREAM_WEBRTC_CONNECTIONS = 3,
};

extern const struct bf_db_stream *const bf_streams[];
extern const size_t bf_stream_count;

#endif
