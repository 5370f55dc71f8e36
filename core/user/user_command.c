#include "core/user/user_command.h"

#include "core/base/clock.h"
#include "core/user/user_priv.h"
#include "signaling/auth/rules.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bf_user_options[] = {"--random", NULL};

const char bf_user_help[] =
	"usage: belfry user COMMAND [NAME] [WORD ...] [--config=FILE] [--section.key=value ...]\n"
	"\n"
	"add NAME [email=ADDRESS] [full_name=TEXT] [role=ROLE] [org=SLUG]\n"
	"                             makes an account, a viewer's if no role is said; the "
	"password "
	"is\n"
	"                             asked for, or read from standard input. --random makes one "
	"that\n"
	"                             is printed, and must be changed with the first login\n"
	"list [org=SLUG]              who there is\n"
	"role NAME ROLE ... [org=SLUG]     has these roles from now on, and no others\n"
	"disable NAME, enable NAME    cannot sign in any more, and is signed out; and back\n"
	"reset-password NAME          as for add; signs all devices out\n"
	"\n"
	"NAME is a username or an e-mail address. A running server notices within a second.\n";

struct command {
	struct user_desk desk;
	const struct bf_conf *conf;
	char *words[USER_ROLES_MAX + 1]; /* that are no settings; the first is NAME */
	int word_count;
	const char *email, *full_name, *role, *org;
	bool is_random;
};

/* ---- passwords ---- */

/* Hashes what was read or made; tells what was made when it is in force. */
static int take_password(
	struct command *command, char hash[static BF_PASSWORD_HASH_BYTES], char *made)
{
	char password[USER_PASSWORD_BYTES];
	int err = 0;

	made[0] = '\0';
	if (command->is_random) {
		bf_password_make(made);
		snprintf(password, sizeof(password), "%s", made);
	} else {
		err = user_read_password(password);
	}
	if (!err)
		err = bf_password_hash(password, NULL, hash);
	explicit_bzero(password, sizeof(password));
	return err;
}

static void tell_password(const char *made)
{
	if (made[0])
		printf("Password, to be changed with the first login: %s\n", made);
}

/* ---- finding ---- */

struct finding {
	struct bf_uuid org, id;
	bool is_found;
};

static void on_found(void *arg, const struct bf_db_answer *answer)
{
	struct finding *finding = arg;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_user user;

	while (bf_user_next(&rows, &user)) {
		if (!bf_uuid_equal(user.org_id, finding->org))
			continue;
		finding->id = user.id;
		finding->is_found = true;
	}
}

static int find(struct command *command, struct bf_uuid *out)
{
	struct finding finding = {.org = command->desk.org};
	const char *name = command->words[0];
	char key[USER_KEY_BYTES];
	struct bf_tx tx;
	int err;

	if (strlen(name) >= sizeof(key))
		return -ENOENT;
	bf_rule_key(name, key);
	bf_tx_begin_system(&tx);
	if (strchr(name, '@'))
		bf_user_find_by_email(&tx, bf_bytes_str(key));
	else
		bf_user_find_by_username(&tx, bf_bytes_str(key));
	err = bf_desk_ask(&command->desk.desk, &tx, on_found, &finding);
	if (!err && !finding.is_found) {
		snprintf(command->desk.why, USER_WHY_BYTES, "there is no such user");
		err = -ENOENT;
	}
	*out = finding.id;
	return err;
}

/* ---- commands ---- */

static int run_add(struct command *command)
{
	char hash[BF_PASSWORD_HASH_BYTES], made[BF_PASSWORD_MADE_BYTES], said[256];
	const struct user_account account = {.username = command->words[0],
		.email = command->email ? command->email : "",
		.full_name = command->full_name ? command->full_name : "",
		.password_hash = hash,
		.role = command->role ? command->role : "viewer",
		.must_change = command->is_random};

	if (user_check(&account, said, sizeof(said))) {
		fprintf(stderr, "belfry: user: %s\n", said);
		return 2;
	}
	if (take_password(command, hash, made))
		return 1;
	if (user_add(&command->desk, &account))
		return user_complain(&command->desk, account.username);
	printf("%s is there, as %s.\n", account.username, account.role);
	tell_password(made);
	return 0;
}

struct listing {
	struct command *command;
	struct bf_page page;
	size_t count;
};

static void on_roles(void *arg, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	const char *between = "";
	struct bf_role role;

	(void)arg;
	while (bf_role_next(&rows, &role)) {
		printf("%s%.*s", between, (int)role.name.len, (const char *)role.name.data);
		between = ",";
	}
}

