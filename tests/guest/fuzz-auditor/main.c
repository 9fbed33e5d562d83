// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a fuzzing machine (tests/system/fuzz_machine.py): domain 1 is the victim, the others
 * fuzz. It has the hypervisor audit itself over and over, does to the fuzzing domains what a
 * toolstack would do at the worst moment (pause, read vcpus' states and frames' types, move vcpus,
 * change limits, destroy what has crashed), and when none of them is left tells the victim to end,
 * audits once more and takes the machine down.
 */
#include "dom0.h"

const char test_name[] = "fuzz-auditor";

#define VICTIM 1
#define LAST   40
/* A wild kernel may loop for ever: whoever is left after so many rounds is destroyed as it is. */
#define ROUNDS 2000

static struct vcpu_guest_context context;
static uint64_t frames[64], seed = 0x853c49e6748fea9bUL;
static unsigned audits;

static void count_audit(void)
{
	audit();
	audits++;
}

/* One thing that a toolstack might do to it. */
static void disturb(unsigned domain)
{
	unsigned vcpu = random_next(&seed) % 5;

	memset(&op, 0, sizeof(op));
	switch (random_next(&seed) % 8) {
	case 0:
		check_eq(domctl(XEN_DOMCTL_pausedomain, domain), 0);
		op.u.vcpucontext.vcpu = vcpu;
		op.u.vcpucontext.ctxt = (uint64_t)&context;
		domctl(XEN_DOMCTL_getvcpucontext, domain);
		domctl(XEN_DOMCTL_unpausedomain, domain);
		break;
	case 1:
		op.u.vcpucontext.vcpu = vcpu;
		op.u.vcpucontext.ctxt = (uint64_t)&context;
		domctl(XEN_DOMCTL_getvcpucontext, domain);
		break;
	case 2:
		for (unsigned i = 0; i < 64; i++)
			frames[i] = random_next(&seed) % (1 << 17);
		op.u.getpageframeinfo3.num = 64;
		op.u.getpageframeinfo3.array = (uint64_t)frames;
		domctl(XEN_DOMCTL_getpageframeinfo3, domain);
		break;
	case 3:
		op.u.getvcpuinfo.vcpu = vcpu;
		domctl(XEN_DOMCTL_getvcpuinfo, domain);
		break;
	case 4:
		op.u.max_mem.max_memkb = 15000 + random_next(&seed) % 4096;
		domctl(XEN_DOMCTL_max_mem, domain);
		break;
	case 5:
		op.u.settimeoffset.time_offset_seconds = (int32_t)random_next(&seed);
		domctl(XEN_DOMCTL_settimeoffset, domain);
		break;
	case 6: {
		uint8_t map = 1 + random_next(&seed) % 3;

		op.u.vcpuaffinity.vcpu = vcpu;
		op.u.vcpuaffinity.flags = 1;
		op.u.vcpuaffinity.cpumap_hard.bitmap = (uint64_t)&map;
		op.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
		domctl(XEN_DOMCTL_setvcpuaffinity, domain);
		break;
	}
	default:
		domctl(XEN_DOMCTL_gettscinfo, domain);
	}
}

/* Where its vcpus are, for whoever asks why. */
static void tell_vcpus(unsigned domain)
{
	check_eq(domctl(XEN_DOMCTL_pausedomain, domain), 0);
	for (unsigned vcpu = 0; vcpu < 5; vcpu++) {
		op.u.getvcpuinfo.vcpu = vcpu;
		if (domctl(XEN_DOMCTL_getvcpuinfo, domain))
			continue;
		print("fuzz-auditor: d%uv%u online %u, blocked %u, %lu ns\n", domain, vcpu,
		      op.u.getvcpuinfo.online, op.u.getvcpuinfo.blocked,
		      (unsigned long)op.u.getvcpuinfo.cpu_time);
		op.u.vcpucontext.vcpu = vcpu;
		op.u.vcpucontext.ctxt = (uint64_t)&context;
		if (domctl(XEN_DOMCTL_getvcpucontext, domain))
			continue;
		print("fuzz-auditor: rip %lx, rsp %lx, rax %lx, rdi %lx, rsi %lx, rdx %lx\n",
		      context.user_regs.rip, context.user_regs.rsp, context.user_regs.rax,
		      context.user_regs.rdi, context.user_regs.rsi, context.user_regs.rdx);
	}
}

static void end_victim(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = VICTIM, .remote_port = 1 };
	long flags;

	check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	send_event(b.local_port);
	do {
		sleep_ns(10000000);
		flags = flags_of(VICTIM);
	} while (flags >= 0 && !(flags & XEN_DOMINF_shutdown));
	count_audit();
	check(flags >= 0);
	check_eq(flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_poweroff);
	check_eq(domctl(XEN_DOMCTL_destroydomain, VICTIM), 0);
}

void test_main(void)
{
	unsigned left;

	trap_hook = swallow_events;
	do {
		left = 0;
		for (unsigned d = VICTIM + 1; d < LAST; d++) {
			long flags = flags_of(d);

			if (flags < 0)
				continue;
			if (flags & XEN_DOMINF_shutdown) {
				print("fuzz-auditor: domain %u ended, reason %ld\n", d,
				      flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
				check_eq(domctl(XEN_DOMCTL_destroydomain, d), 0);
				continue;
			}
			if (audits > ROUNDS) {
				print("fuzz-auditor: domain %u goes on and on\n", d);
				/* Twice: do they move? */
				tell_vcpus(d);
				check_eq(domctl(XEN_DOMCTL_unpausedomain, d), 0);
				sleep_ns(1000000000);
				tell_vcpus(d);
				check_eq(domctl(XEN_DOMCTL_destroydomain, d), 0);
				continue;
			}
			left++;
			for (unsigned i = 0; i < 4; i++)
				disturb(d);
		}
		count_audit();
		sleep_ns(50000000);
	} while (left);
	end_victim();
	count_audit();
	print("fuzz-auditor: %u audits\n", audits);
}
