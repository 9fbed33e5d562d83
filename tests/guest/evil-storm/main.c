// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 3
// seconds: 120
// quick: first
/*
 * A storm: three vcpus make tens of thousands of hypercalls with arguments from a seeded generator
 * that likes edges, their own scratch frames, other frames and small numbers, partly in multicalls,
 * all on the same few pages. What would end or block the guest itself is left out. The hypervisor
 * must answer every one, keep its invariants (audit) and leave the guest's code and stacks alone.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-storm";

#define PAGES  24
#define WINDOWS 16
#define ROUNDS 4000

static uint8_t *scratch[PAGES];
static uint64_t scratch_mfn[PAGES];
/*
 * Counts are wild as well: a list that begins in one of these, in a scratch page or in a buffer may
 * be answered far beyond its end. A page that is not mapped follows each of them.
 */
static uint8_t window[WINDOWS + 1][PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t window_pte[WINDOWS];
static volatile unsigned calls[3];
static uint64_t max_mfn;
static uint8_t ours[1 << 17];

static bool swallow(struct trap_frame *f)
{
	if (f->vector == 1 || f->vector == 2)
		return true;
	if (f->vector == TRAP_EVENT) {
		vcpu_info()->evtchn_upcall_pending = 0;
		return true;
	}
	return false;
}

static uint64_t foreign(uint64_t *s)
{
	uint64_t mfn = random_next(s) % (max_mfn + 1000);

	return mfn / 8 < sizeof(ours) && ours[mfn / 8] >> mfn % 8 & 1 ? scratch_mfn[0] : mfn;
}

static uint64_t frame(uint64_t *s)
{
	return random_next(s) & 3 ? scratch_mfn[random_next(s) % PAGES] : foreign(s);
}

/* Addresses of the hypervisor, or below the kernel: nothing of ours is there. */
static uint64_t above(uint64_t *s)
{
#ifdef __i386__
	return random_next(s) % (0xffffffff - HYPERVISOR_VIRT_START + 1) + HYPERVISOR_VIRT_START;
#else
	return 0xffff800000000000UL + random_next(s) % (1ULL << 43);
#endif
}

static uint64_t low(uint64_t *s)
{
	return random_next(s) % (VIRT_BASE < 1ULL << 47 ? VIRT_BASE : 1ULL << 47);
}

static uint64_t address(uint64_t *s)
{
	switch (random_next(s) % 5) {
	case 0: return (uintptr_t)window[random_next(s) % WINDOWS];
	case 1: return above(s);
	case 2: return low(s);
	case 3: return -(random_next(s) % 64);
	default: return (uintptr_t)scratch[random_next(s) % PAGES] + random_next(s) % 4096;
	}
}

static uint64_t value(uint64_t *s)
{
	switch (random_next(s) % 10) {
	case 0: return 0;
	case 1: return random_next(s) % 40;
	case 2: return DOMID_SELF;
	case 3: return 1UL << random_next(s) % 64;
	case 4: return ~0UL >> random_next(s) % 64;
	case 5: return frame(s);
	case 6: return LEAF(frame(s), random_next(s) & 0xfff) | (random_next(s) & 1 ? PTE_NX : 0);
	case 7: return address(s);
	default: return frame(s) << 12 | (random_next(s) & 0xff8);
	}
}

struct call {
	uint64_t op, a[5];
};

/* A buffer of the vcpu's own, since scratch pages may be tables at the moment. */
static uint64_t buffers[3][2][512] __attribute__((aligned(4096)));

static void make(struct call *c, uint64_t *s, uint64_t *buffer)
{
	uint64_t p = random_next(s) % 16 ? (uintptr_t)buffer : address(s);
	unsigned cmd;

	for (int i = 0; i < 24; i++)
		buffer[i] = random_next(s) & 1 ? value(s) : value(s) << 32 | (uint32_t)value(s);
	*c = (struct call){ .a = { value(s), value(s), value(s), value(s), value(s) } };
	switch (random_next(s) % 18) {
	case 0:
		c->op = __HYPERVISOR_mmu_update;
		for (int i = 0; i < 8; i++) {
			/* Entries of scratch frames, of the tables of the windows, of foreign
			 * frames. */
			buffer[2 * i] = random_next(s) & 1
						? window_pte[random_next(s) % WINDOWS] |
							  (random_next(s) & 3)
						: frame(s) << 12 | (random_next(s) & 0xffb);
			buffer[2 * i + 1] = LEAF(frame(s), random_next(s) & 0xfff);
		}
		c->a[0] = p;
		c->a[1] = random_next(s) % 9;
		c->a[2] = random_next(s) & 1 ? (uintptr_t)(buffer + 400) : 0;
		c->a[3] = random_next(s) & 3 ? DOMID_SELF : value(s);
		break;
	case 1:
	case 2:
		c->op = __HYPERVISOR_mmuext_op;
		for (int i = 0; i < 4; i++) {
			cmd = random_next(s) % 22;
			/* Not to another root: we would lose our footing. */
			if (cmd == MMUEXT_NEW_BASEPTR)
				cmd = MMUEXT_PIN_L4_TABLE;
			buffer[3 * i] = cmd;
			buffer[3 * i + 1] = frame(s);
			buffer[3 * i + 2] = random_next(s) & 1 ? frame(s) : value(s);
		}
		c->a[0] = p;
		c->a[1] = random_next(s) % 5;
		c->a[2] = random_next(s) & 1 ? (uintptr_t)(buffer + 400) : 0;
		c->a[3] = random_next(s) & 3 ? DOMID_SELF : value(s);
		break;
	case 3:
		c->op = __HYPERVISOR_update_va_mapping;
		c->a[0] = random_next(s) & 3 ? (uintptr_t)window[random_next(s) % WINDOWS]
					     : above(s);
		c->a[1] = LEAF(frame(s), random_next(s) & 0xfff);
		c->a[2] = random_next(s) % 8;
		break;
	case 4:
		c->op = __HYPERVISOR_update_va_mapping_otherdomain;
		c->a[0] = (uintptr_t)window[random_next(s) % WINDOWS];
		c->a[1] = LEAF(frame(s), random_next(s) & 0xfff);
		c->a[2] = random_next(s) % 8;
		break;
	case 5:
		c->op = __HYPERVISOR_set_gdt;
		for (int i = 0; i < 16; i++)
			buffer[i] = frame(s);
		c->a[0] = p;
		c->a[1] = random_next(s) & 3 ? random_next(s) % 8000 : value(s);
		break;
	case 6:
		c->op = __HYPERVISOR_update_descriptor;
		c->a[0] = frame(s) << 12 | (random_next(s) & 0xfff);
		c->a[1] = random_next(s);
		break;
	case 7:
		c->op = random_next(s) & 1 ? __HYPERVISOR_set_segment_base
					   : __HYPERVISOR_get_debugreg;
		break;
	case 8:
		c->op = random_next(s) & 1 ? __HYPERVISOR_fpu_taskswitch
					   : __HYPERVISOR_set_timer_op;
		break;
	case 9:
		c->op = __HYPERVISOR_event_channel_op;
		c->a[0] = random_next(s) % 16;
		c->a[1] = p;
		if (random_next(s) & 1)
			buffer[0] =
				c->a[0] == EVTCHNOP_init_control || c->a[0] == EVTCHNOP_expand_array
					? frame(s)
					: random_next(s) % 64;
		break;
	case 10:
	case 11:
		c->op = __HYPERVISOR_grant_table_op;
		c->a[0] = random_next(s) % 14;
		c->a[1] = p;
		c->a[2] = random_next(s) & 7 ? random_next(s) % 4 : value(s);
		break;
	case 12:
	case 13: {
		struct xen_memory_reservation *r = (void *)buffer;

		c->op = __HYPERVISOR_memory_op;
		c->a[0] = random_next(s) % 30;
		c->a[1] = p;
		for (int i = 0; i < 16; i++)
			buffer[256 + i] = random_next(s) & 1
						  ? frame(s)
						  : start_info->nr_pages + random_next(s) % 100;
		for (int k = 0; k < 2; k++)
			r[k] = (struct xen_memory_reservation){
				.extent_start = (uintptr_t)(buffer + 256),
				.nr_extents = random_next(s) & 7 ? random_next(s) % 8 : value(s),
				.extent_order = random_next(s) & 7 ? random_next(s) % 3 : value(s),
				.mem_flags = random_next(s) & 1 ? 0 : value(s),
				.domid = random_next(s) & 7 ? DOMID_SELF : value(s),
			};
		break;
	}
	case 14:
		c->op = __HYPERVISOR_vcpu_op;
		cmd = random_next(s) % 16;
		/* Not another life for who runs, no move of our own vcpu_info. */
		if (cmd == VCPUOP_initialise || cmd == VCPUOP_up || cmd == VCPUOP_down ||
		    cmd == VCPUOP_register_vcpu_info)
			cmd = VCPUOP_is_up;
		c->a[0] = cmd;
		c->a[1] = random_next(s) % 4;
		/* Areas are written to later: only to the windows. */
		if (cmd == VCPUOP_register_runstate_memory_area ||
		    cmd == VCPUOP_register_vcpu_time_memory_area)
			buffer[0] = random_next(s) & 1
					    ? (uintptr_t)window[random_next(s) % WINDOWS] +
						      (random_next(s) & 0xfff)
					    : above(s);
		c->a[2] = p;
		break;
	case 15: {
		static const uint8_t ops[] = {
			__HYPERVISOR_platform_op, __HYPERVISOR_sysctl,
			__HYPERVISOR_domctl,	  __HYPERVISOR_xen_version,
			__HYPERVISOR_xsm_op,	  __HYPERVISOR_hvm_op,
			__HYPERVISOR_kexec_op,	  __HYPERVISOR_tmem_op,
			__HYPERVISOR_arch_0,	  __HYPERVISOR_arch_1,
			__HYPERVISOR_xenoprof_op, __HYPERVISOR_xenpmu_op,
			__HYPERVISOR_dm_op,	  63,
		};

		c->op = ops[random_next(s) % sizeof(ops)];
		if (c->op == __HYPERVISOR_xen_version) {
			c->a[0] = random_next(s) % 12;
			c->a[1] = p;
		} else if (random_next(s) & 3) {
			buffer[0] = random_next(s) % 100 |
				    (uint64_t)(random_next(s) & 1 ? 0x15 : 0x03000001) << 32;
			c->a[0] = p;
		}
		break;
	}
	case 16:
		c->op = __HYPERVISOR_physdev_op;
		c->a[0] = random_next(s) % 40;
		c->a[1] = p;
		break;
	default:
		c->op = __HYPERVISOR_sched_op;
		c->a[0] = random_next(s) & 1   ? SCHEDOP_yield
			  : random_next(s) & 1 ? SCHEDOP_remote_shutdown
					       : SCHEDOP_pin_override;
		c->a[1] = p;
	}
}

static void storm(void)
{
	unsigned id = vcpu_id();
	uint64_t s = 0x9e3779b97f4a7c15UL * (id + 1);
	uint64_t *buffer = buffers[id][0];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct call c;

		if (random_next(&s) % 8 == 0) {
			static struct multicall_entry lists[3][4];
			struct multicall_entry *m = lists[id];

			for (int k = 0; k < 4; k++) {
				make(&c, &s, buffer);
				m[k] = (struct multicall_entry){ .op = c.op,
								 .args = { c.a[0], c.a[1], c.a[2],
									   c.a[3], c.a[4] } };
			}
			hypercall(multicall, m, 4L);
		} else {
			make(&c, &s, buffer);
			guest_hypercall(c.op, c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]);
		}
		calls[id]++;
		if (vcpu_info()->evtchn_upcall_mask == 0)
			events_off();
	}
}

