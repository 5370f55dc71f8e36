/* signaling/http/routes.h - the table of routes: which handler answers a method and a path.
 *
 * Owner:   the server embeds it; route tables and their strings are borrowed.   Thread: one.
 * Limits:  BF_ROUTES_MAX routes, BF_HTTP_SEGMENTS parameters each.
 * Order:   where several patterns match, the one that is fixed where the other has a parameter wins, from the left; "{rest*}" comes
 *          last. The order of adding does not matter.
 * Versions: "/api/v1/..." is "/api/..." for those who want to say which one they know.
 */
#ifndef BF_SIGNALING_HTTP_ROUTES_H
#define BF_SIGNALING_HTTP_ROUTES_H

#include "signaling/http/server.h"

#define BF_ROUTES_MAX	1024
#define BF_ROUTES_ALLOW 128

struct bf_routes_entry {
	const struct bf_http_route *route;
	void *arg;
};

struct bf_routes {
	/* owned */
	struct bf_routes_entry *entries; /* sorted by the order above */
	/* state */
	size_t count, capacity;
};

void bf_routes_init(struct bf_routes *routes);
void bf_routes_deinit(struct bf_routes *routes);

/* -EEXIST: method and path are taken (whatever the parameters are called); -EINVAL: no summary, no handler, nothing said of who may use
 * it, a bad method or pattern; -ENOBUFS, -ENOMEM. */
int bf_routes_add(struct bf_routes *routes, const struct bf_http_route *route, void *arg);

/* Find the route of request->method and request->path, and fill in request->params. -ENOENT: no such path. -EOPNOTSUPP: the path
 * has other methods, listed in `allow`. HEAD is answered by GET where it has no route of its own. */
int bf_routes_find(const struct bf_routes *routes, struct bf_http_request *request,
	const struct bf_routes_entry **out, char allow[static BF_ROUTES_ALLOW]);

#endif
