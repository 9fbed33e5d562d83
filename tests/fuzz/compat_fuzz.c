// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/entry/compat_struct.c hypervisor/pv/compat_context.c
// options: -max_len=3000
//
// Structures of 32-bit guests: to the 64-bit form and back. The oracle reads both forms field by
// field, byte by byte, and knows what must not change or appear.

#include "entry/compat_struct.h"
#include "tests/fuzz/fuzz.h"

#include "pv/compat.h"

static const struct compat_command *const lists[] = {
	compat_memory_commands, compat_vcpu_commands, compat_sched_commands,
	compat_physdev_commands, compat_grant_commands, compat_platform_commands,
};

static u64 number(const u8 *p, unsigned bytes)
{
	u64 n = 0;

	while (bytes--)
		n = n << 8 | p[bytes];
	return n;
}

/* Every byte of the wide form is a field's or zero, and every field has its value. */
static void check_wide(const struct compat_layout *l, const u8 *narrow, const u8 *wide)
{
	static u8 owned[COMPAT_STRUCT_MAX];

	memset(owned, 0, sizeof(owned));
	for (unsigned i = 0; i < l->nr_fields; i++) {
		const struct compat_field *f = &l->field[i];

		FUZZ_CHECK(f->at32 + f->size32 <= l->size32 && f->at64 + f->size64 <= l->size64,
			   "field %u leads out of its structure", i);
		FUZZ_CHECK(f->size32 == f->size64 || (f->size32 == 4 && f->size64 == 8),
			   "field %u has sizes %u and %u", i, f->size32, f->size64);
		if (f->size32 != f->size64)
			FUZZ_CHECK(number(wide + f->at64, 8) == number(narrow + f->at32, 4),
				   "field %u is not extended", i);
		else
			FUZZ_CHECK(!memcmp(wide + f->at64, narrow + f->at32, f->size32),
				   "field %u differs", i);
		for (unsigned k = 0; k < f->size64; k++) {
			FUZZ_CHECK(!owned[f->at64 + k], "field %u lies over another", i);
			owned[f->at64 + k] = 1;
		}
	}
	for (unsigned k = 0; k < l->size64; k++)
		FUZZ_CHECK(owned[k] || !wide[k], "byte %u comes from nowhere", k);
}

static void one_structure(struct fuzz_in *in)
{
	const struct compat_command *list = lists[fuzz_below(in, sizeof(lists) / sizeof(lists[0]))],
				    *c;
	u8 narrow[COMPAT_STRUCT_MAX + 1], wide[COMPAT_STRUCT_MAX + 1], back[COMPAT_STRUCT_MAX + 1];
	unsigned n = 0, pick;

	while (list[n].cmd != COMPAT_LIST_END)
		n++;
	pick = fuzz_below(in, n);
	c = compat_command_find(list, list[pick].cmd);
	FUZZ_CHECK(c == &list[pick], "command %u is there twice", list[pick].cmd);
	FUZZ_CHECK(!compat_command_find(list, COMPAT_LIST_END), "the end is no command");
	if (!c->layout)
		return;
	for (unsigned i = 0; i < c->layout->size32; i++)
		narrow[i] = fuzz_u8(in);
	memset(wide, 0xa5, sizeof(wide));
	compat_widen(c->layout, wide, narrow);
	check_wide(c->layout, narrow, wide);
	FUZZ_CHECK(wide[c->layout->size64] == 0xa5, "written past the wide form");
	/* Back over what the guest had there: padding and all it is the same again. */
	memcpy(back, narrow, sizeof(back));
	back[c->layout->size32] = 0x5a;
	compat_narrow(c->layout, back, wide);
	FUZZ_CHECK(!memcmp(back, narrow, c->layout->size32), "it does not come back");
	FUZZ_CHECK(back[c->layout->size32] == 0x5a, "written past the narrow form");
}

static void one_context(struct fuzz_in *in)
{
	static struct compat_vcpu_guest_context narrow, back, again;
	static struct vcpu_guest_context wide;
	struct compat_callback_selectors sel;
	u8 *p = (u8 *)&narrow;

	for (size_t i = 0; i < sizeof(narrow); i++)
		p[i] = fuzz_u8(in);
	compat_context_widen(&wide, &sel, &narrow);
	FUZZ_CHECK(wide.ctrlreg[3] >> 12 == compat_cr3_to_pfn(narrow.ctrlreg[3]), "the root");
	FUZZ_CHECK(!wide.ctrlreg[1], "a root for user space");
	FUZZ_CHECK(wide.user_regs.rip == narrow.user_regs.eip, "eip");
	FUZZ_CHECK(wide.kernel_sp == narrow.kernel_sp, "kernel_sp");
	compat_context_narrow(&back, &wide, &sel);
	compat_context_widen(&wide, &sel, &back);
	compat_context_narrow(&again, &wide, &sel);
	/* What is lost is lost the first time. */
	FUZZ_CHECK(!memcmp(&back, &again, sizeof(back)), "it does not come to rest");
	FUZZ_CHECK(!memcmp(back.trap_ctxt, narrow.trap_ctxt, sizeof(back.trap_ctxt)), "traps");
	FUZZ_CHECK(!memcmp(back.gdt_frames, narrow.gdt_frames, sizeof(back.gdt_frames)), "GDT");
	FUZZ_CHECK(back.ctrlreg[3] == narrow.ctrlreg[3], "CR3");
	FUZZ_CHECK(back.user_regs.esp == narrow.user_regs.esp, "esp");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	if (fuzz_u8(&in) & 1) {
		one_context(&in);
		return 0;
	}
	while (fuzz_more(&in))
		one_structure(&in);
	return 0;
}
