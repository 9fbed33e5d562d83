# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvstored, the store daemon. Static, since dom0's initramfs has no libraries.

# What decides, without input or output: tests/unit compiles the same files.
HVSTORE_CORE := $(addprefix libhvctl/store/,path.c table.c perm.c tree.c quota.c watch.c transaction.c store.c control.c \
	protocol.c ring.c connection.c journal.c replay.c)
# What the console daemon uses as well.
HVSTORE_SHARED := $(addprefix libhvctl/store/,evtchn.c privcmd.c log.c daemon.c listen.c)
HVSTORED_SRC := $(HVSTORE_CORE) $(HVSTORE_SHARED) $(addprefix libhvctl/store/,journal_file.c socket.c domain.c main.c)
HVSTORED_OBJ := $(HVSTORED_SRC:%.c=$(B)/%.o)
# From the library, for both daemons; compiled apart because the library has flags of its own.
HVSTORE_LIB  := $(addprefix $(B)/libhvctl/store/lib/,budget.o logfile.o)

$(sort $(HVSTORED_OBJ)): $(B)/libhvctl/store/%.o: libhvctl/store/%.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(HVSTORE_LIB): $(B)/libhvctl/store/lib/%.o: libhvctl/%.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/hvstored: $(HVSTORED_OBJ) $(HVSTORE_LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -o $@ $^

TOOLS += $(B)/hvstored
-include $(HVSTORED_OBJ:.o=.d) $(HVSTORE_LIB:.o=.d)
