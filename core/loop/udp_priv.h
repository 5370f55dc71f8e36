/* core/loop/udp_priv.h - what udp.c (receiving, life) and udp_tx.c (the slab and its trains) share. */
#ifndef BF_CORE_LOOP_UDP_PRIV_H
#define BF_CORE_LOOP_UDP_PRIV_H

#include "core/loop/loop_priv.h"

/* Messages of one sendmmsg. IOVs: enough for 16 scattered trains of full length. */
#define BF_UDP_TX_MESSAGES 64
#define BF_UDP_TX_IOVS	   1024

/* Destinations between two flushes; with more, the slab is flushed early. */
#define BF_UDP_TX_FLOWS	  1024
#define BF_UDP_TX_BUCKETS 2048
#define BF_UDP_TX_NONE	  UINT32_MAX

/* What must be equal for two datagrams to share a train. No padding: compared and hashed as bytes. */
struct bf_udp_tx_key {
	struct bf_addr remote;
	struct bf_addr local; /* port 0; family 0 when the kernel chooses */
};

/* One destination's datagrams, in the order in which they were committed. */
struct bf_udp_tx_flow {
	struct bf_udp_tx_key key;
	uint32_t first, last; /* items */
	uint32_t bucket;
	uint32_t next_in_bucket; /* flow */
};

/* One datagram in the slab. */
struct bf_udp_tx_item {
	uint32_t offset;
	uint32_t next; /* item of the same flow */
	uint32_t len;  /* 0: revoked */
};

/* One message of the batch being put together. */
struct bf_udp_tx_train {
	uint32_t first; /* item */
	uint32_t count;
	uint32_t bytes;
	uint32_t pktinfo_len; /* of the control data, which begins with it; 0: none */
};

struct bf_udp_tx {
	/* given */
	struct bf_udp_counters *counters;
	void (*before_flush)(void *arg); /* or NULL */
	void *arg;
	int fd;
	uint8_t family;
	bool has_local; /* bound to any: a source address may be given */

	/* owned */
	uint8_t *slab;
	struct bf_udp_tx_item *items;
	struct bf_udp_tx_flow *flows;
	uint32_t *buckets;

	/* state */
	uint64_t seed;
	size_t slab_bytes, slab_at;
	uint32_t item_count, item_count_max;
	uint32_t flow_count;
	uint32_t flow_last; /* looked up last: bursts go to one destination */
	bool is_reserved;
	size_t reserved_bytes; /* at slab_at, for flow_last */

	/* the batch being put together */
	uint32_t message_count, iov_count;
	struct mmsghdr *messages;
	struct bf_udp_tx_train trains[BF_UDP_TX_MESSAGES];
	struct sockaddr_storage names[BF_UDP_TX_MESSAGES];
	_Alignas(8) uint8_t controls[BF_UDP_TX_MESSAGES][64];
	struct iovec *iovs;
};

/* What it allocates. */
size_t bf_udp_tx_bytes(size_t slab_bytes);
int bf_udp_tx_init(struct bf_udp_tx *tx, int fd, const struct bf_addr *local, size_t slab_bytes,
	struct bf_udp_counters *counters);
void bf_udp_tx_deinit(struct bf_udp_tx *tx);

uint8_t *bf_udp_tx_reserve(struct bf_udp_tx *tx, const struct bf_addr *local,
	const struct bf_addr *remote, size_t size_max);
void bf_udp_tx_commit(struct bf_udp_tx *tx, size_t len);
void bf_udp_tx_revoke(struct bf_udp_tx *tx, const uint8_t *data);
void bf_udp_tx_flush(struct bf_udp_tx *tx);

#endif
