#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Docker's engine in a guest, run there as root.
#
#   engine.sh start PROGRAMS STORE             becomes the engine; descriptor 3 is its socket
#   engine.sh store PROGRAMS STORE IMAGE...    makes a store of images, which are files as `docker save` writes them
#
# PROGRAMS is a directory of unpacked packages, with dockerd and what it needs; or
# empty: this machine's own are used.
#
# A STORE is a file with a small ext4, which has what the engine's directory has
# once it has loaded the images. That takes seconds, and a guest is spared it: the
# images' layers stay in the store, read-only, and only their description is copied.
set -eu

action=$1 programs=$2 store=$3
shift 3

PATH=$PATH:/usr/sbin:/sbin
if [ -n "$programs" ]; then
	PATH=$programs/usr/bin:$programs/usr/sbin:$programs/sbin:$PATH
	LD_LIBRARY_PATH=$(printf '%s:' "$programs"/lib/*-linux-gnu "$programs"/usr/lib/*-linux-gnu)
	XTABLES_LIBDIR=$(echo "$programs"/usr/lib/*-linux-gnu/xtables)
	export LD_LIBRARY_PATH XTABLES_LIBDIR
fi
# In a network with names, iptables leads what asks for them to the engine. Kernels made for guests know the older one.
legacy=$(command -v iptables-legacy || true)
if [ -n "$legacy" ]; then
	mkdir -p /run/dblock-bin
	ln -sf "$legacy" /run/dblock-bin/iptables
	PATH=/run/dblock-bin:$PATH
fi

# An overlay's upper layer cannot be on an overlay, as the guest's root is.
data=/var/lib/docker
mkdir -p "$data"
mount -t tmpfs -o mode=0710 docker "$data"

# The machine's own configuration is not meant for guests.
configuration=/run/dblock-engine.json
echo '{}' > "$configuration"

# A program, docker-proxy, passes on what comes to the ports of containers, and iptables nothing.
engine="dockerd --config-file=$configuration --data-root=$data --storage-driver=overlay2
	--exec-opt=native.cgroupdriver=cgroupfs --iptables=false --ip-masq=false"

case $action in
start)
	images=/run/dblock-images
	mkdir -p "$images" "$data/overlay2"
	mount -o ro,loop "$store" "$images"
	cp -a "$images/image" "$data"
	cp -a "$images/overlay2/l" "$data/overlay2"
	for layer in "$images"/overlay2/*/link; do
		layer=${layer%/link}
		mkdir "$data/overlay2/${layer##*/}"
		for part in "$layer"/*; do
			case $part in
			*/diff) ln -s "$part" "$data/overlay2/${layer##*/}" ;;
			*/work) ;;
			*) cp -a "$part" "$data/overlay2/${layer##*/}" ;;
			esac
		done
	done
	LISTEN_PID=$$
	export LISTEN_PID
	# shellcheck disable=SC2086 # a list of words
	exec $engine --host=fd://
	;;
store)
	socket=unix:///run/dblock-store.sock log=/run/dblock-store.log
	fail() { echo "engine.sh: $1; the last it said:" >&2; tail -n 10 "$log" >&2; exit 1; }
	# shellcheck disable=SC2086
	$engine --host="$socket" --bridge=none > "$log" 2>&1 &
	pid=$!
	tries=0
	until docker --host="$socket" version > /dev/null 2>&1; do
		kill -0 "$pid" 2> /dev/null || fail "the engine ended"
		tries=$((tries + 1))
		[ "$tries" -lt 900 ] || fail "the engine did not answer within three minutes"
		sleep 0.2
	done
	for image; do
		docker --host="$socket" load --quiet --input "$image" || fail "the engine does not take $image"
	done
	kill "$pid"
	wait "$pid" || fail "the engine ended with status $?"
	cd "$data"
	find . -mindepth 1 -maxdepth 1 ! -name image ! -name overlay2 -exec rm -r {} +
	# An eighth for its own tables, and some for an empty one.
	size=$(($(du -sk . | cut -f 1) * 9 / 8 + 4096))
	mke2fs -q -t ext4 -O ^has_journal -m 0 -d . "$store" "${size}k"
	;;
*)
	sed -n '/^set /q; 3,$s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
