# SPDX-License-Identifier: GPL-2.0-or-later
#
# Annulus. `make help` lists what can be typed. Everything is built below $(B); the tree itself is never written to.
#
# A room with something to build has a fragment of its own (build.mk), included below. A fragment appends
#   TOOLS      programs for dom0 (files below $(B)), also installed by `make install`
#   GUESTS     tiny guest kernels $(B)/guest/<name>.elf, needed by `make system`
#   LIBS       libraries (files below $(B))
#   FRONTENDS  guest kernels on frontends/lib (files below $(B)), installed for dom0 to start
# and writes the rules for them; fragments compile with $(HOST_CFLAGS).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL     := /bin/bash

B       := build
V       ?= 0
ifeq ($(V),0)
Q       := @
say      = @printf '  %-8s %s\n' '$(1)' '$(2)'
else
Q       :=
say      = @:
endif

CC      := gcc
LD      := ld
OBJCOPY := objcopy
OBJDUMP := objdump
NM      := nm
AR      := ar
PYTHON  := /usr/bin/python3
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
UNITDIR ?= /lib/systemd/system
VERSION := $(shell sed -n 's/.*ANNULUS_VERSION "\(.*\)"/\1/p' hypervisor/domain/version.h)

# ---------------------------------------------------------------------------------------------------------------------
# Packages: scripts/deps.sh installs what is missing, once, before anything is compiled.

deps = $(B)/.deps-$(1)
$(B)/.deps-%: scripts/deps.sh
	$(Q)mkdir -p $(B)
	$(Q)scripts/deps.sh $*
	$(Q)touch $@

# ---------------------------------------------------------------------------------------------------------------------
# The hypervisor

HV_ROOMS := lib cpu memory machine domain sched pv hvm image control entry boot
HV_INC   := -Ihypervisor -I.
HV_FLAGS := -ffreestanding -fPIE -mcmodel=small -mno-red-zone -mno-mmx -mno-sse -msoft-float -mgeneral-regs-only \
	-fvisibility=hidden -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fms-extensions -fno-common \
	-fno-jump-tables -fomit-frame-pointer -fcf-protection=none -mindirect-branch=thunk-extern \
	-mindirect-branch-register -mharden-sls=all
HV_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla $(HV_FLAGS) $(HV_INC)
HV_AFLAGS := -g -D__ASSEMBLER__ -fcf-protection=none $(HV_INC) -Wa,--fatal-warnings
ifdef RELEASE
HV_CFLAGS += -DNDEBUG
endif

