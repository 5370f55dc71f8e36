#include "media/sctp/stack_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <usrsctp.h>

#define SLOTS_MAX 65536 /* associations of one process at a time */
#define QUEUE_COUNT \
	1024 /* packets of one worker: 1.2 MiB; what does not fit is lost, and SCTP repeats it */
#define STREAM_COUNT BF_SCTP_CHANNELS

/* IPv6's least path of 1280 bytes, less 40 + 8 for IPv6 and UDP and 37 for a record of DTLS 1.2 with GCM, at a multiple of 4. */
#define PATH_MTU      1192
#define COMMON_HEADER 12 /* usrsctp does not count it */
_Static_assert(PATH_MTU <= BF_SCTP_MTU, "a packet has to fit a queue's record");

/* A message is delivered whole if it fits; two thirds of the window beyond that keep a fast sender going meanwhile. */
#define RECEIVE_WINDOW (1024 * 1024)
#define PARTIAL_POINT  (RECEIVE_WINDOW / 2) /* a longer one arrives in parts, to be thrown away */

#define RTO_INITIAL_MS \
	500 /* a path of ICE has just been measured to work; 1 s of RFC 9260 is for the unknown */
#define RTO_MIN_MS \
	400 /* a peer may hold its SACK back for 200 ms: anything near that repeats for nothing */
#define RTO_MAX_MS    5000 /* so that a path that comes back is noticed soon */
#define RETRIES	      12   /* 0.5 + 1 + 2 + 4 + 8 * 5 s: outlives the 30 s in which ICE gives up */
#define SACK_DELAY_MS 20
#define CHUNKS_MAX    4096 /* queued messages one way, and received chunks not yet read */

#define AFTERLIFE_MS  1000 /* an endpoint may leave timers of 20 ms behind that free it */

/* ---- the stack ---- */

struct record {
	uint64_t id;
	size_t len;
	uint8_t data[BF_SCTP_MTU];
};

/* What one worker has to fetch. */
struct queue {
	pthread_mutex_t lock;
	/* guarded by it */
	struct record *records;
	unsigned head, tail; /* count up for ever */
	bool is_lent;	     /* the record at head is with the worker */
	bool has_reader;
	pthread_t reader;
	struct bf_list readable; /* of struct sctp_slot */
	bool needs_timer;	 /* the first worker's only: the clock has to run */
	/* guarded by the gate */
	bool needs_wake;
};

struct bf_sctp_stack {
	/* given */
	void (*wake)(void *arg, unsigned worker);
	void *arg;
	unsigned worker_count;
	/* owned */
	struct queue *queues;
	pthread_mutex_t gate;
	/* guarded by the gate */
	struct sctp_slot *slots[SLOTS_MAX];
	unsigned slot_count;
	struct sctp_slot *free_slots;
	unsigned live_count;
	int64_t last_tick_us; /* 0: the clock stands still */
	int64_t idle_ms;      /* ticked since the last association went */
};

/* The exception to "no globals": usrsctp is one itself, and its output callback has no argument to hang a pointer on. */
static struct bf_sctp_stack *the_stack;

static void enter(struct bf_sctp_stack *stack)
{
	pthread_mutex_lock(&stack->gate);
}

/* Wakes, outside the gate, those workers that another thread has given something to. */
static void leave(struct bf_sctp_stack *stack)
{
	for (unsigned i = 0; i < stack->worker_count; i++) {
		if (!stack->queues[i].needs_wake)
			continue;
		stack->queues[i].needs_wake = false;
		pthread_mutex_unlock(&stack->gate);
		stack->wake(stack->arg, i);
		pthread_mutex_lock(&stack->gate);
	}
	pthread_mutex_unlock(&stack->gate);
}

/* ---- queues ---- */

/* After something was added to `queue`, under its lock and in the gate. */
static void note_added(struct queue *queue, bool was_empty)
{
	if (was_empty && !(queue->has_reader && pthread_equal(queue->reader, pthread_self())))
		queue->needs_wake = true;
}

static bool is_empty(const struct queue *queue)
{
	return queue->head + (queue->is_lent ? 1 : 0) == queue->tail &&
	       bf_list_is_empty(&queue->readable);
}

static void push_packet(struct queue *queue, uint64_t id, const void *data, size_t len)
{
	pthread_mutex_lock(&queue->lock);
	if (queue->tail - queue->head < QUEUE_COUNT && len <= BF_SCTP_MTU) {
		bool was_empty = is_empty(queue);
		struct record *record = &queue->records[queue->tail % QUEUE_COUNT];

		record->id = id;
		record->len = len;
		memcpy(record->data, data, len);
		queue->tail++;
		note_added(queue, was_empty);
	}
	pthread_mutex_unlock(&queue->lock);
}

