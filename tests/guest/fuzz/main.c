// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 5
// driven: yes
/*
 * In-machine fuzzing: four vcpus do what a hostile kernel could do, by chance and from a seed, all
 * on the same few pages and some of it with arguments that another vcpu changes meanwhile:
 * hypercalls of every number, with structures that are half right; faults; privileged instructions;
 * descriptor and page-table writes; iret with wild frames; single random instructions in user mode;
 * each with any flags.
 *
 *   domU=fuzz2,mem=16M,vcpus=5 seed=7 ops=20000 wild=1
 *
 * seed    where the numbers begin; every vcpu has its own sequence
 * ops     how many operations each vcpu does
 * wild=1  also what most likely ends this very domain (its own tables, stacks and handlers);
 *         without it the guest means to come to its end
 *
 * It says nothing of right or wrong: that is the harness' business (a clean audit, a neighbour
 * unharmed, a hypervisor that goes on).
 */
#include "calls.h"

const char test_name[] = "fuzz";

/* ---- stores that may fault, jumps that may not come back ---- */

extern char poke_start[], poke_end[], probe_resume[];
void probe_call(void (*fn)(void *), void *arg, uint64_t *save);
void user_go(const uint64_t *regs, const struct iret_context *c);
void kernel_go(const uint64_t *regs, const void *rip, uint64_t flags);
__asm__(".pushsection .text\n"
	"poke_start:\n"
	"poke:	movq %rsi, (%rdi)\n"
	"	ret\n"
	"poke_end: ret\n"
	"	.macro load_all\n"
	"	movq (%rax), %rbx\n"
	"	movq 8(%rax), %rdx\n"
	"	movq 16(%rax), %rsi\n"
	"	movq 24(%rax), %rdi\n"
	"	movq 32(%rax), %rbp\n"
	"	movq 40(%rax), %r8\n"
	"	movq 48(%rax), %r9\n"
	"	movq 56(%rax), %r10\n"
	"	movq 64(%rax), %r12\n"
	"	movq 72(%rax), %r13\n"
	"	movq 80(%rax), %r14\n"
	"	movq 88(%rax), %r15\n"
	"	.endm\n"
	"user_go:\n"
	"	movq %rsi, %rsp\n"
	"	movq %rdi, %rax\n"
	"	load_all\n"
	"	movl $23, %eax\n"
	"	syscall\n"
	"	ud2\n"
	"kernel_go:\n"
	"	movq %rsi, %r11\n"
	"	movq %rdi, %rax\n"
	"	pushq %rdx\n"
	"	popfq\n"
	"	load_all\n"
	"	movq 96(%rax), %rcx\n"
	"	movq 104(%rax), %rax\n"
	"	jmp *%r11\n"
	"flagged_hypercall:\n"
	"	pushq %rsi\n"
	"	movq (%rdi), %rax\n"
	"	movq 16(%rdi), %rsi\n"
	"	movq 24(%rdi), %rdx\n"
	"	movq 32(%rdi), %r10\n"
	"	movq 40(%rdi), %r8\n"
	"	movq 8(%rdi), %rdi\n"
	"	popfq\n"
	"	syscall\n"
	"	pushq $0x202\n"
	"	popfq\n"
	"	ret\n"
	".popsection\n");

static bool recover(struct trap_frame *f)
{
	unsigned id = vcpu_id();

	if (f->rip >= (uint64_t)poke_start && f->rip < (uint64_t)poke_end) {
		f->rip = (uint64_t)poke_end;
		return true;
	}
	if (f->vector == TRAP_EVENT || f->vector == 2) {
		struct vcpu_info *vi = vcpu_info();

		vi->evtchn_upcall_pending = 0;
		vi->evtchn_pending_sel = 0;
		return true;
	}
	if (id > SPARE || !resume[id])
		return false;
	traps[id]++;
	f->rip = (uint64_t)probe_resume;
	f->rsp = resume[id];
	f->cs = FLAT_KERNEL_CS64 & ~3;
	f->ss = FLAT_KERNEL_SS64;
	f->rflags = 0x202;
	return true;
}

static void attempt(void (*fn)(void *), void *arg)
{
	unsigned id = vcpu_id();
	uint64_t outer = resume[id];

	probe_call(fn, arg, &resume[id]);
	resume[id] = outer;
}

/* ---- the CPU ---- */

#define RCX 12 /* where kernel_go() takes it from */

