#!/bin/sh
# The include check refuses what the table forbids, line by line, and accepts what it allows.
#   test_check_includes.sh <scripts/check-includes>
set -u
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# one <accepted|refused> <file> <include line>: a tree with only that line in it
one() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/$(dirname "$2")"
	printf '%s\n' "$3" >"$tree/$2"
	if out=$("$check" "$tree" 2>&1); then got=accepted; else got=refused; fi
	if [ "$got" != "$1" ]; then
		echo "FAIL: wanted '$3' in $2 to be $1: $out"
		failed=1
	fi
	# A refusal says where, so that the line is found.
	case "$got $out" in
	refused\ *"$2:1: "*) ;;
	refused*)
		echo "FAIL: the refusal of '$3' in $2 does not say where: $out"
		failed=1
		;;
	esac
}

# Arrows point down only.
one accepted core/loop/loop.c '#include "core/base/clock.h"'
one refused core/base/log.c '#include "core/loop/loop.h"'
one refused core/base/log.c '#include "media/media_msg.h"'
one accepted media/worker.c '#include "core/loop/loop.h"'
one refused media/worker.c '#include "signaling/rtc/rtc.h"'
one refused media/worker.c '#include "storage/db.h"'
one accepted media/room/room.c '#include "media/rtp/rtp.h"'
one accepted signaling/rtc/hub.c '#include "media/media_msg.h"'
one refused signaling/rtc/hub.c '#include "media/room/room.h"'
one refused signaling/rtc/hub.c '#include "core/main.h"'
one accepted core/main.c '#include "signaling/rtc/rtc.h"'
one refused plugins/example/example.c '#include "core/base/log.h"'
one accepted plugins/example/example.c '#include "core/plug/bf_plugin.h"'
one accepted plugins/example/example.c '#include "plugins/example/example.h"'
one refused plugins/example/example.c '#include "plugins/audit/audit.h"'
# Protocol cores see no sockets and no loop.
one refused media/rtp/rtp.c '#include "core/loop/udp.h"'
one refused media/ice/ice.c '#include "core/loop/timer.h"'
# Private headers.
one accepted media/srtp/srtp.c '#include "media/srtp/srtp_priv.h"'
one refused media/dtls/dtls.c '#include "media/srtp/srtp_priv.h"'
one accepted tests/media/srtp/test_srtp.c '#include "media/srtp/srtp_priv.h"'
one refused media/srtp/srtp.c '#include "tests/media/srtp/srtp_ref.h"'
# From the root of the tree.
one refused media/rtp/rtp.c '#include "rtp.h"'
one refused media/rtp/rtp.c '#include "../srtp/srtp.h"'
# One door a library.
one accepted media/srtp/libsrtp2.c '#include <srtp2/srtp.h>'
one refused media/room/room.c '#include <srtp2/srtp.h>'
one accepted core/base/json.c '#include <jansson.h>'
one refused core/base/conf.c '#include <jansson.h>'
one refused signaling/http/server_io.c '#include <openssl/ssl.h>'
one refused core/base/log.c '#include <glib.h>'
one accepted tests/media/dtls/test_dtls.c '#include <openssl/ssl.h>'
one accepted core/base/log.c '#include <sys/socket.h>'
# However it is written.
one refused media/room/room.c '	#  include	<srtp2/srtp.h> /* "core/base/log.h" */'
one refused media/room/room.c '#include HEADER'

# A tree that is not there is not a good one.
rm -rf "${tree:?}"/*
if "$check" "$tree" >/dev/null 2>&1; then
	echo "FAIL: an empty tree was accepted"
	failed=1
fi
exit $failed
