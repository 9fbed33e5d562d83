# SPDX-License-Identifier: GPL-2.0-or-later
#
# libhvctl and the hvctl command. The command is static: dom0's initramfs has no libraries.

HVCTL_LIB_SRC := $(wildcard libhvctl/*.c libhvctl/save/*.c) \
	hypervisor/image/image.c hypervisor/image/pvh_acpi.c hypervisor/image/start_info.c hypervisor/image/unpack.c
HVCTL_LIB_OBJ := $(HVCTL_LIB_SRC:%.c=$(B)/lib/%.o)
HVCTL_CLI_SRC := $(wildcard libhvctl/cli/*.c) libhvctl/console/client.c
HVCTL_CLI_OBJ := $(HVCTL_CLI_SRC:%.c=$(B)/cli/%.o)
HVCTL_CFLAGS  := $(HOST_CFLAGS) -Ihypervisor -Ilibhvctl -ffunction-sections -fdata-sections
HVCTL_UNPACK  := -llzma -lz -lzstd -llz4
HVCTL_HASH    := -lsodium

$(HVCTL_LIB_OBJ): $(B)/lib/%.o: %.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HVCTL_CFLAGS) -fPIC -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(HVCTL_CLI_OBJ): $(B)/cli/%.o: %.c | $(call deps,build)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HVCTL_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/libhvctl.a: $(HVCTL_LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Only the calls of the public header are visible.
$(B)/libhvctl.so.1: $(HVCTL_LIB_OBJ) libhvctl/libhvctl.map
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -shared -Wl,-soname,libhvctl.so.1 -Wl,--version-script=libhvctl/libhvctl.map \
		-Wl,-z,defs -Wl,--gc-sections -o $@ $(HVCTL_LIB_OBJ) -ljansson $(HVCTL_UNPACK) $(HVCTL_HASH)

$(B)/libhvctl.so: $(B)/libhvctl.so.1
	$(Q)ln -sf libhvctl.so.1 $@

$(B)/hvctl: $(HVCTL_CLI_OBJ) $(B)/libhvctl.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -static -Wl,--gc-sections -o $@ $^ -ljansson $(HVCTL_UNPACK) $(HVCTL_HASH)

TOOLS += $(B)/hvctl
LIBS  += $(B)/libhvctl.a $(B)/libhvctl.so.1 $(B)/libhvctl.so
-include $(HVCTL_LIB_OBJ:.o=.d) $(HVCTL_CLI_OBJ:.o=.d)
