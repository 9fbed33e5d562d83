// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every selector there is, with every RPL, in every segment register and in LAR, LSL, VERR and
 * VERW, with no table of the guest's own, with full ones and after they were taken away: only the
 * ABI's flat segments and the guest's own can be used, nothing is told about others (task
 * segments, local tables and code of the hypervisor's), and the tables' limits hold at their ends.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-selectors";

static uint64_t *gdt, *ldt;
static uint64_t frame;

static bool is_flat(unsigned sel)
{
	sel |= 3;
#ifdef __i386__
	return sel == (KERNEL_CS | 3) || sel == (KERNEL_SS | 3) || sel == USER_CS || sel == USER_SS;
#else
	return sel == FLAT_RING3_CS64 || sel == FLAT_RING3_CS32 || sel == FLAT_RING3_SS64 ||
	       sel == (KERNEL_CS | 3) || sel == (KERNEL_SS | 3);
#endif
}

/* `own` is loaded again if the library needs it. */
#define LOADER(reg, own)                                                              \
	static void load_##reg(void *arg)                                             \
	{                                                                             \
		__asm__ volatile("movl %0, %%" #reg ::"r"((uint32_t)(uintptr_t)arg)); \
		if (KERNEL_RING == 1 && own)                                          \
			__asm__ volatile("movl %0, %%" #reg ::"r"(own));              \
	}
LOADER(ds, KERNEL_DS)
LOADER(es, KERNEL_DS)
LOADER(fs, 0)
LOADER(gs, 0)
LOADER(ss, KERNEL_SS)

static bool lar(unsigned sel, uint32_t *rights)
{
	bool ok;

	__asm__ volatile("larl %2, %0; setz %1" : "=&r"(*rights), "=q"(ok) : "r"(sel) : "cc");
	return ok;
}

static bool lsl(unsigned sel)
{
	uint32_t limit;
	bool ok;

	__asm__ volatile("lsll %2, %0; setz %1" : "=&r"(limit), "=q"(ok) : "r"(sel) : "cc");
	return ok;
}

static bool verify(unsigned sel)
{
	bool r, w;

	__asm__ volatile("verr %w2; setz %0; verw %w2; setz %1"
			 : "=&q"(r), "=&q"(w)
			 : "r"(sel)
			 : "cc");
	return r || w;
}

/* The guest's tables have `gdt_entries` and `ldt_entries`. */
static void all(unsigned gdt_entries, unsigned ldt_entries)
{
	static void (*const loaders[])(void *) = { load_ds, load_es, load_fs, load_gs, load_ss };

	for (unsigned sel = 4; sel < 0x10000; sel++) {
		unsigned index = sel >> 3;
		bool ours = sel & 4 ? index < ldt_entries : index < gdt_entries && index;
		uint32_t rights = 0;

		/* RPL 1 and 2 are like 0: a few of them will do. */
		if ((sel & 3) && (sel & 3) != 3 && index % 61)
			continue;
		if (ours || (!(sel & 4) && is_flat(sel)) || !(sel & ~3U))
			continue;
		if (lar(sel, &rights))
			fail("LAR tells %#x of selector %#x", rights, sel);
		if (lsl(sel) || verify(sel))
			fail("something is told of selector %#x", sel);
		/* The emulators take their time for a fault. */
		if (index % 13 && (sel < 0xe000 || sel > 0xe100) && index != gdt_entries)
			continue;
		for (unsigned i = 0; i < 5; i++) {
			int v = probe(loaders[i], (void *)(uintptr_t)sel);

			if (v != 13 && v != 11)
				fail("selector %#x was loaded by way %u (vector %d)", sel, i, v);
		}
	}
}

void test_main(void)
{
	gdt = page_alloc();
	ldt = page_alloc();
	frame = virt_to_mfn(gdt);
	all(0, 0);
	/* Full tables of flat data, DPL 0 to 3: after the check none is of a lower one than the
	 * guest's. */
	for (unsigned i = 1; i < 512; i++) {
		gdt[i] = 0x00cf93000000ffffULL | (uint64_t)(i & 3) << 45;
		ldt[i] = gdt[i];
	}
	check_eq(make_readonly(gdt), 0);
	check_eq(make_readonly(ldt), 0);
	check_eq(hypercall(set_gdt, &frame, 512L), 0);
	check_eq(set_ldt(ldt, 300), 0);
	all(512, 300);
	for (unsigned i = 1; i < 512; i++)
		check_eq(((volatile uint64_t *)gdt)[i] >> 45 & 3, KERNEL_RING == 3 ? 3
								  : (i & 3)	   ? (i & 3)
										   : 1);
	check_eq(probe(load_ds, (void *)(511 * 8UL | 3)), -1);
	check_eq(probe(load_ds, (void *)(299 * 8UL | 7)), -1);
	check_eq(probe(load_ds, (void *)(300 * 8UL | 7)), 13);
	/* Loaded, and then the tables go. */
	check_eq(probe(load_fs, (void *)(511 * 8UL | 3)), -1);
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
	check_eq(set_ldt(ldt, 0), 0);
	for (int i = 0; i < 20; i++)
		yield();
	all(0, 0);
	check_eq(make_writable(gdt), 0);
	check_eq(make_writable(ldt), 0);
}
