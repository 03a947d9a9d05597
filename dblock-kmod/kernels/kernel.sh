#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds a kernel for the guest from the distribution's source package; once for
# each configuration and source, kept in the cache. What was interrupted goes on
# where it was; of several at once, one builds and the others wait for it.
#
#   kernel.sh [--link FILE] KIND     prints the path of the kernel; FILE is made a link to its directory
#   kernel.sh KIND KIND...           one after the other
#
#   debug        one that reports what drivers do wrong, for QEMU (debug.config)
#   uml          one that is a program of this host, User Mode Linux (uml.config)
#   uml-debug    the same, which reports what drivers do wrong, with few file systems (uml-debug.config, uml-debug.patch)
#
# In that directory: the kernel (vmlinuz, or linux), lib/modules/RELEASE with its
# modules and `build` for those of others, the configuration it was made of, and
# source/scripts with checkpatch.pl and coccicheck.
#
#   DBLOCK_CACHE           where to keep it (default: ~/.cache/junit-dblock)
#   DBLOCK_KERNEL_SOURCE   the name of the source package (default: linux-source-6.12 for debug, else the newest)
#   DBLOCK_KERNEL_JOBS     how many compilers at once (default: one a processor)
#
# Debian only, and its relatives. As root it installs the tools that are missing.
set -eu

# Who ends this ends all of it, make and its compilers, too.
if [ -z "${DBLOCK_KERNEL_SESSION:-}" ]; then
	DBLOCK_KERNEL_SESSION=1 setsid sh "$0" "$@" &
	session=$!
	trap 'kill -TERM -$session; exit 143' HUP INT TERM
	wait $session
	exit
fi

