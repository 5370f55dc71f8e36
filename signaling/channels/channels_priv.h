/* signaling/channels/channels_priv.h - what the files of channels share. */
#ifndef BF_SIGNALING_CHANNELS_CHANNELS_PRIV_H
#define BF_SIGNALING_CHANNELS_CHANNELS_PRIV_H

#include "signaling/channels/channels.h"
#include "signaling/channels/trees.h"

#define ROLES_MAX   16 /* of somebody who asks */
#define ACL_MAX	    14 /* entries of a list: they are replaced in one transaction */
#define NAME_BYTES  401
#define WHO_UNKNOWN "there is no such channel"

struct bf_channels {
	/* given */
	struct bf_rest *rest;
	const char *join_key_path;
	/* owned */
	struct bf_trees trees;
};

/* A request at work: the first member of `more`. */
struct visit {
	struct bf_uuid channel; /* that is meant; zero: none in particular */
	bf_trees_then *then;
	struct bf_uuid roles[ROLES_MAX];
	struct bf_channel_subject subject;
};

/* Find out who asks, then have the tree. */
void visit_begin(struct bf_op *op, struct bf_uuid channel, bf_trees_then *then);

/* The channel that is meant, where all of `needed` is allowed. NULL: it was refused: 404 for who may not see it, else 403. */
const struct bf_tree_channel *visit_find(
	struct bf_op *op, const struct bf_tree *tree, uint32_t needed, uint32_t *rights);

struct bf_json *shape_rights(uint32_t rights);

typedef void channel_handler(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request);

channel_handler on_channel_acl_get, on_channel_acl_put, on_channel_join;

#endif
