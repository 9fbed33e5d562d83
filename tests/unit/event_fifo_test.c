// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/event.c hypervisor/domain/event_raise.c
// sources: hypervisor/domain/event_2l.c hypervisor/domain/event_fifo.c
// sources: tests/unit/sim/sim.c
// libs: -lpthread
// cflags: -include tests/unit/race.h
/*
 * FIFO event delivery. The guest's half of the protocol is written here once more, from the ABI's
 * description; with it events are delivered in order and none is lost, also while senders and guest
 * run in threads of their own. A guest that scribbles over the shared words must hurt nobody but
 * itself.
 */
#include "suite.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#include "cpu/cpu.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED  (1U << EVTCHN_FIFO_MASKED)
#define LINKED  (1U << EVTCHN_FIFO_LINKED)
#define BUSY    (1U << EVTCHN_FIFO_BUSY)
#define LINK    ((u32)EVTCHN_FIFO_LINK_MASK)

/* Somebody changes this word right before each of so many looks of the other side's. */
static u32 *race_word;
static unsigned race_times;
void race_at(const volatile void *word)
{
	if (word != race_word || !race_times)
		return;
	race_times--;
	*race_word ^= MASKED;
}

static struct domain *guest, *peer;
static mfn_t control_mfn[4], array_mfn[4];
static unsigned arrays;
/* the guest's own note of where it stands in each queue */
static u32 head_cache[4][EVTCHN_FIFO_MAX_QUEUES];

static s64 call(struct domain *d, unsigned cmd, void *arg)
{
	sim_current = d->vcpu[0];
	return do_event_channel_op(cmd, (u64)(uintptr_t)arg);
}

static s64 init_control(unsigned vcpu, u64 gfn, u32 offset)
{
	struct evtchn_init_control op = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	s64 rc = call(guest, EVTCHNOP_init_control, &op);

	if (!rc)
		CU_ASSERT_EQUAL(op.link_bits, 17);
	return rc;
}

static s64 expand(u64 gfn)
{
	struct evtchn_expand_array op = { .array_gfn = gfn };

	return call(guest, EVTCHNOP_expand_array, &op);
}

static struct evtchn_fifo_control_block *control(unsigned vcpu)
{
	return mfn_to_va(control_mfn[vcpu]);
}

static u32 *word(u32 port)
{
	return (u32 *)mfn_to_va(array_mfn[port / 1024]) + port % 1024;
}

static s64 port_op(struct domain *d, unsigned cmd, u32 port)
{
	struct evtchn_send op = { .port = port };

	return call(d, cmd, &op);
}

static u32 ipi(unsigned vcpu)
{
	struct evtchn_bind_ipi op = { .vcpu = vcpu };

	CU_ASSERT_EQUAL(call(guest, EVTCHNOP_bind_ipi, &op), 0);
	return op.port;
}

static s64 priority(u32 port, u32 prio)
{
	struct evtchn_set_priority op = { .port = port, .priority = prio };

	return call(guest, EVTCHNOP_set_priority, &op);
}

static void add_array(void)
{
	array_mfn[arrays] = sim_frame_of(guest);
	CU_ASSERT_EQUAL(expand(array_mfn[arrays]), 0);
	arrays++;
}

static void setup_2l(void)
{
	sim_reset();
	guest = sim_domain(5, 4, false);
	peer = sim_domain(6, 1, false);
	CU_ASSERT_EQUAL_FATAL(events_init(guest, ~0U), 0);
	CU_ASSERT_EQUAL_FATAL(events_init(peer, ~0U), 0);
	arrays = 0;
	memset(head_cache, 0, sizeof(head_cache));
	for (unsigned i = 0; i < 4; i++)
		control_mfn[i] = sim_frame_of(guest);
}

static void setup(void)
{
	setup_2l();
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL_FATAL(init_control(i, control_mfn[i], 0), 0);
	add_array();
}

