// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process's system call to a kernel in ring 1, and a page fault of either, is bounced on a short
 * way (entry/entry.S, syscall_stub_ring1 and pf_entry_ring1) that does exactly what C does, and so
 * does the iret hypercall. A guest that asks for an architectural IOPL
 * always goes by way of C, and nothing else changes for it as long as its IOPL is 0: each case here
 * is done both ways, and everything that the kernel can see must be the same. Registers, flags, GS
 * bases and the end of the stack are random, and what a fault is about; events are masked, pending,
 * both or neither; CR4.FSGSBASE is on and off; a watchpoint is on the frame; the kernel's stretch
 * before IRETQ is around a fault of its own, or beside it; the hypercall's frames are good and bad.
 * In between everything is changed that the short ways must take notice of.
 * seconds: 120
 * bits: ring1
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "r1-fast";

#define CASES	     2400
#define IF	     0x200UL
#define TF	     0x100UL
/* CF PF AF ZF SF DF OF NT AC ID: what a process may have in its flags. */
#define HARMLESS 0x244cd5UL

extern char syscall_entry_point[], syscall_entry_else[], event_entry[], failsafe_entry[];
extern char trap_14[], kernel_read[], kernel_read_at[], kernel_write[], kernel_write_at[];
extern char kernel_iret[], kernel_target[];

static struct user user;
static uint64_t kernel_words[2] = { 0xabcdef, 0x123456 };
static char kernel_stacks[8 * PAGE_SIZE] __attribute__((aligned(4096)));
static bool fsgsbase;
static struct vcpu_info *info;
static uint64_t seed = 0x5eed;

/* All that one case shows. */
static struct outcome {
	int vector;
	unsigned traps;
	struct trap_frame first, last; /* what came first, and what ended it */
	uint64_t gs_base, reserved, end, gs_word, flags, cr2;
	uint8_t mask, pending;
} seen, expected;

static bool look(struct trap_frame *f)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	if (!seen.traps++) {
		seen.first = *f;
		seen.mask = info->evtchn_upcall_mask;
		seen.pending = info->evtchn_upcall_pending;
		/* TF, IF, IOPL, NT, AC: DF the trap code clears. */
		seen.flags = flags & 0x47300;
	}
	if (f->vector == TRAP_EVENT) {
		/* Once is enough. */
		info->evtchn_upcall_pending = 0;
		return true;
	}
	seen.last = *f;
	seen.cr2 = info->arch.cr2;
	/* probe() goes on with them: NT and AC are not for what comes then. */
	f->rflags &= ~0x44000UL;
	seen.end = (uint64_t)(&f->ss + 3);
	seen.gs_base = (&f->ss)[1];
	seen.reserved = (&f->ss)[2];
	__asm__ volatile("movq %%gs:0, %0" : "=r"(seen.gs_word));
	return false;
}

enum kind { SYSCALL, READ, WRITE, FETCH, KERNEL_READ, KERNEL_WRITE, IRET, KINDS };

static unsigned irets[2]; /* bad frames and good ones */
static struct scene {
	enum kind kind;
	uint64_t regs[16], frame[5], gs_base, stack;
	uint64_t address, stretch[2]; /* of a fault */
	struct annulus_iret_context iret;
	uint64_t iret_at;
	uint8_t mask, pending;
	bool fsgsbase, tf, watched;
} scene;

static bool of_kernel(void)
{
	return scene.kind == KERNEL_READ || scene.kind == KERNEL_WRITE;
}

/* All registers from scene.regs; the flags from the word that rsp leads to, and the fault. */
uint64_t kernel_regs[16];
__asm__(".pushsection .text\n"
	"	.macro load_kernel_regs\n"
	"	.set kernel_reg, 0\n"
	"	.irp reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, "
	"r15\n"
	"	movq kernel_regs + 8 * kernel_reg, %\\reg\n"
	"	.set kernel_reg, kernel_reg + 1\n"
	"	.endr\n"
	"	.endm\n"
	"kernel_read:\n"
	"	load_kernel_regs\n"
	"	popfq\n"
	"kernel_read_at:\n"
	"	movb (%rax), %bl\n"
	"	ud2\n"
	"kernel_write:\n"
	"	load_kernel_regs\n"
	"	popfq\n"
	"kernel_write_at:\n"
	"	movb %bl, (%rax)\n"
	"	ud2\n"
	"kernel_iret:\n"
	"	load_kernel_regs\n"
	"	movl $23, %eax\n"
	"	syscall\n"
	"kernel_target:\n"
	"	ud2\n"
	".popsection\n");

