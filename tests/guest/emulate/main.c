// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Privileged instructions that the ABI has no hypercall for are emulated from the #GP, against a
 * list: what kernels execute works and shows a guest's view, everything else is their own #GP.
 * CPUID with the ABI's prefix hides what a PV guest cannot have; CR3 and the segment bases are its
 * own; ports are nobody's without a permission, also with I/O privilege, which CLI and STI need,
 * too, and do nothing; with the architecture's IOPL the kernel is ring 0 and always has it. A
 * 32-bit guest sees no long mode and has no registers for bases.
 * bits: 64 32
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "emulate";

struct four {
	uint32_t a, b, c, d;
};

static __attribute__((noinline)) struct four forced_cpuid(uint32_t leaf, uint32_t sub)
{
	struct four f = { .a = leaf, .c = sub };

	__asm__ volatile(XEN_CPUID : "+a"(f.a), "=b"(f.b), "+c"(f.c), "=d"(f.d));
	return f;
}

struct msr {
	uint32_t index;
	uint64_t value;
};

static void rdmsr(void *arg)
{
	struct msr *m = arg;
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(m->index));
	m->value = (uint64_t)high << 32 | low;
}

static void wrmsr(void *arg)
{
	struct msr *m = arg;

	__asm__ volatile("wrmsr" ::"c"(m->index), "a"((uint32_t)m->value),
			 "d"((uint32_t)(m->value >> 32)));
}

static uint64_t get(uint32_t index)
{
	struct msr m = { index, 0 };

	if (probe(rdmsr, &m) != -1)
		fail("MSR %#x cannot be read", index);
	return m.value;
}

static int read_msr(uint32_t index)
{
	struct msr m = { index, 0 };

	return probe(rdmsr, &m);
}

static int write_msr(uint32_t index, uint64_t value)
{
	struct msr m = { index, value };

	return probe(wrmsr, &m);
}

#define INSN(name, text, ...)                           \
	static void name(void *arg)                     \
	{                                               \
		__asm__ volatile(text ::: __VA_ARGS__); \
	}
INSN(in_imm, "inb $0x70, %%al", "eax")
INSN(out_imm, "outb %%al, $0x80", "memory")
INSN(in_dx, "movl $0xcfc, %%edx; inl %%dx, %%eax", "eax", "edx")
INSN(out_dx, "movl $0xcf9, %%edx; movb $6, %%al; outb %%al, %%dx", "eax", "edx")
INSN(lgdt, "lgdt 0x1000", "memory")
INSN(lidt, "lidt 0x1000", "memory")
INSN(ltr, "xorl %%eax, %%eax; ltr %%ax", "eax")
INSN(lldt, "xorl %%eax, %%eax; lldt %%ax", "eax")
#ifndef __i386__
INSN(swapgs, "swapgs", "memory")
INSN(sysret, "sysretq", "rcx", "r11")
#endif
INSN(hlt, "hlt", "memory")
INSN(rdpmc, "movl $0, %%ecx; rdpmc", "eax", "ecx", "edx")
#ifdef __i386__
#define AX   "eax"
#define NONE "0x7ffff000"
#else
#define AX   "rax"
#define NONE "0x7ffffffff000"
#endif
INSN(cr4_bad, "mov $-1, %%" AX "; mov %%" AX ", %%cr4", AX)
INSN(cr0_bad, "mov $0, %%" AX "; mov %%" AX ", %%cr0", AX)
INSN(cr3_bad, "mov $" NONE ", %%" AX "; mov %%" AX ", %%cr3", AX)
INSN(read_cr4, "mov %%cr4, %%" AX, AX)
INSN(wbinvd, "wbinvd", "memory")
INSN(cli, "cli", "memory")
INSN(sti, "sti", "memory")

static void test_cpuid(void)
{
	struct four f = forced_cpuid(0x40000000, 0);

	check(!memcmp(&f.b, "XenV", 4) && !memcmp(&f.c, "MMXe", 4) && !memcmp(&f.d, "nVMM", 4));
	check(f.a >= 0x40000002);
	f = forced_cpuid(0x40000001, 0);
	check_eq(f.a, 4 << 16 | 17);
	f = forced_cpuid(1, 0);
	check(f.c >> 31 & 1);	    /* a hypervisor is there */
	check_eq(f.c >> 3 & 1, 0);  /* MONITOR */
	check_eq(f.c >> 5 & 1, 0);  /* VMX */
	check_eq(f.c >> 17 & 1, 0); /* PCID */
	check_eq(f.d >> 25 & 3, 3); /* SSE, SSE2 */
	check_eq(f.d >> 3 & 1, 0);  /* large pages */
	f = forced_cpuid(0x80000001, 0);
	check_eq(f.c >> 2 & 1, 0);  /* SVM */
	check_eq(f.d >> 29 & 1, KERNEL_RING == 3); /* long mode */
	if (KERNEL_RING == 3)
		check_eq(f.d >> 11 & 1, 1); /* SYSCALL */
	check_eq(f.d >> 26 & 1, 0); /* 1 GiB pages */
	f = forced_cpuid(7, 0);
	check_eq(f.b >> 7 & 1, 0);  /* SMEP */
	check_eq(f.b >> 20 & 1, 0); /* SMAP */
	check_eq(f.b >> 10 & 1, 0); /* INVPCID */
	check_eq(f.c >> 16 & 1, 0); /* LA57 */
	/* A leaf that there is not shows nothing. */
	f = forced_cpuid(0x5fffffff, 0);
	check(!f.a && !f.b && !f.c && !f.d);
}

