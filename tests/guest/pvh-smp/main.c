// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// vcpus: 4
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
// seconds: 120
/*
 * A PVH guest with four vCPUs: the first starts the others by INIT and SIPI, in real mode, and they
 * find themselves by CPUID and their local APICs. Each kind of IPI comes to those that are meant,
 * once, whether they sleep or run; an NMI not on top of another, and also where interrupts are off.
 * Each has its APIC's timer. What makes no sense is a fault or does nothing: reserved bits, numbers
 * that nobody has, SIPI to one that runs. INIT to oneself stops one until the next SIPI, also in a
 * storm of all of these. When the last one halts for good, the guest has ended.
 */
#include "pvh.h"

const char test_name[] = "pvh-smp";

#define CPUS	    4
#define PAGE	    8 /* of real mode */
#define IPI_VECTOR  0x61
#define LOGICAL	    0x800
#define LOWEST	    0x100
#define NMI	    0x400
#define INIT	    0xc500
#define INIT_END    0x8500
#define STARTUP	    0x600
#define SELF	    0x40000
#define ALL	    0x80000
#define OTHERS	    0xc0000

enum { SLEEP, SPIN, HALT, INIT_SELF, STORM, NEST, TICK };

void pvh_ap(uint32_t id);
void pvh_ipi(void);
void pvh_nmi(void);

static volatile uint64_t starts[CPUS], got[CPUS], nmis[CPUS], deep, nesting, storms;
static volatile uint32_t todo[CPUS], wrong;

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

static void send(uint64_t to, uint32_t what)
{
	set_msr(0x830, to << 32 | what);
}

static void bad_icr(void *icr)
{
	set_msr(0x830, *(uint64_t *)icr);
}

void pvh_ipi(void)
{
	got[msr(0x802)]++;
	set_msr(0x80b, 0);
}

/* The one that is told to nest sends itself one more from within its first: it comes behind it. */
void pvh_nmi(void)
{
	uint32_t id = (uint32_t)msr(0x802);

	if (deep && id == 2)
		wrong = __LINE__;
	if (id == 2)
		deep = 1;
	nmis[id]++;
	if (id == 2 && todo[2] == NEST && !nesting) {
		nesting = 1;
		send(2, NMI);
		for (int i = 0; i < 1000; i++)
			__asm__ volatile("pause");
		hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0);
	}
	if (id == 2)
		deep = 0;
}

static void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" ::"m"(idtr));
}

