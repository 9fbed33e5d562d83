// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// vcpus: 2
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
// seconds: 120
/*
 * A PVH guest that has its local APICs as a page of memory, which is not there: every instruction
 * that accesses it is done by the hypervisor. They give what they give on memory, registers and
 * flags; what crosses the page's end goes to both sides, or is a page fault and does nothing;
 * repeated ones go on where they stopped, whatever their count; code that another vCPU changes is
 * the one or the other; what is not known is #UD. The modes change by the ways that there are, and
 * IPIs, INIT, SIPI and the timer work by the page.
 */
#include "pvh.h"

const char test_name[] = "pvh-xapic";

#define PAGE	   8 /* of real mode */
#define IPI_VECTOR 0x61
#define BASE	   0xfee00000UL

void pvh_ap(uint32_t id);
void pvh_ipi(void);

static uint64_t l2[512] __attribute__((aligned(4096))), l1[512] __attribute__((aligned(4096)));
static uint8_t ram[3 * 4096] __attribute__((aligned(4096)));
static volatile uint64_t got[2], starts, patch_on, patched, wrong;

#define REG(offset) (*(volatile uint32_t *)(BASE + (offset)))

static uint64_t msr(uint32_t n)
{
	uint32_t a, d;

	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n) : "memory");
	return a | (uint64_t)d << 32;
}