static void teardown(void)
{
	mfn_t all[8];

	memcpy(all, control_mfn, sizeof(control_mfn));
	memcpy(all + 4, array_mfn, sizeof(array_mfn));
	guest->dying = peer->dying = true;
	events_close_all(guest);
	events_close_all(peer);
	events_destroy(guest);
	events_destroy(peer);
	/* All references of the guest's frames were given back. */
	for (unsigned i = 0; i < 4 + arrays; i++) {
		CU_ASSERT_EQUAL(mfn_to_frame(all[i])->count & FC_COUNT_MASK, 1);
		CU_ASSERT_EQUAL(mfn_to_frame(all[i])->type & FT_COUNT_MASK, 0);
	}
	CU_ASSERT_EQUAL(guest->refs, 1);
	CU_ASSERT_EQUAL(peer->refs, 1);
	CU_ASSERT_EQUAL(sim.objects, 0);
	sim_reset();
}

/* ---------------------------------------------------------------------------------------------- */
/* The guest */

static u32 unlink_word(u32 *w)
{
	u32 old = READ_ONCE(*w);

	while (!atomic_cmpxchg(w, &old, old & ~(LINKED | LINK)))
		;
	return old & LINK;
}

/*
 * Take the first event of a queue: its port, or 0 if the queue is empty. *pending: it was pending
 * and not masked. *ready: what is known of the queues' bits; that of this one falls when nothing
 * follows.
 */
static u32 take_first(unsigned vcpu, unsigned prio, bool *pending, u32 *ready)
{
	struct evtchn_fifo_control_block *c = control(vcpu);
	u32 *head = &head_cache[vcpu][prio], port, link, w;

	if (!*head)
		*head = atomic_read(&c->head[prio]);
	port = *head;
	if (!port) {
		*ready &= ~(1U << prio);
		return 0;
	}
	link = unlink_word(word(port));
	if (!link)
		*ready &= ~(1U << prio);
	*head = link;
	w = READ_ONCE(*word(port));
	*pending = (w & PENDING) && !(w & MASKED);
	if (*pending)
		atomic_and(word(port), ~PENDING);
	return port;
}

/* Everything that is ready on a vCPU, in the order of delivery. Returns how many. */
static unsigned take_all(unsigned vcpu, u32 *ports, unsigned max)
{
	struct evtchn_fifo_control_block *c = control(vcpu);
	unsigned n = 0;
	u32 ready;

	guest->vcpu[vcpu]->info->evtchn_upcall_pending = 0;
	/*
	 * Taken before looking: a bit cleared afterwards could be that of an event which came
	 * meanwhile.
	 */
	ready = atomic_xchg(&c->ready, 0);
	while (ready) {
		bool pending = false;
		u32 port = take_first(vcpu, (unsigned)__builtin_ctz(ready), &pending, &ready);

		if (pending && n < max)
			ports[n++] = port;
		ready |= atomic_xchg(&c->ready, 0);
	}
	return n;
}

/* ---------------------------------------------------------------------------------------------- */

TEST(test_order, "order")
{
	u32 p[5], got[8];

	for (unsigned i = 0; i < 5; i++)
		p[i] = ipi(1);
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, p[4 - i]), 0);
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, p[2]), 0);
	CU_ASSERT_EQUAL(sim_unblocks(guest->vcpu[1]), 1);
	CU_ASSERT_EQUAL(control(1)->ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	CU_ASSERT_EQUAL(take_all(1, got, 8), 5);
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(got[i], p[4 - i]);
	CU_ASSERT_EQUAL(take_all(1, got, 8), 0);
	CU_ASSERT_EQUAL(take_all(0, got, 8), 0);
	/* Again on the queue that ran empty, and appended to one that is half taken. */
	port_op(guest, EVTCHNOP_send, p[0]);
	port_op(guest, EVTCHNOP_send, p[1]);

	u32 ready = control(1)->ready;
	bool pending;

	CU_ASSERT_EQUAL(take_first(1, 7, &pending, &ready), p[0]);
	port_op(guest, EVTCHNOP_send, p[0]);
	CU_ASSERT_EQUAL(take_all(1, got, 8), 2);
	CU_ASSERT_EQUAL(got[0], p[1]);
	CU_ASSERT_EQUAL(got[1], p[0]);
}

