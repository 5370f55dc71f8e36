/* belfry-bench-srtp: what an SRTP engine costs, in nanoseconds of CPU a packet. No network: packets go from one piece of
 * memory to others.
 *
 *   protect:    one payload to N receivers with keys of their own, in one batch
 *   unprotect:  one packet each of N senders, in one batch
 */
#include "core/base/rand.h"
#include "media/srtp/srtp.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEYS_MAX      400
#define HEADER_LEN    20 /* with one extension of a word, as most packets have */
#define FRONT_MAX     64
#define STRIDE	      1500
#define REPETITIONS   9
#define UNPROTECT_MAX 1600 /* packets prepared at a time */

static const char usage[] =
	"usage: belfry-bench-srtp [--ms=N] [--front=N] [--keys=N] [--profile=NAME] [ENGINE ...]\n"
	"  --ms=N          how long each of the 9 measurements takes (20)\n"
	"  --front=N       bytes that the caller writes before the payload, as a rewritten VP8 "
	"descriptor (0)\n"
	"  --keys=N        only this many keys, instead of 1, 4, 64 and 400\n"
	"  --profile=NAME  only this SRTP profile\n"
	"  ENGINE          ipsec-mb, openssl, libsrtp2; all that this machine runs\n";

struct options {
	int64_t ns;
	size_t front_len;
	size_t key_count; /* 0: several */
	enum bf_srtp_profile profile;
};

/* Everything of one row: N senders, and receivers with the same keys. */
struct row {
	struct bf_srtp *out[KEYS_MAX], *in[KEYS_MAX];
	size_t key_count, payload_len, front_len;
	uint8_t payload[STRIDE];
	uint8_t *packets; /* UNPROTECT_MAX times STRIDE */
	struct bf_srtp_protect_job protects[KEYS_MAX];
	struct bf_srtp_unprotect_job unprotects[UNPROTECT_MAX];
	uint16_t seq;
};

static int64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int make_keys(struct row *row, struct bf_srtp_engine *engine, enum bf_srtp_profile profile)
{
	for (size_t i = 0; i < row->key_count; i++) {
		struct bf_srtp_key key;

		bf_rand_bytes(&key, sizeof(key));
		if (bf_srtp_new(&row->out[i], engine, profile, &key, true) ||
			bf_srtp_new(&row->in[i], engine, profile, &key, false))
			return -1;
	}
	return 0;
}

static void free_keys(struct row *row)
{
	for (size_t i = 0; i < row->key_count; i++) {
		bf_srtp_free(row->out[i]);
		bf_srtp_free(row->in[i]);
		row->out[i] = row->in[i] = NULL;
	}
}

static void write_header(const struct row *row, uint8_t *dst)
{
	static const uint8_t start[HEADER_LEN] = {
		0x90, 96, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0xbe, 0xde, 0, 1};

	memcpy(dst, start, sizeof(start));
	bf_put_u16(dst + 2, row->seq);
	memset(dst + HEADER_LEN, 0x55, row->front_len);
}

/* The next packet of every sender, to `packets` and on. */
static void protect(struct row *row, uint8_t *packets)
{
	for (size_t i = 0; i < row->key_count; i++) {
		row->protects[i] = (struct bf_srtp_protect_job){.srtp = row->out[i],
			.dst = packets + i * STRIDE,
			.dst_size = STRIDE,
			.header_len = HEADER_LEN,
			.front_len = row->front_len,
			.payload = bf_bytes(row->payload, row->payload_len - row->front_len)};
		write_header(row, packets + i * STRIDE);
	}
	row->seq++;
	bf_srtp_protect(row->protects, row->key_count);
}

static double measure_protect(struct row *row, int64_t ns)
{
	int64_t start_ns = cpu_ns(), end_ns;
	size_t count = 0;

	do {
		for (size_t i = 0; i < UNPROTECT_MAX; i += row->key_count) {
			protect(row, row->packets);
			count += row->key_count;
		}
		end_ns = cpu_ns();
	} while (end_ns - start_ns < ns);
	assert(row->protects[0].dst_len > row->payload_len);
	return (double)(end_ns - start_ns) / (double)count;
}

