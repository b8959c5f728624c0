#!/bin/bash
# What `make install` leaves behind: programs find it with pkg-config and with CMake, also after
# the tree has moved, and `make uninstall` removes it.

. "$(dirname "$0")/checks.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
strict="-Wall -Wextra -Werror"

check "install into a prefix" make --no-print-directory install PREFIX="$prefix" || finish

# with_pkg_config NAME SOURCE COMPILER PKG_CONFIG...
with_pkg_config() {
    local name=$1 source=$2 cc=$3 flags
    shift 3
    flags=$("$@") || { fail "$name: $*"; return; }
    check "$name builds" $cc $strict "tests/install/$source" $flags -o "$work/program" &&
        check "$name runs" env LD_LIBRARY_PATH="$libdir" "$work/program"
}

# with_cmake NAME PREFIX
with_cmake() {
    check "CMake finds evpl, $1" cmake -S tests/install -B "$work/cmake-$1" \
        -DCMAKE_PREFIX_PATH="$2" -DCMAKE_BUILD_TYPE=Release || return
    check "CMake builds, $1" cmake --build "$work/cmake-$1" || return
    for program in program program_cpp program_static; do
        check "CMake's $program runs, $1" "$work/cmake-$1/$program"
    done
}

libdir=$prefix/lib
export PKG_CONFIG_PATH=$libdir/pkgconfig
with_pkg_config "pkg-config and C" main.c cc pkg-config --cflags --libs evpl
with_pkg_config "pkg-config and C++" main.cpp c++ pkg-config --cflags --libs evpl
with_pkg_config "pkg-config by the name libevpl" main.c cc pkg-config --cflags --libs libevpl
check "pkg-config knows the version" test "$(pkg-config --modversion evpl)" = \
    "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)"
with_cmake in-place "$prefix"

check "evpl_info runs" "$prefix/bin/evpl_info"
check "evpl_perf runs" "$prefix/bin/evpl_perf" --help

# Linked with the archive, a program does not need the shared library.
mkdir "$work/static"
cp "$libdir/libevpl.a" "$work/static"
check "static link builds" cc $strict tests/install/main.c -I"$prefix/include" -L"$work/static" \
    $(pkg-config --static --libs evpl | sed "s|-L$libdir||") -o "$work/static/program" &&
    check "static program runs" "$work/static/program"

mv "$prefix" "$work/moved"
libdir=$work/moved/lib
export PKG_CONFIG_PATH=$libdir/pkgconfig
with_pkg_config "pkg-config in a moved tree" main.c cc \
    pkg-config --define-prefix --cflags --libs evpl
with_cmake moved "$work/moved"

# Packages install below DESTDIR, and other distributions have other library directories.
root=$work/root
lib=/usr/lib/x86_64-linux-gnu
check "install below DESTDIR" make --no-print-directory install DESTDIR="$root" PREFIX=/usr \
    LIBDIR=$lib
check "the library is there" test -f "$root$lib/libevpl.so"
check "no path of the staging area in the files" \
    sh -c "! grep -rn '$root' '$root$lib/pkgconfig' '$root$lib/cmake'"
with_cmake multiarch "$root/usr"
mkdir -p "$root/usr/include/evpl"
touch "$root/usr/include/evpl/other.h"
check "uninstall" make --no-print-directory uninstall DESTDIR="$root" PREFIX=/usr LIBDIR=$lib
check "uninstall leaves only what is not ours" \
    test "$(find "$root" -type f -o -type l | sed "s|$root||")" = /usr/include/evpl/other.h
finish
