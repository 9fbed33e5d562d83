// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/*
 * A PVH guest by SVM: it starts as the ABI says, its CPUID and MSRs are what its kernel may see,
 * hypercalls work by the page that its MSR asks for, with addresses of its own page tables; a timer
 * event comes through the callback vector and wakes it from HLT; so does what it sends itself by
 * its local APIC, and what that APIC's timer has. What leaves the guest is done or refused by the
 * architecture's exception, and it finds itself where it was.
 */
#include "pvh.h"

const char test_name[] = "pvh";

struct four {
	uint32_t a, b, c, d;
};

static struct four cpuid(uint32_t leaf, uint32_t sub)
{
	struct four f = { leaf, 0, sub, 0 };

	/* With prefixes that mean nothing. */
	__asm__ volatile(".byte 0x66, 0x48\n\tcpuid" : "+a"(f.a), "=b"(f.b), "+c"(f.c), "=d"(f.d));
	return f;
}

static void rdmsr(void *arg)
{
	uint32_t a, d;

	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(*(uint32_t *)arg));
	*(uint64_t *)arg = a | (uint64_t)d << 32;
}

static void wrmsr(void *arg)
{
	const uint64_t *v = arg;

	__asm__ volatile("wrmsr" ::"c"((uint32_t)v[0]), "a"((uint32_t)v[1]),
			 "d"((uint32_t)(v[1] >> 32)));
}

#define INSN(name, text)                                                             \
	static void name(void *arg)                                                  \
	{                                                                            \
		__asm__ volatile(text ::"a"(0L), "c"(0L), "d"(0L) : "memory", "cc"); \
	}
INSN(vmrun, "vmrun")
INSN(vmload, "vmload")
INSN(vmsave, "vmsave")
INSN(stgi, "stgi")
INSN(clgi, "clgi")
INSN(skinit, "skinit")
INSN(invlpga, "invlpga")
INSN(rsm, "rsm")
INSN(monitor, "monitor")
INSN(mwait, "mwait")
INSN(rdpmc, "rdpmc")
INSN(insb, "insb")
INSN(outsb, "rep outsb")
INSN(invd, "invd")
INSN(wbinvd, "wbinvd")
INSN(ud2, "ud2")
INSN(int3, "int3")
INSN(divide, "divl %%ecx")

static void exits(void)
{
	static const struct {
		void (*fn)(void *);
		long vector;
	} list[] = { { vmrun, 6 },   { vmload, 6 },  { vmsave, 6 }, { stgi, 6 },   { clgi, 6 },
		     { skinit, 6 },  { invlpga, 6 }, { monitor, 6 }, { mwait, 6 }, { rdpmc, 13 },
		     { insb, 13 },   { outsb, 13 },  { invd, -1 },  { wbinvd, -1 }, { ud2, 6 },
		     { int3, 3 },    { divide, 0 },  { rsm, 6 } };
	uint32_t a = 0x12345678;

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		check_eq(pvh_probe(list[i].fn, NULL), list[i].vector);
	__asm__ volatile("inb $0x60, %%al" : "+a"(a));
	check_eq(a, 0x123456ff);
	a = 0x12345678;
	__asm__ volatile("inw %%dx, %%ax" : "+a"(a) : "d"(0xffff));
	check_eq(a, 0x1234ffff);
	__asm__ volatile("inl %%dx, %%eax" : "+a"(a) : "d"(0xcf8));
	check_eq(a, 0xffffffff);
	__asm__ volatile("outl %%eax, %%dx" ::"a"(a), "d"(0xcf8));
}

