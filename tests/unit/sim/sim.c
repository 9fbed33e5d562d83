// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/guest_access.h"
#include "cpu/mitigation.h"
#include "cpu/tlb.h"
#include "domain/physmap.h"
#include "domain/pirq.h"
#include "domain/refusal.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "lib/printk.h"
#include "memory/heap.h"
#include "memory/p2m.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"
#include "pv-abi/errno.h"
#include "pv/grant_pte.h"
#include "pv/shadow.h"

#define __weak __attribute__((weak))

struct sim sim;
u8 sim_ram[SIM_FRAMES * PAGE_SIZE] __aligned(4096);
static struct frame frames[SIM_FRAMES];
struct frame *const sim_frame_table = frames;
mfn_t __weak max_mfn = SIM_FRAMES;

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "simulated machine: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	abort();
}

/* ---------------------------------------------------------------------------------------------- */
/* CPUs and locks */

struct cpu_features cpu_features = { .nx = true, .accessed_first = true,
				     .phys_bits = 40, .virt_bits = 48 };
struct cpu cpus[NR_CPUS];
unsigned nr_cpus = 1;
volatile cpumask_t cpus_online = 1;
__thread struct cpu *sim_cpu = &cpus[0];
__thread struct vcpu *sim_current;

static __thread bool irqs_off;
static __thread unsigned locks_held;
static __thread u32 thread_number;

static u32 my_number(void)
{
	static u32 last;

	if (!thread_number)
		thread_number = __atomic_add_fetch(&last, 1, __ATOMIC_SEQ_CST);
	return thread_number;
}

u64 local_irq_save(void)
{
	u64 flags = irqs_off ? 0 : 0x200;

	irqs_off = true;
	return flags;
}

void local_irq_restore(u64 flags)
{
	if (flags)
		irqs_off = false;
}

void local_irq_disable(void)
{
	irqs_off = true;
}

void local_irq_enable(void)
{
	irqs_off = false;
}

bool local_irq_enabled(void)
{
	return !irqs_off;
}

void spin_lock_init(struct spinlock *l)
{
	l->owner = 0;
}

bool spin_trylock(struct spinlock *l)
{
	u32 nobody = 0;

	if (!__atomic_compare_exchange_n(&l->owner, &nobody, my_number(), false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	locks_held++;
	return true;
}

void spin_lock(struct spinlock *l)
{
	if (__atomic_load_n(&l->owner, __ATOMIC_SEQ_CST) == my_number())
		fail("deadlock: a lock is taken twice");
	if (spin_trylock(l))
		return;
	__atomic_add_fetch(&sim.lock_waits, 1, __ATOMIC_SEQ_CST);
	for (unsigned n = 1; !spin_trylock(l); n++)
		if (n % 1024 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000 }, NULL);
}

void spin_unlock(struct spinlock *l)
{
	if (__atomic_load_n(&l->owner, __ATOMIC_SEQ_CST) != my_number())
		fail("a lock is released by somebody else");
	locks_held--;
	__atomic_store_n(&l->owner, 0, __ATOMIC_SEQ_CST);
}

bool spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_SEQ_CST);
}

static void may_wait(const char *what)
{
	if (locks_held || irqs_off)
		fail("%s with a lock held or interrupts off", what);
}

bool preempt_wanted(void)
{
	return sim.preempt_after && !--sim.preempt_after;
}

void __weak on_cpus(cpumask_t mask, void (*fn)(void *), void *arg)
{
	may_wait("work on other CPUs");
	if (mask)
		fn(arg);
}

int __weak p2m_create(struct domain *d)
{
	return -ENOMEM;
}

void __weak p2m_destroy(struct domain *d) { }

int __weak p2m_relinquish(struct domain *d)
{
	return 0;
}

int __weak physmap_populate(struct domain *d, gfn_t gfn, unsigned order, unsigned bits)
{
	return -EINVAL;
}

int __weak physmap_release(struct domain *d, gfn_t gfn)
{
	return -EINVAL;
}

void __weak physmap_flush(struct domain *d) { }

s64 __weak physmap_add(u64 arg)
{
	return -EINVAL;
}

s64 __weak physmap_remove(u64 arg)
{
	return -EINVAL;
}

bool __weak hvm_available(void)
{
	return false;
}

