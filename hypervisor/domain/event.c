// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event channels: which ports a domain has, and what they are bound to. Raising them is
 * event_raise.c. The locks are listed in event_channel.h.
 */
#include "domain/event.h"

#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/event_channel.h"
#include "domain/guest_access.h"
#include "domain/pirq.h"
#include "domain/refusal.h"
#include "lib/nospec.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"

_Static_assert(sizeof(struct event_channel) == 32, "a bucket is a frame");

static struct vcpu *find_vcpu(struct domain *d, u32 id)
{
	return id < d->max_vcpus && id < MAX_VCPUS ? d->vcpu[index_nospec(id, d->max_vcpus)] : NULL;
}

struct event_channel *event_lookup(struct domain *d, u32 port)
{
	u32 valid = __atomic_load_n(&d->events.valid_ports, __ATOMIC_ACQUIRE);

	if (port >= valid)
		return NULL;
	port = (u32)index_nospec(port, valid);
	return &d->events.buckets[port / EVENT_BUCKET_PORTS][port % EVENT_BUCKET_PORTS];
}

int events_init(struct domain *d, u32 max_ports)
{
	struct domain_events *e = &d->events;

	spin_lock_init(&e->lock);
	e->max_ports = min(max_ports, (u32)EVTCHN_FIFO_NR_CHANNELS);
	e->valid_ports = 0;
	e->first_free = 1;
	e->fifo = NULL;
	e->pirq_port = NULL;
	e->buckets = zalloc(ALLOC_EVENT, max(DIV_ROUND_UP(e->max_ports, EVENT_BUCKET_PORTS), 1ULL) *
			    sizeof(*e->buckets));
	return e->buckets ? 0 : -ENOMEM;
}

void events_destroy(struct domain *d)
{
	struct domain_events *e = &d->events;

	if (!e->buckets)
		return;
	event_fifo_free(d, event_fifo_detach(d));
	for (u32 i = 0; i < e->valid_ports / EVENT_BUCKET_PORTS; i++)
		page_free(ALLOC_EVENT, e->buckets[i]);
	zfree(e->buckets);
	zfree(e->pirq_port);
	e->buckets = NULL;
	e->pirq_port = NULL;
	e->valid_ports = 0;
}

/* ---------------------------------------------------------------------------------------------- */
/* Ports and bindings; events.lock held unless said otherwise */

static u32 port_limit(const struct domain *d)
{
	u32 two_levels = d->is_32bit ? COMPAT_EVTCHN_2L_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;

	return d->events.fifo ? d->events.max_ports : min(d->events.max_ports, two_levels);
}

/* A free port, made usable but not bound. Negative errno: -ENOSPC, -ENOMEM, -EINVAL (dying). */
static s64 get_free_port(struct domain *d, struct event_channel **chn)
{
	struct domain_events *e = &d->events;
	struct event_channel *bucket;
	bool free_below = false;
	u32 port;

	if (d->dying)
		return -EINVAL;
	for (port = e->first_free; port < min(e->valid_ports, port_limit(d)); port++) {
		*chn = event_lookup(d, port);
		if ((*chn)->state != EVENT_FREE)
			continue;
		if (event_fifo_is_busy(d, port)) {
			free_below = true;
			continue;
		}
		if (!free_below)
			e->first_free = port;
		return port;
	}
	if (!free_below)
		e->first_free = port;
	if (port >= port_limit(d))
		return -ENOSPC;

	bucket = page_alloc(ALLOC_EVENT);
	if (!bucket)
		return -ENOMEM;
	for (u32 i = 0; i < EVENT_BUCKET_PORTS; i++) {
		bucket[i].port = e->valid_ports + i;
		bucket[i].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	}
	e->buckets[e->valid_ports / EVENT_BUCKET_PORTS] = bucket;
	atomic_set(&e->valid_ports, e->valid_ports + (u32)EVENT_BUCKET_PORTS);
	/* The very first bucket begins with port 0, which is never handed out. */
	port = max(port, 1U);
	*chn = event_lookup(d, port);
	return port;
}