void pvh_ap(uint32_t id)
{
	uint32_t a = 1, b, c = 0, d;

	load_idt();
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (b >> 24 != id || msr(0x1b) != 0xfee00c00 || msr(0x80d) != 1u << id ||
	    msr(0x80f) != 0xff || msr(0x823) || msr(0x832) != 0x10000 || msr(0x838) || msr(0x839))
		wrong = __LINE__;
	set_msr(0x80f, 0x1ff);
	starts[id]++;
	for (;;) {
		switch (todo[id]) {
		case SLEEP:
			__asm__ volatile("sti; hlt; cli" ::: "memory");
			break;
		case HALT:
			__asm__ volatile("cli; hlt" ::: "memory");
			break;
		case INIT_SELF:
			send(0, SELF | INIT); /* not by this word */
			todo[id] = SPIN;
			send(id, INIT);
			__asm__ volatile("pause; pause; pause" ::: "memory");
			break;
		case TICK:
			todo[id] = SLEEP;
			set_msr(0x83e, 0xb);
			set_msr(0x832, 0x20000 | (IPI_VECTOR + 1));
			set_msr(0x838, 50000);
			break;
		case STORM:
			send(0, OTHERS | IPI_VECTOR);
			/* Not to the one that has no IDT yet. */
			send(1 + storms % 2, NMI);
			__atomic_add_fetch(&storms, 1, __ATOMIC_SEQ_CST);
			__asm__ volatile("sti; nop; nop; cli" ::: "memory");
			break;
		default:
			__asm__ volatile("sti; pause; pause; cli" ::: "memory");
		}
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

static long is_up(unsigned long id)
{
	return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, id, 0);
}

static void wait_down(unsigned id, int line)
{
	for (uint64_t n = 0; is_up(id); n++) {
		if (n > 20000000)
			fail(line, id, 0);
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	}
}

/* `what` comes to each in `mask`, once: after it they all see one more, and no other. */
static void expect(uint64_t to, uint32_t what, uint32_t mask, int line)
{
	uint64_t before[CPUS];

	for (unsigned i = 0; i < CPUS; i++)
		before[i] = got[i];
	send(to, what);
	for (unsigned i = 0; i < CPUS; i++)
		if (mask >> i & 1)
			wait_for(&got[i], before[i] + 1, line);
	for (unsigned i = 0; i < CPUS; i++) {
		before[i] += mask >> i & 1;
		send(i, IPI_VECTOR + 1);
		wait_for(&got[i], before[i] + 1, line);
		check_equal(line, got[i], before[i] + 1);
	}
}

#define EXPECT(to, what, mask) expect(to, what, mask, __LINE__)

static void vectors(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		EXPECT(i, IPI_VECTOR, 1u << i);
		EXPECT(1u << i, LOGICAL | IPI_VECTOR, 1u << i);
	}
	EXPECT(0xa, LOGICAL | IPI_VECTOR, 0xa);
	EXPECT(0xffff, LOGICAL | IPI_VECTOR, 0xf);
	EXPECT(~0U, IPI_VECTOR, 0xf);
	EXPECT(~0U, LOGICAL | IPI_VECTOR, 0xf);
	EXPECT(2, SELF | IPI_VECTOR, 1);
	EXPECT(2, ALL | IPI_VECTOR, 0xf);
	EXPECT(2, OTHERS | IPI_VECTOR, 0xe);
	/* One of several. */
	EXPECT(0xe, LOGICAL | LOWEST | IPI_VECTOR, 2);
	/* Nobody, or nothing. */
	EXPECT(4, IPI_VECTOR, 0);
	EXPECT(0x10000, IPI_VECTOR, 0);
	EXPECT(0x1000f, LOGICAL | IPI_VECTOR, 0);
	EXPECT(0x10, LOGICAL | IPI_VECTOR, 0);
	EXPECT(77, NMI, 0);
	EXPECT(77, INIT, 0);
	EXPECT(77, STARTUP | PAGE, 0);
	EXPECT(0, ALL | INIT, 0);
	EXPECT(0, SELF | NMI, 0);
	EXPECT(1, 0x200, 0);
	EXPECT(1, 0x300, 0);
	EXPECT(1, 0x700, 0);
	EXPECT(1, 0x0f, 0);
	for (unsigned bit = 0; bit < 32; bit++) {
		uint64_t icr = 1ULL << bit | 77ULL << 32;

		check_eq(pvh_probe(bad_icr, &icr),
			 0x000ccfffu >> bit & 1 ? -1 : 13);
	}
}

static void do_nmis(void)
{
	uint64_t before;

	for (unsigned i = 1; i < CPUS; i++) {
		before = nmis[i];
		send(i, NMI);
		wait_for(&nmis[i], before + 1, __LINE__);
	}
	for (unsigned i = 1; i < CPUS; i++) {
		before = nmis[i];
		check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, i, 0), 0);
		wait_for(&nmis[i], before + 1, __LINE__);
	}
	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, CPUS, 0), -ENOENT);
	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, ~0U, 0), -ENOENT);
	before = nmis[3];
	send(0xc, LOGICAL | NMI);
	wait_for(&nmis[3], before + 1, __LINE__);
	/* The way out of HLT with interrupts off; what is fixed is none. */
	todo[1] = HALT;
	send(1, IPI_VECTOR);
	wait_down(1, __LINE__);
	send(1, IPI_VECTOR);
	check_eq(is_up(1), 0);
	before = nmis[1];
	todo[1] = SLEEP;
	send(1, NMI);
	wait_for(&nmis[1], before + 1, __LINE__);
	EXPECT(0, IPI_VECTOR, 1);
	/* One within another. */
	todo[2] = NEST;
	before = nmis[2];
	send(2, IPI_VECTOR);
	send(2, NMI);
	wait_for(&nmis[2], before + 2, __LINE__);
	todo[2] = SLEEP;
	EXPECT(0, IPI_VECTOR, 1);
	check_eq(nmis[2], before + 2);
}

