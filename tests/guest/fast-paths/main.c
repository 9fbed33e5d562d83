// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seconds: 120
 *
 * The short ways through the hypervisor (entry/fast.S) do exactly what the C functions do that
 * define them. A guest that asks for an architectural IOPL always goes the long way, and nothing
 * else changes for it as long as its IOPL is 0: each case here is done both ways, and everything
 * that the guest can see must be the same.
 */
#include "guest.h"

const char test_name[] = "fast-paths";

#define CASES 3000
#define IF    0x200UL
#define IOPL  0x3000UL
/* CF PF AF ZF SF DF OF ID: what user mode may have in its flags without consequences. */
#define HARMLESS 0x200cd5UL
#define FLAG_VM  0x20000UL
#define FLAG_NT  0x4000UL

extern char syscall_entry_point[], trap_14[];

static struct user user;
static struct iret_context context;
static unsigned port;
static uint64_t seed = 0x5eed;

/* All that one case shows. */
static struct outcome {
	int vector;
	unsigned events, traps;
	struct trap_frame first; /* of the first trap or event */
	struct trap_frame last;
	uint64_t error, cr2;
	uint64_t mask, pending;
	uint64_t handler_flags; /* those of its flags that it was entered with */
} seen, expected;

static bool look(struct trap_frame *f)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	if (!seen.traps++) {
		seen.handler_flags = flags & (0x40000 | IOPL | FLAG_NT | IF);
		seen.first = *f;
		seen.mask = vcpu_info()->evtchn_upcall_mask;
		seen.pending = vcpu_info()->evtchn_upcall_pending;
		seen.cr2 = f->vector == 14 ? vcpu_info()->arch.cr2 : 0;
	}
	/* The upcall's own frame is compared; then it goes on with events off, or it would come
	 * again. */
	if (f->vector == TRAP_EVENT)
		f->rflags &= ~IF;
	return false;
}

static void count_event(unsigned p)
{
	seen.events += p == port;
}

/* With something known in every register, and not the same. */
static void go(void *arg)
{
	__asm__ volatile("movq %0, %%rsp\n"
			 "	movq $0x1d1d1d1d1d1d, %%rdi\n"
			 "	movabsq $0x5151515151515151, %%rsi\n"
			 "	movabsq $0xd1d1d1d1d1d1d1d1, %%rdx\n"
			 "	movabsq $0xb1b1b1b1b1b1b1b1, %%rbx\n"
			 "	movabsq $0xb2b2b2b2b2b2b2b2, %%rbp\n"
			 "	movq $0x80808, %%r8\n"
			 "	movq $0x90909, %%r9\n"
			 "	movq $0xa0a0a, %%r10\n"
			 "	movq $0xc0c0c, %%r12\n"
			 "	movq $0xd0d0d, %%r13\n"
			 "	movq $0xe0e0e, %%r14\n"
			 "	movq $0xf0f0f, %%r15\n"
			 "	movl $23, %%eax\n"
			 "	syscall\n"
			 "	ud2\n" ::"r"(arg) : "memory");
}

/* A kernel fault happens in compiled code: what that has in these registers says nothing. */
static void forget_general(struct trap_frame *f)
{
	f->r15 = f->r14 = f->r13 = f->r12 = f->rbp = f->rbx = f->r10 = f->r9 = f->r8 = f->rax =
		f->rdx = f->rsi = f->rdi = 0;
}

static const char *doing;

