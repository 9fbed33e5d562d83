// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall of a kernel in ring 1 with a frame that begins on the last page of the address
 * space and goes on at address 0, both of which it has mapped: no frame wraps. The guest is ended
 * as by way of C, and nobody else.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-wrap";

#define LAST ((char *)-PAGE_SIZE)
#define MINE (PTE_P | PTE_RW | PTE_AD)

static struct space low, high;
static char stack[4096] __attribute__((aligned(16)));

static void went_on(void)
{
	survived();
}

static uint64_t link_to(const void *table)
{
	return virt_to_mfn(table) << 12 | MINE;
}

void test_main(void)
{
	uint64_t *top = page_alloc(), *bottom = page_alloc();
	struct annulus_iret_context *c = (void *)(top + 512 - 8);

	c->rax = c->r11 = c->rcx = c->flags = 0;
	c->frame.rip = (uintptr_t)went_on;
	c->frame.cs = ANNULUS_KERNEL_CS;
	c->frame.rflags = 0x202;
	c->frame.rsp = (uintptr_t)stack + sizeof(stack) - 8;
	bottom[0] = ANNULUS_KERNEL_SS;

	space_new(&low, 0);
	space_new(&high, (uintptr_t)LAST);
	low.table[1][0] = link_to(bottom);
	high.table[1][511] = link_to(top);
	space_readonly(&low);
	space_readonly(&high);
	check_eq(mmu_update(entry_maddr(NULL, 4), link_to(low.table[3])), 0);
	check_eq(mmu_update(entry_maddr(LAST, 3), link_to(high.table[2])), 0);
	check_eq(*(volatile uint64_t *)(LAST + PAGE_SIZE - 8), c->frame.rsp);
	expect_crash();
	events_off();
	vcpu_info()->evtchn_upcall_pending = 0;
	__asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(LAST + PAGE_SIZE - 64),
			 "i"(__HYPERVISOR_iret)
			 : "memory");
	survived();
}
