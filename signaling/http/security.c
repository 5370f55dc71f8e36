#include "signaling/http/security.h"

/* For all. What old browsers did wrong without being told (X-XSS-Protection, X-Download-Options) is turned off as well. */
static const char common[] = "Referrer-Policy: no-referrer\r\n"
			     "X-Frame-Options: DENY\r\n"
			     "Cross-Origin-Opener-Policy: same-origin\r\n"
			     "Cross-Origin-Embedder-Policy: require-corp\r\n"
			     "Origin-Agent-Cluster: ?1\r\n"
			     "X-DNS-Prefetch-Control: off\r\n"
			     "X-Permitted-Cross-Domain-Policies: none\r\n"
			     "X-Download-Options: noopen\r\n"
			     "X-XSS-Protection: 0\r\n"
			     "X-Robots-Tag: noindex, nofollow\r\n";

/* The console runs only what the server sent, talks to it alone, and cannot be framed. blob: is how it plays and shows what it
 * decrypted itself. ws: and wss: are there for browsers that do not count them to 'self'. */
static const char page_policy[] =
	"Content-Security-Policy: default-src 'self'; script-src 'self'; style-src 'self'; "
	"connect-src 'self' ws: wss:; media-src 'self' blob:; img-src 'self' data: blob:; "
	"worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
	"frame-ancestors 'none'\r\n";

static const char data_policy[] =
	"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
	"form-action 'none'\r\n";

#define NEVER                                                               \
	"accelerometer=(), autoplay=(self), geolocation=(), gyroscope=(), " \
	"hid=(), magnetometer=(), midi=(), payment=(), serial=(), usb=()"

static const char page_permissions[] =
	"Permissions-Policy: camera=(self), microphone=(self), display-capture=(self), " NEVER
	"\r\n";
static const char data_permissions[] =
	"Permissions-Policy: camera=(), microphone=(), display-capture=(), " NEVER "\r\n";

void bf_http_security_write(struct bf_wr *wr, enum bf_http_content content, bool is_https)
{
	bool is_page = content != BF_HTTP_CONTENT_DATA;

	bf_wr_str(wr, common);
	bf_wr_str(wr, is_page ? page_policy : data_policy);
	bf_wr_str(wr, is_page ? page_permissions : data_permissions);
	bf_wr_str(wr, content == BF_HTTP_CONTENT_FILE
			      ? "Cross-Origin-Resource-Policy: cross-origin\r\n"
			      : "Cross-Origin-Resource-Policy: same-origin\r\n");
	/* Not for subdomains: those are not ours. Over http browsers must ignore it. */
	if (is_https)
		bf_wr_str(wr, "Strict-Transport-Security: max-age=31536000\r\n");
}
