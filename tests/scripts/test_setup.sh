#!/bin/bash
# scripts/setup installs what is missing and nothing else. All commands that could change this machine are stand-ins.
#   test_setup.sh <root of the tree>
set -u
root=$1
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
failed=0

fail() {
	echo "FAIL: $*"
	sed 's/^/    /' "$box/log" "$box/out"
	failed=1
}

stand_in() { # name, script
	printf '#!/bin/bash\n%s\n' "$2" >"$box/bin/$1"
	chmod +x "$box/bin/$1"
}

# A machine with all packages of build.txt but those named, root's or not, and node of the given version.
machine() { # uid, node version or "", missing package ...
	local uid=$1 node=$2
	shift 2
	rm -rf "$box/bin"
	mkdir "$box/bin"
	for tool in bash cat dirname env grep head mktemp rm sed sort; do
		ln -s "$(command -v $tool)" "$box/bin/$tool"
	done
	stand_in id "echo $uid"
	stand_in apt-get "echo apt-get \"\$@\" >>'$box/log'"
	stand_in dpkg "echo amd64"
	stand_in dpkg-query "
		shift 2
		for name; do
			case ' $* ' in *\" \$name \"*) ;; *) echo \"installed \$name\" ;; esac
		done
		exit 1 # as it does when it does not know one of them"
	if [ -n "$node" ]; then
		stand_in node "echo $node"
		stand_in npm true
	fi
}

setup() {
	: >"$box/log"
	PATH=$box/bin "$root/scripts/setup" "$@" >"$box/out" 2>&1
}

machine 0 v20.1.0
setup || fail "nothing is missing, and yet it fails"
[ ! -s "$box/log" ] || fail "apt-get is called though nothing is missing"
[ ! -s "$box/out" ] || fail "it talks though nothing is missing"

machine 0 v20.1.0 liburing-dev cmake
setup build || fail "cannot install"
[ "$(head -n 1 "$box/log")" = "apt-get update -qq" ] || fail "the package lists are not brought up to date first"
sed -n 2p "$box/log" | grep -q ' install .*[ ]cmake liburing-dev$' || fail "not exactly the missing packages are installed"
grep -q 'liburing-dev: ' "$box/out" || fail "it does not say why"

# Debian's npm cannot be installed beside another nodejs package; it is not needed there either.
machine 0 v22.0.0 nodejs npm
setup || fail "refuses a machine with node of its own"
[ ! -s "$box/log" ] || fail "installs node though there is one"

machine 0 '' nodejs npm
setup && fail "succeeds though there is no node in the end"
grep -q ' nodejs npm$' "$box/log" || fail "does not install node where there is none"

machine 0 v16.20.0
setup && fail "accepts a node that is too old"

machine 1000 v20.1.0 cmake
setup && fail "neither root nor sudo, and yet it succeeds"
[ ! -s "$box/log" ] || fail "calls apt-get without being root"
grep -q 'apt-get install .* cmake$' "$box/out" || fail "does not say what to run as root"

machine 1000 v20.1.0 cmake
stand_in sudo "echo sudo >>'$box/log'; exec \"\$@\""
setup || fail "does not use sudo"
[ "$(grep -c sudo "$box/log")" = 2 ] || fail "does not use sudo for each call"

machine 0 v20.1.0 cmake
stand_in apt-get '[ "$1" = update ] || { echo "no such package"; exit 100; }'
setup && fail "succeeds though apt-get fails"
grep -q 'no such package' "$box/out" || fail "does not show why apt-get failed"

machine 0 v20.1.0
setup nonsense && fail "accepts a word it does not know"
exit $failed