bool __weak p2m_for_each(const struct domain *d,
			 void (*fn)(gfn_t gfn, mfn_t mfn, enum p2m_type type, void *arg), void *arg)
{
	return true;
}

int __weak p2m_add_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write)
{
	return grant_pte_map(gfn << PAGE_SHIFT, mfn, write ? 0 : GNTMAP_readonly, 0);
}

int __weak p2m_remove_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write)
{
	int r = grant_pte_unmap(gfn << PAGE_SHIFT, mfn, write ? 0 : GNTMAP_readonly, 0);

	return r < 0 ? r : 0;
}

mfn_t __weak p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type)
{
	return INVALID_MFN;
}

u64 __weak tlb_clock = 1;

cpumask_t __weak tlb_filter(cpumask_t mask, u32 stamp)
{
	return mask;
}

void __weak tlb_flush(cpumask_t mask, unsigned flags)
{
	may_wait("TLB flush");
	sim.tlb_flushes++;
}

void __weak tlb_flush_va(cpumask_t mask, vaddr_t va, unsigned order)
{
	tlb_flush(mask, 0);
}

void __weak tlb_flush_local(unsigned flags)
{
	sim.tlb_flushes++;
}

void __weak tlb_flush_va_local(vaddr_t va)
{
	sim.tlb_flushes++;
}

/* ---------------------------------------------------------------------------------------------- */
/* The processor's registers */

__weak struct regs *guest_regs(void)
{
	return &sim.regs;
}

u64 __weak read_cr0(void)
{
	return sim.cr0;
}

u64 __weak read_cr3(void)
{
	return sim.cr3;
}

void __weak write_cr3(u64 v)
{
	sim.cr3 = v;
}

void __weak write_cr4(u64 v)
{
	sim.cr4 = v;
}

static u64 *find_msr(u32 msr)
{
	for (unsigned i = 0; i < sim.msrs; i++)
		if (sim.msr[i].number == msr)
			return &sim.msr[i].value;
	return NULL;
}

int __weak rdmsr_safe(u32 msr, u64 *v)
{
	const u64 *have = find_msr(msr);

	if (!have)
		return -EFAULT;
	*v = *have;
	return 0;
}

u64 __weak rdmsr(u32 msr)
{
	const u64 *have = find_msr(msr);

	if (!have)
		fail("MSR %#x is read and does not exist", msr);
	return *have;
}

void __weak wrmsr(u32 msr, u64 v)
{
	u64 *have = find_msr(msr);

	if (!have && sim.msrs == ARRAY_SIZE(sim.msr))
		fail("too many MSRs");
	if (!have) {
		sim.msr[sim.msrs].number = msr;
		have = &sim.msr[sim.msrs++].value;
	}
	*have = v;
}

/*
 * A processor that has everything; its last leaves are 0x1f and 0x80000021. Its extended states lie
 * where Intel's CPUs have them.
 */
void __weak cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	static const u32 states[][2] = {
		[2] = { 256, 576 }, [5] = { 64, 1088 }, [6] = { 512, 1152 }, [7] = { 1024, 1664 },
	};

	*a = *b = *c = *d = ~0U;
	if (!(leaf & 0x7fffffff))
		*a = leaf ? 0x80000021 : 0x1f;
	if (leaf == 0xd && sub >= 2) {
		*a = sub < ARRAY_SIZE(states) ? states[sub][0] : 0;
		*b = sub < ARRAY_SIZE(states) ? states[sub][1] : 0;
		*c = sub == 6 ? 2 : 0;
		*d = 0;
	}
}

void __weak xsetbv(u64 xcr0)
{
	sim.xcr0 = xcr0;
}

bool __weak ring1_64bit_allowed(void)
{
	return true;
}

bool __weak ring1_guests_allowed(void)
{
	return !sim.ring1_refused;
}

void __weak wbinvd(void)
{
	sim.wbinvds++;
}

/* ---------------------------------------------------------------------------------------------- */
/* Messages */

void __weak vprintk(const char *fmt, va_list ap)
{
	if (getenv("SIM_VERBOSE"))
		vfprintf(stderr, *fmt == 1 ? fmt + 2 : fmt, ap);
}

s64 __weak refused(const char *call, u64 number, s64 error)
{
	return error;
}

