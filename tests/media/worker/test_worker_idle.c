/* What one more subscriber costs a worker: everything that the worker's thread has allocated and not freed, its own by -Wl,--wrap, and
 * OpenSSL's, which lets itself be given a malloc. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SUBSCRIBERS    12
#define TABLE	       (1 << 18)
#define PLAYER	       0x900
#define IDLE_BYTES_MAX (64 * 1024) /* what is promised for one subscriber's transport */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

static _Thread_local bool is_test; /* this thread is the test's, whose memory does not count */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void
	*blocks[TABLE]; /* of workers, wherever they are freed; open addressing without deletion */
static size_t sizes[TABLE];
static size_t live_bytes;

static size_t slot_of(void *block)
{
	size_t slot = ((uintptr_t)block >> 4) * 2654435761u % TABLE;

	while (blocks[slot] && blocks[slot] != block)
		slot = (slot + 1) % TABLE;
	return slot;
}

static void *note(void *block)
{
	size_t slot;

	if (!block || is_test)
		return block;
	pthread_mutex_lock(&lock);
	slot = slot_of(block);
	blocks[slot] = block;
	sizes[slot] = malloc_usable_size(block);
	live_bytes += sizes[slot];
	pthread_mutex_unlock(&lock);
	return block;
}

static void forget(void *block)
{
	size_t slot;

	pthread_mutex_lock(&lock);
	slot = slot_of(block);
	live_bytes -= sizes[slot];
	sizes[slot] = 0;
	pthread_mutex_unlock(&lock);
}

void *__wrap_malloc(size_t size)
{
	return note(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return note(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
	if (block)
		forget(block);
	return note(__real_realloc(block, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return note(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
	if (block)
		forget(block);
	__real_free(block);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return __wrap_malloc(size);
}

static void *openssl_realloc(void *block, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return __wrap_realloc(block, size);
}

static void openssl_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	__wrap_free(block);
}

static size_t live(void)
{
	size_t bytes;

	pthread_mutex_lock(&lock);
	bytes = live_bytes;
	pthread_mutex_unlock(&lock);
	return bytes;
}

static void play(struct stage *stage, struct peer *peer, uint64_t id)
{
	static const struct peer_section wanted[] = {
		{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1", "a=recvonly\r\n" PEER_VP8_LINES},
	};
	struct bf_media_sdp *answer;
	char sdp[PEER_SDP_MAX];

	stage_join_as(stage, id, BF_GRANT_SUBSCRIBE, false);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_describe(peer, wanted, 2, "actpass", sdp);
	stage_offer_as(stage, id, BF_PC_SUBSCRIBE, ALICE, sdp);
	answer = stage_get(stage, BF_MEDIA_SDP, id);
	peer_set_remote(peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(peer);
	stage_drop(stage, BF_MEDIA_PC_STATE, id);
}

static void an_idle_subscriber_keeps_little(void **state)
{
	static struct peer publisher, players[SUBSCRIBERS];
	struct stage stage;
	size_t before, with_players, each;

	(void)state;
	is_test = true;
	stage_open(&stage, BF_IO_AUTO);
	(void)stage_publisher(&stage, &publisher, ALICE, false);
	play(&stage, &players[0], PLAYER); /* what comes with the first one only */
	stage_forget(&stage);
	before = live();
	for (unsigned i = 1; i < SUBSCRIBERS; i++)
		play(&stage, &players[i], PLAYER + i);
	stage_forget(&stage);
	with_players = live();
	each = (with_players - before) / (SUBSCRIBERS - 1);
	print_message("%zu bytes a subscriber of audio and video\n", each);
	assert_true(each > 2000); /* it is counted */
	assert_true(each < IDLE_BYTES_MAX);

	for (unsigned i = 1; i < SUBSCRIBERS; i++)
		stage_leave(&stage, PLAYER + i);
	stage_forget(&stage);
	for (int tries = 0; live() >= before + each && tries < 400; tries++)
		usleep(5000); /* the worker comes to it */
	assert_true(live() < before + each);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		peer_close(&players[i]);
	peer_close(&publisher);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_subscriber_keeps_little),
	};

	if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
