/* tests/media/sdp/describe.h - what the tests of this folder share: read a recorded description, say what a parsed one holds.
 *
 * Owner:   the caller frees what load_description returns.   Thread: one.
 */
#ifndef BF_TESTS_MEDIA_SDP_DESCRIBE_H
#define BF_TESTS_MEDIA_SDP_DESCRIBE_H

#include "media/sdp/sdp.h"

#include <stdio.h>

/* The text of tests/data/sdp/`name`, NUL-terminated, in a heap block of exactly that size. */
char *load_description(const char *name, size_t *len);

/* One line for the session and one a section, as in facts.h. */
void describe(const struct bf_sdp *sdp, FILE *to);
char *describe_to_text(const struct bf_sdp *sdp);

#endif
