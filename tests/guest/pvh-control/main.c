// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// vcpus: 2
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/*
 * A PVH guest that changes what is watched of its control registers, steps itself, and has another
 * vCPU go from real mode to PAE's tables and on to long mode, making mistakes on the way. All of it
 * is as on a CPU of its own, whatever of it the hypervisor does: what was written is read back,
 * what cannot be is #GP, in real mode without an error code, and CR2 and the debug registers are
 * its own. What no emulator of SVM does (CR4, CR8, what cannot be in CR0) is asked for on Intel's
 * alone.
 */
#include "pvh.h"

const char test_name[] = "pvh-control";

#define PAGE  8 /* of real mode */
#define LOW   ((volatile uint8_t *)(PAGE << 12))
#define NE    0x20UL
#define NW    0x20000000UL
#define CD    0x40000000UL

extern const char real_start[], real_end[], real_faults[], real_cr3[], real_cr0[];
uint64_t real_pdpt[4] __attribute__((aligned(4096)));
void pvh_ap(uint32_t id);
static volatile bool arrived;

__asm__(".text\n.code16\n"
	"real_start:\n\t"
	"cli\n\t"
	"movw %cs, %ax\n\t"
	"movw %ax, %ds\n\t"
	"movw %ax, %ss\n\t"
	"movw $0xf00, %sp\n\t"
	"xorw %dx, %dx\n\t"
	"movw %dx, %es\n\t"
	"movw $(real_gp - real_start), %es:0x34\n\t"
	"movw %ax, %es:0x36\n\t"
	/* Two mistakes that are one byte long. */
	"movw $0xe00, %di\n\t"
	"insb\n\t"
	"insb\n\t"
	/* What is not ours to have, and back. */
	"movl $0x60000030, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"movl %cr0, %ebx\n\t"
	"movl %ebx, real_cr0 - real_start\n\t"
	"movl $0x10, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"movl %cr0, %ebx\n\t"
	"movl %ebx, real_cr0 - real_start + 4\n\t"
	/* PAE: NE changes together with PG, and alone. */
	"movl $real_pdpt, %eax\n\t"
	"movl %eax, %cr3\n\t"
	"movl $0x20, %eax\n\t"
	"movl %eax, %cr4\n\t"
	"movl $0x80000031, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"incb real_faults - real_start\n\t"
	"movl $0x80000011, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"movl %cr0, %ebx\n\t"
	"movl %ebx, real_cr0 - real_start + 8\n\t"
	"movl $0x11, %eax\n\t"
	"movl %eax, %cr0\n\t"
	/* Long mode, and out of it, and there again: NE changes each time. */
	"movl real_cr3 - real_start, %eax\n\t"
	"movl %eax, %cr3\n\t"
	"movl $0x620, %eax\n\t"
	"movl %eax, %cr4\n\t"
	"movl $0xc0000080, %ecx\n\t"
	"rdmsr\n\t"
	"orl $0x901, %eax\n\t"
	"wrmsr\n\t"
	"lgdtl real_gdtr - real_start\n\t"
	"movl $0x80010033, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"movl $0x11, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"movl $0xc0000080, %ecx\n\t"
	"rdmsr\n\t"
	"movl %eax, real_cr0 - real_start + 12\n\t"
	"movl $0x80010033, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"ljmpl $8, $ap_long\n"
	"real_gp:\n\t"
	"pushw %bp\n\t"
	"movw %sp, %bp\n\t"
	"incw 2(%bp)\n\t"
	"incb real_faults - real_start\n\t"
	"popw %bp\n\t"
	"iretw\n"
	"real_gdtr: .word 23\n\t"
	".long gdt\n"
	"real_faults: .byte 0\n\t"
	".balign 4\n"
	"real_cr3: .long 0\n"
	"real_cr0: .long 0, 0, 0, 0\n"
	"real_end:\n\t"
	".code64\n");

static bool intel(void)
{
	uint32_t a = 0, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return b == 0x756e6547;
}

