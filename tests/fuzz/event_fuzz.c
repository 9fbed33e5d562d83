// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/event.c hypervisor/domain/event_raise.c
// sources: hypervisor/domain/event_2l.c hypervisor/domain/event_fifo.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=256
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=1024
//
// Event channels of two guests and dom0, by the 2-level and the FIFO ABI: every operation, raising
// from every source, domains that end. A model says what each port is bound to and what every call
// must answer. Guests that keep to the protocol must get every event once it is unmasked, and none
// that was not sent; guests that scribble over their shared memory must harm nobody else.

#include "sim/sim.h"
#include "tests/fuzz/fuzz.h"

#include "cpu/cpu.h"
#include "domain/event_channel.h"
#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"

#define MAX_OPS 96
#define PORTS   300u /* three buckets */
#define VCPUS   3
#define DOMAINS 3
#define PIRQS   8

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED  (1U << EVTCHN_FIFO_MASKED)
#define LINKED  (1U << EVTCHN_FIFO_LINKED)
#define LINK    ((u32)EVTCHN_FIFO_LINK_MASK)

static struct world {
	struct domain *d;
	struct {
		u8 state;
		u8 remote;          /* index of the domain, for unbound 0xff: none of ours */
		u32 remote_port, vcpu, virq;
		bool pending;       /* sent, and not taken yet */
	} port[PORTS];
	bool fifo, scribbled;
	mfn_t control[VCPUS], array[2];
	unsigned arrays;
	u32 head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];
	bool dead;
} world[DOMAINS], *me;

/* The domain a guest means, or NULL. */
static struct world *named(domid_t id)
{
	if (id == DOMID_SELF)
		return me;
	for (unsigned i = 0; i < DOMAINS; i++)
		if (world[i].d && world[i].d->id == id)
			return &world[i];
	return NULL;
}

/* May we administrate it: 0 or an errno. */
static s64 may(const struct world *w)
{
	return !w ? -ESRCH : w != me && !me->d->privileged ? -EPERM : 0;
}

static bool known(const struct world *w, u32 port)
{
	return port && port < w->d->events.valid_ports && port < PORTS;
}

static domid_t pick_domid(struct fuzz_in *in)
{
	static const domid_t ids[] = { DOMID_SELF, DOMID_SELF, 5, 6, 0, DOMID_SELF, 6, 77,
				       DOMID_XEN };

	return ids[fuzz_below(in, ARRAY_SIZE(ids))];
}

static u32 pick_port(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	return b < 0xc0 ? b % 12u : b < 0xe0 ? 120u + (b & 15) : b < 0xf0 ? 250u + (b & 15) * 4 :
		fuzz_u32(in);
}

static u32 pick_vcpu(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	return b < 0xf0 ? b % (VCPUS + 1u) : fuzz_u32(in);
}

static s64 call(unsigned cmd, void *arg)
{
	return do_event_channel_op(cmd, (u64)arg);
}

/* ---- what a guest sees ---- */

static u32 *word(struct world *w, u32 port)
{
	return port / 1024 < w->arrays ? (u32 *)mfn_to_va(w->array[port / 1024]) + port % 1024 :
		NULL;
}

static struct evtchn_fifo_control_block *control(struct world *w, unsigned vcpu)
{
	return mfn_to_va(w->control[vcpu]);
}

static bool is_masked(struct world *w, u32 port)
{
	if (!w->fifo)
		return port >= EVTCHN_2L_NR_CHANNELS ||
			w->d->shared_info->evtchn_mask[port / 64] >> port % 64 & 1;
	return !word(w, port) || (*word(w, port) & MASKED);
}

static void taken(struct world *w, u32 port)
{
	if (w->scribbled)
		return;
	FUZZ_CHECK(known(w, port) && w->port[port].pending,
		   "domain %u gets port %u, which nobody raised", w->d->id, port);
	w->port[port].pending = false;
}

static void take_2l(struct world *w, struct vcpu *v)
{
	struct shared_info *s = w->d->shared_info;
	u64 sel = v->info->evtchn_pending_sel;

	v->info->evtchn_pending_sel = 0;
	for (unsigned i = 0; i < 64; i++) {
		u64 bits = sel >> i & 1 ? s->evtchn_pending[i] & ~s->evtchn_mask[i] : 0;

		s->evtchn_pending[i] &= ~bits;
		for (; bits; bits &= bits - 1)
			taken(w, i * 64 + (u32)__builtin_ctzll(bits));
	}
}