static void compare(void)
{
	if (!memcmp(&seen, &expected, sizeof(seen)))
		return;
	print("%s: long way: vector %d, %u events, mask %lu, cr2 %#lx, rip %#lx, cs %#lx, "
	      "flags %#lx, rsp %#lx, ss %#lx, rcx %#lx, r11 %#lx, error %#lx\n",
	      doing, expected.vector, expected.events, expected.mask, expected.cr2,
	      expected.first.rip, expected.first.cs, expected.first.rflags, expected.first.rsp,
	      expected.first.ss, expected.first.rcx, expected.first.r11, expected.first.error_code);
	print("%s: short way: vector %d, %u events, mask %lu, cr2 %#lx, rip %#lx, cs %#lx, "
	      "flags %#lx, rsp %#lx, ss %#lx, rcx %#lx, r11 %#lx, error %#lx\n",
	      doing, seen.vector, seen.events, seen.mask, seen.cr2, seen.first.rip, seen.first.cs,
	      seen.first.rflags, seen.first.rsp, seen.first.ss, seen.first.rcx, seen.first.r11,
	      seen.first.error_code);
	fail("%s: the short way differs", doing);
}

/* Run it both ways and compare. */
static void both(const char *what, void (*fn)(void *), void *arg, bool event)
{
	bool compiled = fn != go;

	doing = what;
	for (int shortly = 0; shortly < 2; shortly++) {
		check_eq(hypercall(vm_assist, shortly ? VMASST_CMD_disable : VMASST_CMD_enable,
				   VMASST_TYPE_architectural_iopl), 0);
		events_off();
		seen = (struct outcome){ 0 };
		if (event)
			send_event(port);
		trap_hook = look;
		seen.vector = probe(fn, arg);
		trap_hook = NULL;
		seen.last = probe_frame;
		seen.error = probe_error;
		if (compiled) {
			forget_general(&seen.first);
			forget_general(&seen.last);
		}
		events_off();
		clear_event(port);
		vcpu_info()->evtchn_pending_sel = 0;
		vcpu_info()->evtchn_upcall_pending = 0;
		if (!shortly)
			expected = seen;
	}
	compare();
}

static uint64_t pick(const uint64_t *from, unsigned n)
{
	return from[random_next(&seed) % n];
}
#define PICK(a) pick(a, sizeof(a) / sizeof((a)[0]))

static uint64_t some_flags(void)
{
	return (random_next(&seed) & (HARMLESS | IF | IOPL | FLAG_VM)) | 2;
}

static void random_context(void)
{
	static const uint64_t ss[] = { FLAT_USER_SS64, FLAT_USER_SS64, FLAT_USER_SS64 & ~3,
				       FLAT_USER_SS64 | 0x10000, 0 };
	static const uint64_t rsp[] = { USER_STACK + PAGE_SIZE, USER_STACK + 8, 0,
					0x8000000000000000, 0x7ffffffffff8 };

	context = (struct iret_context){
		.rax = random_next(&seed),
		.r11 = random_next(&seed),
		.rcx = random_next(&seed),
		.flags = random_next(&seed) & VGCF_in_syscall,
		.rip = USER_CODE,
		.cs = FLAT_USER_CS64,
		.rflags = some_flags() & ~IOPL,
		.rsp = PICK(rsp),
		.ss = PICK(ss),
	};
}

static void system_calls(void)
{
	for (unsigned i = 0; i < CASES; i++) {
		struct callback_register r = {
			.type = CALLBACKTYPE_syscall,
			.flags = random_next(&seed) & 1 ? CALLBACKF_mask_events : 0,
			.address = (uint64_t)syscall_entry_point,
		};

		check_eq(hypercall(callback_op, CALLBACKOP_register, &r), 0);
		random_context();
		context.ss = FLAT_USER_SS64;
		memcpy(user.code, "\x0f\x05\x0f\x0b", 4);
		both("system call", go, &context, random_next(&seed) & 1);
	}
}

static void set_fault_entry(uint8_t flags)
{
	struct trap_info traps[2] = { 0 };

	traps[0].vector = 14;
	traps[0].flags = flags;
	traps[0].cs = FLAT_KERNEL_CS64;
	traps[0].address = (uint64_t)trap_14;
	check_eq(hypercall(set_trap_table, traps), 0);
}

