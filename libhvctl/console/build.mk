# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvconsoled, the console daemon; static like hvstored. client.c is for programs that attach to consoles (hvctl).

HVCONSOLED_SRC := $(addprefix libhvctl/console/,ring.c stream.c guest.c main.c)
HVCONSOLED_OBJ := $(HVCONSOLED_SRC:%.c=$(B)/%.o)
# Also used here: the store client of libhvctl, compiled apart because the library has flags of its own.
HVCONSOLED_XS  := $(B)/libhvctl/console/xs.o

$(HVCONSOLED_OBJ): $(B)/libhvctl/console/%.o: libhvctl/console/%.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(HVCONSOLED_XS): libhvctl/xs.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# Shared with the store daemon, whose fragment has the rules.
HVCONSOLED_SHARED := $(addprefix $(B)/libhvctl/store/,evtchn.o privcmd.o log.o daemon.o listen.o lib/budget.o lib/logfile.o)

$(B)/hvconsoled: $(HVCONSOLED_OBJ) $(HVCONSOLED_XS) $(HVCONSOLED_SHARED)
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -o $@ $^

TOOLS += $(B)/hvconsoled
-include $(HVCONSOLED_OBJ:.o=.d) $(HVCONSOLED_XS:.o=.d)
