/* signaling/auth/guesses.h - passwords that are guessed first, however long they are.
 *
 * No list of leaked ones, but what such lists are made of: a few hundred words that people take, with digits and signs behind them or letters
 * written as digits, put together or repeated; runs of the keyboard and the alphabet; the user's own names.
 * Thread: any.   Source: NIST SP 800-63B-4 section 3.1.1.2 (what a blocklist is for)
 */
#ifndef BF_SIGNALING_AUTH_GUESSES_H
#define BF_SIGNALING_AUTH_GUESSES_H

#include <stddef.h>

/* Why it would be guessed, as in "is made of words that are guessed first"; NULL: it would not. `own`, ending with NULL, are names and
 * addresses of its user; the list itself may be NULL. */
const char *bf_guessed_why(const char *password, const char *const *own);

#endif
