// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a 64-bit kernel in ring 1 might try to get at the hypervisor: read what is mapped, write
 * what it finds there (IDT, TSS, windows, stubs, entry code), look for what should not be mapped,
 * get at another CPU's area; privileged instructions; gates, ring 0's selectors wherever one is
 * taken; the entry code executed in ring 1, and what it reads written over; SYSCALL at the
 * edges of the address space; the upper half made its processes'.
 * vcpus: 2
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "evil-r1";

/* Pages of a CPU's area, from its GDT's base on. */
enum { TSS = 32, STUB, INFO, STACK, IST, MAIN_STACK = 40, GUEST_STACKS = 48, VCPU_INFO = 53 };
#define WINDOW_OF_CPU 0x40000000UL
#define STUB_RING1    1024

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct user user;
static uint64_t *descriptors;
static bool nx, fsgsbase;

static char *area_of_cpu(void)
{
	struct table t;

	__asm__ volatile("sgdt %0" : "=m"(t));
	check_eq(t.base & (WINDOW_OF_CPU - 1), 0);
	return (char *)t.base;
}

static int try_read(char *at)
{
	return probe_read(at);
}

static int try_write(char *at)
{
	return probe_write(at);
}

static int try_execute(char *at);

/* At that offset in this CPU's area; it may become another CPU's meanwhile. */
static int in_area(int (*try)(char *at), long offset)
{
	char *area;
	int v;

	do {
		area = area_of_cpu();
		v = try(area + offset);
	} while (area_of_cpu() != area);
	return v;
}

static char *idt(void)
{
	struct table t;

	__asm__ volatile("sidt %0" : "=m"(t));
	return (char *)t.base;
}

/* vcpu_info of vcpu 0 is the shared info page's first. */
static void compare_info(void *at)
{
	volatile unsigned long *other = &((struct vcpu_info *)at)->arch.cr2;

	vcpu_info()->arch.cr2 = 0x12345678;
	if (*other != 0x12345678)
		__asm__ volatile("ud2");
	*other = 0x9abcdef0;
	if (((volatile struct vcpu_info *)vcpu_info())->arch.cr2 != 0x9abcdef0)
		__asm__ volatile("ud2");
}

static int same_info(char *at)
{
	return probe(compare_info, at);
}

static void test_area(void)
{
	for (unsigned i = 0; i < 512; i++) {
		long page = i * PAGE_SIZE;
		bool stack = i >= STACK && i < MAIN_STACK;
		int written;

		if (i >= MAIN_STACK && i != VCPU_INFO && in_area(try_read, page) != 14)
			fail("page %u of the entry area can be read", i);
		written = in_area(try_write, page);
		if (written != (stack || i == VCPU_INFO ? -1 : 14))
			fail("page %u of the entry area: a store gives %d", i, written);
	}
	check_eq(in_area(try_read, TSS * PAGE_SIZE), -1);
	check_eq(in_area(try_read, INFO * PAGE_SIZE), -1);
	/* The page with vcpu_info is the one that is the guest's anyway, and nothing else. */
	check_eq(in_area(same_info, VCPU_INFO * PAGE_SIZE), -1);
	/* Others' areas. */
	for (long i = 1; i < 8; i++) {
		check_eq(in_area(try_read, i * WINDOW_OF_CPU), 14);
		check_eq(in_area(try_read, -i * WINDOW_OF_CPU), 14);
	}
}

/* The gates are there to be read, and where they lead too. */
static void test_idt(void)
{
	char *table = idt();
	uint64_t *gate = (uint64_t *)(table + 14 * 16);
	uint64_t entry = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;

	check_eq(probe_read(table), -1);
	check_eq(probe_write(table), 14);
	check_eq(probe_write(table + 255 * 16), 14);
	check_eq(probe_read((void *)entry), -1);
	check_eq(probe_write((void *)entry), 14);
	/* Its neighbours in the image are not. */
	check_eq(probe_read((void *)(entry + 0x100000)), 14);
	check_eq(probe_read((void *)(entry - 0x100000)), 14);
	check_eq(probe_read(table + 2 * PAGE_SIZE), 14);
	check_eq(probe_read(table - 2 * PAGE_SIZE), 14);
}

