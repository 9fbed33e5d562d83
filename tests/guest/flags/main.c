// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whatever flags a guest has when it comes into the hypervisor, its handler finds them in the
 * frame, without IOPL (that is another matter), and is itself entered without TF, NT, AC and IOPL.
 * In ring 0 they make no difference: what the hypervisor writes for the guest meanwhile is as
 * always. Every way in (system calls, software interrupts, faults by the short and by the long way,
 * interrupts, events, NMI) with each flag and with all of them, from user space and from the
 * kernel, and everything once more for a guest with an architectural IOPL, which always goes the
 * long way.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "flags";

#define CF   0x1UL
#define TF   0x100UL
#define IF   0x200UL
#define DF   0x400UL
#define OF   0x800UL
#define IOPL 0x3000UL
#define NT   0x4000UL
#define RF   0x10000UL
#define AC   0x40000UL
#define ID   0x200000UL

/* RF is the CPU's affair: set in the frame of a fault, not in that of a trap. */
#define SEEN (CF | TF | IF | DF | OF | NT | AC | ID)

static const unsigned long flag_sets[] = {
	0, CF, DF, AC, NT, TF, RF, ID, IOPL, CF | DF | AC | NT | RF | ID | IOPL,
	CF | TF | DF | AC | NT | RF | ID | IOPL,
};

#ifdef __i386__
#define USER_CS32 USER_CS
#define BITS	  32
#define TABLE_STORE "\x89\x13\xcc" /* movl %edx, (%ebx); int3 */
#define TABLE_STORE_SIZE 2
#else
#define USER_CS32 FLAT_USER_CS32
#define BITS	  64
#define TABLE_STORE "\x48\x89\x13\xcc" /* movq %rdx, (%rbx); int3 */
#define TABLE_STORE_SIZE 3
#endif

#define DATA_NOT_PRESENT 0x00cf72000000ffffULL

extern char syscall_entry_else[];

enum mode { USER, USER32, KERNEL };
static const char *const mode_names[] = { "user", "32-bit user", "kernel" };

/* What is done before the instruction, or where rbx (rbp) leads. */
enum before {
	NOTHING,
	HIDDEN,
	NOT_CANONICAL, /* rbp */
	READ_ONLY,
	TABLE,
	ODD,
	WORDS,
	WATCHED,
	NO_SEGMENT,
	FPU_OFF,
	X87,
	SSE,
	TIMER,
	EVENT,
	IN_NMI,
};

/* Where the frame's rip is: so far behind the instruction's address (but for #UD and #GP), or
 * nowhere. */
#define AT     0
#define LOST   (-1)
#define NONE   (-1) /* for a vector: there is nothing to be tried */
#define THEN   (-2) /* no trap, but one at the INT3 behind it */
#define EITHER 0x1000 /* one of both: not every CPU checks this */

