#include "core/loop/udp_priv.h"

#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Kernels before 6.6 take 64 segments; the bytes are the largest UDP payload over IPv4. */
#define TRAIN_SEGMENTS 64
#define TRAIN_BYTES    65507

/* An item for each 128 bytes of slab: audio is about that small, video ten times larger. */
#define ITEM_BYTES 128

static size_t item_count_max(size_t slab_bytes)
{
	return slab_bytes / ITEM_BYTES + 1;
}

size_t bf_udp_tx_bytes(size_t slab_bytes)
{
	return slab_bytes + item_count_max(slab_bytes) * sizeof(struct bf_udp_tx_item) +
	       BF_UDP_TX_FLOWS * sizeof(struct bf_udp_tx_flow) +
	       BF_UDP_TX_BUCKETS * sizeof(uint32_t) + BF_UDP_TX_MESSAGES * sizeof(struct mmsghdr) +
	       BF_UDP_TX_IOVS * sizeof(struct iovec);
}

int bf_udp_tx_init(struct bf_udp_tx *tx, int fd, const struct bf_addr *local, size_t slab_bytes,
	struct bf_udp_counters *counters)
{
	if (slab_bytes > UINT32_MAX)
		return -EINVAL;
	*tx = (struct bf_udp_tx){.counters = counters,
		.fd = fd,
		.family = local->family,
		.has_local = bf_addr_is_any(local),
		.seed = bf_rand_u64(),
		.slab_bytes = slab_bytes,
		.item_count_max = (uint32_t)item_count_max(slab_bytes),
		.flow_last = BF_UDP_TX_NONE};
	tx->slab = malloc(slab_bytes);
	tx->items = calloc(tx->item_count_max, sizeof(*tx->items));
	tx->flows = calloc(BF_UDP_TX_FLOWS, sizeof(*tx->flows));
	tx->buckets = malloc(BF_UDP_TX_BUCKETS * sizeof(*tx->buckets));
	tx->messages = calloc(BF_UDP_TX_MESSAGES, sizeof(*tx->messages));
	tx->iovs = calloc(BF_UDP_TX_IOVS, sizeof(*tx->iovs));
	if (!tx->slab || !tx->items || !tx->flows || !tx->buckets || !tx->messages || !tx->iovs) {
		bf_udp_tx_deinit(tx);
		return -ENOMEM;
	}
	memset(tx->buckets, 0xff,
		BF_UDP_TX_BUCKETS * sizeof(*tx->buckets)); /* all BF_UDP_TX_NONE */
	return 0;
}

void bf_udp_tx_deinit(struct bf_udp_tx *tx)
{
	free(tx->slab);
	free(tx->items);
	free(tx->flows);
	free(tx->buckets);
	free(tx->messages);
	free(tx->iovs);
}

/* --- destinations --- */

static uint32_t bucket_of(const struct bf_udp_tx *tx, const struct bf_udp_tx_key *key)
{
	uint64_t words[sizeof(*key) / 8];
	uint64_t hash = tx->seed;

	_Static_assert(sizeof(*key) % 8 == 0, "hashed in words");
	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 8; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash % BF_UDP_TX_BUCKETS;
}

static uint32_t find_flow(
	const struct bf_udp_tx *tx, const struct bf_udp_tx_key *key, uint32_t bucket)
{
	uint32_t idx = tx->buckets[bucket];

	while (idx != BF_UDP_TX_NONE && memcmp(&tx->flows[idx].key, key, sizeof(*key)) != 0)
		idx = tx->flows[idx].next_in_bucket;
	return idx;
}

/* The flow of `key`, which is made if it is new; there must be room for one. */
static uint32_t take_flow(struct bf_udp_tx *tx, const struct bf_udp_tx_key *key)
{
	uint32_t bucket = bucket_of(tx, key);
	uint32_t idx = find_flow(tx, key, bucket);

	if (idx != BF_UDP_TX_NONE)
		return idx;
	assert(tx->flow_count < BF_UDP_TX_FLOWS);
	idx = tx->flow_count++;
	tx->flows[idx] = (struct bf_udp_tx_flow){.key = *key,
		.first = BF_UDP_TX_NONE,
		.last = BF_UDP_TX_NONE,
		.bucket = bucket,
		.next_in_bucket = tx->buckets[bucket]};
	tx->buckets[bucket] = idx;
	return idx;
}

static void clear_flows(struct bf_udp_tx *tx)
{
	for (uint32_t i = 0; i < tx->flow_count; i++)
		tx->buckets[tx->flows[i].bucket] = BF_UDP_TX_NONE;
	tx->flow_count = 0;
	tx->flow_last = BF_UDP_TX_NONE;
}

/* --- reserve and commit --- */