/* Every 2 MiB of an image's GiB, each 512 GiB of what is ours. */
static void test_absent(void)
{
	uint64_t first = 0xffff808000000000;

	for (uint64_t at = first + (1UL << 39); at < 0xffff880000000000; at += 1UL << 39)
		for (uint64_t off = 0; off < 1UL << 39; off += 1UL << 33)
			check_eq(probe_read((void *)(at + off)), 14);
	check_eq(probe_read((void *)0xffff830000100000), 14);
	check_eq(probe_read((void *)0xffff82e000000000), 14);
	check_eq(probe_read((void *)0xffff828000000000), 14);
	check_eq(probe_read((void *)0xffff810000000000), 14);
	check_eq(probe_write((void *)m2p), 14);
}

#define INSTRUCTION(name, text)                              \
	static void name(void *arg)                          \
	{                                                    \
		uint64_t word[4] = { 0 };                    \
		(void)word;                                  \
		__asm__ volatile(text ::"a"(arg), "r"(word)  \
				 : "rcx", "rdx", "memory");  \
	}
INSTRUCTION(do_lgdt, "lgdt (%1)")
INSTRUCTION(do_lidt, "lidt (%1)")
INSTRUCTION(do_lldt, "lldt %w0")
INSTRUCTION(do_ltr, "ltr %w0")
INSTRUCTION(do_swapgs, "swapgs")
INSTRUCTION(do_sysret, "sysretq")
INSTRUCTION(do_sysexit, "sysexit")
INSTRUCTION(do_hlt, "hlt")
INSTRUCTION(do_mov_cr0, "movq %0, %%cr0")
INSTRUCTION(do_mov_cr4, "movq %0, %%cr4")
INSTRUCTION(do_lmsw, "lmsw %w0")
INSTRUCTION(do_wrmsr_lstar, "movl $0xc0000082, %%ecx; xorl %%edx, %%edx; wrmsr")
INSTRUCTION(do_wrmsr_kernel_gs, "movl $0xc0000102, %%ecx; xorl %%edx, %%edx; wrmsr")
INSTRUCTION(do_rdmsr_lstar, "movl $0xc0000082, %%ecx; rdmsr")
INSTRUCTION(do_int82, "int $0x82")
INSTRUCTION(do_int_nmi, "int $2")
INSTRUCTION(do_int_pf, "int $14")
INSTRUCTION(do_ss, "movl %k0, %%ss")
INSTRUCTION(do_ds, "movl %k0, %%ds; xorl %%eax, %%eax; movl %%eax, %%ds")
INSTRUCTION(do_lret, "pushq %0; leaq 1f(%%rip), %%rdx; pushq %%rdx; lretq; 1:")
INSTRUCTION(do_call, "call *%0")

