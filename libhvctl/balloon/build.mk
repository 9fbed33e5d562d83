# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvballoond, which shares memory among guests: a program on libhvctl, static like hvctl.

HVBALLOOND_SRC := $(addprefix libhvctl/balloon/,figure.c share.c pass.c main.c)
HVBALLOOND_OBJ := $(HVBALLOOND_SRC:%.c=$(B)/%.o)
# Shared with the store daemon, whose fragment has the rules. What these use of the library is in the library.
HVBALLOOND_SHARED := $(addprefix $(B)/libhvctl/store/,log.o daemon.o)

$(HVBALLOOND_OBJ): $(B)/libhvctl/balloon/%.o: libhvctl/balloon/%.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/hvballoond: $(HVBALLOOND_OBJ) $(HVBALLOOND_SHARED) $(B)/libhvctl.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -Wl,--gc-sections -o $@ $^ -ljansson $(HVCTL_UNPACK) $(HVCTL_HASH)

TOOLS += $(B)/hvballoond
-include $(HVBALLOOND_OBJ:.o=.d)