/*
 * Masks and events first, then away by the kernel's own instruction: the hypercall would deliver
 * what is pending.
 */
static void leave(void *arg)
{
	/* With room below it for an event that comes before it is gone. */
	static uint64_t room[1024] __attribute__((aligned(16)));
	uint64_t *frame = memcpy(room + 1000, scene.frame, sizeof(scene.frame));

	info->evtchn_upcall_mask = scene.mask;
	info->evtchn_upcall_pending = scene.pending;
	if (of_kernel() || scene.kind == IRET)
		__asm__ volatile("jmp *%0" ::"r"(scene.kind == KERNEL_READ ? kernel_read :
						 scene.kind == KERNEL_WRITE ? kernel_write :
									      kernel_iret)
				 : "memory");
	if (scene.fsgsbase)
		__asm__ volatile("wrgsbase %1; movq %0, %%rsp; iretq" ::"r"(frame),
				 "r"(scene.gs_base)
				 : "memory");
	__asm__ volatile("movl %1, %%gs; movl %2, %%gs; movq %0, %%rsp; iretq" ::"r"(frame),
			 "r"(FLAT_USER_DS32), "r"(0)
			 : "memory");
}

static long callback_of(unsigned type, unsigned flags, uint64_t address)
{
	struct callback_register r = { .type = type, .flags = flags, .address = address };

	return hypercall(callback_op, (long)CALLBACKOP_register, &r);
}

static long callback(unsigned flags, char *address)
{
	return callback_of(CALLBACKTYPE_syscall, flags, (uint64_t)address);
}

static void set_fault_handler(unsigned flags, char *address)
{
	const struct trap_info traps[] = {
		{ 14, flags, KERNEL_CS, (uint64_t)address }, { 0, 0, 0, 0 },
	};

	check_eq(hypercall(set_trap_table, traps), 0);
}

static void set_stretch(uint64_t start, uint64_t end)
{
	check_eq(callback_of(ANNULUS_CALLBACKTYPE_return_start, 0, start), 0);
	check_eq(callback_of(ANNULUS_CALLBACKTYPE_return_end, 0, end), 0);
}

/* Returns what the frame has as rip. */
static uint64_t prepare_kernel(void)
{
	memcpy(kernel_regs, scene.regs, sizeof(kernel_regs));
	kernel_regs[0] = scene.address;
	kernel_regs[4] = scene.stack - 8;
	return (uint64_t)(scene.kind == KERNEL_READ ? kernel_read_at : kernel_write_at);
}

/* Every register from the data page, then perhaps TF, then SYSCALL or what faults. */
static uint64_t write_code(void)
{
	uint8_t *p = user.code;

	memset(user.code, 0xcc, PAGE_SIZE);
	if (scene.tf) {
		/* pushfq; orl $TF, (%rsp): POPFQ comes last, when rsp is where it was */
		memcpy(p, "\x9c\x81\x0c\x24\0\1\0\0", 8);
		p += 8;
		scene.regs[4] = USER_STACK + PAGE_SIZE - 8;
	}
	for (unsigned i = 0; i < 16; i++) {
		/* mov USER_DATA + 8 * i, %reg */
		uint8_t insn[] = { i < 8 ? 0x48 : 0x4c, 0x8b, 0x04 | (i & 7) << 3, 0x25,
				   8 * i, USER_DATA >> 8 & 0xff, USER_DATA >> 16 & 0xff, 0 };

		memcpy(p, insn, sizeof(insn));
		p += sizeof(insn);
	}
	if (scene.tf)
		*p++ = 0x9d;
	memcpy(user.data, scene.regs, sizeof(scene.regs));
	switch (scene.kind) {
	case READ: /* mov address, %al */
	case WRITE:
		*p = scene.kind == READ ? 0xa0 : 0xa2;
		memcpy(p + 1, &scene.address, 8);
		break;
	case FETCH: { /* jmp *USER_DATA + 128 */
		static const uint8_t insn[] = { 0xff, 0x24, 0x25, 128, USER_DATA >> 8 & 0xff,
						USER_DATA >> 16 & 0xff, 0 };

		memcpy(p, insn, sizeof(insn));
		memcpy(user.data + 128, &scene.address, 8);
		return scene.address;
	}
	default:
		memcpy(p, "\x0f\x05", 2);
		p += 2;
	}
	return USER_CODE + (p - user.code);
}

