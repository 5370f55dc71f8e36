#include "media/sctp/packet_priv.h"
#include "media/sctp/sctp_priv.h"
#include "tests/media/sctp/link.h"

#include <errno.h>
#include <stdlib.h>
#include <usrsctp.h>

#define PORT 5000

/* Whether a packet in a block of its exact size is wanted. */
static bool is_wanted(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool answer;

	assert_non_null(copy);
	memcpy(copy, data, len);
	answer = packet_is_wanted(bf_bytes(copy, len), PORT, PORT);
	free(copy);
	return answer;
}

/* An INIT with the parameter `type` of `len` bytes in all, perhaps behind another chunk. Returns the packet's length. */
static size_t make_init(
	uint8_t out[128], uint8_t chunk, uint16_t param, uint16_t param_len, bool is_second)
{
	struct bf_wr wr = bf_wr(out, 128);
	size_t padded = (size_t)(param_len + 3) / 4 * 4;

	bf_wr_u16(&wr, PORT);
	bf_wr_u16(&wr, PORT);
	bf_wr_u64(&wr, 0);
	if (is_second)
		bf_wr_u32(&wr, 0x0b000004); /* COOKIE ACK */
	bf_wr_u8(&wr, chunk);
	bf_wr_u8(&wr, 0);
	bf_wr_u16(&wr, (uint16_t)(20 + padded));
	bf_wr_u32(&wr, 1);
	bf_wr_u32(&wr, 100000);
	bf_wr_u16(&wr, 10);
	bf_wr_u16(&wr, 10);
	bf_wr_u32(&wr, 1);
	if (padded) {
		bf_wr_u16(&wr, param);
		bf_wr_u16(&wr, param_len);
		for (size_t i = 4; i < padded; i++)
			bf_wr_u8(&wr, 0);
	}
	assert_false(wr.is_full);
	return bf_wr_len(&wr);
}

static void inits_that_name_addresses_are_unwanted(void **state)
{
	static const struct {
		uint16_t param, len;
		bool is_wanted;
	} cases[] = {
		{0, 0, true},
		{5, 8, false},
		{6, 20, false},
		{11, 10, false},
		{12, 6, true},	    /* supported address types, padded */
		{0xc000, 4, true},  /* FORWARD-TSN supported */
		{0x8008, 6, true},  /* supported extensions */
		{0x8000, 3, false}, /* shorter than itself */
		{0x8000, 0, false},
	};
	uint8_t packet[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned form = 0; form < 4; form++) {
			size_t len = make_init(packet, form % 2 ? 1 : 2, cases[i].param,
				cases[i].len == 0 && i ? 4 : cases[i].len, form / 2);

			if (i && cases[i].len == 0)
				bf_put_u16(packet + len - 2, 0);
			assert_int_equal(is_wanted(packet, len), cases[i].is_wanted);
		}
	}
}

static void every_cut_of_an_init_is_unwanted(void **state)
{
	uint8_t packet[128];
	size_t len = make_init(packet, 1, 0x8008, 12, false);

	(void)state;
	assert_true(is_wanted(packet, len));
	for (size_t cut = 0; cut < len; cut++)
		assert_false(is_wanted(packet, cut));
}

static void chunks_of_other_protocols_and_ports_are_unwanted(void **state)
{
	static const uint8_t unwanted[] = {15, 16, 0x80, 0x81, 0xc1};
	uint8_t packet[20] = {PORT >> 8, PORT & 0xff, PORT >> 8, PORT & 0xff};

	(void)state;
	bf_put_u32(packet + 12, 0x03000008);
	assert_true(is_wanted(packet, 20));
	for (size_t i = 0; i < sizeof(unwanted); i++) {
		packet[12] = unwanted[i];
		assert_false(is_wanted(packet, 20));
	}
	packet[12] = 3;
	bf_put_u16(packet + 14, 3); /* less than a header */
	assert_false(is_wanted(packet, 20));
	bf_put_u16(packet + 14, 9); /* more than there is */
	assert_false(is_wanted(packet, 20));
	bf_put_u16(packet + 14, 7); /* the last one's padding may be missing */
	assert_true(is_wanted(packet, 19));
	bf_put_u16(packet + 14, 8);
	packet[1]++;
	assert_false(is_wanted(packet, 20));
	packet[1]--;
	packet[3]++;
	assert_false(is_wanted(packet, 20));
}

/* ---- into a living association ---- */

static void put_checksum(uint8_t *packet, size_t len)
{
	uint32_t sum;

	memset(packet + 8, 0, 4);
	sum = usrsctp_crc32c(packet, len);
	memcpy(packet + 8, &sum, 4); /* usrsctp gives it as it goes on the wire */
}

static void an_init_with_an_address_changes_nothing(void **state)
{
	struct pair *pair = malloc(sizeof(*pair));
	uint8_t packet[128];
	size_t len = make_init(packet, 1, 5, 8, false);
	struct bf_sctp_item item;

	(void)state;
	assert_non_null(pair);
	pair_open(pair);
	put_checksum(packet, len);
	assert_int_equal(bf_sctp_start(pair->ends[0].sctp), 0);
	while (bf_sctp_stack_poll(pair->stack, 0, &item))
		;
	assert_int_equal(
		bf_sctp_on_packet(pair->ends[0].sctp, bf_bytes(packet, len)), BF_DROP_SCTP);
	assert_int_equal(bf_sctp_stack_poll(pair->stack, 0, &item), 0);
	/* without the address it is answered */
	len = make_init(packet, 1, 0, 0, false);
	put_checksum(packet, len);
	assert_int_equal(
		bf_sctp_on_packet(pair->ends[0].sctp, bf_bytes(packet, len)), BF_DROP_NONE);
	assert_int_equal(bf_sctp_stack_poll(pair->stack, 0, &item), 1);
	assert_int_equal(item.packet.data[12], 2); /* INIT ACK */
	pair_close(pair);
	free(pair);
}

