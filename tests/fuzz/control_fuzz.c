// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/control/domctl_hvm.c hypervisor/hvm/context.c
// sources: hypervisor/control/domctl.c hypervisor/control/domctl_vcpu.c
// sources: hypervisor/control/domctl_state.c
// sources: hypervisor/control/domctl_access.c hypervisor/control/common.c
// sources: hypervisor/control/sysctl.c hypervisor/domain/permission.c hypervisor/memory/range_set.c
// sources: hypervisor/control/cpu_policy.c hypervisor/cpu/cpu_policy.c hypervisor/pv/cpuid.c
// sources: hypervisor/domain/fpu_image.c hypervisor/pv/compat_context.c tests/unit/sim/sim.c
// options: -max_len=1024
//
// domctl and sysctl with arguments of any kind, as a broken or hostile toolstack would give them: a
// list of operations, each with a command, a domain, and words in its union of which some are
// small, some lie at the edges and some point into a small guest memory, at its end or beside it.
// Nobody but the privileged domain changes anything or learns anything; an operation that fails
// changes nothing; what a domain may touch is what was given to it by one that may, bit by bit; a
// CPU policy that was taken is one that a PV guest can have; and locks, references and pauses are
// given back whatever happened.

#include "control_rooms.h"
#include "fuzz.h"
#include "cpu/cpu_policy.h"
#include "pv/cpuid.h"

/* The caller's memory: what lies outside of it faults. */
#define MEM    0x100000ULL
#define ROOM   16384U
#define POINTS 96U /* of each kind of permission are compared */

static u8 memory[ROOM];

static bool outside(vaddr_t va, size_t n)
{
	return va < MEM || va >= MEM + ROOM || n > MEM + ROOM - va;
}

int copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	if (!n)
		return 0;
	if (outside(src, n))
		return -EFAULT;
	memcpy(dst, memory + (src - MEM), n);
	return 0;
}

int copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	if (!n)
		return 0;
	if (outside(dst, n))
		return -EFAULT;
	memcpy(memory + (dst - MEM), src, n);
	return 0;
}

int clear_guest(vaddr_t dst, size_t n)
{
	if (!n)
		return 0;
	if (outside(dst, n))
		return -EFAULT;
	memset(memory + (dst - MEM), 0, n);
	return 0;
}

/* Where every argument lies. */
#define ARGUMENT (MEM + 64)
#define THERE    (memory + 64)

/* A word of an argument: a number, or an address in, at the end of, or beside the memory. */
static u64 word(struct fuzz_in *in)
{
	u8 c = fuzz_u8(in);

	if (c < 0x90)
		return fuzz_number(in);
	if (c < 0xd0)
		return MEM + 1024 + (fuzz_u16(in) % (ROOM - 1024));
	if (c < 0xe8)
		return MEM + ROOM - fuzz_u8(in);
	return c & 1 ? MEM - fuzz_u8(in) : (u64)fuzz_u8(in) << 32 | fuzz_u8(in);
}

/* ---- what an operation may change ---- */

struct state {
	u64 max_pages, debugger, dying, is_32bit, weight, offset;
	u8 handle[16];
	cpumask_t affinity[2];
	bool nmi[2], paused;
	unsigned kills, resumes, resets, contexts, vcpus_left;
	domid_t created;
	char keys[8];
	unsigned nr_keys;
	bool may[3][POINTS];
	struct cpu_policy policy;
};

static u64 point(unsigned kind, unsigned i)
{
	/* Ports and frames at the small end and at the top of what there is. */
	if (i < POINTS / 2)
		return i;
	return (kind == 0 ? 0xffffULL : kind == 1 ? (1ULL << 28) - 1 : 0x7fULL) - (i - POINTS / 2);
}

static struct range_set *set_of(struct domain *d, unsigned kind)
{
	return kind == 0 ? &d->perms.ports : kind == 1 ? &d->perms.iomem : &d->perms.irqs;
}