static void run(void)
{
	seen = (struct outcome){ 0 };
	seen.vector = probe(leave, NULL);
	info->evtchn_upcall_mask = 1;
	info->evtchn_upcall_pending = 0;
}

static void once(bool short_way)
{
	check_eq(hypercall(vm_assist,
			   (long)(short_way ? VMASST_CMD_disable : VMASST_CMD_enable),
			   (long)VMASST_TYPE_architectural_iopl), 0);
	check_eq(hypercall(stack_switch, (long)KERNEL_SS, scene.stack), 0);
	memset(kernel_stacks, 0xa5, sizeof(kernel_stacks));
	if (of_kernel())
		memcpy((void *)(scene.stack - 8), &scene.frame[2], 8);
	if (scene.kind == IRET)
		memcpy((void *)scene.iret_at, &scene.iret, sizeof(scene.iret));
	/* The last word of the frame, which nobody but the hypervisor writes. */
	check_eq(hypercall(set_debugreg, 0L, (scene.stack & ~15UL) - 8), 0);
	check_eq(hypercall(set_debugreg, 7L, scene.watched ? 0x90400 | 1L : 0x400L), 0);
	run();
	check_eq(hypercall(set_debugreg, 7L, 0x400L), 0);
}

static void compare(void)
{
	const uint64_t *a = (uint64_t *)&expected, *b = (uint64_t *)&seen;

	if (!memcmp(&seen, &expected, sizeof(seen)))
		return;
	for (size_t i = 0; i < sizeof(seen) / 8; i++)
		if (a[i] != b[i])
			fail("word %lu is %#lx by C, %#lx else; kind %d, mask %u, pending %u", i,
			     a[i], b[i], scene.kind, scene.mask, scene.pending);
}

/*
 * By way of C and by the short way. Once more if an interrupt came on the way, which brings what is
 * pending earlier: `first` tells by `seen` whether that is so.
 */
static void both_ways(bool (*first)(void))
{
	for (unsigned tries = 0;; tries++) {
		once(false);
		if (first()) {
			expected = seen;
			once(true);
			if (seen.first.vector == expected.first.vector &&
			    seen.first.rip == expected.first.rip)
				return;
		}
		if (tries > 50)
			fail("vector %ld at %p first, then vector %ld at %p",
			     (long)expected.first.vector, (void *)expected.first.rip,
			     (long)seen.first.vector, (void *)seen.first.rip);
	}
}

/* An event is not from before the hypercall. */
static bool behind_iret(void)
{
	return seen.first.vector != TRAP_EVENT || seen.first.rip == scene.iret.frame.rip ||
	       seen.first.rip == (uint64_t)failsafe_entry;
}

/* An event is not from before the process got to the kernel. */
static bool at_entry(void)
{
	if (seen.first.vector == TRAP_EVENT)
		return seen.first.rip ==
		       (uint64_t)(scene.kind == SYSCALL ? syscall_entry_point : trap_14);
	return seen.first.vector == (scene.kind == SYSCALL ? TRAP_SYSCALL : 14);
}

/* Wherever it leads to: UD2 there, or the failsafe callback. */
static void test_iret(void)
{
	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, "\x0f\x0b", 2);
	memcpy(kernel_regs, scene.regs, sizeof(kernel_regs));
	kernel_regs[4] = scene.iret_at;
	set_stretch(0, 0);
	both_ways(behind_iret);
	/* An address that is none may be found out by IRETQ or behind it. */
	if (scene.iret.frame.rip >> 47 != 1 || expected.vector < 13 || expected.vector > 14)
		check(expected.vector == 6 || expected.vector == TRAP_FAILSAFE);
	irets[expected.vector == 6]++;
	compare();
}