static void registers(void)
{
	uint64_t efer = 0xc0000080, set[2] = { 0xc0000080 };
	static const uint32_t none[] = { 0x1c,	     0xfe,	 0x200,	     0x400,	 0x40000000,
					 0xc0000103, 0xc0010114, 0xc0010117, 0xc0011023, ~0U };

	check_eq(pvh_probe(rdmsr, &efer), -1);
	check_eq(efer, 0xd01);
	for (unsigned bit = 0; bit < 64; bit++) {
		set[1] = efer ^ 1ULL << bit;
		/* SCE and NX may change; not SVME, what does not exist, or LME while paging. */
		check_eq(pvh_probe(wrmsr, set), bit == 0 || bit == 11 ? -1 : 13);
		set[1] = efer;
		check_eq(pvh_probe(wrmsr, set), -1);
	}
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		uint64_t n = none[i];

		set[0] = n;
		set[1] = ~0ULL;
		check_eq(pvh_probe(rdmsr, &n), 13);
		check_eq(pvh_probe(wrmsr, set), 13);
	}
	efer = 0x277;
	check_eq(pvh_probe(rdmsr, &efer), -1);
	check_eq(efer, 0x0007040600070406ULL);
	set[0] = 0x277;
	set[1] = 0x050100070406ULL;
	check_eq(pvh_probe(wrmsr, set), -1);
	set[1] = 2;
	check_eq(pvh_probe(wrmsr, set), 13);
	efer = 0x277;
	check_eq(pvh_probe(rdmsr, &efer), -1);
	check_eq(efer, 0x050100070406ULL);
	/* Its own, which do not leave it. */
	set[0] = 0xc0000102;
	set[1] = 0x123456789abcULL;
	check_eq(pvh_probe(wrmsr, set), -1);
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	efer = 0xc0000102;
	check_eq(pvh_probe(rdmsr, &efer), -1);
	check_eq(efer, 0x123456789abcULL);
}

static void seen(void)
{
	struct four f = cpuid(0x40000000, 0);

	check_eq(f.b, 0x566e6558);
	check_eq(f.c, 0x65584d4d);
	check_eq(f.d, 0x4d4d566e);
	f = cpuid(0x40000002, 0);
	check_eq(f.a, 1);
	check_eq(f.b, 0x40000000);
	f = cpuid(1, 0);
	check(f.c & 1u << 31);
	check((f.d & 1u << 9) && (f.c & 1u << 21) && !(f.b >> 24));
	check((f.d & 1u << 3) && (f.d & 1u << 13));
	check(!(cpuid(0x80000001, 0).c & 4));
	check(cpuid(0x80000001, 0).d & 1u << 29);
}

static long memory_op(unsigned op, void *arg)
{
	return hypercall(__HYPERVISOR_memory_op, op, (unsigned long)arg, 0);
}

static void calls(void)
{
	struct xen_feature_info features = { 0 };
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
					  .gpfn = SHARED_INFO >> 12 };
	xen_pfn_t list[] = { 0x8000 };
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list, .nr_extents = 1,
					    .domid = DOMID_SELF };

	check_eq(narrow_result, (uint32_t)-ENOSYS);
	check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
	check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_get_features,
			   (unsigned long)&features, 0), 0);
	check(features.submap & 1u << XENFEAT_auto_translated_physmap);
	features.submap = 0;
	/* By the hypervisor's own address, which is the guest's. */
	check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_get_features,
			   HIGH + (unsigned long)&features, 0), 0);
	check(features.submap & 1u << XENFEAT_hvm_callback_vector);
	for (unsigned long at = 1UL << 30; at; at <<= 1)
		check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_get_features, at, 0), -EFAULT);
	check_eq(hypercall(__HYPERVISOR_xen_version, XENVER_get_features, 0x3fffffff, 0), -EFAULT);
	for (unsigned op = 0; op < 64; op++)
		if (op != 12 && op != 13 && op != 15 && op != 17 && op != 18 && op != 20 &&
		    op != 24 && op != 29 && op != 32 && op != 34)
			check_eq(hypercall(op, 0, 0, 0), -ENOSYS);

	check_eq(memory_op(XENMEM_add_to_physmap, &add), 0);
	/* It has all that it may have: one page goes for one that comes. */
	check_eq(memory_op(XENMEM_populate_physmap, &r), 0);
	list[0] = 0xf00;
	check_eq(memory_op(XENMEM_decrease_reservation, &r), 1);
	list[0] = 0x8000;
	check_eq(memory_op(XENMEM_populate_physmap, &r), 1);
	check_eq(*(volatile uint64_t *)0x8000000, 0);
	*(volatile uint64_t *)0x8000000 = 0x55aa;
	check_eq(*(volatile uint64_t *)(HIGH + 0x8000000), 0x55aa);
	check_eq(memory_op(XENMEM_decrease_reservation, &r), 1);
	check_eq(memory_op(XENMEM_decrease_reservation, &r), 0);
	check_eq(memory_op(XENMEM_populate_physmap, &r), 1);
	/* Not what was there. */
	check_eq(*(volatile uint64_t *)0x8000000, 0);
}

