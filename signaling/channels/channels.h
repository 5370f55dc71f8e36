/* signaling/channels/channels.h - an organization's channels over HTTP: a tree of rooms, with lists of who may do what in them.
 *
 *   GET    /api/channels?limit=&cursor=         those that one may see
 *   POST   /api/channels                        {name, parent_id, description, position, participant_count_max, password}
 *   GET    /api/channels/{id}
 *   PUT    /api/channels/{id}                   the same members; one that is left out stays
 *   DELETE /api/channels/{id}                   with all below it
 *   GET    /api/channels/{id}/acl
 *   PUT    /api/channels/{id}/acl               {entries: [{everyone | user | role, allow, deny, here, below}]}
 *   POST   /api/channels/{id}/join              {password}: a join token for the channel's room
 *
 * What somebody may do is signaling/auth/channel_acl.h's to say; who has the permission channels:write may all. Channels one may not see
 * are not there.
 * Owner:   main.c.   Thread: control.
 */
#ifndef BF_SIGNALING_CHANNELS_CHANNELS_H
#define BF_SIGNALING_CHANNELS_CHANNELS_H

#include "signaling/rest/op.h"

struct bf_channels;

/* `join_key_path`: of the private key that join tokens are signed with; lent. Adds its routes. */
int bf_channels_new(struct bf_channels **out, struct bf_rest *rest, const char *join_key_path);

/* After bf_rest_deinit, before the HTTP server. Accepts NULL. */
void bf_channels_free(struct bf_channels *channels);

#endif