TEST(test_priorities, "priorities and moved events")
{
	u32 low, high, got[4];

	low = ipi(0);
	high = ipi(0);
	CU_ASSERT_EQUAL(priority(low, EVTCHN_FIFO_PRIORITY_MIN), 0);
	CU_ASSERT_EQUAL(priority(high, EVTCHN_FIFO_PRIORITY_MAX), 0);
	CU_ASSERT_EQUAL(priority(high, EVTCHN_FIFO_PRIORITY_MIN + 1), -EINVAL);
	CU_ASSERT_EQUAL(priority(high, ~0U), -EINVAL);
	CU_ASSERT_EQUAL(priority(9999, 3), -EINVAL);
	port_op(guest, EVTCHNOP_send, low);
	port_op(guest, EVTCHNOP_send, high);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 2);
	CU_ASSERT_EQUAL(got[0], high);
	CU_ASSERT_EQUAL(got[1], low);

	/*
	 * An event that moves to another queue while it is the old queue's tail: what comes to the
	 * old queue next must not be appended to it in its new place.
	 */
	port_op(guest, EVTCHNOP_send, low);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 1);
	priority(low, 3);
	port_op(guest, EVTCHNOP_send, low);
	priority(high, EVTCHN_FIFO_PRIORITY_MIN);
	port_op(guest, EVTCHNOP_send, high);
	CU_ASSERT_EQUAL(control(0)->ready, 1U << 3 | 1U << 15);
	CU_ASSERT_EQUAL(*word(low) & LINK, 0);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 2);
	CU_ASSERT_EQUAL(got[0], low);
	CU_ASSERT_EQUAL(got[1], high);
}

TEST(test_masks, "masks and pollers")
{
	u32 p, got[4];

	p = ipi(0);
	*word(p) = MASKED;
	guest->vcpu[3]->polling = true;
	guest->vcpu[3]->poll_port = p;
	port_op(guest, EVTCHNOP_send, p);
	CU_ASSERT_EQUAL(*word(p), PENDING | MASKED);
	CU_ASSERT_EQUAL(sim_unblocks(guest->vcpu[0]), 0);
	CU_ASSERT_EQUAL(sim_unblocks(guest->vcpu[3]), 1);
	CU_ASSERT(event_port_pending(guest, p));
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_unmask, p), 0);
	CU_ASSERT_EQUAL(*word(p), PENDING | LINKED);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 1);
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_unmask, p), 0);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 0);
}

TEST(test_other_vcpu, "another vCPU")
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 6 };
	struct evtchn_bind_interdomain bind = { .remote_dom = 5 };
	struct evtchn_bind_vcpu move = { .vcpu = 2 };
	u32 got[4];

	CU_ASSERT_EQUAL(call(guest, EVTCHNOP_alloc_unbound, &alloc), 0);
	bind.remote_port = move.port = alloc.port;
	CU_ASSERT_EQUAL(call(peer, EVTCHNOP_bind_interdomain, &bind), 0);
	CU_ASSERT_EQUAL(port_op(peer, EVTCHNOP_send, bind.local_port), 0);
	CU_ASSERT_EQUAL(call(guest, EVTCHNOP_bind_vcpu, &move), 0);
	/* Still on the first vCPU's queue; the next one goes to the other. */
	port_op(peer, EVTCHNOP_send, bind.local_port);
	CU_ASSERT_EQUAL(take_all(2, got, 4), 0);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 1);
	port_op(peer, EVTCHNOP_send, bind.local_port);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 0);
	CU_ASSERT_EQUAL(take_all(2, got, 4), 1);
}

