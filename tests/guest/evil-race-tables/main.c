// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
// seconds: 120
/*
 * Four vcpus take the same dozen pages to pieces at once: one pins and unpins them as tables of any
 * level, one rewrites their entries by mmu_update and by direct stores (which are emulated while
 * the page is an L1), one turns them into descriptor pages, copies and clears them, one maps them
 * writable, gives frames back and takes new ones. Nobody waits for anybody. Whatever each call
 * answers, no table may ever be writable, no count may go astray (audit), and in the end every page
 * is ordinary memory again.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-race-tables";

#define PAGES  12
#define ROUNDS 800

static uint8_t *page[PAGES];
static uint64_t mfn[PAGES];
static uint8_t alias[4][PAGE_SIZE] __attribute__((aligned(4096)));
static volatile unsigned stores, pins;

static uint64_t any(uint64_t *s)
{
	return mfn[random_next(s) % PAGES];
}

static uint64_t entry(uint64_t *s)
{
	static const uint16_t flags[] = {
		0,	    PTE_P | PTE_US, PTE_P | PTE_RW | PTE_US, PTE_P | PTE_AD,
		PTE_KERNEL, PTE_P | PTE_PS
	};

	return LEAF(any(s), flags[random_next(s) % 6]);
}

static void pinner(uint64_t *s)
{
	if (random_next(s) & 1) {
		if (!mmuext(MMUEXT_PIN_L1_TABLE + random_next(s) % 4, any(s)))
			pins++;
	} else {
		mmuext(MMUEXT_UNPIN_TABLE, any(s));
	}
	if (random_next(s) % 16 == 0)
		mmuext(MMUEXT_NEW_USER_BASEPTR, random_next(s) & 1 ? any(s) : 0);
}

static void writer(uint64_t *s)
{
	struct mmu_update u[4];

	for (int i = 0; i < 4; i++)
		u[i] = (struct mmu_update){ any(s) << 12 | (random_next(s) & 0xff8) |
						    (random_next(s) & 1 ? 2 : 0),
					    entry(s) };
	hypercall(mmu_update, u, random_next(s) % 5, 0L, (long)DOMID_SELF);
	touch_store((uint64_t *)page[random_next(s) % PAGES] + random_next(s) % 512, entry(s));
	stores++;
}

static void describer(uint64_t *s)
{
	uint64_t frames[2] = { any(s), any(s) };

	switch (random_next(s) % 6) {
	case 0:
		hypercall(set_gdt, frames, random_next(s) % 1025);
		break;
	case 1:
		hypercall(set_gdt, frames, 0L);
		break;
	case 2:
		hypercall(update_descriptor, any(s) << 12 | (random_next(s) & 0xff8),
			  random_next(s));
		break;
	case 3: mmuext(MMUEXT_CLEAR_PAGE, any(s)); break;
	case 4: copy_page(any(s), any(s)); break;
	default: set_ldt(page[random_next(s) % PAGES], random_next(s) % 2 * 512);
	}
}

static void mapper(uint64_t *s)
{
	unsigned i = random_next(s) % PAGES;

	switch (random_next(s) % 4) {
	case 0:
		make_writable(page[i]);
		break;
	case 1:
		make_readonly(page[i]);
		break;
	case 2:
		map_page(alias[random_next(s) % 4], any(s),
			 random_next(s) & 1 ? PTE_KERNEL : PTE_P | PTE_AD);
		break;
	default:
		hypercall(update_va_mapping, alias[random_next(s) % 4], (uint64_t)0,
			  (long)(UVMF_INVLPG | UVMF_ALL));
	}
}

static bool enough(void)
{
	return pins > 10 && stores > 10;
}

static void rounds(void)
{
	static void (*const roles[4])(uint64_t *) = { pinner, writer, describer, mapper };
	unsigned id = vcpu_id();
	uint64_t s = 0x2545f4914f6cdd1dUL * (id + 3);

	/* One vcpu goes on until the check below says something. */
	for (unsigned i = 0; i < ROUNDS || (!id && i < 50 * ROUNDS && !enough()); i++)
		roles[(id + i / 100) % 4](&s);
	mmuext(MMUEXT_NEW_USER_BASEPTR, 0);
	hypercall(set_gdt, &s, 0L);
	set_ldt(NULL, 0);
}

void test_main(void)
{
	for (int i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		mfn[i] = virt_to_mfn(page[i]);
	}
	trap_hook = skip_touch;
	race(4, rounds);
	trap_hook = NULL;
	/* Nothing holds them any more: pins go, aliases go, and they are writable. */
	for (int i = 0; i < 4; i++)
		check_eq(map_page(alias[i], virt_to_mfn(alias[i]), PTE_KERNEL), 0);
	for (int round = 0; round < 4; round++)
		for (int i = 0; i < PAGES; i++)
			mmuext(MMUEXT_UNPIN_TABLE, mfn[i]);
	for (int i = 0; i < PAGES; i++) {
		check_eq(make_writable(page[i]), 0);
		memset(page[i], 0, PAGE_SIZE);
	}
	check(enough());
	print("evil-race-tables: %u pins, %u stores\n", pins, stores);
}
