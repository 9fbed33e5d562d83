# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of the benchmark. tests/bench/run.py asks for them by `make bench-programs`.

BENCH_PROGRAMS := $(B)/bench/micro $(B)/bench/collect $(B)/bench/count.so $(B)/bench/peer.elf
BENCH_CFLAGS   := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -D_GNU_SOURCE -Itests/bench -I.

# Static, and without the distribution's hardening flags: what is measured must not depend on the machine it is built on.
$(B)/bench/collect: tests/bench/collect.c tests/bench/peer.h | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -static -o $@ $<

$(B)/bench/micro: tests/bench/micro.c tests/bench/disk.c tests/bench/row.h | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -static -o $@ $(filter %.c,$^)

# What the rows of Linux i386 need; asked for when there is such a kernel.
BENCH_PROGRAMS32 := $(B)/bench/micro32 $(B)/bench/pack32
$(B)/bench/micro32: tests/bench/disk.c tests/bench/row.h
$(B)/bench/micro32 $(B)/bench/pack32: $(B)/bench/%32: tests/bench/%.c | $(call deps,bench)
	$(call say,CC,$< for i386)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -march=i686 -msse2 $(BENCH_CFLAGS) -static -o $@ $(filter %.c,$^) $(if $(findstring pack,$@),-lz)

$(B)/bench/count.so: tests/bench/count.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $<

$(B)/bench/peer.o: tests/bench/peer.c tests/bench/peer.h tests/guest/lib/guest.h | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS) -Itests/bench -c -o $@ $<

$(B)/bench/peer.elf: $(B)/bench/peer.o $(B)/guest/lib/head.o $(B)/guest/lib/guest.o tests/guest/lib/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T tests/guest/lib/guest.lds -o $@ $< $(B)/guest/lib/head.o $(B)/guest/lib/guest.o

.PHONY: bench-programs bench-programs32
bench-programs: $(BENCH_PROGRAMS)
bench-programs32: $(BENCH_PROGRAMS32)
