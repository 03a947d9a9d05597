#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Applies each of the kernel's semantic patches to the module, where it stands by
# itself: the kernel's own `make coccicheck` stops at the first that cannot be run.
#
#   coccicheck.sh KDIR          (make coccicheck KDIR=...)
#
# Prints what they find, and which cannot be run with what is installed. Exit
# status: 0 nothing found, 1 something found, 2 it could not be run.
set -eu

[ $# = 1 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,10p >&2; exit 2; }
kdir=$1
module=$(cd "$(dirname "$0")/.." && pwd)
patches=
for source in "$kdir" "$kdir/source"; do
	[ ! -d "$source/scripts/coccinelle" ] || patches=$(cd "$source/scripts/coccinelle" && pwd)
done
[ -n "$patches" ] || { echo "coccicheck.sh: no scripts/coccinelle in $kdir: kernels/kernel.sh makes one with it" >&2; exit 2; }
command -v spatch > /dev/null || { echo "coccicheck.sh: no spatch: install coccinelle" >&2; exit 2; }

all=0 not_run=0 found=0
for patch in $(find "$patches" -name '*.cocci' | sort); do
	all=$((all + 1))
	name=${patch#"$patches/"}
	if ! said=$(make -s -C "$kdir" M="$module" MODE=report COCCI="$patch" coccicheck 2>&1 < /dev/null); then
		not_run=$((not_run + 1))
		echo "$name could not be run: $(echo "$said" | grep -vE '^make|spatch -D|^Please|^When' | grep . | head -n 1)"
		continue
	fi
	# path:line:columns: what it is
	findings=$(echo "$said" | grep -E '^[^ ]+\.[ch]:[0-9]+' || true)
	[ -z "$findings" ] || { found=$((found + 1)); echo "$name:"; echo "$findings"; }
done
echo "coccicheck.sh: of $all semantic patches $found found something, $not_run could not be run"
[ $all -gt $not_run ] || exit 2
[ $found = 0 ]
