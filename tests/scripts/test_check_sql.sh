#!/bin/sh
# The SQL check refuses statements that are put together, and SQL outside of storage/; constant ones it accepts.
#   test_check_sql.sh <scripts/check-sql>
set -u
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# one <accepted|refused> <file> <text>: a tree with only that file in it
one() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/$(dirname "$2")"
	printf '%s\n' "$3" >"$tree/$2"
	if out=$("$check" "$tree" 2>&1); then got=accepted; else got=refused; fi
	if [ "$got" != "$1" ]; then
		echo "FAIL: wanted '$3' in $2 to be $1: $out"
		failed=1
	fi
	case "$got $out" in
	refused\ *"$2"*) ;;
	refused*)
		echo "FAIL: the refusal of '$3' in $2 does not say where: $out"
		failed=1
		;;
	esac
}

one accepted storage/repo/a.c 'static const char sql[] = "SELECT a FROM b WHERE c = $1";'
one accepted storage/repo/a.c 'snprintf(why, sizeof(why), "%s: no such table", name);
static const char sql[] = "SELECT a FROM b WHERE c = $1";'
one accepted signaling/a.c 'BF_LOG(log, BF_LOG_INFO, "selected", BF_STR("name", name));'
one refused storage/repo/a.c 'snprintf(sql, sizeof(sql), "SELECT a FROM b WHERE c = %s", c);'
one refused storage/repo/a.c '	snprintf(sql, sizeof(sql),
		"INSERT INTO b "
		"(c) VALUES (%s)",
		c);'
one refused storage/sqlite/a.c 'sql = sqlite3_mprintf("DELETE FROM %w", name);'
one refused storage/repo/a.c 'strcat(sql, "UPDATE b SET c = "); strcat(sql, c);'
one refused signaling/accounts/a.c 'static const char sql[] = "SELECT a FROM b";'
exit $failed
