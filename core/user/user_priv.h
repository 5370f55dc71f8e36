/* core/user/user_priv.h - between core/user's files. */
#ifndef BF_CORE_USER_USER_PRIV_H
#define BF_CORE_USER_USER_PRIV_H

#include "core/desk/desk.h"
#include "signaling/auth/password.h"

#define USER_WHY_BYTES	    1024
#define USER_PASSWORD_BYTES 1100 /* 256 characters of UTF-8 */
#define USER_KEY_BYTES	    512
#define USER_ROLES_MAX	    16

/* The database, and the organization that is meant. */
struct user_desk {
	struct bf_desk desk;
	struct bf_log *log;
	struct bf_uuid org;
	char why[USER_WHY_BYTES];
};

/* `slug` NULL: the one that all are in who are in no other. Says itself what went wrong. user_desk_close in any case. */
int user_desk_open(struct user_desk *desk, const struct bf_conf *conf, const char *slug);
void user_desk_close(struct user_desk *desk);

/* Says what went wrong with `what`; returns the exit status. */
int user_complain(struct user_desk *desk, const char *what);

/* What an account is made of. Texts lend. */
struct user_account {
	const char *username, *email, *full_name; /* "": none */
	const char *password_hash;
	const char *role;
	bool must_change;
};

/* What is wrong with it, "email is no address" for people; NULL: nothing. */
const char *user_check(const struct user_account *account, char *said, size_t size);

/* -EEXIST: name or address are taken; -ENOENT: there is no such role. */
int user_add(struct user_desk *desk, const struct user_account *account);

/* From the terminal, where it is not shown and asked for twice, or from standard input, one line. -EINVAL with a message already said. */
int user_read_password(char out[static USER_PASSWORD_BYTES]);

#endif
