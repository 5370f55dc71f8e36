/* signaling/http/field.h - what a request's JSON body may hold, said once: checked before the handler, and shown in the documentation.
 *
 *   static const struct bf_field login[] = {
 *           {"password", BF_FIELD_TEXT, .is_required = true, .max = 1024, .text = "..."},
 *           {NULL},
 *   };
 *
 * Thread: constants.
 */
#ifndef BF_SIGNALING_HTTP_FIELD_H
#define BF_SIGNALING_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

enum bf_field_kind {
	BF_FIELD_TEXT,
	BF_FIELD_INT,
	BF_FIELD_BOOL,
	BF_FIELD_UUID,
	BF_FIELD_TEXTS,	 /* a list of texts, each checked by `rule` */
	BF_FIELD_LIST,	 /* of anything: the handler looks at the items */
	BF_FIELD_OBJECT, /* any members */
};

struct bf_field {
	const char *name;
	enum bf_field_kind kind;
	bool is_required;
	bool may_be_null;
	int64_t min,
		max; /* of INT the value, of TEXT the bytes, of TEXTS and LIST the count; both 0: what the kind allows */
	const char *(*rule)(const char *
			text); /* what is wrong with a text, as in signaling/auth/rules.h; NULL: nothing can be */
	const char *text; /* for people */
};

#endif
