#include "core/base/conf.h"

#include "core/base/conf_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Always in double quotes, in which YAML knows no special words or characters but these two; control
 * characters never get into a value. */
static void print_quoted(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

static void print_comment(FILE *to, const struct conf_key *key)
{
	char variable[CONF_NAME_BYTES];

	fputs("  # ", to);
	for (const char *at = key->comment; *at; at++) {
		fputc(*at, to);
		if (*at == '\n')
			fputs("  # ", to);
	}
	fprintf(to, "\n  # %s", conf_variable(key, variable));
	if (key->type == CONF_UINT)
		fprintf(to, ", %u to %u", key->min, key->max);
	if (key->choices)
		fprintf(to, ", one of %s", key->choices);
	fprintf(to, "\n");
}

static void print_list(FILE *to, const struct bf_conf *conf, const struct conf_key *key)
{
	unsigned *count;
	char **items = *conf_list_at(conf, key, &count);

	if (*count == 0) {
		fprintf(to, "  %s: []\n", key->name);
		return;
	}
	fprintf(to, "  %s:\n", key->name);
	for (unsigned i = 0; i < *count; i++) {
		fputs("    - ", to);
		print_quoted(to, items[i]);
		fputc('\n', to);
	}
}

static void print_str(
	FILE *to, const struct bf_conf *conf, const struct conf_key *key, bool with_secrets)
{
	const char *text = *conf_str_at(conf, key);

	if (key->is_secret && text[0] && !with_secrets) {
		/* A comment: the text loads again, and nobody's secret becomes "[redacted]". */
		fprintf(to, "  # %s: [redacted]\n", key->name);
		return;
	}
	fprintf(to, "  %s: ", key->name);
	print_quoted(to, text);
	fputc('\n', to);
}

static void print_key(
	FILE *to, const struct bf_conf *conf, const struct conf_key *key, bool with_secrets)
{
	print_comment(to, key);
	switch (key->type) {
	case CONF_STR:
		print_str(to, conf, key, with_secrets);
		break;
	case CONF_UINT:
		fprintf(to, "  %s: %u\n", key->name, *conf_uint_at(conf, key));
		break;
	case CONF_BOOL:
		fprintf(to, "  %s: %s\n", key->name, *conf_bool_at(conf, key) ? "true" : "false");
		break;
	case CONF_LIST:
		print_list(to, conf, key);
		break;
	}
}

char *bf_conf_print(const struct bf_conf *conf, bool with_secrets)
{
	char *text = NULL;
	size_t len = 0;
	bool is_broken;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	for (size_t i = 0; i < conf_key_count; i++) {
		bool is_first =
			i == 0 || strcmp(conf_keys[i].section, conf_keys[i - 1].section) != 0;

		if (is_first)
			fprintf(to, "%s%s:\n", i == 0 ? "" : "\n", conf_keys[i].section);
		print_key(to, conf, &conf_keys[i], with_secrets);
	}
	is_broken = ferror(to) != 0;
	if (fclose(to) != 0 || is_broken) {
		free(text);
		return NULL;
	}
	return text;
}
