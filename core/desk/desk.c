#include "core/desk/desk.h"

#include "core/base/clock.h"

#include <errno.h>
#include <stdio.h>

int bf_desk_open(struct bf_desk *desk, const struct bf_conf *conf, struct bf_log *log, char *why,
	size_t why_size)
{
	struct bf_db_conf db = {.conf = conf, .log = log, .io = BF_IO_EPOLL};
	int err;

	*desk = (struct bf_desk){.why = why, .why_size = why_size};
	err = bf_metrics_new(&desk->metrics);
	if (!err)
		err = bf_loop_new(&desk->loop, BF_IO_EPOLL);
	db.metrics = desk->metrics;
	if (!err)
		err = bf_db_open(&desk->db, &db, why, why_size);
	if (!err)
		err = bf_db_client_new(&desk->client, desk->db, desk->loop);
	return err;
}

void bf_desk_close(struct bf_desk *desk)
{
	if (desk->db)
		bf_db_close(desk->db);
	for (int i = 0; desk->loop && i < 8; i++)
		(void)bf_loop_turn(desk->loop, 0);
	bf_db_client_free(desk->client);
	bf_db_free(desk->db);
	if (desk->loop)
		bf_loop_free(desk->loop);
	if (desk->metrics)
		bf_metrics_free(desk->metrics);
}

/* ---- asking ---- */

struct asking {
	struct bf_desk *desk;
	bf_db_on_answer *on_answer;
	void *arg;
	bool is_answered;
	enum bf_db_status status;
};

static void on_answer(void *arg, const struct bf_db_answer *answer)
{
	struct asking *asking = arg;
	struct bf_desk *desk = asking->desk;

	asking->is_answered = true;
	asking->status = answer->status;
	if (answer->status != BF_DB_OK)
		snprintf(desk->why, desk->why_size, "%s%s%s",
			answer->why[0] ? answer->why : bf_db_status_name(answer->status),
			answer->constraint[0] ? ": " : "", answer->constraint);
	else if (asking->on_answer)
		asking->on_answer(asking->arg, answer);
}

static int error_of(enum bf_db_status status)
{
	switch (status) {
	case BF_DB_OK:
		return 0;
	case BF_DB_EXISTS:
		return -EEXIST;
	case BF_DB_NO_PARENT:
	case BF_DB_UNEXPECTED:
		return -ENOENT;
	default:
		return -EIO;
	}
}

int bf_desk_ask(struct bf_desk *desk, struct bf_tx *tx, bf_db_on_answer *callback, void *arg)
{
	struct asking asking = {.desk = desk, .on_answer = callback, .arg = arg};
	int64_t call = bf_tx_ask(tx, desk->client, on_answer, &asking);

	if (call < 0)
		return (int)call;
	while (!asking.is_answered) {
		int err = bf_loop_turn(desk->loop, BF_MS(100));

		if (err)
			return err;
	}
	return error_of(asking.status);
}
