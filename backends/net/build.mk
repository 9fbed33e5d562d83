# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvnetd, the network backend; static like hvstored. backends/lib/build.mk compiles its files.

HVNETD_SRC := $(sort $(wildcard backends/net/*.c backends/lib/*.c)) frontends/lib/ring.c libhvctl/xs.c
HVNETD_OBJ := $(HVNETD_SRC:%.c=$(B)/backends/%.o)

# Shared with the store daemon, whose fragment has the rules.
HVNETD_SHARED := $(addprefix $(B)/libhvctl/store/,evtchn.o log.o daemon.o lib/logfile.o lib/budget.o)

$(B)/hvnetd: $(HVNETD_OBJ) $(HVNETD_SHARED)
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -o $@ $^

TOOLS += $(B)/hvnetd