static void take_queue(struct world *w, unsigned vcpu, unsigned prio)
{
	struct evtchn_fifo_control_block *c = control(w, vcpu);
	u32 *head = &w->head[vcpu][prio];

	for (unsigned n = 0;; n++) {
		u32 port, old;

		FUZZ_CHECK(w->scribbled || n <= PORTS, "queue %u of vcpu %u has no end", prio,
			   vcpu);
		if (n > PORTS)
			return;
		if (!*head)
			*head = c->head[prio];
		port = *head;
		if (!port || !word(w, port))
			return;
		old = *word(w, port);
		*word(w, port) = old & ~(LINKED | LINK);
		*head = old & LINK;
		if ((old & PENDING) && !(old & MASKED)) {
			*word(w, port) &= ~PENDING;
			taken(w, port);
		}
		if (!*head)
			return;
	}
}

static void take_all(struct world *w, unsigned vcpu)
{
	struct vcpu *v = w->d->vcpu[vcpu];
	u32 ready;

	v->info->evtchn_upcall_pending = 0;
	if (!w->fifo) {
		take_2l(w, v);
		return;
	}
	if (!w->control[vcpu])
		return;
	ready = control(w, vcpu)->ready & 0xffff;
	control(w, vcpu)->ready = 0;
	for (; ready; ready &= ready - 1)
		take_queue(w, vcpu, (unsigned)__builtin_ctz(ready));
}

/* ---- the model ---- */

static void raised(struct world *w, u32 port)
{
	if (known(w, port) && !w->dead)
		w->port[port].pending = true;
}

static void freed(struct world *w, u32 port)
{
	memset(&w->port[port], 0, sizeof(w->port[port]));
}

static void model_close(struct world *w, u32 port)
{
	unsigned self = (unsigned)(w - world);

	fuzz_say("  port %u of %u is closed\n", port, w->d->id);
	if (w->port[port].state == EVENT_INTERDOMAIN) {
		struct world *r = &world[w->port[port].remote];
		u32 rp = w->port[port].remote_port;

		freed(w, port);
		r->port[rp].state = EVENT_UNBOUND;
		r->port[rp].remote = (u8)self;
		return;
	}
	freed(w, port);
}

/* Was it right to say that there is no port left, or to give out this one? */
static void check_new_port(struct world *w, s64 rc, u32 port)
{
	u32 limit = w->fifo ? PORTS : (u32)min((u64)PORTS, (u64)EVTCHN_2L_NR_CHANNELS);

	if (rc == -ENOSPC) {
		for (u32 p = 1; p < limit; p++)
			FUZZ_CHECK(w->port[p].state != EVENT_FREE ||
					   (w->fifo && word(w, p) && (*word(w, p) & LINKED)),
				   "port %u of domain %u is free", p, w->d->id);
		return;
	}
	FUZZ_CHECK(known(w, port) && w->port[port].state == EVENT_FREE,
		   "port %u of domain %u is in use", port, w->d->id);
}

static void check_ports(void)
{
	for (unsigned i = 0; i < DOMAINS; i++) {
		struct world *w = &world[i];

		for (u32 p = 1; p < min(w->d->events.valid_ports, (u32)PORTS); p++) {
			const struct event_channel *c = event_lookup(w->d, p);

			FUZZ_CHECK(c->state == w->port[p].state, "port %u of %u: state %u, not %u",
				   p, w->d->id, c->state, w->port[p].state);
			if (c->state == EVENT_FREE)
				continue;
			FUZZ_CHECK(c->notify_vcpu == w->port[p].vcpu, "port %u of %u: vcpu %u", p,
				   w->d->id, c->notify_vcpu);
			if (c->state == EVENT_INTERDOMAIN)
				FUZZ_CHECK(c->u.interdomain.remote ==
						   world[w->port[p].remote].d &&
						   c->u.interdomain.port == w->port[p].remote_port,
					   "port %u of %u: the wrong peer", p, w->d->id);
			if (!w->scribbled && !w->dead)
				FUZZ_CHECK(event_port_pending(w->d, p) == w->port[p].pending,
					   "port %u of %u: pending is %d", p, w->d->id,
					   !w->port[p].pending);
		}
	}
}

