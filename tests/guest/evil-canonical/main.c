// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Returns to addresses that are none. SYSCALL from the last two bytes of the lower half leaves a
 * return address that is not canonical, which SYSRET would load in ring 0 and fault there on the
 * guest's stack (CVE-2012-0217); the same by iret, by a vcpu's initial context, and by a hypercall
 * from there, where the quick way out is taken. Whatever happens is this guest's own trap, with
 * this guest's stack. (32-bit code has no such addresses.)
 */
#include "guest.h"

const char test_name[] = "evil-canonical";

#define LAST_PAGE 0x7ffffffff000UL
#define EDGE	  0x800000000000UL

static struct space user_space, kernel_space;
static uint8_t *user_page, *kernel_page;
static uint64_t root;

static int user(uint64_t rip, uint64_t flags, uint64_t rcx)
{
	struct iret_context c = iret_context(rip, FLAT_USER_CS64, 0x202, LAST_PAGE + 512,
					     FLAT_USER_SS64, flags);

	c.rcx = rcx;
	return probe(user_iret, &c);
}

/* A hypercall at the end of the lower half, in the kernel: it returns to the edge. */
static void hypercall_at_edge(void *arg)
{
	__asm__ volatile("movl %0, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi\n"
			 "jmp *%1" ::"i"(__HYPERVISOR_xen_version),
			 "r"((uint64_t)arg)
			 : "rax", "rdi", "rsi", "rcx", "r11", "memory");
}

/* A space with one page at the end of the lower half, and what our kernel needs, if asked for. */
static uint8_t *make(struct space *s, bool with_kernel)
{
	uint8_t *page = page_alloc();

	space_new(s, LAST_PAGE);
	s->table[1][511] = LEAF(virt_to_mfn(page), PTE_P | PTE_RW | PTE_US | PTE_AD);
	if (with_kernel)
		for (int i = 272; i < 512; i++)
			s->table[4][i] = ((uint64_t *)start_info->pt_base)[i];
	space_readonly(s);
	check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(s->table[4])), 0);
	return page;
}

static bool own(int vector)
{
	return vector == 13 || vector == 14 || vector == 12 || vector == TRAP_FAILSAFE;
}

void test_main(void)
{
	static const uint8_t syscall[] = { 0x0f, 0x05 };
	int v;

	root = virt_to_mfn((void *)start_info->pt_base);
	user_page = make(&user_space, false);
	kernel_page = make(&kernel_space, true);
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(user_space.table[4])), 0);
	memset(user_page, 0xcc, PAGE_SIZE);
	memcpy(user_page + PAGE_SIZE - 2, syscall, 2);

	/* A system call whose return address is the edge, and back to it by the quick way. */
	for (int i = 0; i < 100; i++) {
		v = user(LAST_PAGE + PAGE_SIZE - 2, i & 1 ? VGCF_in_syscall : 0, EDGE);
		check_eq(v, TRAP_SYSCALL);
		check_eq(probe_frame.rip, EDGE);
		v = user(EDGE, VGCF_in_syscall, EDGE);
		if (!own(v))
			fail("iret to the edge by the quick way: vector %d", v);
		v = user(EDGE, 0, EDGE);
		if (!own(v))
			fail("iret to the edge: vector %d", v);
	}
	/* Each bit that makes an address wrong. */
	for (int bit = 47; bit < 64; bit++) {
		v = user(LAST_PAGE ^ 1UL << bit, VGCF_in_syscall, ~0UL);
		if (!own(v))
			fail("iret to %#lx: vector %d", LAST_PAGE ^ 1UL << bit, v);
		v = user(LAST_PAGE | ~0UL << bit, VGCF_in_syscall, 0);
		if (!own(v))
			fail("iret to %#lx: vector %d", LAST_PAGE | ~0UL << bit, v);
	}
	/* The kernel's hypercall from there: our own root has that page, too. */
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(kernel_space.table[4])), 0);
	memset(kernel_page, 0xcc, PAGE_SIZE);
	memcpy(kernel_page + PAGE_SIZE - 2, syscall, 2);
	for (int i = 0; i < 100; i++) {
		v = probe(hypercall_at_edge, (void *)(LAST_PAGE + PAGE_SIZE - 2));
		if (!own(v))
			fail("a hypercall that returns to the edge: vector %d", v);
		check_eq(probe_frame.rip, EDGE);
	}
	/* Running over the edge without any call. */
	kernel_page[PAGE_SIZE - 1] = 0x90;
	v = probe((void (*)(void *))(LAST_PAGE + PAGE_SIZE - 1), NULL);
	if (!own(v))
		fail("running over the edge: vector %d", v);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, root), 0);
	/* A vcpu cannot begin there. */
	for (int bit = 47; bit < 64; bit++) {
		struct vcpu_guest_context *c = vcpu_context(0, NULL);

		c->user_regs.rip = LAST_PAGE ^ 1UL << bit;
		check_refused(vcpu_op(VCPUOP_initialise, 1, c));
	}
}
