#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests of the module, as root, where modules can be loaded:
#
#   run.sh [-d directory] [-p part/parts] path/to/dblock.ko [program...]
#
# The programs are in `directory` (make OUT=directory; default: beside this
# script). With -p 2/3 every third program runs, from the second on: three
# machines share the work. TAP goes to stdout. Exit status: 0 all passed, 1 something failed, 2 it
# could not be run. After each program nothing may be left of it, and the kernel
# log must be clean. DBLOCK_TEST_SEED repeats a run's random numbers.

usage() {
	echo "usage: run.sh [-d directory of the programs] [-p part/parts] path/to/dblock.ko [program...]" >&2
	exit 2
}

PATH=$PATH:/sbin:/usr/sbin
here=$(cd "$(dirname "$0")" && pwd)
programs_in=$here part=1 parts=1
while getopts d:p: option; do
	case $option in
	d) programs_in=$OPTARG ;;
	p) part=${OPTARG%/*} parts=${OPTARG#*/} ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
{ [ "$part" -ge 1 ] && [ "$part" -le "$parts" ]; } 2> /dev/null || usage
ko=$1
shift
[ -f "$ko" ] || { echo "run.sh: no module at $ko: make -C dblock-kmod KDIR=/lib/modules/$(uname -r)/build" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "run.sh: must be root to load the module" >&2; exit 2; }

# In this order: what the later ones rely on comes first.
all="abi create_validation limits lifecycle io hints flush_fua discard_zeroes errors answers segments read parts no_leak poll poll_load
	yield signals timeouts change zoned destroy_busy death hardship outlive recovery accounting sample hotplug hostile
	fuzz failslab unload"
[ $# -gt 0 ] || set -- $all
set -- $(echo "$@" | tr ' ' '\n' | sed -n "$part~${parts}p")
for program in "$@" cleanup; do
	[ -x "$programs_in/$program" ] || {
		echo "run.sh: no program $programs_in/$program: make -C dblock-kmod/tests OUT=$programs_in" >&2
		exit 2
	}
done

case $ko in /*) ;; *) ko=$PWD/$ko ;; esac
DBLOCK_KO=$ko
export DBLOCK_KO

work=$(mktemp -d "${TMPDIR:-/tmp}/dblock-run.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
# A kernel that looks into everything takes its time.
[ ! -f /proc/lockdep_stats ] || DBLOCK_TEST_SLOWNESS=${DBLOCK_TEST_SLOWNESS:-4}
export DBLOCK_TEST_SLOWNESS
limit=${DBLOCK_TEST_TIMEOUT:-$((180 * ${DBLOCK_TEST_SLOWNESS:-1}))}
passed=0 failed=0 skipped=0 troubles=0
# Where every process is dear (KASAN, an emulated machine), what is asked after each program is asked with few.
uptime() { read -r seconds _ < /proc/uptime; echo "${seconds%.*}"; }
started=$(uptime)

loaded() { grep -q '^dblock ' /proc/modules; }

# A mark in the kernel log, and what came after it. When so much came that the
# mark is gone, nobody knows what else is.
mark() { echo "dblock-test: mark $1" > /dev/kmsg; }
since_mark() {
	dmesg > "$work/dmesg"
	sed -n "/dblock-test: mark $1\$/,\$p" "$work/dmesg" > "$work/since"
	if [ -s "$work/since" ]; then
		cat "$work/since"
	else
		echo "WARNING: the kernel log does not go back to where this began"
		cat "$work/dmesg"
	fi
}

bad_lines='WARNING|BUG:|BUG |[^a-z]Oops|blocked for more than|rcu.*(stall|detected)|general protection|Call Trace|unable to handle|refcount_t:|(list_(add|del)|slab|Freelist) corruption|INFO: (task|rcu|possible|trying)|possible (circular|recursive)|inconsistent lock|KASAN|UBSAN|KCSAN|scheduling while atomic|sleeping function|soft lockup|hard LOCKUP'

# ... but what the kernel itself says each time it cannot make a cache or map memory, which failslab has happen; and what
# 5.10 says whenever a mounted disk, of whatever kind, is gone.
log_of() {
	case $1,$(uname -r) in
	failslab,*)
		since_mark "$1" |
			sed '/kmem_cache_create.* failed with error -[0-9]*/,/<\/TASK>/d; /: vmalloc error: size /,/<\/TASK>/d'
		;;
	*,5.10.*) since_mark "$1" | sed '/ bdi-.* not registered$/,/---\[ end trace /d' ;;
	*) since_mark "$1" ;;
	esac
}

# Not by the shell itself, which reads byte after byte.
stuck_tasks() { grep -lE '^[0-9]+ \(.*\) D ' /proc/[0-9]*/task/[0-9]*/stat 2> /dev/null; }

trouble() {
	troubles=$((troubles + 1))
	echo "# TROUBLE after $1: $2"
}