static double measure_unprotect(struct row *row, int64_t ns)
{
	size_t rounds = UNPROTECT_MAX / row->key_count, count = 0;
	int64_t spent_ns = 0;

	if (rounds > 64) /* what stays in the cache */
		rounds = 64;
	while (spent_ns < ns) {
		int64_t start_ns;

		for (size_t i = 0; i < rounds; i++) {
			uint8_t *packets = row->packets + i * row->key_count * STRIDE;

			protect(row, packets);
			for (size_t k = 0; k < row->key_count; k++)
				row->unprotects[i * row->key_count + k] =
					(struct bf_srtp_unprotect_job){.srtp = row->in[k],
						.data = packets + k * STRIDE,
						.len = row->protects[k].dst_len};
		}
		start_ns = cpu_ns();
		for (size_t i = 0; i < rounds; i++)
			bf_srtp_unprotect(row->unprotects + i * row->key_count, row->key_count);
		spent_ns += cpu_ns() - start_ns;
		count += rounds * row->key_count;
		assert(row->unprotects[rounds * row->key_count - 1].drop == BF_DROP_NONE);
	}
	return (double)spent_ns / (double)count;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static double median(struct row *row, int64_t ns, double (*measure)(struct row *row, int64_t ns))
{
	double values[REPETITIONS];

	for (int i = 0; i < REPETITIONS; i++)
		values[i] = measure(row, ns);
	qsort(values, REPETITIONS, sizeof(values[0]), compare);
	return values[REPETITIONS / 2];
}

static int run_row(const struct options *options, struct row *row, struct bf_srtp_engine *engine,
	enum bf_srtp_profile profile, size_t payload_len)
{
	static const size_t counts[] = {1, 4, 64, KEYS_MAX};
	double protects[4], unprotects[4];
	size_t count = options->key_count ? 1 : 4;

	for (size_t i = 0; i < count; i++) {
		row->key_count = options->key_count ? options->key_count : counts[i];
		row->payload_len = payload_len;
		row->front_len = options->front_len;
		if (make_keys(row, engine, profile))
			return -1;
		/* in this order: a receiver must not miss half of the sequence numbers */
		unprotects[i] = median(row, options->ns, measure_unprotect);
		protects[i] = median(row, options->ns, measure_protect);
		free_keys(row);
	}
	printf("%-9s %-24s %5zu", bf_srtp_engine_name(engine), bf_srtp_profile_name(profile),
		payload_len);
	for (size_t i = 0; i < count; i++)
		printf(" %7.0f", protects[i]);
	printf("  |");
	for (size_t i = 0; i < count; i++)
		printf(" %7.0f", unprotects[i]);
	printf("\n");
	return 0;
}

static void print_head(const struct options *options)
{
	printf("%-9s %-24s %5s", "engine", "profile", "bytes");
	if (options->key_count)
		printf(" protect x%zu  | unprotect x%zu\n", options->key_count, options->key_count);
	else
		printf(" %7s %7s %7s %7s  | %7s %7s %7s %7s\n", "prot x1", "x4", "x64", "x400",
			"unpr x1", "x4", "x64", "x400");
}

static int run_engine(const struct options *options, struct row *row, const char *name)
{
	static const enum bf_srtp_profile profiles[] = {
		BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};
	static const size_t lens[] = {1200, 160};
	struct bf_srtp_engine *engine;
	enum bf_srtp_engine_kind kind;
	char why[256];
	int err = 0;

	if (bf_srtp_engine_kind_from_name(&kind, bf_bytes_str(name))) {
		fprintf(stderr, "belfry-bench-srtp: no engine is called '%s'\n", name);
		return -1;
	}
	if (bf_srtp_engine_new(&engine, kind, why, sizeof(why))) {
		printf("%s\n", why);
		return 0;
	}
	for (size_t i = 0; i < 6 && !err; i++)
		if (!options->profile || options->profile == profiles[i / 2])
			err = run_row(options, row, engine, profiles[i / 2], lens[i % 2]);
	bf_srtp_engine_free(engine);
	return err;
}

static int parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {{"ms", required_argument, NULL, 'm'},
		{"front", required_argument, NULL, 'f'}, {"keys", required_argument, NULL, 'k'},
		{"profile", required_argument, NULL, 'p'}, {0}};
	int option;

	*options = (struct options){.ns = 20000000};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'm')
			options->ns = strtol(optarg, NULL, 10) * 1000000;
		else if (option == 'f')
			options->front_len = strtoul(optarg, NULL, 10);
		else if (option == 'k')
			options->key_count = strtoul(optarg, NULL, 10);
		else if (option == 'p')
			options->profile = bf_srtp_profile_from_name(bf_bytes_str(optarg));
		else
			return -1;
		if (option == 'p' && options->profile == BF_SRTP_NONE)
			return -1;
	}
	return options->ns > 0 && options->front_len <= FRONT_MAX && options->key_count <= KEYS_MAX
		       ? 0
		       : -1;
}

int main(int argc, char **argv)
{
	static const char *const all[] = {"ipsec-mb", "openssl", "libsrtp2"};
	struct options options;
	struct row *row = calloc(1, sizeof(*row));
	int err = 0;

	if (parse(&options, argc, argv)) {
		fputs(usage, stderr);
		free(row);
		return 2;
	}
	assert(row);
	row->packets = malloc((size_t)UNPROTECT_MAX * STRIDE);
	assert(row->packets);
	bf_rand_bytes(row->payload, sizeof(row->payload));
	print_head(&options);
	if (optind == argc)
		for (int i = 0; i < 3 && !err; i++)
			err = run_engine(&options, row, all[i]);
	for (; optind < argc && !err; optind++)
		err = run_engine(&options, row, argv[optind]);
	free(row->packets);
	free(row);
	return err ? 1 : 0;
}