static void test_instructions(void)
{
	static const struct {
		const char *name;
		void (*fn)(void *);
		unsigned long arg;
		int vector;
	} all[] = {
		{ "lgdt", do_lgdt, 0, 13 },
		{ "lidt", do_lidt, 0, 13 },
		{ "lldt", do_lldt, 0xe050, 13 },
		{ "ltr", do_ltr, 0xe040, 13 },
		{ "swapgs", do_swapgs, 0, 13 },
		{ "sysret", do_sysret, 0, 13 },
		{ "hlt", do_hlt, 0, 13 },
		{ "cr0 without WP", do_mov_cr0, 0x80000033, 13 },
		{ "lmsw", do_lmsw, 0, 13 },
		{ "wrmsr LSTAR", do_wrmsr_lstar, 0, 13 },
		{ "rdmsr LSTAR", do_rdmsr_lstar, 0, 13 },
		{ "wrmsr KERNEL_GS_BASE", do_wrmsr_kernel_gs, 0, 13 },
		{ "int 0x82", do_int82, 0, 13 },
		{ "int 2", do_int_nmi, 0, 2 },
		{ "int 14", do_int_pf, 0, 14 },
		{ "ss of ring 0", do_ss, 0xe010, 13 },
		{ "ss of ring 0, RPL 1", do_ss, 0xe011, 13 },
		{ "ds of ring 0", do_ds, 0xe010, 13 },
		{ "ds from the TSS", do_ds, 0xe041, 13 },
		{ "lret to ring 0", do_lret, 0xe008, 13 },
		{ "lret to ring 0, RPL 1", do_lret, 0xe009, 13 },
		{ "lret to the TSS", do_lret, 0xe041, 13 },
		{ "lret to ring 1", do_lret, ANNULUS_KERNEL_CS, -1 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int v = probe(all[i].fn, (void *)all[i].arg);

		/* What a gate's DPL refuses is a #GP, whether or not the kernel has a handler. */
		if (v != all[i].vector && v != 13)
			fail("%s gives %d", all[i].name, v);
	}
	(void)do_sysexit;
	(void)do_mov_cr4;
}

static void iretq(void *arg)
{
	__asm__ volatile("movq %0, %%rsp; iretq" ::"r"(arg) : "memory");
}

static void iretq_nt(void *arg)
{
	__asm__ volatile("pushfq; orl $0x4000, (%%rsp); popfq; movq %0, %%rsp; iretq" ::"r"(arg)
			 : "memory");
}

static void hypercall_nt_ac(void *arg)
{
	__asm__ volatile("pushfq; orl $0x44000, (%%rsp); popfq; movl $17, %%eax; xorl %%edi, %%edi;"
			 "syscall; pushfq; andl $~0x44000, (%%rsp); popfq"
			 ::: "rax", "rcx", "rdi", "r11", "memory");
}

static void test_iretq(void)
{
	static const uint16_t bad[] = { 0xe008, 0xe00b, 0xe009, 0xe040, 0xe043, 0xe018, 0xe039 };
	static char stack[PAGE_SIZE] __attribute__((aligned(16)));
	extern char landing[];
	/* With room below it for what comes when that fails. */
	static uint64_t room[512] __attribute__((aligned(16)));
	uint64_t *frame = room + 400;

	frame[0] = (uint64_t)landing;
	frame[2] = 0x203002;
	frame[3] = (uint64_t)stack + sizeof(stack);
	frame[4] = ANNULUS_KERNEL_SS;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		frame[1] = bad[i];
		check_eq(probe(iretq, frame), 13);
	}
	frame[1] = ANNULUS_KERNEL_CS;
	check_eq(probe(iretq_nt, frame), 13);
	__asm__ volatile("pushfq; andl $~0x4000, (%%rsp); popfq" ::: "memory");
	/* IOPL is not to be had by it, nor the real IF to be lost. */
	check_eq(probe(iretq, frame), 13);
	check_eq(probe_frame.rip, (uint64_t)landing);
	check_eq(probe_frame.rflags & 0x3000, 0);
	check_eq(probe(hypercall_nt_ac, NULL), -1);
}
__asm__(".pushsection .text\n"
	".balign 16\n"
	"landing: cli\n"
	".popsection\n");

static long descriptor(unsigned i, uint64_t d)
{
	return hypercall(update_descriptor, virt_to_mfn(descriptors) << 12 | i * 8, d);
}

static void far_call(void *sel)
{
	struct {
		uint32_t offset;
		uint16_t sel;
	} __attribute__((packed)) to = { 0, (uint16_t)(uintptr_t)sel };

	__asm__ volatile("lcall *%0" ::"m"(to) : "memory");
}