/* Who keeps to the protocol has now got everything that is unmasked and can be delivered. */
static void check_delivered(struct world *w)
{
	if (w->scribbled || w->dead)
		return;
	for (unsigned v = 0; v < VCPUS; v++)
		if (w->fifo && !w->control[v])
			return;
	for (unsigned v = 0; v < VCPUS; v++)
		take_all(w, v);
	for (u32 p = 1; p < min(w->d->events.valid_ports, (u32)PORTS); p++)
		FUZZ_CHECK(!w->port[p].pending || is_masked(w, p),
			   "port %u of domain %u is raised, unmasked and lost", p, w->d->id);
}

/* ---- operations ---- */

static void op_alloc_unbound(struct fuzz_in *in)
{
	struct evtchn_alloc_unbound op = { .dom = pick_domid(in), .remote_dom = pick_domid(in) };
	struct world *w = named(op.dom), *r = named(op.remote_dom);
	s64 want = may(w), rc = call(EVTCHNOP_alloc_unbound, &op);

	fuzz_say("%u: alloc_unbound %u for %u: %ld, %u\n", me->d->id, op.dom, op.remote_dom, rc,
		 op.port);
	if (!want && w->dead)
		want = -EINVAL;
	FUZZ_CHECK(rc == want || (!want && rc == -ENOSPC), "%ld, not %ld", rc, want);
	if (want)
		return;
	check_new_port(w, rc, op.port);
	if (rc)
		return;
	w->port[op.port].state = EVENT_UNBOUND;
	w->port[op.port].remote = r ? (u8)(r - world) : 0xff;
}

static void op_bind_interdomain(struct fuzz_in *in)
{
	struct evtchn_bind_interdomain op = { .remote_dom = pick_domid(in),
					      .remote_port = pick_port(in) };
	struct world *r = named(op.remote_dom);
	bool fits = r && !r->dead && known(r, op.remote_port) &&
		r->port[op.remote_port].state == EVENT_UNBOUND &&
		r->port[op.remote_port].remote == me - world;
	s64 want = !r ? -ESRCH : fits ? 0 : -EINVAL;
	s64 rc = call(EVTCHNOP_bind_interdomain, &op);

	fuzz_say("%u: bind_interdomain %u port %u: %ld, %u\n", me->d->id, op.remote_dom,
		 op.remote_port, rc, op.local_port);
	FUZZ_CHECK(rc == want || (r && rc == -ENOSPC), "%ld, not %ld", rc, want);
	if (rc)
		return;
	check_new_port(me, rc, op.local_port);
	me->port[op.local_port].state = r->port[op.remote_port].state = EVENT_INTERDOMAIN;
	me->port[op.local_port].remote = (u8)(r - world);
	me->port[op.local_port].remote_port = op.remote_port;
	r->port[op.remote_port].remote = (u8)(me - world);
	r->port[op.remote_port].remote_port = op.local_port;
	raised(me, op.local_port);
}

static bool per_vcpu(u32 virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
		virq == VIRQ_XENPMU;
}

static u32 virq_port(const struct world *w, u32 virq, u32 vcpu)
{
	for (u32 p = 1; p < PORTS; p++)
		if (w->port[p].state == EVENT_VIRQ && w->port[p].virq == virq &&
		    (!per_vcpu(virq) || w->port[p].vcpu == vcpu))
			return p;
	return 0;
}

