// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The FIFO ABI. A port has a word in an array of guest frames, a vCPU has a control block with the
 * heads of 16 queues; a queue is a list of ports through the words' link fields. The guest takes
 * events off the front, we add at the end: what we know of a queue is only the port that we added
 * last (the tail), and whether it is still linked is the LINKED bit of its word.
 *
 * Everything in these frames can be changed by the guest behind our back. A port number is never
 * read from them, and the compare-and-exchange on a word that the guest keeps changing gives up
 * after a few rounds: then the guest has lost its own event.
 */
#include "domain/domain.h"
#include "domain/event_channel.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

#define WORD_PENDING (1U << EVTCHN_FIFO_PENDING)
#define WORD_MASKED  (1U << EVTCHN_FIFO_MASKED)
#define WORD_LINKED  (1U << EVTCHN_FIFO_LINKED)
#define WORD_BUSY    (1U << EVTCHN_FIFO_BUSY)

#define WORDS_PER_FRAME (PAGE_SIZE / sizeof(event_word_t))
#define MAX_FRAMES      (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_FRAME)

struct fifo_queue {
	struct spinlock lock;
	u32 tail; /* port added last, 0: none */
};

struct fifo_vcpu {
	struct frame *frame; /* of the control block: general and FT_WRITABLE reference held */
	struct evtchn_fifo_control_block *block; /* NULL until EVTCHNOP_init_control */
	struct fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct event_fifo {
	u32 nr_frames; /* of the event array; published after the frame it counts */
	struct frame *frame[MAX_FRAMES]; /* general and FT_WRITABLE references held */
	struct fifo_vcpu *vcpu; /* one for each possible vCPU of the domain */
};

static event_word_t *word_of(struct event_fifo *fifo, u32 port)
{
	if (port / WORDS_PER_FRAME >= __atomic_load_n(&fifo->nr_frames, __ATOMIC_ACQUIRE))
		return NULL;
	return (event_word_t *)frame_to_va(fifo->frame[port / WORDS_PER_FRAME]) +
	       port % WORDS_PER_FRAME;
}

static event_word_t *port_word(struct domain *d, u32 port)
{
	struct event_fifo *fifo = d->events.fifo;

	return fifo ? word_of(fifo, port) : NULL;
}

/*
 * Make `port` the successor of the port whose word is `word`. LINK_EMPTY if that one is no longer
 * linked: the guest has taken it, and its queue is empty. LINK_GAVE_UP: the word was changed at
 * each try. Others may mask it, clear it or raise it even while it is busy, so that a few tries in
 * vain are nothing that only a hostile guest would do.
 */
#define LINK_TRIES 64
enum link_result { LINK_DONE, LINK_EMPTY, LINK_GAVE_UP };
static enum link_result set_link(event_word_t *word, u32 port)
{
	event_word_t w = READ_ONCE(*word);