void __weak printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

/* The one function of lib/string.h that the C library lacks. */
size_t __weak strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size) {
		memcpy(dst, src, min(len, size - 1));
		dst[min(len, size - 1)] = '\0';
	}
	return len;
}

void __weak panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* ---------------------------------------------------------------------------------------------- */
/* Guest memory and hypercalls */

static bool faults(u64 va, size_t n)
{
	return va < PAGE_SIZE ||
	       (va < (u64)(uintptr_t)sim.bad_end && va + n > (u64)(uintptr_t)sim.bad);
}

int __weak copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	if (faults(src, n))
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src, n);
	return 0;
}

int __weak copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	void (*at_fault)(void) = sim.at_fault;

	if (faults(dst, n)) {
		sim.at_fault = NULL;
		if (at_fault)
			at_fault();
		return -EFAULT;
	}
	memcpy((void *)(uintptr_t)dst, src, n);
	return 0;
}

int __weak get_guest_word(u64 *x, vaddr_t base, u64 i)
{
	u32 word = 0;
	int r;

	if (!current->domain->is_32bit)
		return copy_from_guest(x, base + i * sizeof(*x), sizeof(*x));
	r = copy_from_guest(&word, base + i * sizeof(word), sizeof(word));
	*x = word;
	return r;
}

int __weak put_guest_word(u64 x, vaddr_t base, u64 i)
{
	return copy_to_guest(base + i * (current->domain->is_32bit ? 4 : 8), &x,
			     current->domain->is_32bit ? 4 : 8);
}

u64 compat_m2p_l2[COMPAT_M2P_L2S] __weak;

int __weak root_create_compat(struct vcpu *v)
{
	static u64 l4[512];

	v->pv.root32 = l4;
	return 0;
}

void __weak root_destroy_compat(struct vcpu *v)
{
	v->pv.root32 = NULL;
}

int __weak clear_guest(vaddr_t dst, size_t n)
{
	if (faults(dst, n))
		return -EFAULT;
	memset((void *)(uintptr_t)dst, 0, n);
	return 0;
}

s64 __weak hypercall_continue(unsigned op, unsigned nargs, ...)
{
	va_list ap;

	sim.continuation.wanted = true;
	sim.continuation.op = op;
	sim.continuation.nargs = nargs;
	va_start(ap, nargs);
	for (unsigned i = 0; i < nargs; i++)
		sim.continuation.args[i] = va_arg(ap, u64);
	va_end(ap);
	return SIM_CONTINUED;
}

/* ---------------------------------------------------------------------------------------------- */
/* Memory */

static bool may_allocate(void)
{
	if (!sim.allocs_left)
		return false;
	if (sim.allocs_left > 0)
		sim.allocs_left--;
	return true;
}

static struct frame *find_free(unsigned order)
{
	u64 n = BIT(order);

	for (mfn_t m = ALIGN_UP(1ULL, n); m + n <= SIM_FRAMES; m += n) {
		u64 i;

		for (i = 0; i < n && (frames[m + i].count & FC_FREE); i++)
			;
		if (i == n)
			return &frames[m];
	}
	return NULL;
}

static struct frame *take(unsigned order, u64 count)
{
	struct frame *f = find_free(order);

	for (u64 i = 0; f && i < BIT(order); i++) {
		f[i] = (struct frame){ .count = count,
				       .next = FRAME_LIST_END,
				       .prev = FRAME_LIST_END };
		memset(frame_to_va(f + i), 0, PAGE_SIZE);
	}
	return f;
}

static void give(struct frame *f, unsigned order)
{
	for (u64 i = 0; i < BIT(order); i++) {
		if (f[i].count & FC_FREE)
			fail("frame %lu is freed twice", frame_to_mfn(f + i));
		f[i] = (struct frame){ .count = FC_HEAP | FC_FREE };
		memset(frame_to_va(f + i), 0xdf, PAGE_SIZE);
	}
}

__weak void *zalloc(enum alloc_class c, size_t size)
{
	if (!may_allocate())
		return NULL;
	__atomic_add_fetch(&sim.objects, 1, __ATOMIC_SEQ_CST);
	return calloc(1, size);
}

void __weak zfree(void *p)
{
	if (p)
		sim.objects--;
	free(p);
}

