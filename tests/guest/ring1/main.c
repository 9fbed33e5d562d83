// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * What only a 32-bit guest has, used rightly: a kernel with CPL 1 and user space with CPL 3 in one
 * root; into user space by the iret hypercall and by the plain instruction; back by `int 0x80`,
 * faults and events with the CPU's own frame; ring 3 sees neither the kernel's pages nor the M2P;
 * descriptors for TLS; a root's four entries; page tables written directly with 4-byte moves and
 * cmpxchg8b; 64-bit arguments in two registers; batches; the 32-bit layouts of what is shared.
 * bits: 32
 */
#include "guest.h"

const char test_name[] = "ring1";

static struct user user;
static struct trap_frame last;

static unsigned cpl(void)
{
	unsigned cs;

	__asm__("movl %%cs, %0" : "=r"(cs));
	return cs & 3;
}

#define RUN(code) USER_RUN(&user, code)

static void plain_iret(void *arg)
{
	/* What a kernel does on its way out if no upcall is pending. */
	__asm__ volatile("movl %1, %%ds; movl %1, %%es; movl %0, %%esp; iret" ::"r"(arg),
			 "r"(FLAT_USER_DS)
			 : "memory");
}

static void test_user_mode(void)
{
	uint32_t frame[] = { USER_CODE, USER_CS, 0x202, USER_STACK + PAGE_SIZE, USER_SS };

	/* mov $0x1234, %eax; push %eax; int $0x80 */
	check_eq(RUN("\xb8\x34\x12\0\0\x50\xcd\x80"), 128);
	check_user_frame(USER_CODE + 8);
	check_eq(probe_frame.rax, 0x1234);
	check_eq(probe_frame.rsp, USER_STACK + PAGE_SIZE - 4);
	check_eq(*(uint32_t *)(user.stack + PAGE_SIZE - 4), 0x1234);
	check_eq(probe(plain_iret, frame), 128);
	check_user_frame(USER_CODE + 8);
	/* mov 0x500000, %al */
	check_eq(RUN("\xa0\0\0\x50\0"), 14);
	check_eq(probe_error, 4);
	check_eq(probe_cr2, 0x500000);
	check_user_frame(USER_CODE);
	/* The kernel's code and the M2P are there, but not for ring 3: mov 0xc0100000, %al */
	check_eq(RUN("\xa0\0\0\x10\xc0"), 14);
	check_eq(probe_error, 5);
	check_eq(RUN("\xa0\0\0\x80\xf5"), 14);
	check_eq(probe_error, 5);
	check_eq(RUN("\x0f\x0b"), 6);
	check_eq(RUN("\xcc"), 3);
	check_user_frame(USER_CODE + 1);
	check_eq(RUN("\xcd\xc8"), 200);
	check_eq(RUN("\xcd\xc9"), 13);
	check_user_frame(USER_CODE);
	/* The hypercall is the kernel's: a gate of DPL 1. */
	check_eq(RUN("\xcd\x82"), 13);
	check_user_frame(USER_CODE);
	check_eq(RUN("\xf4"), 13);
	check_eq(RUN("\xfa"), 13);
	check_eq(RUN("\xe4\x70"), 13);
	check_eq(RUN("\x0f\x20\xc0"), 13);
}

static unsigned rounds, port;

static bool loop(struct trap_frame *f)
{
	if (f->vector != 128)
		return false;
	check_eq(f->rax, rounds);
	check_eq(f->rbx, 0x5a5a);
	check_eq(f->rbp, 0x1357);
	f->rax = ++rounds;
	if (rounds == 1000)
		f->rip = USER_CODE + 0x100;
	return true;
}

static bool remember(struct trap_frame *f)
{
	if (f->vector == TRAP_EVENT)
		last = *f;
	return false;
}

static void event(unsigned p)
{
	check_eq(p, port);
	rounds++;
}

static void test_system_calls(void)
{
	/* xor %eax, %eax; mov $0x5a5a, %ebx; mov $0x1357, %ebp; 1: int $0x80; jmp 1b */
	static const char code[] = "\x31\xc0\xbb\x5a\x5a\0\0\xbd\x57\x13\0\0\xcd\x80\xeb\xfc";

	trap_hook = loop;
	check_eq(RUN(code), 3);
	check_eq(rounds, 1000);
	trap_hook = remember;
	/* An event that is pending when user space is entered comes there. */
	event_hook = event;
	port = bind_ipi(0);
	rounds = 0;
	events_off();
	send_event(port);
	check_eq(RUN("\xcc"), 3);
	check_eq(rounds, 1);
	check_eq(last.rip, USER_CODE);
	check_eq(last.cs & 0xffff, USER_CS);
	close_event(port);
	trap_hook = NULL;
}

