/* signaling/http/request_id.h - the name of one request, by which its log lines, its answer and its sender find each other.
 *
 * Owner:   the exchange embeds the text.   Thread: any.   Limits: BF_HTTP_REQUEST_ID_MAX characters.
 */
#ifndef BF_SIGNALING_HTTP_REQUEST_ID_H
#define BF_SIGNALING_HTTP_REQUEST_ID_H

#include "core/base/bytes.h"

#define BF_HTTP_REQUEST_ID_MAX 64

/* Letters, digits, dot, dash and underscore: nothing that a log, a shell or a page could take for something else. */
bool bf_http_request_id_is_sane(struct bf_bytes text);

/* `given` if it is sane, else a new one. */
void bf_http_request_id_choose(char out[static BF_HTTP_REQUEST_ID_MAX + 1], struct bf_bytes given);

#endif
