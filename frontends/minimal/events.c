// SPDX-License-Identifier: MIT
/* Event channels of the two-level kind, looked at instead of delivered; and the clock. */
#include "frontends/minimal/kernel.h"

#define WORD_BITS (8 * sizeof(xen_ulong_t))

static struct {
	bool open;
	void (*handler)(void *arg);
	void *arg;
} channels[EVENTS_MAX];
static bool in_handler;

int event_listen(evtchn_port_t port, void (*handler)(void *arg), void *arg)
{
	if (port >= EVENTS_MAX)
		return -ENOSPC;
	channels[port].open = true;
	channels[port].handler = handler;
	channels[port].arg = arg;
	return 0;
}

int event_open(void *kernel, domid_t peer, void (*handler)(void *arg), void *arg,
	       evtchn_port_t *port)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = peer };
	int error = (int)hypercall(__HYPERVISOR_event_channel_op, (long)EVTCHNOP_alloc_unbound,
				   &a);

	if (error)
		return error;
	*port = a.port;
	error = event_listen(a.port, handler, arg);
	if (error)
		event_close(kernel, a.port);
	return error;
}

void events_forget(void)
{
	memset(channels, 0, sizeof(channels));
}

void event_close(void *kernel, evtchn_port_t port)
{
	struct evtchn_close c = { .port = port };

	(void)kernel;
	if (port < EVENTS_MAX)
		channels[port].open = false;
	hypercall(__HYPERVISOR_event_channel_op, (long)EVTCHNOP_close, &c);
}

void event_send(void *kernel, evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	(void)kernel;
	hypercall(__HYPERVISOR_event_channel_op, (long)EVTCHNOP_send, &s);
}

/* Handles what is pending. A handler that prints may wait, but not run handlers again. */
static bool handle(void)
{
	bool any = false;

	if (in_handler)
		return false;
	in_handler = true;
	for (unsigned int port = 0; port < EVENTS_MAX; port++) {
		xen_ulong_t bit = (xen_ulong_t)1 << port % WORD_BITS;
		xen_ulong_t *word = &shared_info->evtchn_pending[port / WORD_BITS];

		if (!channels[port].open || !(__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit))
			continue;
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
		any = true;
		if (channels[port].handler)
			channels[port].handler(channels[port].arg);
	}
	in_handler = false;
	return any;
}

void event_wait(void *kernel, uint64_t deadline)
{
	evtchn_port_t ports[EVENTS_MAX];
	struct sched_poll poll = { .timeout = deadline };

	(void)kernel;
	if (handle())
		return;
	for (unsigned int port = 0; port < EVENTS_MAX; port++)
		if (channels[port].open)
			ports[poll.nr_ports++] = port;
	set_xen_guest_handle(poll.ports, ports);
	hypercall(__HYPERVISOR_sched_op, (long)SCHEDOP_poll, &poll);
	handle();
}

uint64_t time_now(void *kernel)
{
	volatile struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
	uint32_t version, low, high;
	uint64_t ns;

	(void)kernel;
	do {
		uint64_t ticks;

		version = t->version;
		__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
		ticks = ((uint64_t)high << 32 | low) - t->tsc_timestamp;
		ticks = t->tsc_shift >= 0 ? ticks << t->tsc_shift : ticks >> -t->tsc_shift;
		ns = t->system_time + (ticks >> 32) * t->tsc_to_system_mul +
		     ((ticks & 0xffffffff) * t->tsc_to_system_mul >> 32);
		__asm__ volatile("lfence" ::: "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}