static void push_readable(struct queue *queue, struct sctp_slot *slot)
{
	pthread_mutex_lock(&queue->lock);
	if (bf_list_is_empty(&slot->readable)) { /* once is enough */
		bool was_empty = is_empty(queue);

		bf_list_append(&queue->readable, &slot->readable);
		note_added(queue, was_empty);
	}
	pthread_mutex_unlock(&queue->lock);
}

int bf_sctp_stack_poll(struct bf_sctp_stack *stack, unsigned worker, struct bf_sctp_item *out)
{
	struct queue *queue = &stack->queues[worker];
	struct bf_list *node;
	int got = 1;

	pthread_mutex_lock(&queue->lock);
	queue->reader = pthread_self();
	queue->has_reader = true;
	if (queue->is_lent)
		queue->head++;
	queue->is_lent = queue->head != queue->tail;
	node = bf_list_first(&queue->readable);
	if (queue->is_lent) {
		const struct record *record = &queue->records[queue->head % QUEUE_COUNT];

		*out = (struct bf_sctp_item){
			.news = BF_SCTP_OUTPUT,
			.id = record->id,
			.packet = bf_bytes(record->data, record->len),
		};
	} else if (node) {
		struct sctp_slot *slot = BF_CONTAINER(node, struct sctp_slot, readable);

		bf_list_remove(node);
		*out = (struct bf_sctp_item){.news = BF_SCTP_READABLE, .id = slot->id};
	} else {
		got = 0;
	}
	pthread_mutex_unlock(&queue->lock);
	return got;
}

/* ---- the clock: in the gate ---- */

static void set_needs_timer(struct bf_sctp_stack *stack, bool needs_timer)
{
	struct queue *queue = &stack->queues[0];

	pthread_mutex_lock(&queue->lock);
	if (needs_timer && !queue->needs_timer)
		note_added(queue, is_empty(queue));
	queue->needs_timer = needs_timer;
	pthread_mutex_unlock(&queue->lock);
}

static void stop_clock_if_idle(struct bf_sctp_stack *stack, int64_t elapsed_ms)
{
	stack->idle_ms = stack->live_count > 0 ? 0 : stack->idle_ms + elapsed_ms;
	if (stack->idle_ms < AFTERLIFE_MS)
		return;
	stack->last_tick_us = 0;
	set_needs_timer(stack, false);
}

/* ---- slots: in the gate ---- */

static struct sctp_slot *slot_at(void *address)
{
	uintptr_t number = (uintptr_t)address;

	if (!the_stack || number == 0 || number > the_stack->slot_count)
		return NULL;
	return the_stack->slots[number - 1];
}

static void *address_of(const struct sctp_slot *slot)
{
	return (void *)(uintptr_t)(slot->idx + 1);
}

static int take_slot(
	struct bf_sctp_stack *stack, const struct sctp_sock_conf *conf, struct sctp_slot **out)
{
	struct sctp_slot *slot = stack->free_slots;