__weak void *page_alloc_low(enum alloc_class c)
{
	return page_alloc(c);
}

__weak struct frame *heap_alloc_hv(enum alloc_class c, unsigned order)
{
	struct frame *f = may_allocate() ? take(order, FC_HEAP) : NULL;

	if (f)
		sim.objects++;
	return f;
}

void __weak heap_free_hv(enum alloc_class c, struct frame *f, unsigned order)
{
	if (f->count != FC_HEAP)
		fail("a frame of the hypervisor's is freed with references");
	sim.objects--;
	give(f, order);
}

__weak struct frame *heap_alloc_dom_at(struct domain *d, unsigned order, unsigned bits, pfn_t pfn)
{
	struct frame *f = may_allocate() ? take(order, 0) : NULL;

	for (u64 i = 0; f && i < BIT(order); i++)
		m2p_set(frame_to_mfn(f + i), pfn == M2P_INVALID ? pfn : pfn + i);
	if (f && d && heap_assign(d, f, order)) {
		give(f, order);
		return NULL;
	}
	return f;
}

bool __weak heap_scrub(void)
{
	return false;
}

int __weak heap_assign(struct domain *d, struct frame *f, unsigned order)
{
	u64 n = BIT(order);
	int rc = 0;

	spin_lock(&d->page_lock);
	if (d->dying)
		rc = -ESRCH;
	else if (d->tot_pages + n > d->max_pages)
		rc = -E2BIG;
	for (u64 i = 0; !rc && i < n; i++) {
		f[i].count = FC_ALLOCATED | 1;
		frame_set_owner(f + i, d);
		d->tot_pages++;
	}
	spin_unlock(&d->page_lock);
	return rc;
}

cpumask_t __weak frame_known_cpus(const struct frame *f)
{
	struct domain *d = frame_owner(f);

	return d ? d->dirty_cpus : f->tlb_stamp ? cpus_online : 0;
}

void __weak heap_free_dom(struct frame *f, unsigned order)
{
	give(f, order);
}

bool __weak frame_get(struct frame *f, struct domain *d)
{
	u64 c = atomic_read(&f->count);

	do {
		if (!(c & FC_COUNT_MASK) || frame_owner(f) != d)
			return false;
	} while (!atomic_cmpxchg(&f->count, &c, c + 1));
	return true;
}

void __weak frame_put(struct frame *f)
{
	struct domain *d = frame_owner(f);
	u64 c = atomic_sub(&f->count, 1);

	if ((c & FC_COUNT_MASK) == FC_COUNT_MASK)
		fail("frame %lu has no reference to drop", frame_to_mfn(f));
	if (c & FC_COUNT_MASK)
		return;
	if (f->type & FT_COUNT_MASK)
		fail("frame %lu is freed with a type reference", frame_to_mfn(f));
	if (d && !(c & FC_SHARED))
		d->tot_pages--;
	give(f, 0);
}

int __weak frame_get_type(struct frame *f, u64 type)
{
	u64 t = atomic_read(&f->type);

	may_wait("type reference");
	do {
		if ((t & FT_COUNT_MASK) && (t & FT_TYPE_MASK) != type)
			return -EINVAL;
	} while (!atomic_cmpxchg(&f->type, &t, type | FT_VALIDATED | ((t & FT_COUNT_MASK) + 1)));
	return 0;
}

void __weak frame_put_type(struct frame *f)
{
	may_wait("type reference");
	if (((atomic_sub(&f->type, 1) + 1) & FT_COUNT_MASK) == 0)
		fail("frame %lu has no type reference to drop", frame_to_mfn(f));
}

int __weak frame_get_and_type(struct frame *f, struct domain *d, u64 type)
{
	int rc;

	may_wait("type reference");
	if (!frame_get(f, d))
		return -EINVAL;
	rc = frame_get_type(f, type);
	if (rc)
		frame_put(f);
	return rc;
}

void __weak frame_put_and_type(struct frame *f)
{
	frame_put_type(f);
	frame_put(f);
}

void __weak frame_release(struct frame *f)
{
	u64 c = atomic_and(&f->count, ~FC_ALLOCATED);

	if ((c & FC_COUNT_MASK) <= !!(c & FC_ALLOCATED))
		fail("frame %lu is released without a reference", frame_to_mfn(f));
	if (c & FC_ALLOCATED)
		frame_put(f);
}