static void start(unsigned id)
{
	send(id, INIT);
	send(id, INIT_END);
	send(id, STARTUP | PAGE);
	send(id, STARTUP | PAGE);
}

void test_main(void)
{
	uint64_t before;

	gate(2, nmi_entry);
	gate(IPI_VECTOR, ipi_entry);
	gate(IPI_VECTOR + 1, ipi_entry);
	for (unsigned i = 0; ap_start + i < ap_end; i++)
		((volatile char *)(PAGE << 12))[i] = ap_start[i];
	check_eq(msr(0x1b), 0xfee00d00);
	check_eq(msr(0x80d), 1);
	set_msr(0x80f, 0x1ff);
	for (unsigned i = 1; i < CPUS; i++)
		check_eq(is_up(i), 0);
	/* They wait for it from power on. */
	send(1, STARTUP | PAGE);
	wait_for(&starts[1], 1, __LINE__);
	for (unsigned i = 2; i < CPUS; i++)
		start(i);
	for (unsigned i = 1; i < CPUS; i++)
		wait_for(&starts[i], 1, __LINE__);
	todo[3] = SPIN;
	vectors();
	do_nmis();
	/* One that runs is not started. */
	send(1, STARTUP | PAGE);
	send(0, OTHERS | STARTUP | PAGE);
	EXPECT(0, IPI_VECTOR, 1);
	for (unsigned i = 1; i < CPUS; i++)
		check_eq(starts[i], 1);

	todo[2] = INIT_SELF;
	send(2, IPI_VECTOR);
	wait_down(2, __LINE__);
	before = got[2];
	send(2, IPI_VECTOR);
	send(2, NMI);
	for (unsigned i = 0; i < 100; i++)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	check_eq(got[2], before);
	check_eq(is_up(2), 0);
	todo[2] = SLEEP;
	send(2, STARTUP | PAGE);
	wait_for(&starts[2], 2, __LINE__);
	EXPECT(0, OTHERS | IPI_VECTOR, 0xe);

	/* Each has a timer of its own, wherever it runs; none of it is left behind an INIT. */
	for (unsigned i = 1; i < CPUS; i++)
		todo[i] = TICK;
	send(0, OTHERS | IPI_VECTOR);
	for (unsigned i = 1; i < CPUS; i++)
		wait_for(&got[i], got[i] + 100, __LINE__);
	for (unsigned i = 1; i < CPUS; i++) {
		before = starts[i];
		start(i);
		wait_for(&starts[i], before + 1, __LINE__);
	}
	EXPECT(0, OTHERS | IPI_VECTOR, 0xe);

	todo[1] = todo[2] = STORM;
	send(0, OTHERS | IPI_VECTOR);
	for (unsigned i = 0; i < 200; i++) {
		before = starts[3];
		start(3);
		wait_for(&starts[3], before + 1, __LINE__);
	}
	wait_for(&storms, 2000, __LINE__);
	todo[1] = todo[2] = todo[3] = SLEEP;
	for (unsigned i = 0; i < 50; i++)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	before = got[0];
	send(0, ALL | (IPI_VECTOR + 1));
	wait_for(&got[0], before + 1, __LINE__);
	check_eq(wrong, 0);

	for (unsigned i = 1; i < CPUS; i++)
		todo[i] = HALT;
	send(0, OTHERS | IPI_VECTOR);
	for (unsigned i = 1; i < CPUS; i++)
		wait_down(i, __LINE__);
	check_eq(wrong, 0);
	say("RESULT pvh-smp PASS\n");
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}
