// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * The FIFO event ABI: control blocks and event words in the guest's memory, one queue for each
 * priority. Switching takes pending events along; words link up in the order of sending, higher
 * priorities announce themselves in `ready`; a word that the guest has consumed can be queued
 * again. What the guest writes into that memory, however absurd, is its own trouble.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "events-fifo";

static volatile struct evtchn_fifo_control_block *block;
static volatile uint32_t *words;
static uint8_t *second;

#define PENDING (1U << EVTCHN_FIFO_PENDING)
#define MASKED	(1U << EVTCHN_FIFO_MASKED)
#define LINKED	(1U << EVTCHN_FIFO_LINKED)
#define BUSY	(1U << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

static unsigned loop_pair(unsigned *other)
{
	*other = unbound_port();
	return bind_port(*other);
}

static long control(const void *page, unsigned offset, unsigned vcpu)
{
	struct evtchn_init_control c = { .control_gfn = virt_to_mfn(page),
					 .offset = offset,
					 .vcpu = vcpu };
	long r = evtchn_op(EVTCHNOP_init_control, &c);

	if (!r)
		check_eq(c.link_bits, EVTCHN_FIFO_LINK_BITS);
	return r;
}

static long expand(uint64_t mfn)
{
	struct evtchn_expand_array e = { .array_gfn = mfn };

	return evtchn_op(EVTCHNOP_expand_array, &e);
}

/* Take the first event of a queue off, as a kernel does. 0: none. */
static unsigned consume(unsigned q)
{
	uint32_t head = block->head[q], w;

	if (!head)
		return 0;
	w = words[head];
	/* Unlink: LINKED and the link go together. */
	do {
		w = words[head];
	} while (!__atomic_compare_exchange_n(&words[head], &w, w & ~(LINKED | LINK), false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	block->head[q] = w & LINK;
	if (!(w & LINK))
		__atomic_and_fetch(&block->ready, ~(1U << q), __ATOMIC_SEQ_CST);
	return head;
}

static void set_pending_off(unsigned port)
{
	__atomic_and_fetch(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
}

void test_main(void)
{
	struct evtchn_set_priority p;
	unsigned a, b, c, d, from_b, from_d, ipi;
	uint8_t *page = page_alloc();

	second = page_alloc();
	words = page_alloc();
	events_off();
	b = loop_pair(&a);
	clear_event(a);
	clear_event(b);
	send_event(a);
	check(event_pending(b));

	check_refused(expand(virt_to_mfn((void *)words)));
	check_refused(control(page, 4, 0));
	check_refused(control(page, PAGE_SIZE - 8, 0));
	check_refused(control(page, 0xfffffff8, 0));
	check_refused(control(page, 0, 2));
	check_refused(control(pte_of(page), 0, 0));
	check_eq(control(page, 64, 0), 0);
	block = (void *)(page + 64);
	check_eq(expand(virt_to_mfn((void *)words)), 0);
	check_refused(expand(virt_to_mfn(pte_of(page))));
	check_refused(expand(1ULL << 40));
	check_refused(control(page, 64, 0));
	/* What was pending before still is. */
	check(words[b] & PENDING);
	for (int q = 0; q < 16; q++)
		while (consume(q))
			;
	set_pending_off(b);
	set_pending_off(a);

	send_event(a);
	check_eq(words[b] & (PENDING | LINKED), PENDING | LINKED);
	check_eq(block->ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	check_eq(vcpu_info()->evtchn_upcall_pending, 1);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
	check_eq(block->ready, 0);
	/* Consumed but still pending: sending again queues it again. */
	send_event(a);
	check_eq(words[b] & (PENDING | LINKED), PENDING | LINKED);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
	set_pending_off(b);

	/* Order within a queue, and a second queue. */
	d = loop_pair(&c);
	from_b = a;
	from_d = c;
	for (int q = 0; q < 16; q++)
		while (consume(q))
			;
	for (unsigned port = 1; port < 64; port++)
		set_pending_off(port);
	send_event(from_d);
	send_event(from_b);
	check_eq(words[d] & LINK, b);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), d);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), 0);
	set_pending_off(b);
	set_pending_off(d);
	p = (struct evtchn_set_priority){ .port = d, .priority = 2 };
	check_eq(evtchn_op(EVTCHNOP_set_priority, &p), 0);
	p.priority = 16;
	check_refused(evtchn_op(EVTCHNOP_set_priority, &p));
	p = (struct evtchn_set_priority){ .port = 4000, .priority = 2 };
	check_refused(evtchn_op(EVTCHNOP_set_priority, &p));
	send_event(from_b);
	send_event(from_d);
	check_eq(block->ready, 1U << 2 | 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	check_eq(consume(2), d);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
	set_pending_off(b);
	set_pending_off(d);

	/* Masked: pending, not linked; unmasking links it. */
	__atomic_or_fetch(&words[b], MASKED, __ATOMIC_SEQ_CST);
	send_event(from_b);
	check_eq(words[b] & (PENDING | MASKED | LINKED), PENDING | MASKED);
	unmask_event(b);
	check_eq(words[b] & (PENDING | MASKED | LINKED), PENDING | LINKED);
	check_eq(consume(EVTCHN_FIFO_PRIORITY_DEFAULT), b);
	set_pending_off(b);

	/* Another vcpu has queues of its own. */
	check_eq(control(second, 0, 1), 0);
	ipi = bind_ipi(1);
	send_event(ipi);
	check_eq(((volatile struct evtchn_fifo_control_block *)second)->ready,
		 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	check_eq(((volatile struct evtchn_fifo_control_block *)second)
			 ->head[EVTCHN_FIFO_PRIORITY_DEFAULT],
		 ipi);

	/* Rubbish in the words and the block: links to anywhere, everything set. Sends go on and
	 * nothing breaks. */
	for (unsigned i = 0; i < 1024; i++)
		words[i] = i * 2654435761U;
	for (unsigned i = 0; i < 16; i++)
		block->head[i] = 0xfffffff0 + i;
	block->ready = 0xffffffff;
	for (int i = 0; i < 2000; i++) {
		words[b] = i & 1 ? 0 : (uint32_t)(i * 2654435761U) & ~MASKED;
		words[d] = i & 2 ? LINKED | BUSY | 0x1ffff : 0;
		check_eq(evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ .port = from_b }), 0);
		check_eq(evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ .port = from_d }), 0);
		check_eq(evtchn_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ .port = b }), 0);
	}
	/* Ends with the FIFO in place, for the domain's destruction to clean up. */
}