static void op_bind(struct fuzz_in *in)
{
	struct evtchn_bind_virq virq = { .virq = fuzz_u8(in) & 31, .vcpu = pick_vcpu(in) };
	struct evtchn_bind_ipi ipi = { .vcpu = pick_vcpu(in) };
	struct evtchn_bind_pirq pirq = { .pirq = fuzz_u8(in) % PIRQS };
	s64 want, rc;
	u32 port;
	u8 state;

	switch (fuzz_below(in, 3)) {
	case 0:
		rc = call(EVTCHNOP_bind_virq, &virq);
		want = virq.virq >= NR_VIRQS || (!per_vcpu(virq.virq) && virq.vcpu) ? -EINVAL :
			virq.vcpu >= VCPUS ? -ENOENT :
			virq_port(me, virq.virq, virq.vcpu) ? -EEXIST : 0;
		port = virq.port;
		state = EVENT_VIRQ;
		break;
	case 1:
		rc = call(EVTCHNOP_bind_ipi, &ipi);
		want = ipi.vcpu >= VCPUS ? -ENOENT : 0;
		port = ipi.port;
		state = EVENT_IPI;
		break;
	default:
		sim.pirq_error = fuzz_u8(in) >= 0xe0 ? -EBUSY : 0;
		rc = call(EVTCHNOP_bind_pirq, &pirq);
		want = sim.pirq_error;
		for (u32 p = 1; p < PORTS; p++)
			if (me->port[p].state == EVENT_PIRQ && me->port[p].virq == pirq.pirq)
				want = -EEXIST;
		port = pirq.port;
		state = EVENT_PIRQ;
	}
	fuzz_say("%u: bind, state %u: %ld, %u\n", me->d->id, state, rc, port);
	FUZZ_CHECK(rc == want || ((!want || want == -EBUSY) && rc == -ENOSPC), "%ld, not %ld", rc,
		   want);
	if (want)
		return;
	check_new_port(me, rc, port);
	if (rc)
		return;
	me->port[port].state = state;
	me->port[port].vcpu = state == EVENT_VIRQ ? virq.vcpu : state == EVENT_IPI ? ipi.vcpu : 0;
	me->port[port].virq = state == EVENT_VIRQ ? virq.virq : pirq.pirq;
}

static void op_port(struct fuzz_in *in)
{
	u32 port = pick_port(in);
	struct evtchn_close op = { .port = port };
	struct evtchn_bind_vcpu bind = { .port = port };
	struct evtchn_set_priority prio = { .port = port };
	bool there = known(me, port);
	u8 state = there ? me->port[port].state : (u8)EVENT_FREE;
	s64 rc, want = state == EVENT_FREE ? -EINVAL : 0;
	unsigned what = fuzz_below(in, 8);

	switch (what) {
	case 0: case 1:
		rc = call(EVTCHNOP_close, &op);
		if (!want)
			model_close(me, port);
		break;
	case 2: case 3: case 4:
		rc = call(EVTCHNOP_send, &op);
		if (state == EVENT_INTERDOMAIN)
			raised(&world[me->port[port].remote], me->port[port].remote_port);
		else if (state == EVENT_IPI)
			raised(me, port);
		else if (state != EVENT_UNBOUND)
			want = -EINVAL;
		break;
	case 5:
		rc = call(EVTCHNOP_unmask, &op);
		break;
	case 6:
		bind.vcpu = pick_vcpu(in);
		rc = call(EVTCHNOP_bind_vcpu, &bind);
		if (bind.vcpu >= VCPUS)
			want = -ENOENT;
		else if (state == EVENT_IPI ||
			 (state == EVENT_VIRQ && per_vcpu(me->port[port].virq)))
			want = -EINVAL;
		else if (!want)
			me->port[port].vcpu = bind.vcpu;
		break;
	default:
		prio.priority = fuzz_u8(in) & 31;
		rc = call(EVTCHNOP_set_priority, &prio);
		want = !there ? -EINVAL : !me->fifo ? -ENOSYS :
			prio.priority > EVTCHN_FIFO_PRIORITY_MIN ? -EINVAL : 0;
	}
	fuzz_say("%u: operation %u on port %u: %ld\n", me->d->id, what, port, rc);
	FUZZ_CHECK(rc == want, "operation %u on port %u: %ld, not %ld", what, port, rc, want);
}

static void op_status(struct fuzz_in *in)
{
	static const u8 status[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
				     EVTCHNSTAT_pirq, EVTCHNSTAT_virq, EVTCHNSTAT_ipi };
	struct evtchn_status op = { .dom = pick_domid(in), .port = pick_port(in) };
	struct world *w = named(op.dom);
	s64 want = may(w), rc = call(EVTCHNOP_status, &op);

	if (!want && !known(w, op.port))
		want = -EINVAL;
	FUZZ_CHECK(rc == want, "%ld, not %ld", rc, want);
	if (!rc)
		FUZZ_CHECK(op.status == status[w->port[op.port].state] &&
				   op.vcpu == w->port[op.port].vcpu, "status %u", op.status);
}