# What must be so after every program.
check_clean() {
	mounts=$(grep '^/dev/dblock' /proc/mounts)
	if [ -n "$mounts" ]; then
		trouble "$1" "still mounted"
		echo "$mounts" | sed 's/^/#   /'
		echo "$mounts" | while read -r _ where _; do umount "$where" || umount -l "$where"; done
	fi
	for disk in /sys/block/dblock*; do
		[ -e "$disk" ] || continue
		trouble "$1" "${disk#/sys/block/} is still there"
		"$programs_in/cleanup" | sed 's/^/#   /'
		break
	done
	tries=0
	while stuck=$(stuck_tasks) && [ -n "$stuck" ] && [ $tries -lt 5 ]; do
		sleep 1
		tries=$((tries + 1))
	done
	if [ -n "$stuck" ]; then
		trouble "$1" "tasks in uninterruptible sleep for 5 s"
		for task in $stuck; do
			task=${task%/stat}
			echo "#   $task $(cat "$task/comm" 2>/dev/null):"
			sed 's/^/#     /' "$task/stack" 2>/dev/null
		done
	fi
	log_of "$1" > "$work/log"
	if grep -v 'dblock-test:' "$work/log" | grep -qE "$bad_lines"; then
		trouble "$1" "the kernel log says:"
		grep -nE "dblock-test:|$bad_lines" "$work/log" | grep -B1 -vE 'dblock-test:' | head -20 | sed 's/^/#   /'
		echo "#   --- in full, at most 120 lines from the first on:"
		grep -A119 -E "$bad_lines" "$work/log" | head -120 | sed 's/^/#   /'
	fi
}

# On a kernel that looks for memory that nobody refers to any more (kernels/kernel.sh).
leaks=/sys/kernel/debug/kmemleak
check_leaks() {
	[ -n "$leaks" ] || return 0
	# Not of what is still on its way: it counts what has been there for five seconds.
	sleep 6
	echo scan > $leaks
	echo scan > $leaks
	cat $leaks > "$work/leaks"
	echo "# kmemleak: $(grep -c '^unreferenced' "$work/leaks") unreferenced objects $1"
	[ -s "$work/leaks" ] || return 0
	trouble "all programs" "memory that nothing refers to, $1:"
	head -100 "$work/leaks" | sed 's/^/#   /'
	echo clear > $leaks
}
{ echo clear > $leaks; } 2> /dev/null || leaks=

# Lockdep says nothing more after its first report, or when its tables are full.
check_lockdep() {
	[ -f /proc/lockdep_stats ] || return 0
	if grep -q '^ debug_locks: *1$' /proc/lockdep_stats; then
		echo "# lockdep: still looking, $(sed -n 's/^ lock-classes: *\([0-9]*\).*/\1/p' /proc/lockdep_stats) classes"
	else
		trouble "all programs" "lockdep has stopped looking"
	fi
}

# Counts the lines of a program's output that look like this. A small system has no awk.
count() { grep -c -- "$1" "$work/out" || [ $? -eq 1 ]; }

if loaded && ! rmmod dblock; then
	echo "run.sh: another dblock module is loaded and in use: end its devices, then rmmod dblock" >&2
	exit 2
fi
insmod "$ko" || { echo "run.sh: insmod $ko failed (dmesg has the reason)" >&2; dmesg | tail -5 >&2; exit 2; }

echo "# kernel $(uname -r) $(uname -m)"
for program in "$@"; do
	echo "# program $program"
	mark "$program"
	began=$(uptime)
	# Not through a pipe: a task that hangs would keep it open, and this waiting.
	timeout -k 10 "$limit" "$programs_in/$program" > "$work/out" 2>&1
	status=$?
	cat "$work/out"
	planned=$(sed -n 's/^1\.\.\([0-9]\{1,\}\).*/\1/p' "$work/out" | head -1)
	ran=$(count '^\(not \)\?ok ')
	not_done=$(count '^ok .*# SKIP')
	skipped=$((skipped + not_done))
	passed=$((passed + $(count '^ok ') - not_done))
	failed=$((failed + $(count '^not ok ')))
	case $status in
	0 | 1) [ -n "$planned" ] && [ "$planned" = "$ran" ] || trouble "$program" "planned ${planned:-nothing}, ran $ran" ;;
	4) [ "$ran" -gt 0 ] || { skipped=$((skipped + 1)); sed -n 's/^1\.\.0/# skipped/p' "$work/out"; } ;;
	124 | 137 | 143) trouble "$program" "not done after $limit s" ;;
	*) trouble "$program" "ended with status $status" ;;
	esac
	check_clean "$program"
	echo "# $program took $(($(uptime) - began)) s"
	loaded || insmod "$ko" || trouble "$program" "the module is not loaded, nor can it be"
done

check_leaks "with the module loaded"
mark unloading
tries=0
while ! rmmod dblock 2> "$work/rmmod" && [ $tries -lt 50 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
loaded && trouble "the last program" "rmmod: $(cat "$work/rmmod")"
check_clean unloading
check_leaks "after it was unloaded"
check_lockdep

failed=$((failed + troubles))
echo "# took $(($(uptime) - started)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
