#include "core/net/http_client.h"

#include "core/base/clock.h"
#include "core/loop/ready.h"
#include "core/loop/timer.h"
#include "core/net/http_client_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A descriptor of libcurl's, and what it waits for there. */
struct watched {
	struct bf_list node;
	struct bf_http_client *client;
	struct bf_ready *ready;
	curl_socket_t fd;
	int what; /* CURL_POLL_... */
};

struct bf_http_client {
	/* given */
	struct bf_loop *loop;
	struct bf_http_client_conf conf;
	/* owned */
	CURLM *multi;
	char *ca_file, *user_agent, *proxy;
	struct bf_timer timer; /* libcurl's */
	struct bf_timer work;  /* starts, cancels, resumes: outside libcurl's calls */
	struct bf_list watched;
	struct bf_list queued, active;
	/* state */
	unsigned queued_count, active_count;
	int64_t last_id;
	struct watched *acting; /* whose event libcurl handles; NULL when it has let go of it */
	bool is_inside;		/* libcurl or a callback: not to be freed now */
};

/* ---- descriptors and time, for libcurl ---- */

static void on_readable(void *arg);
static void on_writable(void *arg);

static void want(struct watched *watched)
{
	bf_ready_want(watched->ready, (watched->what & CURL_POLL_IN) != 0,
		(watched->what & CURL_POLL_OUT) != 0);
}

static void forget(struct watched *watched)
{
	if (watched->client->acting == watched)
		watched->client->acting = NULL;
	bf_ready_close(watched->ready);
	bf_list_remove(&watched->node);
	free(watched);
}

static struct watched *watch(struct bf_http_client *client, curl_socket_t fd, int *err)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	*err = -ENOMEM;
	if (!watched)
		return NULL;
	*err = bf_ready_new(&watched->ready, client->loop, fd, on_readable, on_writable, watched);
	if (*err) {
		free(watched);
		return NULL;
	}
	watched->client = client;
	watched->fd = fd;
	bf_list_append(&client->watched, &watched->node);
	(void)curl_multi_assign(client->multi, fd, watched);
	return watched;
}

/* To answer -1 would end all transfers for good: when there is no descriptor or memory left, the one that it is for fails alone. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *fd_arg)
{
	struct bf_http_client *client = arg;
	struct watched *watched = fd_arg;
	struct http_request *request = NULL;
	int err;

	if (what == CURL_POLL_REMOVE) {
		if (watched)
			forget(watched);
		return 0;
	}
	if (!watched)
		watched = watch(client, fd, &err);
	if (watched) {
		watched->what = what;
		want(watched);
	} else if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request) == CURLE_OK && request) {
		request->failure = err;
		bf_timer_arm(&client->work, bf_loop_now_us(client->loop));
	}
	return 0;
}

/* Rounded up, and from the time it is, not that of the turn: libcurl does not ask again if it is woken too early. */
static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	struct bf_http_client *client = arg;

	(void)multi;
	if (timeout_ms < 0)
		bf_timer_disarm(&client->timer);
	else
		bf_timer_arm(&client->timer,
			timeout_ms == 0 ? bf_loop_now_us(client->loop)
					: bf_clock_mono_us() + BF_MS((int64_t)timeout_ms + 1));
	return 0;
}

/* ---- ends ---- */

static void begin_queued(struct bf_http_client *client);

/* Out of libcurl's hands and out of the lists. */
static void take_out(struct http_request *request)
{
	struct bf_http_client *client = request->client;
	CURLMcode result;

	bf_list_remove(&request->node);
	if (request->state == HTTP_REQUEST_QUEUED) {
		client->queued_count--;
		return;
	}
	result = curl_multi_remove_handle(client->multi, request->easy);
	assert(result == CURLM_OK);
	client->active_count--;
}

static void end_done(struct bf_http_client *client)
{
	struct http_request *request;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(client->multi, &left))) {
		CURLcode result = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		request = NULL;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &request);
		assert(request);
		http_request_before_end(request, result);
		take_out(request);
		http_request_end(request, result);
	}
	begin_queued(client);
}

static void act(struct bf_http_client *client, curl_socket_t fd, int event)
{
	CURLMcode result;
	int running;

	client->is_inside = true;
	result = curl_multi_socket_action(client->multi, fd, event, &running);
	assert(result == CURLM_OK || result == CURLM_BAD_SOCKET);
	end_done(client);
	client->is_inside = false;
}

static void on_event(struct watched *watched, int event)
{
	struct bf_http_client *client = watched->client;

	client->acting = watched;
	act(client, watched->fd, event);
	if (client->acting)
		want(client->acting); /* wishes are fulfilled once, and libcurl's stay */
	client->acting = NULL;
}

static void on_readable(void *arg)
{
	on_event(arg, CURL_CSELECT_IN);
}