static void test_entry(void)
{
	uint64_t after = of_kernel() ? prepare_kernel() : write_code();
	unsigned long vector = scene.kind == SYSCALL ? TRAP_SYSCALL : 14;

	set_stretch(scene.stretch[0], scene.stretch[1]);
	both_ways(at_entry);
	check_eq(expected.vector, vector);
	check_eq(expected.last.rip, after);
	if (scene.kind != SYSCALL)
		check_eq(expected.cr2, scene.address);
	if (of_kernel()) {
		check_eq(expected.last.rsp, scene.stack);
		check_eq(expected.end, (scene.stack & ~15UL) + 16);
		check_eq(expected.last.cs >> 16 & 1,
			 after >= scene.stretch[0] && after < scene.stretch[1]);
	} else {
		check_eq(expected.last.rsp, scene.tf ? USER_STACK + PAGE_SIZE : scene.regs[4]);
		check_eq(expected.end, scene.stack & ~15UL);
		check_eq(expected.gs_base, scene.fsgsbase ? scene.gs_base : 0);
	}
	compare();
}

static uint64_t any(void)
{
	return random_next(&seed);
}

/* Mostly good ones. Bits that nobody looks at are random. */
static void random_iret(void)
{
	static const uint16_t cs[] = { FLAT_USER_CS32, KERNEL_CS & ~3, 0xe008, 0xe00b, 0, 0xe01a },
			      ss[] = { KERNEL_SS, USER_SS, KERNEL_SS & ~3, 0, 3, 0xe010 };
	bool to_user = any() & 1;

	scene.watched = false;
	scene.iret_at = (uint64_t)kernel_stacks + PAGE_SIZE * 2 - any() % 256;
	scene.iret = (struct annulus_iret_context){
		.rax = any(), .r11 = any(), .rcx = any(),
		.flags = any() & 1 ? any() : any() & ~(uint64_t)VGCF_in_syscall,
		.frame = {
			.rip = to_user ? USER_CODE : (uint64_t)kernel_target,
			.cs = to_user ? USER_CS : KERNEL_CS,
			.rflags = (any() & (HARMLESS | TF | IF | 0x30000)) | 2,
			.rsp = to_user ? any() : scene.stack,
			.ss = to_user ? USER_SS : KERNEL_SS,
			.gs_base = scene.gs_base,
			.reserved = any(),
		},
	};
	if (!(any() & 7))
		scene.iret.frame.cs = cs[any() % 6];
	if (!(any() & 7))
		scene.iret.frame.ss = ss[any() % 6];
	if (!(any() & 15))
		scene.iret.frame.rip = 1UL << 47;
	/* The failsafe callback of what is not ring 3 comes on that stack. */
	if ((scene.iret.frame.cs & 3) != 3)
		scene.iret.frame.rsp = scene.stack;
	scene.iret.frame.cs |= any() << 16;
	scene.iret.frame.ss |= any() << 16;
}

