/* The configuration file. libcyaml checks its shape against a schema made of the table of keys; every
 * scalar is loaded as text and set as a variable or a flag would be, so that a value means the same
 * wherever it stands (libcyaml alone would read 0100 as octal), and NULL tells what the file left out.
 *
 * libcyaml logs what it refuses, with the position of the event before: good enough for a value of a wrong
 * shape, a line or more too early for a key. Lines of keys are therefore looked up in the text.
 */
#include "core/base/conf_priv.h"

#include <assert.h>
#include <ctype.h>
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024 * 1024)

/* What libcyaml fills in for one key. */
struct slot {
	void *value; /* char *, of a list char **; NULL: not in the file */
	unsigned count;
};

struct schema {
	cyaml_schema_value_t top;
	cyaml_schema_field_t sections[CONF_SECTION_MAX + 1];
	cyaml_schema_field_t keys[CONF_SECTION_MAX][CONF_SECTION_KEYS + 1];
	size_t section_count;
};

/* What libcyaml said while it loaded. */
struct report {
	char message[256]; /* the first complaint, without "Load: " and line feed */
	char section[64];  /* outermost field it was in; "" at the top */
	char field[64];	   /* innermost one */
	unsigned line;	   /* of the innermost position */
	bool is_multiple;  /* more than one document */
};

static const cyaml_schema_value_t list_item = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

static enum cyaml_flag flags(unsigned bits)
{
	return (enum cyaml_flag)bits;
}

static void schema_set_key(cyaml_schema_field_t *field, const struct conf_key *key, size_t idx)
{
	field->key = key->name;
	field->data_offset = (uint32_t)(idx * sizeof(struct slot));
	field->value.data_size = sizeof(char *);
	if (key->type != CONF_LIST) {
		field->value.type = CYAML_STRING;
		field->value.flags = flags(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL);
		field->value.string.max = CYAML_UNLIMITED;
		return;
	}
	field->count_offset = field->data_offset + (uint32_t)offsetof(struct slot, count);
	field->count_size = sizeof(unsigned);
	field->value.type = CYAML_SEQUENCE;
	field->value.flags = flags(CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL);
	field->value.sequence.entry = &list_item;
	field->value.sequence.max = CONF_LIST_MAX;
}

/* Keys of one section stand together in the table: a change of name begins the next section. */
static void schema_init(struct schema *schema)
{
	cyaml_schema_field_t *section = NULL, *fields = NULL;
	size_t count = 0;

	memset(schema, 0, sizeof(*schema));
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (!section || strcmp(section->key, key->section) != 0) {
			assert(schema->section_count < CONF_SECTION_MAX);
			fields = schema->keys[schema->section_count];
			section = &schema->sections[schema->section_count];
			section->key = key->section;
			section->data_offset = (uint32_t)(schema->section_count * sizeof(void *));
			section->value.type = CYAML_MAPPING;
			/* NULL is allowed: a section whose keys are all commented out. */
			section->value.flags = flags(CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL);
			section->value.mapping.fields = fields;
			schema->section_count++;
			count = 0;
		}
		assert(count < CONF_SECTION_KEYS);
		schema_set_key(&fields[count], key, count);
		count++;
		section->value.data_size = (uint32_t)(count * sizeof(struct slot));
	}
	schema->top.type = CYAML_MAPPING;
	schema->top.flags = CYAML_FLAG_POINTER_NULL;
	schema->top.data_size = (uint32_t)(schema->section_count * sizeof(void *));
	schema->top.mapping.fields = schema->sections;
}

/* Called by libcyaml with the complaint, then with a line per level, innermost first. */
static void on_log(cyaml_log_t level, void *arg, const char *format, va_list args)
{
	struct report *report = arg;
	char text[256], field[64];
	const char *message = text;
	unsigned line;
	int n;

	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	if (level == CYAML_LOG_WARNING && strstr(text, "documents after first"))
		report->is_multiple = true;
	if (level != CYAML_LOG_ERROR)
		return;
	n = sscanf(text, " in mapping field '%63[^']' (line: %u", field, &line);
	if (n >= 1) {
		if (report->field[0] == '\0')
			snprintf(report->field, sizeof(report->field), "%s", field);
		snprintf(report->section, sizeof(report->section), "%s", field);
	}
	if (n == 2 || sscanf(text, " in %*[^(](line: %u", &line) == 1) {
		if (report->line == 0)
			report->line = line;
		return;
	}
	if (strncmp(message, "Load: ", 6) == 0)
		message += 6;
	if (report->message[0] == '\0' && strcmp(message, "Backtrace:") != 0)
		snprintf(report->message, sizeof(report->message), "%s", message);
}