	if (slot) {
		stack->free_slots = slot->next_free;
	} else {
		if (stack->slot_count == SLOTS_MAX)
			return -ENOBUFS;
		slot = calloc(1, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		slot->idx = stack->slot_count;
		stack->slots[stack->slot_count++] = slot;
		usrsctp_register_address(address_of(slot));
	}
	bf_list_init(&slot->readable);
	slot->is_live = true;
	slot->wants_room = false;
	slot->has_room = false;
	slot->id = conf->id;
	slot->worker = conf->worker;
	stack->live_count++;
	set_needs_timer(stack, true);
	*out = slot;
	return 0;
}

static void put_slot(struct bf_sctp_stack *stack, struct sctp_slot *slot)
{
	struct queue *queue = &stack->queues[slot->worker];

	pthread_mutex_lock(&queue->lock);
	bf_list_remove(&slot->readable);
	pthread_mutex_unlock(&queue->lock);
	slot->is_live = false;
	slot->next_free = stack->free_slots;
	stack->free_slots = slot;
	stack->live_count--;
}

/* ---- callbacks of usrsctp: in the gate, on any thread ---- */

static int on_output(void *address, void *data, size_t len, uint8_t tos, uint8_t set_df)
{
	struct sctp_slot *slot = slot_at(address);

	(void)tos;
	(void)set_df;
	if (slot && slot->is_live)
		push_packet(&the_stack->queues[slot->worker], slot->id, data, len);
	return 0; /* a full queue is a lost packet, not an error of the path */
}

/* Comes after nearly every packet; only what there is to do is passed on. */
static void on_upcall(struct socket *so, void *address, int flags)
{
	struct sctp_slot *slot = slot_at(address);
	int events = usrsctp_get_events(so);

	(void)flags;
	if (!slot || !slot->is_live)
		return;
	if (slot->wants_room && events & SCTP_EVENT_WRITE)
		slot->has_room = true;
	if (slot->has_room || events & (SCTP_EVENT_READ | SCTP_EVENT_ERROR))
		push_readable(&the_stack->queues[slot->worker], slot);
}

/* ---- life ---- */

static void configure(void)
{
	/* off: what WebRTC does not use, and what would let a peer name other addresses (RFC 8261 section 6) */
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auto_asconf(0);
	usrsctp_sysctl_set_sctp_nrsack_enable(0);
	usrsctp_sysctl_set_sctp_pktdrop_enable(0);
	usrsctp_sysctl_set_sctp_cmt_on_off(0);
	usrsctp_sysctl_set_sctp_inits_include_nat_friendly(0);
	/* on: RFC 8831 section 5 */
	usrsctp_sysctl_set_sctp_pr_enable(1);
	usrsctp_sysctl_set_sctp_reconfig_enable(1);
	usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(STREAM_COUNT);
	usrsctp_sysctl_set_sctp_nr_incoming_streams_default(STREAM_COUNT);
	usrsctp_sysctl_set_sctp_sendspace(BF_SCTP_SEND_QUEUE_MAX);
	usrsctp_sysctl_set_sctp_recvspace(RECEIVE_WINDOW);
	usrsctp_sysctl_set_sctp_max_chunks_on_queue(CHUNKS_MAX);
	usrsctp_sysctl_set_sctp_max_burst_default(10);
	usrsctp_sysctl_set_sctp_initial_cwnd(10); /* as other stacks do, after RFC 6928 */
	usrsctp_sysctl_set_sctp_delayed_sack_time_default(SACK_DELAY_MS);
	usrsctp_sysctl_set_sctp_rto_initial_default(RTO_INITIAL_MS);
	usrsctp_sysctl_set_sctp_rto_min_default(RTO_MIN_MS);
	usrsctp_sysctl_set_sctp_rto_max_default(RTO_MAX_MS);
	usrsctp_sysctl_set_sctp_init_rto_max_default(RTO_MAX_MS);
	usrsctp_sysctl_set_sctp_init_rtx_max_default(RETRIES);
	usrsctp_sysctl_set_sctp_assoc_rtx_max_default(RETRIES);
	usrsctp_sysctl_set_sctp_path_rtx_max_default(RETRIES);
}

int bf_sctp_stack_new(struct bf_sctp_stack **out, unsigned worker_count,
	void (*wake)(void *arg, unsigned worker), void *arg)
{
	struct bf_sctp_stack *stack;

	assert(out && worker_count && wake && !the_stack);
	stack = calloc(1, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	stack->wake = wake;
	stack->arg = arg;
	stack->queues = calloc(worker_count, sizeof(*stack->queues));
	if (!stack->queues)
		goto fail;
	for (; stack->worker_count < worker_count; stack->worker_count++) {
		struct queue *queue = &stack->queues[stack->worker_count];

		queue->records = calloc(QUEUE_COUNT, sizeof(*queue->records));
		if (!queue->records)
			goto fail;
		pthread_mutex_init(&queue->lock, NULL);
		bf_list_init(&queue->readable);
	}
	pthread_mutex_init(&stack->gate, NULL);
	the_stack = stack;
	usrsctp_init_nothreads(0, on_output, NULL);
	configure();
	*out = stack;
	return 0;

fail:
	for (unsigned i = 0; i < stack->worker_count; i++) {
		pthread_mutex_destroy(&stack->queues[i].lock);
		free(stack->queues[i].records);
	}
	free(stack->queues);
	free(stack);
	return -ENOMEM;
}

void bf_sctp_stack_free(struct bf_sctp_stack *stack)
{
	int err;

	if (!stack)
		return;
	enter(stack);
	/* an endpoint whose timer had a reference when it closed is freed by a later timer of 20 ms */
	for (unsigned i = 0; (err = usrsctp_finish()) != 0 && i < 100; i++)
		usrsctp_handle_timers(100);
	assert(err == 0); /* an association is left */
	the_stack = NULL;
	pthread_mutex_unlock(&stack->gate);
	pthread_mutex_destroy(&stack->gate);
	for (unsigned i = 0; i < stack->worker_count; i++) {
		pthread_mutex_destroy(&stack->queues[i].lock);
		free(stack->queues[i].records);
	}
	for (unsigned i = 0; i < stack->slot_count; i++)
		free(stack->slots[i]);
	free(stack->queues);
	free(stack);
}

void bf_sctp_stack_on_timer(struct bf_sctp_stack *stack, int64_t now_us)
{
	int64_t elapsed_ms;

	enter(stack);
	if (stack->last_tick_us == 0)
		stack->last_tick_us = now_us;
	elapsed_ms = (now_us - stack->last_tick_us) / 1000;
	if (elapsed_ms > 0) {
		if (elapsed_ms > 1000) { /* the machine slept: no need to catch up with all of it */
			stack->last_tick_us = now_us;
			elapsed_ms = 1000;
		} else {
			stack->last_tick_us += elapsed_ms * 1000; /* the rest counts next time */
		}
		usrsctp_handle_timers((uint32_t)elapsed_ms);
		stop_clock_if_idle(stack, elapsed_ms);
	}
	leave(stack);
}

bool bf_sctp_stack_needs_timer(struct bf_sctp_stack *stack)
{
	struct queue *queue = &stack->queues[0];
	bool needs_timer;

	pthread_mutex_lock(&queue->lock);
	needs_timer = queue->needs_timer;
	pthread_mutex_unlock(&queue->lock);
	return needs_timer;
}

/* ---- sockets ---- */

static struct sockaddr_conn conn_address(const struct sctp_slot *slot, uint16_t port)
{
	return (struct sockaddr_conn){
		.sconn_family = AF_CONN,
		.sconn_port = htons(port),
		.sconn_addr = address_of(slot),
	};
}

static bool set(struct socket *so, int option, const void *value, socklen_t len)
{
	return usrsctp_setsockopt(so, IPPROTO_SCTP, option, value, len) == 0;
}

static bool set_events(struct socket *so)
{
	static const uint16_t types[] = {
		SCTP_ASSOC_CHANGE,
		SCTP_SHUTDOWN_EVENT,
		SCTP_PARTIAL_DELIVERY_EVENT,
		SCTP_STREAM_RESET_EVENT,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct sctp_event event = {
			.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = types[i], .se_on = 1};

		if (!set(so, SCTP_EVENT, &event, sizeof(event)))
			return false;
	}
	return true;
}

/* usrsctp's errno in *err when false. */
static bool set_options(struct socket *so)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* close means ABORT */
	const struct sctp_assoc_value resets = {.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
	const struct sctp_initmsg init = {
		.sinit_num_ostreams = STREAM_COUNT,
		.sinit_max_instreams = STREAM_COUNT,
	};
	/* no probing for a larger path, and no heartbeats: ICE knows whether the path lives */
	const struct sctp_paddrparams path = {
		.spp_pathmtu = PATH_MTU - COMMON_HEADER,
		.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE,
	};
	const uint32_t on = 1;
	const uint32_t off = 0;
	const uint32_t point = PARTIAL_POINT;

	return usrsctp_set_non_blocking(so, 1) == 0 &&
	       usrsctp_setsockopt(so, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0 &&
	       set(so, SCTP_NODELAY, &on, sizeof(on)) &&
	       set(so, SCTP_RECVRCVINFO, &on, sizeof(on)) &&
	       set(so, SCTP_FRAGMENT_INTERLEAVE, &off, sizeof(off)) &&
	       set(so, SCTP_PARTIAL_DELIVERY_POINT, &point, sizeof(point)) &&
	       set(so, SCTP_ENABLE_STREAM_RESET, &resets, sizeof(resets)) &&
	       set(so, SCTP_INITMSG, &init, sizeof(init)) &&
	       set(so, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path)) && set_events(so);
}

static int open_in_gate(struct sctp_sock *sock, const struct sctp_sock_conf *conf)
{
	struct sockaddr_conn address;
	int err = take_slot(sock->stack, conf, &sock->slot);

	if (err)
		return err;
	sock->so = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!sock->so) {
		err = -errno;
		goto fail;
	}
	address = conn_address(sock->slot, conf->local_port);
	if (!set_options(sock->so) ||
		usrsctp_bind(sock->so, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		goto fail_socket;
	}
	usrsctp_set_upcall(sock->so, on_upcall, address_of(sock->slot));
	return 0;

fail_socket:
	usrsctp_close(sock->so);
fail:
	put_slot(sock->stack, sock->slot);
	return err;
}

int sctp_sock_open(
	struct sctp_sock *sock, struct bf_sctp_stack *stack, const struct sctp_sock_conf *conf)
{
	int err;

	assert(conf->worker < stack->worker_count);
	sock->stack = stack;
	enter(stack);
	err = open_in_gate(sock, conf);
	leave(stack);
	return err;
}

void sctp_sock_close(struct sctp_sock *sock)
{
	enter(sock->stack);
	usrsctp_set_upcall(sock->so, NULL, NULL);
	usrsctp_close(sock->so);
	put_slot(sock->stack, sock->slot);
	leave(sock->stack);
}

int sctp_sock_connect(struct sctp_sock *sock, uint16_t remote_port)
{
	struct sockaddr_conn address = conn_address(sock->slot, remote_port);
	int err = 0;

	enter(sock->stack);
	if (usrsctp_connect(sock->so, (struct sockaddr *)&address, sizeof(address)) &&
		errno != EINPROGRESS)
		err = -errno;
	leave(sock->stack);
	return err;
}

void sctp_sock_input(struct sctp_sock *sock, struct bf_bytes packet)
{
	enter(sock->stack);
	usrsctp_conninput(address_of(sock->slot), packet.data, packet.len, 0);
	leave(sock->stack);
}

int sctp_sock_read(struct sctp_sock *sock, uint8_t *data, size_t size, struct sctp_input *out)
{
	struct sctp_rcvinfo info = {0};
	socklen_t info_len = sizeof(info);
	unsigned info_type = SCTP_RECVV_NOINFO;
	int flags = 0;
	ssize_t len;
	int err;

	enter(sock->stack);
	len = usrsctp_recvv(sock->so, data, size, NULL, NULL, &info, &info_len, &info_type, &flags);
	err = errno;
	leave(sock->stack);
	if (len < 0)
		return err == EAGAIN || err == EINTR ? 0 : -ECONNRESET;
	if (len == 0)
		return -ECONNRESET; /* the peer has shut down: there are no empty messages */
	*out = (struct sctp_input){
		.len = (size_t)len,
		.stream = info.rcv_sid,
		.ppid = ntohl(info.rcv_ppid),
		.is_notification = flags & MSG_NOTIFICATION,
		.is_end = flags & MSG_EOR,
	};
	return 1;
}

int sctp_sock_send(struct sctp_sock *sock, const struct bf_sctp_channel *channel, bool is_reliable,
	uint32_t ppid, struct bf_bytes data)
{
	struct sctp_sendv_spa info = {
		.sendv_flags = SCTP_SEND_SNDINFO_VALID,
		.sendv_sndinfo = {.snd_sid = channel->stream, .snd_ppid = htonl(ppid)},
	};
	ssize_t sent;
	int err;

	if (!is_reliable && channel->is_unordered)
		info.sendv_sndinfo.snd_flags = SCTP_UNORDERED;
	if (!is_reliable && channel->type != BF_SCTP_RELIABLE) {
		info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		info.sendv_prinfo.pr_policy =
			channel->type == BF_SCTP_TIMED ? SCTP_PR_SCTP_TTL : SCTP_PR_SCTP_RTX;
		info.sendv_prinfo.pr_value = channel->limit;
	}
	enter(sock->stack);
	sent = usrsctp_sendv(
		sock->so, data.data, data.len, NULL, 0, &info, sizeof(info), SCTP_SENDV_SPA, 0);
	err = errno;
	leave(sock->stack);
	assert(sent < 0 ||
		(size_t)sent == data.len); /* without explicit EOR it is all or nothing */
	return sent < 0 ? -err : 0;
}

int sctp_sock_reset(struct sctp_sock *sock, uint16_t stream)
{
	union {
		struct sctp_reset_streams head;
		uint8_t bytes[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)];
	} request = {.head = {.srs_flags = SCTP_STREAM_RESET_OUTGOING, .srs_number_streams = 1}};
	int err = 0;

	memcpy(request.bytes + sizeof(request.head), &stream, sizeof(stream));
	enter(sock->stack);
	if (!set(sock->so, SCTP_RESET_STREAMS, &request, sizeof(request.bytes)))
		err = -errno;
	leave(sock->stack);
	return err;
}

void sctp_sock_limit(struct sctp_sock *sock, int size_bytes, bool wants_room)
{
	enter(sock->stack);
	usrsctp_setsockopt(sock->so, SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof(size_bytes));
	sock->slot->wants_room = wants_room;
	sock->slot->has_room = false;
	leave(sock->stack);
}

bool sctp_sock_has_room(struct sctp_sock *sock)
{
	bool has_room;

	enter(sock->stack);
	has_room = sock->slot->has_room;
	leave(sock->stack);
	return has_room;
}
