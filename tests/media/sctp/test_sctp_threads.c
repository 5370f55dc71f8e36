/* Two workers and a timer thread, in real time: associations between the workers come and go while timers run. Worth most under
 * TSan and ASan: a callback that reaches something freed is the fault that is looked for. */
#include "core/base/clock.h"
#include "core/base/list.h"
#include "media/sctp/sctp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define ASSOCS 8  /* a worker */
#define ROUNDS 12 /* each association of worker 0 is freed and made again so often */

struct packet {
	struct bf_list node;
	uint64_t id; /* of the receiver */
	size_t len;
	uint8_t data[BF_SCTP_MTU];
};

/* One worker: its associations, and what the other one has sent to them. */
struct worker {
	unsigned idx;
	struct worker *other;
	struct bf_sctp_stack *stack;
	struct bf_sctp *assocs[ASSOCS];
	unsigned generation[ASSOCS];
	unsigned echoed[ASSOCS]; /* messages of this generation that came back */
	pthread_mutex_t lock;
	struct bf_list inbox;
	atomic_uint wake_count;
};

static struct worker workers[2];
static atomic_bool is_over; /* all rounds are done */

/* Worker, generation and place: an id is never used twice. The other end's differs in its lowest bit. */
static uint64_t id_of(const struct worker *worker, unsigned at)
{
	return (uint64_t)worker->generation[at] << 32 | (at + 1) << 1 | worker->idx;
}

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	atomic_fetch_add(&workers[worker].wake_count, 1);
}

static void make(struct worker *worker, unsigned at)
{
	assert_int_equal(bf_sctp_new(&worker->assocs[at], worker->stack, worker->idx,
				 id_of(worker, at), 5000, 5000, worker->idx == 0, 262144),
		0);
	assert_int_equal(bf_sctp_start(worker->assocs[at]), 0);
	worker->echoed[at] = 0;
}

static void post(struct worker *to, uint64_t id, struct bf_bytes data)
{
	struct packet *packet = malloc(sizeof(*packet));

	assert_non_null(packet);
	packet->id = id;
	packet->len = data.len;
	memcpy(packet->data, data.data, data.len);
	pthread_mutex_lock(&to->lock);
	bf_list_append(&to->inbox, &packet->node);
	pthread_mutex_unlock(&to->lock);
}

static struct packet *take(struct worker *worker)
{
	struct bf_list *node;

	pthread_mutex_lock(&worker->lock);
	node = bf_list_first(&worker->inbox);
	if (node)
		bf_list_remove(node);
	pthread_mutex_unlock(&worker->lock);
	return node ? BF_CONTAINER(node, struct packet, node) : NULL;
}

static unsigned place_of(uint64_t id)
{
	return (unsigned)((id & 0xffffffff) >> 1) - 1;
}

/* Worker 0 opens a channel, sends, and frees in the middle of it; worker 1 sends back what it gets. */
static void on_event(struct worker *worker, unsigned at, const struct bf_sctp_event *event)
{
	static const struct bf_sctp_channel props = {.label = {(const uint8_t *)"echo", 4}};
	static const uint8_t block[20000];
	struct bf_sctp *sctp = worker->assocs[at];
	const struct bf_sctp_channel *channel;

	if (event->kind == BF_SCTP_CONNECTED && worker->idx == 0) {
		assert_int_equal(bf_sctp_open(sctp, &props, &channel), 0);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(bf_sctp_send(sctp, channel->stream, false,
						 bf_bytes(block, sizeof(block))),
				0);
	} else if (event->kind == BF_SCTP_MESSAGE && worker->idx == 1) {
		assert_int_equal(
			bf_sctp_send(sctp, event->channel->stream, event->is_text, event->data), 0);
	} else if (event->kind == BF_SCTP_MESSAGE) {
		assert_int_equal(event->data.len, sizeof(block));
		worker->echoed[at]++;
	}
}

static void drain(struct worker *worker)
{
	struct bf_sctp_item item;

	while (bf_sctp_stack_poll(worker->stack, worker->idx, &item)) {
		unsigned at = place_of(item.id);
		struct bf_sctp_event event;

		if (item.news == BF_SCTP_OUTPUT)
			post(worker->other, item.id ^ 1, item.packet);
		else if (item.id == id_of(worker, at))
			while (bf_sctp_poll_event(worker->assocs[at], &event))
				on_event(worker, at, &event);
	}
}

