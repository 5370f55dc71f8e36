#include "storage/repo/tx.h"

#include <assert.h>

static void begin(struct bf_tx *tx, const struct bf_db_scope *scope)
{
	tx->scope = *scope;
	tx->step_count = tx->value_count = 0;
}

void bf_tx_begin(struct bf_tx *tx, struct bf_uuid org, struct bf_uuid user)
{
	assert(!bf_uuid_equal(org, (struct bf_uuid){{0}}));
	begin(tx, &(struct bf_db_scope){.org = org, .user = user});
}

void bf_tx_begin_system(struct bf_tx *tx)
{
	begin(tx, &(struct bf_db_scope){.is_system = true});
}

void bf_tx_add(struct bf_tx *tx, const struct bf_db_statement *statement,
	const struct bf_db_value *params, int64_t expected)
{
	size_t count = strlen(statement->params);
	struct bf_db_value *values = &tx->values[tx->value_count];
	size_t own = 0;

	assert(tx->step_count < BF_DB_STEP_COUNT_MAX);
	assert(tx->value_count + count <= BF_TX_VALUE_COUNT_MAX);
	assert(statement->is_system == tx->scope.is_system);
	if (!statement->is_system)
		values[own++] = bf_db_uuid(tx->scope.org);
	if (count > own)
		memcpy(&values[own], params, (count - own) * sizeof(*values));
	tx->steps[tx->step_count++] = (struct bf_db_step){statement, values, expected};
	tx->value_count += count;
}

int64_t bf_tx_ask(
	struct bf_tx *tx, struct bf_db_client *client, bf_db_on_answer *on_answer, void *arg)
{
	return bf_db_ask(client, &tx->scope, tx->steps, tx->step_count, on_answer, arg);
}

int64_t bf_page_rows(const struct bf_page *page)
{
	if (page->row_count < 1)
		return 1;
	return page->row_count > BF_PAGE_ROW_COUNT_MAX ? BF_PAGE_ROW_COUNT_MAX : page->row_count;
}