static void events(void)
{
	struct xen_hvm_param param = { DOMID_SELF, 0, 0, 2ULL << 56 | VECTOR };
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
	struct vcpu_set_singleshot_timer timer = { 1, 0 };

	param.value = 2ULL << 56 | 31;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 0, (unsigned long)&param, 0), -EINVAL);
	param.value = 2ULL << 56 | 256;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 0, (unsigned long)&param, 0), -EINVAL);
	param.value = 2ULL << 56 | VECTOR;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 0, (unsigned long)&param, 0), 0);
	param.value = 0;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 1, (unsigned long)&param, 0), 0);
	check_eq(param.value, 2ULL << 56 | VECTOR);
	param.index = 17;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 0, (unsigned long)&param, 0), -EPERM);
	param.index = 21;
	check_eq(hypercall(__HYPERVISOR_hvm_op, 1, (unsigned long)&param, 0), -EINVAL);
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
			   (unsigned long)&virq, 0), 0);
	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
	/* Interrupts are off: it waits until they are on. */
	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0,
			   (unsigned long)&timer), 0);
	while (!shared_info->vcpu_info[0].evtchn_upcall_pending)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	check_eq(upcalls, 0);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(upcalls, 1);
	/* STI and HLT are one: the event that comes in between wakes it. */
	for (unsigned i = 2; i < 50; i++) {
		check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0,
				   (unsigned long)&timer), 0);
		while (upcalls < i)
			__asm__ volatile("sti; hlt; cli" ::: "memory");
		check_eq(upcalls, i);
	}
}

/*
 * What it registers by its own addresses is kept up to date: blocked for a timer's time, it finds
 * that time in its runstates; and its clock's area goes along with the one in vcpu_info.
 */
static struct vcpu_runstate_info runstates;
static struct vcpu_time_info clock;
static void areas(void)
{
	struct vcpu_register_runstate_memory_area where = { .addr.p = (uintptr_t)&runstates };
	struct vcpu_register_time_memory_area clock_at = { .addr.p = HIGH + (uintptr_t)&clock };
	struct vcpu_set_singleshot_timer timer = { 0, 0 };
	struct vcpu_runstate_info now;
	uint64_t blocked;

	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0,
			   (unsigned long)&where), 0);
	check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0,
			   (unsigned long)&clock_at), 0);
	check_eq(runstates.state, RUNSTATE_running);
	check(clock.version && !(clock.version & 1));
	check_eq(clock.tsc_to_system_mul, shared_info->vcpu_info[0].time.tsc_to_system_mul);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t until = upcalls + 1;

		blocked = runstates.time[RUNSTATE_blocked];
		check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0,
				   (unsigned long)&now), 0);
		timer.timeout_abs_ns = now.state_entry_time + now.time[RUNSTATE_running] +
				       (1000 << 20);
		check_eq(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0,
				   (unsigned long)&timer), 0);
		while (upcalls < until)
			__asm__ volatile("sti; hlt; cli" ::: "memory");
		check(((volatile struct vcpu_runstate_info *)&runstates)->time[RUNSTATE_blocked] >
		      blocked);
		check_eq(runstates.state, RUNSTATE_running);
	}
}