static void registers(uint64_t *regs)
{
	for (unsigned i = 0; i < 14; i++)
		regs[i] = below(3) ? va() : number();
	/* A repeated instruction shall not run through all of our memory. */
	regs[RCX] = below(64);
}

/* One instruction of the kernel's, of those it should not need, at somebody's address. */
static void instruction(void *arg)
{
	static const char *const plain[] = {
		"\x0f\x30",
		"\x0f\x32",
		"\x0f\x31",
		"\x0f\x33", /* MSRs, TSC, PMC */
		"\x0f\x06",
		"\x0f\x08",
		"\x0f\x09", /* clts, invd, wbinvd */
		"\x0f\x35",
		"\x48\x0f\x07",
		"\x0f\x34", /* sysexit, sysret, sysenter */
		"\xec",
		"\xed",
		"\xee",
		"\xef",
		"\xe4\x70",
		"\xe7\xcf",
		"\x6c",
		"\x6e",
		"\xf3\x6d",
		"\xf3\x6f",
		"\xfa",
		"\xfb",
		"\xf4",
		"\xf1",
		"\xcc",
		"\xcd\x80",
		"\x0f\x0b",
		"\x0f\x0bxen\x0f\xa2",
		"\x0f\xa2",
		"\x9b",
		"\xf0\x80\x27\xfe",
		"\x48\x0f\xba\x37\x01",
		"\x48\xc7\x07\x63\x50\x12\x34",
		"\x48\xab",
		"\xaa",
		"\x48\xa5",
		"\xf0\x0f\xc7\x0f",
		"\x0f\x01\xf8",
		"\x0f\x01\xd1",
		"\x0f\x01\xd0",
		"\x0f\x01\xc1",
	};
	/* With an operand that is [rsi], [rdi + byte] or rax, never our stack or text. */
	static const char *const operand[] = {
		"\x0f\x01", /* lgdt, lidt, sgdt, lmsw, invlpg, ... */
		"\x0f\x00", /* lldt, ltr, sldt, verr */
		"\x0f\x20",
		"\x0f\x21",
		"\x0f\x22",
		"\x0f\x23", /* mov cr, dr */
		"\x0f\xae", /* fxsave, fxrstor, ldmxcsr, xsave, fences */
		"\x0f\xc7", /* cmpxchg8b, xsaves, rdrand */
		"\x8e",	    /* mov to a segment register */
		"\x0f\xb2",
		"\x0f\xb4",
		"\x0f\xb5", /* lss, lfs, lgs */
		"\x0f\x02",
		"\x0f\x03", /* lar, lsl */
		"\xd9",
		"\xdb",
		"\xdd",
		"\x48\x89",
		"\x88",
		"\x48\x87",
		"\xf0\x48\x0f\xb1",
		"\xf0\x48\x0f\xc1",
		"\x48\xff",
		"\x66\x01",
		"\x0f\x0d",
	};
	uint8_t *p = code[vcpu_id()];
	bool with = below(2);
	const char *m = with ? operand[below(sizeof(operand) / sizeof(operand[0]))]
			     : plain[below(sizeof(plain) / sizeof(plain[0]))];
	uint64_t regs[14];
	unsigned n = 0, reg = below(8);

	if (one_in(16))
		p[n++] = "\x66\x67\xf2\xf3\x64\x65\x2e\xf0"[below(8)];
	for (; *m; m++)
		p[n++] = *m;
	/* Nor into rsp; and no jump: 0xff has those. */
	if (p[n - 1] == 0xff)
		reg &= 1;
	if (with)
		p[n++] = (uint8_t)("\x06\x47\xc0"[below(3)] | (reg == 4 ? 3 : reg) << 3);
	memset(p + n, 0xcc, 16);
	registers(regs);
	kernel_go(regs, p, some_flags());
}

static void go_to_user(void *arg)
{
	struct iret_context *c = (void *)(args[vcpu_id()] + 480);
	uint64_t regs[14];

	registers(regs);
	user_go(regs, c);
}

static uint64_t selector(void)
{
	static const uint16_t known[] = {
		FLAT_KERNEL_CS64, FLAT_USER_CS64, FLAT_USER_CS32, FLAT_USER_SS64, FLAT_USER_SS32,
		0, 3, 7, 0xe008, 0xe010, 0xe040, 0xe050,
	};

	return below(3) ? known[below(12)] : below(2) ? below(64) * 8 | below(8) : below(65536);
}

