#!/bin/sh
# Makes what the container tests need, once; a second run does nothing.
#
# - podman with runc, from the distribution's packages, where they are missing and we are root;
# - images made from Debian's packages, so that no registry is needed:
#     base      Debian 12 with Python 3.11, where the image of modelwatch is built, and trained in with pip
#     older     Debian 11: its own Python is 3.9, its C library is older than ours
#     without   a static shell and nothing else: no Python, no C library
#
# MIRROR names another mirror of Debian than the machine's own.
set -eu
cd "$(dirname "$0")"
export CONTAINERS_CONF="$PWD/containers.conf"
images=localhost/modelwatch-test
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

tools=""
for tool in podman runc debootstrap; do
    command -v "$tool" >/dev/null || tools="$tools $tool"
done
if [ -n "$tools" ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "the container tests need:$tools (on Debian and Ubuntu: apt-get install podman runc debootstrap)" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman buildah runc debootstrap >/dev/null
fi

if [ -z "${MIRROR:-}" ]; then
    MIRROR=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        awk '$1 == "URIs:" {print $2; exit} $1 == "deb" && $2 ~ /^http/ {print $2; exit}')
    case $MIRROR in *debian*) ;; *) MIRROR=http://deb.debian.org/debian ;; esac
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# make NAME SUITE PACKAGES: the smallest Debian with some packages, unpacked and not configured: no more is needed here, and it takes half the time
make() {
    podman image exists "$images/$1" && return
    echo "making the image $1 from the packages of Debian $2"
    root=$scratch/$1
    debootstrap --download-only --variant=minbase --include="$3" "$2" "$scratch/$1.downloaded" "$MIRROR" >"$scratch/$1.log" 2>&1 ||
        { tail -n 20 "$scratch/$1.log" >&2; return 1; }
    mkdir -p "$root/var/lib/dpkg/info"
    for package in "$scratch/$1.downloaded"/var/cache/apt/archives/*.deb; do
        name=$(dpkg-deb --field "$package" Package)
        dpkg-deb --vextract "$package" "$root" | sed 's,^\./$,/.,; s,^\./,/,; s,/$,,' >"$root/var/lib/dpkg/info/$name.list"
        { dpkg-deb --field "$package"; echo "Status: install ok unpacked"; echo; } >>"$root/var/lib/dpkg/status"
    done
    rm -rf "$root"/usr/lib/python3*/EXTERNALLY-MANAGED "$root/usr/share/locale" "$root/usr/share/man" "$root/usr/share/zoneinfo"
    tar -C "$root" -cf - . | podman import --quiet --change "ENV PATH=$path" - "$images/$1" >/dev/null
}

make base bookworm python3,python3-venv,python3-pip &
base=$!
make older bullseye python3-minimal,busybox-static
wait "$base"

if ! podman image exists "$images/without"; then
    mkdir -p "$scratch/without/bin" "$scratch/without/tmp"
    container=$(podman create "$images/older" true)
    podman cp "$container:/bin/busybox" "$scratch/without/bin/busybox"
    podman rm "$container" >/dev/null
    for command in sh cat cp env ls mkdir sleep; do ln -s busybox "$scratch/without/bin/$command"; done
    tar -C "$scratch/without" -cf - . | podman import --quiet --change "ENV PATH=/bin" - "$images/without" >/dev/null
fi