/* What it sends itself by its local APIC comes when it can, once, and the next when that ended. */
static void apic(void)
{
	uint64_t base = 0x1b, on[2] = { 0x80f, 0x1ff }, self[2] = { 0x83f, VECTOR },
		 bad[2] = { 0x83f, 0x100 }, end[2] = { 0x80b, 0 }, before = upcalls;

	check_eq(pvh_probe(rdmsr, &base), -1);
	check_eq(base, 0xfee00d00);
	check_eq(pvh_probe(wrmsr, on), -1);
	check_eq(pvh_probe(wrmsr, bad), 13);
	check_eq(pvh_probe(wrmsr, self), -1);
	check_eq(upcalls, before);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(upcalls, before + 1);
	check_eq(pvh_probe(wrmsr, self), -1);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(upcalls, before + 1);
	check_eq(pvh_probe(wrmsr, end), -1);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(upcalls, before + 2);
	check_eq(pvh_probe(wrmsr, end), -1);
	/* One that is there already is not waited for. */
	check_eq(pvh_probe(wrmsr, self), -1);
	__asm__ volatile("sti; hlt; cli" ::: "memory");
	check_eq(upcalls, before + 3);
	check_eq(pvh_probe(wrmsr, end), -1);
}

static void set_cr8(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr8" ::"r"(v) : "memory");
}

static uint64_t cr8(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr8, %0" : "=r"(v)::"memory");
	return v;
}

/* CR8 is the class of the APIC's task priority, and lets through what waits as soon as it may. */
static void priority(void)
{
	uint64_t tpr = 0x808, set[2] = { 0x808, 0x63 }, self[2] = { 0x83f, VECTOR },
		 end[2] = { 0x80b, 0 }, before = upcalls;

	check_eq(cr8(), 0);
	check_eq(pvh_probe(wrmsr, set), -1);
	check_eq(cr8(), 6);
	for (unsigned i = 5; i < 16; i++) {
		set_cr8(i);
		check_eq(cr8(), i);
		tpr = 0x808;
		check_eq(pvh_probe(rdmsr, &tpr), -1);
		check_eq(tpr, i << 4);
		check_eq(pvh_probe(wrmsr, self), -1);
		__asm__ volatile("sti");
		for (unsigned n = 0; n < 1000; n++)
			__asm__ volatile("nop" ::: "memory");
		check_eq(upcalls, before);
		set_cr8(VECTOR / 16);
		__asm__ volatile("nop; nop" ::: "memory");
		check_eq(upcalls, before);
		set_cr8(VECTOR / 16 - 1);
		__asm__ volatile("nop; nop; cli" ::: "memory");
		check_eq(upcalls, ++before);
		check_eq(pvh_probe(wrmsr, end), -1);
	}
	/* While interrupts are off it waits for them. */
	set_cr8(15);
	check_eq(pvh_probe(wrmsr, self), -1);
	set_cr8(0);
	__asm__ volatile("nop; nop" ::: "memory");
	check_eq(upcalls, before);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	check_eq(upcalls, before + 1);
	check_eq(pvh_probe(wrmsr, end), -1);
}

/* Of the APIC's timer. */
#define TICK 0x61
static volatile uint64_t ticks;
void pvh_ipi(void);
void pvh_ipi(void)
{
	uint64_t end[2] = { 0x80b, 0 };

	ticks++;
	wrmsr(end);
}

static uint64_t get(uint32_t n)
{
	uint64_t v = n;

	rdmsr(&v);
	return v;
}

static void set(uint64_t n, uint64_t v)
{
	uint64_t to[2] = { n, v };

	check_eq(pvh_probe(wrmsr, to), -1);
}