static void random_scene(void)
{
	static const uint64_t bases[] = { 0, USER_DATA, 0x7ffffffff000, 0xffffffff80100000 };

	scene = (struct scene){
		.frame = { USER_CODE, USER_CS, (any() & HARMLESS) | IF | 2,
			   USER_STACK + PAGE_SIZE, USER_SS },
		.gs_base = bases[any() & 3],
		/* The frame across two pages, at the end of one, not aligned. */
		.stack = (uint64_t)kernel_stacks + PAGE_SIZE * (6 + (any() & 1)) + any() % 128,
		.mask = !(any() & 3), .pending = !(any() & 7),
		.fsgsbase = fsgsbase && (any() & 1), .tf = !(any() & 7),
		.watched = !(any() & 7),
	};
	/* What an alignment check would come to: the loads are aligned, PUSHF and POPF too. */
	for (unsigned i = 0; i < 16; i++)
		scene.regs[i] = any();
	scene.regs[15] ^= 1UL << 63;
	scene.kind = any() & 1 ? SYSCALL : any() % KINDS;
	if (scene.kind == SYSCALL)
		return;
	if (scene.kind == IRET) {
		random_iret();
		return;
	}
	/*
	 * Nothing there in either half, the end of the lower one, a page of the kernel's, the M2P,
	 * what is ours and there, what is ours and is not.
	 */
	{
		const uint64_t at[] = { 0x500000, 0, 0x7ffffffff000, 0xffff880000000000,
					0xffffc00000000123, -8UL, (uint64_t)kernel_stacks,
					MACH2PHYS_VIRT_START, 0xffff808040021000,
					0xffff810000000000 };
		/* In ring 1 some of these are there. */
		static const uint8_t kernel[] = { 0, 1, 2, 3, 4, 5, 9 };

		scene.address = of_kernel() ? at[kernel[any() % sizeof(kernel)]] :
					      at[any() % (sizeof(at) / sizeof(at[0]))];
	}
	/* The jump itself is done: #DB comes first. */
	if (scene.kind == FETCH)
		scene.tf = false;
	if (of_kernel()) {
		uint64_t rip = prepare_kernel();

		/* It writes all of the frame itself. */
		scene.watched = false;
		switch (any() & 7) {
		case 0:
			scene.stretch[0] = rip;
			scene.stretch[1] = rip + 1;
			break;
		case 1:
			scene.stretch[0] = rip - 2;
			scene.stretch[1] = rip;
			break;
		case 2:
			scene.stretch[0] = rip + 1;
			scene.stretch[1] = rip + 9;
		}
	}
}

/* A second place of vcpu_info: the short way has to look there from now on. */
static void move_info(void)
{
	struct vcpu_info *page = page_alloc();
	struct vcpu_register_vcpu_info r = { .mfn = virt_to_mfn(page), .offset = 3 * 64 };

	check_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), 0);
	/* What lies in the old one has nothing to say any more. */
	info->evtchn_upcall_mask = 0;
	info->evtchn_upcall_pending = 0;
	info = page + 3;
	scene.mask = 1;
	scene.pending = 0;
	run();
	check_eq(seen.last.cs >> ANNULUS_FRAME_MASK_SHIFT, 1);
}

/* The same of page faults. */
static void test_fault_changes(void)
{
	uint64_t at;

	scene.kind = READ;
	scene.address = 0x500000;
	write_code();
	set_fault_handler(0, trap_14);
	run();
	check_eq(seen.vector, 14);
	check_eq(seen.mask, 0);
	set_fault_handler(4, trap_14);
	run();
	check_eq(seen.vector, 14);
	check_eq(seen.mask, 1);
	/* There the error code is taken for rip. */
	set_fault_handler(0, syscall_entry_else);
	run();
	check_eq(seen.vector, TRAP_ELSE);
	check_eq(seen.last.rip, 4);
	set_fault_handler(4, trap_14);
	scene.stack += 256;
	check_eq(hypercall(stack_switch, (long)KERNEL_SS, scene.stack), 0);
	run();
	check_eq(seen.end, scene.stack);
	for (unsigned i = 0; i < 2; i++) {
		check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, &kernel_words[i]), 0);
		run();
		check_eq(seen.gs_word, kernel_words[i]);
	}
	scene.kind = KERNEL_READ;
	at = prepare_kernel();
	scene.frame[2] = 2;
	memcpy((void *)(scene.stack - 8), &scene.frame[2], 8);
	check_eq(callback_of(ANNULUS_CALLBACKTYPE_return_start, 0, at), 0);
	check_eq(callback_of(ANNULUS_CALLBACKTYPE_return_end, 0, at + 1), 0);
	run();
	check_eq(seen.last.cs >> 16 & 1, 1);
	memcpy((void *)(scene.stack - 8), &scene.frame[2], 8);
	check_eq(callback_of(ANNULUS_CALLBACKTYPE_return_end, 0, at), 0);
	run();
	check_eq(seen.last.cs >> 16 & 1, 0);
	set_stretch(0, 0);
	scene.iret_at = (uint64_t)kernel_stacks + 64;
}

