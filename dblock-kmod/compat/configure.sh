#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Writes compat/config.h: for each compat/probe/NAME.c that compiles against
# the kernel, a line "#define DBLOCK_HAVE_NAME". Distributions move interfaces
# between versions, so the version number does not tell.
#
#   configure.sh KDIR [MAKE]
set -eu

kdir=$1
make=${2:-make}
here=$(cd "$(dirname "$0")" && pwd)
config=$here/config.h
work=$here/.configure

if [ ! -f "$kdir/Makefile" ]; then
	cat >&2 <<EOF
dblock: no kernel build directory at $kdir
  Debian, Ubuntu:       apt-get install linux-headers-\$(uname -r)
  Fedora, CentOS, RHEL: dnf install kernel-devel-\$(uname -r)
  Raspberry Pi OS:      apt-get install raspberrypi-kernel-headers
  another kernel:       make KDIR=its build directory
EOF
	exit 1
fi

stamp="/* Made by configure.sh for $(cat "$kdir/include/config/kernel.release" 2>/dev/null || echo unknown) in $kdir,
   probes $(cat "$here"/probe/*.c "$here/configure.sh" | cksum) */"
if [ -f "$config" ] && [ "$(head -n 2 "$config")" = "$stamp" ]; then
	exit 0
fi

rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT
cp "$here"/probe/*.c "$work/"
objects=
for probe in "$work"/*.c; do
	object=$(basename "$probe" .c).o
	objects="$objects $object"
	echo "obj-m += $object" >> "$work/Kbuild"
done

# The one that must compile shows whether the others' failures mean anything.
# shellcheck disable=SC2086 # a list of words
"$make" -k -C "$kdir" M="$work" KCFLAGS=-Werror $objects > "$work/log" 2>&1 || true
if [ ! -f "$work/BASELINE.o" ]; then
	echo "dblock: cannot compile anything against the kernel in $kdir:" >&2
	grep -v '^make' "$work/log" | head -n 20 >&2
	exit 1
fi

{
	echo "$stamp"
	for object in $objects; do
		name=${object%.o}
		if [ -f "$work/$object" ]; then
			echo "#define DBLOCK_HAVE_$name 1"
		else
			echo "/* no DBLOCK_HAVE_$name */"
		fi
	done
} > "$config.new"
mv "$config.new" "$config"
