# SPDX-License-Identifier: GPL-2.0-or-later
#
# Line coverage of the deciding code (tests/unit/decision-code.txt) by the unit tests and the fuzzers' kept inputs. Called by
# the top Makefile: make coverage. Every source is compiled once without sanitizers, and its counters add up over all
# programs that it is part of; scripts/coverage.py reads them with gcov and prints the table. tests/faults/run.py builds the
# same programs with other FLAGS and LINK.

SHELL  := /bin/bash
B      ?= build
CC     := gcc
C      := $(B)/coverage
MIN    ?= 90
# Those that are for this machine: `bits: 32` alone is a program for i386.
bits    = $(or $(shell sed -n 's|^// bits: *||p' $1),64)
UNITS  := $(patsubst tests/unit/%.c,%,$(foreach t,$(sort $(wildcard tests/unit/*_test.c)),$(if $(filter 64,$(call bits,$t)),$t)))
FUZZES := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))

FLAGS := -std=gnu11 -g -O0 --coverage -fprofile-update=atomic -fno-strict-aliasing -fms-extensions -D_GNU_SOURCE -DANNULUS_UNIT
LINK  := $(CC) --coverage
INC   := -Itests/unit/sim -Itests/unit -Ihypervisor -I. -Ilibhvctl -Ilibhvctl/include

tag = $(shell sed -n 's|^// $(1): *||p' $(2))

# $(1) program, $(2) its own files, $(3) flags for all of it, $(4) objects' directory: those with the same flags are shared.
define program
$(1)_objects := $(addprefix $(C)/obj/$(4)/,$(addsuffix .o,$(2) $(call tag,sources,$(firstword $(2)))))
$$($(1)_objects): FLAGS_OF := $(3)
OBJECTS += $$($(1)_objects)
PROGRAMS += $(C)/bin/$(1)
$(C)/bin/$(1): $$($(1)_objects)
	@mkdir -p $$(@D)
	@$(LINK) -o $$@ $$^ -lcunit $(call tag,libs,$(firstword $(2))) -lpthread
endef
flags_of = $(call tag,cflags,$(1))
$(foreach n,$(UNITS),$(eval $(call program,$(n),tests/unit/$(n).c,$(INC) $(call flags_of,tests/unit/$(n).c),$(if $(call \
	flags_of,tests/unit/$(n).c),$(n),unit))))
$(foreach n,$(FUZZES),$(eval $(call program,$(n),tests/fuzz/$(n).c tests/fuzz/replay.c,-Itests/fuzz/shim $(INC) \
	-DANNULUS_FUZZ $(call flags_of,tests/fuzz/$(n).c),$(if $(call flags_of,tests/fuzz/$(n).c),$(n),fuzz))))
# What no program has is compiled all the same, so that its lines count.
DECIDING := $(addprefix $(C)/obj/unit/,$(addsuffix .o,$(shell sed -n 's/^decide //p' tests/unit/decision-code.txt)))
$(DECIDING): FLAGS_OF := $(INC)
OBJECTS := $(sort $(OBJECTS) $(DECIDING))

.DEFAULT_GOAL := report
.PHONY: report programs list
programs: $(PROGRAMS)
list:
	@$(foreach n,$(UNITS) $(FUZZES),echo 'program $(n) $($(n)_objects)';)

.SECONDEXPANSION:
$(OBJECTS): $(C)/obj/%.o: $$(shell echo '$$*' | cut -d/ -f2-) tests/unit/coverage.mk
	@mkdir -p $(@D)
	@printf '  %-8s %s\n' COVERAGE $<
	@rm -f $(@:.o=.gcda)
	@$(CC) $(FLAGS) $(FLAGS_OF) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
-include $(OBJECTS:=.d)

# With all programs linked, their counters start from nothing.
report: programs $(DECIDING)
	@find $(C)/obj -name '*.gcda' -delete
	@ANNULUS_TEST_KERNEL=$(abspath $(B)/kernel/vmlinuz) ANNULUS_MODEL_EDGES=$(abspath $(B)/model/edges.txt) \
		scripts/run-unit.sh $(C)/bin $(UNITS)
	@for f in $(FUZZES); do \
		n=$${f%_fuzz}; dirs=; \
		for d in tests/fuzz/corpus/$$n tests/fuzz/crash/$$n; do [ ! -d $$d ] || dirs="$$dirs $$d"; done; \
		echo "inputs of $$n: $$(timeout 600 $(C)/bin/$$f $$dirs)" || exit 1; \
	done
	@/usr/bin/python3 scripts/coverage.py --objects $(C)/obj --list tests/unit/decision-code.txt --out $(C) --min $(MIN)