HV_UNPACK := $(sort $(wildcard hypervisor/image/unpack.c hypervisor/image/unpack_*.c))
HV_C      := $(filter-out $(HV_UNPACK) hypervisor/entry/offsets.c,\
	$(sort $(wildcard hypervisor/*.c) $(foreach r,$(HV_ROOMS),$(wildcard hypervisor/$(r)/*.c))))
HV_S      := $(filter-out %.lds.S,$(sort $(foreach r,$(HV_ROOMS),$(wildcard hypervisor/$(r)/*.S))))
HV_LDS    := hypervisor/boot/annulus.lds.S
HV_OBJS   := $(HV_S:hypervisor/%.S=$(B)/hv/%.S.o) $(HV_C:hypervisor/%.c=$(B)/hv/%.o)
HV_OBJS   += $(if $(HV_UNPACK),$(B)/hv/unpack.o)
HV_DEPS   := $(HV_OBJS:.o=.d) $(B)/hv/entry/offsets.d $(HV_UNPACK:hypervisor/%.c=$(B)/hv/%.d) $(B)/hv/annulus.lds.d

# Anything whose content is a command line is rebuilt when the command line changes, not when its date does.
define keep_if_same
	$(Q)mkdir -p $(@D); printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) > $@
endef
$(B)/hv/.flags: FORCE
	$(call keep_if_same,'$(CC) $(HV_CFLAGS) $(HV_AFLAGS)' '$(HV_OBJS)')

$(B)/hv/%.o: hypervisor/%.c $(B)/hv/.flags | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# What assembly knows of C's structures.
$(B)/hv/entry/offsets.h: hypervisor/entry/offsets.c $(B)/hv/.flags | $(call deps,build)
	$(call say,OFFSETS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(@:.h=.d) -S -o $(@:.h=.s) $<
	$(Q)grep '^#define' $(@:.h=.s) > $@

$(B)/hv/%.S.o: hypervisor/%.S $(B)/hv/.flags $(B)/hv/entry/offsets.h | $(call deps,build)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_AFLAGS) -I$(B)/hv -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# The frame buffer's font: one of GRUB's.
FONT ?= /usr/share/grub/ascii.pf2
$(B)/hv/font.bin: scripts/font.py | $(call deps,build)
	$(call say,FONT,$(FONT))
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) scripts/font.py $(FONT) $@
$(B)/hv/machine/font.S.o: $(B)/hv/font.bin

$(B)/hv/annulus.lds: $(HV_LDS) $(B)/hv/.flags | $(call deps,build)
	$(Q)$(CC) -E -P -x assembler-with-cpp $(HV_AFLAGS) -MMD -MP -MT $@ -MF $@.d -o $@ $<

# The unpackers of dom0's kernel: Debian's own static libraries, linked with unpack.c into one object. All its sections
# become .init.*, which the hypervisor gives back before the first guest runs; only unpack.c's functions stay visible.
# They are compiled for a shared or position-independent program and use a GOT, which --no-relax keeps: the linker's
# shortcut around it only reaches the low 2 GiB.
UNPACK_LIBS   := -llzma -lz -lzstd -llz4
UNPACK_CFLAGS := $(filter-out -mno-sse -mno-mmx -msoft-float -mgeneral-regs-only,$(HV_CFLAGS)) -mgeneral-regs-only
$(B)/hv/unpack.o: $(HV_UNPACK) scripts/prelink.lds scripts/prelink.sh $(B)/hv/.flags | $(call deps,build)
	$(call say,PRELINK,$(HV_UNPACK))
	$(Q)mkdir -p $(B)/hv/image
	$(Q)set -e; for c in $(HV_UNPACK); do o=$(B)/hv/image/$$(basename $$c .c); \
		$(CC) $(UNPACK_CFLAGS) -MMD -MP -MT $@ -MF $$o.d -c -o $$o.o $$c; done
	$(Q)CC='$(CC)' LD='$(LD)' NM='$(NM)' OBJCOPY='$(OBJCOPY)' scripts/prelink.sh $@ '$(UNPACK_LIBS)' \
		$(HV_UNPACK:hypervisor/%.c=$(B)/hv/%.o)

# Linked three times, for the symbol table that backtraces are printed with: without it, with one of the right size, and
# with the right one (scripts/link.sh checks that nothing moved in the last step). Then its ways in and out are walked over.
HV_LDFLAGS := -m elf_x86_64 -nostdlib -static --no-dynamic-linker -z max-page-size=0x1000 -z noexecstack --build-id=sha1 \
	--no-warn-rwx-segments --no-relax
$(B)/annulus.sym: $(HV_OBJS) $(B)/hv/annulus.lds scripts/link.sh scripts/check-entry.py
	$(call say,LD,$@)
	$(Q)CC='$(CC)' LD='$(LD)' NM='$(NM)' scripts/link.sh $@ $(B)/hv/annulus.lds '$(HV_LDFLAGS)' $(HV_OBJS)
	$(Q)$(PYTHON) scripts/check-entry.py --objdump '$(OBJDUMP)' $@

# QEMU's -kernel and old GRUBs want an ELF32 file: the flat image in an ELF32 wrapping.
$(B)/annulus.elf: $(B)/annulus.sym scripts/wrap.sh
	$(call say,WRAP,$@)
	$(Q)CC='$(CC)' LD='$(LD)' NM='$(NM)' OBJCOPY='$(OBJCOPY)' scripts/wrap.sh $< $@

# ---------------------------------------------------------------------------------------------------------------------
# What runs in user space

HOST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -fstack-protector-strong \
	-D_FORTIFY_SOURCE=2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -I.
HOST_LDFLAGS := -Wl,-z,relro,-z,now
TOOLS   :=
LIBS    :=
GUESTS  :=
FRONTENDS :=

-include $(sort $(wildcard libhvctl/build.mk libhvctl/*/build.mk backends/*/build.mk frontends/build.mk tests/*/build.mk))

# ---------------------------------------------------------------------------------------------------------------------
# Commands

.PHONY: all hypervisor tools guests frontends kernel linux32 linux64 image run demo test soak unit replay system coverage faults \
	model lint fuzz fuzz-machine bench bench-ready install deb clean help FORCE

all: hypervisor tools guests frontends ## Build the hypervisor, the tools and the guest kernels
hypervisor: $(B)/annulus.elf ## Build $(B)/annulus.elf and $(B)/annulus.sym (symbols)
tools: $(TOOLS) $(LIBS) ## Build hvctl, hvstored, hvconsoled, hvblkd, hvnetd, hvballoond and libhvctl

# Everything once more for i386, in a directory of its own, with Debian's i386 libraries.
.PHONY: tools32 programs unit32
I386 := $(abspath $(B))/i386/root
CC32 := $(CC) -m32 --sysroot=$(I386) -B$(I386)/usr/lib/gcc/i686-linux-gnu/$(firstword $(subst ., ,$(shell $(CC) -dumpversion)))
$(B)/i386/.unpacked: scripts/fetch-i386.sh | $(call deps,unit) $(call deps,tools32)
	$(Q)scripts/fetch-i386.sh $(B)/i386
	$(Q)touch $@
TOOLS32 := $(TOOLS:$(B)/%=$(B)/tools32/%)
tools32: $(TOOLS32) ## The same programs for a 32-bit dom0, in $(B)/tools32
$(TOOLS32) &: $(B)/i386/.unpacked FORCE
	$(Q)$(MAKE) --no-print-directory B=$(B)/tools32 CC='$(CC32)' programs
programs: $(TOOLS)

guests: $(GUESTS) ## Build the tiny guest kernels of the system tests
frontends: $(FRONTENDS) ## Build the guest kernel on the frontend library: $(B)/frontends/minimal-64.elf, minimal-32.elf

kernel: $(B)/kernel/vmlinuz ## Fetch the kernel of Debian's linux-image-amd64
$(B)/kernel/vmlinuz: scripts/fetch-kernel.sh | $(call deps,run)
	$(Q)scripts/fetch-kernel.sh $(B)/kernel

linux32: | $(call deps,linux) ## Build the 32-bit PAE Linux of linux-patches/ (vmlinux, bzImage, an initramfs) in $(B)/linux32 (LINUX_JOBS=)
	$(Q)scripts/linux.sh 32 $(B)/linux32
	$(Q)scripts/root32.sh $(B)/linux32

linux64: | $(call deps,linux) ## Build the 64-bit Linux of linux-patches/, for ring 1 (vmlinux, bzImage), in $(B)/linux64 (LINUX_JOBS=)
	$(Q)scripts/linux.sh 64 $(B)/linux64

INITRAMFS := scripts/initramfs.sh $(wildcard scripts/dom0/* scripts/guest/*)
$(B)/dom0.cpio.gz $(B)/guest.cpio.gz $(B)/disk.img &: $(INITRAMFS) $(B)/kernel/vmlinuz $(TOOLS) $(FRONTENDS) | $(call deps,run)
	$(Q)scripts/initramfs.sh $(B)

$(B)/dom0-32.cpio.gz $(B)/guest-32.cpio.gz &: $(INITRAMFS) $(wildcard scripts/dom0-32/*) $(TOOLS32) $(FRONTENDS) | \
		$(call deps,run)
	$(Q)scripts/initramfs.sh $(B) 32

image: $(B)/annulus.iso ## Build the bootable ISO: GRUB2, Annulus, Debian's kernel, our initramfs
HV ?= $(B)/annulus.elf
$(B)/annulus.iso: $(HV) $(B)/dom0.cpio.gz $(B)/guest.cpio.gz $(B)/kernel/vmlinuz scripts/iso.sh | $(call deps,run)
	$(Q)scripts/iso.sh $@ $(HV) $(B)

# The kernel is built when it is missing, and after that by `make linux32` alone: it takes minutes to see that all is there.
$(B)/linux32/vmlinux:
	$(Q)$(MAKE) --no-print-directory linux32
$(B)/annulus32.iso: $(HV) $(B)/dom0-32.cpio.gz $(B)/guest-32.cpio.gz $(B)/guest.cpio.gz $(B)/linux32/vmlinux \
		$(B)/kernel/vmlinuz scripts/iso.sh | $(call deps,run)
	$(Q)scripts/iso.sh $@ $(HV) $(B) 32

run: $(B)/annulus.iso ## Boot it in QEMU (no VMX, no SVM) and type at dom0's shell
	$(Q)scripts/run.sh $(B)

demo: $(B)/annulus.iso ## The same without a person: print the checklist, exit 0 or 1 (DEMO_CPU=, DEMO_CPUS=)
	$(Q)$(PYTHON) tests/system/demo.py $(B)

.PHONY: demo32
demo32: $(B)/annulus32.iso ## The same with a 32-bit dom0 in ring 1, a 64-bit and a 32-bit guest; needs the kernel of linux32
	$(Q)DEMO_BITS=32 $(PYTHON) tests/system/demo.py $(B)

test: ## Form, unit tests, fuzzing's inputs, system tests; the last line is `N passed, N failed, N skipped`
	$(Q)scripts/test.sh '$(MAKE_COMMAND)' $(B)

soak: ## The same with every case, also those that `make test` leaves out, and each fuzzer for ten minutes
	$(Q)SOAK=1 scripts/test.sh '$(MAKE_COMMAND)' $(B)

unit: | $(call deps,unit) ## Unit tests (CUnit, ASan, UBSan); T=name runs one
	$(Q)$(MAKE) --no-print-directory -f tests/unit/Makefile B=$(B) T='$(T)' run
	$(Q)$(if $(T),,$(PYTHON) tests/faults/run.py --check)

unit32: $(B)/i386/.unpacked | $(call deps,unit) ## Those unit tests that are also compiled for i386: the tools, the ABI; T=name
	$(Q)$(if $(wildcard $(B)/kernel/vmlinuz),ANNULUS_TEST_KERNEL=$(abspath $(B))/kernel/vmlinuz) \
		$(MAKE) --no-print-directory -f tests/unit/Makefile B=$(B)/i386 BITS=32 CC='$(CC32)' T='$(T)' run

system: all $(B)/annulus.iso $(if $(SOAK)$(wildcard $(B)/linux32/vmlinux),$(B)/annulus32.iso) | $(call deps,test) ## Whole-machine tests in QEMU and Bochs; T=name runs those whose name contains it
	$(Q)$(PYTHON) tests/system/run.py --build $(B) $(if $(T),--only '$(T)')

coverage: $(B)/kernel/vmlinuz | $(call deps,unit) ## Lines of the deciding code that unit tests and corpora run; fails below 90 %
	$(Q)$(MAKE) --no-print-directory -j$(or $(JOBS),2) -f tests/unit/coverage.mk B=$(B)

faults: $(B)/kernel/vmlinuz guests | $(call deps,fuzz) ## Seed bugs into a copy of the deciding code and see what catches them; T=name
	$(Q)$(PYTHON) tests/faults/run.py --build $(B) $(if $(T),--only '$(T)')

# What the model of the page types says, for the code to agree with.
EDGES := $(B)/model/edges.txt
$(EDGES): hypervisor/pv/pagetype.pml scripts/model.sh | $(call deps,unit)
	$(call say,SPIN,$<)
	$(Q)scripts/model.sh edges $(B)
unit coverage faults: $(EDGES)

model: | $(call deps,unit) ## Search the page types' model, and its mistakes, with spin
	$(Q)scripts/model.sh all $(B)

lint: $(if $(QUICK),,hypervisor) | $(if $(QUICK),,$(call deps,lint)) ## cppcheck, rooms, long lines, words that do not belong (QUICK=1: only text)
	$(Q)$(PYTHON) scripts/lint.py $(if $(QUICK),--quick,--build $(B))

replay: | $(call deps,unit) ## What fuzzing found, once more, without a fuzzer (ASan, UBSan); T=name
	$(Q)$(MAKE) --no-print-directory -f tests/fuzz/Makefile B=$(B) T='$(T)' replay

SECONDS ?= 10
JOBS    ?= 2
fuzz: | $(call deps,fuzz) ## Fuzzers, SECONDS= each (10), JOBS= at once (2); T=name runs those whose name contains it
	$(Q)$(MAKE) --no-print-directory -f tests/fuzz/Makefile B=$(B) T='$(T)' SECONDS=$(SECONDS) JOBS=$(JOBS) run

fuzz-machine: hypervisor guests | $(call deps,test) ## Fuzz a running hypervisor from its guests, SECONDS=; M=mapped, unmapped or bochs, SEED=
	$(Q)$(PYTHON) tests/system/fuzz_machine.py --build $(B) --seconds $(SECONDS) --machine $(or $(M),mapped) \
		$(if $(SEED),--seed $(SEED))

$(B)/xen/xen.elf: scripts/fetch-xen.sh | $(call deps,bench)
	$(Q)scripts/fetch-xen.sh $(B)/xen
	$(Q)touch $@

bench-ready: hypervisor tools $(B)/kernel/vmlinuz $(B)/xen/xen.elf bench-programs
# The rows of Linux i386 need its kernel, ten minutes of compiling the first time.
bench: bench-ready $(if $(filter 0,$(LINUX32)),,linux32) ## Against bare hardware and Xen: table, report.json, report.svg (BOOTS=5 WALL=3 ROWS=a,b CONFIGS=a,b LINUX32=0)
	$(Q)$(PYTHON) tests/bench/run.py --build $(B) --rows $(or $(ROWS),all) --configs $(or $(CONFIGS),all) --report \
		--icount --boots $(or $(BOOTS),5) --wall $(or $(WALL),3) --jobs $(or $(JOBS),2)

# BUILT=1: as it is, nothing is compiled.
install: $(if $(BUILT),,all) ## Install below $(DESTDIR)$(PREFIX); the hypervisor in /boot, its GRUB entries and settings in /etc
	install -D -m 644 $(B)/annulus.elf $(DESTDIR)/boot/annulus.elf
	install -D -m 644 $(B)/annulus.sym $(DESTDIR)$(PREFIX)/lib/annulus/annulus.sym
	install -D -m 755 packaging/20_annulus $(DESTDIR)/etc/grub.d/20_annulus
	install -D -m 644 packaging/annulus.cfg $(DESTDIR)/etc/default/grub.d/annulus.cfg
	install -D -m 644 packaging/default $(DESTDIR)/etc/default/annulus
	install -d -m 755 $(DESTDIR)/etc/annulus/auto
	for t in $(TOOLS); do install -D -m 755 $$t $(DESTDIR)$(PREFIX)/sbin/$$(basename $$t); done
	for p in is-dom0 guests boot-done; do install -D -m 755 packaging/$$p $(DESTDIR)$(PREFIX)/lib/annulus/$$p; done
	for u in packaging/*.service; do install -d $(DESTDIR)$(UNITDIR); \
		sed 's,=/usr/sbin/hv,=$(PREFIX)/sbin/hv,; s,=/usr/lib/annulus/,=$(PREFIX)/lib/annulus/,' $$u \
			>$(DESTDIR)$(UNITDIR)/$$(basename $$u); done
	for l in $(LIBS); do install -d $(DESTDIR)$(LIBDIR); cp -d $$l $(DESTDIR)$(LIBDIR)/; \
		[ -h $$l ] || chmod 644 $(DESTDIR)$(LIBDIR)/$$(basename $$l); done
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@VERSION@,$(VERSION),' packaging/libhvctl.pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/libhvctl.pc
	for k in $(FRONTENDS); do install -D -m 644 $$k $(DESTDIR)$(PREFIX)/lib/annulus/$$(basename $$k); done
	install -D -m 755 packaging/guest-meminfo $(DESTDIR)$(PREFIX)/share/annulus/guest-meminfo
	install -D -m 644 packaging/guest-meminfo.service.in $(DESTDIR)$(PREFIX)/share/annulus/guest-meminfo.service
	for h in libhvctl/include/*.h; do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/$$(basename $$h); done
	install -D -m 644 packaging/hvctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/hvctl
	install -D -m 644 packaging/_hvctl $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_hvctl
	for m in $(wildcard docs/man/*.[1-8]); do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$(basename $$m); done

deb: all | $(call deps,deb) ## Debian packages, in $(B)/deb; on a Debian 12: apt install ./$(B)/deb/*.deb
	$(Q)scripts/deb.sh $(B)

clean: ## Remove what was built (the fetched and the patched kernels stay; delete $(B)/ to remove all)
	rm -rf $(filter-out $(B)/kernel $(B)/linux32 $(B)/linux64,$(wildcard $(B)/* $(B)/.deps-*))

help: ## This list
	@echo "make V=1 shows every command, RELEASE=1 leaves assertions out. Targets:"
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | sed 's/\$$(B)/$(B)/g' | \
		while IFS=$$'\t' read -r t d; do printf '  %-11s %s\n' "$$t" "$$d"; done

FORCE:

-include $(HV_DEPS)