/* ns since the machine started, by the ABI's clock. */
static uint64_t now(void)
{
	const volatile struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
	uint32_t version, lo, hi;
	uint64_t ns, passed;

	do {
		version = t->version;
		__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
		passed = (lo | (uint64_t)hi << 32) - t->tsc_timestamp;
		passed = t->tsc_shift < 0 ? passed >> -t->tsc_shift : passed << t->tsc_shift;
		ns = t->system_time +
		     (uint64_t)((unsigned __int128)passed * t->tsc_to_system_mul >> 32);
		__asm__ volatile("lfence" ::: "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}

static void wait_for_tick(uint64_t n)
{
	while (ticks < n)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

/*
 * Its clock is 100 MHz: it wakes from HLT, not before its time, again and again if it is told so,
 * but not more often than 5000 times in a second; and not at all when masked or stopped.
 */
static void apic_timer(void)
{
	uint64_t bad[2] = { 0x832, 0x40000 | TICK }, from, n, passed;

	gate(TICK, ipi_entry);
	check(!(cpuid(1, 0).c & 1u << 24));
	check(cpuid(0, 0).a < 6 || (cpuid(6, 0).a & 4));
	check_eq(pvh_probe(wrmsr, bad), 13);
	check_eq(get(0x839), 0);
	set(0x83e, 0xb);
	set(0x832, TICK);
	for (unsigned i = 1; i <= 10; i++) {
		from = now();
		set(0x838, 300000); /* 3 ms */
		check_eq(get(0x838), 300000);
		wait_for_tick(i);
		check(now() - from >= 3000000);
		check_eq(get(0x839), 0);
	}
	set(0x838, ~0U);
	n = get(0x839);
	while (get(0x839) == n)
		;
	check(get(0x839) < n);
	set(0x832, 0x20000 | TICK);
	from = now();
	set(0x838, 100000); /* 1 ms */
	wait_for_tick(30);
	/* The twentieth of them came not before its time. */
	check(now() - from >= 20000000);
	/* While it runs, too, and without a break. */
	set(0x838, 1);
	from = now();
	n = ticks;
	__asm__ volatile("sti");
	while (now() - from < 50000000)
		__asm__ volatile("pause");
	__asm__ volatile("cli" ::: "memory");
	passed = now() - from;
	check(ticks - n >= 3);
	check(ticks - n <= passed / 200000 + 1);
	set(0x832, 0x30000 | TICK);
	/* One may have come before. */
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	n = ticks;
	from = now();
	__asm__ volatile("sti");
	while (now() - from < 5000000)
		__asm__ volatile("pause");
	__asm__ volatile("cli" ::: "memory");
	check_eq(ticks, n);
	/* An exception's vector is none, and what is switched off ticks no more. */
	set(0x832, 0x20000 | 13);
	set(0x832, 0x20000 | TICK);
	wait_for_tick(n + 2);
	set(0x80f, 0xff);
	check_eq(get(0x832), 0x30000 | TICK);
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	set(0x80f, 0x1ff);
	set(0x838, 0);
	check_eq(get(0x839), 0);
}

/* Several hypercalls at once: what each came to, whatever it is; none of them is a list again. */
static void lists(void)
{
	static struct multicall_entry list[300];

	for (unsigned i = 0; i < 300; i++)
		list[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 1 };
	list[7].op = 63;
	list[8].op = __HYPERVISOR_multicall;
	list[9] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version,
					    .args = { XENVER_get_features, 1UL << 40 } };
	list[299].op = __HYPERVISOR_sched_op;
	check_eq(hypercall(__HYPERVISOR_multicall, (unsigned long)list, 299, 0), 0);
	for (unsigned i = 0; i < 299; i++)
		check_eq(list[i].result, i == 7 ? (unsigned long)-ENOSYS :
					 i == 8 ? (unsigned long)-EINVAL :
					 i == 9 ? (unsigned long)-EFAULT :
						  4 << 16 | 17);
	check_eq(list[299].result, 1);
	check_eq(hypercall(__HYPERVISOR_multicall, 1UL << 40, 1, 0), -EFAULT);
	/* Its end is not there, which is found when it is come to. */
	check_eq(hypercall(__HYPERVISOR_multicall, (1UL << 30) - 2 * sizeof(list[0]), 3, 0),
		 -EFAULT);
	check_eq(hypercall(__HYPERVISOR_multicall, (unsigned long)list, 0, 0), 0);
}

/* Grants, to itself: its table is where it says. */
#define TABLE ((volatile struct grant_entry_v1 *)0x3001000UL)
static volatile char page_a[4096] __attribute__((aligned(4096)));
static volatile char page_b[4096] __attribute__((aligned(4096)));
static struct gnttab_map_grant_ref map(uint32_t flags, unsigned long at)
{
	struct gnttab_map_grant_ref m = { .host_addr = at, .flags = flags, .ref = 9,
					  .dom = DOMID_SELF };

	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)&m,
			   1), 0);
	return m;
}

