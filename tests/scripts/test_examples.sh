#!/bin/bash
# The examples of the README do what they say: one publishes by WHIP, the other plays that by WHEP, with join tokens.
#   test_examples.sh <root of the tree> <belfry>
set -eu
root=$1
belfry=$2
box=$(mktemp -d)
pids=()
cleanup() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$box"
}
trap cleanup EXIT
cd "$box"

# wait_for <seconds> <pattern> <file>
wait_for() {
	local until=$((SECONDS + $1))
	until grep -qE "$2" "$3" 2>/dev/null; do
		if [ $SECONDS -ge $until ]; then
			echo "FAIL: no '$2' within $1 s:"
			tail -n 20 ./*.log
			exit 1
		fi
		sleep 0.1
	done
}

# The README's own lines make the keys and the token.
block() { # the code block of README.md that holds $1
	awk -v RS='```' -v key="$1" 'index($0, key) && sub(/^sh\n/, "")' "$root/README.md"
}
block 'token keygen' | grep -v scripts/run | sed "s|build/release/belfry|$belfry|" >keys.sh
block 'crypto.sign' >sign.sh
bash -eu keys.sh >keys.log
token=$(tail -n 1 keys.log)
token_of_node=$(bash -eu sign.sh)

"$belfry" run --http.listen=127.0.0.1:0 --media.udp-port=0 --rtc.join-keys=join.pem.pub >server.log 2>&1 &
server=$!
pids+=($server)
wait_for 10 'url=http' server.log
url=$(sed -nE 's/.* url=([^ ]+).*/\1/p' server.log)

# Python's own, which has Debian's modules.
/usr/bin/python3 "$root/docs/examples/whip_aiortc.py" "$url/whip/demo/Ada" "$token" >whip.log 2>&1 &
pids+=($!)
wait_for 20 '^connected' whip.log
/usr/bin/python3 "$root/docs/examples/whep_gstreamer.py" "$url/whep/demo/Ada" "$token_of_node" >whep.log 2>&1 &
pids+=($!)
wait_for 20 '^60 pictures' whep.log

# What the README says a stranger gets.
code=$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/sdp' --data 'v=0' "$url/whip/demo/Eve")
[ "$code" = 401 ] || { echo "FAIL: without a token WHIP answers $code"; exit 1; }

# It ends in order, with clients connected; under a sanitizer this is also where leaks come up.
kill "$server"
wait "$server" || { echo "FAIL: the server ended with status $?"; cat server.log; exit 1; }