static void test_descriptors(void)
{
	static const uint64_t refused[] = {
		0x0000ec0000080000, /* call gate, DPL 3 */
		0x0000ac0000080000, 0x0000ee0000080000, 0x0000ef0000080000, 0x0000e50000080000,
		0x0000890000000067, 0x0000820000000fff,
	};
	xen_ulong_t frames[1] = { virt_to_mfn(descriptors) };

	/* Ordinary memory, until it is a table: code of ring 0, not accessed. */
	descriptors[6] = 0x00af9a000000ffff;
	check_eq(make_readonly(descriptors), 0);
	check_eq(hypercall(set_gdt, frames, 512L), 0);
	check_eq(descriptors[6], 0x00afbb000000ffff);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!descriptor(5, refused[i]))
			fail("descriptor %#lx was taken", (unsigned long)refused[i]);
	check_eq(descriptors[5], 0);
	check_eq(probe(far_call, (void *)(5 << 3 | 1)), 13);
	/* Data of ring 0: raised, and accessed already, since the CPU could not write that. */
	check_eq(descriptor(7, 0x00cf92000000ffff), 0);
	check_eq(descriptors[7], 0x00cfb3000000ffff);
	check_eq(probe(do_ds, (void *)(7 << 3 | 1)), -1);
	check_eq(probe_write(descriptors), 14);
	check_eq(in_area(try_write, 0), 14);
	check_eq(in_area(try_read, 0), -1);
	check_eq(hypercall(set_gdt, frames, 0L), 0);
	check_eq(make_writable(descriptors), 0);
}

/* The ways in, executed where they are: no further than the first thing that ring 1 may not. */
static int try_execute(char *at)
{
	return probe(do_call, at);
}

static void call_as_kernel(void *at)
{
	__asm__ volatile("movq $-1, %%rcx; call *%0" ::"a"(at) : "rcx", "rdx", "memory");
}

static int execute_as_kernel(char *at)
{
	return probe(call_as_kernel, at);
}

static void call_as_process(void *at)
{
	vcpu_info()->evtchn_upcall_mask = 0;
	vcpu_info()->evtchn_upcall_pending = 0;
	__asm__ volatile("xorl %%ecx, %%ecx; call *%0" ::"a"(at) : "rcx", "rdx", "memory");
}

static int execute_as_process(char *at)
{
	int v = probe(call_as_process, at);

	events_off();
	return v;
}

static void overwrite(void *at)
{
	memset(at, 0x7f, PAGE_SIZE);
}

static int try_overwrite(char *at)
{
	return probe(overwrite, at);
}

/* What lies on the stack page before an entry means nothing to it. */
static void test_written_stack(void)
{
	for (unsigned i = 0; i < 50; i++) {
		check_eq(in_area(try_overwrite, STACK * PAGE_SIZE), -1);
		/* mov $0x5678, %eax; syscall */
		check_eq(USER_RUN(&user, "\xb8\x78\x56\0\0\x0f\x05"), TRAP_SYSCALL);
		check_eq(probe_frame.rax, 0x5678);
		check_eq(probe_frame.rip, USER_CODE + 7);
		check_eq(probe_frame.cs & 0xffff, USER_CS);
	}
}

static void test_entry_code(void)
{
	uint64_t *gate = (uint64_t *)(idt() + 13 * 16);
	uint64_t entry = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;

	/* As a hypercall it begins with CR3; a process's system call goes to the handler. */
	check_eq(in_area(execute_as_kernel, STUB * PAGE_SIZE + STUB_RING1), 13);
	/* Without FSGSBASE it is RDMSR that fails, on a stack that takes no frame. */
	if (fsgsbase) {
		check_eq(in_area(execute_as_process, STUB * PAGE_SIZE + STUB_RING1), TRAP_SYSCALL);
		check_eq(probe_frame.cs & 0xffff, USER_CS);
	}
	test_written_stack();
	check(probe(do_call, (void *)entry) > 0);
	if (nx)
		check_eq(in_area(try_execute, STACK * PAGE_SIZE), 14);
}