void __weak frame_share(struct frame *f, struct domain *d, enum frame_share_mode mode)
{
	if (f->count != FC_HEAP)
		fail("a frame that is not the hypervisor's is shared");
	f->type = (mode == FRAME_SHARE_RW ? FT_WRITABLE | FT_VALIDATED : FT_NONE) | 1;
	frame_set_owner(f, d);
	f->count = FC_SHARED | 1;
}

int __weak frame_unshare(struct frame *f)
{
	if ((f->count & FC_COUNT_MASK) != 1)
		return -EBUSY;
	*f = (struct frame){ .count = FC_HEAP };
	return 0;
}

void __weak frame_abandon(struct frame *f, unsigned c)
{
	frame_set_owner(f, NULL);
	sim.objects--;
	f->type = FT_NONE;
	frame_put(f);
}

int __weak frame_steal(struct domain *d, struct frame *f)
{
	if (frame_owner(f) != d || !(f->count & FC_ALLOCATED) || d->dying)
		return -EINVAL;
	if ((f->count & FC_COUNT_MASK) != 1)
		return -EBUSY;
	d->tot_pages--;
	*f = (struct frame){ .count = 0 };
	return 0;
}

void sim_give_up(struct domain *d, mfn_t mfn)
{
	struct frame *f = mfn_to_frame(mfn);

	if (!frame_get(f, d))
		fail("frame %lu is not domain %u's to give up", mfn, d->id);
	frame_release(f);
	frame_put(f);
}

void __weak m2p_set(mfn_t mfn, pfn_t pfn)
{
	u64 c = atomic_read(&frames[mfn].count);

	if ((c & FC_ALLOCATED) && (c & FC_COUNT_MASK) < 2)
		fail("the M2P of frame %lu is written without a reference", mfn);
	c = sim.pfn[mfn];
	sim.pfn[mfn] = pfn;
	log_dirty_moved(mfn, c, pfn);
}

pfn_t __weak m2p_get(mfn_t mfn)
{
	return mfn < SIM_FRAMES ? sim.pfn[mfn] : M2P_INVALID;
}

/* No log of written pages, unless a test links memory/log_dirty.c and pv/shadow.c. */
void __weak log_dirty_mark_pfn(struct domain *d, pfn_t pfn)
{
}

void __weak log_dirty_mark(struct domain *d, mfn_t mfn)
{
}

int __weak log_dirty_end(struct domain *d)
{
	return 0;
}

void __weak log_dirty_destroy(struct domain *d)
{
}

/* Nor is there the domctl about it. */
s64 __weak domctl_shadow_op(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	return -EINVAL;
}

void __weak shadow_roots(struct vcpu *v)
{
	fail("there are no shadows");
}

void __weak shadow_entry_changed(struct domain *d, struct frame *f, unsigned slot)
{
	fail("there are no shadows");
}

void __weak shadow_forget(struct domain *d, struct frame *f)
{
	fail("there are no shadows");
}

void __weak shadow_check(struct domain *d,
			 void (*wrong)(void *arg, mfn_t table, unsigned slot, u64 entry), void *arg)
{
}

bool __weak shadow_roots_right(const struct vcpu *v)
{
	return v->pv.cr3_kernel == v->pv.guest_table && v->pv.cr3_user == v->pv.guest_table_user;
}

bool __weak shadow_is_root(const struct domain *d, mfn_t mfn)
{
	return false;
}

/* ---------------------------------------------------------------------------------------------- */
/* Domains */

static struct domain *domains[64];
static struct spinlock domains_lock;

struct domain *__weak domain_get(domid_t id)
{
	struct domain *d = NULL;

	if (id == DOMID_SELF)
		id = current->domain->id;
	spin_lock(&domains_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(domains) && !d; i++)
		if (domains[i] && domains[i]->id == id)
			d = domains[i];
	if (d)
		domain_hold(d);
	spin_unlock(&domains_lock);
	return d;
}

void __weak domain_put(struct domain *d)
{
	if (atomic_sub(&d->refs, 1) == 0)
		fail("the last reference of domain %u is dropped", d->id);
}

