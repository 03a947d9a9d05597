#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes small images for container engines out of Debian's packages, since a guest
# has no network to pull one from; once for each change of this directory, kept in
# the cache. Needs no root and no engine: packages are downloaded and unpacked, and
# not installed.
#
#   images.sh [--link DIRECTORY] NAME...    prints the path of each image's file, which is as `docker save` writes it;
#                                           DIRECTORY gets links to them, NAME.tar, and has no others
#
#   debian      dblock/debian: sh, bash, coreutils, mkfs.ext4, mount
#   postgres    dblock/postgres: PostgreSQL, which starts as the official image does (postgres-entrypoint.sh)
#
#   DBLOCK_CACHE    where to keep them (default: ~/.cache/junit-dblock)
#
# Debian only, and its relatives.
set -eu
umask 022

PATH=$PATH:/sbin:/usr/sbin
here=$(cd "$(dirname "$0")" && pwd)
cache=${DBLOCK_CACHE:-$HOME/.cache/junit-dblock}/images
links=
[ "${1:-}" != --link ] || { links=$2; shift 2; mkdir -p "$links"; rm -f "$links"/*.tar; }
case ${1:-} in '' | -*) sed -n '/^set /q; 3,$s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac

say() { echo "images.sh: $*" >&2; }
die() { say "$*"; exit 1; }

for program in apt-get dpkg-deb flock sha256sum tar; do
	command -v "$program" > /dev/null ||
		die "there is no $program: images are made of Debian's packages. -Ddblock.skip.containers=true leaves out the tests that need them"
done

# As if nothing were installed here, whoever runs this and whatever else runs.
apt="-o APT::Sandbox::User=root -o Dir::State::status=/dev/null -o Debug::NoLocking=1 -o APT::Install-Recommends=false"

# What the images do without: what is for installing packages, and PostgreSQL's compiler of queries.
unwanted='adduser|debconf|debianutils|dpkg|gcc-.*-base|init-system-helpers|libllvm.*|libpam-.*|libperl.*|libz3-.*|locales'
unwanted="$unwanted|logsave|passwd|perl.*|postgresql-.*common|readline-common|sensible-utils|ssl-cert|tar|ucf|usr-is-merged"
unwanted="$unwanted|usrmerge|util-linux-extra|lib.*-perl|libgdbm.*|libsemanage.*|libsepol.*|lsb-base|netbase|openssl|sysvinit-utils"

# Prints these packages and those that they need, as NAME=VERSION.
packages_of() {
	# A directory for packages that has none: those that this machine's has are not printed.
	mkdir -p "$work/none/partial"
	# shellcheck disable=SC2086 # lists of words
	timeout 300 apt-get $apt -o Dir::Cache::archives="$work/none" --print-uris -qq -y install "$@" > "$work/uris" ||
		die "apt-get install $*: see above"
	# The second word is the name of a file, NAME_VERSION_ARCHITECTURE.deb, without colons.
	awk '{ split($2, part, "_"); gsub("%3a", ":", part[2]); print part[1] "=" part[2] }' "$work/uris" |
		grep -vE "^($unwanted)=" | sort
}

# Unpacks packages into a directory.
unpack() {
	into=$1
	shift
	mkdir -p "$work/download" "$into"
	say "downloading $# packages"
	# shellcheck disable=SC2086
	(cd "$work/download" && timeout 1800 apt-get $apt -qq download "$@" >&2) ||
		die "apt-get download: see above, or not done within half an hour"
	# As Debian has them, whether or not these packages do.
	for directory in bin lib lib64 sbin; do
		mkdir -p "$into/usr/$directory"
		ln -s "usr/$directory" "$into/$directory"
	done
	for package in "$work"/download/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$into" -f - \
			--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' \
			--exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/bash-completion/*' \
			--exclude='./usr/share/postgresql/*/man/*' --exclude='./usr/share/zoneinfo/right/*' \
			--exclude='./usr/share/zoneinfo/posix/*' --exclude='./usr/lib/postgresql/*/lib/bitcode/*' \
			--exclude='./usr/lib/postgresql/*/lib/llvmjit*'
	done
	rm -r "$work/download"
}