#define LIST_ROWS 100

struct listed {
	struct bf_uuid id;
	char name[USER_KEY_BYTES], email[USER_KEY_BYTES], seen[BF_CLOCK_TEXT];
	const char *state;
};

struct list {
	struct bf_page page;
	struct listed rows[LIST_ROWS];
	size_t count;
};

static void on_list(void *arg, const struct bf_db_answer *answer)
{
	struct list *list = arg;
	struct bf_db_rows rows = answer->steps[0];
	int64_t now_us = bf_clock_wall_us();
	struct bf_user user;

	list->count = 0;
	while (list->count < LIST_ROWS && bf_user_next(&rows, &user)) {
		struct listed *row = &list->rows[list->count++];

		row->id = user.id;
		snprintf(row->name, sizeof(row->name), "%.*s", (int)user.username.len,
			(const char *)user.username.data);
		snprintf(row->email, sizeof(row->email), "%.*s", (int)user.email.len,
			user.email.data ? (const char *)user.email.data : "");
		if (user.last_login_at)
			bf_clock_format(user.last_login_at, row->seen);
		else
			snprintf(row->seen, sizeof(row->seen), "never");
		row->state = user.disabled_at		  ? "disabled"
			     : user.locked_until > now_us ? "locked"
			     : user.must_change_password  ? "must change"
							  : "active";
		list->page.after_us = user.created_at;
		list->page.after_id = user.id;
	}
}

static int list_page(struct command *command, struct list *list)
{
	struct bf_tx tx;
	int err;

	bf_tx_begin(&tx, command->desk.org, (struct bf_uuid){{0}});
	bf_user_list(&tx, &list->page);
	err = bf_desk_ask(&command->desk.desk, &tx, on_list, list);
	for (size_t i = 0; i < list->count && !err; i++) {
		const struct listed *row = &list->rows[i];

		printf("%-24s %-32s %-12s %-28s ", row->name, row->email, row->state, row->seen);
		bf_tx_begin(&tx, command->desk.org, row->id);
		bf_role_list_of_user(&tx, row->id);
		err = bf_desk_ask(&command->desk.desk, &tx, on_roles, NULL);
		putchar('\n');
	}
	return err;
}

static int run_list(struct command *command)
{
	struct list *list = calloc(1, sizeof(*list));
	int err = list ? 0 : -ENOMEM;

	printf("%-24s %-32s %-12s %-28s %s\n", "USER", "E-MAIL", "STATE", "LAST LOGIN", "ROLES");
	if (list)
		list->page.row_count = LIST_ROWS;
	do {
		if (!err)
			err = list_page(command, list);
	} while (!err && list->count == LIST_ROWS);
	free(list);
	return err ? user_complain(&command->desk, "list") : 0;
}

struct held {
	struct bf_uuid roles[USER_ROLES_MAX * 4];
	size_t count;
};

static void on_held(void *arg, const struct bf_db_answer *answer)
{
	struct held *held = arg;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_role role;

	while (held->count < USER_ROLES_MAX * 4 && bf_role_next(&rows, &role))
		held->roles[held->count++] = role.id;
}

/* One transaction: whoever looks meanwhile sees the roles of before or those of after. */
static int run_role(struct command *command)
{
	struct held held = {.count = 0};
	struct bf_uuid user;
	struct bf_tx tx;
	int err;

	if (command->word_count < 2) {
		fputs("belfry: user: which roles?\n", stderr);
		return 2;
	}
	err = find(command, &user);
	if (!err) {
		bf_tx_begin(&tx, command->desk.org, user);
		bf_role_list_of_user(&tx, user);
		err = bf_desk_ask(&command->desk.desk, &tx, on_held, &held);
	}
	bf_tx_begin(&tx, command->desk.org, user);
	for (size_t i = 0; i < held.count && i < USER_ROLES_MAX; i++)
		bf_user_role_revoke(&tx, user, held.roles[i]);
	for (int i = 1; i < command->word_count; i++)
		bf_user_role_grant_named(&tx, user, bf_bytes_str(command->words[i]),
			(struct bf_uuid){{0}}, bf_clock_wall_us());
	if (!err)
		err = bf_desk_ask(&command->desk.desk, &tx, NULL, NULL);
	if (err == -ENOENT && command->desk.why[0] != 't')
		snprintf(command->desk.why, USER_WHY_BYTES, "there is no role of that name");
	return err ? user_complain(&command->desk, command->words[0]) : 0;
}

