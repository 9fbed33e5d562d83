// SPDX-License-Identifier: MIT
/*
 * Being saved, restored and cloned: a sum over memory before and after, the devices taken up again,
 * random numbers begun anew where another copy of this kernel may have the same ones.
 */
#include "frontends/minimal/kernel.h"

#include "frontends/lib/text.h"

#define GENERATION "platform/generation-id"

static uint32_t random_state[4];
static char generation[48];	/* the last one that was read */

/* Xorshift of 128 bits of state: for patterns, not for keys. */
uint32_t random_word(void)
{
	uint32_t t = random_state[3], s = random_state[0];

	random_state[3] = random_state[2];
	random_state[2] = random_state[1];
	random_state[1] = s;
	t ^= t << 11;
	t ^= t >> 8;
	random_state[0] = t ^ s ^ s >> 19;
	return random_state[0];
}

static void mix(uint32_t word)
{
	random_state[0] ^= word;
	if (!(random_state[0] | random_state[1] | random_state[2] | random_state[3]))
		random_state[0] = 1;
	for (unsigned int i = 0; i < 8; i++)
		random_word();
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* The clock differs from one start to the next, the number in the store from clone to clone. */
static void seed(void)
{
	uint64_t now = ticks();

	mix((uint32_t)now);
	mix((uint32_t)(now >> 32));
	for (const char *p = generation; *p; p++)
		mix((uint32_t)(unsigned char)*p);
}

static void read_generation(void)
{
	if (!start_info->store_evtchn ||
	    store_read(&store, 0, GENERATION, generation, sizeof(generation)) < 0)
		generation[0] = '\0';
}

void random_open(void)
{
	read_generation();
	seed();
}

/* ---- the handshake ---- */

static xen_pfn_t pfn(void *kernel, xen_pfn_t mfn)
{
	(void)kernel;
	return memory_pfn(mfn);
}

static void let_go(void *kernel)
{
	(void)kernel;
	memory_let_go();
}

/* From its last instruction to the first that it has again; of the time-stamp counter. */
static uint64_t stood_still;

static long stop(void *kernel)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_suspend };
	uint64_t from = ticks();
	long result;

	(void)kernel;
	result = hypercall(__HYPERVISOR_sched_op, (long)SCHEDOP_shutdown, &s,
			   (xen_ulong_t)memory_frame(start_info));
	stood_still = ticks() - from;
	return result;
}

static void take_up(void *kernel, bool restored)
{
	(void)kernel;
	memory_take_up();
	if (restored)
		events_forget();
}

static const struct suspend_ops ops = {
	.pfn = pfn,
	.let_go = let_go,
	.shutdown = stop,
	.take_up = take_up,
};

/* Another domain: everything that has a name outside of our memory has another one. */
static bool come_back(void)
{
	int error;

	print_resume();
	error = event_listen(start_info->store_evtchn, NULL, NULL);
	if (!error) {
		store_resume(&store, start_info->store_evtchn);
		error = control_again();
	}
	if (error)
		fail("the store after a restore: %d", error);
	return !error && balloon_restored();
}

void suspend_now(void)
{
	static unsigned int restored, cancelled;
	uint64_t then = time_now(NULL), now;
	uint32_t before, after;
	long result;

	block_hold();
	before = memory_sum();
	result = suspend(&ops, NULL, start_info);
	after = memory_sum();
	now = time_now(NULL);
	if (result < 0)
		fail("suspend: %ld", result);
	if (before != after)
		fail("the memory's sum was %08x and is %08x", before, after);
	if (now < then)
		fail("the clock went back from %llu to %llu", (unsigned long long)then,
		     (unsigned long long)now);
	if (result == SUSPEND_RESTORED && come_back()) {
		read_generation();
		seed();
		print("minimal: generation %s, random numbers begun anew: %08x\n", generation,
		      random_word());
	}
	block_go_on(result == SUSPEND_RESTORED);
	if (result == SUSPEND_RESTORED && net_resume())
		block_again();
	if (failed)
		return;
	print("minimal: stood still for %llu ticks\n", (unsigned long long)stood_still);
	if (result == SUSPEND_RESTORED)
		print("RESULT minimal RESTORED %u, sum %08x\n", ++restored, after);
	else
		print("RESULT minimal CANCELLED %u, sum %08x\n", ++cancelled, after);
}
