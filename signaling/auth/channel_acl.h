/* signaling/auth/channel_acl.h - what somebody may do in a channel: the lists of the channel and of those above it, from the top down.
 *
 * Everybody begins with BF_CHANNEL_DEFAULT. Each entry that is about somebody adds what it allows and takes what it denies; later ones
 * count more, and those of a channel below more than those above. Who may not pass through a channel (traverse) may nothing below it.
 * Who may write a channel's list may do all there but be heard, which can be given away.
 * Thread: any.   Source: the access control lists of Mumble's servers, whose bits these are.
 */
#ifndef BF_SIGNALING_AUTH_CHANNEL_ACL_H
#define BF_SIGNALING_AUTH_CHANNEL_ACL_H

#include "core/base/id.h"

#include <stdbool.h>
#include <stddef.h>

enum bf_channel_right {
	BF_CHANNEL_WRITE = 0x1, /* change the channel and its list */
	BF_CHANNEL_TRAVERSE = 0x2,
	BF_CHANNEL_ENTER = 0x4,
	BF_CHANNEL_SPEAK = 0x8,
	BF_CHANNEL_MUTE = 0x10,
	BF_CHANNEL_MOVE = 0x20,
	BF_CHANNEL_MAKE = 0x40,
	BF_CHANNEL_LINK = 0x80,
	BF_CHANNEL_WHISPER = 0x100,
	BF_CHANNEL_TEXT = 0x200,
	BF_CHANNEL_MAKE_TEMPORARY = 0x400,
	BF_CHANNEL_LISTEN = 0x800,
	BF_CHANNEL_KICK = 0x10000,
	BF_CHANNEL_BAN = 0x20000,
};

#define BF_CHANNEL_DEFAULT                                                                \
	(BF_CHANNEL_TRAVERSE | BF_CHANNEL_ENTER | BF_CHANNEL_SPEAK | BF_CHANNEL_WHISPER | \
		BF_CHANNEL_TEXT | BF_CHANNEL_LISTEN)
#define BF_CHANNEL_ALL	     0x30fff
#define BF_CHANNEL_DEPTH_MAX 16 /* of a tree of channels */

/* The names of the bits, as requests have them. 0: there is none of this name. */
uint32_t bf_channel_right_of(const char *name);

/* From the lowest bit up: NULL when `idx` is past the last; the bit goes to `right`. */
const char *bf_channel_right_name(size_t idx, uint32_t *right);

struct bf_channel_entry {
	bool is_everyone;
	struct bf_uuid user, role; /* who it is about, if not everyone: the other one is zero */
	uint32_t allow, deny;
	bool applies_here, applies_below;
};

/* A channel on the way, with its list in the order of positions. */
struct bf_channel_list {
	const struct bf_channel_entry *entries;
	size_t entry_count;
};

/* Who asks. */
struct bf_channel_subject {
	struct bf_uuid user;
	const struct bf_uuid *roles;
	size_t role_count;
	bool is_admin; /* may all */
};

/* `path`: from the top to the channel that is meant. */
uint32_t bf_channel_rights(const struct bf_channel_list *path, size_t path_len,
	const struct bf_channel_subject *subject);

#endif