static int set_disabled(struct command *command, bool is_disabled)
{
	int64_t now_us = bf_clock_wall_us();
	struct bf_uuid user;
	struct bf_tx tx;
	int err = find(command, &user);

	if (!err) {
		bf_tx_begin(&tx, command->desk.org, user);
		bf_user_disable(&tx, user, is_disabled ? now_us : 0, now_us);
		if (is_disabled)
			bf_session_revoke_of_user(&tx, user, (struct bf_uuid){{0}}, now_us);
		err = bf_desk_ask(&command->desk.desk, &tx, NULL, NULL);
	}
	return err ? user_complain(&command->desk, command->words[0]) : 0;
}

static int run_disable(struct command *command)
{
	return set_disabled(command, true);
}

static int run_enable(struct command *command)
{
	return set_disabled(command, false);
}

static int run_reset_password(struct command *command)
{
	char hash[BF_PASSWORD_HASH_BYTES], made[BF_PASSWORD_MADE_BYTES];
	int64_t now_us = bf_clock_wall_us();
	struct bf_uuid user;
	struct bf_tx tx;
	int err = find(command, &user);

	if (err)
		return user_complain(&command->desk, command->words[0]);
	if (take_password(command, hash, made))
		return 1;
	bf_tx_begin(&tx, command->desk.org, user);
	bf_user_set_password(&tx, user, bf_bytes_str(hash), command->is_random, now_us);
	bf_session_revoke_of_user(&tx, user, (struct bf_uuid){{0}}, now_us);
	err = bf_desk_ask(&command->desk.desk, &tx, NULL, NULL);
	if (err)
		return user_complain(&command->desk, command->words[0]);
	printf("%s has a new password.\n", command->words[0]);
	tell_password(made);
	return 0;
}

/* ---- words ---- */

static const struct entry {
	const char *name;
	bool takes_name;
	int (*run)(struct command *command);
} entries[] = {
	{"add", true, run_add},
	{"list", false, run_list},
	{"role", true, run_role},
	{"disable", true, run_disable},
	{"enable", true, run_enable},
	{"reset-password", true, run_reset_password},
};

static bool take_setting(struct command *command, char *word)
{
	const struct {
		const char *key;
		const char **value;
	} settings[] = {{"email=", &command->email}, {"full_name=", &command->full_name},
		{"role=", &command->role}, {"org=", &command->org}};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		size_t len = strlen(settings[i].key);

		if (strncmp(word, settings[i].key, len) != 0)
			continue;
		*settings[i].value = word + len;
		return true;
	}
	return false;
}

static int take_words(struct command *command, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--random") == 0) {
			command->is_random = true;
		} else if (!take_setting(command, argv[i])) {
			if (command->word_count > USER_ROLES_MAX || strchr(argv[i], '=')) {
				fprintf(stderr, "belfry: user: what is '%.64s'?\n", argv[i]);
				return 2;
			}
			command->words[command->word_count++] = argv[i];
		}
	}
	return 0;
}

int bf_user_command(const struct bf_conf *conf, int argc, char **argv)
{
	struct command command = {.conf = conf};
	const struct entry *entry = NULL;
	int result;

	for (size_t i = 0; argc > 0 && i < sizeof(entries) / sizeof(entries[0]); i++)
		if (strcmp(argv[0], entries[i].name) == 0)
			entry = &entries[i];
	if (!entry) {
		fputs(bf_user_help, stderr);
		return 2;
	}
	result = take_words(&command, argc - 1, argv + 1);
	if (result)
		return result;
	if (entry->takes_name != (command.word_count > 0)) {
		fprintf(stderr, "belfry: user %s: %s\n", entry->name,
			entry->takes_name ? "whose?" : "takes no name");
		return 2;
	}
	result = user_desk_open(&command.desk, conf, command.org) ? 1 : entry->run(&command);
	user_desk_close(&command.desk);
	return result;
}

/* ---- hash-password ---- */

const char bf_hash_password_help[] =
	"usage: belfry hash-password\n\n"
	"Reads a password from the terminal or standard input, and prints its hash, for the\n"
	"member password_hash of a seed file.\n";

int bf_hash_password_command(const struct bf_conf *conf, int argc, char **argv)
{
	char password[USER_PASSWORD_BYTES], hash[BF_PASSWORD_HASH_BYTES];
	int err = user_read_password(password);

	(void)conf;
	(void)argc;
	(void)argv;
	if (!err)
		err = bf_password_hash(password, NULL, hash);
	explicit_bzero(password, sizeof(password));
	if (err)
		return 1;
	puts(hash);
	return 0;
}