/* What the frame of the hypercall asks for in vain, or C alone would take. */
static void test_iret_flags(void)
{
	scene.kind = IRET;
	memset(&scene.iret, 0, sizeof(scene.iret));
	scene.iret.frame = (struct annulus_user_frame){
		USER_CODE, USER_CS, IF | 0x3002, USER_STACK + PAGE_SIZE, USER_SS, 0, 0,
	};
	/* pushfq; pop %rax; ud2 */
	memcpy(user.code, "\x9c\x58\x0f\x0b", 4);
	memcpy(kernel_regs, scene.regs, sizeof(kernel_regs));
	kernel_regs[4] = scene.iret_at;
	once(true);
	check_eq(seen.vector, 6);
	check_eq(seen.last.rax & 0x3000, 0);
	check_eq(seen.mask, 0);
	/* A frame in the lower half is as good as any. */
	kernel_regs[4] = USER_DATA;
	memcpy(user.data, &scene.iret, sizeof(scene.iret));
	run();
	check_eq(seen.vector, 6);
}

/* One thing after the other, which the short way has to take notice of at once. */
static void test_changes(void)
{
	scene = (struct scene){ .frame = { USER_CODE, USER_CS, IF | 2, USER_STACK, USER_SS } };
	scene.stack = (uint64_t)kernel_stacks + 6 * PAGE_SIZE;
	if (fsgsbase)
		set_fsgsbase(false);
	write_code();
	once(true);
	check_eq(seen.vector, TRAP_SYSCALL);
	check_eq(callback(0, syscall_entry_else), 0);
	run();
	check_eq(seen.vector, TRAP_ELSE);
	check_eq(seen.mask, 0);
	check_eq(callback(CALLBACKF_mask_events, syscall_entry_else), 0);
	run();
	check_eq(seen.mask, 1);
	check_eq(hypercall(set_callbacks, (long)event_entry, (long)failsafe_entry,
			   (long)syscall_entry_point), 0);
	run();
	check_eq(seen.vector, TRAP_SYSCALL);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t base = (uint64_t)&kernel_words[i & 1];

		/* By hypercall, and by WRMSR. */
		if (i < 2)
			check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, base), 0);
		else
			__asm__ volatile("wrmsr" ::"c"(0xc0000101), "a"((uint32_t)base),
					 "d"((uint32_t)(base >> 32)));
		run();
		check_eq(seen.gs_word, kernel_words[i & 1]);
	}
	scene.stack += 256;
	check_eq(hypercall(stack_switch, (long)KERNEL_SS, scene.stack), 0);
	run();
	check_eq(seen.end, scene.stack);
	/* The base is not to be had by WRGSBASE any more, or is again. */
	if (fsgsbase) {
		set_fsgsbase(true);
		check_eq(hypercall(stack_switch, (long)KERNEL_SS, scene.stack), 0);
		scene.fsgsbase = true;
		scene.gs_base = USER_DATA;
		run();
		check_eq(seen.gs_base, USER_DATA);
		set_fsgsbase(false);
		scene.fsgsbase = false;
		run();
		check_eq(seen.vector, TRAP_SYSCALL);
		check_eq(seen.gs_base, 0);
	}
	/* A virtual IOPL: the frame has it. */
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	{
		struct physdev_set_iopl iopl = { .iopl = 3 };

		check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	}
	run();
	check_eq(seen.last.rflags & 0x3000, 0x3000);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	run();
	check_eq(seen.last.rflags & 0x3000, 0);
}

void test_main(void)
{
	uint32_t a = 7, b, c = 0, d;

	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
			 : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	fsgsbase = b & 1;
	info = vcpu_info();
	info->evtchn_upcall_mask = 1;
	user_new(&user);
	trap_hook = look;
	for (unsigned i = 0; i < CASES; i++) {
		if (!(i % 8))
			check_eq(callback(any() & 1 ? CALLBACKF_mask_events : 0,
					  syscall_entry_point), 0);
		if (i % 8 == 4)
			set_fault_handler(any() & 4, trap_14);
		if (!(i % 16))
			check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL,
					   &kernel_words[any() & 1]), 0);
		if (i == CASES / 2)
			move_info();
		random_scene();
		if (fsgsbase)
			set_fsgsbase(scene.fsgsbase);
		if (scene.kind == IRET)
			test_iret();
		else
			test_entry();
	}
	check(irets[0] > 20 && irets[1] > 100);
	test_changes();
	test_fault_changes();
	test_iret_flags();
	print("FSGSBASE: %s\n", fsgsbase ? "yes" : "no");
}