static void user_faults(void)
{
	static const char *const code[] = {
		"\x8a\x04\x25\x00\x00\x50\x00\x0f\x0b", /* read 0x500000 */
		"\x88\x04\x25\x00\x00\x50\x00\x0f\x0b", /* write 0x500000 */
		"\x88\x04\x25\x00\x08\x40\x00\x0f\x0b", /* write 0x400800, read-only */
		"\x8a\x04\x25\x00\x00\x10\x80\x0f\x0b", /* read the kernel's memory */
		"\xe9\xfb\xff\x0f\x00\x0f\x0b\x0f\x0b", /* jump to 0x500000 */
		"\x48\xa0\x00\x00\x00\x00\x80\x80\xff\xff", /* read the hypervisor's entry region */
		"\x48\xa2\x00\x00\x00\x00\x00\x80\xff\xff", /* write to the M2P */
	};

	for (unsigned i = 0; i < CASES; i++) {
		set_fault_entry(random_next(&seed) & 4);
		random_context();
		context.ss = FLAT_USER_SS64;
		memcpy(user.code, code[random_next(&seed) % 7], 10);
		both("user fault", go, &context, random_next(&seed) & 1);
	}
}

static uint8_t constant[PAGE_SIZE] __attribute__((aligned(4096)));

static void fault(void *arg)
{
	uint64_t what = (uint64_t)arg;

	if (what & 1)
		vcpu_info()->evtchn_upcall_mask = 0;
	switch (what >> 1) {
	case 0: __asm__ volatile("std; movb 0x500000, %%al" ::: "rax", "memory"); break;
	case 1: *(volatile uint8_t *)0x500000 = 1; break;
	case 2: constant[5] = 1; break;
	case 3: *(volatile uint8_t *)MACH2PHYS_VIRT_START = 1; break;
	case 4: (void)*(volatile uint8_t *)0xffff808000000000; break;
	case 5:
		/* An odd stack: the frame starts at the next lower multiple of 16. */
		__asm__ volatile("subq $300, %%rsp; orq $9, %%rsp; movb 0x500000, %%al" ::
					 : "rax", "memory");
		break;
	}
}

static void kernel_faults(void)
{
	check_eq(make_readonly(constant), 0);
	for (unsigned i = 0; i < CASES / 4; i++) {
		set_fault_entry(random_next(&seed) & 4);
		both("kernel fault", fault, (void *)(random_next(&seed) % 12), false);
	}
}

extern char kernel_landing[];
__asm__(".pushsection .text\n"
	"kernel_landing:\n"
	"	ud2\n"
	".popsection\n");

static char stack[4096] __attribute__((aligned(16)));

static void irets(void)
{
	static const uint64_t cs[] = {
		FLAT_USER_CS64, FLAT_USER_CS64, FLAT_USER_CS64 | 0x500000000,
		FLAT_USER_CS32, 0xe008 | 3,	0x3,
		0xe03b,
	};
	static const uint64_t rip[] = {
		USER_CODE, USER_CODE, USER_CODE, 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff,
		0xffff800000000000, 0xffffffff80000000, 0x8000000000000000,
	};

	for (unsigned i = 0; i < CASES; i++) {
		bool kernel = random_next(&seed) % 3 == 0;

		memcpy(user.code, "\x0f\x0b\x0f\x0b", 4);
		random_context();
		context.cs = PICK(cs);
		context.rip = PICK(rip);
		if (kernel) {
			/* A kernel in compatibility mode would end on a stack that is not there. */
			context.cs = context.cs == FLAT_USER_CS32 ? FLAT_KERNEL_CS64 : context.cs;
			context.cs = (context.cs & ~3UL) | random_next(&seed) % 3;
			context.rip =
				random_next(&seed) % 8 ? (uint64_t)kernel_landing : context.rip;
			context.rsp = (uint64_t)stack + sizeof(stack) - random_next(&seed) % 16;
		}
		both("iret", go, &context, random_next(&seed) & 1);
	}
}

void test_main(void)
{
	user_new(&user);
	port = bind_ipi(0);
	unmask_event(port);
	event_hook = count_event;
	memset(user.code, 0xcc, PAGE_SIZE);
	system_calls();
	user_faults();
	kernel_faults();
	irets();
}
