#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# In a guest: how long this takes there, a line each: what, a tab, milliseconds. The arguments are a java and a class path.
set -eu
java=$1
class_path=$2
directory=$(mktemp -d)

now() { date +%s%N; }
timed() {
	what=$1
	shift
	from=$(now)
	"$@" > "$directory/out" 2>&1 || { cat "$directory/out" >&2; echo "guest.sh: $what failed" >&2; exit 1; }
	printf '%s\t%d\n' "$what" $((($(now) - from) / 1000000))
}
jvm() { "$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData --enable-native-access=ALL-UNNAMED "$@"; }
forks() {
	for i in $(seq 200); do
		/bin/true
	done
}
mkfs_and_mount() {
	mkfs.ext4 -q /dev/ram0
	mount /dev/ram0 "$directory/mnt"
	umount "$directory/mnt"
}

printf 'kernel until the first program\t%d\n' "$(awk '{ print $1 * 1000 }' /proc/uptime)"
timed 'java -version' jvm -version
timed '200 times fork and exec' forks
mkdir "$directory/mnt"
modprobe brd rd_nr=1 rd_size=65536
timed 'mkfs.ext4, mount, unmount on brd' mkfs_and_mount
rmmod brd
timed 'a JVM with QuickstartTest' jvm -cp "$class_path" io.dblock.it.support.OneTest io.dblock.it.quickstart.QuickstartTest
jvm -cp "$class_path" io.dblock.it.support.OneTest io.dblock.it.times.LifecycleTimesIT > "$directory/out"
sed -n "s/^  all of it on ours *\([0-9.]*\) .*/a device's life, median of seven\t\1/p" "$directory/out"