/* ---- where in the text ---- */

/* Whether the word `name` stands at `at` as a key: perhaps quoted, and with a colon behind it. */
static bool is_key_at(const char *start, const char *at, size_t len)
{
	const char *after = at + len;

	if (at > start && (isalnum((unsigned char)at[-1]) || at[-1] == '_' || at[-1] == '-'))
		return false;
	after += *after == '"' || *after == '\'';
	after += strspn(after, " ");
	return *after == ':';
}

static bool has_key(const char *line, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = line; len > 0 && (at = strstr(at, name)); at++) {
		if (is_key_at(line, at, len))
			return true;
	}
	return false;
}

/* The line, from 1, on which `key` is given for the `nth` time in `section`, or `section` itself if `key` is
 * NULL; 0 if it is not found. Comments do not count. A file that writes keys in an unusual way gets a
 * complaint without a line, no worse. */
static unsigned find_line(const char *text, const char *section, const char *key, unsigned nth)
{
	bool is_inside = false;
	unsigned number = 0;
	char line[512];

	while (*text) {
		size_t len = strcspn(text, "\n");

		number++;
		snprintf(line, sizeof(line), "%.*s",
			(int)(len < sizeof(line) ? len : sizeof(line) - 1), text);
		line[strcspn(line, "#")] = '\0';
		text += len + (text[len] == '\n');
		if (isalnum((unsigned char)line[0]) || line[0] == '"' || line[0] == '\'') {
			size_t name_len = strcspn(line, ":") + 1;
			char head[512];

			snprintf(head, sizeof(head), "%.*s", (int)name_len, line);
			is_inside = has_key(head, section);
			memset(line, ' ', name_len < strlen(line) ? name_len : strlen(line));
			if (is_inside && !key && --nth == 0)
				return number;
		}
		if (is_inside && key && has_key(line, key) && --nth == 0)
			return number;
	}
	return 0;
}

/* "path:line", or the path alone. */
static const char *place(char out[static 300], const char *path, unsigned line)
{
	if (line > 0)
		snprintf(out, 300, "%.280s:%u", path, line);
	else
		snprintf(out, 300, "%.280s", path);
	return out;
}

/* ---- complaints ---- */

/* The nearest name: of the keys of `section`, or of the sections; else a key of this very name that
 * belongs elsewhere. "" if nothing is near. */
static void suggest(char out[static CONF_NAME_BYTES], const char *given, const char *section)
{
	size_t best_distance = SIZE_MAX;

	out[0] = '\0';
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		const char *name = section[0] ? key->name : key->section;
		size_t distance = conf_distance(given, name);

		if (section[0] && strcmp(section, key->section) != 0)
			continue;
		if (distance < best_distance && conf_is_near(distance, strlen(given))) {
			best_distance = distance;
			snprintf(out, CONF_NAME_BYTES, "%s", name);
		}
	}
	for (size_t i = 0; i < conf_key_count && out[0] == '\0'; i++) {
		if (strcmp(conf_keys[i].name, given) == 0)
			conf_path(&conf_keys[i], out);
	}
}

static void refuse_key(struct conf_why *why, const char *path, const char *text, const char *given,
	const char *section)
{
	char where[300], best[CONF_NAME_BYTES], inside[80] = "", hint[CONF_NAME_BYTES + 32] = "";
	unsigned line =
		section[0] ? find_line(text, section, given, 1) : find_line(text, given, NULL, 1);

	suggest(best, given, section);
	if (section[0])
		snprintf(inside, sizeof(inside), " in '%s'", section);
	if (best[0])
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", best);
	conf_why_add(
		why, "%s: unknown key '%s'%s%s", place(where, path, line), given, inside, hint);
}