static void garbage_and_cut_packets_leave_a_live_association_alone(void **state)
{
	static const struct bf_sctp_channel props = {.label = {(const uint8_t *)"x", 1}};
	struct pair *pair = malloc(sizeof(*pair));
	uint8_t recorded[BF_SCTP_MTU];
	const struct bf_sctp_channel *channel;
	struct bf_sctp_item item;
	size_t len = 0;

	(void)state;
	assert_non_null(pair);
	pair_open(pair);
	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, &props);
	pair_run(pair, 500);
	/* a real packet with data (32 bytes: no padding, which may be missing), lost on its way */
	assert_int_equal(bf_sctp_send(pair->ends[0].sctp, channel->stream, true,
				 bf_bytes_str("this one is cut at every byte :)")),
		0);
	while (bf_sctp_stack_poll(pair->stack, 0, &item)) {
		len = item.packet.len;
		memcpy(recorded, item.packet.data, len);
	}
	assert_true(len > 40);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, recorded, cut);
		if (cut >= 12)
			put_checksum(copy, cut); /* so that it is looked at */
		bf_sctp_on_packet(pair->ends[1].sctp, bf_bytes(copy, cut));
		free(copy);
	}
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t noise[BF_SCTP_MTU];
		size_t noise_len = bf_prng_below(&pair->prng, sizeof(noise));

		for (size_t k = 0; k < noise_len; k++)
			noise[k] = (uint8_t)bf_prng_next(&pair->prng);
		if (noise_len >= 12) {
			memcpy(noise, recorded, 4); /* the ports; the tag stays wrong */
			put_checksum(noise, noise_len);
		}
		bf_sctp_on_packet(pair->ends[1].sctp, bf_bytes(noise, noise_len));
	}
	recorded[8] ^= 1; /* a wrong checksum */
	bf_sctp_on_packet(pair->ends[1].sctp, bf_bytes(recorded, len));
	pair_carry(pair);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_MESSAGE), 0);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 5000); /* repeated after the timeout */
	assert_int_equal(pair_count(pair, 1, BF_SCTP_GONE), 0);
	pair_close(pair);
	free(pair);
}

/* ---- DCEP ---- */

static int parse_dcep(struct dcep *out, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, data, len);
	err = dcep_parse(out, bf_bytes(copy, len));
	free(copy);
	return err;
}

static void dcep_is_refused_when_cut_or_longer_than_it_says(void **state)
{
	struct bf_sctp_channel props = {
		.label = bf_bytes_str("label"), .protocol = bf_bytes_str("protocol")};
	uint8_t message[DCEP_OPEN_MAX + 1] = {0};
	size_t len = dcep_write_open(message, DCEP_OPEN_MAX, &props);
	struct dcep dcep;

	(void)state;
	assert_int_equal(len, 12 + 5 + 8);
	assert_int_equal(parse_dcep(&dcep, message, len), 0);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(parse_dcep(&dcep, message, cut), -EBADMSG);
	assert_int_equal(parse_dcep(&dcep, message, len + 1), -EBADMSG);
	assert_int_equal(parse_dcep(&dcep, (const uint8_t *)"\x02\x00", 2), -EBADMSG);
	assert_int_equal(parse_dcep(&dcep, (const uint8_t *)"\x02", 1), 0);
	assert_int_equal(dcep.kind, DCEP_ACK);
}

static void dcep_types_are_those_of_the_standard(void **state)
{
	static const struct {
		uint8_t type;
		enum bf_sctp_type meaning;
		bool is_unordered;
		int err;
	} cases[] = {
		{0x00, BF_SCTP_RELIABLE, false, 0},
		{0x80, BF_SCTP_RELIABLE, true, 0},
		{0x01, BF_SCTP_REXMIT, false, 0},
		{0x81, BF_SCTP_REXMIT, true, 0},
		{0x02, BF_SCTP_TIMED, false, 0},
		{0x82, BF_SCTP_TIMED, true, 0},
		{0x03, BF_SCTP_RELIABLE, false, -EBADMSG},
		{0x7f, BF_SCTP_RELIABLE, false, -EBADMSG},
		{0xff, BF_SCTP_RELIABLE, false, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t message[12] = {3, cases[i].type, 1, 0, 0, 0, 0, 9};
		struct dcep dcep;

		assert_int_equal(parse_dcep(&dcep, message, sizeof(message)), cases[i].err);
		if (cases[i].err)
			continue;
		assert_int_equal(dcep.channel.type, cases[i].meaning);
		assert_int_equal(dcep.channel.is_unordered, cases[i].is_unordered);
		assert_int_equal(dcep.channel.limit, cases[i].meaning == BF_SCTP_RELIABLE ? 0 : 9);
		assert_int_equal(dcep.channel.priority, 256);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inits_that_name_addresses_are_unwanted),
		cmocka_unit_test(every_cut_of_an_init_is_unwanted),
		cmocka_unit_test(chunks_of_other_protocols_and_ports_are_unwanted),
		cmocka_unit_test(an_init_with_an_address_changes_nothing),
		cmocka_unit_test(garbage_and_cut_packets_leave_a_live_association_alone),
		cmocka_unit_test(dcep_is_refused_when_cut_or_longer_than_it_says),
		cmocka_unit_test(dcep_types_are_those_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