/* A data segment with this base, DPL 3. */
static uint64_t segment(uint32_t base)
{
	return 0x00cff3000000ffffULL | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)(base & 0xff000000) << 32;
}

static void test_segments(void)
{
	xen_ulong_t frames[1];
	uint64_t *gdt = page_alloc();
	uint32_t v, words[4] = { 1, 2, 3, 4 };
	uint16_t sel;

	gdt[3] = segment((uintptr_t)&words[0]);
	frames[0] = virt_to_mfn(gdt);
	check_eq(make_readonly(gdt), 0);
	check_eq(hypercall(set_gdt, frames, 512L), 0);
	__asm__ volatile("movl %1, %%gs; movl %%gs:0, %0" : "=r"(v) : "r"(3 << 3 | 3));
	check_eq(v, 1);
	/* TLS: the descriptor changes, the selector is loaded again. */
	check_eq(hypercall(update_descriptor, virt_to_mfn(gdt) << 12 | 3 * 8,
			   segment((uintptr_t)&words[2])), 0);
	__asm__ volatile("movl %1, %%gs; movl %%gs:0, %0" : "=r"(v) : "r"(3 << 3 | 3));
	check_eq(v, 3);
	/* It is still there after somebody else had the CPU. */
	for (int i = 0; i < 50; i++)
		yield();
	__asm__ volatile("movl %%gs:4, %0" : "=r"(v));
	check_eq(v, 4);
	/* A kernel's DPL 0 becomes 1, as its selectors say. */
	check_eq(hypercall(update_descriptor, virt_to_mfn(gdt) << 12 | 4 * 8,
			   0x00cf93000000ffffULL), 0);
	check_eq(gdt[4] >> 45 & 3, 1);
	__asm__ volatile("movl %0, %%gs" ::"r"(4 << 3 | 1));
	__asm__ volatile("movw %%gs, %0" : "=r"(sel));
	check_eq(sel, 4 << 3 | 1);
	__asm__ volatile("movl %0, %%gs" ::"r"(0));
	check_eq(hypercall(set_gdt, frames, 0L), 0);
	check_eq(make_writable(gdt), 0);
}

static void test_tables(void)
{
	char *page = page_alloc(), *other = page_alloc();
	uint64_t mfn = virt_to_mfn(page), *pte = pte_of(page);
	uint64_t old = *pte, want = virt_to_mfn(other) << 12 | (old & 0xfff);
	bool done;

	page[0] = 'a';
	other[0] = 'b';
	/* As Linux sets an entry that was absent: upper half, then lower half. */
	check_eq(map_page(page, 0, 0), 0);
	check_eq(probe_read(page), 14);
	((volatile uint32_t *)pte)[1] = (uint32_t)(want >> 32);
	((volatile uint32_t *)pte)[0] = (uint32_t)want;
	check_eq(mmuext(MMUEXT_INVLPG_LOCAL, (uintptr_t)page), 0);
	check_eq(page[0], 'b');
	/* cmpxchg8b, that fails and that does not. */
	old = *pte;
	want = mfn << 12 | (old & 0xfff);
	__asm__ volatile("lock cmpxchg8b %1; setz %0"
			 : "=q"(done), "+m"(*pte)
			 : "a"(1), "d"(0), "b"((uint32_t)want), "c"((uint32_t)(want >> 32))
			 : "cc", "memory");
	check(!done);
	check_eq(page[0], 'b');
	__asm__ volatile("lock cmpxchg8b %1; setz %0"
			 : "=q"(done), "+m"(*pte)
			 : "a"((uint32_t)old), "d"((uint32_t)(old >> 32)), "b"((uint32_t)want),
			   "c"((uint32_t)(want >> 32))
			 : "cc", "memory");
	check(done);
	check_eq(mmuext(MMUEXT_INVLPG_LOCAL, (uintptr_t)page), 0);
	check_eq(page[0], 'a');
	/* and as fork does: lock andb */
	__asm__ volatile("lock andb $0xfd, %0" : "+m"(*(uint8_t *)pte)::"cc");
	check_eq(mmuext(MMUEXT_INVLPG_LOCAL, (uintptr_t)page), 0);
	check_eq(probe_write(page), 14);
	check_eq(probe_error, 3);
	check_eq(make_writable(page), 0);
	page[0] = 'c';
	/* The compat M2P agrees with the P2M, and nobody writes to it. */
	check_eq(m2p[mfn], virt_to_pfn(page));
	check_eq(probe_write((void *)&m2p[mfn]), 14);
	check_eq(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, 77), 0);
	check_eq(m2p[mfn], 77);
	check_eq(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, virt_to_pfn(page)), 0);
}