TEST(test_from_2l, "what was pending in the 2-level ABI")
{
	u32 p, q, got[4];

	teardown();
	setup_2l();
	p = ipi(1);
	q = ipi(1);
	CU_ASSERT_EQUAL(expand(control_mfn[3]), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(priority(p, 3), -ENOSYS);
	/*
	 * Pending before the change of the ABI, between the change and the words, and before the
	 * vCPU's queues.
	 */
	port_op(guest, EVTCHNOP_send, p);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 0), 0);
	port_op(guest, EVTCHNOP_send, q);
	CU_ASSERT(event_port_pending(guest, p) && event_port_pending(guest, q));
	add_array();
	CU_ASSERT_EQUAL(*word(p), PENDING);
	CU_ASSERT_EQUAL(*word(q), PENDING);
	CU_ASSERT_EQUAL(init_control(1, control_mfn[1], 0), 0);
	CU_ASSERT_EQUAL(take_all(1, got, 4), 2);
}

TEST(test_many_ports, "more ports than words")
{
	u32 got[4], last = 0;

	add_array();
	for (unsigned i = 1; i < 5000; i++)
		last = ipi(0);
	CU_ASSERT_EQUAL(last, 4999);
	port_op(guest, EVTCHNOP_send, 1500);
	/* Has no word yet. */
	port_op(guest, EVTCHNOP_send, 2500);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 1);
	CU_ASSERT(event_port_pending(guest, 2500));
	add_array();
	CU_ASSERT_EQUAL(take_all(0, got, 4), 1);
	CU_ASSERT_EQUAL(got[0], 2500);
}

TEST(test_bad_frames, "bad frames and offsets")
{
	mfn_t foreign, table;

	teardown();
	setup_2l();
	foreign = sim_frame_of(peer);
	table = sim_frame_of(guest);
	mfn_to_frame(table)->type = FT_L1 | FT_VALIDATED | 1;
	mfn_to_frame(table)->count++;
	CU_ASSERT_EQUAL(init_control(0, foreign, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, table, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, max_mfn, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, ~0ULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 4), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 4096 - 64), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 4096), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], ~7U), -EINVAL);
	CU_ASSERT_EQUAL(init_control(4, control_mfn[0], 0), -ENOENT);
	CU_ASSERT_EQUAL(init_control(~0U, control_mfn[0], 0), -ENOENT);
	CU_ASSERT_PTR_NULL(guest->events.fifo);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 0), -ENOMEM);
	sim.allocs_left = 1;
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 0), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_PTR_NULL(guest->events.fifo);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 4096 - 72), 0);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[1], 0), -EINVAL);
	CU_ASSERT_EQUAL(expand(foreign), -EINVAL);
	CU_ASSERT_EQUAL(expand(table), -EINVAL);
	CU_ASSERT_EQUAL(expand(~0ULL), -EINVAL);
	/* 128 frames of words are all there can be; the same frame is good for all. */
	mfn_t f = sim_frame_of(guest);

	for (unsigned i = 0; i < 128; i++)
		CU_ASSERT_EQUAL(expand(f), 0);
	CU_ASSERT_EQUAL(expand(f), -ENOSPC);
	mfn_to_frame(table)->type = 0;
	mfn_to_frame(table)->count--;
}

TEST(test_closed_port, "a closed port that is still linked")
{
	u32 p, q, got[4];

	p = ipi(0);
	port_op(guest, EVTCHNOP_send, p);
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_close, p), 0);
	CU_ASSERT_EQUAL(*word(p), LINKED);
	/*
	 * Its word is still on the queue: the number must not be used again before the guest took
	 * it off.
	 */
	q = ipi(0);
	CU_ASSERT(q != p);
	CU_ASSERT_EQUAL(take_all(0, got, 4), 0);
	CU_ASSERT_EQUAL(ipi(0), p);
}

TEST(test_reset, "reset")
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	u32 p;

	p = ipi(0);
	port_op(guest, EVTCHNOP_send, p);
	CU_ASSERT_EQUAL(call(guest, EVTCHNOP_reset, &op), 0);
	CU_ASSERT_PTR_NULL(guest->events.fifo);
	CU_ASSERT_EQUAL(mfn_to_frame(control_mfn[0])->type & FT_COUNT_MASK, 0);
	/* A new kernel starts with the 2-level ABI and may choose again. */
	p = ipi(0);
	port_op(guest, EVTCHNOP_send, p);
	CU_ASSERT(test_bit(p, guest->shared_info->evtchn_pending));
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 0), 0);
	/* What was raised by the 2-level ABI before is forgotten with its port. */
	CU_ASSERT_EQUAL(call(guest, EVTCHNOP_reset, &op), 0);
	p = ipi(0);
	CU_ASSERT_FALSE(event_port_pending(guest, p));
}

