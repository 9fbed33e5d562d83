# SPDX-License-Identifier: MIT
# frontends/minimal with frontends/lib, for both widths: $(B)/frontends/minimal-64.elf and minimal-32.elf.

FE_SRC   := $(sort $(wildcard frontends/lib/*.c frontends/minimal/*.c))
FE_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla -ffreestanding -fno-pic \
	-mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none -I.
FE_64    := -m64 -mcmodel=kernel -mno-red-zone
FE_32    := -m32 -DBITS32
FE_OBJ   := frontends/minimal/start.o $(FE_SRC:.c=.o)
FE_ELF   := $(B)/frontends/minimal-64.elf $(B)/frontends/minimal-32.elf

define fe_width
$(B)/frontends/$(1)/%.o: %.c | $(call deps,build)
	$$(call say,CC,$$< ($(1)))
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(FE_FLAGS) $(FE_$(1)) -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<

$(B)/frontends/$(1)/%.o: %.S | $(call deps,build)
	$$(call say,AS,$$< ($(1)))
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(FE_FLAGS) $(FE_$(1)) -D__ASSEMBLER__ -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<

$(B)/frontends/$(1)/minimal.lds: frontends/minimal/minimal.lds.S | $(call deps,build)
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) -E -P -x assembler-with-cpp -fno-pic $(FE_$(1)) -o $$@ $$<

$(B)/frontends/minimal-$(1).elf: $(addprefix $(B)/frontends/$(1)/,$(FE_OBJ)) $(B)/frontends/$(1)/minimal.lds
	$$(call say,LD,$$@)
	$(Q)$(LD) -m $(2) -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments \
		-T $(B)/frontends/$(1)/minimal.lds -o $$@ $(addprefix $(B)/frontends/$(1)/,$(FE_OBJ))

-include $(addprefix $(B)/frontends/$(1)/,$(FE_OBJ:.o=.d))
endef
$(eval $(call fe_width,64,elf_x86_64))
$(eval $(call fe_width,32,elf_i386))

FRONTENDS += $(FE_ELF)