void test_main(void)
{
	uint64_t sum = 0, again = 0;
	static const uint8_t *const text = (const uint8_t *)VIRT_BASE + 0x100000;

	max_mfn = hypercall(memory_op, (long)XENMEM_maximum_ram_page, 0L);
	for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
		ours[pfn_to_mfn(pfn) / 8] |= 1 << pfn_to_mfn(pfn) % 8;
	for (int i = 0; i < PAGES; i++) {
		scratch[i] = page_alloc();
		scratch_mfn[i] = virt_to_mfn(scratch[i]);
	}
	check_eq(map_page(page_alloc(), 0, 0), 0);
	for (int i = 0; i < WINDOWS; i++)
		window_pte[i] = pte_maddr(window[i]);
	check_eq(map_page(window[WINDOWS], 0, 0), 0);
	for (int i = 0; i < 3; i++)
		check_eq(map_page(buffers[i][1], 0, 0), 0);
	trap_hook = swallow;
	for (const uint8_t *p = text; p < (const uint8_t *)vcpu_start; p++)
		sum += *p;
	race(3, storm);
	for (const uint8_t *p = text; p < (const uint8_t *)vcpu_start; p++)
		again += *p;
	check_eq(sum, again);
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
	print("\nevil-storm: %u calls\n", calls[0] + calls[1] + calls[2]);
}