static void count_frame(u64 mfn, void *arg)
{
	CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(mfn)), guest);
	(*(unsigned *)arg)++;
}

TEST(test_visited, "frames for the audit")
{
	unsigned n = 0;

	event_for_each_frame(guest, count_frame, &n);
	CU_ASSERT_EQUAL(n, 5);
	event_dump(guest);
}

/* Words and control blocks full of rubbish: every send returns, and the neighbour is served. */
TEST(test_rubbish, "rubbish in the words")
{
	u32 p[8];

	for (unsigned i = 0; i < 8; i++)
		p[i] = ipi(i % 4);
	srand(3);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned what = (unsigned)rand() % 4;

		if (what == 0)
			*word((u32)rand() % 1024) = (u32)rand() * 7;
		else if (what == 1)
			((u32 *)control((unsigned)rand() % 4))[rand() % 18] = (u32)rand() * 7;
		else if (what == 2)
			priority(p[rand() % 8], (u32)rand() % 17);
		CU_ASSERT_EQUAL(port_op(guest, rand() % 2 ? EVTCHNOP_send : EVTCHNOP_unmask,
					p[rand() % 8]),
				0);
	}
}

/* ---------------------------------------------------------------------------------------------- */
/* Threads: senders, and a guest that behaves or does not. */

#define PORTS   24
#define SENDS   30000
#define SENDERS 3

static void raise_while_changed(u32 tail, u32 port, unsigned times)
{
	race_word = word(tail);
	race_times = times;
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, port), 0);
	race_times = 0;
}

TEST(test_tail_changes, "a tail that is masked and unmasked while one is put behind it")
{
	u32 port[4], got[4];

	for (unsigned i = 0; i < 4; i++)
		port[i] = ipi(0);
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, port[i]), 0);
	raise_while_changed(port[1], port[2], 8);
	CU_ASSERT_EQUAL(*word(port[1]) & BUSY, 0);
	/* Without an end: the one that comes is lost until it comes again, and nobody else is. */
	raise_while_changed(port[2], port[3], 1000000);
	CU_ASSERT_EQUAL(*word(port[2]) & (BUSY | LINKED), LINKED);
	CU_ASSERT_EQUAL(*word(port[3]) & (PENDING | LINKED), PENDING);
	atomic_and(word(port[2]), ~MASKED);
	CU_ASSERT_EQUAL(take_all(0, got, ARRAY_SIZE(got)), 3);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(got[i], port[i]);
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, port[3]), 0);
	CU_ASSERT_EQUAL(take_all(0, got, ARRAY_SIZE(got)), 1);
	CU_ASSERT_EQUAL(got[0], port[3]);
}

static u32 thread_port[PORTS];
static u64 sent[PORTS];   /* the last number that was "written to the ring" before the send */
static u64 seen[PORTS];   /* what the guest found there in the handler */
static volatile bool stop;

static void *sender(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	sim_current = guest->vcpu[seed % 4];
	for (unsigned i = 0; i < SENDS; i++) {
		unsigned n = (unsigned)rand_r(&seed) % PORTS;
		struct evtchn_send op = { .port = thread_port[n] };
		struct evtchn_set_priority prio = { .port = op.port,
						    .priority = (u32)rand_r(&seed) % 16 };

		if (rand_r(&seed) % 16 == 0)
			do_event_channel_op(EVTCHNOP_set_priority, (u64)(uintptr_t)&prio);
		atomic_add(&sent[n], 1);
		do_event_channel_op(EVTCHNOP_send, (u64)(uintptr_t)&op);
	}
	return NULL;
}