uint8_t *bf_udp_tx_reserve(struct bf_udp_tx *tx, const struct bf_addr *local,
	const struct bf_addr *remote, size_t size_max)
{
	struct bf_udp_tx_key key = {.remote = *remote};

	tx->is_reserved = false; /* one that was never committed is forgotten */
	if (size_max > BF_UDP_MTU || remote->family != tx->family) {
		tx->counters->tx_dropped++;
		return NULL;
	}
	if (tx->has_local && local && local->family == tx->family) {
		key.local = *local;
		key.local.port = 0;
	}
	if (tx->slab_at + size_max > tx->slab_bytes || tx->item_count == tx->item_count_max ||
		tx->flow_count == BF_UDP_TX_FLOWS)
		bf_udp_tx_flush(tx);
	if (size_max > tx->slab_bytes) {
		tx->counters->tx_dropped++;
		return NULL;
	}
	if (tx->flow_last == BF_UDP_TX_NONE ||
		memcmp(&tx->flows[tx->flow_last].key, &key, sizeof(key)) != 0)
		tx->flow_last = take_flow(tx, &key);
	tx->is_reserved = true;
	tx->reserved_bytes = size_max;
	return tx->slab + tx->slab_at;
}

void bf_udp_tx_commit(struct bf_udp_tx *tx, size_t len)
{
	struct bf_udp_tx_flow *flow;
	uint32_t idx;

	assert(tx->is_reserved);
	assert(len <= tx->reserved_bytes);
	tx->is_reserved = false;
	if (len == 0)
		return;
	flow = &tx->flows[tx->flow_last];
	idx = tx->item_count++;
	tx->items[idx] = (struct bf_udp_tx_item){
		.offset = (uint32_t)tx->slab_at, .next = BF_UDP_TX_NONE, .len = (uint32_t)len};
	if (flow->first == BF_UDP_TX_NONE)
		flow->first = idx;
	else
		tx->items[flow->last].next = idx;
	flow->last = idx;
	tx->slab_at += len; /* no gap: neighbours of one destination share an iovec */
}

/* The item stays in its flow, without bytes: sending passes over it. */
void bf_udp_tx_revoke(struct bf_udp_tx *tx, const uint8_t *data)
{
	uint32_t offset = (uint32_t)(data - tx->slab);

	for (uint32_t i = tx->item_count; i-- > 0;) {
		if (tx->items[i].offset != offset)
			continue;
		tx->items[i].len = 0;
		return;
	}
	assert(!"revoked what was never committed, or has left");
}

/* The first from `item` on that was not revoked. */
static uint32_t skip_revoked(const struct bf_udp_tx *tx, uint32_t item)
{
	while (item != BF_UDP_TX_NONE && tx->items[item].len == 0)
		item = tx->items[item].next;
	return item;
}

/* --- control data --- */

/* Write the source address at the start of `control`; returns the bytes used. */
static uint32_t put_pktinfo(uint8_t *control, const struct bf_addr *local)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)control;

	if (local->family == 4) {
		struct in_pktinfo info = {.ipi_ifindex = 0};

		memcpy(&info.ipi_spec_dst, local->ip, sizeof(info.ipi_spec_dst));
		*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	if (local->family == 6) {
		struct in6_pktinfo info = {.ipi6_ifindex = 0};

		memcpy(&info.ipi6_addr, local->ip, sizeof(info.ipi6_addr));
		*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO};
		memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	return 0;
}

static uint32_t put_segment_size(uint8_t *control, uint32_t len)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)control;
	uint16_t size = (uint16_t)len;

	*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(size)), IPPROTO_UDP, UDP_SEGMENT};
	memcpy(CMSG_DATA(cmsg), &size, sizeof(size));
	return CMSG_SPACE(sizeof(size));
}

static void set_control(struct msghdr *msg, uint8_t *control, uint32_t len)
{
	msg->msg_control = len ? control : NULL;
	msg->msg_controllen = len;
}

/* --- sending --- */

static void count_sent(struct bf_udp_tx *tx, uint32_t packet_count, uint32_t bytes)
{
	tx->counters->tx_trains++;
	tx->counters->tx_packets += packet_count;
	tx->counters->tx_bytes += bytes;
}

