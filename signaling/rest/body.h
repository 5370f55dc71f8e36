/* signaling/rest/body.h - holds a request's body against what its route says of it.
 *
 * Thread: any.
 */
#ifndef BF_SIGNALING_REST_BODY_H
#define BF_SIGNALING_REST_BODY_H

#include "core/base/json.h"
#include "signaling/http/field.h"

#include <stddef.h>

#define BF_BODY_TEXT_MAX  16384 /* of a text that says no other */
#define BF_BODY_TEXTS_MAX 256

/* -EINVAL: it is no object, lacks a member, has one that is not known, or a member is not what it should be: `why` says which and what, as
 * in "email is no address". `fields` end with one whose name is NULL. */
int bf_body_check(
	const struct bf_json *body, const struct bf_field *fields, char *why, size_t why_size);

#endif
