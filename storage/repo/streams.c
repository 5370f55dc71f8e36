#include "storage/repo/streams.h"

#include "storage/repo/calls.h"

const struct bf_db_stream *const bf_streams[] = {
	&bf_organizations_stream,
	&bf_call_sessions_stream,
	&bf_webrtc_connections_stream,
};
const size_t bf_stream_count = sizeof(bf_streams) / sizeof(bf_streams[0]);
