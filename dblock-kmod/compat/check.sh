#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver's files know nothing of compat/, and what compat/ makes for them has the
# kernel's names: prints each line of a driver's file that names something of compat/
# or a version, and each name of its own that compat/ makes and that does not say so.
#
#   check.sh        (make check)
#
# Exit status: 0 nothing found, 1 something found.
set -eu

cd "$(dirname "$0")/.."
found=0
driver=$(ls ./*.c ./*.h | grep -v '\.mod\.c$')
made=$(ls compat/*.h | grep -v '/config\.h$')

# shellcheck disable=SC2086 # a list of words
if grep -nE 'DBLOCK_(HAVE|COMPAT)_|dblock_compat_|compat/|LINUX_VERSION_CODE|KERNEL_VERSION' $driver; then
	echo "compat/check.sh: the driver is written for the newest kernel; move what older ones need to compat/" >&2
	found=1
fi

# What compat/ may call by a name of ours without saying so is a function of the driver.
# shellcheck disable=SC2086 # a list of words
for name in $(grep -ohwE '(dblock|DBLOCK)_[A-Za-z0-9_]+' $made | grep -vE '^(dblock_compat|DBLOCK_HAVE)_' | sort -u); do
	if ! grep -qE "\\b$name\\(" internal.h; then
		# shellcheck disable=SC2086 # a list of words
		grep -nw "$name" $made
		echo "compat/check.sh: $name is no function of internal.h; begin its name with dblock_compat_" >&2
		found=1
	fi
done
exit $found
