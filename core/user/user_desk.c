#include "core/base/clock.h"
#include "core/user/user_priv.h"
#include "signaling/accounts/builtin.h"
#include "signaling/auth/rules.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- the organization ---- */

static void on_organization(void *arg, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	struct bf_organization organization;

	if (bf_organization_next(&rows, &organization))
		*(struct bf_uuid *)arg = organization.id;
}

/* Whoever is first here, command or server, makes the roles that each organization has. */
static int provide_roles(struct user_desk *desk)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, desk->org, (struct bf_uuid){{0}});
	bf_accounts_add_roles(&tx, bf_clock_wall_us());
	return bf_desk_ask(&desk->desk, &tx, NULL, NULL);
}

static int find_organization(struct user_desk *desk, const char *slug)
{
	struct bf_tx tx;
	int err;

	desk->org = BF_DEFAULT_ORG;
	if (!slug)
		return 0;
	desk->org = (struct bf_uuid){{0}};
	bf_tx_begin_system(&tx);
	bf_organization_find(&tx, bf_bytes_str(slug));
	err = bf_desk_ask(&desk->desk, &tx, on_organization, &desk->org);
	if (err || !bf_uuid_equal(desk->org, (struct bf_uuid){{0}}))
		return err;
	snprintf(desk->why, sizeof(desk->why), "there is no organization %.64s", slug);
	return -ENOENT;
}

int user_desk_open(struct user_desk *desk, const struct bf_conf *conf, const char *slug)
{
	int err;

	*desk = (struct user_desk){.org = BF_DEFAULT_ORG};
	err = bf_log_new(&desk->log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN);
	if (!err)
		err = bf_desk_open(&desk->desk, conf, desk->log, desk->why, sizeof(desk->why));
	if (!err)
		err = find_organization(desk, slug);
	if (!err)
		err = provide_roles(desk);
	if (err)
		user_complain(desk, "the database");
	return err;
}

void user_desk_close(struct user_desk *desk)
{
	bf_desk_close(&desk->desk);
	bf_log_free(desk->log);
}

int user_complain(struct user_desk *desk, const char *what)
{
	fprintf(stderr, "belfry: %s: %s\n", what, desk->why[0] ? desk->why : "out of memory");
	return 1;
}

/* ---- accounts ---- */

const char *user_check(const struct user_account *account, char *said, size_t size)
{
	const char *wrong = bf_rule_username(account->username), *member = "username";

	if (!wrong && account->email[0]) {
		member = "email";
		wrong = bf_rule_email(account->email);
	}
	if (!wrong && account->full_name[0]) {
		member = "full_name";
		wrong = bf_rule_title(account->full_name, 200);
	}
	if (!wrong) {
		member = "role";
		wrong = bf_rule_role(account->role);
	}
	if (!wrong)
		return NULL;
	snprintf(said, size, "%s %s", member, wrong);
	return said;
}

static struct bf_bytes text_or_null(const char *text)
{
	return text[0] ? bf_bytes_str(text) : bf_bytes(NULL, 0);
}

int user_add(struct user_desk *desk, const struct user_account *account)
{
	char email_key[USER_KEY_BYTES], username_key[USER_KEY_BYTES];
	int64_t now_us = bf_clock_wall_us();
	const struct bf_user user = {.id = bf_uuid_make(),
		.email = text_or_null(account->email),
		.email_key = text_or_null((bf_rule_key(account->email, email_key), email_key)),
		.username = bf_bytes_str(account->username),
		.username_key =
			bf_bytes_str((bf_rule_key(account->username, username_key), username_key)),
		.full_name = bf_bytes_str(account->full_name),
		.password_hash = bf_bytes_str(account->password_hash),
		.must_change_password = account->must_change,
		.created_at = now_us,
		.updated_at = now_us};
	struct bf_tx tx;
	int err;

	bf_tx_begin(&tx, desk->org, user.id);
	bf_user_add(&tx, &user);
	bf_user_role_grant_named(
		&tx, user.id, bf_bytes_str(account->role), (struct bf_uuid){{0}}, now_us);
	err = bf_desk_ask(&desk->desk, &tx, NULL, NULL);
	if (err == -EEXIST)
		snprintf(desk->why, sizeof(desk->why), "the name or the address is taken");
	if (err == -ENOENT)
		snprintf(desk->why, sizeof(desk->why), "there is no role %.64s", account->role);
	return err;
}

/* ---- passwords ---- */

/* A line without its end. False: there is none, or it is too long. */
static bool read_line(char out[static USER_PASSWORD_BYTES])
{
	size_t len;

	if (!fgets(out, USER_PASSWORD_BYTES, stdin))
		return false;
	len = strcspn(out, "\r\n");
	if (!out[len] && !feof(stdin))
		return false;
	out[len] = '\0';
	return true;
}

static bool ask_unseen(const char *question, char out[static USER_PASSWORD_BYTES])
{
	struct termios before, unseen;
	bool is_read;

	if (tcgetattr(STDIN_FILENO, &before))
		return false;
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s: ", question);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
	is_read = read_line(out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return is_read;
}

int user_read_password(char out[static USER_PASSWORD_BYTES])
{
	char again[USER_PASSWORD_BYTES];
	const char *wrong = NULL;

	if (!isatty(STDIN_FILENO)) {
		if (!read_line(out))
			wrong = "no password came from standard input, in a line";
	} else if (!ask_unseen("Password", out) || !ask_unseen("Once more", again)) {
		wrong = "no password was typed";
	} else if (strcmp(out, again) != 0) {
		wrong = "the two are not the same";
	}
	explicit_bzero(again, sizeof(again));
	if (wrong) {
		fprintf(stderr, "belfry: %s\n", wrong);
		return -EINVAL;
	}
	wrong = bf_rule_password_chosen(out, false);
	if (wrong)
		fprintf(stderr, "belfry: the password %s\n", wrong);
	return wrong ? -EINVAL : 0;
}
