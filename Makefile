# SPDX-License-Identifier: GPL-2.0-or-later
#
# make             build/emdadm, build/emdmon and build/kernel/RELEASE/emd.ko
# make kernel      only the module, for every installed headers package and those in the cache of scripts/setup,
#                  or for one: KVER=RELEASE, KVER=uml, x86-debug, kcsan or uml-fast (kernels of scripts/debug-kernel)
# make tools       only the programs
# make check       all tests: units, engine, golden disks, VM on both kernels. Does its own set-up.
# make check-unit  what runs without a VM, with sanitizers
# make check-vm    the VM tests; TESTS="name ..." selects
# make check-debug the module's tests on a kernel with KASAN and lockdep, and its data path on one with KCSAN
# make soak        random trees of arrays under faults, passes, reshapes and restarts, with KASAN and lockdep;
#                  MINUTES=10, SEED=n repeats a run, EPISODE=n one part of it; PLANT=1: would it see a wrong byte?
# make fuzz        every parser of what comes from outside under libFuzzer (clang); MINUTES=60 on all cores, TARGETS=imsm,md
# make prove      the reshape protocol as a model under Spin: every configuration exhaustively, every planted fault; a table. NAME="row"
# make bench-quick instructions per operation against md's, in a VM: the gate of make check (tests/bench/README.md)
# make bench       every goal, by instructions and by CPU time, and what holds it back; fails while a gate does not hold. PLAN=name, ROW="pattern ..."
# make demo        an array grows, loses power twice and comes back whole
# make docs        docs/migrations.md anew, from what the code decides
# make install     into PREFIX (/usr/local), DESTDIR honoured
# make clean       removes build/

# This file runs other build systems; they know what is out of date.
MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL	  := /bin/bash
BUILD	  ?= $(CURDIR)/build
CACHE	  := $(or $(EMD_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/emd)
JOBS	  ?= $(shell nproc)

# release=directory for every kernel that the module can be built for. An installed package goes before the cache.
installed := $(patsubst /lib/modules/%/build/Makefile,%,$(wildcard /lib/modules/*/build/Makefile))
cached	  := $(patsubst $(CACHE)/headers/%/build/Makefile,%,$(wildcard $(CACHE)/headers/*/build/Makefile))
releases  := $(if $(KVER),$(KVER),$(sort $(installed) $(cached)))
headers    = $(or $(firstword $(wildcard /lib/modules/$1/build $(CACHE)/headers/$1/build)),\
		  $(error no kernel headers for $1: install linux-headers-$1 or run scripts/setup))

.PHONY: all kernel tools umlregs docs san check check-unit check-vm check-debug soak fuzz prove bench bench-quick bench-module demo \
	install install-files clean setup FORCE
all: tools kernel

# --- the module -----------------------------------------------------------------------------------------------------
kernel: $(releases:%=kernel-%)
	@$(if $(releases),,echo "no kernel headers found: run scripts/setup" >&2; exit 1)
kernel-uml: FORCE
	@$(MAKE) -C kernel KDIR=$$(scripts/debug-kernel uml --where) OUT=$(BUILD)/kernel/uml ARCH=um
kernel-uml-fast: FORCE
	@$(MAKE) -C kernel KDIR=$$(scripts/debug-kernel uml-fast --where) OUT=$(BUILD)/kernel/uml-fast ARCH=um
kernel-x86-debug: FORCE
	@$(MAKE) -C kernel KDIR=$$(scripts/debug-kernel x86 --where) OUT=$(BUILD)/kernel/x86-debug
kernel-kcsan: FORCE
	@$(MAKE) -C kernel KDIR=$$(scripts/debug-kernel kcsan --where) OUT=$(BUILD)/kernel/kcsan
kernel-%: FORCE
	@$(MAKE) -C kernel KDIR=$(call headers,$*) OUT=$(BUILD)/kernel/$*

# --- the programs ---------------------------------------------------------------------------------------------------
$(BUILD)/cmake/build.ninja $(BUILD)/san/build.ninja:
	@for program in cmake ninja $(if $(findstring /san/,$@),clang++,g++); do \
		command -v $$program >/dev/null || { echo "$$program is missing: run scripts/setup" >&2; exit 1; }; done
	$(if $(findstring /san/,$@),CC=clang CXX=clang++) cmake -G Ninja -S . -B $(@D) \
		-DCMAKE_BUILD_TYPE=$(if $(findstring /san/,$@),Debug -DEMD_SANITIZE=ON,RelWithDebInfo) \
		--log-level=WARNING
tools: $(BUILD)/cmake/build.ninja
	@nice cmake --build $(<D) -j $(JOBS) --target emdadm emdmon emdwork emdpower emd_contract umlregs
	@ln -sf cmake/bin/emdadm cmake/bin/emdmon cmake/bin/emdwork $(BUILD)/
umlregs: $(BUILD)/cmake/build.ninja	# for User Mode Linux alone
	@nice cmake --build $(<D) -j $(JOBS) --target $@
docs: $(BUILD)/cmake/build.ninja
	@nice cmake --build $(<D) -j $(JOBS) --target emd_golden
	@EMD_WRITE_DOCS=1 $(<D)/bin/emd_golden --gtest_brief=1 --gtest_filter=Migrations.TheTableIsWhatTheCodeDecides
san: $(BUILD)/san/build.ninja
	@grep -q '^CMAKE_CXX_COMPILER:.*clang' $(<D)/CMakeCache.txt || { rm -rf $(<D) && $(MAKE) $<; }
	@nice cmake --build $(<D) -j $(JOBS)

# udev and systemd look below /usr, /usr/local and /etc: another PREFIX gets its rules and units into /etc.
PREFIX	?= /usr/local
SBINDIR	?= $(PREFIX)/sbin
SYSTEM	 = $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib,/etc)
BIN	?= $(BUILD)/cmake/bin
# $(call configured,FILES.in,DIRECTORY): with the place of the programs written into them
configured = install -d $(DESTDIR)$2 && for file in $1; do \
	sed 's,@SBINDIR@,$(SBINDIR),g' $$file | install -m 644 /dev/stdin $(DESTDIR)$2/$$(basename $$file .in) || exit; done
