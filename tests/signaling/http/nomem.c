#include "tests/signaling/http/nomem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ATTEMPTS_MAX 1000

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

/* Allocations until the one that fails; 0: none does. Tests are one thread. */
static unsigned countdown, run_idx;
static bool has_struck;

static bool strikes(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	has_struck = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return strikes() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return strikes() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return strikes() ? NULL : __real_realloc(block, size);
}

bool nomem_has_struck(void)
{
	return has_struck;
}

void nomem_arm(void)
{
	countdown = run_idx;
}

void nomem_each(void (*body)(void *arg), void *arg)
{
	for (unsigned n = 1; n <= ATTEMPTS_MAX; n++) {
		has_struck = false;
		run_idx = n;
		body(arg);
		countdown = 0;
		if (!has_struck) {
			assert_true(n > 1);
			return;
		}
	}
	fail_msg("more than %d allocations", ATTEMPTS_MAX);
}