void __weak vcpu_unblock(struct vcpu *v)
{
	__atomic_add_fetch(&v->sched.slice_end, 1, __ATOMIC_SEQ_CST);
}

u64 sim_unblocks(const struct vcpu *v)
{
	return v->sched.slice_end;
}

void __weak vcpu_kick(struct vcpu *v)
{
	vcpu_unblock(v);
}

static unsigned domain_order(void)
{
	unsigned order = 0;

	while (BIT(order) * PAGE_SIZE < sizeof(struct domain))
		order++;
	return order;
}

struct domain *sim_domain(domid_t id, unsigned vcpus, bool privileged)
{
	struct domain *d = frame_to_va(take(domain_order(), FC_HEAP));
	unsigned slot;

	d->id = id;
	d->privileged = privileged;
	d->refs = 1;
	d->max_vcpus = vcpus;
	d->max_pages = 1024;
	d->frames_head = d->frames_tail = FRAME_LIST_END;
	d->dirty_cpus = 1;
	d->shared_info = frame_to_va(take(0, FC_HEAP));
	for (unsigned i = 0; i < vcpus; i++) {
		struct vcpu *v = calloc(1, sizeof(*v));

		if (!v)
			fail("no memory for the test");
		v->id = i;
		v->domain = d;
		v->info = &d->shared_info->vcpu_info[i];
		d->vcpu[i] = v;
	}
	for (slot = 0; slot < ARRAY_SIZE(domains) && domains[slot]; slot++)
		;
	if (slot == ARRAY_SIZE(domains))
		fail("too many domains");
	domains[slot] = d;
	return d;
}

void sim_domain_free(struct domain *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i] == d)
			domains[i] = NULL;
	for (unsigned i = 0; i < d->max_vcpus; i++)
		free(d->vcpu[i]);
	give(mfn_to_frame(va_to_mfn(d->shared_info)), 0);
	give(mfn_to_frame(va_to_mfn(d)), domain_order());
}

mfn_t sim_frame_of(struct domain *d)
{
	s64 left = sim.allocs_left;
	struct frame *f;

	sim.allocs_left = -1;
	f = heap_alloc_dom(d, 0, 0);
	sim.allocs_left = left;
	if (!f)
		fail("the simulated RAM is used up");
	return frame_to_mfn(f);
}

void sim_reset(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i])
			sim_domain_free(domains[i]);
	memset(&sim, 0, sizeof(sim));
	sim.allocs_left = -1;
	memset(frames, 0, sizeof(frames));
	frames[0].count = FC_BAD;
	for (mfn_t m = 1; m < SIM_FRAMES; m++)
		frames[m].count = FC_HEAP | FC_FREE;
	sim_current = NULL;
	irqs_off = false;
	locks_held = 0;
}

/* ---------------------------------------------------------------------------------------------- */
/* Other rooms: interrupts, page tables */

int __weak pirq_guest_bind(struct vcpu *v, unsigned pirq, bool will_share)
{
	if (!sim.pirq_error)
		sim.pirq_bound++;
	return sim.pirq_error;
}

void __weak pirq_guest_unbind(struct domain *d, unsigned pirq)
{
	sim.pirq_unbound++;
}

int __weak grant_pte_map(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 avail_bits)
{
	may_wait("page-table write");
	if (sim.pte_error)
		return sim.pte_error;
	if (sim.ptes == ARRAY_SIZE(sim.pte))
		fail("too many grant mappings");
	sim.pte[sim.ptes].addr = host_addr;
	sim.pte[sim.ptes].mfn = mfn;
	sim.pte[sim.ptes].flags = gntmap_flags;
	sim.pte[sim.ptes].untouched = sim.untouched;
	sim.pte[sim.ptes++].avail = avail_bits;
	return 0;
}

int __weak grant_pte_unmap(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 new_addr)
{
	may_wait("page-table write");
	if (sim.pte_error)
		return sim.pte_error;
	for (unsigned i = 0; i < sim.ptes; i++) {
		bool untouched = sim.pte[i].untouched;

		if (sim.pte[i].addr != host_addr || sim.pte[i].mfn != mfn)
			continue;
		sim.pte[i] = sim.pte[--sim.ptes];
		return untouched ? GRANT_PTE_UNTOUCHED : GRANT_PTE_CACHED;
	}
	return -EINVAL;
}