/* Raised by the hypervisor: timers, interrupts, its own ports. */
static void op_raise(struct fuzz_in *in)
{
	struct world *w = &world[fuzz_below(in, DOMAINS)];
	u32 virq = fuzz_u8(in) % NR_VIRQS, vcpu = fuzz_u8(in) % VCPUS, pirq = fuzz_u8(in) % PIRQS;
	u32 port = pick_port(in);

	switch (fuzz_below(in, 3)) {
	case 0:
		if (per_vcpu(virq))
			event_send_virq(w->d->vcpu[vcpu], virq);
		else
			event_send_global_virq(w->d, virq);
		raised(w, virq_port(w, virq, vcpu));
		break;
	case 1:
		event_send_pirq(w->d, pirq);
		for (u32 p = 1; p < PORTS; p++)
			if (w->port[p].state == EVENT_PIRQ && w->port[p].virq == pirq)
				raised(w, p);
		break;
	default:
		event_notify_port(w->d, port);
		if (known(w, port) && w->port[port].state != EVENT_FREE)
			raised(w, port);
	}
}

static void op_mask(struct fuzz_in *in)
{
	u32 port = pick_port(in);

	if (!known(me, port))
		return;
	if (!me->fifo)
		me->d->shared_info->evtchn_mask[port / 64] |= 1ULL << port % 64;
	else if (word(me, port))
		*word(me, port) |= MASKED;
}

static void op_reset(struct fuzz_in *in)
{
	struct evtchn_reset op = { .dom = pick_domid(in) };
	struct world *w = named(op.dom);
	s64 want = may(w), rc = call(EVTCHNOP_reset, &op);

	fuzz_say("%u: reset %u: %ld\n", me->d->id, op.dom, rc);
	FUZZ_CHECK(rc == want, "%ld, not %ld", rc, want);
	if (rc)
		return;
	for (u32 p = 1; p < PORTS; p++)
		if (w->port[p].state != EVENT_FREE)
			model_close(w, p);
	w->fifo = false;
	w->arrays = 0;
	memset(w->control, 0, sizeof(w->control));
	memset(w->head, 0, sizeof(w->head));
}

static void op_init_control(struct fuzz_in *in)
{
	struct evtchn_init_control op = { .vcpu = pick_vcpu(in) };
	u8 how = fuzz_u8(in);
	mfn_t mfn = how >= 0xf8 ? fuzz_number(in) : sim_frame_of(me->d);
	bool good = mfn < SIM_FRAMES && !(mfn_to_frame(mfn)->count & (FC_HEAP | FC_BAD)) &&
		frame_owner(mfn_to_frame(mfn)) == me->d;
	s64 rc, want;

	op.control_gfn = mfn;
	op.offset = how >= 0xe0 ? fuzz_u32(in) : 0;
	want = op.vcpu >= VCPUS ? -ENOENT :
		op.offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op.offset % 8 ||
		!good || me->control[op.vcpu] ? -EINVAL : 0;
	rc = call(EVTCHNOP_init_control, &op);
	fuzz_say("%u: init_control of vcpu %u: %ld\n", me->d->id, op.vcpu, rc);
	FUZZ_CHECK(rc == want, "%ld, not %ld", rc, want);
	if (rc)
		return;
	/* Somewhere else in the page it is as good, but our guest would not find it. */
	if (op.offset)
		me->scribbled = true;
	me->control[op.vcpu] = mfn;
	me->fifo = true;
}

static void op_expand(void)
{
	struct evtchn_expand_array op;
	s64 rc;

	if (me->arrays == ARRAY_SIZE(me->array))
		return;
	me->array[me->arrays] = sim_frame_of(me->d);
	op.array_gfn = me->array[me->arrays];
	/* A word is there for the guest as soon as it is for us. */
	if (me->fifo)
		for (unsigned i = 0; i < 1024; i++)
			((u32 *)mfn_to_va(op.array_gfn))[i] = MASKED;
	rc = call(EVTCHNOP_expand_array, &op);
	fuzz_say("%u: expand_array: %ld\n", me->d->id, rc);
	FUZZ_CHECK(rc == (me->fifo ? 0 : -EOPNOTSUPP), "%ld", rc);
	if (!rc)
		me->arrays++;
}