static int unmap(uint32_t handle, unsigned long at)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = at, .handle = handle };

	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
			   (unsigned long)&u, 1), 0);
	return u.status;
}

static void write_byte(void *at)
{
	*(volatile char *)at = 1;
}

/* At an address where nothing is, for reading only or not; what is there is the other's page. */
#define MAPPED ((volatile char *)0x9000000UL)
static void mappings(void)
{
	struct xen_remove_from_physmap remove = { .domid = DOMID_SELF,
						  .gpfn = (unsigned long)MAPPED >> 12 };
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
					  .gpfn = (unsigned long)MAPPED >> 12 };
	xen_pfn_t list[] = { (unsigned long)MAPPED >> 12 };
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list, .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct gnttab_map_grant_ref m, other;

	/* It is granted for reading only. */
	check_eq(map(GNTMAP_host_map, (unsigned long)MAPPED).status, GNTST_general_error);
	check_eq(map(GNTMAP_host_map | GNTMAP_readonly, 0x100000).status, GNTST_bad_virt_addr);
	check_eq(map(GNTMAP_host_map | GNTMAP_readonly, 1UL << 50).status, GNTST_bad_virt_addr);
	m = map(GNTMAP_host_map | GNTMAP_readonly, (unsigned long)MAPPED);
	check_eq(m.status, GNTST_okay);
	check(TABLE[9].flags & GTF_reading);
	check_eq(MAPPED[100], page_a[100]);
	page_a[100]++;
	check_eq(MAPPED[100], page_a[100]);
	check_eq(pvh_probe(write_byte, (void *)MAPPED), 13);
	check_eq(MAPPED[0], page_a[0]);
	/* Nothing else takes it out, or its place. */
	check_eq(memory_op(XENMEM_remove_from_physmap, &remove), -EINVAL);
	check_eq(memory_op(XENMEM_add_to_physmap, &add), -EINVAL);
	check_eq(memory_op(XENMEM_decrease_reservation, &r), 0);
	check_eq(memory_op(XENMEM_populate_physmap, &r), 0);
	check_eq(map(GNTMAP_host_map | GNTMAP_readonly, (unsigned long)MAPPED).status,
		 GNTST_bad_virt_addr);
	check_eq(unmap(m.handle, (unsigned long)MAPPED + 4096), GNTST_general_error);
	TABLE[9].flags &= (uint16_t)~GTF_readonly;
	other = map(GNTMAP_host_map, (unsigned long)MAPPED + 4096);
	check_eq(other.status, GNTST_okay);
	MAPPED[4096] = 77;
	check_eq(page_a[0], 77);
	check_eq(MAPPED[0], 77);
	/* Neither by the other's address, since their rights are not the same. */
	check_eq(unmap(m.handle, (unsigned long)MAPPED + 4096), GNTST_general_error);
	check_eq(unmap(other.handle, (unsigned long)MAPPED), GNTST_general_error);
	check_eq(unmap(m.handle, (unsigned long)MAPPED), GNTST_okay);
	check_eq(unmap(m.handle, (unsigned long)MAPPED), GNTST_bad_handle);
	MAPPED[4097] = 78;
	check_eq(page_a[1], 78);
	check_eq(unmap(other.handle, (unsigned long)MAPPED + 4096), GNTST_okay);
	check_eq(TABLE[9].flags, GTF_permit_access);
	/* There is room again. */
	m = map(GNTMAP_host_map, (unsigned long)MAPPED);
	check_eq(m.status, GNTST_okay);
	check_eq(MAPPED[1], 78);
	check_eq(unmap(m.handle, (unsigned long)MAPPED), GNTST_okay);
}

