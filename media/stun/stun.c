#include "media/stun/stun.h"

#include <assert.h>
#include <errno.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

/*    0                   1                   2                   3
 *   |0 0|  type (14 bits, 2 of class)   |        length             |
 *   |                    magic cookie 0x2112A442                    |
 *   |                    transaction id (96 bits)                   |
 *   |      attribute type           |            length             |  padded to 4; as often as length says
 */
#define HEADER_LEN 20
#define COOKIE	   0x2112A442u

enum {
	ATTR_USERNAME = 0x0006,
	ATTR_INTEGRITY = 0x0008,
	ATTR_INTEGRITY_SHA256 = 0x001C,
	ATTR_PRIORITY = 0x0024,
	ATTR_USE_CANDIDATE = 0x0025,
	ATTR_FINGERPRINT = 0x8028,
	ATTR_ICE_CONTROLLED = 0x8029,
	ATTR_ICE_CONTROLLING = 0x802A,
};

/* Comprehension-required attributes that a binding request may carry; any other gets a 420. The SHA-256 integrity of
 * RFC 8489 comes beside the SHA-1 one, so it may be known and ignored. */
static const uint16_t known_attributes[] = {
	ATTR_USERNAME,
	ATTR_INTEGRITY,
	ATTR_INTEGRITY_SHA256,
	ATTR_PRIORITY,
	ATTR_USE_CANDIDATE,
	0,
};

/* One walk over a message: what was found, and where. */
struct layout {
	struct bf_bytes username;
	bool has_username;
	bool has_integrity;
	bool has_fingerprint;
};

/* The lengths that a meaning fixes. libnice reads 20 bytes of MESSAGE-INTEGRITY whatever its length says. */
static bool is_attribute_len_right(uint16_t type, size_t len)
{
	switch (type) {
	case ATTR_USERNAME:
		return len <= BF_STUN_USERNAME;
	case ATTR_INTEGRITY:
		return len == 20;
	case ATTR_PRIORITY:
	case ATTR_FINGERPRINT:
		return len == 4;
	case ATTR_USE_CANDIDATE:
		return len == 0;
	case ATTR_ICE_CONTROLLED:
	case ATTR_ICE_CONTROLLING:
		return len == 8;
	default:
		return true;
	}
}

static int walk(struct layout *out, struct bf_bytes packet)
{
	struct layout layout = {.username = {.data = NULL}};
	struct bf_rd rd;

	if (packet.len < HEADER_LEN || packet.len > BF_STUN_MAX || packet.data[0] > 3)
		return -EBADMSG;
	if (bf_get_u32(packet.data + 4) != COOKIE || packet.len % 4 != 0)
		return -EBADMSG;
	if (bf_get_u16(packet.data + 2) != packet.len - HEADER_LEN)
		return -EBADMSG;
	rd = bf_rd(bf_bytes(packet.data + HEADER_LEN, packet.len - HEADER_LEN));
	while (bf_rd_left(&rd) > 0) {
		uint16_t type = bf_rd_u16(&rd);
		size_t len = bf_rd_u16(&rd);
		struct bf_bytes value = bf_rd_bytes(&rd, len);

		bf_rd_bytes(&rd, (4 - len % 4) % 4);
		if (rd.is_short || !is_attribute_len_right(type, len))
			return -EBADMSG;
		if (layout.has_fingerprint)
			return -EBADMSG; /* RFC 8489 section 14.7: it is the last */
		if (type == ATTR_FINGERPRINT)
			layout.has_fingerprint = true;
		else if (type == ATTR_INTEGRITY)
			layout.has_integrity = true;
		else if (type == ATTR_USERNAME && !layout.has_username && !layout.has_integrity) {
			layout.has_username =
				true; /* the first one counts, and nothing after integrity */
			layout.username = value;
		}
	}
	*out = layout;
	return 0;
}

static void agent_init(StunAgent *agent, StunAgentUsageFlags flags)
{
	stun_agent_init(agent, known_attributes, STUN_COMPATIBILITY_RFC5389, flags);
}

