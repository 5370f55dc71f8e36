/* signaling/rest/shape.h - what the bodies of answers are made of.
 *
 * Thread: any.
 */
#ifndef BF_SIGNALING_REST_SHAPE_H
#define BF_SIGNALING_REST_SHAPE_H

#include "core/base/id.h"
#include "core/base/json.h"

/* As RFC 3339 has it, in UTC; 0: null. */
void bf_shape_time(struct bf_json *json, const char *name, int64_t wall_us);

/* Zero: null. */
void bf_shape_uuid(struct bf_json *json, const char *name, struct bf_uuid uuid);

/* data NULL: null. */
void bf_shape_text(struct bf_json *json, const char *name, struct bf_bytes text);

/* A JSON text from the database as a member; {} where it is none. */
void bf_shape_json(struct bf_json *json, const char *name, struct bf_bytes text);

#endif