static void grants(void)
{
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
					  .gpfn = (unsigned long)TABLE >> 12 };
	struct gnttab_copy copy = {
		.source = { .u.ref = 9, .domid = DOMID_SELF, .offset = 100 },
		.dest = { .u.gmfn = (unsigned long)page_b >> 12, .domid = DOMID_SELF, .offset = 8 },
		.len = 16, .flags = GNTCOPY_source_gref };

	check_eq(memory_op(XENMEM_add_to_physmap, &add), 0);
	TABLE[9].domid = 0;
	TABLE[9].frame = (uint32_t)((unsigned long)page_a >> 12);
	for (unsigned i = 0; i < 4096; i++)
		page_a[i] = (char)(i * 3);
	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)&copy, 1), 0);
	check_eq(copy.status, GNTST_general_error);
	/* Whoever it is: one number after the other. */
	for (unsigned id = 0; id < 16 && copy.status; id++) {
		TABLE[9].domid = (domid_t)id;
		TABLE[9].flags = GTF_permit_access | GTF_readonly;
		check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
				   (unsigned long)&copy, 1), 0);
	}
	check_eq(copy.status, GNTST_okay);
	for (unsigned i = 0; i < 16; i++)
		check_eq(page_b[8 + i], page_a[100 + i]);
	check_eq(page_b[7] | page_b[24], 0);
	copy.dest.u.gmfn = 0x80000000;
	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)&copy, 1), 0);
	check_eq(copy.status, GNTST_bad_page);
	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, 0, 1), -ENOSYS);
	mappings();
}

/* Events by the FIFO, from the last test on. */
static uint32_t words[1024] __attribute__((aligned(4096)));
static struct evtchn_fifo_control_block control __attribute__((aligned(4096)));
static void fifo(void)
{
	struct evtchn_init_control init = { .control_gfn = 0x80000000 };
	struct evtchn_expand_array expand = { .array_gfn = (unsigned long)words >> 12 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_set_priority priority = { .priority = 3 };
	struct evtchn_send send;
	uint64_t before;

	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (unsigned long)&ipi,
			   0), 0);
	priority.port = send.port = ipi.port;
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority,
			   (unsigned long)&priority, 0), -ENOSYS);
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control,
			   (unsigned long)&init, 0), -EINVAL);
	init.control_gfn = (unsigned long)&control >> 12;
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control,
			   (unsigned long)&init, 0), 0);
	check_eq(init.link_bits, 17);
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array,
			   (unsigned long)&expand, 0), 0);
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority,
			   (unsigned long)&priority, 0), 0);
	before = upcalls;
	check_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&send, 0),
		 0);
	check_eq(((volatile struct evtchn_fifo_control_block *)&control)->ready, 1u << 3);
	check_eq(control.head[3], ipi.port);
	check(words[ipi.port] & 1u << EVTCHN_FIFO_PENDING);
	while (upcalls == before)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	check_eq(upcalls, before + 1);
}

void test_main(void)
{
	const struct hvm_start_info *info = (const void *)start_info_at;
	const struct hvm_memmap_table_entry *map;

	say("hello from a tiny PVH guest\n");
	check_eq(info->magic, XEN_HVM_START_MAGIC_VALUE);
	check_eq(info->version, 1);
	check_eq(info->memmap_entries, 1);
	map = (const void *)info->memmap_paddr;
	check_eq(map->addr, 0);
	check_eq(map->size, 16 << 20);
	seen();
	registers();
	exits();
	calls();
	events();
	areas();
	apic();
	priority();
	apic_timer();
	lists();
	grants();
	exits();
	fifo();
}