static int send_one(int fd, const struct msghdr *msg)
{
	ssize_t sent;

	do {
		sent = sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* A train that was refused as such: its datagrams one by one. Returns whether the first went, which is of full size: then it was
 * not its size that the train was refused for. */
static bool send_train_singly(struct bf_udp_tx *tx, uint32_t message)
{
	const struct bf_udp_tx_train *train = &tx->trains[message];
	struct msghdr msg = tx->messages[message].msg_hdr;
	uint32_t item = train->first;
	bool is_first_sent = false;

	set_control(&msg, tx->controls[message], train->pktinfo_len);
	for (uint32_t i = 0; i < train->count; i++, item = skip_revoked(tx, tx->items[item].next)) {
		struct iovec iov = {tx->slab + tx->items[item].offset, tx->items[item].len};

		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		if (send_one(tx->fd, &msg)) {
			tx->counters->tx_dropped++;
			continue;
		}
		count_sent(tx, 1, tx->items[item].len);
		is_first_sent = is_first_sent || i == 0;
	}
	return is_first_sent;
}

/* The kernel refused message `message`. Returns how many messages that settles. */
static uint32_t on_refused(struct bf_udp_tx *tx, uint32_t message, int error)
{
	uint32_t end = message + 1;

	if (error == EINTR)
		return 0;
	if (tx->trains[message].count > 1 &&
		(error == EIO || error == EINVAL || error == EMSGSIZE)) {
		/* EIO and EINVAL: a device or kernel without GSO - or datagrams larger than the device's MTU, which
		 * do not pass alone either and say nothing about GSO. */
		if (send_train_singly(tx, message) && error != EMSGSIZE)
			tx->counters->has_gso = false;
		return 1;
	}
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM)
		end = tx->message_count; /* full: asking for each of the rest would only cost time */
	for (uint32_t i = message; i < end; i++)
		tx->counters->tx_dropped += tx->trains[i].count;
	return end - message;
}

static void send_batch(struct bf_udp_tx *tx)
{
	uint32_t done = 0;

	while (done < tx->message_count) {
		int sent = sendmmsg(tx->fd, tx->messages + done, tx->message_count - done,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0) {
			done += on_refused(tx, done, errno);
			continue;
		}
		for (uint32_t end = done + (uint32_t)sent; done < end; done++)
			count_sent(tx, tx->trains[done].count, tx->trains[done].bytes);
	}
	tx->message_count = 0;
	tx->iov_count = 0;
}

static void add_iov(struct bf_udp_tx *tx, struct msghdr *msg, const struct bf_udp_tx_item *item)
{
	uint8_t *data = tx->slab + item->offset;
	struct iovec *last = msg->msg_iovlen ? &msg->msg_iov[msg->msg_iovlen - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == data) {
		last->iov_len += item->len;
		return;
	}
	tx->iovs[tx->iov_count++] = (struct iovec){data, item->len};
	msg->msg_iovlen++;
}

/* Fill the message with the datagrams from `item` on that may go together. Returns the first that may
 * not: one longer than the first, any after a shorter one, or one beyond a limit. */
static uint32_t couple(
	struct bf_udp_tx *tx, struct msghdr *msg, struct bf_udp_tx_train *train, uint32_t item)
{
	const uint32_t size = tx->items[item].len;
	uint32_t len;

	do {
		len = tx->items[item].len;
		add_iov(tx, msg, &tx->items[item]);
		train->count++;
		train->bytes += len;
		item = skip_revoked(tx, tx->items[item].next);
	} while (item != BF_UDP_TX_NONE && tx->counters->has_gso && len == size &&
		 tx->items[item].len <= size && train->count < TRAIN_SEGMENTS &&
		 train->bytes + tx->items[item].len <= TRAIN_BYTES);
	return item;
}

/* Add one message to the batch; returns the item that follows. */
static uint32_t add_train(struct bf_udp_tx *tx, const struct bf_udp_tx_flow *flow, uint32_t item)
{
	uint32_t message, control_len;
	struct bf_udp_tx_train *train;
	struct msghdr *msg;
	uint8_t *control;

	if (tx->message_count == BF_UDP_TX_MESSAGES ||
		tx->iov_count > BF_UDP_TX_IOVS - TRAIN_SEGMENTS)
		send_batch(tx);
	message = tx->message_count++;
	train = &tx->trains[message];
	msg = &tx->messages[message].msg_hdr;
	control = tx->controls[message];
	*msg = (struct msghdr){
		.msg_name = &tx->names[message], .msg_iov = &tx->iovs[tx->iov_count]};
	msg->msg_namelen = bf_addr_to_sockaddr(&flow->key.remote, &tx->names[message]);
	*train = (struct bf_udp_tx_train){.first = item};
	item = couple(tx, msg, train, item);
	train->pktinfo_len = put_pktinfo(control, &flow->key.local);
	control_len = train->pktinfo_len;
	if (train->count > 1)
		control_len += put_segment_size(control + control_len, tx->items[train->first].len);
	set_control(msg, control, control_len);
	return item;
}

void bf_udp_tx_flush(struct bf_udp_tx *tx)
{
	struct bf_udp_tx_key key;

	if (tx->before_flush && tx->item_count > 0)
		tx->before_flush(tx->arg);
	if (tx->is_reserved)
		key = tx->flows[tx->flow_last].key;
	for (uint32_t i = 0; i < tx->flow_count; i++) {
		uint32_t item = skip_revoked(tx, tx->flows[i].first);

		while (item != BF_UDP_TX_NONE)
			item = add_train(tx, &tx->flows[i], item);
	}
	send_batch(tx);
	clear_flows(tx);
	tx->item_count = 0;
	if (tx->is_reserved)
		tx->flow_last = take_flow(tx, &key); /* its memory stays where it is */
	else
		tx->slab_at = 0;
}