static const struct way {
	const char *name, *code;
	int vector[3]; /* by enum mode */
	int rip;
	enum before before;
	int only; /* guests of 32 or 64 bits, 0: both */
	unsigned long with; /* flags that it takes */
} ways[] = {
	{ "int3", "\xcc", { 3, 3, 3 }, 1, NOTHING, 0, 0 },
	{ "int 3", "\xcd\x03", { 3, 3, 3 }, 2, NOTHING, 0, 0 },
	{ "int 4", "\xcd\x04", { 4, 4, 4 }, 2, NOTHING, 0, 0 },
	{ "into", "\xce", { 4, 4, 4 }, 1, NOTHING, 32, OF },
	{ "int 0x80", "\xcd\x80", { 128, 128, 128 }, 2, NOTHING, 0, 0 },
	{ "int 200", "\xcd\xc8", { 200, 200, 200 }, 2, NOTHING, 0, 0 },
	{ "int 201", "\xcd\xc9", { 13, 13, 13 }, AT, NOTHING, 0, 0 },
	{ "int 13", "\xcd\x0d", { 13, 13, 13 }, AT, NOTHING, 0, 0 },
	{ "int 0x82", "\xcd\x82\xcc", { 13, 13, 13 }, AT, NOTHING, 64, 0 },
	{ "int 0x82", "\xcd\x82\xcc", { 13, 13, THEN }, 2, NOTHING, 32, 0 },
	{ "syscall", "\x0f\x05\xcc", { TRAP_SYSCALL, 6, THEN }, 2, NOTHING, 64, 0 },
	{ "syscall", "\x0f\x05\xcc", { 6, 6, NONE }, AT, NOTHING, 32, 0 },
	{ "sysenter", "\x0f\x34", { TRAP_ELSE, TRAP_ELSE, NONE }, LOST, NOTHING, 0, 0 },
	{ "#DB, a step", "\x90", { 1, 1, 1 }, 1, NOTHING, 0, TF },
	{ "#DB, a watchpoint", "\x88\x03", { 1, 1, 1 }, 2, WATCHED, 0, 0 },
	{ "#DE", "\xf7\xf5", { 0, 0, 0 }, AT, NOTHING, 0, 0 },
	{ "#BR", "\x62\x03", { 5, 5, 5 }, AT, WORDS, 32, 0 },
	{ "#UD", "\x0f\x0b", { 6, 6, 6 }, AT, NOTHING, 0, 0 },
	{ "#NM", "\xd9\xd0", { 7, 7, 7 }, AT, FPU_OFF, 0, 0 },
	{ "#NP", "\x8e\xe3", { 11, 11, 11 }, AT, NO_SEGMENT, 0, 0 },
	{ "#GP", "\xf4", { 13, 13, 13 }, AT, NOTHING, 0, 0 },
	{ "#GP or #SS", "\x8a\x45\x01", { 13, NONE, 13 }, AT, NOT_CANONICAL, 64, 0 },
	{ "#PF", "\x8a\x03", { 14, 14, 14 }, AT, NOTHING, 0, 0 },
	{ "#PF at an address of ours", "\x8a\x03", { 14, NONE, 14 }, AT, HIDDEN, 64, 0 },
	{ "#PF, read-only", "\x88\x03", { 14, 14, 14 }, AT, READ_ONLY, 0, 0 },
	{ "table's entry", TABLE_STORE, { NONE, NONE, THEN }, TABLE_STORE_SIZE, TABLE, 0, 0 },
	{ "#MF", "\x9b\xcc", { 16 | EITHER, 16 | EITHER, 16 | EITHER }, AT, X87, 0, 0 },
	{ "#XM", "\x0f\x5e\xc1\xcc", { 19 | EITHER, 19 | EITHER, 19 | EITHER }, AT, SSE, 0, 0 },
	{ "#AC", "\x8b\x03\xcc", { 17 | EITHER, 17 | EITHER, 17 | EITHER }, AT, ODD, 0, AC },
	{ "interrupt", "\xeb\xfe", { TRAP_EVENT, TRAP_EVENT, TRAP_EVENT }, AT, TIMER, 0, 0 },
	{ "event", "\xcc", { TRAP_EVENT, TRAP_EVENT, TRAP_EVENT }, AT, EVENT, 0, 0 },
	{ "NMI", "\xcc", { 2, 2, 2 }, AT, IN_NMI, 0, 0 },
};

/* A stack for kernel mode, the frame to get there at its end. */
static struct {
	uint8_t room[16384];
	struct iret_context context;
} start __attribute__((aligned(64)));
/* In the order in which go() loads them. */
static struct registers {
	unsigned long bx, cx, dx, si, di, bp;
} registers;

static struct user user;
static struct trap_frame seen;
static unsigned long handler_flags;
static uint8_t handler_mask;
static bool nmi_wanted, architectural, has_sysenter;
static unsigned port, timer;
static uint8_t *read_only, *ldt;
static char capabilities[1024], capabilities_again[1024] __attribute__((aligned(64)));

static void go(void *arg)
{
#ifdef __i386__
	if ((start.context.cs & 3) == 3)
		__asm__ volatile("movl %0, %%ds; movl %0, %%es" ::"r"(FLAT_USER_DS));
	__asm__ volatile("movl %0, %%esp\n"
			 "movl registers, %%ebx\n"
			 "movl registers + 4, %%ecx\n"
			 "movl registers + 8, %%edx\n"
			 "movl registers + 12, %%esi\n"
			 "movl registers + 16, %%edi\n"
			 "movl registers + 20, %%ebp\n"
			 "movl %1, %%eax\n"
			 "int $0x82" ::"r"(&start.context), "i"(__HYPERVISOR_iret));
#else
	__asm__ volatile("movq %0, %%rsp\n"
			 "movq registers, %%rbx\n"
			 "movq registers + 16, %%rdx\n"
			 "movq registers + 24, %%rsi\n"
			 "movq registers + 32, %%rdi\n"
			 "movq registers + 40, %%rbp\n"
			 "movl %1, %%eax\n"
			 "syscall" ::"r"(&start.context), "i"(__HYPERVISOR_iret));
#endif
	__builtin_unreachable();
}

