#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the kernel of kernel.config from the distribution's source package, for
# the guest; once for each configuration and source, kept in the cache. What was
# interrupted goes on where it was.
#
#   kernel.sh [--link FILE]     prints the path of the image; FILE is made a link to its directory
#
# In that directory: vmlinuz, lib/modules/RELEASE with its modules and `build` for
# those of others, and source/scripts with checkpatch.pl and coccicheck.
#
#   DBLOCK_CACHE           where to keep it (default: ~/.cache/junit-dblock)
#   DBLOCK_DEBUG_SOURCE    the name of the source package (default: linux-source-6.12)
#   DBLOCK_DEBUG_JOBS      how many compilers at once (default: one a processor)
#
# Debian only, and its relatives. As root it installs the tools that are missing.
set -eu

PATH=$PATH:/sbin:/usr/sbin
here=$(cd "$(dirname "$0")" && pwd)
package=${DBLOCK_DEBUG_SOURCE:-linux-source-6.12}
jobs=${DBLOCK_DEBUG_JOBS:-$(nproc)}
cache=${DBLOCK_CACHE:-$HOME/.cache/junit-dblock}/debug-kernel
link=
[ "${1:-}" != --link ] || { link=$2; shift 2; }
[ $# = 0 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,20p >&2; exit 2; }

say() { echo "kernel.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# What the source and its build need, by what shows that it is there.
missing=
for tool in flex bison bc make gcc xz; do
	command -v $tool > /dev/null || missing="$missing $tool"
done
[ -f /usr/include/gelf.h ] || missing="$missing libelf-dev"
[ -f /usr/include/openssl/ssl.h ] || missing="$missing libssl-dev"
missing=$(echo "$missing" | sed 's/\bxz\b/xz-utils/')
if [ -n "$missing" ]; then
	install="apt-get install -y --no-install-recommends$missing"
	[ "$(id -u)" = 0 ] || die "as root: $install"
	say "running: $install"
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >&2
fi

mkdir -p "$cache"
exec 9> "$cache/lock"
flock 9

# The machine's own packages, or those of the release that has this one, from the same mirror.
apt="-o APT::Sandbox::User=root"
candidate() { apt-cache $apt policy "$package" 2> /dev/null | sed -n 's/^  Candidate: //p' | grep -v none || true; }
version=$(candidate)
if [ -z "$version" ]; then
	mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian Debian \(http.*\)/\1/p' | head -n 1)
	[ -n "$mirror" ] || die "no $package here, and no mirror of Debian's among this machine's package sources"
	mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	echo "deb $([ ! -f $keyring ] || echo "[signed-by=$keyring] ")$mirror trixie main" > "$cache/apt/sources.list"
	cat > "$cache/apt/apt.conf" <<EOF
Dir::State "$cache/apt/state";
Dir::State::status "/dev/null";
Dir::Cache "$cache/apt/cache";
Dir::Etc::sourcelist "$cache/apt/sources.list";
Dir::Etc::sourceparts "-";
EOF
	apt="$apt -c $cache/apt/apt.conf"
	if [ -z "$(candidate)" ] || [ -n "$(find "$cache/apt/sources.list" -newer "$cache/apt/updated" 2> /dev/null)" ]; then
		say "looking for $package in Debian's trixie"
		# shellcheck disable=SC2086
		apt-get $apt -q update >&2
		touch "$cache/apt/updated"
	fi
	version=$(candidate)
	[ -n "$version" ] || die "no package $package to be had"
fi

key=$({ cat "$here/kernel.config"; gcc -dumpfullversion; } | sha256sum | cut -c 1-12)
directory=$cache/$version-$key
image=$directory/vmlinuz
done_with() {
	[ -z "$link" ] || { mkdir -p "$(dirname "$link")"; ln -sfn "$directory" "$link"; }
	echo "$image"
	exit 0
}
[ ! -f "$image" ] || done_with

# Unpacked and configured: each marked when it is done.
source=$directory/source build=$directory/build
if [ ! -f "$directory/unpacked" ]; then
	rm -rf "$directory"
	mkdir -p "$directory/download" "$source"
	say "downloading $package $version"
	# shellcheck disable=SC2086
	(cd "$directory/download" && apt-get $apt -q download "$package=$version" >&2)
	say "unpacking it"
	dpkg-deb --fsys-tarfile "$directory"/download/*.deb |
		tar -x --to-stdout -f - --wildcards './usr/src/linux-source-*.tar.xz' |
		xz -d | tar -x --strip-components 1 -C "$source" -f -
	rm -r "$directory/download"
	touch "$directory/unpacked"
fi

KBUILD_BUILD_USER=dblock KBUILD_BUILD_HOST=dblock
export KBUILD_BUILD_USER KBUILD_BUILD_HOST
# Its release tells configurations apart, as modules are kept by it.
kmake() { make -s -C "$source" O="$build" LOCALVERSION="-$key" "$@" 9>&- >&2; }
mkdir -p "$build"
if [ ! -f "$directory/configured" ]; then
	kmake KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
	# Dependencies silently overrule what was asked for.
	grep '^CONFIG_' "$here/kernel.config" | while read -r option; do
		grep -qxF "$option" "$build/.config" ||
			die "$option has not been taken: $(grep "${option%%=*}[ =]" "$build/.config" || echo "not there")"
	done
	touch "$directory/configured"
fi

say "building it in $build with $jobs compilers at once: this takes its time"
kmake -j"$jobs" bzImage
kmake -j"$jobs" modules
release=$(cat "$build/include/config/kernel.release")
kmake INSTALL_MOD_PATH="$directory" INSTALL_MOD_STRIP=1 modules_install
rm -f "$directory/lib/modules/$release/build" "$directory/lib/modules/$release/source"
ln -s ../../../build "$directory/lib/modules/$release/build"

# Only what modules of others are built and checked with is kept.
find "$build" -name '*.o' -not -path "$build/scripts/*" -not -path "$build/tools/*" -delete
find "$build" \( -name '*.a' -o -name '.*.cmd' -o -name 'vmlinux*' -o -name '*.ko' \) \
	-not -path "$build/scripts/*" -not -path "$build/tools/*" -not -path "$build/arch/x86/boot/bzImage" -delete
for part in block crypto Documentation drivers fs io_uring ipc LICENSES mm net rust samples sound usr virt; do
	rm -rf "${source:?}/$part"
done
# Last: it says that all else is there.
mv "$build/arch/x86/boot/bzImage" "$image"
done_with
