/* signaling/rest/page.h - lists in pages: ?limit=50&cursor=..., where a cursor is what the page before gave as `next`.
 *
 * Thread: any.
 */
#ifndef BF_SIGNALING_REST_PAGE_H
#define BF_SIGNALING_REST_PAGE_H

#include "core/base/json.h"
#include "signaling/http/http.h"
#include "storage/repo/tx.h"

#define BF_PAGE_LIMIT_DEFAULT 50
#define BF_PAGE_LIMIT_MAX     200

/* What the query asks for; row_count is one more than the page has, which tells whether there is another. -EINVAL: `why` is a static
 * sentence. */
int bf_page_read(struct bf_page *page, const struct bf_http_request *request, const char **why);

/* The member `next`: a cursor after the row (last_us, last_id), or null where `is_last`. */
void bf_page_put_next(struct bf_json *body, bool is_last, int64_t last_us, struct bf_uuid last_id);

#endif
