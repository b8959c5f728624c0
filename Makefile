# Thin over cargo. Everything that is built goes below $(TARGET).

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR    ?=

CARGO   ?= cargo
CC      ?= cc
CFLAGS  ?= -O2 -g
INSTALL ?= install

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
DIST   := $(TARGET)/dist
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

# What a program that links libevpl.a needs besides.
STATIC_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc

EXAMPLES := $(patsubst examples-c/%.c,$(TARGET)/examples/%,$(wildcard examples-c/*.c))
STAGES   := rust abi c install examples fault asan tsan

.PHONY: lib examples tools demo test $(STAGES:%=test-%) bench headers install uninstall deps clean

# One cargo rustc for each kind: a build of all kinds at once silently leaves LTO out.
lib:
	$(CARGO) rustc --profile dist --lib --crate-type cdylib
	$(CARGO) rustc --profile dist --lib --crate-type staticlib

examples: lib $(EXAMPLES)

$(TARGET)/examples/%: examples-c/%.c $(wildcard include/evpl/*.h) | lib
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wall -Wextra -Iinclude $< -L$(DIST) -levpl -Wl,-rpath,$(DIST) -pthread -o $@

# evpl_info and evpl_perf. What they need besides the library is behind the feature.
tools:
	$(CARGO) build --release --features tools --bins

# Echo over the five transports, on real sockets where there are any.
demo: deps
	@$(MAKE) --no-print-directory examples tools
	@scripts/demo.sh $(TARGET)/examples $(TARGET)/release/evpl_perf

# All tests, with a total. scripts/test-NAME.sh is one stage.
test: deps
	@scripts/test-all.sh $(STAGES)

$(STAGES:%=test-%): test-%:
	@scripts/test-$*.sh

bench: lib
	@mkdir -p $(TARGET)/benches
	$(CC) -O2 -g -Wall -Wextra -Iinclude benches/echo_rtt.c -L$(DIST) -levpl -Wl,-rpath,$(DIST) \
	    -pthread -o $(TARGET)/benches/echo_rtt
	$(TARGET)/benches/echo_rtt

# Writes include/evpl from src/capi.
headers:
	$(CARGO) run --manifest-path xtask/Cargo.toml -- headers

# Installs the Debian packages that building and testing need, if any is missing.
deps:
	@scripts/deps.sh

# The pkg-config file keeps paths below its prefix variable, and the CMake one paths relative to
# itself, so that the installed tree can be moved.
RELOCATE = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
DEST_LIB = $(DESTDIR)$(LIBDIR)
DEST_INC = $(DESTDIR)$(INCLUDEDIR)

install: lib
	$(INSTALL) -d $(DEST_INC)/evpl $(DEST_LIB)/pkgconfig $(DEST_LIB)/cmake/evpl
	$(INSTALL) -m 644 include/evpl/*.h $(DEST_INC)/evpl
	$(INSTALL) -m 755 $(DIST)/libevpl.so $(DEST_LIB)/libevpl.so
	$(INSTALL) -m 644 $(DIST)/libevpl.a $(DEST_LIB)/libevpl.a
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call RELOCATE,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(call RELOCATE,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@STATIC_LIBS@|$(STATIC_LIBS)|' \
	    pkgconfig/libevpl.pc.in >$(DEST_LIB)/pkgconfig/evpl.pc
	ln -sf evpl.pc $(DEST_LIB)/pkgconfig/libevpl.pc
	sed -e "s|@INCLUDE_FROM_LIB@|$$(realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))|" \
	    -e 's|@STATIC_LIBS@|$(STATIC_LIBS)|' \
	    cmake/evpl-config.cmake.in >$(DEST_LIB)/cmake/evpl/evpl-config.cmake
	sed -e 's|@VERSION@|$(VERSION)|' \
	    cmake/evpl-config-version.cmake.in >$(DEST_LIB)/cmake/evpl/evpl-config-version.cmake

# Removes only headers of ours, as other libraries install theirs into the same directory.
uninstall:
	rm -f $(patsubst include/%,$(DEST_INC)/%,$(wildcard include/evpl/*.h))
	rm -f $(DEST_LIB)/libevpl.so $(DEST_LIB)/libevpl.a
	rm -f $(DEST_LIB)/pkgconfig/evpl.pc $(DEST_LIB)/pkgconfig/libevpl.pc
	rm -f $(DEST_LIB)/cmake/evpl/evpl-config.cmake $(DEST_LIB)/cmake/evpl/evpl-config-version.cmake
	-rmdir $(DEST_INC)/evpl $(DEST_LIB)/cmake/evpl 2>/dev/null

clean:
	$(CARGO) clean
