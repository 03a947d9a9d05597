#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Has dkms add, build, install and remove the module, as who installs it would.
#
#   dkms.sh KDIR        KDIR: the build directory of a kernel
#
# Prints TAP. Nothing of the machine's own is touched: its sources, its modules and
# what dkms keeps, keys included, are in a directory that is gone afterwards. As root;
# installs dkms where there is none and apt-get is.
set -eu

PATH=$PATH:/sbin:/usr/sbin
[ $# = 1 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,10p >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "dkms.sh: must be root" >&2; exit 2; }
kdir=$(cd "$1" && pwd)
if [ -z "${DBLOCK_DKMS_ALONE:-}" ]; then
	command -v dkms > /dev/null || DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends dkms >&2
	mkdir -p /var/lib/dkms
	DBLOCK_DKMS_ALONE=1 exec unshare --mount --propagation private "$0" "$kdir"
fi

here=$(cd "$(dirname "$0")/.." && pwd)
mount -t tmpfs none /var/lib/dkms
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
of_conf() { sed -n "s/^$1=\"\(.*\)\"/\1/p" "$here/dkms.conf"; }
name=$(of_conf PACKAGE_NAME)
version=$(of_conf PACKAGE_VERSION)
release=$(make -s -C "$kdir" kernelrelease)
installed=$work/modules/$release/updates/dkms

mkdir -p "$work/src/$name-$version" "$work/modules/$release"
(cd "$here" && tar -c --exclude '*.o' --exclude '*.ko' --exclude '.*.cmd' --exclude compat/config.h .) |
	tar -x -C "$work/src/$name-$version"

failed=0 n=0
check() { # WHAT COMMAND...
	what=$1
	shift
	n=$((n + 1))
	if "$@" > "$work/log" 2>&1; then
		echo "ok $n - $what"
	else
		failed=1
		echo "not ok $n - $what"
		sed 's/^/# /' "$work/log"
		# What dkms keeps of a failed build.
		sed 's/^/# /' /var/lib/dkms/"$name/$version"/build/make.log 2> /dev/null || true
	fi
}
run() {
	action=$1
	shift
	dkms "$action" -m "$name" -v "$version" --sourcetree "$work/src" --installtree "$work/modules" "$@"
}
for_kernel() { run "$1" -k "$release" --kernelsourcedir "$kdir" --no-depmod; }
status_is() { # WORD, or nothing for no such module
	status=$(dkms status -m "$name" -v "$version" --installtree "$work/modules")
	echo "$status"
	[ "${status##*: }" = "$1" ]
}
module() { find "$installed" -name "$name.ko*" 2> /dev/null; }
is_ours() {
	echo "installed: $(module), $(modinfo -F vermagic "$(module)"), $(modinfo -F version "$(module)")"
	modinfo -F vermagic "$(module)" | grep -qF "$release " && [ "$(modinfo -F version "$(module)")" = "$version" ]
}
is_gone() { [ -z "$(module)" ]; }

echo "1..10"
echo "# dkms $(dkms --version | sed 's/.*-//'), kernel $release"
check "added" run add
check "its status is added" status_is added
check "built" for_kernel build
check "its status is built" status_is built
check "installed" for_kernel install
check "its status is installed" status_is installed
check "the module is this version, for this kernel" is_ours
check "removed" run remove --all
check "its module is gone" is_gone
check "it has no status any more" status_is ""
exit $failed
