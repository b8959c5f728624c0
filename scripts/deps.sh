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
valgrind:valgrind
"
# Without these the tests in guest kernels are skipped.
optional="
qemu-system-x86_64:qemu-system-x86
depmod:kmod
"
# Administrators' programs are not in every user's PATH.
PATH=$PATH:/usr/sbin:/sbin

missing_of() {
    for entry in $1; do
        command -v "${entry%%:*}" >/dev/null 2>&1 || printf ' %s' "${entry#*:}"
    done
}

missing=$(missing_of "$packages")
# The C library's headers, which the compiler only recommends.
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
missing_optional=$(missing_of "$optional")
[ -n "$missing$missing_optional" ] || exit 0

echo "installing missing Debian packages:$missing$missing_optional"
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
    echo "cannot install them here; please do:$missing$missing_optional" >&2
    [ -z "$missing" ]
    exit
fi
export DEBIAN_FRONTEND=noninteractive
install="$sudo apt-get install -qq -y --no-install-recommends"
if ! $sudo apt-get update -qq || ! $install $missing; then
    [ -z "$missing" ]
    exit
fi
$install $missing_optional || echo "tests in guest kernels will be skipped" >&2
