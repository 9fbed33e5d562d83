# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvblkd, the disk backend; static like hvstored.

HVBLKD_SRC := $(sort $(wildcard backends/block/*.c)) frontends/lib/ring.c libhvctl/xs.c
HVBLKD_OBJ := $(HVBLKD_SRC:%.c=$(B)/backends/%.o)

$(HVBLKD_OBJ): $(B)/backends/%.o: %.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# Shared with the store daemon, whose fragment has the rules.
HVBLKD_SHARED := $(addprefix $(B)/libhvctl/store/,evtchn.o log.o daemon.o lib/logfile.o lib/budget.o)

$(B)/hvblkd: $(HVBLKD_OBJ) $(HVBLKD_SHARED)
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -o $@ $^ -luring -lnbd

TOOLS += $(B)/hvblkd
-include $(HVBLKD_OBJ:.o=.d)