/* The two bits of class stand between those of the method. Read here and not by libnice, which takes 0x0115 for something
 * else because of an old dialect of TURN. */
static enum bf_stun_class class_of(struct bf_bytes packet)
{
	uint16_t type = bf_get_u16(packet.data);

	return (enum bf_stun_class)((type & 0x0100) >> 7 | (type & 0x0010) >> 4);
}

static bool is_binding(struct bf_bytes packet)
{
	return (bf_get_u16(packet.data) & ~0x0110) == STUN_BINDING;
}

static bool is_binding_request(struct bf_bytes packet)
{
	return is_binding(packet) && class_of(packet) == BF_STUN_REQUEST;
}

/* libnice's view of bytes that `walk` has accepted, made without checking anything. */
static StunMessage message_view(StunAgent *agent, struct bf_bytes packet)
{
	return (StunMessage){.agent = agent,
		.buffer = (uint8_t *)(uintptr_t)packet.data, /* libnice only reads it */
		.buffer_len = packet.len};
}

int bf_stun_peek(struct bf_stun_peek *out, struct bf_bytes packet)
{
	struct layout layout;
	StunAgent agent;
	StunMessage message;

	if (walk(&layout, packet) < 0)
		return -EBADMSG;
	agent_init(&agent, STUN_AGENT_USAGE_IGNORE_CREDENTIALS |
				   (layout.has_fingerprint ? STUN_AGENT_USAGE_USE_FINGERPRINT : 0));
	switch (stun_agent_validate(&agent, &message, packet.data, packet.len, NULL, NULL)) {
	case STUN_VALIDATION_NOT_STUN:
	case STUN_VALIDATION_INCOMPLETE_STUN:
	case STUN_VALIDATION_BAD_REQUEST: /* the fingerprint is wrong */
		return -EBADMSG;
	default:
		break; /* unknown attributes and unexpected responses are for later */
	}
	out->cls = class_of(packet);
	out->is_binding = is_binding(packet);
	out->username = layout.username;
	return 0;
}

/* libnice asks for the password of a user name; there is one password, and the caller has looked at the name. */
static bool lend_password(StunAgent *agent, StunMessage *message, uint8_t *username,
	uint16_t username_len, uint8_t **password, size_t *password_len, void *arg)
{
	const struct bf_bytes *ours = arg;

	(void)agent;
	(void)message;
	(void)username;
	(void)username_len;
	*password = (uint8_t *)(uintptr_t)ours->data;
	*password_len = ours->len;
	return true;
}

/* Attributes behind MESSAGE-INTEGRITY are not protected by it: libnice's look-ups stop there. */
static void read_request(struct bf_stun_request *out, const StunMessage *message)
{
	struct bf_stun_request request = {0};

	if (stun_message_find32(message, STUN_ATTRIBUTE_PRIORITY, &request.priority) !=
		STUN_MESSAGE_RETURN_SUCCESS)
		request.priority = 0;
	request.use_candidate = stun_message_has_attribute(message, STUN_ATTRIBUTE_USE_CANDIDATE);
	request.is_controlling = stun_message_find64(message, STUN_ATTRIBUTE_ICE_CONTROLLING,
					 &request.tie_breaker) == STUN_MESSAGE_RETURN_SUCCESS;
	if (!request.is_controlling)
		request.is_controlled =
			stun_message_find64(message, STUN_ATTRIBUTE_ICE_CONTROLLED,
				&request.tie_breaker) == STUN_MESSAGE_RETURN_SUCCESS;
	*out = request;
}

int bf_stun_check_request(
	struct bf_stun_request *out, struct bf_bytes packet, struct bf_bytes our_password)
{
	struct layout layout;
	StunAgent agent;
	StunMessage message;
	StunValidationStatus status;

