/* Which connection a packet is for: by the id in a STUN user name, or by the 5-tuple that a valid check has proved. */
#include "media/worker_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- the table of connections: ids are a slot and its generation ---- */

struct bf_conn *bf_worker_find_conn(struct bf_worker *worker, uint32_t id)
{
	unsigned slot = id & 0xffff;

	if (slot >= worker->slot_count || worker->slots[slot].generation != id >> 16)
		return NULL;
	return worker->slots[slot].conn;
}

uint32_t bf_worker_add_conn(void *arg, struct bf_conn *conn)
{
	struct bf_worker *worker = arg;

	for (unsigned i = 0; i < worker->slot_count; i++) {
		unsigned slot = (worker->slot_next + i) % worker->slot_count;
		if (worker->slots[slot].conn)
			continue;
		worker->slot_next = slot + 1;
		worker->slots[slot].conn = conn;
		if (++worker->slots[slot].generation == 0)
			worker->slots[slot].generation = 1; /* so that no id is 0 */
		return (uint32_t)worker->slots[slot].generation << 16 | slot;
	}
	return 0;
}

void bf_worker_remove_conn(void *arg, uint32_t id)
{
	struct bf_worker *worker = arg;

	assert(bf_worker_find_conn(worker, id));
	worker->slots[id & 0xffff].conn = NULL;
}

/* ---- 5-tuples ---- */

struct path_key {
	struct bf_addr remote, local;
	uint64_t socket;
};

struct path_entry {
	struct bf_map_node node;
	struct path_key key;
	uint32_t transport_id;
};

static struct path_key key_of(const struct bf_ice_path *path)
{
	return (struct path_key){
		.remote = path->remote, .local = path->local, .socket = path->socket};
}

static struct path_entry *find_path(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_key key = key_of(path);
	struct bf_map_node *node = bf_map_get(&worker->paths, bf_bytes(&key, sizeof(key)));

	return node ? BF_CONTAINER(node, struct path_entry, node) : NULL;
}

/* A 5-tuple that another transport had validated now belongs to the one that proved it last: a client that reconnects
 * from the same port. */
int bf_worker_add_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct bf_worker *worker = arg;
	struct path_entry *entry = find_path(worker, path);
	int err;

	if (entry) {
		entry->transport_id = bf_transport_id(transport);
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = key_of(path);
	entry->transport_id = bf_transport_id(transport);
	err = bf_map_put(&worker->paths, &entry->node, bf_bytes(&entry->key, sizeof(entry->key)));
	if (err)
		free(entry);
	else if (path->is_tcp)
		bf_worker_tcp_on_validated(worker, path);
	return err;
}

void bf_worker_remove_path(
	void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct bf_worker *worker = arg;
	struct path_entry *entry = find_path(worker, path);

	if (!entry || entry->transport_id != bf_transport_id(transport))
		return;
	bf_map_remove(&worker->paths, &entry->node);
	free(entry);
	if (path->is_tcp)
		bf_worker_tcp_on_forgotten(worker, path);
}

void bf_worker_on_path_lost(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_entry *entry = find_path(worker, path);
	struct bf_conn *conn = entry ? bf_worker_find_conn(worker, entry->transport_id) : NULL;

	if (conn)
		bf_transport_on_path_lost(bf_conn_transport(conn), path);
}

struct bf_conn *bf_worker_conn_of_path(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_entry *entry = find_path(worker, path);

	return entry ? bf_worker_find_conn(worker, entry->transport_id) : NULL;
}

void bf_worker_free_paths(struct bf_worker *worker)
{
	struct bf_map_node *node;

	while (worker->paths.buckets && (node = bf_map_next(&worker->paths, NULL))) {
		bf_map_remove(&worker->paths, node);
		free(BF_CONTAINER(node, struct path_entry, node));
	}
}