static void on_writable(void *arg)
{
	on_event(arg, CURL_CSELECT_OUT);
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- work outside libcurl's calls ---- */

static void begin(struct http_request *request)
{
	struct bf_http_client *client = request->client;
	CURLMcode result;

	bf_list_remove(&request->node);
	client->queued_count--;
	request->state = HTTP_REQUEST_ACTIVE;
	result = curl_multi_add_handle(client->multi, request->easy);
	if (result) {
		request->failure = -ENOMEM;
		http_request_end(request, CURLE_OUT_OF_MEMORY);
		return;
	}
	client->active_count++;
	bf_list_append(&client->active, &request->node);
}

static void begin_queued(struct bf_http_client *client)
{
	struct bf_list *first;

	while (client->active_count < client->conf.active_count_max &&
		(first = bf_list_first(&client->queued)))
		begin(BF_CONTAINER(first, struct http_request, node));
}

static bool needs_work(struct bf_http_client *client)
{
	BF_LIST_EACH(request, &client->active, struct http_request, node)
		if (request->state == HTTP_REQUEST_CANCELLED || request->failure ||
			request->is_resumed)
			return true;
	return false;
}

/* Callbacks change the list: look from its beginning after each. */
static bool work_on_one(struct bf_http_client *client)
{
	BF_LIST_EACH(request, &client->active, struct http_request, node) {
		if (request->state == HTTP_REQUEST_CANCELLED) {
			take_out(request);
			http_request_free(request);
			return true;
		}
		if (request->failure) {
			take_out(request);
			http_request_end(request, CURLE_FAILED_INIT);
			return true;
		}
		if (request->is_resumed) {
			request->is_resumed = false;
			(void)curl_easy_pause(
				request->easy, CURLPAUSE_CONT); /* may call on_data at once */
			return true;
		}
	}
	return false;
}

static void on_work(void *arg)
{
	struct bf_http_client *client = arg;

	client->is_inside = true;
	for (unsigned i = 0; i < client->active_count + 1; i++)
		if (!work_on_one(client))
			break;
	if (needs_work(client)) /* callbacks made more of it: round again */
		bf_timer_arm(&client->work, bf_loop_now_us(client->loop) + 1);
	end_done(client);
	client->is_inside = false;
}

static struct http_request *find(struct bf_http_client *client, int64_t id)
{
	BF_LIST_EACH(request, &client->active, struct http_request, node)
		if (request->id == id)
			return request;
	BF_LIST_EACH(request, &client->queued, struct http_request, node)
		if (request->id == id)
			return request;
	return NULL;
}

int64_t bf_http_client_start(
	struct bf_http_client *client, const struct bf_http_client_request *given)
{
	struct http_request *request;
	int err;

	if (client->queued_count >= client->conf.queue_count_max)
		return -ENOBUFS;
	err = http_request_new(&request, client, &client->conf, given);
	if (err)
		return err;
	request->id = ++client->last_id;
	bf_list_append(&client->queued, &request->node);
	client->queued_count++;
	bf_timer_arm(&client->work, bf_loop_now_us(client->loop));
	return request->id;
}

void bf_http_client_cancel(struct bf_http_client *client, int64_t id)
{
	struct http_request *request = find(client, id);

	if (!request)
		return;
	if (request->state == HTTP_REQUEST_QUEUED) {
		take_out(request);
		http_request_free(request);
		return;
	}
	request->state = HTTP_REQUEST_CANCELLED; /* libcurl may be at work on it */
	bf_timer_arm(&client->work, bf_loop_now_us(client->loop));
}

void bf_http_client_resume(struct bf_http_client *client, int64_t id)
{
	struct http_request *request = find(client, id);

	if (!request || request->state != HTTP_REQUEST_ACTIVE)
		return;
	request->is_resumed = true;
	bf_timer_arm(&client->work, bf_loop_now_us(client->loop));
}

/* ---- the client ---- */

static int copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

static int init_multi(struct bf_http_client *client)
{
	CURLM *multi = client->multi = curl_multi_init();
	long count = (long)client->conf.active_count_max;

	if (!multi || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) ||
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted) ||
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) ||
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, count) ||
		curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, count))
		return -ENOMEM;
	return 0;
}

static int copy_conf(struct bf_http_client *client, const struct bf_http_client_conf *conf)
{
	client->conf = *conf;
	if (copy_text(&client->ca_file, conf->ca_file) ||
		copy_text(&client->user_agent, conf->user_agent) ||
		copy_text(&client->proxy, conf->proxy))
		return -ENOMEM;
	client->conf.ca_file = client->ca_file;
	client->conf.user_agent = client->user_agent;
	client->conf.proxy = client->proxy;
	return 0;
}

int bf_http_client_new(
	struct bf_http_client **out, struct bf_loop *loop, const struct bf_http_client_conf *conf)
{
	struct bf_http_client *client;
	int err;

	assert(conf->active_count_max > 0 && conf->queue_count_max > 0);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS)) {
		curl_global_cleanup();
		return -ENOTSUP;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	client->loop = loop;
	bf_list_init(&client->watched);
	bf_list_init(&client->queued);
	bf_list_init(&client->active);
	bf_timer_init(&client->timer, loop, on_timer, client);
	bf_timer_init(&client->work, loop, on_work, client);
	err = copy_conf(client, conf);
	if (!err)
		err = init_multi(client);
	if (err) {
		bf_http_client_free(client);
		return err;
	}
	*out = client;
	return 0;
}

void bf_http_client_free(struct bf_http_client *client)
{
	if (!client)
		return;
	assert(!client->is_inside);
	BF_LIST_EACH(request, &client->active, struct http_request, node) {
		request->state = HTTP_REQUEST_CANCELLED; /* libcurl may ask once more */
		take_out(request);
		http_request_free(request);
	}
	BF_LIST_EACH(request, &client->queued, struct http_request, node) {
		take_out(request);
		http_request_free(request);
	}
	if (client->multi)
		(void)curl_multi_cleanup(client->multi);
	BF_LIST_EACH(watched, &client->watched, struct watched, node)
		forget(watched);
	bf_timer_disarm(&client->timer);
	bf_timer_disarm(&client->work);
	free(client->ca_file);
	free(client->user_agent);
	free(client->proxy);
	free(client);
	curl_global_cleanup();
}
