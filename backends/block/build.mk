# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvblkd, the disk backend; static like hvstored. backends/lib/build.mk compiles its files.

HVBLKD_SRC := $(sort $(wildcard backends/block/*.c backends/lib/*.c)) frontends/lib/ring.c libhvctl/xs.c
HVBLKD_OBJ := $(HVBLKD_SRC:%.c=$(B)/backends/%.o)

# Shared with the store daemon, whose fragment has the rules.
HVBLKD_SHARED := $(addprefix $(B)/libhvctl/store/,evtchn.o log.o daemon.o lib/logfile.o lib/budget.o)

$(B)/hvblkd: $(HVBLKD_OBJ) $(HVBLKD_SHARED)
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -o $@ $^ -luring -lnbd

TOOLS += $(B)/hvblkd
