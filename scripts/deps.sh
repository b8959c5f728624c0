#!/bin/sh
# Installs the Debian packages that building, the demo and the tests need, as far as missing.

packages="
gcc:gcc
g++:g++
clang:clang
make:make
cmake:cmake
pkg-config:pkg-config
python3:python3
curl:curl
openssl:openssl
ip:iproute2
unshare:util-linux
socat:socat
iperf3:iperf3
nc:netcat-openbsd
readelf:binutils
"

missing=
for entry in $packages; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || missing="$missing ${entry#*:}"
done
# The C library's headers, which the compiler only recommends.
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
[ -n "$missing" ] || exit 0

echo "installing missing Debian packages:$missing"
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
    echo "cannot install them here; please do:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq && $sudo apt-get install -qq -y --no-install-recommends $missing