install: tools
	@$(MAKE) install-files
# without building: the programs of BIN
install-files:
	install -D -t $(DESTDIR)$(SBINDIR) $(BIN)/emdadm $(BIN)/emdmon
	$(call configured,udev/*.in,$(SYSTEM)/udev/rules.d)
	$(call configured,systemd/*.in,$(SYSTEM)/systemd/system)

# --- tests ----------------------------------------------------------------------------------------------------------
setup:
	@scripts/setup
check: setup
	@scripts/check
check-unit: san
	@scripts/check-unit $(BUILD)/san
check-vm: setup all
	@tests/vm/check $(TESTS)
check-debug: setup tools
	@scripts/debug-kernel uml >/dev/null
	@scripts/debug-kernel kcsan >/dev/null
	@$(MAKE) kernel KVER=uml
	@$(MAKE) kernel KVER=kcsan
	@tests/vm/check --debug $(TESTS)

soak: setup tools
	@scripts/debug-kernel uml >/dev/null
	@$(MAKE) kernel KVER=uml
	@nice tests/vm/soak/run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(EPISODE),--episode $(EPISODE)) \
		$(if $(PLANT),--plant)

fuzz: setup
	@scripts/fuzz --minutes $(or $(MINUTES),10) $(if $(TARGETS),--targets $(TARGETS))

prove: setup
	@nice scripts/check-model --full $(if $(NAME),"$(NAME)")

# The load generator, for every kernel that the module is built for.
bench-module: $(releases:%=bench-module-%)
bench-module-uml-fast: FORCE
	@$(MAKE) -C tests/bench/module KDIR=$$(scripts/debug-kernel uml-fast --where) OUT=$(BUILD)/bench/uml-fast ARCH=um
bench-module-%: FORCE
	@$(MAKE) -C tests/bench/module KDIR=$(call headers,$*) OUT=$(BUILD)/bench/$*
bench-quick: bench-module
	@nice tests/bench/bench.py quick
bench: setup kernel bench-module umlregs
	@scripts/debug-kernel uml-fast >/dev/null
	@$(MAKE) kernel bench-module KVER=uml-fast
	@nice tests/bench/bench.py $(or $(PLAN),full) --gates $(if $(ROW),--row $(ROW))

demo: setup all
	@tests/vm/demo

clean:
	rm -rf $(BUILD)