#define CR(n)                                                                  \
	static uint64_t cr##n(void)                                            \
	{                                                                      \
		uint64_t v;                                                    \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory");    \
		return v;                                                      \
	}                                                                      \
	static void set_cr##n(void *v)                                         \
	{                                                                      \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(*(uint64_t *)v) : "memory"); \
	}
CR(0)
CR(4)
CR(8)

static long write_cr0(uint64_t v)
{
	return pvh_probe(set_cr0, &v);
}

static long write_cr4(uint64_t v)
{
	return pvh_probe(set_cr4, &v);
}

static long write_cr8(uint64_t v)
{
	return pvh_probe(set_cr8, &v);
}

static void control(void)
{
	uint64_t is = cr0();

	check_eq(write_cr0(is & ~NE), -1);
	check_eq(cr0(), is & ~NE);
	check_eq(write_cr0(is | CD | NW), -1);
	check_eq(cr0(), is | CD | NW);
	check_eq(write_cr0(is), -1);
	check_eq(cr0(), is);
	if (!intel())
		return;
	check_eq(write_cr0(is | NW), 13);
	check_eq(write_cr0(is & ~1UL), 13);
	check_eq(write_cr0((is & ~0x80000000UL) | CD), 13);
	check_eq(write_cr0((is | CD) | 1UL << 32), 13);
	check_eq(cr0(), is);
	is = cr4();
	for (unsigned bit = 0; bit < 64; bit++) {
		/* SMXE, VMXE, PCIDE and what came after OSXSAVE; PAE is long mode's. */
		bool may = bit < 11 && bit != 5;

		if (bit == 5 || bit == 16 || bit == 18 || bit == 20 || bit == 21)
			continue;
		check_eq(write_cr4(is ^ 1UL << bit), may ? -1 : 13);
		check_eq(cr4(), may ? is ^ 1UL << bit : is);
		check_eq(write_cr4(is), -1);
	}
	check_eq(write_cr8(5), -1);
	check_eq(cr8(), 5);
	check_eq(write_cr8(16), 13);
	check_eq(cr8(), 5);
	check_eq(write_cr8(0), -1);
}

static void touch(void *at)
{
	*(volatile char *)at = 1;
}

static void faults(void)
{
	uint64_t cr2;

	for (unsigned long at = 1UL << 30; at < 1UL << 46; at <<= 3) {
		check_eq(pvh_probe(touch, (void *)at), 14);
		/* Our arguments fault in the hypervisor, too, and others have their turn. */
		check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_get_features, at + 16, 0),
			 -EFAULT);
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
		__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
		check_eq(cr2, at);
	}
}

/* The step is taken behind each of these, or where the guest goes on by itself. */
#define STEP(name, text)                                                                     \
	static void name(void *arg)                                                          \
	{                                                                                    \
		(void)arg;                                                                   \
		__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; " text "; nop; nop"     \
				 : : "a"(0L), "c"(0L) : "rbx", "rdx", "memory", "cc");        \
	}
STEP(step, "nop")
STEP(step_shadow, "movl $16, %%eax; movl %%eax, %%ss; cpuid")
STEP(step_icebp, "movl $16, %%eax; movl %%eax, %%ss; .byte 0xf1")
STEP(step_sti, "sti; .byte 0xf1")

static volatile uint64_t watched;
static void watch(void *arg)
{
	(void)arg;
	watched = 1;
}

static void debug(void)
{
	static void (*const steps[])(void *) = { step, step_shadow, step_icebp, step_sti };
	uint64_t v;

	/* By SVM, INT1 is no instruction, if the step is not taken before it. */
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		long vector = pvh_probe(steps[i], NULL);

		check(vector == 1 || (!intel() && i >= 2 && vector == 6));
	}
	__asm__ volatile("cli; mov %0, %%dr6" ::"r"(0xffff0ff0L));
	check_eq(pvh_probe(step, NULL), 1);
	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	check_eq(v & 0x400f, 0x4000);
	/* A write to what DR0 says, also after others had their turn. */
	__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0L));
	__asm__ volatile("mov %0, %%dr0" ::"r"(&watched));
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x90402L));
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	check_eq(pvh_probe(watch, NULL), 1);
	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	check_eq(v & 0x400f, 1);
	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	check_eq(v, 0x90402);
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x400L));
}

static void send(uint32_t what)
{
	__asm__ volatile("wrmsr" ::"c"(0x830), "a"(what), "d"(1) : "memory");
}

void pvh_ap(uint32_t id)
{
	check_eq(id, 1);
	arrived = true;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static uint32_t low(const char *at, unsigned word)
{
	return ((volatile uint32_t *)(LOW + (at - real_start)))[word];
}

static void real(void)
{
	uint64_t cr3;
	uint64_t *l3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	l3 = (uint64_t *)(*(uint64_t *)cr3 & ~0xfffUL);
	/* A PAE root's entry has P, and no rights. */
	real_pdpt[0] = (l3[0] & ~0xfffUL) | 1;
	for (const char *from = real_start; from < real_end; from++)
		LOW[from - real_start] = (uint8_t)*from;
	*(volatile uint32_t *)(LOW + (real_cr3 - real_start)) = (uint32_t)cr3;
	send(0xc500);
	send(0x600 | PAGE);
	while (!arrived)
		__asm__ volatile("pause");
	check_eq(LOW[real_faults - real_start], 3);
	check_eq(low(real_cr0, 0), CD | NW | 0x30);
	check_eq(low(real_cr0, 1), 0x10);
	check_eq(low(real_cr0, 2), 0x80000011);
	/* LMA went with PG, LME did not. */
	check_eq(low(real_cr0, 3) & 0xd01, 0x901 & 0xd01);
}

void test_main(void)
{
	control();
	faults();
	debug();
	real();
}