static void forget_events(void)
{
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	clear_event(port);
	clear_event(timer);
}

static bool look(struct trap_frame *f)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	if (f->vector == 2 && nmi_wanted) {
		/* Masked as long as we are here: the way back brings the next one. */
		nmi_wanted = false;
		check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
		go(NULL);
	}
	seen = *f;
	handler_flags = flags;
	handler_mask = vcpu_info()->evtchn_upcall_mask;
	f->rflags = 2 | IF;
	if (f->vector == TRAP_EVENT) {
		forget_events();
		f->vector = 0xff; /* ends the probe like any trap */
		f->rflags = 2;
	}
	return false;
}

/* Memory of ours that the instruction is to find in its place, wherever it runs. */
static unsigned long data_at(enum mode mode)
{
	return mode == KERNEL ? (uintptr_t)user.data : USER_DATA;
}

static void prepare(const struct way *w, enum mode mode)
{
	const uint16_t unmasked = 0x37b; /* all but division by zero */
	const uint32_t mxcsr = 0x1d80;   /* the same */

	registers = (struct registers){ 0 };
	switch (w->before) {
	case HIDDEN: registers.bx = (unsigned long)0xffff830000000000ULL; break;
	case NOT_CANONICAL: registers.bp = (unsigned long)0x8000000000000000ULL; break;
	case READ_ONLY: registers.bx = mode == KERNEL ? (uintptr_t)read_only : USER_CODE; break;
	case TABLE: registers.bx = (uintptr_t)&user.space.table[1][511]; break;
	case ODD: registers.bx = data_at(mode) + 1; break;
	case WORDS: registers.bx = data_at(mode); break;
	case WATCHED:
		registers.bx = data_at(mode);
		check_eq(hypercall(set_debugreg, 0L, registers.bx), 0);
		check_eq(hypercall(set_debugreg, 7L, 0x30001L), 0);
		break;
	case NO_SEGMENT:
		registers.bx = 1 << 3 | 4 | 3;
		break;
	case FPU_OFF:
		check_eq(hypercall(fpu_taskswitch, 1L), 0);
		break;
	case X87:
		__asm__ volatile("fninit; fldcw %0; fld1; fldz\n"
				 "fdivr %%st(1), %%st" ::"m"(unmasked));
		break;
	case SSE:
		/* xmm0 = 1, xmm1 = 0 */
		__asm__ volatile("xorps %%xmm1, %%xmm1; cvtsi2ssl %1, %%xmm0\n"
				 "shufps $0, %%xmm0, %%xmm0; ldmxcsr %0" ::"m"(mxcsr),
				 "r"(1));
		break;
	case TIMER: {
		struct vcpu_set_singleshot_timer t = { system_time() + 200000, 0 };

		check_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
		break;
	}
	case EVENT:
		send_event(port);
		break;
	case IN_NMI:
		nmi_wanted = true;
		break;
	case NOTHING:
		break;
	}
	/* The hypercall fills a kilobyte of ours, by the words. */
	memset(capabilities_again, 0x55, sizeof(capabilities_again));
	if (mode == KERNEL && w->vector[KERNEL] == THEN && w->before == NOTHING) {
#ifdef __i386__
		registers.bx = XENVER_capabilities;
		registers.cx = (uintptr_t)capabilities_again;
#else
		registers.di = XENVER_capabilities;
		registers.si = (uintptr_t)capabilities_again;
#endif
	}
}

static void undo(void)
{
	const uint32_t mxcsr = 0x1f80;

	check_eq(hypercall(fpu_taskswitch, 0L), 0);
	check_eq(hypercall(set_debugreg, 7L, 0L), 0);
	__asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
}

static void start_nmi(void *arg)
{
	check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	fail("no NMI came");
}

