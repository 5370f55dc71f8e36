/* signaling/api/health.h - health probes and metrics over HTTP.
 *
 *   GET /health        status, version, uptime: for people and load balancers
 *   GET /health/live   503 when a media worker has not turned its loop for 5 s
 *   GET /health/ready  503 while the server drains; how the database and its spool are
 *   GET /metrics       Prometheus text
 *
 * Owner:   main.c.   Thread: control.
 */
#ifndef BF_SIGNALING_API_HEALTH_H
#define BF_SIGNALING_API_HEALTH_H

#include "signaling/http/server.h"

struct bf_health_conf {
	struct bf_http_server *http;
	struct bf_loop *loop;
	struct bf_metrics *metrics;
	const char *version;
	void *arg;
	bool (*is_alive)(void *arg);
	bool (*is_draining)(void *arg);
	/* Adds to the body of /health/ready what there is to say of the parts behind it. False: one of them is not well, and the
	 * server is "degraded": it does what can be done without. */
	bool (*describe)(void *arg, struct bf_json *body);
};

struct bf_health;

/* Adds its routes. */
int bf_health_new(struct bf_health **out, const struct bf_health_conf *conf);
void bf_health_free(struct bf_health *health);

#endif
