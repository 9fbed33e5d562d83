// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of domains and vCPUs: looking them up, making them, taking them apart.
 *
 * Two ways lead to a domain. The list, sorted by id, is for walking; a hash table with a lock per
 * bucket is for looking up, so that guests that name different domains do not meet on a lock. A
 * domain is on both from the end of domain_create() to its last domain_put(). A look-up only
 * succeeds while references exist: the count never rises from 0.
 *
 * Locks: a bucket's lock inside the list lock, nothing inside either.
 */
#include "domain/domain.h"

#include "cpu/cpu.h"
#include "domain/fpu.h"
#include "domain/pirq.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"

struct domain *dom0, *dom_idle;
int (*hvm_vcpu_create)(struct vcpu *v);
void (*hvm_vcpu_destroy)(struct vcpu *v);
int (*hvm_copy)(vaddr_t va, void *buf, size_t n, bool to_guest);

#define BUCKETS 64

GLOBAL_LOCK(list_lock, "domain list lock");
static struct list domains = LIST_INIT(domains);
static struct bucket {
	struct spinlock lock;
	struct domain *first;
} buckets[BUCKETS];

/* struct domain is found by its frame number, so it starts a frame. */
static unsigned domain_order(void)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < sizeof(struct domain))
		order++;
	return order;
}

static bool hold_unless_zero(struct domain *d)
{
	u32 refs = atomic_read(&d->refs);

	while (refs)
		if (atomic_cmpxchg(&d->refs, &refs, refs + 1))
			return true;
	return false;
}

/* The domain of this number, referenced, or NULL. */
static struct domain *hold_by_id(domid_t id)
{
	struct bucket *b = &buckets[id % BUCKETS];
	struct domain *d;

	spin_lock(&b->lock);
	for (d = b->first; d; d = d->hash_next)
		if (d->id == id && hold_unless_zero(d))
			break;
	spin_unlock(&b->lock);
	return d;
}

struct domain *domain_get(domid_t id)
{
	struct domain *self = current->domain;

	if (id == DOMID_SELF || (id == self->id && !self->is_idle)) {
		domain_hold(self);
		return self;
	}
	return hold_by_id(id);
}

struct domain *domain_get_next(unsigned id)
{
	struct domain *d, *found = NULL;

	/* Nearly all numbers that are asked for are somebody's: no walk past all before it. */
	if (id < DOMID_FIRST_RESERVED)
		found = hold_by_id((domid_t)id);
	if (found)
		return found;
	global_lock(list_lock);
	list_for_each_entry(d, &domains, link) {
		if (d->id >= id && hold_unless_zero(d)) {
			found = d;
			break;
		}
	}
	global_unlock(list_lock);
	return found;
}

/* Make the finished domain visible. -EEXIST if another one has the id. */
static int domain_publish(struct domain *d)
{
	struct bucket *b = &buckets[d->id % BUCKETS];
	struct list *at;

	global_lock(list_lock);
	list_for_each(at, &domains) {
		struct domain *o = list_entry(at, struct domain, link);

		if (o->id == d->id) {
			global_unlock(list_lock);
			return -EEXIST;
		}
		if (o->id > d->id)
			break;
	}
	list_add_tail(&d->link, at);
	spin_lock(&b->lock);
	d->hash_next = b->first;
	b->first = d;
	spin_unlock(&b->lock);
	global_unlock(list_lock);
	return 0;
}

static void domain_unpublish(struct domain *d)
{
	struct bucket *b = &buckets[d->id % BUCKETS];

	global_lock(list_lock);
	list_del(&d->link);
	spin_lock(&b->lock);
	for (struct domain **p = &b->first; *p; p = &(*p)->hash_next) {
		if (*p == d) {
			*p = d->hash_next;
			break;
		}
	}
	spin_unlock(&b->lock);
	global_unlock(list_lock);
}

static void vcpu_free(struct vcpu *v)
{
	sched_destroy_vcpu(v);
	if (v->hvm)
		hvm_vcpu_destroy(v);
	vcpu_time_destroy(v);
	fpu_destroy_vcpu(v);
	root_destroy_compat(v);
	zfree(v);
}