/* Put what libcyaml said into words for somebody who edits a file. */
static void explain(struct conf_why *why, const char *path, const char *text, cyaml_err_t err,
	const struct report *report)
{
	static const char unknown[] = "Unexpected key: ", twice[] = "Mapping field already seen: ";
	const char *said = report->message, *what = said;
	char where[300];

	if (strncmp(said, unknown, strlen(unknown)) == 0) {
		refuse_key(why, path, text, said + strlen(unknown), report->section);
		return;
	}
	if (strncmp(said, twice, strlen(twice)) == 0) {
		const char *given = said + strlen(twice);
		bool is_section = strcmp(report->section, given) == 0 &&
				  strcmp(report->section, report->field) == 0;
		unsigned line = is_section ? find_line(text, given, NULL, 2)
					   : find_line(text, report->section, given, 2);

		conf_why_add(why, "%s: '%s' is given twice", place(where, path, line), given);
		return;
	}
	place(where, path, report->line);
	if (strncmp(said, "libyaml: ", 9) == 0) {
		conf_why_add(why, "%s: %s (here or on the next line)", where, said + 9);
		return;
	}
	if (strstr(said, "Expecting MAPPING"))
		what = "'key: value' lines expected";
	else if (strstr(said, "Expecting SEQUENCE"))
		what = "a list expected, as [a, b] or lines of '- a'";
	else if (strstr(said, "Expecting STRING"))
		what = "one value expected";
	else if (said[0] == '\0')
		what = cyaml_strerror(err);
	if (report->field[0])
		conf_why_add(why, "%s: '%s': %s", where, report->field, what);
	else
		conf_why_add(why, "%s: %s", where, what);
}

/* ---- loading ---- */

static int apply_slot(struct bf_conf *conf, const struct conf_key *key, const struct slot *slot,
	const char *path, const char *text, struct conf_why *why)
{
	char reason[CONF_REASON_BYTES], where[300], name[CONF_NAME_BYTES];
	int err;

	if (!slot->value)
		return 0;
	if (key->type == CONF_LIST)
		err = conf_set_list(conf, key, slot->value, slot->count, reason);
	else
		err = conf_set(conf, key, slot->value, reason);
	if (err == -EINVAL) {
		conf_why_add(why, "%s: %s: %s",
			place(where, path, find_line(text, key->section, key->name, 1)),
			conf_path(key, name), reason);
		return 0;
	}
	return err;
}

/* `sections` holds a pointer per section, to an array of a slot per key of it. */
static int apply_slots(struct bf_conf *conf, struct slot *const *sections, const char *path,
	const char *text, struct conf_why *why)
{
	size_t section_idx = 0, slot_idx = 0;
	int err = 0;

	for (size_t i = 0; i < conf_key_count && !err; i++) {
		if (i > 0 && strcmp(conf_keys[i].section, conf_keys[i - 1].section) != 0) {
			section_idx++;
			slot_idx = 0;
		}
		if (sections[section_idx])
			err = apply_slot(conf, &conf_keys[i], &sections[section_idx][slot_idx],
				path, text, why);
		slot_idx++;
	}
	return err;
}

static int apply_text(
	struct bf_conf *conf, const char *path, const char *text, size_t len, struct conf_why *why)
{
	struct report report = {.line = 0};
	const cyaml_config_t config = {
		.log_fn = on_log,
		.log_ctx = &report,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_WARNING,
		.flags = CYAML_CFG_NO_ALIAS, /* a few lines of aliases can mean gigabytes */
	};
	struct schema schema;
	cyaml_data_t *data = NULL;
	cyaml_err_t loaded;
	int err;

	schema_init(&schema);
	loaded = cyaml_load_data((const uint8_t *)text, len, &config, &schema.top, &data, NULL);
	if (loaded == CYAML_ERR_OOM)
		return -ENOMEM;
	if (loaded != CYAML_OK) {
		explain(why, path, text, loaded, &report);
		return -EINVAL;
	}
	if (!data) /* an empty file, or comments alone */
		return 0;
	if (report.is_multiple)
		conf_why_add(why, "%.256s: more than one document ('---')", path);
	err = apply_slots(conf, (struct slot *const *)data, path, text, why);
	cyaml_free(&config, &schema.top, data, 0);
	return err;
}

static int read_all(int fd, char *text, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, text + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		*len += (size_t)n;
	}
	return -EFBIG;
}

int conf_file_load(struct bf_conf *conf, const char *path, struct conf_why *why)
{
	char *text;
	size_t len;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		conf_why_add(why, "%.256s: %s", path, strerrordesc_np(-err));
		return err;
	}
	text = malloc(FILE_BYTES_MAX);
	err = text ? read_all(fd, text, FILE_BYTES_MAX, &len) : -ENOMEM;
	close(fd);
	if (err) {
		conf_why_add(why, "%.256s: %s", path, strerrordesc_np(-err));
	} else if (memchr(text, '\0', len)) {
		conf_why_add(why, "%.256s: holds a NUL byte", path);
		err = -EINVAL;
	} else {
		text[len] = '\0'; /* read_all leaves room: a full buffer is refused */
		err = apply_text(conf, path, text, len, why);
	}
	free(text);
	return err;
}
