# SPDX-License-Identifier: GPL-2.0-or-later
#
# What backends have in common, and how all their files are compiled.

BACKENDS_OBJ := $(patsubst %.c,$(B)/backends/%.o,$(sort $(wildcard backends/*/*.c)) frontends/lib/ring.c libhvctl/xs.c)

$(BACKENDS_OBJ): $(B)/backends/%.o: %.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

-include $(BACKENDS_OBJ:.o=.d)