	for (unsigned tries = 0; tries < LINK_TRIES && (w & WORD_LINKED); tries++) {
		if (atomic_cmpxchg(word, &w,
				   (w & ~(WORD_BUSY | (u32)EVTCHN_FIFO_LINK_MASK)) | port))
			return LINK_DONE;
		/* The other party may be unmasking, and it waits while the word is busy. */
		if (!tries)
			w = atomic_or(word, WORD_BUSY) | WORD_BUSY;
	}
	if (w & WORD_BUSY)
		atomic_and(word, ~WORD_BUSY);
	return w & WORD_LINKED ? LINK_GAVE_UP : LINK_EMPTY;
}

static void lock_queues(struct fifo_queue *a, struct fifo_queue *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_queues(struct fifo_queue *a, struct fifo_queue *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

static struct fifo_queue *queue_by_number(struct event_fifo *fifo, u16 number)
{
	return &fifo->vcpu[number / EVTCHN_FIFO_MAX_QUEUES].queue[number % EVTCHN_FIFO_MAX_QUEUES];
}

/* Put the pending, unmasked event at the end of its queue unless it is on one. */
static void link_event(struct domain *d, struct event_fifo *fifo, struct event_channel *chn,
		       event_word_t *word)
{
	u16 vcpu = READ_ONCE(chn->notify_vcpu);
	u8 priority = READ_ONCE(chn->priority);
	u16 number = (u16)(vcpu * EVTCHN_FIFO_MAX_QUEUES + priority), last;
	struct evtchn_fifo_control_block *block =
		__atomic_load_n(&fifo->vcpu[vcpu].block, __ATOMIC_ACQUIRE);
	struct fifo_queue *q = queue_by_number(fifo, number), *old_q;
	enum link_result linked = LINK_EMPTY;
	unsigned tries = 0;

	/* The event stays pending; init_control of the vCPU looks for such. */
	if (!block)
		return;

	for (;;) {
		last = READ_ONCE(chn->last_queue);
		old_q = queue_by_number(fifo, last);
		lock_queues(q, old_q);
		if (READ_ONCE(chn->last_queue) == last)
			break;
		unlock_queues(q, old_q);
		if (++tries == LINK_TRIES)
			return;
	}

	if (atomic_or(word, WORD_LINKED) & WORD_LINKED) {
		unlock_queues(q, old_q);
		return;
	}
	/*
	 * It was taken off the old queue, and was the last on it: nothing may be appended to it
	 * there.
	 */
	if (old_q->tail == chn->port)
		old_q->tail = 0;
	WRITE_ONCE(chn->last_queue, number);
	if (q->tail)
		linked = set_link(word_of(fifo, q->tail), chn->port);
	/* Those on the queue must not be lost for this one, which its next raising links. */
	if (linked == LINK_GAVE_UP)
		atomic_and(word, ~WORD_LINKED);
	else
		q->tail = chn->port;
	if (linked == LINK_EMPTY)
		WRITE_ONCE(block->head[priority], chn->port);
	unlock_queues(q, old_q);

	/* `ready` and the reserved word behind it are 8 bytes, 8-byte aligned. */
	if (linked == LINK_EMPTY && !test_and_set_bit(priority, block))
		event_mark_vcpu(d->vcpu[vcpu]);
}

void event_fifo_set_pending(struct domain *d, struct event_channel *chn)
{
	struct event_fifo *fifo = d->events.fifo;
	event_word_t *word = word_of(fifo, chn->port), old;

	if (!word) {
		atomic_set(&chn->pending, true);
		event_wake_pollers(d, chn->port);
		/* If the array grew just now, expand may have missed the flag. */
		word = word_of(fifo, chn->port);
		if (!word)
			return;
	}
	old = atomic_or(word, WORD_PENDING);
	if (!(old & (WORD_MASKED | WORD_LINKED)))
		link_event(d, fifo, chn, word);
	if (!(old & WORD_PENDING))
		event_wake_pollers(d, chn->port);
}

void event_fifo_clear_pending(struct domain *d, struct event_channel *chn)
{
	event_word_t *word = port_word(d, chn->port);

	chn->pending = false;
	if (word)
		atomic_and(word, ~WORD_PENDING);
}

void event_fifo_unmask(struct domain *d, struct event_channel *chn)
{
	event_word_t *word = port_word(d, chn->port);

	if (word && (atomic_and(word, ~WORD_MASKED) & WORD_PENDING))
		event_fifo_set_pending(d, chn);
}

bool event_fifo_is_pending(struct domain *d, const struct event_channel *chn)
{
	event_word_t *word = port_word(d, chn->port);

	return word ? READ_ONCE(*word) & WORD_PENDING : READ_ONCE(chn->pending);
}

bool event_fifo_is_masked(struct domain *d, const struct event_channel *chn)
{
	event_word_t *word = port_word(d, chn->port);

	return !word || (READ_ONCE(*word) & WORD_MASKED);
}

bool event_fifo_is_busy(struct domain *d, u32 port)
{
	event_word_t *word = port_word(d, port);

	return word && (READ_ONCE(*word) & WORD_LINKED);
}

/* The vCPU has its queues now: put on them what was raised before. */
static void link_pending(struct domain *d, unsigned vcpu)
{
	for (u32 port = 1; port < d->events.valid_ports; port++) {
		struct event_channel *chn = event_lookup(d, port);
		u64 flags = spin_lock_irqsave(&chn->lock);

		if (chn->state != EVENT_FREE && chn->notify_vcpu == vcpu &&
		    event_fifo_is_pending(d, chn))
			event_fifo_set_pending(d, chn);
		spin_unlock_irqrestore(&chn->lock, flags);
	}
}

int event_fifo_expand(struct domain *d, struct frame *frame)
{
	struct event_fifo *fifo = d->events.fifo;
	unsigned index;

	if (!fifo)
		return -EOPNOTSUPP;
	index = fifo->nr_frames;
	if (index == MAX_FRAMES)
		return -ENOSPC;
	fifo->frame[index] = frame;
	atomic_set(&fifo->nr_frames, index + 1);

	for (u64 port = max(index * WORDS_PER_FRAME, 1ULL); port < d->events.valid_ports; port++) {
		struct event_channel *chn = event_lookup(d, (u32)port);
		u64 flags = spin_lock_irqsave(&chn->lock);

		if (chn->state != EVENT_FREE && READ_ONCE(chn->pending)) {
			chn->pending = false;
			event_fifo_set_pending(d, chn);
		}
		spin_unlock_irqrestore(&chn->lock, flags);
	}
	return 0;
}

static struct event_fifo *fifo_alloc(struct domain *d)
{
	struct event_fifo *fifo = zalloc(ALLOC_EVENT, sizeof(*fifo));

	if (!fifo)
		return NULL;
	fifo->vcpu = zalloc(ALLOC_EVENT, max(d->max_vcpus, 1U) * sizeof(*fifo->vcpu));
	if (!fifo->vcpu) {
		zfree(fifo);
		return NULL;
	}
	return fifo;
}

/*
 * From now on everything is delivered by the FIFO. What is pending in the shared info page waits
 * for its event word. A sender that set a bit there too late for us sees d->events.fifo afterwards
 * and delivers again (event.c).
 */
static void switch_to_fifo(struct domain *d, struct event_fifo *fifo)
{
	atomic_set(&d->events.fifo, fifo);
	for (u32 port = 1; port < d->events.valid_ports; port++) {
		struct event_channel *chn = event_lookup(d, port);
		u64 flags = spin_lock_irqsave(&chn->lock);

		chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
		if (chn->state != EVENT_FREE && event_2l_is_pending(d, chn))
			atomic_set(&chn->pending, true);
		spin_unlock_irqrestore(&chn->lock, flags);
	}
}

int event_fifo_init_control(struct domain *d, unsigned vcpu, struct frame *frame, u32 offset)
{
	struct event_fifo *fifo = d->events.fifo;

	if (fifo && fifo->vcpu[vcpu].block)
		return -EINVAL;
	if (!fifo)
		fifo = fifo_alloc(d);
	if (!fifo)
		return -ENOMEM;

	fifo->vcpu[vcpu].frame = frame;
	atomic_set(&fifo->vcpu[vcpu].block,
		   (struct evtchn_fifo_control_block *)((char *)frame_to_va(frame) + offset));
	if (!d->events.fifo)
		switch_to_fifo(d, fifo);
	else
		link_pending(d, vcpu);
	return 0;
}

struct event_fifo *event_fifo_detach(struct domain *d)
{
	return atomic_xchg(&d->events.fifo, NULL);
}

void event_fifo_free(struct domain *d, struct event_fifo *fifo)
{
	if (!fifo)
		return;
	for (u32 i = 0; i < fifo->nr_frames; i++)
		frame_put_and_type(fifo->frame[i]);
	for (unsigned i = 0; i < d->max_vcpus; i++)
		if (fifo->vcpu[i].frame)
			frame_put_and_type(fifo->vcpu[i].frame);
	zfree(fifo->vcpu);
	zfree(fifo);
}

void event_for_each_frame(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg)
{
	struct event_fifo *fifo;

	spin_lock(&d->events.lock);
	fifo = d->events.fifo;
	if (fifo) {
		for (u32 i = 0; i < fifo->nr_frames; i++)
			fn(frame_to_mfn(fifo->frame[i]), arg);
		for (unsigned i = 0; i < d->max_vcpus; i++)
			if (fifo->vcpu[i].frame)
				fn(frame_to_mfn(fifo->vcpu[i].frame), arg);
	}
	spin_unlock(&d->events.lock);
}