static void look(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->max_pages = guest->max_pages;
	s->debugger = guest->debugger_attached;
	s->dying = guest->dying;
	s->is_32bit = guest->is_32bit;
	s->weight = m.weight;
	s->offset = (u64)guest->time.offset_seconds;
	memcpy(s->handle, guest->handle, sizeof(s->handle));
	for (unsigned i = 0; i < 2; i++) {
		s->affinity[i] = guest->vcpu[i]->sched.affinity;
		s->nmi[i] = guest->vcpu[i]->nmi_pending;
	}
	s->paused = guest->paused_by_control;
	s->kills = m.kills;
	s->resumes = m.resumes;
	s->resets = m.resets;
	s->contexts = m.contexts;
	s->vcpus_left = m.vcpus_left;
	s->created = m.created;
	memcpy(s->keys, m.keys, sizeof(s->keys));
	s->nr_keys = m.nr_keys;
	pv_cpu_policy(guest, &s->policy);
	/* Not a change of the policy, but of how it is shown. */
	s->policy.leaf[cpu_policy_place(0x80000001, 0)].d &= ~(u32)(BIT(29) | BIT(11));
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < POINTS; i++)
			s->may[k][i] = range_set_contains(set_of(guest, k), point(k, i),
							  point(k, i));
}

/* The range that a permission operation names: false if it is none, or nonsense. */
static bool named(const struct xen_domctl *op, unsigned *kind, u64 *first, u64 *last, bool *allow)
{
	switch (op->cmd) {
	case XEN_DOMCTL_ioport_permission:
		*kind = 0;
		*first = op->u.ioport_permission.first_port;
		*last = *first + op->u.ioport_permission.nr_ports - 1;
		*allow = op->u.ioport_permission.allow_access;
		return true;
	case XEN_DOMCTL_iomem_permission:
		*kind = 1;
		*first = op->u.iomem_permission.first_mfn;
		*last = *first + op->u.iomem_permission.nr_mfns - 1;
		*allow = op->u.iomem_permission.allow_access;
		return true;
	case XEN_DOMCTL_irq_permission:
		*kind = 2;
		*first = *last = 9; /* of the only PIRQ that is one */
		*allow = op->u.irq_permission.allow_access;
		return true;
	default:
		return false;
	}
}

/* After a permission operation on the guest that went well: just that range is as it says. */
static void check_given(const struct xen_domctl *op, const struct state *was,
			const struct state *is)
{
	u64 first, last;
	unsigned kind;
	bool allow;

	if (!named(op, &kind, &first, &last, &allow)) {
		FUZZ_CHECK(!memcmp(was->may, is->may, sizeof(was->may)),
			   "operation %u changes what the domain may touch", op->cmd);
		return;
	}
	FUZZ_CHECK(first <= last, "%llx to %llx is taken for a range", (unsigned long long)first,
		   (unsigned long long)last);
	FUZZ_CHECK(!allow || range_set_contains(set_of(dom0, kind), first, last),
		   "what the caller does not have is given away");
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < POINTS; i++) {
			bool in = k == kind && point(k, i) >= first && point(k, i) <= last;

			FUZZ_CHECK(is->may[k][i] == (in ? allow : was->may[k][i]),
				   "kind %u, %llx: %u", k, (unsigned long long)point(k, i),
				   is->may[k][i]);
		}
}

/* What is changed in part, or before the answer cannot be written: as in the ABI. */
static bool may_stop_half_way(u32 cmd, s64 r)
{
	return (cmd == XEN_DOMCTL_max_vcpus && r == -ENOMEM) ||
	       (cmd == XEN_DOMCTL_setvcpuaffinity && (r == -EFAULT || r == -EINVAL)) ||
	       cmd == XEN_DOMCTL_destroydomain || cmd == XEN_DOMCTL_setvcpucontext;
}