/* A second root: the same tables but for the lowest GiB. */
static void test_roots(void)
{
	uint64_t *root = page_alloc(), *now = (uint64_t *)start_info->pt_base, first;

	for (int i = 1; i < 4; i++)
		root[i] = now[i];
	root[100] = 0xdead000 | PTE_P; /* what lies behind the four is not looked at */
	check_eq(make_readonly(root), 0);
	check_eq(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(root)), 0);
	check_eq(root[100], 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(root)), 0);
	check_eq(probe_read((void *)USER_DATA), 14);
	/* An entry of a root that is loaded counts at once. */
	first = now[0];
	check_eq(mmu_update(virt_to_mfn(root) << 12, first), 0);
	check_eq(*(volatile char *)USER_DATA, user.data[0]);
	check_eq(mmu_update(virt_to_mfn(root) << 12, 0), 0);
	check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
	check_eq(probe_read((void *)USER_DATA), 14);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(now)), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(root)), 0);
	check_eq(make_writable(root), 0);
}

static void test_batch(void)
{
	char *page = page_alloc();
	uint64_t pte = LEAF(virt_to_mfn(page), PTE_P | PTE_AD);
	struct multicall_entry m[3] = {
		{ __HYPERVISOR_update_va_mapping, 99,
		  { (uintptr_t)page, (uint32_t)pte, pte >> 32, UVMF_INVLPG } },
		{ __HYPERVISOR_xen_version, 99, { XENVER_version } },
		{ __HYPERVISOR_multicall, 99, { (uintptr_t)m, 1 } },
	};

	check_eq(hypercall(multicall, m, 3L), 0);
	check_eq(m[0].result, 0);
	check_eq(m[1].result, 4 << 16 | 17);
	check_eq((long)m[2].result, -EINVAL);
	check_eq(probe_write(page), 14);
	check_eq(make_writable(page), 0);
}

static volatile unsigned woken;
static unsigned other_port;

static void other_event(unsigned p)
{
	if (p == other_port)
		woken++;
}

static void sleeper(void)
{
	for (;;)
		hypercall(sched_op, (long)SCHEDOP_block, 0L);
}

static void test_shared(void)
{
	struct vcpu_runstate_info info = { .state = 99 };
	struct vcpu_register_runstate_memory_area area;
	static struct vcpu_runstate_info mine;
	uint64_t before = system_time();
	struct sched_poll poll = { .nr_ports = 0, .timeout = before + 1000000 };
	xen_ulong_t frame = virt_to_mfn(page_alloc());
	struct xen_memory_domain q = { .domid = DOMID_SELF };

	check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
	check_eq(info.state, RUNSTATE_running);
	check(info.time[RUNSTATE_running] > 0);
	area.addr.p = ~0ULL;
	area.addr.v = (uintptr_t)&mine;
	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
	check_eq(mine.state, RUNSTATE_running);
	check_eq(hypercall(sched_op, (long)SCHEDOP_poll, &poll), 0);
	check(system_time() - before >= 1000000);
	check_eq(hypercall(set_timer_op, system_time() + 1000000), 0);
	/* A frame still mapped goes when the mapping goes. */
	check_eq(reservation(XENMEM_decrease_reservation, &frame, 1, 0, 0), 1);
	check(hypercall(memory_op, (long)XENMEM_current_reservation, &q) > 0);

	event_hook = other_event;
	other_port = bind_ipi(1);
	vcpu_start(1, sleeper);
	for (unsigned i = 1; i <= 100; i++) {
		send_event(other_port);
		wait_until(woken >= i);
	}
}

void test_main(void)
{
	check_eq(cpl(), 1);
	user_new(&user);
	test_user_mode();
	test_system_calls();
	test_segments();
	test_tables();
	test_roots();
	test_batch();
	test_shared();
	check_eq(cpl(), 1);
}