static void handle(u32 *ports, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < PORTS; k++)
			if (thread_port[k] == ports[i])
				atomic_set(&seen[k], atomic_read(&sent[k]));
}

static void *good_guest(void *arg)
{
	u32 got[PORTS * 4];
	unsigned seed = 5;

	sim_current = guest->vcpu[0];
	while (!stop) {
		handle(got, take_all(0, got, ARRAY_SIZE(got)));
		/* Mask for a while, as a kernel does that moves an interrupt. */
		if (rand_r(&seed) % 4 == 0) {
			struct evtchn_unmask op = { .port = thread_port[rand_r(&seed) % PORTS] };

			atomic_or(word(op.port), MASKED);
			handle(got, take_all(0, got, ARRAY_SIZE(got)));
			do_event_channel_op(EVTCHNOP_unmask, (u64)(uintptr_t)&op);
		}
	}
	return NULL;
}

static void run_threads(void *(*guest_thread)(void *))
{
	pthread_t s[SENDERS], g;

	memset(sent, 0, sizeof(sent));
	memset(seen, 0, sizeof(seen));
	stop = false;
	for (unsigned i = 0; i < PORTS; i++)
		thread_port[i] = ipi(0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&g, NULL, guest_thread, NULL), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&s[i], NULL, sender, (void *)(uintptr_t)(i + 1)), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(s[i], NULL);
	stop = true;
	pthread_join(g, NULL);
}

TEST(test_nothing_lost, "nothing is lost between threads")
{
	u32 got[PORTS * 4];

	run_threads(good_guest);
	handle(got, take_all(0, got, ARRAY_SIZE(got)));
	for (unsigned i = 0; i < PORTS; i++) {
		CU_ASSERT(sent[i] > 0);
		CU_ASSERT_EQUAL(seen[i], sent[i]);
		CU_ASSERT_EQUAL(*word(thread_port[i]) & (PENDING | MASKED | LINKED | BUSY), 0);
	}
}

static void *bad_guest(void *arg)
{
	unsigned seed = 9;

	while (!stop) {
		u32 *w = word(thread_port[rand_r(&seed) % PORTS]);

		WRITE_ONCE(*w, (u32)rand_r(&seed) * 5);
		atomic_and(w, ~LINKED);
		WRITE_ONCE(control(0)->head[rand_r(&seed) % 16], (u32)rand_r(&seed));
		WRITE_ONCE(control(0)->ready, (u32)rand_r(&seed));
	}
	return NULL;
}

TEST(test_hostile_races, "a guest that races with us")
{
	run_threads(bad_guest);
	/* Whatever happened to its words, closing and destroying find everything in order. */
	for (unsigned i = 0; i < PORTS; i++)
		CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_close, thread_port[i]), 0);
}

/* Where an HVM guest has its pages: at 77 the first, at 78 the array. */
static mfn_t hvm_frames[2];

mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type)
{
	CU_ASSERT_PTR_EQUAL(d, guest);
	return gfn == 77 || gfn == 78 ? hvm_frames[gfn - 77] : INVALID_MFN;
}

TEST(test_hvm, "an HVM guest names its pages by its own numbers")
{
	u32 port;

	teardown();
	setup_2l();
	guest->p2m = (struct p2m *)guest;
	hvm_frames[0] = control_mfn[0];
	hvm_frames[1] = array_mfn[0] = sim_frame_of(guest);
	port = ipi(0);
	CU_ASSERT_EQUAL(init_control(0, control_mfn[0], 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, 79, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, ~0ULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(init_control(0, 77, 0), 0);
	CU_ASSERT_EQUAL(expand(array_mfn[0]), -EINVAL);
	CU_ASSERT_EQUAL(expand(78), 0);
	CU_ASSERT_EQUAL(port_op(guest, EVTCHNOP_send, port), 0);
	CU_ASSERT_TRUE(*word(port) & PENDING);
	CU_ASSERT_EQUAL(control(0)->head[EVTCHN_FIFO_PRIORITY_DEFAULT], port);
	guest->p2m = NULL;
}

SUITE("event_fifo", .begin = setup, .end = teardown)
