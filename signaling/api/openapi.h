/* signaling/api/openapi.h - what the HTTP server answers, described for programs: /openapi.json, made of its table of routes.
 *
 * Owner:   main.c.   Thread: control.
 * Source:  OpenAPI 3.1.0, JSON Schema 2020-12, RFC 9457 (problem+json)
 */
#ifndef BF_SIGNALING_API_OPENAPI_H
#define BF_SIGNALING_API_OPENAPI_H

#include "signaling/http/server.h"

struct bf_openapi;

/* Adds its route. Routes that are added later are in the description as well: it is made when it is first asked for. */
int bf_openapi_new(struct bf_openapi **out, struct bf_http_server *http, const char *version);
void bf_openapi_free(struct bf_openapi *openapi);

/* The description; NULL without memory. */
struct bf_json *bf_openapi_make(const struct bf_http_server *http, const char *version);

#endif