	assert(our_password.len > 0); /* libnice would take an empty key for "nothing to check" */
	if (walk(&layout, packet) < 0 || !is_binding_request(packet))
		return -EBADMSG;
	if (!layout.has_fingerprint)
		return -EBADMSG; /* RFC 8445 section 7.1: a check always has one */
	if (!layout.has_username || !layout.has_integrity)
		return -EACCES;
	agent_init(
		&agent, STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	status = stun_agent_validate(
		&agent, &message, packet.data, packet.len, lend_password, &our_password);
	switch (status) {
	case STUN_VALIDATION_SUCCESS:
		read_request(out, &message);
		return 0;
	case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
		return -EPROTO;
	case STUN_VALIDATION_UNAUTHORIZED:
	case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
		return -EACCES;
	default:
		return -EBADMSG;
	}
}

static int answer_mapped(StunAgent *agent, uint8_t *out, size_t size, struct bf_bytes request,
	const struct bf_addr *mapped, struct bf_bytes password)
{
	StunMessage req = message_view(agent, request);
	StunMessage answer;
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(mapped, &sa);
	size_t len;

	if (!stun_agent_init_response(agent, &answer, out, size, &req))
		return -EBADMSG;
	if (stun_message_append_xor_addr(&answer, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &sa, sa_len) !=
		STUN_MESSAGE_RETURN_SUCCESS)
		return -ENOBUFS;
	len = stun_agent_finish_message(
		agent, &answer, password.len > 0 ? password.data : NULL, password.len);
	return len > 0 ? (int)len : -ENOBUFS;
}

/* No USERNAME in the answer (RFC 8489 section 9.1.4), which is why libnice's ready-made reply does not serve. */
int bf_stun_write_success(uint8_t *out, size_t size, struct bf_bytes request,
	const struct bf_addr *mapped, struct bf_bytes our_password)
{
	struct layout layout;
	StunAgent agent;

	assert(our_password.len > 0);
	if (size < BF_STUN_MAX)
		return -ENOBUFS; /* libnice may write padding past a buffer that is just too small */
	if (walk(&layout, request) < 0 || !is_binding_request(request))
		return -EBADMSG;
	agent_init(
		&agent, STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	return answer_mapped(&agent, out, size, request, mapped, our_password);
}

int bf_stun_write_error(
	uint8_t *out, size_t size, struct bf_bytes request, int code, struct bf_bytes our_password)
{
	struct layout layout;
	StunAgent agent;
	StunMessage req;
	StunMessage answer;
	size_t len;

	assert(code >= 300 && code <= STUN_ERROR_MAX);
	if (size < BF_STUN_MAX)
		return -ENOBUFS;
	if (walk(&layout, request) < 0 || !is_binding_request(request))
		return -EBADMSG;
	agent_init(&agent, STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS |
				   (layout.has_fingerprint ? STUN_AGENT_USAGE_USE_FINGERPRINT : 0));
	req = message_view(&agent, request);
	if (our_password.len > 0) { /* answers take the key over from their request */
		req.key = (uint8_t *)(uintptr_t)our_password.data;
		req.key_len = our_password.len;
	}
	if (code == STUN_ERROR_UNKNOWN_ATTRIBUTE) {
		len = stun_agent_build_unknown_attributes_error(&agent, &answer, out, size, &req);
		return len > 0 ? (int)len : -ENOBUFS;
	}
	if (!stun_agent_init_error(&agent, &answer, out, size, &req, (StunError)code))
		return -ENOBUFS;
	len = stun_agent_finish_message(&agent, &answer, NULL, 0);
	return len > 0 ? (int)len : -ENOBUFS;
}

int bf_stun_write_mapped(
	uint8_t *out, size_t size, struct bf_bytes request, const struct bf_addr *mapped)
{
	struct layout layout;
	StunAgent agent;

	if (size < BF_STUN_MAX)
		return -ENOBUFS;
	if (walk(&layout, request) < 0 || !is_binding_request(request))
		return -EBADMSG;
	agent_init(&agent, STUN_AGENT_USAGE_IGNORE_CREDENTIALS |
				   (layout.has_fingerprint ? STUN_AGENT_USAGE_USE_FINGERPRINT : 0));
	return answer_mapped(&agent, out, size, request, mapped, bf_bytes(NULL, 0));
}