static void set_msr(uint32_t n, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static void set_base(void *value)
{
	set_msr(0x1b, *(uint64_t *)value);
}

static void read_msr(void *n)
{
	(void)msr(*(uint32_t *)n);
}

static long try_base(uint64_t value)
{
	return pvh_probe(set_base, &value);
}

static uint32_t cpuid_1d(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
}

static uint64_t cr2(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

void pvh_ipi(void)
{
	got[REG(0x20) >> 24]++;
	REG(0xb0) = 0;
}

static void flush(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* The page, and a page of memory behind it. */
static void map(void)
{
	uint64_t *l4, *l3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(l4));
	l3 = (uint64_t *)(l4[0] & ~0xfffUL);
	l1[0] = BASE | 3;
	l1[1] = (uint64_t)ram | 3;
	l2[BASE >> 21 & 511] = (uint64_t)l1 | 3;
	l3[3] = (uint64_t)l2 | 3;
	flush();
}

static void modes(bool boot)
{
	uint64_t bsp = boot ? 0x100 : 0;
	uint32_t n = 0x802;

	check_eq(msr(0x1b), 0xfee00c00 | bsp);
	check_eq(try_base(0xfee00800 | bsp), 13);
	check_eq(try_base(0xfee00400 | bsp), 13);
	check_eq(try_base(0xfed00c00 | bsp), 13);
	check_eq(try_base(0xfee00c00 | (bsp ^ 0x100)), 13);
	check_eq(cpuid_1d() >> 9 & 1, 1);
	check_eq(try_base(0xfee00000 | bsp), -1);
	check_eq(cpuid_1d() >> 9 & 1, 0);
	check_eq(pvh_probe(read_msr, &n), 13);
	check_eq(try_base(0xfee00c00 | bsp), 13);
	check_eq(try_base(0xfee00800 | bsp), -1);
	check_eq(cpuid_1d() >> 9 & 1, 1);
	check_eq(pvh_probe(read_msr, &n), 13);
	check_eq(try_base(0xfee01800 | bsp), 13);
}

#define ARITHMETIC 0x8d5UL
#define CARRY	   1UL /* the only one that BT and its like define */

/*
 * `insn` with its operand in rdi and another in rax and rcx: on the logical destination, of which 8
 * bits are kept, and on memory.
 */
#define SAME(insn) SAME_BUT(insn, ARITHMETIC)
#define SAME_BUT(insn, flags)                                                          \
	do {                                                                                   \
		static const uint32_t first[] = { 0, 0x12000000, 0x80000000, 0xff000000 };     \
		for (unsigned k = 0; k < 16; k++) {                                            \
			uint64_t a = first[k & 3] | (k & 1 ? 0xabcdef0000000000 : 0), b = a;   \
			uint64_t c = first[k >> 2], e = c, f, g;                               \
			uint32_t mem;                                                          \
			REG(0xd0) = mem = 0x34000000 ^ first[k >> 2];                          \
			__asm__ volatile("stc; " insn "; pushfq; popq %2"                      \
					 : "+a"(a), "+c"(c), "=r"(f)                           \
					 : "D"(BASE + 0xd0)                                    \
					 : "memory", "cc", "rsi");                             \
			__asm__ volatile("stc; " insn "; pushfq; popq %2"                      \
					 : "+a"(b), "+c"(e), "=r"(g)                           \
					 : "D"(&mem)                                           \
					 : "memory", "cc", "rsi");                             \
			check_eq(a, b);                                                        \
			check_eq(c, e);                                                        \
			check_eq(f & (flags), g & (flags));                                    \
			check_eq(REG(0xd0), mem & 0xff000000);                                 \
		}                                                                              \
	} while (0)

static void instructions(void)
{
	SAME("movl (%%rdi), %%eax");
	SAME("movl %%eax, (%%rdi)");
	SAME("movb 3(%%rdi), %%ah");
	SAME("movw 2(%%rdi), %%ax");
	SAME("movl $0x56000000, (%%rdi)");
	SAME("movzbl 3(%%rdi), %%eax");
	SAME("movzwl 2(%%rdi), %%eax");
	SAME("movsbq 3(%%rdi), %%rax");
	SAME("movswl 2(%%rdi), %%eax");
	SAME("movslq (%%rdi), %%rax");
	SAME("addl %%eax, (%%rdi)");
	SAME("addl (%%rdi), %%eax");
	SAME("adcl %%ecx, (%%rdi)");
	SAME("sbbl $0x01000000, (%%rdi)");
	SAME("lock; orl $0x55000000, (%%rdi)");
	SAME("lock; andl %%eax, (%%rdi)");
	SAME("subl %%eax, (%%rdi)");
	SAME("subb 3(%%rdi), %%al");
	SAME("xorl $0xff000000, (%%rdi)");
	SAME("cmpl %%eax, (%%rdi)");
	SAME("cmpb $0x12, 3(%%rdi)");
	SAME("cmpl (%%rdi), %%ecx");
	SAME("testl $0x80000000, (%%rdi)");
	SAME("testw %%cx, 2(%%rdi)");
	SAME("notl (%%rdi)");
	SAME("negl (%%rdi)");
	SAME("incl (%%rdi)");
	SAME("decl (%%rdi)");
	SAME("xchgl %%eax, (%%rdi)");
	SAME("lock; cmpxchgl %%ecx, (%%rdi)");
	SAME("lock; xaddl %%eax, (%%rdi)");
	SAME_BUT("btl $25, (%%rdi)", CARRY);
	SAME_BUT("btsl $24, (%%rdi)", CARRY);
	SAME_BUT("lock; btrl $28, (%%rdi)", CARRY);
	SAME_BUT("btcl $31, (%%rdi)", CARRY);
	SAME("pushq (%%rdi); popq %%rax; movl %%eax, %%eax");
	SAME("pushq %%rdi; movq %%rdi, %%rsi; lodsl; popq %%rdi");
	SAME("pushq %%rdi; scasl; popq %%rdi");
	SAME("pushq %%rdi; stosl; popq %%rdi");
	SAME("pushq %%rdi; std; stosl; cld; popq %%rdi");
	/* Absolute addresses: what no other test has. */
	REG(0xd0) = 0x77000000;
	uint32_t is;
	__asm__ volatile("movabsl 0xfee000d0, %%eax" : "=a"(is));
	check_eq(is, 0x77000000);
	__asm__ volatile("movabsl %%eax, 0xfee000d0" ::"a"(0x99000000));
	check_eq(REG(0xd0), 0x99000000);
	/* Eight bytes are a register and nothing; nothing but a register is written. */
	check_eq(*(volatile uint64_t *)(BASE + 0x30), 0x50014);
	*(volatile uint64_t *)(BASE + 0xd0) = 0x11000000;
	*(volatile uint16_t *)(BASE + 0xd2) = 0x1100;
	*(volatile uint32_t *)(BASE + 0xd4) = 0x11000000;
	check_eq(REG(0xd0), 0x99000000);
}

static void read_8(void *at)
{
	*(uint64_t *)ram = *(volatile uint64_t *)at;
}

static void write_8(void *at)
{
	*(volatile uint64_t *)at = 0x1122334455667788;
}

static void add_8(void *at)
{
	__asm__ volatile("lock; addq %1, %0" : "+m"(*(volatile uint64_t *)at) : "r"(1UL << 32));
}

static void page_end(void)
{
	char *at = (char *)BASE + 0xffc;

	for (unsigned i = 0; i < 16; i++)
		ram[i] = (uint8_t)(0xa0 + i);
	check_eq(pvh_probe(read_8, at), -1);
	check_eq(*(uint64_t *)ram, 0xa3a2a1a000000000);
	check_eq(pvh_probe(write_8, at), -1);
	check_eq(*(uint32_t *)ram, 0x11223344);
	check_eq(ram[4], 0xa0);
	check_eq(pvh_probe(add_8, at), -1);
	check_eq(*(uint32_t *)ram, 0x11223345);
	/* Of 1, 3 and 7 bytes. */
	check_eq(pvh_probe(write_8, at - 3), -1);
	check_eq(ram[0], 0x11);
	check_eq(pvh_probe(write_8, at + 3), -1);
	check_eq(*(uint32_t *)ram, 0x44556677);
	/* A page that may not be written, and none. */
	l1[1] = (uint64_t)ram | 1;
	flush();
	check_eq(pvh_probe(write_8, at), 14);
	check_eq(probe_error, 3);
	check_eq(cr2(), BASE + 0x1000);
	check_eq(*(uint32_t *)ram, 0x44556677);
	l1[1] = 0;
	flush();
	check_eq(pvh_probe(read_8, at), 14);
	check_eq(probe_error, 0);
	check_eq(cr2(), BASE + 0x1000);
	check_eq(pvh_probe(add_8, at), 14);
	check_eq(probe_error, 2);
	/* Accessed and dirty, as if the CPU had done it. */
	l1[1] = (uint64_t)(ram + 4096) | 3;
	flush();
	check_eq(pvh_probe(read_8, at), -1);
	check_eq(l1[1] & 0x60, 0x20);
	check_eq(pvh_probe(write_8, at), -1);
	check_eq(l1[1] & 0x60, 0x60);
	l1[1] = (uint64_t)ram | 3;
	flush();
}

static uint64_t rep_si, rep_di, rep_cx;

static void rep_movs(void *arg)
{
	uint64_t *r = arg;

	__asm__ volatile("rep movsl" : "+S"(r[0]), "+D"(r[1]), "+c"(r[2]) : : "memory");
	rep_si = r[0];
	rep_di = r[1];
	rep_cx = r[2];
}

static void rep_stos(void *arg)
{
	uint64_t *r = arg;

	__asm__ volatile("rep stosq" : "+D"(r[1]), "+c"(r[2]) : "a"(0) : "memory");
}

static void repeated(void)
{
	uint64_t r[3] = { BASE, (uint64_t)ram, 1024 };
	uint64_t cx;

	REG(0xd0) = 0x5a000000;
	check_eq(pvh_probe(rep_movs, r), -1);
	check_eq(rep_si, BASE + 4096);
	check_eq(rep_di, (uint64_t)ram + 4096);
	check_eq(rep_cx, 0);
	check_eq(*(uint32_t *)(ram + 0x30), 0x50014);
	check_eq(*(uint32_t *)(ram + 0xd0), 0x5a000000);
	check_eq(*(uint32_t *)(ram + 0xd4), 0);
	/* Without an end: to the first page that is not there. */
	l1[1] = 0;
	flush();
	check_eq(pvh_probe(rep_movs, (uint64_t[3]){ BASE, (uint64_t)ram, ~0UL }), 14);
	check_eq(cr2(), BASE + 4096);
	check_eq(probe_error, 0);
	/* On itself; and zeros to all of it, by twos of registers, which are none. */
	check_eq(pvh_probe(rep_movs, (uint64_t[3]){ BASE + 0x400, BASE + 0x500, 64 }), -1);
	check_eq(pvh_probe(rep_stos, (uint64_t[3]){ 0, BASE, ~0UL }), 14);
	check_eq(cr2(), BASE + 4096);
	check_eq(probe_error, 2);
	check_eq(REG(0xf0), 0x1ff);
	check_eq(REG(0xd0), 0x5a000000);
	/* By bytes, until something is found. */
	__asm__ volatile("repne scasb" : "=c"(cx) : "a"(5), "c"(1UL << 40), "D"(BASE + 0x30));
	check_eq(cx, (1UL << 40) - 3);
	l1[1] = (uint64_t)ram | 3;
	flush();
}

static void sse(void *at)
{
	__asm__ volatile("movups (%0), %%xmm0" ::"r"(at));
}

static void x87(void *at)
{
	__asm__ volatile("fildl (%0)" ::"r"(at));
}

static void locked_load(void *at)
{
	__asm__ volatile(".byte 0xf0, 0x8b, 0x07" ::"D"(at) : "rax");
}

/*
 * Two bytes that are a store, a load, or a store to memory; the other vCPU writes them. (What is
 * not known there would be #UD where QEMU's threads lose a write to code: it executes the old one
 * then, until the next write.)
 */
__attribute__((aligned(64))) static uint8_t code[] = { 0x89, 0x07, 0xc3 };

static void run_patched(void *arg)
{
	for (unsigned i = 0; i < 30000; i++) {
		uint64_t a = 0x12345678;

		__asm__ volatile("call *%1" : "+a"(a) : "r"(code), "D"(arg), "S"(ram) : "memory");
		if (a != 0x12345678 && a != 0x12000000 && a)
			fail(__LINE__, a, 0);
	}
}

void pvh_ap(uint32_t id)
{
	static const uint16_t is[] = { 0x0789, 0x0689, 0x078b };
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" ::"m"(idtr));
	if (msr(0x1b) != 0xfee00c00)
		wrong = __LINE__;
	set_msr(0x1b, 0xfee00000);
	set_msr(0x1b, 0xfee00800);
	if (REG(0x20) != id << 24 || REG(0xf0) != 0xff || REG(0xd0) || REG(0xe0) != ~0U)
		wrong = __LINE__;
	REG(0xf0) = 0x1ff;
	REG(0xd0) = 0x02000000;
	starts++;
	for (;;) {
		for (unsigned i = 0; patch_on; i = (i + 1) % 3) {
			*(volatile uint16_t *)code = is[i];
			patched++;
			for (volatile unsigned n = 0; n < 50; n++)
				;
		}
		__asm__ volatile("sti; pause; pause; cli" ::: "memory");
	}
}

static void wait_for(volatile uint64_t *what, uint64_t least, int line)
{
	for (uint64_t n = 0; *what < least; n++) {
		if (n > 20000000)
			fail(line, *what, least);
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
		__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	}
}

static void expect(uint32_t high, uint32_t low, unsigned mask, int line)
{
	uint64_t before[2] = { got[0], got[1] };

	REG(0x310) = high;
	REG(0x300) = low;
	for (unsigned i = 0; i < 2; i++)
		if (mask >> i & 1)
			wait_for(&got[i], before[i] + 1, line);
	for (unsigned i = 0; i < 100; i++)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	for (unsigned i = 0; i < 2; i++)
		check_equal(line, got[i], before[i] + (mask >> i & 1));
}

static void ipis(void)
{
	for (unsigned i = 0; ap_start + i < ap_end; i++)
		((volatile char *)(PAGE << 12))[i] = ap_start[i];
	REG(0x310) = 1 << 24;
	REG(0x300) = 0xc500;
	REG(0x300) = 0x8500;
	REG(0x300) = 0x600 | PAGE;
	wait_for(&starts, 1, __LINE__);
	REG(0xd0) = 0x01000000;
	expect(0x01000000, IPI_VECTOR, 2, __LINE__);
	expect(0, IPI_VECTOR, 1, __LINE__);
	expect(0xff000000, IPI_VECTOR, 3, __LINE__);
	expect(0x02000000, 0x800 | IPI_VECTOR, 2, __LINE__);
	expect(0x03000000, 0x800 | IPI_VECTOR, 3, __LINE__);
	expect(0x04000000, 0x800 | IPI_VECTOR, 0, __LINE__);
	expect(0x07000000, IPI_VECTOR, 0, __LINE__);
	expect(0, 0x40000 | IPI_VECTOR, 1, __LINE__);
	expect(0, 0x80000 | IPI_VECTOR, 3, __LINE__);
	expect(0, 0xc0000 | IPI_VECTOR, 2, __LINE__);
	check_eq(REG(0x300), 0xc0000 | IPI_VECTOR);
	check_eq(wrong, 0);
}

static void timer(void)
{
	uint64_t before = got[0];

	REG(0x3e0) = 0xb;
	REG(0x320) = 0x20000 | IPI_VECTOR;
	REG(0x380) = 50000;
	wait_for(&got[0], before + 20, __LINE__);
	REG(0x320) = 0x10000 | IPI_VECTOR;
	REG(0x380) = 0;
	/* What waits comes when the priority lets it. */
	REG(0x80) = 0x70;
	before = got[0];
	REG(0x300) = 0x40000 | IPI_VECTOR;
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(got[0], before);
	check_eq(REG(0x230) >> 1 & 1, 1);
	REG(0x80) = 0;
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(got[0], before + 1);
}

void test_main(void)
{
	gate(IPI_VECTOR, ipi_entry);
	map();
	modes(true);
	check_eq(REG(0x20), 0);
	REG(0xf0) = 0x1ff;
	instructions();
	page_end();
	repeated();
	check_eq(pvh_probe(sse, (void *)(BASE + 0x30)), 6);
	check_eq(pvh_probe(x87, (void *)(BASE + 0x30)), 6);
	check_eq(pvh_probe(locked_load, (void *)(BASE + 0x30)), 6);
	ipis();
	timer();
	REG(0xd0) = 0;
	patch_on = 1;
	for (unsigned i = 0; i < 20; i++)
		check_eq(pvh_probe(run_patched, (void *)(BASE + 0xd0)), -1);
	wait_for(&patched, 1000, __LINE__);
	patch_on = 0;
	check_eq(REG(0xd0) & ~0x12000000, 0);
	/* To x2APIC mode with it. */
	check_eq(try_base(0xfee00d00), -1);
	check_eq(msr(0x80f), 0x1ff);
	check_eq(msr(0x80d), 1);
}