# Makes a directory a layer, all of it root's, and prints its digest: the same for the same files.
#   layer DIRECTORY [OWNER PATH]    this path is another user's
layer() {
	tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -f "$work/layer.tar" --exclude="./${3:- }" .
	[ $# = 1 ] || tar -r --sort=name --mtime=@0 --owner="$2" --group="$2" --numeric-owner -C "$1" -f "$work/layer.tar" "./$3"
	digest=$(sha256sum "$work/layer.tar" | cut -c 1-64)
	mv "$work/layer.tar" "$work/$digest.tar"
	echo "$digest"
}

# Packs layers as an image.
#   pack NAME CONFIGURATION DIGEST...
pack() {
	name=$1 configuration=$2
	shift 2
	ids=$(printf ', "sha256:%s"' "$@") layers=$(printf ', "%s.tar"' "$@")
	printf '{"architecture": "%s", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": {%s},
		"rootfs": {"type": "layers", "diff_ids": [%s]}}' "$(dpkg --print-architecture)" "$configuration" "${ids#, }" > "$work/config.json"
	printf '[{"Config": "config.json", "RepoTags": ["dblock/%s:latest"], "Layers": [%s]}]' "$name" "${layers#, }" > "$work/manifest.json"
	tar -c -C "$work" -f "$work/image" manifest.json config.json $(printf ' %s.tar' "$@")
}

system='base-files bash coreutils dash e2fsprogs findutils grep libc-bin mount sed util-linux'
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

make_debian() {
	# shellcheck disable=SC2046,SC2086
	unpack "$work/debian" $(packages_of $system)
	(
		cd "$work/debian"
		mkdir -p etc root run tmp var/tmp
		chmod 1777 tmp var/tmp
		[ -e var/run ] || ln -s /run var/run
		# The script of base-passwd would make them; the numbers are Debian's.
		printf '%s\n' root:x:0:0::/root:/bin/bash nobody:x:65534:65534::/nonexistent:/bin/false > etc/passwd
		printf '%s\n' root:x:0: tty:x:5: disk:x:6: nogroup:x:65534: > etc/group
	)
	debian=$(layer "$work/debian")
	pack debian "\"Env\": [\"PATH=$path\"], \"Cmd\": [\"bash\"]" "$debian"
}

make_postgres() {
	make_debian
	# shellcheck disable=SC2086
	packages_of $system > "$work/there"
	# shellcheck disable=SC2046,SC2086
	unpack "$work/postgres" $(packages_of $system postgresql | grep -vxFf "$work/there")
	(
		cd "$work/postgres"
		mkdir -p docker-entrypoint-initdb.d etc usr/local/bin var/lib/postgresql/data
		cp "$here/postgres-entrypoint.sh" usr/local/bin/docker-entrypoint.sh
		chmod 755 usr/local/bin/docker-entrypoint.sh
		# As the official image has it, so that others than its own container reach it.
		sed -i "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" usr/share/postgresql/*/postgresql.conf.sample
		grep -q '^listen_addresses' usr/share/postgresql/*/postgresql.conf.sample || die "PostgreSQL's configuration has no listen_addresses"
		# The numbers are the official image's.
		echo postgres:x:999:999::/var/lib/postgresql:/bin/bash | cat "$work/debian/etc/passwd" - > etc/passwd
		echo postgres:x:999: | cat "$work/debian/etc/group" - > etc/group
	)
	path=$path:/$(cd "$work/postgres" && echo usr/lib/postgresql/*/bin)
	pack postgres "\"Env\": [\"PATH=$path\", \"PGDATA=/var/lib/postgresql/data\", \"LANG=C.UTF-8\", \"TZ=Etc/UTC\"],
		\"Entrypoint\": [\"docker-entrypoint.sh\"], \"Cmd\": [\"postgres\"], \"ExposedPorts\": {\"5432/tcp\": {}},
		\"Volumes\": {\"/var/lib/postgresql/data\": {}}, \"StopSignal\": \"SIGINT\"" "$debian" "$(layer "$work/postgres" 999 var/lib/postgresql)"
}

mkdir -p "$cache"
exec 9> "$cache/lock"
flock -n 9 || { say "waiting for another that is at it"; flock -w 3600 9 || die "another has been at it for an hour: it has $cache/lock"; }

# Newer packages are no reason to make an image again.
key=$(cat "$here"/* | sha256sum | cut -c 1-12)
for name; do
	image=$cache/$name-$key.tar
	if [ ! -f "$image" ]; then
		case $name in debian | postgres) ;; *) die "there is no image '$name', but debian and postgres" ;; esac
		work=$(mktemp -d "$cache/make.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		"make_$name"
		mv "$work/image" "$image"
		rm -rf "$work"
	fi
	[ -z "$links" ] || ln -s "$image" "$links/$name.tar"
	echo "$image"
done