/* A packet of a newer generation means that the other end was made again: so is ours. */
static void on_packet(struct worker *worker, const struct packet *packet)
{
	unsigned at = place_of(packet->id);
	unsigned generation = (unsigned)(packet->id >> 32);

	if (generation > worker->generation[at]) {
		bf_sctp_free(worker->assocs[at]);
		worker->generation[at] = generation;
		make(worker, at);
	}
	if (packet->id == id_of(worker, at))
		bf_sctp_on_packet(worker->assocs[at], bf_bytes(packet->data, packet->len));
}

static bool is_done(const struct worker *worker)
{
	unsigned done = 0;

	for (unsigned at = 0; at < ASSOCS; at++)
		done += worker->generation[at] == ROUNDS;
	return done == ASSOCS;
}

/* Free and make again: some as soon as they have echoed a little, some in the middle of the handshake. */
static void churn(struct worker *worker, unsigned turn)
{
	for (unsigned at = 0; at < ASSOCS; at++) {
		bool is_due = at % 4 == 3 ? turn % 16 == 0 : worker->echoed[at] >= 5;

		if (!is_due || worker->generation[at] == ROUNDS)
			continue;
		bf_sctp_free(worker->assocs[at]);
		worker->generation[at]++;
		make(worker, at);
	}
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;

	for (unsigned turn = 1; !atomic_load(&is_over); turn++) {
		struct packet *packet;
		bool is_idle = true;

		while ((packet = take(worker)) != NULL) {
			on_packet(worker, packet);
			free(packet);
			drain(worker);
			is_idle = false;
		}
		drain(worker);
		if (worker->idx == 0) {
			churn(worker, turn);
			if (is_done(worker))
				atomic_store(&is_over, true);
		}
		if (is_idle)
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	return NULL;
}

static void *run_timer(void *arg)
{
	struct bf_sctp_stack *stack = arg;

	while (!atomic_load(&is_over)) {
		bf_sctp_stack_on_timer(stack, bf_clock_mono_us());
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return NULL;
}

static void associations_come_and_go_while_timers_run(void **state)
{
	struct bf_sctp_stack *stack;
	pthread_t threads[3];
	struct packet *packet;

	(void)state;
	assert_int_equal(bf_sctp_stack_new(&stack, 2, on_wake, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		workers[i].idx = i;
		workers[i].other = &workers[1 - i];
		workers[i].stack = stack;
		pthread_mutex_init(&workers[i].lock, NULL);
		bf_list_init(&workers[i].inbox);
		for (unsigned at = 0; at < ASSOCS; at++)
			make(&workers[i], at);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, run_timer, stack), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned at = 0; at < ASSOCS; at++)
			bf_sctp_free(workers[i].assocs[at]);
		while ((packet = take(&workers[i])) != NULL)
			free(packet);
		pthread_mutex_destroy(&workers[i].lock);
	}
	bf_sctp_stack_free(stack);
}

static void first_association_of_any_worker_wakes_the_one_with_the_clock(void **state)
{
	unsigned woken = atomic_load(&workers[0].wake_count);
	struct bf_sctp_stack *stack;
	struct bf_sctp *sctp[2];

	(void)state;
	assert_int_equal(bf_sctp_stack_new(&stack, 2, on_wake, NULL), 0);
	assert_false(bf_sctp_stack_needs_timer(stack));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			bf_sctp_new(&sctp[i], stack, 1, i + 1, 5000, 5000, i == 0, 262144), 0);
		assert_int_equal(atomic_load(&workers[0].wake_count), woken + 1);
		assert_true(bf_sctp_stack_needs_timer(stack));
	}
	for (unsigned i = 0; i < 2; i++)
		bf_sctp_free(sctp[i]);
	bf_sctp_stack_free(stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(associations_come_and_go_while_timers_run),
		cmocka_unit_test(first_association_of_any_worker_wakes_the_one_with_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
