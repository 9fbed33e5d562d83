// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * multicall: a list of hypercalls, each with its own result. One that fails does not stop the
 * others; a list inside a list is an error of that entry; a long list is interrupted and continued
 * without the guest's noticing. An iret takes effect and ends the list.
 * bits: 64 32
 * ring1: yes
 */
#include "iret.h"

/* An entry of a page table as an argument: one word, or two. */
#ifdef __i386__
#define ENTRY(e) (uint32_t)(e), (e) >> 32
#else
#define ENTRY(e) (e)
#endif
#define NO_FRAME (1ULL << 46 | PTE_KERNEL)

const char test_name[] = "multicall";

static uint8_t a[PAGE_SIZE] __attribute__((aligned(4096)));

extern char end_of_it[];
__asm__(".pushsection .text\n"
	"end_of_it:\n"
	"	ud2\n"
	".popsection\n");

static struct user user;
static struct multicall_entry last[3];

/* The hypercall with `context` for a stack, as iret wants it. */
static void multicall_iret(void *arg)
{
#ifdef __i386__
	__asm__ volatile("movl %0, %%esp; int $0x82" ::"r"(&context), "a"(__HYPERVISOR_multicall),
			 "b"(arg), "c"(3) : "memory");
#else
	__asm__ volatile("movq %0, %%rsp; syscall" ::"r"(&context), "a"(__HYPERVISOR_multicall),
			 "D"(arg), "S"(3L) : "memory");
#endif
	__builtin_unreachable();
}

/* To user mode, whose address space has no list, and to where the kernel is. */
static void test_iret(void)
{
	for (int to_user = 0; to_user < 2; to_user++) {
		for (int i = 0; i < 3; i++)
			last[i] = (struct multicall_entry){
				.op = i == 1 ? __HYPERVISOR_iret : __HYPERVISOR_xen_version,
				.args = { XENVER_version },
				.result = 0x1111,
			};
		context = iret_context(USER_CODE, USER_CS, 0x202, USER_STACK + 64, USER_SS, 0);
#ifdef __i386__
		if (!to_user)
			context = iret_context((uintptr_t)end_of_it, KERNEL_CS, 0x202, 0, 0, 0);
#else
		if (!to_user)
			context = iret_context((uintptr_t)end_of_it, KERNEL_CS & ~3UL, 0x202,
					       (uintptr_t)stack + sizeof(stack), KERNEL_SS, 0);
#endif
		context.CONTEXT_RAX = 0x5a5a;
		check_eq(probe(multicall_iret, last), to_user ? 3 : 6);
		if (to_user)
			check_user_frame(USER_CODE + 1);
		else
			check_eq(probe_frame.rip, (uintptr_t)end_of_it);
		check_eq(probe_frame.rax, 0x5a5a);
		check_eq(last[0].result, 4 << 16 | 17);
		check_eq(last[1].result, 0x1111);
		check_eq(last[2].result, 0x1111);
		check_eq(hypercall(multicall, last, 1L), 0);
	}
}

void test_main(void)
{
	uint64_t own = LEAF(virt_to_mfn(a), PTE_KERNEL);
	struct mmu_update good = { pte_maddr(a), own },
			  bad = { pte_maddr(a), NO_FRAME };
	uint32_t done = 9;
	struct multicall_entry inner = { .op = __HYPERVISOR_xen_version };
	struct multicall_entry m[] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = __HYPERVISOR_update_va_mapping,
		  .args = { (uintptr_t)a, ENTRY(NO_FRAME), 0 } },
		{ .op = 63 },
		{ .op = __HYPERVISOR_mmu_update,
		  .args = { (uintptr_t)&bad, 1, (uintptr_t)&done, DOMID_SELF } },
		{ .op = __HYPERVISOR_multicall, .args = { (uintptr_t)&inner, 1 } },
		{ .op = ~0UL },
		{ .op = __HYPERVISOR_mmu_update,
		  .args = { (uintptr_t)&good, 1, (uintptr_t)&done, DOMID_SELF } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
	};
	struct multicall_entry *list = page_alloc();
	int n = PAGE_SIZE / sizeof(*list);

	for (int i = 0; i < 8; i++)
		m[i].result = 0x1111;
	check_eq(hypercall(multicall, m, 8L), 0);
	check_eq(m[0].result, 4 << 16 | 17);
	check((long)m[1].result < 0);
	check_eq(m[2].result, -ENOSYS);
	check((long)m[3].result < 0);
	check((long)m[4].result < 0);
	check_eq(m[5].result, -ENOSYS);
	check_eq(m[6].result, 0);
	check_eq(done, 1);
	check_eq(m[7].result, 4 << 16 | 17);
	check_eq(hypercall(multicall, m, 0L), 0);
	check_eq(hypercall(multicall, (void *)0x10000, 1L), -EFAULT);
	check_eq(hypercall(multicall, (void *)(HYPERVISOR_VIRT_START + 0x2000000), 1L), -EFAULT);

	/* The last entry lies on a page that is not there: the ones before it are done. */
	check_eq(map_page(a, 0, 0), 0);
	check_eq(probe_read(a), 14);
	check_eq(map_page(a, virt_to_mfn(a), PTE_KERNEL), 0);

	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < n; i++) {
			uint64_t to = i & 1 ? own : own & ~(uint64_t)PTE_RW;

			list[i] = (struct multicall_entry){
				.op = __HYPERVISOR_update_va_mapping,
				.result = 5,
				.args = { (uintptr_t)a, ENTRY(to), UVMF_INVLPG | UVMF_ALL },
			};
		}
		check_eq(hypercall(multicall, list, (long)n), 0);
		for (int i = 0; i < n; i++)
			check_eq(list[i].result, 0);
		check(!!(*pte_of(a) & PTE_RW) == !((n - 1) % 2 == 0));
	}

	user_new(&user);
	memset(user.code, 0xcc, PAGE_SIZE);
	test_iret();
}
