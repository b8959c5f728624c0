# Thin over cargo. Everything that is built goes below $(TARGET).

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
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
STAGES   := rust abi c install examples fault memcheck vm asan tsan

.PHONY: lib tools examples demo test $(STAGES:%=test-%) bench bench-programs soak headers install \
        uninstall deps bench-deps clean

# One cargo rustc for each kind: a build of all kinds at once silently leaves LTO out.
lib:
	$(CARGO) rustc --profile dist --lib --crate-type cdylib
	$(CARGO) rustc --profile dist --lib --crate-type staticlib

# evpl_info and evpl_perf, in a profile of their own: a build in that of the libraries would replace
# those by some without LTO.
tools:
	$(CARGO) build --profile tools --features tools --bins

examples: lib $(EXAMPLES)

$(TARGET)/examples/%: examples-c/%.c $(wildcard include/evpl/*.h) | lib
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wall -Wextra -Iinclude $< -L$(DIST) -levpl -Wl,-rpath,$(DIST) -pthread -o $@

# Echo over the five transports, on real sockets where there are any.
demo: deps
	@$(MAKE) --no-print-directory examples tools
	@scripts/demo.sh $(TARGET)/examples $(TARGET)/tools/evpl_perf

# All tests, with a total. scripts/test-NAME.sh is one stage.
test: deps
	@scripts/test-all.sh $(STAGES)

$(STAGES:%=test-%): test-%:
	@scripts/test-$*.sh

# A million connections and 100 GB over each transport; see docs/robustness.md.
soak:
	scripts/soak.sh $(SOAK_ARGS)

# Everything of benches/ is measured in one run of about five minutes; on an idle machine, or it says
# little. BENCH_ARGS goes to benches/run.py: --only NAME, --rounds N, --json FILE, --markdown FILE.
BENCH_BIN      := $(TARGET)/benches
BENCH_EVPL     := rtt bulk rdma echo_evpl memory inproc loop tls
BENCH_RAW      := echo_raw load connects victim
BENCH_CC        = $(CC) -O2 -g -Wall -Wextra -D_GNU_SOURCE -Iinclude -pthread
BENCH_PROGRAMS := $(addprefix $(BENCH_BIN)/,$(BENCH_EVPL) $(BENCH_RAW) echo_uv bulk_ssl counts.so)
BENCH_HEADERS  := $(wildcard benches/*.h include/evpl/*.h)

bench: bench-programs
	benches/run.py --bin $(BENCH_BIN) $(BENCH_ARGS)

bench-programs: bench-deps lib
	@mkdir -p $(BENCH_BIN)
	@$(MAKE) --no-print-directory $(BENCH_PROGRAMS)
	cd benches/tokio-echo && $(CARGO) build --release --locked --target-dir $(BENCH_BIN)/tokio-target
	cp $(BENCH_BIN)/tokio-target/release/tokio-echo $(BENCH_BIN)/tokio-echo
	cd benches/rustls-loop && $(CARGO) build --release --locked --target-dir $(BENCH_BIN)/rustls-target
	cp $(BENCH_BIN)/rustls-target/release/rustls-loop $(BENCH_BIN)/rustls-loop

$(BENCH_EVPL:%=$(BENCH_BIN)/%): $(BENCH_BIN)/%: benches/%.c $(BENCH_HEADERS)
	$(BENCH_CC) $< -L$(DIST) -levpl -Wl,-rpath,$(DIST) -o $@

$(BENCH_RAW:%=$(BENCH_BIN)/%): $(BENCH_BIN)/%: benches/%.c $(BENCH_HEADERS)
	$(BENCH_CC) $< -o $@

$(BENCH_BIN)/echo_uv: benches/echo_uv.c $(BENCH_HEADERS)
	$(BENCH_CC) $< -luv -o $@

$(BENCH_BIN)/bulk_ssl: benches/bulk_ssl.c $(BENCH_HEADERS)
	$(BENCH_CC) $< -lssl -lcrypto -o $@

$(BENCH_BIN)/counts.so: benches/counts.c $(BENCH_HEADERS)
	$(BENCH_CC) -shared -fPIC $< -ldl -o $@

# Writes include/evpl from src/capi.
headers:
	$(CARGO) run --manifest-path xtask/Cargo.toml -- headers

# Installs the Debian packages that building and testing need, if any is missing.
deps:
	@scripts/deps.sh

# libuv and OpenSSL are only measured against.
bench-deps: deps
	@[ -e /usr/include/uv.h ] || { echo "installing libuv1-dev"; \
	    apt-get install -qq -y --no-install-recommends libuv1-dev; }
	@[ -e /usr/include/openssl/ssl.h ] || { echo "installing libssl-dev"; \
	    apt-get install -qq -y --no-install-recommends libssl-dev; }

# The pkg-config file keeps paths below its prefix variable, and the CMake one paths relative to
# itself, so that the installed tree can be moved.
RELOCATE = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
DEST_BIN = $(DESTDIR)$(BINDIR)
DEST_LIB = $(DESTDIR)$(LIBDIR)
DEST_INC = $(DESTDIR)$(INCLUDEDIR)

install: lib tools
	$(INSTALL) -d $(DEST_BIN) $(DEST_INC)/evpl $(DEST_LIB)/pkgconfig $(DEST_LIB)/cmake/evpl
	$(INSTALL) -m 755 $(TARGET)/tools/evpl_info $(TARGET)/tools/evpl_perf $(DEST_BIN)
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
	rm -f $(DEST_BIN)/evpl_info $(DEST_BIN)/evpl_perf
	rm -f $(patsubst include/%,$(DEST_INC)/%,$(wildcard include/evpl/*.h))
	rm -f $(DEST_LIB)/libevpl.so $(DEST_LIB)/libevpl.a
	rm -f $(DEST_LIB)/pkgconfig/evpl.pc $(DEST_LIB)/pkgconfig/libevpl.pc
	rm -f $(DEST_LIB)/cmake/evpl/evpl-config.cmake $(DEST_LIB)/cmake/evpl/evpl-config-version.cmake
	-rmdir $(DEST_INC)/evpl $(DEST_LIB)/cmake/evpl 2>/dev/null

clean:
	$(CARGO) clean
