# SPDX-License-Identifier: GPL-2.0-or-later
# Tiny guest kernels: tests/guest/<name>/main.c with lib/ becomes $(B)/guest/<name>.elf.

TG_NAMES := $(notdir $(patsubst %/main.c,%,$(wildcard tests/guest/*/main.c)))
TG_ONLY32 := $(notdir $(patsubst %/main.c,%,$(shell grep -l 'bits: 32$$' $(wildcard tests/guest/*/main.c))))
TG_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -ffreestanding \
	-fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-omit-frame-pointer -fcf-protection=none \
	-Itests/guest/lib -I.
TG_FLAGS32 := $(filter-out -mcmodel=kernel -mno-red-zone,$(TG_FLAGS)) -m32
TG_NAMES32 := $(notdir $(patsubst %/main.c,%,$(shell grep -l 'bits: 64 32$$' $(wildcard tests/guest/*/main.c)))) $(TG_ONLY32)
TG_PVH := $(notdir $(patsubst %/main.c,%,$(shell grep -l 'kind: pvh$$' $(wildcard tests/guest/*/main.c))))
TG_NAMES := $(filter-out $(TG_ONLY32) $(TG_PVH),$(TG_NAMES))
TG_RING1 := $(notdir $(patsubst %/main.c,%,$(shell grep -l 'bits: ring1$$' $(wildcard tests/guest/*/main.c))))
TG_FLAGS1 := $(TG_FLAGS) -DRING1
TG_FORM1 := $(notdir $(patsubst %/main.c,%,$(shell grep -l '^ \* ring1: yes$$' $(wildcard tests/guest/*/main.c))))
TG_LIB1 := $(B)/guest/lib1/head.o $(B)/guest/lib1/guest.o
TG_PLAIN := $(notdir $(patsubst %/main.c,%,$(shell grep -l 'notes: none$$' $(wildcard tests/guest/*/main.c))))
TG_LIB32 := $(B)/guest/lib32/head32.o $(B)/guest/lib32/guest.o $(B)/guest/lib32/divide.o
TG_LIB   := $(B)/guest/lib/head.o $(B)/guest/lib/guest.o

$(B)/guest/lib/head.o: tests/guest/lib/head.S | $(call deps,build)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS) -D__ASSEMBLER__ -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/lib/guest.o: tests/guest/lib/guest.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/%/main.o: tests/guest/%/main.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/%.elf: $(B)/guest/%/main.o $(TG_LIB) tests/guest/lib/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T tests/guest/lib/guest.lds -o $@ $< $(TG_LIB)

$(B)/guest/lib1/head.o: tests/guest/lib/head.S | $(call deps,build)
	$(call say,AS,$< (ring 1))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS1) -D__ASSEMBLER__ -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/lib1/guest.o: tests/guest/lib/guest.c | $(call deps,build)
	$(call say,CC,$< (ring 1))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS1) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(TG_RING1:%=$(B)/guest/%/main.o): $(B)/guest/%/main.o: tests/guest/%/main.c | $(call deps,build)
	$(call say,CC,$< (ring 1))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS1) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(TG_RING1:%=$(B)/guest/%.elf): $(B)/guest/%.elf: $(B)/guest/%/main.o $(TG_LIB1) tests/guest/lib/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T tests/guest/lib/guest.lds -o $@ $< $(TG_LIB1)

$(B)/guest/%/main1.o: tests/guest/%/main.c | $(call deps,build)
	$(call say,CC,$< (ring 1))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS1) -DRING1_FORM -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/%-r1.elf: $(B)/guest/%/main1.o $(TG_LIB1) tests/guest/lib/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T tests/guest/lib/guest.lds -o $@ $< $(TG_LIB1)

$(B)/guest/lib32/head32.o: tests/guest/lib/head32.S | $(call deps,build)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS32) -D__ASSEMBLER__ -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/lib32/%.o: tests/guest/lib/%.c | $(call deps,build)
	$(call say,CC,$< (32))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS32) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/%/main32.o: tests/guest/%/main.c | $(call deps,build)
	$(call say,CC,$< (32))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TG_FLAGS32) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/guest/%-32.elf: $(B)/guest/%/main32.o $(TG_LIB32) tests/guest/lib/guest32.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_i386 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T tests/guest/lib/guest32.lds -o $@ $< $(TG_LIB32)

# Plain ones are compiled from the beginning, with the library, to be mapped from 0.
# $(1) name, $(2) flags, $(3) sources of the library, $(4) its script, $(5) where other guests are mapped, $(6) linker's emulation
define plain_guest
$(B)/guest/$(1).elf: tests/guest/$(1:%-32=%)/main.c $(3) $(4) $(wildcard tests/guest/lib/*.h pv-abi/*.h) | $(call deps,build)
	$(call say,PLAIN,$$@)
	$(Q)mkdir -p $(B)/guest/$(1)
	$(Q)sed s/$(5)/0/g $(4) >$(B)/guest/$(1)/plain.lds
	$(Q)$(CC) $(2) -DPLAIN -nostdlib -static -no-pie -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
		-Wl,-m,$(6),-T,$(B)/guest/$(1)/plain.lds -o $$@ tests/guest/$(1:%-32=%)/main.c $(3)
endef
$(foreach n,$(TG_PLAIN),$(eval $(call plain_guest,$(n),$(TG_FLAGS),tests/guest/lib/head.S tests/guest/lib/guest.c,\
	tests/guest/lib/guest.lds,0xffffffff80000000,elf_x86_64)))
$(foreach n,$(TG_PLAIN:%=%-32),$(eval $(call plain_guest,$(n),$(TG_FLAGS32),\
	$(addprefix tests/guest/lib/,head32.S guest.c divide.c),tests/guest/lib/guest32.lds,0xc0000000,elf_i386)))

$(TG_PVH:%=$(B)/guest/%.elf): $(B)/guest/%.elf: tests/guest/%/main.c \
		$(wildcard tests/guest/lib/pvh.* pv-abi/*.h) | $(call deps,build)
	$(call say,PVH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -mcmodel=kernel,$(TG_FLAGS)) -Wno-unused-function -nostdlib -static -no-pie \
		-Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments,-T,tests/guest/lib/pvh.lds \
		-o $@ $< tests/guest/lib/pvh.S

.PRECIOUS: $(B)/guest/%/main.o $(B)/guest/%/main32.o $(B)/guest/%/main1.o
GUESTS += $(TG_PVH:%=$(B)/guest/%.elf) $(TG_NAMES:%=$(B)/guest/%.elf) $(TG_NAMES32:%=$(B)/guest/%-32.elf)
GUESTS += $(TG_FORM1:%=$(B)/guest/%-r1.elf)
-include $(TG_LIB:.o=.d) $(TG_NAMES:%=$(B)/guest/%/main.d)
-include $(TG_LIB1:.o=.d) $(TG_FORM1:%=$(B)/guest/%/main1.d)
-include $(TG_LIB32:.o=.d) $(TG_NAMES32:%=$(B)/guest/%/main32.d)