/* Bind the free channel; `fill` has state and u set. */
static void bind(struct event_channel *chn, const struct event_channel *fill, unsigned vcpu)
{
	u64 flags = spin_lock_irqsave(&chn->lock);

	chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	chn->notify_vcpu = (u16)vcpu;
	chn->u = fill->u;
	chn->state = fill->state;
	spin_unlock_irqrestore(&chn->lock, flags);
}

/* The channel's lock is held. */
static void make_free(struct domain *d, struct event_channel *chn)
{
	chn->state = EVENT_FREE;
	chn->notify_vcpu = 0;
	memset(&chn->u, 0, sizeof(chn->u));
	event_clear_pending(d, chn);
	d->events.first_free = min(d->events.first_free, chn->port);
}

static void lock_two_domains(struct domain *a, struct domain *b)
{
	spin_lock(a < b ? &a->events.lock : &b->events.lock);
	if (a != b)
		spin_lock(a < b ? &b->events.lock : &a->events.lock);
}

static void unlock_two_domains(struct domain *a, struct domain *b)
{
	if (a != b)
		spin_unlock(&b->events.lock);
	spin_unlock(&a->events.lock);
}

static u64 lock_two_channels(struct event_channel *a, struct event_channel *b)
{
	u64 flags = local_irq_save();

	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock(a < b ? &b->lock : &a->lock);
	return flags;
}

static void unlock_two_channels(struct event_channel *a, struct event_channel *b, u64 flags)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
	local_irq_restore(flags);
}

static void forget_virq(struct domain *d, const struct event_channel *chn)
{
	struct vcpu *v = d->vcpu[event_virq_is_per_vcpu(chn->u.virq) ? chn->notify_vcpu : 0];
	u64 flags;

	if (!v)
		return;
	flags = spin_lock_irqsave(&v->event.virq_lock);
	if (v->event.virq_port[chn->u.virq] == chn->port)
		v->event.virq_port[chn->u.virq] = 0;
	spin_unlock_irqrestore(&v->event.virq_lock, flags);
}

/*
 * Close an interdomain channel: the other end waits again for somebody of this domain. Both
 * events.locks held.
 */
static void close_interdomain(struct domain *d, struct event_channel *chn)
{
	struct domain *rd = chn->u.interdomain.remote;
	struct event_channel *peer = event_lookup(rd, chn->u.interdomain.port);
	u64 flags = lock_two_channels(chn, peer);

	make_free(d, chn);
	peer->state = EVENT_UNBOUND;
	memset(&peer->u, 0, sizeof(peer->u));
	peer->u.unbound.remote = d->id;
	unlock_two_channels(chn, peer, flags);
}

/* Close a port of d; no lock held. 0, -EINVAL (no such port, or it is free). */
static int close_port(struct domain *d, u32 port)
{
	struct event_channel *chn = event_guest_port(d, port);
	struct domain *rd = NULL;
	u64 flags;

	if (!chn)
		return -EINVAL;
	spin_lock(&d->events.lock);
	/*
	 * For the lock order our own lock may have to be given up, and then the port may change
	 * again.
	 */
	while (chn->state == EVENT_INTERDOMAIN && chn->u.interdomain.remote != rd) {
		struct domain *other = chn->u.interdomain.remote;

		domain_hold(other);
		if (rd) {
			unlock_two_domains(d, rd);
			domain_put(rd);
		} else {
			spin_unlock(&d->events.lock);
		}
		rd = other;
		lock_two_domains(d, rd);
	}

	switch (chn->state) {
	case EVENT_FREE:
		unlock_two_domains(d, rd ? rd : d);
		if (rd)
			domain_put(rd);
		return -EINVAL;
	case EVENT_INTERDOMAIN:
		close_interdomain(d, chn);
		break;
	case EVENT_PIRQ:
		pirq_guest_unbind(d, chn->u.pirq);
		WRITE_ONCE(d->events.pirq_port[chn->u.pirq], 0);
		flags = spin_lock_irqsave(&chn->lock);
		make_free(d, chn);
		spin_unlock_irqrestore(&chn->lock, flags);
		break;
	case EVENT_VIRQ:
		forget_virq(d, chn);
		flags = spin_lock_irqsave(&chn->lock);
		make_free(d, chn);
		spin_unlock_irqrestore(&chn->lock, flags);
		break;
	default:
		flags = spin_lock_irqsave(&chn->lock);
		make_free(d, chn);
		spin_unlock_irqrestore(&chn->lock, flags);
		break;
	}
	unlock_two_domains(d, rd ? rd : d);
	if (rd)
		domain_put(rd);
	return 0;
}