static void free_shared_info(struct domain *d)
{
	struct frame *f = mfn_to_frame(va_to_mfn(d->shared_info));

	if (frame_unshare(f))
		frame_abandon(f, ALLOC_SHARED); /* a tool in dom0 still has it mapped */
	else
		page_free(ALLOC_SHARED, d->shared_info);
}

/*
 * Free what a domain consists of, in the reverse order of domain_create(). Nobody else knows it and
 * no frame is its.
 */
static void domain_free(struct domain *d)
{
	for (unsigned i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_free(d->vcpu[i]);
	domain_irqs_destroy(d);
	grant_destroy(d);
	events_destroy(d);
	log_dirty_destroy(d);
	permissions_destroy(&d->perms);
	zfree(d->cpu_policy);
	zfree(d->memory_map);
	zfree(d->spare_info);
	p2m_destroy(d);
	free_shared_info(d);
	heap_free_hv(ALLOC_DOMAIN, mfn_to_frame(va_to_mfn(d)), domain_order());
}

void domain_put(struct domain *d)
{
	if (atomic_sub(&d->refs, 1))
		return;
	domain_unpublish(d);
	domain_free(d);
	/* Its number is free. */
	event_send_global_virq(dom0, VIRQ_DOM_EXC);
}

/* The part that special domains have in common with others. NULL without memory. */
static struct domain *domain_alloc(domid_t id)
{
	static u64 last_serial;
	struct frame *f = heap_alloc_hv(ALLOC_DOMAIN, domain_order());
	struct domain *d;

	if (!f)
		return NULL;
	d = frame_to_va(f);
	d->id = id;
	d->serial = atomic_add(&last_serial, 1);
	d->refs = 1;
	spin_lock_init(&d->lock);
	spin_lock_init(&d->pause_lock);
	spin_lock_init(&d->page_lock);
	spin_lock_init(&d->console_lock);
	list_init(&d->link);
	d->frames_head = d->frames_tail = FRAME_LIST_END;
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	permissions_init(&d->perms);
	return d;
}

struct domain *domain_create(domid_t id, const struct domain_config *cfg, int *err)
{
	struct domain *d;

	*err = -EINVAL;
	if (id >= DOMID_FIRST_RESERVED || !cfg->max_vcpus || cfg->max_vcpus > MAX_VCPUS)
		return NULL;
	*err = -ENOMEM;
	d = domain_alloc(id);
	if (!d)
		return NULL;
	d->privileged = cfg->privileged;
	d->max_vcpus = cfg->max_vcpus;
	d->create_flags = cfg->flags;
	d->created = system_time();
	memcpy(d->handle, cfg->handle, sizeof(d->handle));
	/* Nothing of it runs before whoever builds it says so. */
	d->pause_count = 1;
	d->paused_by_control = true;

	/* A 32-bit guest is told its address in 32 bits. */
	d->shared_info = page_alloc_low(ALLOC_SHARED);
	if (!d->shared_info)
		goto no_shared_info;
	if (d->max_vcpus > XEN_LEGACY_MAX_VCPUS) {
		d->spare_info = zalloc(ALLOC_SHARED, MAX_VCPUS * sizeof(*d->spare_info));
		if (!d->spare_info)
			goto no_spare_info;
	}
	*err = events_init(d, cfg->max_ports);
	if (*err)
		goto no_events;
	*err = grant_init(d, cfg->max_grant_frames, cfg->max_maptrack_frames);
	if (*err)
		goto no_grants;
	*err = domain_irqs_init(d);
	if (*err)
		goto no_irqs;
	if (cfg->hvm) {
		*err = p2m_create(d);
		if (*err)
			goto no_p2m;
	}
	domain_wallclock_update(d);
	frame_share(mfn_to_frame(va_to_mfn(d->shared_info)), d, FRAME_SHARE_RW);
	*err = domain_publish(d);
	if (*err)
		goto not_published;
	return d;

not_published:
	/* Cannot be busy: no guest has seen the domain. */
	(void)frame_unshare(mfn_to_frame(va_to_mfn(d->shared_info)));
	p2m_destroy(d);
no_p2m:
	domain_irqs_destroy(d);
no_irqs:
	grant_destroy(d);
no_grants:
	events_destroy(d);
no_events:
	zfree(d->spare_info);
no_spare_info:
	page_free(ALLOC_SHARED, d->shared_info);
no_shared_info:
	permissions_destroy(&d->perms);
	heap_free_hv(ALLOC_DOMAIN, mfn_to_frame(va_to_mfn(d)), domain_order());
	return NULL;
}

/* Where vCPU `id` has its vcpu_info until the guest registers another place. */
static struct vcpu_info *default_info(struct domain *d, unsigned id)
{
	return id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &d->spare_info[id];
}

struct vcpu *vcpu_create(struct domain *d, unsigned id, unsigned cpu)
{
	struct vcpu *v;
	u64 flags;

	if (id >= d->max_vcpus || d->vcpu[id])
		return NULL;
	v = zalloc(ALLOC_VCPU, sizeof(*v));
	if (!v)
		return NULL;
	v->id = id;
	v->domain = d;
	v->cpu = cpu;
	v->pv.guest_table = v->pv.guest_table_user = INVALID_MFN;
	v->pv.cr3_kernel = v->pv.cr3_user = INVALID_MFN;
	v->pv.kernel_mode = true;
	v->info = default_info(d, id);
	/* No upcall until the guest says that it can take one. */
	v->info->evtchn_upcall_mask = !d->p2m;
	spin_lock_init(&v->event.virq_lock);
	if (d->p2m && hvm_vcpu_create(v)) {
		zfree(v);
		return NULL;
	}
	if (d->is_32bit && root_create_compat(v)) {
		zfree(v);
		return NULL;
	}
	if (fpu_init_vcpu(v)) {
		if (v->hvm)
			hvm_vcpu_destroy(v);
		root_destroy_compat(v);
		zfree(v);
		return NULL;
	}
	vcpu_time_init(v);
	v->pause_flags = VPF_DOWN;
	if (sched_init_vcpu(v, cpu)) {
		if (v->hvm)
			hvm_vcpu_destroy(v);
		vcpu_time_destroy(v);
		fpu_destroy_vcpu(v);
		root_destroy_compat(v);
		zfree(v);
		return NULL;
	}

	flags = spin_lock_irqsave(&d->pause_lock);
	if (d->pause_count)
		atomic_or(&v->pause_flags, VPF_DOMAIN_PAUSED);
	smp_wmb(); /* whoever finds it in the array finds it complete */
	WRITE_ONCE(d->vcpu[id], v);
	spin_unlock_irqrestore(&d->pause_lock, flags);
	return v;
}

static struct domain *special_domain(domid_t id)
{
	struct domain *d = domain_alloc(id);

	if (!d)
		panic("No memory for the special domain %u\n", id);
	return d;
}

void domains_init(void)
{
	dom_hv = special_domain(DOMID_XEN);
	dom_io = special_domain(DOMID_IO);
	dom_idle = special_domain(DOMID_IDLE);
	dom_idle->is_idle = true;
	dom_idle->max_vcpus = MAX_VCPUS;
	dom_idle->spare_info = zalloc(ALLOC_DOMAIN, MAX_VCPUS * sizeof(*dom_idle->spare_info));
	if (!dom_idle->spare_info)
		panic("No memory for the idle vCPUs\n");
}

struct vcpu *idle_vcpu_create(unsigned cpu)
{
	struct vcpu *v = zalloc(ALLOC_VCPU, sizeof(*v));

	if (!v)
		panic("No memory for the idle vCPU of CPU %u\n", cpu);
	v->id = cpu;
	v->domain = dom_idle;
	v->cpu = cpu;
	v->pv.guest_table = v->pv.guest_table_user = INVALID_MFN;
	v->pv.cr3_kernel = v->pv.cr3_user = INVALID_MFN;
	v->info = &dom_idle->spare_info[cpu];
	v->initialised = true;
	vcpu_time_init(v);
	dom_idle->vcpu[cpu] = v;
	return v;
}

int vcpu_map_info(struct vcpu *v, mfn_t mfn, unsigned offset)
{
	struct domain *d = v->domain;
	struct vcpu_info *to;
	struct frame *f;
	int ret;

	if (offset > PAGE_SIZE - sizeof(*to) || offset % 8)
		return -EINVAL;
	if (v != current && !(atomic_read(&v->pause_flags) & VPF_DOWN))
		return -EINVAL;
	if (!mfn_valid(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	ret = frame_get_and_type(f, d, FT_WRITABLE);
	if (ret)
		return ret;

	spin_lock(&d->lock);
	if (v->info_frame || d->dying) {
		spin_unlock(&d->lock);
		frame_put_and_type(f);
		return -EINVAL;
	}
	to = (struct vcpu_info *)((char *)frame_to_va(f) + offset);
	*to = *v->info;
	v->info_frame = f;
	WRITE_ONCE(v->info, to);
	WRITE_ONCE(v->pv.short_way, false);
	/*
	 * An event that another CPU sent to the old place while it was copied would be lost: let
	 * the guest look everywhere.
	 */
	smp_mb();
	if (d->is_32bit)
		((struct compat_vcpu_info *)to)->evtchn_pending_sel = ~0U;
	else
		to->evtchn_pending_sel = ~0ULL;
	to->evtchn_upcall_pending = 1;
	spin_unlock(&d->lock);
	frame_dirtied(f);
	vcpu_time_update(v, true);
	return 0;
}

void vcpu_unmap_info(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct frame *f;

	spin_lock(&d->lock);
	f = v->info_frame;
	v->info_frame = NULL;
	WRITE_ONCE(v->info, default_info(d, v->id));
	spin_unlock(&d->lock);
	if (f)
		frame_put_and_type(f);
}

/* Steps of a destruction: domain->relinquish_state. */
enum { KILL_START, KILL_EVENTS, KILL_GRANTS, KILL_VCPUS, KILL_MEMORY, KILL_DONE };

int domain_kill(struct domain *d)
{
	struct vcpu *v;
	int ret;

	switch (d->relinquish_state) {
	case KILL_START:
		domain_pause(d);
		spin_lock(&d->lock);
		d->dying = true;
		spin_unlock(&d->lock);
		/*
		 * Whoever gives it a frame looks at `dying` under this lock: from now on nobody
		 * does.
		 */
		spin_lock(&d->page_lock);
		spin_unlock(&d->page_lock);
		(void)heap_claim(d, 0);
		for_each_vcpu(d, v)
			vcpu_time_destroy(v);
		domain_time_destroy(d);
		domain_irqs_release(d);
		d->relinquish_state = KILL_EVENTS;
		/* fall through */
	case KILL_EVENTS:
		ret = events_close_all(d);
		if (ret)
			return ret;
		d->relinquish_state = KILL_GRANTS;
		/* fall through */
	case KILL_GRANTS:
		ret = grant_release_mappings(d);
		if (ret)
			return ret;
		d->relinquish_state = KILL_VCPUS;
		/* fall through */
	case KILL_VCPUS:
		for_each_vcpu(d, v) {
			vcpu_unmap_info(v);
			ret = vcpu_reset(v);
			if (ret)
				return ret;
		}
		ret = log_dirty_end(d);
		if (!ret)
			ret = p2m_relinquish(d);
		if (ret)
			return ret;
		d->relinquish_state = KILL_MEMORY;
		/* fall through */
	case KILL_MEMORY:
		ret = domain_relinquish_memory(d);
		if (ret)
			return ret;
		d->relinquish_state = KILL_DONE;
		/*
		 * Nothing is left but what others hold. Some hold it until they are told: the store
		 * daemon has its ring mapped.
		 */
		event_send_global_virq(dom0, VIRQ_DOM_EXC);
		domain_put(d);
		return 0;
	default:
		return 0;
	}
}