PATH=$PATH:/sbin:/usr/sbin
here=$(cd "$(dirname "$0")" && pwd)
jobs=${DBLOCK_KERNEL_JOBS:-$(nproc)}
link=
[ "${1:-}" != --link ] || { link=$2; shift 2; }
if [ -z "$link" ] && [ $# -gt 1 ]; then
	for kind; do sh "$0" "$kind"; done
	exit
fi
kind=${1:-}
case $kind in
debug) arch=x86_64 suites=trixie target=bzImage made=arch/x86/boot/bzImage name=vmlinuz ;;
# 6.16 is the first that runs its programs by seccomp(2).
uml | uml-debug) arch=um suites='trixie trixie-backports' target=vmlinux made=vmlinux name=linux oldest=6.16 ;;
*) kind= ;;
esac
[ -n "$kind" ] && [ $# = 1 ] || { sed -n '/^set /q; 4,$s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$kind" = debug ] || [ "$(uname -m)" = x86_64 ] || { echo "kernel.sh: User Mode Linux is for x86_64 alone, and this is $(uname -m)" >&2; exit 1; }
config=$here/$kind.config patch=$here/$kind.patch
[ -f "$patch" ] || patch=/dev/null
cache=${DBLOCK_CACHE:-$HOME/.cache/junit-dblock}/$kind-kernel

say() { echo "kernel.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# What the source and its build need, by what shows that it is there.
missing=
for tool in flex bison bc make gcc xz $([ ! -s "$patch" ] || echo patch); do
	command -v $tool > /dev/null || missing="$missing $tool"
done
command -v depmod > /dev/null || missing="$missing kmod"
[ -f /usr/include/stdio.h ] || missing="$missing libc6-dev"
[ -f /usr/include/gelf.h ] || missing="$missing libelf-dev"
[ -f /usr/include/openssl/ssl.h ] || missing="$missing libssl-dev"
missing=$(echo "$missing" | sed 's/\bxz\b/xz-utils/')
if [ -n "$missing" ]; then
	install="apt-get install -y --no-install-recommends$missing"
	[ "$(id -u)" = 0 ] || die "as root: $install"
	say "running: $install"
	apt-cache policy flex | grep -q 'Candidate: [0-9]' || timeout 900 apt-get -q update >&2
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive timeout 1800 apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >&2
fi

mkdir -p "$cache"
exec 9> "$cache/lock"
flock -n 9 || { say "waiting for another that is at it"; flock -w 7200 9 || die "another has been at it for two hours: it has $cache/lock"; }

# What it is made of tells one kernel from another, beside the source's version.
key=$({ cat "$config" "$patch"; gcc -dumpfullversion; } | sha256sum | cut -c 1-12)
done_with() {
	[ -z "$link" ] || { mkdir -p "$(dirname "$link")"; ln -sfn "$(dirname "$1")" "$link"; }
	echo "$1"
	exit 0
}

# A newer source is no reason to build it again.
for image in "$cache"/*-"$key/$name"; do
	[ ! -f "$image" ] || done_with "$image"
done

# Its build takes as much; on a full disk apt-get waits for ever.
room=$(df -Pk "$cache" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$room" -ge 2048 ] || die "$cache has $room MiB to spare, and building a kernel takes 2048: set DBLOCK_CACHE to another directory"

# The machine's own packages, or those of the releases that have one, from the same mirror.
apt="-o APT::Sandbox::User=root"
package=${DBLOCK_KERNEL_SOURCE:-}
candidate() {
	# shellcheck disable=SC2086
	if [ -z "$package" ] && [ "$kind" = debug ]; then
		package=linux-source-6.12
	elif [ -z "$package" ]; then
		package=$({ echo "linux-source-$oldest"; apt-cache $apt pkgnames linux-source-; } |
			grep -E '^linux-source-[0-9]+\.[0-9]+$' | sort -V | tail -n 1)
		[ "$package" != "linux-source-$oldest" ] || package=
	fi
	# shellcheck disable=SC2086
	[ -z "$package" ] || apt-cache $apt policy "$package" 2> /dev/null | sed -n 's/^  Candidate: //p' | grep -v none || true
}
version=$(candidate)
if [ -z "$version" ]; then
	mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian Debian \(http.*\)/\1/p' | head -n 1)
	[ -n "$mirror" ] || die "no source package of a kernel for $kind here, and no mirror of Debian's among this machine's package sources"
	mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	for suite in $suites; do
		echo "deb $([ ! -f $keyring ] || echo "[signed-by=$keyring] ")$mirror $suite main"
	done > "$cache/apt/sources.list"
	cat > "$cache/apt/apt.conf" <<EOF
Dir::State "$cache/apt/state";
Dir::State::status "/dev/null";
Dir::Cache "$cache/apt/cache";
Dir::Etc::sourcelist "$cache/apt/sources.list";
Dir::Etc::sourceparts "-";
EOF
	apt="$apt -c $cache/apt/apt.conf"
	say "looking for a kernel's source among Debian's packages ($suites)"
	# shellcheck disable=SC2086
	timeout 900 apt-get $apt -q update >&2 || die "apt-get update: see above, or not done within 15 minutes"
	version=$(candidate)
	[ -n "$version" ] || die "no source package of a kernel for $kind to be had"
fi
# A function's variables are gone with its subshell.
[ -n "$package" ] || package=$(candidate > /dev/null; echo "$package")

directory=$cache/$version-$key
image=$directory/$name

# Unpacked and configured: each marked when it is done.
source=$directory/source build=$directory/build
if [ ! -f "$directory/unpacked" ]; then
	rm -rf "$directory"
	mkdir -p "$directory/download" "$source"
	say "downloading $package $version"
	# shellcheck disable=SC2086
	(cd "$directory/download" && timeout 1800 apt-get $apt -q download "$package=$version" >&2) ||
		die "apt-get download: see above, or not done within half an hour"
	say "unpacking it"
	# All that configures, and of what is never built nothing else.
	dpkg-deb --fsys-tarfile "$directory"/download/*.deb |
		tar -x --to-stdout -f - --wildcards './usr/src/linux-source-*.tar.xz' |
		xz -d | tar -x --strip-components 1 -C "$source" -f - \
			--exclude='*/drivers/gpu/*.[ch]' --exclude='*/sound/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' \
			--exclude='*/drivers/media/*.[ch]' --exclude='*/drivers/staging/*.[ch]' \
			--exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' --exclude='*/tools/testing/*' --exclude='*.dts' --exclude='*.dtsi'
	rm -r "$directory/download"
	if patch -s --dry-run -d "$source" -p 1 < "$patch" > "$directory/patch.log"; then
		patch -s -d "$source" -p 1 < "$patch" >&2
	else
		# Without, it is several times as slow, and may take all the memory of the host.
		die "$patch does not fit $package $version ($directory/patch.log): set DBLOCK_KERNEL_SOURCE to the one it is for"
	fi
	touch "$directory/unpacked"
fi

KBUILD_BUILD_USER=dblock KBUILD_BUILD_HOST=dblock
export KBUILD_BUILD_USER KBUILD_BUILD_HOST
# Its release tells configurations apart, as modules are kept by it.
# It has the lock, too: what goes on when this script was killed is not to be met by another.
kmake() { make -C "$source" O="$build" ARCH="$arch" LOCALVERSION="-$key" "$@"; }
# Makes this, and says how far it is.
kmake_slowly() {
	{ kmake -j"$jobs" "$@" || touch "$directory/failed"; } 2>&1 | awk -v log_file="$directory/build.log" '
		{ print > log_file; fflush(log_file) }
		/^  (CC|AS|LD|AR) / { if (++n % 200 == 0) { print "kernel.sh: " n " files"; fflush() } }
		/error|Error|warning:/ { print; fflush() }' >&2
	[ ! -f "$directory/failed" ] || { rm "$directory/failed"; die "the build failed: all it said is in $directory/build.log"; }
}
mkdir -p "$build"
if [ ! -f "$directory/configured" ]; then
	kmake -s KCONFIG_ALLCONFIG="$config" allnoconfig >&2
	# Dependencies silently overrule what was asked for.
	grep '^CONFIG_' "$config" | while read -r option; do
		grep -qxF "$option" "$build/.config" ||
			die "$option has not been taken: $(grep "${option%%=*}[ =]" "$build/.config" || echo "not there")"
	done
	touch "$directory/configured"
fi

say "building $package $version in $build with $jobs compilers at once: this takes its time"
kmake_slowly "$target"
kmake_slowly modules
release=$(cat "$build/include/config/kernel.release")
kmake -s INSTALL_MOD_PATH="$directory" INSTALL_MOD_STRIP=1 modules_install >&2
rm -f "$directory/lib/modules/$release/build" "$directory/lib/modules/$release/source"
ln -s ../../../build "$directory/lib/modules/$release/build"
cat "$config" "$patch" > "$directory/configuration"

# Only what modules of others are built and checked with is kept.
find "$build" -name '*.o' -not -path "$build/scripts/*" -not -path "$build/tools/*" -delete
find "$build" \( -name '*.a' -o -name '.*.cmd' -o -name 'vmlinux?*' -o -name '*.ko' \) -not -name vmlinux.symvers \
	-not -path "$build/scripts/*" -not -path "$build/tools/*" -delete
for part in block crypto Documentation drivers fs io_uring ipc LICENSES mm net rust samples sound usr virt; do
	rm -rf "${source:?}/$part"
done
# Last: it says that all else is there.
mv "$build/$made" "$image"
rm -f "$build/vmlinux"
done_with "$image"