static void check_settled(void)
{
	FUZZ_CHECK(dom0->refs == 1 && guest->refs == 1, "references: %lu, %lu",
		   (unsigned long)dom0->refs, (unsigned long)guest->refs);
	FUZZ_CHECK(!guest->pause_count && !dom0->pause_count, "somebody stays paused");
	for (unsigned i = 0; i < 2; i++)
		FUZZ_CHECK(!guest->vcpu[i]->pause_count, "vCPU %u stays paused", i);
	FUZZ_CHECK(control_trylock(), "the lock is not given back");
	control_unlock();
}

static void check_result(s64 r, bool privileged)
{
	FUZZ_CHECK(r == 0 || r == SIM_CONTINUED || (r < 0 && r > -4096), "result %lld",
		   (long long)r);
	FUZZ_CHECK(privileged || r == -EPERM, "an unprivileged domain gets %lld", (long long)r);
}

/* ---- CPU policies ---- */

#define LEAVES_AT 1024
#define MSRS_AT	  (LEAVES_AT + 130 * sizeof(struct xen_cpuid_leaf))

/* Ask for what the domain has now, but for a few words of it; or for more than there is. */
static void wish_for_policy(struct fuzz_in *in, struct xen_domctl_cpu_policy *p)
{
	struct xen_cpuid_leaf *l = (struct xen_cpuid_leaf *)(memory + LEAVES_AT);
	struct xen_msr_entry *e = (struct xen_msr_entry *)(memory + MSRS_AT);
	struct cpu_policy now;
	u8 how = fuzz_u8(in);

	pv_cpu_policy(guest, &now);
	*p = (struct xen_domctl_cpu_policy){ .leaves = MEM + LEAVES_AT, .msrs = MEM + MSRS_AT };
	p->nr_leaves = cpu_policy_to_leaves(&now, l);
	p->nr_msrs = cpu_policy_to_msrs(&now, e);
	for (unsigned n = how & 3; n; n--) {
		u32 *w = (u32 *)&l[fuzz_below(in, p->nr_leaves)] + fuzz_below(in, 6);
		u32 value = fuzz_u32(in);

		/* A bit less, a bit more, anything. */
		*w = how & 4 ? *w & ~(1U << value % 32) : how & 8 ? *w ^ 1U << value % 32 : value;
	}
	if (how & 16)
		e[fuzz_u8(in) & 1].val = fuzz_u64(in) & ~0ULL >> fuzz_u8(in) % 64;
	if ((how & 0xe0) == 0xe0)
		p->nr_leaves = fuzz_u8(in);
}

/* What was taken is no more than a PV guest can have, and as it is when it is taken again. */
static void check_policy(void)
{
	const struct cpu_policy *most = &cpu_policies[CPU_POLICY_PV_MAX];
	u32 have[CPU_POLICY_FEATURES], can[CPU_POLICY_FEATURES];
	struct cpu_policy_error err;
	struct cpu_policy p, again;
	u64 xcr0;

	FUZZ_CHECK(guest->cpu_policy, "taken and not kept");
	p = again = *guest->cpu_policy;
	cpu_policy_features(&p, have);
	cpu_policy_features(most, can);
	for (unsigned i = 0; i < CPU_POLICY_FEATURES; i++)
		FUZZ_CHECK(!(have[i] & ~can[i]), "word %u: %x, can have %x", i, have[i], can[i]);
	xcr0 = cpu_policy_xcr0(&p);
	FUZZ_CHECK(!(xcr0 & ~cpu_policy_xcr0(most)) && (!xcr0 || (xcr0 & 3) == 3) &&
			   (!(xcr0 & 0xe0) || (xcr0 & 0xe4) == 0xe4),
		   "XCR0 %lx", (unsigned long)xcr0);
	FUZZ_CHECK(!(have[1] & 1U << 28) || xcr0 & 4, "AVX and no state for it");
	FUZZ_CHECK(!p.arch_caps && !p.platform_info, "MSRs that guests do not have");
	FUZZ_CHECK(!cpu_policy_settle(&again, &err) && !memcmp(&p, &again, sizeof(p)),
		   "it is not accepted again as it is");
}