static void test_msrs(void)
{
	static uint64_t word = 0x1122;
#ifdef __i386__
	for (uint32_t base = 0xc0000100; base <= 0xc0000102; base++) {
		check_eq(read_msr(base), 13);
		check_eq(write_msr(base, 0), 13);
		check_eq(write_msr(base, 0xffff830000000000ULL), 13);
	}
	check_eq(get(0xc0000080) & 0x1d00, 0x800 & get(0xc0000080)); /* neither long mode nor SVM */
	check_eq(write_msr(0xc0000080, 0x500), 13);
#else
	uint64_t v;

	check_eq(write_msr(0xc0000101, (uint64_t)&word), -1);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x1122);
	check_eq(get(0xc0000101), (uint64_t)&word);
	check_eq(write_msr(0xc0000100, (uint64_t)&word), -1);
	check_eq(get(0xc0000100), (uint64_t)&word);
	check_eq(write_msr(0xc0000102, 0x1234000), -1);
	check_eq(get(0xc0000102), 0x1234000);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x1122);
	check_eq(write_msr(0xc0000101, 0x8000000000000000UL), 13);
#endif
	check_eq(get(0x277), 0x050100070406);
#ifndef __i386__
	check_eq(get(0xc0000080) & 0xd01, 0xd01 & get(0xc0000080));
	check(get(0xc0000080) >> 8 & 1);
	check_eq(get(0xc0000080) >> 12 & 1, 0); /* no SVM */
#endif
	check_eq(write_msr(0x277, 0x0007040600070406), 13);
	check_eq(read_msr(0x12345678), 13);
	check_eq(write_msr(0x12345678, 0), 13);
	/* Where SYSCALL goes, and segments for SYSENTER: the hypervisor's. */
	check_eq(read_msr(0xc0000082) != -1 || get(0xc0000082) < 0xffff800000000000ULL, 1);
	write_msr(0xc0000082, (uintptr_t)&word);
	write_msr(0xc0000081, 0);
	write_msr(0x176, (uintptr_t)&word);
	/* Long mode, SYSCALL and NX stay on, whatever is written; the APIC stays where it is. */
	write_msr(0xc0000080, 0);
	write_msr(0xc0000080, 0x500);
	check_eq(get(0xc0000080) >> 8 & 1, KERNEL_RING == 3);
	check_eq(get(0xc0000080) & 1, 1);
	write_msr(0x1b, 0);
	write_msr(0x1b, 0xfffff000);
	write_msr(0x1d9, ~0ULL);  /* branch tracing */
	write_msr(0x38f, ~0ULL);  /* performance counters */
	write_msr(0xc0010114, 0); /* SVM */
	write_msr(0x10, 0);	  /* the clock */
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
}

static void test_control(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	check_eq(xen_cr3_to_pfn(v), virt_to_mfn((void *)start_info->pt_base));
	__asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory");
	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	check_eq(v >> 31 & 1, 1);
	check_eq(v >> 16 & 1, 1); /* WP */
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	check_eq(v >> 5 & 1, 1);  /* PAE */
	check_eq(v >> 20 & 3, 0); /* SMEP, SMAP */
	__asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
	check_eq(probe(read_cr4, NULL), -1);
	check_eq(probe(cr4_bad, NULL), 13);
	check_eq(probe(cr0_bad, NULL), 13);
	check_eq(probe(cr3_bad, NULL), 13);
	check_eq(probe(wbinvd, NULL), -1);
}

static void test_ports(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	uint8_t al = 0x5a;
	uint32_t eax = 0x12345678;

	check_eq(probe(in_imm, NULL), 13);
	check_eq(probe(out_imm, NULL), 13);
	check_eq(probe(in_dx, NULL), 13);
	check_eq(probe(out_dx, NULL), 13);
	/* The guest's own I/O privilege opens nothing that it has no permission for: reads float,
	 * writes are lost. */
	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	__asm__ volatile("inb $0x64, %0" : "+a"(al));
	__asm__ volatile("movl $0x510, %%edx; inl %%dx, %0" : "+a"(eax)::"edx");
	check_eq(probe(out_imm, NULL), -1);
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		check_eq(al, 0xff);
		check_eq(eax, 0xffffffff);
		/* The reset register: we are still here afterwards. */
		check_eq(probe(out_dx, NULL), -1);
	}
	iopl.iopl = 4;
	check_refused(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl));
	iopl.iopl = 0;
	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	check_eq(probe(in_imm, NULL), 13);
}

static void check_interrupt_flag(int expected)
{
	uint8_t mask = vcpu_info()->evtchn_upcall_mask;

	check_eq(probe(cli, NULL), expected);
	check_eq(vcpu_info()->evtchn_upcall_mask, mask);
	check_eq(probe(sti, NULL), expected);
	check_eq(vcpu_info()->evtchn_upcall_mask, mask);
}

static void test_interrupt_flag(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	long assist = VMASST_TYPE_architectural_iopl;

	check_interrupt_flag(13);
	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	check_interrupt_flag(-1);
	iopl.iopl = 0;
	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	check_interrupt_flag(13);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable, assist), 0);
	check_interrupt_flag(-1);
	check_eq(probe(in_imm, NULL), -1);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable, assist), 0);
	check_interrupt_flag(13);
	check_eq(probe(in_imm, NULL), 13);
}

void test_main(void)
{
	test_cpuid();
	test_msrs();
	test_control();
	test_ports();
	test_interrupt_flag();
	check_eq(probe(lgdt, NULL), 13);
	check_eq(probe(lidt, NULL), 13);
	check_eq(probe(ltr, NULL), 13);
	check_eq(probe(lldt, NULL), 13);
#ifndef __i386__
	check_eq(probe(swapgs, NULL), 13);
	check_eq(probe(sysret, NULL), 13);
#endif
	check_eq(probe(hlt, NULL), 13);
	check_eq(probe(rdpmc, NULL), 13);
}
