#!/bin/sh
# Holds the headers and the built library against what programs were compiled and linked against.
#
# usage: [LIB=libevpl.so] [INCLUDE=include] run.sh
#
# Without LIB only the headers are checked. Prints one line per check; status 1 if any fails.

here=$(cd "$(dirname "$0")" && pwd)
INCLUDE=${INCLUDE:-$here/../../include}
LIB=${LIB:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Werror"
failed=0

# check NAME COMMAND...: runs the command quietly and reports it.
check() {
    name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        echo "ok   $name"
    else
        failed=1
        echo "FAIL $name"
        sed 's/^/     /' "$work/out" | head -20
    fi
}

# Every header in a file of its own, twice, as each language, with each layout.
headers_alone() {
    for header in "$INCLUDE"/evpl/*.h; do
        file=evpl/$(basename "$header")
        printf '#include <%s>\n#include <%s>\nint unit;\n' "$file" "$file" >"$work/unit.$2"
        for layout in NORMAL TRACE PROFILE; do
            $1 $strict "-DEVPL_IOVEC_$layout" -I "$INCLUDE" -fsyntax-only "$work/unit.$2" ||
                { echo "$file with EVPL_IOVEC_$layout"; return 1; }
        done
    done
}

layouts() {
    for layout in NORMAL TRACE PROFILE; do
        $1 $strict "-DEVPL_IOVEC_$layout" -I "$INCLUDE" -x "$2" -fsyntax-only "$here/layout.c" ||
            return 1
    done
}

inline_functions() {
    for layout in NORMAL TRACE PROFILE; do
        # noreturn: the test comes back from evpl_abort by longjmp.
        $1 $strict -g "-DEVPL_IOVEC_$layout" -I "$INCLUDE" -x "$2" "$here/inline.c" -o "$work/inline" \
            -pthread && "$work/inline" || { echo "with EVPL_IOVEC_$layout"; return 1; }
    done
}

variadic() {
    $1 $strict -I "$INCLUDE" "$here/variadic.c" "$work/libevpl.so" -o "$work/variadic" &&
        LD_LIBRARY_PATH=$work "$work/variadic"
}

# No symbol is missing, and none leaks.
symbols() {
    nm -D --defined-only "$LIB" | awk '{ print $NF }' | LC_ALL=C sort >"$work/symbols"
    diff "$here/symbols.txt" "$work/symbols"
}

soname() {
    readelf -d "$LIB" | grep 'SONAME.*\[libevpl\.so\]'
}

# Loading the library brings in nothing that the C runtime does not.
needed() {
    ! readelf -d "$LIB" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
        grep -vE '^(libc|libm|libgcc_s|libpthread|libdl|librt|ld-linux.*)\.so'
}

if [ -n "$LIB" ]; then
    cp "$LIB" "$work/libevpl.so" || exit 1
fi
for cc in gcc clang; do
    if ! command -v "$cc" >/dev/null; then
        echo "skipped $cc: not installed"
        continue
    fi
    check "headers alone and twice, $cc C11" headers_alone "$cc -std=c11" c
    check "headers alone and twice, $cc C17" headers_alone "$cc -std=c17" c
    check "layouts, $cc C11" layouts "$cc -std=c11" c
    check "prototypes, $cc" "$cc" -std=c11 $strict -Wno-unused-function -I "$INCLUDE" \
        -fsyntax-only "$here/prototypes.c"
    check "inline functions, $cc C11" inline_functions "$cc -std=gnu11" c
    if [ -n "$LIB" ]; then
        check "variadic exports, $cc" variadic "$cc -std=gnu11"
    fi
done
for cxx in g++ clang++; do
    if ! command -v "$cxx" >/dev/null; then
        echo "skipped $cxx: not installed"
        continue
    fi
    check "headers alone and twice, $cxx C++17" headers_alone "$cxx -std=c++17" cpp
    check "layouts, $cxx C++17" layouts "$cxx -std=c++17" c++
    check "inline functions, $cxx C++17" inline_functions "$cxx -std=gnu++17" c++
done
if [ -n "$LIB" ]; then
    check "exported symbols" symbols
    check "soname" soname
    check "needs only the C runtime" needed
else
    echo "skipped the library: LIB is not set"
fi
exit $failed