/* A domain may have 2^17 ports. 0, or -ERESTART with at least one more of them closed. */
static int close_all_ports(struct domain *d)
{
	for (u32 port = 1; port < atomic_read(&d->events.valid_ports); port++) {
		/* Unlocked: whether all are free in the end is the caller's to know. */
		if (READ_ONCE(event_lookup(d, port)->state) == EVENT_FREE)
			continue;
		close_port(d, port);
		if (preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

int events_close_all(struct domain *d)
{
	struct event_fifo *fifo;

	if (!d->events.buckets)
		return 0;
	if (close_all_ports(d))
		return -ERESTART;
	/* d is dying: nothing is bound any more, so that nobody looks at the frames. */
	spin_lock(&d->events.lock);
	fifo = event_fifo_detach(d);
	spin_unlock(&d->events.lock);
	event_fifo_free(d, fifo);
	return 0;
}

/* ---------------------------------------------------------------------------------------------- */
/* Operations */

/* A domain that the caller names, if it may act on it; referenced. 0, -ESRCH, -EPERM. */
static int get_target(domid_t id, struct domain **d)
{
	*d = domain_get(id);
	if (!*d)
		return -ESRCH;
	if (*d != current->domain && !current->domain->privileged) {
		domain_put(*d);
		return -EPERM;
	}
	return 0;
}

int event_alloc_unbound(struct domain *d, domid_t remote, u32 *port)
{
	struct event_channel fill = { .state = EVENT_UNBOUND, .u.unbound.remote = remote }, *chn;
	s64 p;

	spin_lock(&d->events.lock);
	p = get_free_port(d, &chn);
	if (p > 0)
		bind(chn, &fill, 0);
	spin_unlock(&d->events.lock);
	if (p < 0)
		return (int)p;
	*port = (u32)p;
	return 0;
}

static int alloc_unbound(struct evtchn_alloc_unbound *op)
{
	domid_t remote = op->remote_dom == DOMID_SELF ? current->domain->id : op->remote_dom;
	struct domain *d;
	int rc = get_target(op->dom, &d);

	if (rc)
		return rc;
	rc = event_alloc_unbound(d, remote, &op->port);
	domain_put(d);
	return rc;
}

static int bind_interdomain(struct evtchn_bind_interdomain *op)
{
	struct event_channel *local, *remote;
	struct domain *d = current->domain, *rd = domain_get(op->remote_dom);
	u64 flags;
	s64 p;

	if (!rd)
		return -ESRCH;
	lock_two_domains(d, rd);
	p = get_free_port(d, &local);
	if (p < 0)
		goto out;
	remote = event_guest_port(rd, op->remote_port);
	if (!remote || remote == local || rd->dying || remote->state != EVENT_UNBOUND ||
	    remote->u.unbound.remote != d->id) {
		p = -EINVAL;
		goto out;
	}

	flags = lock_two_channels(local, remote);
	local->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	local->notify_vcpu = 0;
	local->u.interdomain.remote = rd;
	local->u.interdomain.port = remote->port;
	local->state = EVENT_INTERDOMAIN;
	remote->u.interdomain.remote = d;
	remote->u.interdomain.port = local->port;
	remote->state = EVENT_INTERDOMAIN;
	/* The other side may have sent while nobody was bound. */
	event_set_pending(d, local);
	unlock_two_channels(local, remote, flags);
	op->local_port = (u32)p;
out:
	unlock_two_domains(d, rd);
	domain_put(rd);
	return p < 0 ? (int)p : 0;
}

static int bind_virq(struct evtchn_bind_virq *op)
{
	struct event_channel fill = { .state = EVENT_VIRQ, .u.virq = op->virq }, *chn;
	struct domain *d = current->domain;
	struct vcpu *v;
	u64 flags;
	s64 p;

	if (op->virq >= NR_VIRQS)
		return -EINVAL;
	if (!event_virq_is_per_vcpu(op->virq) && op->vcpu)
		return -EINVAL;
	v = find_vcpu(d, op->vcpu);
	if (!v)
		return -ENOENT;

	spin_lock(&d->events.lock);
	p = v->event.virq_port[op->virq] ? -EEXIST : get_free_port(d, &chn);
	if (p > 0) {
		bind(chn, &fill, v->id);
		flags = spin_lock_irqsave(&v->event.virq_lock);
		v->event.virq_port[op->virq] = (u32)p;
		spin_unlock_irqrestore(&v->event.virq_lock, flags);
		op->port = (u32)p;
	}
	spin_unlock(&d->events.lock);
	return p < 0 ? (int)p : 0;
}

static int bind_ipi(struct evtchn_bind_ipi *op)
{
	struct event_channel fill = { .state = EVENT_IPI }, *chn;
	struct domain *d = current->domain;
	s64 p;

	if (!find_vcpu(d, op->vcpu))
		return -ENOENT;
	spin_lock(&d->events.lock);
	p = get_free_port(d, &chn);
	if (p > 0) {
		bind(chn, &fill, op->vcpu);
		op->port = (u32)p;
	}
	spin_unlock(&d->events.lock);
	return p < 0 ? (int)p : 0;
}

static int bind_pirq(struct evtchn_bind_pirq *op)
{
	struct event_channel fill = { .state = EVENT_PIRQ, .u.pirq = op->pirq }, *chn;
	struct domain *d = current->domain;
	u64 flags;
	int rc = 0;
	s64 p;

	if (op->pirq >= NR_PIRQS || !d->vcpu[0])
		return -EINVAL;
	spin_lock(&d->events.lock);
	if (!d->events.pirq_port) {
		u32 *ports = zalloc(ALLOC_EVENT, NR_PIRQS * sizeof(*ports));

		if (!ports) {
			rc = -ENOMEM;
			goto out;
		}
		__atomic_store_n(&d->events.pirq_port, ports, __ATOMIC_RELEASE);
	}
	if (d->events.pirq_port[op->pirq]) {
		rc = -EEXIST;
		goto out;
	}
	p = get_free_port(d, &chn);
	if (p < 0) {
		rc = (int)p;
		goto out;
	}
	/* The port is ready before the first interrupt can come. */
	bind(chn, &fill, 0);
	WRITE_ONCE(d->events.pirq_port[op->pirq], (u32)p);
	rc = pirq_guest_bind(d->vcpu[0], op->pirq, op->flags & BIND_PIRQ__WILL_SHARE);
	if (rc) {
		WRITE_ONCE(d->events.pirq_port[op->pirq], 0);
		flags = spin_lock_irqsave(&chn->lock);
		make_free(d, chn);
		spin_unlock_irqrestore(&chn->lock, flags);
	} else {
		op->port = (u32)p;
	}
out:
	spin_unlock(&d->events.lock);
	return rc;
}

static int send(u32 port)
{
	struct domain *d = current->domain, *rd;
	struct event_channel *chn = event_guest_port(d, port), *peer;
	u64 flags;
	int rc = 0;

	if (!chn)
		return -EINVAL;
	flags = spin_lock_irqsave(&chn->lock);
	switch (chn->state) {
	case EVENT_INTERDOMAIN:
		rd = chn->u.interdomain.remote;
		peer = event_lookup(rd, chn->u.interdomain.port);
		event_set_pending(rd, peer);
		break;
	case EVENT_IPI:
		event_set_pending(d, chn);
		break;
	case EVENT_UNBOUND:
		/* Nobody listens yet; binding raises the port anyway. */
		break;
	default:
		rc = -EINVAL;
		break;
	}
	spin_unlock_irqrestore(&chn->lock, flags);
	return rc;
}

static int status(struct evtchn_status *op)
{
	struct event_channel *chn;
	struct domain *d;
	int rc = get_target(op->dom, &d);

	if (rc)
		return rc;
	chn = event_guest_port(d, op->port);
	if (!chn) {
		domain_put(d);
		return -EINVAL;
	}
	spin_lock(&d->events.lock);
	op->vcpu = chn->notify_vcpu;
	switch (chn->state) {
	case EVENT_UNBOUND:
		op->status = EVTCHNSTAT_unbound;
		op->u.unbound.dom = chn->u.unbound.remote;
		break;
	case EVENT_INTERDOMAIN:
		op->status = EVTCHNSTAT_interdomain;
		op->u.interdomain.dom = chn->u.interdomain.remote->id;
		op->u.interdomain.port = chn->u.interdomain.port;
		break;
	case EVENT_PIRQ:
		op->status = EVTCHNSTAT_pirq;
		op->u.pirq = chn->u.pirq;
		break;
	case EVENT_VIRQ:
		op->status = EVTCHNSTAT_virq;
		op->u.virq = chn->u.virq;
		break;
	case EVENT_IPI:
		op->status = EVTCHNSTAT_ipi;
		break;
	default:
		op->status = EVTCHNSTAT_closed;
		break;
	}
	spin_unlock(&d->events.lock);
	domain_put(d);
	return 0;
}

static int bind_vcpu(const struct evtchn_bind_vcpu *op)
{
	struct domain *d = current->domain;
	struct event_channel *chn = event_guest_port(d, op->port);
	u64 flags;
	int rc = 0;

	if (!find_vcpu(d, op->vcpu))
		return -ENOENT;
	if (!chn)
		return -EINVAL;
	spin_lock(&d->events.lock);
	flags = spin_lock_irqsave(&chn->lock);
	switch (chn->state) {
	case EVENT_VIRQ:
		if (event_virq_is_per_vcpu(chn->u.virq))
			rc = -EINVAL;
		break;
	case EVENT_UNBOUND:
	case EVENT_INTERDOMAIN:
	case EVENT_PIRQ:
		break;
	default:
		rc = -EINVAL;
		break;
	}
	if (!rc)
		WRITE_ONCE(chn->notify_vcpu, (u16)op->vcpu);
	spin_unlock_irqrestore(&chn->lock, flags);
	spin_unlock(&d->events.lock);
	return rc;
}

int event_unmask(struct domain *d, u32 port)
{
	struct event_channel *chn = event_guest_port(d, port);
	int rc = 0;
	u64 flags;

	if (!chn)
		return -EINVAL;
	flags = spin_lock_irqsave(&chn->lock);
	if (chn->state == EVENT_FREE)
		rc = -EINVAL;
	else if (d->events.fifo)
		event_fifo_unmask(d, chn);
	else
		event_2l_unmask(d, chn);
	spin_unlock_irqrestore(&chn->lock, flags);
	return rc;
}

static int reset(const struct evtchn_reset *op)
{
	struct event_fifo *fifo = NULL;
	struct domain *d;
	int rc = get_target(op->dom, &d);

	if (rc)
		return rc;
	rc = close_all_ports(d);
	if (rc) {
		domain_put(d);
		return rc;
	}
	spin_lock(&d->events.lock);
	/* Another vCPU may have bound a port since; the FIFO's memory must stay then. */
	for (u32 port = 1; port < d->events.valid_ports && !rc; port++)
		if (event_lookup(d, port)->state != EVENT_FREE)
			rc = -EAGAIN;
	if (!rc)
		fifo = event_fifo_detach(d);
	spin_unlock(&d->events.lock);
	event_fifo_free(d, fifo);
	domain_put(d);
	return rc;
}

/*
 * A frame of the guest's for the FIFO, with both references: type references are taken with no lock
 * held.
 */
static struct frame *take_frame(struct domain *d, u64 gfn)
{
	mfn_t mfn = d->p2m ? p2m_lookup(d, gfn, NULL) : gfn;

	if (!mfn_valid(mfn) || frame_get_and_type(mfn_to_frame(mfn), d, FT_WRITABLE))
		return NULL;
	return mfn_to_frame(mfn);
}

static int init_control(struct evtchn_init_control *op)
{
	struct domain *d = current->domain;
	struct frame *frame;
	int rc;

	if (!find_vcpu(d, op->vcpu))
		return -ENOENT;
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
		return -EINVAL;
	frame = take_frame(d, op->control_gfn);
	if (!frame)
		return -EINVAL;
	spin_lock(&d->events.lock);
	rc = event_fifo_init_control(d, op->vcpu, frame, op->offset);
	spin_unlock(&d->events.lock);
	if (rc)
		frame_put_and_type(frame);
	else
		frame_dirtied(frame);
	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return rc;
}

static int expand_array(const struct evtchn_expand_array *op)
{
	struct domain *d = current->domain;
	struct frame *frame = take_frame(d, op->array_gfn);
	int rc;

	if (!frame)
		return -EINVAL;
	spin_lock(&d->events.lock);
	rc = event_fifo_expand(d, frame);
	spin_unlock(&d->events.lock);
	if (rc)
		frame_put_and_type(frame);
	else
		frame_dirtied(frame);
	return rc;
}

static int set_priority(const struct evtchn_set_priority *op)
{
	struct domain *d = current->domain;
	struct event_channel *chn = event_guest_port(d, op->port);
	u64 flags;
	int rc = 0;

	if (!chn)
		return -EINVAL;
	spin_lock(&d->events.lock);
	if (!d->events.fifo) {
		rc = -ENOSYS;
	} else if (op->priority > EVTCHN_FIFO_PRIORITY_MIN) {
		rc = -EINVAL;
	} else {
		flags = spin_lock_irqsave(&chn->lock);
		WRITE_ONCE(chn->priority, (u8)op->priority);
		spin_unlock_irqrestore(&chn->lock, flags);
	}
	spin_unlock(&d->events.lock);
	return rc;
}

union event_op {
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

static const u8 op_size[] = {
	[EVTCHNOP_bind_interdomain] = sizeof(struct evtchn_bind_interdomain),
	[EVTCHNOP_bind_virq] = sizeof(struct evtchn_bind_virq),
	[EVTCHNOP_bind_pirq] = sizeof(struct evtchn_bind_pirq),
	[EVTCHNOP_close] = sizeof(struct evtchn_close),
	[EVTCHNOP_send] = sizeof(struct evtchn_send),
	[EVTCHNOP_status] = sizeof(struct evtchn_status),
	[EVTCHNOP_alloc_unbound] = sizeof(struct evtchn_alloc_unbound),
	[EVTCHNOP_bind_ipi] = sizeof(struct evtchn_bind_ipi),
	[EVTCHNOP_bind_vcpu] = sizeof(struct evtchn_bind_vcpu),
	[EVTCHNOP_unmask] = sizeof(struct evtchn_unmask),
	[EVTCHNOP_reset] = sizeof(struct evtchn_reset),
	[EVTCHNOP_init_control] = sizeof(struct evtchn_init_control),
	[EVTCHNOP_expand_array] = sizeof(struct evtchn_expand_array),
	[EVTCHNOP_set_priority] = sizeof(struct evtchn_set_priority),
};

s64 do_event_channel_op(u64 cmd, u64 arg)
{
	domid_t owner = DOMID_SELF;
	union event_op op;
	bool answer = false;
	u32 port = 0; /* allocated: closed again if the caller cannot be told */
	int rc;

	if (cmd >= ARRAY_SIZE(op_size))
		return (int)refused("event_channel_op", cmd, -ENOSYS);
	cmd = index_nospec(cmd, ARRAY_SIZE(op_size));
	if (copy_from_guest(&op, arg, op_size[cmd]))
		return -EFAULT;

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		rc = alloc_unbound(&op.alloc_unbound);
		port = op.alloc_unbound.port;
		owner = op.alloc_unbound.dom;
		answer = true;
		break;
	case EVTCHNOP_bind_interdomain:
		rc = bind_interdomain(&op.bind_interdomain);
		port = op.bind_interdomain.local_port;
		answer = true;
		break;
	case EVTCHNOP_bind_virq:
		rc = bind_virq(&op.bind_virq);
		port = op.bind_virq.port;
		answer = true;
		break;
	case EVTCHNOP_bind_ipi:
		rc = bind_ipi(&op.bind_ipi);
		port = op.bind_ipi.port;
		answer = true;
		break;
	case EVTCHNOP_bind_pirq:
		rc = bind_pirq(&op.bind_pirq);
		port = op.bind_pirq.port;
		answer = true;
		break;
	case EVTCHNOP_close:
		rc = close_port(current->domain, op.close.port);
		break;
	case EVTCHNOP_send:
		rc = send(op.send.port);
		break;
	case EVTCHNOP_status:
		rc = status(&op.status);
		answer = true;
		break;
	case EVTCHNOP_bind_vcpu:
		rc = bind_vcpu(&op.bind_vcpu);
		break;
	case EVTCHNOP_unmask:
		rc = event_unmask(current->domain, op.unmask.port);
		break;
	case EVTCHNOP_reset:
		rc = reset(&op.reset);
		break;
	case EVTCHNOP_init_control:
		rc = init_control(&op.init_control);
		answer = true;
		break;
	case EVTCHNOP_expand_array:
		rc = expand_array(&op.expand_array);
		break;
	default: /* EVTCHNOP_set_priority, the last that op_size knows */
		rc = set_priority(&op.set_priority);
		break;
	}

	if (rc == -ERESTART)
		return hypercall_continue(__HYPERVISOR_event_channel_op, 2, cmd, arg);
	if (!rc && answer && copy_to_guest(arg, &op, op_size[cmd])) {
		struct domain *d = port ? domain_get(owner) : NULL;

		if (d) {
			close_port(d, port);
			domain_put(d);
		}
		rc = -EFAULT;
	}
	return rc;
}

/* The first form has the command in the structure; only what was there then is in it. */
s64 do_event_channel_op_compat(u64 arg)
{
	u32 cmd;

	if (get_guest(cmd, arg))
		return -EFAULT;
	if (cmd > EVTCHNOP_unmask)
		return refused("event_channel_op_compat", cmd, -ENOSYS);
	return do_event_channel_op(cmd, arg + offsetof(struct evtchn_op, u));
}

void event_dump(struct domain *d)
{
	static const char *const state_names[] = {
		[EVENT_FREE] = "free",
		[EVENT_UNBOUND] = "unbound",
		[EVENT_INTERDOMAIN] = "interdomain",
		[EVENT_PIRQ] = "pirq",
		[EVENT_VIRQ] = "virq",
		[EVENT_IPI] = "ipi",
	};
	u32 used = 0;

	spin_lock(&d->events.lock);
	for (u32 port = 1; port < d->events.valid_ports; port++) {
		struct event_channel *chn = event_lookup(d, port);
		char what[32] = "";

		if (chn->state == EVENT_FREE)
			continue;
		used++;
		if (chn->state == EVENT_UNBOUND)
			snprintf(what, sizeof(what), " for d%u", chn->u.unbound.remote);
		else if (chn->state == EVENT_INTERDOMAIN)
			snprintf(what, sizeof(what), " d%u:%u", chn->u.interdomain.remote->id,
				 chn->u.interdomain.port);
		else if (chn->state == EVENT_PIRQ || chn->state == EVENT_VIRQ)
			snprintf(what, sizeof(what), " %u", chn->u.virq);
		printk(LOG_INFO "d%u port %u: %s%s, vcpu %u%s%s%s\n", d->id, port,
		       state_names[chn->state], what, chn->notify_vcpu,
		       event_is_pending(d, chn) ? ", pending" : "",
		       event_is_masked(d, chn) ? ", masked" : "",
		       event_fifo_is_busy(d, port) ? ", linked" : "");
	}
	printk(LOG_INFO "d%u: %u ports in use, %s ABI\n", d->id, used,
	       d->events.fifo ? "FIFO" : "2-level");
	spin_unlock(&d->events.lock);
}
