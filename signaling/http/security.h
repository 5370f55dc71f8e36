/* signaling/http/security.h - the response fields that tell browsers what not to do with an answer.
 *
 * Owner:   constant text.   Thread: any.
 * Source:  Fetch (CORP, nosniff), HTML (COOP, COEP, Origin-Agent-Cluster), CSP Level 3, Permissions Policy, Referrer Policy, RFC 6797.
 */
#ifndef BF_SIGNALING_HTTP_SECURITY_H
#define BF_SIGNALING_HTTP_SECURITY_H

#include "core/base/bytes.h"

#define BF_HTTP_SECURITY_TEXT 2048

enum bf_http_content {
	BF_HTTP_CONTENT_DATA, /* an answer of a handler: nothing that a browser should show or run */
	BF_HTTP_CONTENT_PAGE, /* the console, which takes pictures and sound */
	BF_HTTP_CONTENT_FILE, /* scripts, styles, images: public, and pages elsewhere may use them */
};

/* Append the field lines. X-Content-Type-Options and Cache-Control are not among them: those every head has anyway. */
void bf_http_security_write(struct bf_wr *wr, enum bf_http_content content, bool is_https);

#endif