/* One instruction of anything in user mode: the trace flag brings us back. */
static void op_user(void)
{
	unsigned id = vcpu_id();
	struct iret_context *c = (void *)(args[id] + 480);
	bool tame_frame = below(4);

	for (unsigned i = 0; i < 16; i++)
		user[id].code[i] = rnd() >> 16;
	if (one_in(4))
		memcpy(user[id].code,
		       &"\x0f\x05\xcc\xcc\x0f\x34\xcc\xcc\xcd\x80\xcc\xcc\x8e\xd0\x0f\x05"
			"\xcc\xcc\xcc\xcc\xcd\x03\xcc\xcc\xcd\x04\xcc\xcc\xcd\xc8\xcc\xcc"
			"\x0f\x0b\xcc\xcc\xf4\xcc\xcc\xcc\xf1\xcc\xcc\xcc\x8a\x06\xcc\xcc"
			       [below(12) * 4],
		       4);
	for (unsigned i = 16; i < 64; i++)
		user[id].code[i] = 0xcc;
	*c = (struct iret_context){
		.rax = number(),
		.r11 = rnd(),
		.rcx = va(),
		.flags = below(2) ? VGCF_in_syscall : rnd(),
		.rip = tame_frame ? USER_CODE
		       : below(2) ? USER_CODE + below(PAGE_SIZE)
				  : va(),
		.cs = tame_frame ? FLAT_USER_CS64 : selector(),
		.rflags = tame_frame ? 0x100 | some_flags() : rnd(),
		.rsp = below(2) ? USER_STACK + 2048 : va(),
		.ss = tame_frame || below(2) ? FLAT_USER_SS64 : selector(),
	};
	/* To our own kernel, on a stack that is none, is the end: for wild ones. */
	if ((c->cs & 3) != 3 && !(wild && one_in(64))) {
		/* Below both of its ends; by its stack a vcpu knows who it is. */
		c->rsp = (uint64_t)stacks[id] + STACK_SIZE / 4;
		c->rip = (uint64_t)code[id] + 32;
		memset(code[id] + 32, 0xcc, 16);
		if (!wild)
			c->cs = FLAT_KERNEL_CS64 & ~3UL;
	}
	attempt(go_to_user, NULL);
}

static void fault(void *arg)
{
	uint64_t a = va(), flags = some_flags();
	unsigned kind = below(6);

	__asm__ volatile("pushq %0; popfq" ::"r"(flags) : "cc", "memory");
	switch (kind) {
	case 0:
		(void)*(volatile uint64_t *)a;
		break;
	case 1:
		*(volatile uint64_t *)(a < VIRT_BASE || a >= (uint64_t)arena[PAGES]
					       ? a
					       : (uint64_t)arena[below(PAGES)] + (a & 0xff8)) =
			entry();
		break;
	case 2:
		if (a < VIRT_BASE || wild)
			((void (*)(void))a)();
		break;
	case 3:
		__asm__ volatile("divl %0" ::"r"(0) : "rax", "rdx");
		break;
	case 4:
		__asm__ volatile("movw %w0, %%ss; int3" ::"r"((uint64_t)FLAT_KERNEL_SS64));
		break;
	default:
		/* Trace into a hypercall. */
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; syscall" ::"a"(17L), "D"(0L)
				 : "rcx", "r11", "memory");
	}
	__asm__ volatile("pushq $0x202; popfq" ::: "cc", "memory");
}

static void op_cpu(void)
{
	attempt(below(3) ? instruction : fault, NULL);
	if (one_in(16))
		hypercall(set_debugreg, 7L, 0L);
}

/* A vcpu beside the workers, with a context that is mostly right. */
static void spare(void)
{
	for (unsigned i = 0; i < 20; i++)
		yield();
	vcpu_stop();
}

