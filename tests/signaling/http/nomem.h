/* tests/signaling/http/nomem.h - the n-th allocation of our code fails (link with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc). */
#ifndef BF_TESTS_SIGNALING_HTTP_NOMEM_H
#define BF_TESTS_SIGNALING_HTTP_NOMEM_H

#include <stdbool.h>

/* Run `body` with the first allocation after its nomem_arm failing, then with the second, and so on, until it gets through. */
void nomem_each(void (*body)(void *arg), void *arg);
void nomem_arm(void);

/* Whether the failure of this run has already happened. */
bool nomem_has_struck(void);

#endif
