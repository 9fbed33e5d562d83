# SPDX-License-Identifier: GPL-2.0-or-later
#
# Line coverage of the deciding code (tests/unit/decision-code.txt) by the unit tests and the fuzzers' corpora. Called by
# the top Makefile: make coverage. Every source is compiled once, without sanitizers, and its counters add up over all
# programs that it is part of; scripts/coverage.py reads them with gcov and prints the table.

SHELL  := /bin/bash
B      ?= build
CC     := gcc
C      := $(B)/coverage
MIN    ?= 90
TESTS  := $(sort $(wildcard tests/unit/*_test.c))
NAMES  := $(TESTS:tests/unit/%.c=%)

FLAGS := -std=gnu11 -g -O0 --coverage -fprofile-update=atomic -fno-strict-aliasing -Wall -Wextra -D_GNU_SOURCE \
	-DANNULUS_UNIT -Itests/unit/sim -Ihypervisor -I. -Ilibhvctl -Ilibhvctl/include

tag = $(shell sed -n 's|^// $(1): *||p' $(2))

# Objects of a test with flags of its own are its own; all others are shared.
define program
$(1)_sources := tests/unit/$(1).c $(call tag,sources,tests/unit/$(1).c)
$(1)_cflags  := $(call tag,cflags,tests/unit/$(1).c)
$(1)_dir     := $(C)/obj/$$(if $$($(1)_cflags),$(1)/,all/)
$(1)_objects := $$(addprefix $$($(1)_dir),$$(addsuffix .o,$$($(1)_sources)))
$$($(1)_objects): CFLAGS_OF := $$($(1)_cflags)
$$($(1)_objects): OBJ_DIR := $$($(1)_dir)
OBJECTS += $$($(1)_objects)
$(C)/unit/$(1): $$($(1)_objects)
	@mkdir -p $$(@D)
	@$(CC) --coverage -o $$@ $$^ -lcunit $(call tag,libs,tests/unit/$(1).c) -lpthread
endef
$(foreach n,$(NAMES),$(eval $(call program,$(n))))

.DEFAULT_GOAL := report
.PHONY: report programs
programs: $(NAMES:%=$(C)/unit/%)

.SECONDEXPANSION:
$(sort $(OBJECTS)): $(C)/obj/%.o: $$(shell echo '$$*' | cut -d/ -f2-) tests/unit/coverage.mk
	@mkdir -p $(@D)
	@printf '  %-8s %s\n' COVERAGE $<
	@rm -f $(@:.o=.gcda)
	@$(CC) $(FLAGS) $(CFLAGS_OF) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
-include $(addsuffix .d,$(sort $(OBJECTS)))

report: programs
	@find $(C)/obj -name '*.gcda' -delete
	@scripts/run-unit.sh $(C)/unit $(NAMES)
	@/usr/bin/python3 scripts/coverage.py --objects $(C)/obj --list tests/unit/decision-code.txt --out $(C) --min $(MIN)