static void op_vcpu(void)
{
	static volatile unsigned busy;
	struct vcpu_guest_context *c;
	uint64_t *words;

	/* vcpu_context() has one place for all. */
	if (__atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST))
		return;
	c = vcpu_context(SPARE, spare);
	words = (uint64_t *)c;
	for (unsigned i = below(4); wild && i > 0; i--)
		words[below(sizeof(*c) / 8)] = below(2) ? va() : number();
	/* What a state stands or falls with, two at once: by chance alone they are never met. */
	if (wild && one_in(2)) {
		c->flags ^= below(64);
		c->ctrlreg[below(2) ? 1 : 3] = below(2) ? below(0x1000) : number();
	}
	/* Some of it is nobody's ruin. */
	if (one_in(3))
		c->debugreg[below(8)] = va();
	if (one_in(3))
		((uint64_t *)&c->fpu_ctxt)[below(64)] = rnd();
	vcpu_op(VCPUOP_initialise, SPARE, c);
	shared_info->vcpu_info[SPARE].evtchn_upcall_mask = 1;
	vcpu_op(VCPUOP_up, SPARE, NULL);
	__atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
}

/* Tables that are valid come of empty pages. */
static void op_poke(void)
{
	uint64_t *page = (uint64_t *)arena[below(PAGES)];

	if (below(2))
		for (unsigned i = 0; i < 512; i++)
			poke(page + i, 0);
	for (unsigned i = below(8); i > 0; i--)
		poke(page + below(512), below(4) ? entry() : number());
}

static void work(void)
{
	static void (*const ops[16])(void) = {
		op_call, op_call, op_call, op_call,  op_call, op_call, op_call, op_multicall,
		op_cpu,	 op_cpu,  op_user, op_grant, op_map,  op_poke, op_poke, op_vcpu,
	};

	ops[below(16)]();
}

static void one(void *arg)
{
	work();
}

/* The number behind name= on the command line. */
static uint64_t option(const char *name, uint64_t otherwise)
{
	const char *p = (const char *)start_info->cmd_line;
	size_t n = strlen(name);
	uint64_t v = 0;

	for (; *p; p++)
		if (!memcmp(p, name, n) && p[n] == '=') {
			for (p += n + 1; *p >= '0' && *p <= '9'; p++)
				v = v * 10 + *p - '0';
			return v;
		}
	return otherwise;
}

static void run(void)
{
	unsigned id = vcpu_id();
	uint64_t ops = option("ops", 10000);

	mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(user[id].space.table[4]));
	for (uint64_t i = 0; i < ops; i++) {
		/* Whatever faults outside of an attempt is one. */
		probe_call(one, NULL, &resume[id]);
		operations[id]++;
		if (i % 64 == 63)
			mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(user[id].space.table[4]));
	}
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	while (id)
		vcpu_op(VCPUOP_down, id, NULL);
}

static uint64_t sum(const volatile uint64_t *p)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += p[i];
	return n;
}

void test_main(void)
{
	uint64_t seed = option("seed", 1);
	struct sched_watchdog dog = { .id = 0 };

	wild = option("wild", 0);
	/* A wild one may lose a worker, wait for it for ever and hold up the machine with it. */
	dog.timeout = wild ? WILD_SECONDS : MINUTES * 60;
	max_mfn = hypercall(memory_op, (long)XENMEM_maximum_ram_page, 0L);
	for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
		if (pfn_to_mfn(pfn) / 8 < sizeof(vital))
			vital[pfn_to_mfn(pfn) / 8] |= 1 << pfn_to_mfn(pfn) % 8;
	for (unsigned i = 0; i < PAGES; i++)
		vital[virt_to_mfn(arena[i]) / 8] &= ~(1 << virt_to_mfn(arena[i]) % 8);
	for (unsigned i = 0; i < POOL; i++)
		pool[i] = virt_to_mfn(arena[i % PAGES]);
	for (unsigned i = 0; i < PAGES; i++)
		entry_at[i] = pte_maddr(arena[i]);
	for (unsigned i = 0; i <= WORKERS; i++) {
		random_state[i] =
			(seed + 1) * 0x9e3779b97f4a7c15UL + (i + 1) * 0xd1342543de82ef95UL;
		random_next(&random_state[i]);
	}
	check_eq(map_page(grants, grant_table_frame(), PTE_KERNEL), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		user_new(&user[i]);
	check(hypercall(sched_op, (long)SCHEDOP_watchdog, &dog) > 0);
	print("fuzz: seed %lu, %lu operations on each vcpu%s\n", seed, option("ops", 10000),
	      wild ? ", wild" : "");
	trap_hook = recover;
	for (unsigned i = 1; i < WORKERS; i++)
		vcpu_start(i, run);
	run();
	wait_until(finished >= WORKERS);
	print("fuzz: seed %lu: %lu operations, %lu traps\n", seed, sum(operations), sum(traps));
}