/* Two bytes at the end of a page, executed. */
static void test_syscall_edges(void)
{
	char *page = page_alloc();
	struct space s;
	uint64_t top = 0xfffffffffffff000, low = 0x7ffffffff000;

	memcpy(page + PAGE_SIZE - 2, "\x0f\x05", 2);
	/* In the lower half ring 1 is taken for a process. */
	space_new(&s, low);
	/* Not a process's: under SMEP that would not be ring 1's to execute. */
	s.table[1][511] = LEAF(virt_to_mfn(page), PTE_P | PTE_AD);
	space_readonly(&s);
	check_eq(mmu_update(entry_maddr((void *)low, 4), TABLE_ENTRY(s.table[3])), 0);
	check_eq(probe(do_call, (void *)(low + PAGE_SIZE - 2)), TRAP_SYSCALL);
	check_eq(probe_frame.rip, low + PAGE_SIZE);
	check_eq(probe_frame.cs & 0xffff, USER_CS);
	check_eq(mmu_update(entry_maddr((void *)low, 4), 0), 0);
	space_writable(&s);
	/* At the very top RCX wraps. */
	if (*entry_of((void *)top, 4) & PTE_P &&
	    !map_page((void *)top, virt_to_mfn(page), PTE_P | PTE_AD)) {
		check_eq(probe(do_call, (void *)(top + PAGE_SIZE - 2)), TRAP_SYSCALL);
		check_eq(probe_frame.rip, 0);
		check_eq(map_page((void *)top, 0, 0), 0);
	}
}

/* U in the upper half of the root, by whatever way. */
static void test_upper_half(void)
{
	uint64_t *root = (uint64_t *)start_info->pt_base, at = virt_to_mfn(root) << 12;
	uint64_t *other = page_alloc();
	unsigned slot = 511;

	check_eq(root[slot] & PTE_US, 0);
	check_eq(mmu_update(at | slot * 8, root[slot] | PTE_US), 0);
	check_eq(root[slot] & PTE_US, 0);
	check_eq(mmu_update(at | 300 * 8, (root[slot] | PTE_US)), 0);
	check_eq(root[300] & PTE_US, 0);
	check_eq(mmu_update(at | 300 * 8 | MMU_PT_UPDATE_PRESERVE_AD, 0), 0);
	check_refused(mmu_update(at | 256 * 8, root[slot]));
	check_refused(mmu_update(at | 271 * 8, 0));
	/* A new root. */
	other[slot] = root[slot] | PTE_US;
	other[0] = root[0];
	check_eq(make_readonly(other), 0);
	check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(other)), 0);
	check_eq(other[slot] & PTE_US, 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(other)), 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(root)), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(other)), 0);
	check_eq(make_writable(other), 0);
	/* A process's way to a kernel's page: by its leaf's U alone it is none. */
	check_eq(map_page(descriptors, virt_to_mfn(descriptors), PTE_KERNEL | PTE_US), 0);
	memcpy(user.code, "\x8a\0\x0f\x05", 4);
	{
		struct iret_context c = iret_context(USER_CODE, USER_CS, 0x202,
						     USER_STACK + PAGE_SIZE, USER_SS, 0);

		c.rax = (uint64_t)descriptors;
		check_eq(probe(raw_iret, &c), 14);
		check_eq(probe_error, 5);
	}
}

void test_main(void)
{
	uint32_t a = 0x80000001, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	nx = d >> 20 & 1;
	a = 7;
	c = 0;
	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
			 : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	fsgsbase = b & 1;
	user_new(&user);
	descriptors = page_alloc();
	for (int i = 0; i < 3; i++) {
		test_area();
		test_idt();
		test_absent();
		test_instructions();
		test_iretq();
		test_descriptors();
		test_entry_code();
		test_syscall_edges();
		test_upper_half();
		check_eq(make_writable(descriptors), 0);
		for (int n = 0; n < 20; n++)
			yield();
	}
}
