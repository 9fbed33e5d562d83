// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process's system call to a kernel in ring 1 is bounced on a short way (entry/entry.S,
 * syscall_stub_ring1) that does exactly what C does. A guest that asks for an architectural IOPL
 * always goes by way of C, and nothing else changes for it as long as its IOPL is 0: each case here
 * is done both ways, and everything that the kernel can see must be the same. Registers, flags, GS
 * bases and the end of the stack are random; events are masked, pending, both or neither;
 * CR4.FSGSBASE is on and off; a watchpoint is on the frame. In between everything is changed that
 * the short way must take notice of.
 * seconds: 120
 * bits: ring1
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "r1-fast";

#define CASES	     1500
#define IF	     0x200UL
#define TF	     0x100UL
/* CF PF AF ZF SF DF OF NT AC ID: what a process may have in its flags. */
#define HARMLESS 0x244cd5UL

extern char syscall_entry_point[], syscall_entry_else[], event_entry[], failsafe_entry[];

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
	uint64_t gs_base, reserved, end, gs_word, flags;
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
	/* probe() goes on with them: NT and AC are not for what comes then. */
	f->rflags &= ~0x44000UL;
	seen.end = (uint64_t)(&f->ss + 3);
	seen.gs_base = (&f->ss)[1];
	seen.reserved = (&f->ss)[2];
	__asm__ volatile("movq %%gs:0, %0" : "=r"(seen.gs_word));
	return false;
}

static struct scene {
	uint64_t regs[16], frame[5], gs_base, stack;
	uint8_t mask, pending;
	bool fsgsbase, tf, watched;
} scene;

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
	if (scene.fsgsbase)
		__asm__ volatile("wrgsbase %1; movq %0, %%rsp; iretq" ::"r"(frame),
				 "r"(scene.gs_base)
				 : "memory");
	__asm__ volatile("movl %1, %%gs; movl %2, %%gs; movq %0, %%rsp; iretq" ::"r"(frame),
			 "r"(FLAT_USER_DS32), "r"(0)
			 : "memory");
}

static long callback(unsigned flags, char *address)
{
	struct callback_register r = { .type = CALLBACKTYPE_syscall, .flags = flags,
				       .address = (uint64_t)address };

	return hypercall(callback_op, (long)CALLBACKOP_register, &r);
}

/* Every register from the data page, then perhaps TF, then SYSCALL. */
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
	memcpy(p, "\x0f\x05", 2);
	memcpy(user.data, scene.regs, sizeof(scene.regs));
	return USER_CODE + (p + 2 - user.code);
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
	/* The last word of the frame, which nobody but the hypervisor writes. */
	check_eq(hypercall(set_debugreg, 0L, (scene.stack & ~15UL) - 8), 0);
	check_eq(hypercall(set_debugreg, 7L, scene.watched ? 0x90400 | 1L : 0x400L), 0);
	run();
	check_eq(hypercall(set_debugreg, 7L, 0x400L), 0);
}

static void both_ways(void)
{
	uint64_t after = write_code();

	for (unsigned tries = 0;; tries++) {
		once(false);
		/* An interrupt on the way brings what is pending before the process gets there. */
		if (seen.first.vector == TRAP_SYSCALL ||
		    (seen.first.vector == TRAP_EVENT &&
		     seen.first.rip == (uint64_t)syscall_entry_point)) {
			expected = seen;
			once(true);
			if (seen.first.vector == expected.first.vector &&
			    seen.first.rip == expected.first.rip)
				break;
		}
		if (tries > 50)
			fail("vector %ld at %p first, then vector %ld at %p",
			     (long)expected.first.vector, (void *)expected.first.rip,
			     (long)seen.first.vector, (void *)seen.first.rip);
	}
	check_eq(expected.vector, TRAP_SYSCALL);
	check_eq(expected.last.rip, after);
	check_eq(expected.last.rsp, scene.tf ? USER_STACK + PAGE_SIZE : scene.regs[4]);
	check_eq(expected.end, scene.stack & ~15UL);
	check_eq(expected.gs_base, scene.fsgsbase ? scene.gs_base : 0);
	if (memcmp(&seen, &expected, sizeof(seen))) {
		const uint64_t *a = (uint64_t *)&expected, *b = (uint64_t *)&seen;

		for (size_t i = 0; i < sizeof(seen) / 8; i++)
			if (a[i] != b[i])
				fail("word %lu is %#lx by C, %#lx else; mask %u, pending %u", i,
				     a[i], b[i], scene.mask, scene.pending);
	}
}

static uint64_t any(void)
{
	return random_next(&seed);
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
		if (!(i % 16))
			check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL,
					   &kernel_words[any() & 1]), 0);
		if (i == CASES / 2)
			move_info();
		random_scene();
		if (fsgsbase)
			set_fsgsbase(scene.fsgsbase);
		both_ways();
	}
	test_changes();
	print("FSGSBASE: %s\n", fsgsbase ? "yes" : "no");
}