static void op_domctl(struct fuzz_in *in)
{
	static const u32 commands[] = {
		XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
		XEN_DOMCTL_unpausedomain, XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_setvcpuaffinity,
		XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
		XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_max_vcpus, XEN_DOMCTL_scheduler_op,
		XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_setdebugging, XEN_DOMCTL_irq_permission,
		XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission,
		XEN_DOMCTL_hypercall_init, XEN_DOMCTL_settimeoffset, XEN_DOMCTL_getvcpuaffinity,
		XEN_DOMCTL_resumedomain, XEN_DOMCTL_sendtrigger, XEN_DOMCTL_set_address_size,
		XEN_DOMCTL_get_address_size, XEN_DOMCTL_gettscinfo, XEN_DOMCTL_settscinfo,
		XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_setnodeaffinity,
		XEN_DOMCTL_getnodeaffinity, XEN_DOMCTL_iomem_permission,
		XEN_DOMCTL_ioport_permission,
	};
	static const domid_t ids[] = { 5, 5, 5, 5, 0, DOMID_SELF, 77, DOMID_IO };
	struct xen_domctl op = { .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
	u8 c = fuzz_u8(in), how = fuzz_u8(in);
	bool privileged = how & 7;
	struct state was, is;
	u64 at = ARGUMENT;
	u32 words;
	s64 r;

	op.cmd = c < 0xf0 ? commands[c % ARRAY_SIZE(commands)] :
		 c < 0xf6 ? XEN_DOMCTL_set_cpu_policy :
		 c < 0xf8 ? XEN_DOMCTL_get_cpu_policy : fuzz_u16(in);
	op.domain = ids[how >> 3 & 7];
	if (how == 0xff)
		op.interface_version = fuzz_u32(in);
	if (op.cmd == XEN_DOMCTL_set_cpu_policy)
		wish_for_policy(in, &op.u.cpu_policy);
	words = op.cmd == XEN_DOMCTL_set_cpu_policy ? 2 : 12;
	for (unsigned i = 0, n = fuzz_below(in, words); i < n; i++) {
		u64 w = word(in);
		unsigned where = fuzz_below(in, sizeof(op.u) / 4);

		memcpy((u8 *)&op.u + where * 4, &w, where + 1 < sizeof(op.u) / 4 ? 8 : 4);
	}
	if (how == 0xfe)
		at = word(in);
	memcpy(THERE, &op, sizeof(op));
	m.kill_error = how & 0x40 ? -ERESTART : 0;
	m.context_error = how & 0x80 ? -EINVAL : 0;
	/* A few more domains are enough. */
	m.create_error = -ENOMEM;
	look(&was);
	sim_current = privileged ? dom0->vcpu[0] : guest->vcpu[1];
	r = do_domctl(at);
	look(&is);
	fuzz_say("domctl %u of domain %u: %lld\n", op.cmd, op.domain, (long long)r);
	check_result(r, privileged);
	if (r && r != SIM_CONTINUED && !(privileged && may_stop_half_way(op.cmd, r)))
		FUZZ_CHECK(!memcmp(&was, &is, sizeof(was)), "operation %u failed (%lld) half-way",
			   op.cmd, (long long)r);
	if (!r && at == ARGUMENT && op.cmd == XEN_DOMCTL_set_cpu_policy)
		check_policy();
	if (!r && at == ARGUMENT && op.domain == 5)
		check_given(&op, &was, &is);
	else if (at == ARGUMENT)
		FUZZ_CHECK(!memcmp(was.may, is.may, sizeof(was.may)),
			   "operation %u on another domain gives this one something", op.cmd);
	check_settled();
}

static void op_sysctl(struct fuzz_in *in)
{
	static const u32 commands[] = {
		XEN_SYSCTL_readconsole, XEN_SYSCTL_physinfo, XEN_SYSCTL_sched_id,
		XEN_SYSCTL_getdomaininfolist, XEN_SYSCTL_debug_keys, XEN_SYSCTL_getcpuinfo,
		XEN_SYSCTL_availheap, XEN_SYSCTL_cputopoinfo, XEN_SYSCTL_numainfo,
		XEN_SYSCTL_cpupool_op, XEN_SYSCTL_scheduler_op, XEN_SYSCTL_get_cpu_featureset,
	};
	struct xen_sysctl op = { .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	u8 c = fuzz_u8(in), how = fuzz_u8(in);
	bool privileged = how & 7;
	struct state was, is;
	s64 r;

	if (c < 0xe8)
		op.cmd = commands[c % ARRAY_SIZE(commands)];
	else
		op.cmd = c < 0xf4 ? fuzz_u8(in) : 0x1000U + fuzz_u16(in);
	for (unsigned i = 0, n = fuzz_below(in, 10); i < n; i++) {
		u64 w = word(in);
		unsigned where = fuzz_below(in, sizeof(op.u) / 4);

		memcpy((u8 *)&op.u + where * 4, &w, where + 1 < sizeof(op.u) / 4 ? 8 : 4);
	}
	memcpy(THERE, &op, sizeof(op));
	look(&was);
	sim_current = privileged ? dom0->vcpu[0] : guest->vcpu[0];
	r = do_sysctl(ARGUMENT);
	look(&is);
	fuzz_say("sysctl %u: %lld\n", op.cmd, (long long)r);
	check_result(r, privileged);
	/* Debug keys and clearing the console are all that it does to anybody. */
	memset(was.keys, 0, sizeof(was.keys));
	memset(is.keys, 0, sizeof(is.keys));
	if (privileged)
		was.nr_keys = is.nr_keys = 0;
	FUZZ_CHECK(!memcmp(&was, &is, sizeof(was)), "sysctl %u changes a domain", op.cmd);
	check_settled();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(memory, 0, sizeof(memory));
	dom0 = sim_domain(0, 2, true);
	guest = sim_domain(5, 2, false);
	guest->max_vcpus = 4;
	permissions_init(&dom0->perms);
	permissions_init(&guest->perms);
	/* Ports and frames with holes, one interrupt. */
	FUZZ_CHECK(!range_set_add(&dom0->perms.ports, 0, 0xffff) &&
			   !range_set_remove(&dom0->perms.ports, 0x20, 0x21) &&
			   !range_set_add(&dom0->perms.iomem, 0, (1ULL << 28) - 1) &&
			   !range_set_remove(&dom0->perms.iomem, 0x10, 0x10) &&
			   !range_set_add(&dom0->perms.irqs, 9, 9),
		   "no memory");
	sim_cpu = &cpus[0];
	cpus_online = 0xf;
	cpu_features.phys_bits = 40;
	cpu_features.xsave = true;
	cpu_features.xcr0 = 0xe7;
	if (!cpu_policies[CPU_POLICY_HOST].leaf[0].a)
		cpu_policies_init();
	m.vcpus_left = 2;
	fuzz_bytes(&in, memory + 1024, 64);
	for (unsigned n = 0; n < 40 && fuzz_more(&in); n++) {
		if (fuzz_u8(&in) % 4)
			op_domctl(&in);
		else
			op_sysctl(&in);
	}
	permissions_destroy(&dom0->perms);
	permissions_destroy(&guest->perms);
	zfree(guest->cpu_policy);
	guest->cpu_policy = NULL;
	FUZZ_CHECK(!sim.objects, "%lu objects are left", (unsigned long)sim.objects);
	sim_reset();
	return 0;
}