static void try(const struct way *w, enum mode mode, unsigned long flags)
{
	static const char caught[] = "%s from %s, flags %#lx: %s is %#lx, not %#lx";
	int vector = w->vector[mode], want = vector == THEN ? 3 : vector & 0xfff, v;
	const unsigned cs[] = { USER_CS, USER_CS32, KERNEL_CS & ~(KERNEL_RING == 3 ? 3 : 0) };
	unsigned long rip = mode == KERNEL ? (uintptr_t)user.code : USER_CODE;
	unsigned long rsp = mode == KERNEL ? (uintptr_t)(&start + 1) : USER_STACK + 512;
	unsigned long behind = strlen(w->code);
	bool returned;

#define IS(what, is, should)                                                          \
	do {                                                                          \
		unsigned long is_ = (is), should_ = (should);                         \
		if (is_ != should_)                                                   \
			fail(caught, w->name, mode_names[mode], flags, what, is_, should_); \
	} while (0)

	flags |= w->with | IF | 2;
	events_off();
	prepare(w, mode);
	memset(user.code, 0xf4, 64);
	memcpy(user.code, w->code, behind);
	start.context = iret_context(rip, cs[mode], flags, rsp,
				     mode == KERNEL ? KERNEL_SS : USER_SS, 0);
	start.context.CONTEXT_RAX = __HYPERVISOR_xen_version;
#ifdef __i386__
	if (mode == KERNEL)
		rsp = (uintptr_t)&start.context.esp;
#endif
	seen.vector = 0xffff;
	v = probe(w->before == IN_NMI ? start_nmi : go, NULL);
	undo();
	if (w->before == NOT_CANONICAL && v == 12)
		v = 13;
	returned = vector == THEN || (vector & EITHER && v != want);
	/* What ends as if nothing was is stepped over, or not, depending on who executed it. */
	if (returned)
		IS("vector", v, flags & TF && v == 1 ? 1 : 3);
	else if (v != 0xff || want != TRAP_EVENT)
		IS("vector", v, want);
	if (!returned)
		IS("rip", seen.rip,
		   w->rip == LOST ? 0 : want == 6 || want == 13 ? rip : rip + w->rip);
	else if (v == 3)
		IS("rip", seen.rip, rip + behind);
	IS("rsp", seen.rsp, w->rip == LOST ? 0 : rsp);
	IS("cs", seen.cs & 0xffff, w->rip == LOST && mode == USER ? USER_CS32 : cs[mode]);
	IS("flags", seen.rflags & (SEEN | IOPL), flags & (SEEN | (architectural ? IOPL : 0)));
	IS("the handler's", handler_flags & (TF | IF | NT | AC | IOPL), IF);
	if (w->before != IN_NMI)
		IS("mask", handler_mask, want == TRAP_EVENT);
	if (registers.si | registers.cx) {
		IS("rax", seen.rax, 0);
		IS("difference", memcmp(capabilities, capabilities_again, sizeof(capabilities)), 0);
	} else if (!returned) {
		IS("rax", seen.rax, __HYPERVISOR_xen_version);
	}
}

static void run(void)
{
	for (const struct way *w = ways; w < ways + sizeof(ways) / sizeof(ways[0]); w++) {
		if (w->only && w->only != BITS)
			continue;
		for (enum mode mode = USER; mode <= KERNEL; mode++) {
			if (w->vector[mode] == NONE || (mode == USER32 && BITS == 32))
				continue;
			if (w->rip == LOST && !has_sysenter)
				continue;
			for (unsigned i = 0; i < sizeof(flag_sets) / sizeof(flag_sets[0]); i++) {
				/* A loop would be stepped through; QEMU never ends the other. */
				if ((w->before == TIMER || w->before == WATCHED) &&
				    flag_sets[i] & TF)
					continue;
				try(w, mode, flag_sets[i]);
			}
		}
	}
}

static void allow_sysenter(void)
{
	struct callback_register r = { .type = CALLBACKTYPE_sysenter };
	uint32_t a = 0, b, c = 0, d;

#ifdef __i386__
	r.address.cs = KERNEL_CS;
	r.address.eip = (uintptr_t)syscall_entry_else;
#else
	r.address = (uintptr_t)syscall_entry_else;
#endif
	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	has_sysenter = b == 0x756e6547; /* Genu */
	check_eq(hypercall(callback_op, (long)CALLBACKOP_register, &r), 0);
}

void test_main(void)
{
	check_eq(hypercall(xen_version, (long)XENVER_capabilities, capabilities), 0);
	allow_sysenter();
	user_new(&user);
#ifndef __i386__
	/* 64-bit code does without; its 32-bit processes do not. */
	__asm__ volatile("movl %0, %%ds; movl %0, %%es" ::"r"(USER_SS));
#endif
	read_only = page_alloc();
	check_eq(make_readonly(read_only), 0);
	ldt = page_alloc();
	((uint64_t *)ldt)[1] = DATA_NOT_PRESENT;
	check_eq(make_readonly(ldt), 0);
	check_eq(set_ldt(ldt, 512), 0);
	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	port = bind_ipi(0);
	timer = bind_virq(VIRQ_TIMER, 0);
	unmask_event(port);
	unmask_event(timer);
	forget_events();
	trap_hook = look;
	run();
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	architectural = true;
	run();
}