static void op_scribble(struct fuzz_in *in)
{
	unsigned vcpu = fuzz_u8(in) % VCPUS;
	u32 port = pick_port(in), v = fuzz_u32(in);

	me->scribbled = true;
	switch (fuzz_below(in, 5)) {
	case 0:
		if (word(me, port))
			*word(me, port) = v;
		break;
	case 1:
		if (me->control[vcpu])
			control(me, vcpu)->head[port & 15] = v;
		break;
	case 2:
		if (me->control[vcpu])
			control(me, vcpu)->ready = v;
		break;
	case 3:
		me->d->shared_info->evtchn_pending[port % 64] = v;
		break;
	default:
		me->d->vcpu[vcpu]->info->evtchn_pending_sel = v;
		me->d->vcpu[vcpu]->info->evtchn_upcall_pending = (u8)v;
	}
}

static void end(struct world *w)
{
	w->d->dying = w->dead = true;
	events_close_all(w->d);
	for (u32 p = 1; p < PORTS; p++)
		if (w->port[p].state != EVENT_FREE)
			model_close(w, p);
	w->fifo = false;
	w->arrays = 0;
	memset(w->control, 0, sizeof(w->control));
}

static void begin(u8 how)
{
	sim_reset();
	memset(world, 0, sizeof(world));
	for (unsigned i = 0; i < DOMAINS; i++) {
		world[i].d = sim_domain((domid_t)(i ? 4 + i : 0), VCPUS, !i);
		FUZZ_CHECK(!events_init(world[i].d, PORTS), "no memory");
	}
	/* A FIFO guest as Linux is one: everything set up before the first port. */
	for (unsigned i = 1; i < DOMAINS; i++) {
		if (!(how >> i & 1))
			continue;
		me = &world[i];
		sim_current = me->d->vcpu[0];
		for (unsigned v = 0; v < VCPUS; v++) {
			struct evtchn_init_control op = { .vcpu = v };

			me->control[v] = op.control_gfn = sim_frame_of(me->d);
			FUZZ_CHECK(!call(EVTCHNOP_init_control, &op), "control block");
		}
		me->fifo = true;
		if (how & 8) {
			op_expand();
			memset(mfn_to_va(me->array[0]), 0, PAGE_SIZE);
		}
	}
}

static void finish(void)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		check_delivered(&world[i]);
	for (unsigned i = 0; i < DOMAINS; i++)
		if (!world[i].dead)
			end(&world[i]);
	check_ports();
	for (unsigned i = 0; i < DOMAINS; i++) {
		events_destroy(world[i].d);
		FUZZ_CHECK(world[i].d->refs == 1, "domain %u has %u references", world[i].d->id,
			   world[i].d->refs);
	}
	for (mfn_t m = 1; m < SIM_FRAMES; m++)
		if (mfn_to_frame(m)->count & FC_ALLOCATED)
			FUZZ_CHECK((mfn_to_frame(m)->count & FC_COUNT_MASK) == 1 &&
					   !(mfn_to_frame(m)->type & FT_COUNT_MASK),
				   "frame %lx is still in use", m);
	FUZZ_CHECK(!sim.objects, "%lu allocations are left", sim.objects);
	FUZZ_CHECK(sim.pirq_bound == sim.pirq_unbound, "%u interrupts bound, %u unbound",
		   sim.pirq_bound, sim.pirq_unbound);
	sim_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	begin(how);
	for (unsigned n = 0; n < MAX_OPS && fuzz_more(&in); n++) {
		u8 op = fuzz_u8(&in), who = fuzz_u8(&in);

		me = &world[who % DOMAINS];
		if (me->dead)
			continue;
		sim_current = me->d->vcpu[who / DOMAINS % VCPUS];
		switch (op % 24) {
		case 0: case 1: case 2: op_alloc_unbound(&in); break;
		case 3: case 4: case 5: op_bind_interdomain(&in); break;
		case 6: case 7: op_bind(&in); break;
		case 8: case 9: case 10: case 11: case 12: case 13: op_port(&in); break;
		case 14: op_status(&in); break;
		case 15: op_raise(&in); break;
		case 16: op_mask(&in); break;
		case 17: take_all(me, who / DOMAINS % VCPUS); break;
		case 18: op_init_control(&in); break;
		case 19: op_expand(); break;
		case 20:
			if (who >= 0xe0)
				op_reset(&in);
			break;
		case 21:
			if (how & 0x80)
				op_scribble(&in);
			break;
		case 22:
			if (who >= 0xf0 && me != &world[0])
				end(me);
			break;
		default:
			check_delivered(me);
		}
		check_ports();
	}
	finish();
	return 0;
}
