/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TINY_GUEST_PVH_H
#define TINY_GUEST_PVH_H

/*
 * A tiny PVH guest: long mode, memory one to one for 1 GiB, an IDT. main.c includes this and has
 * test_name and test_main(); what it does not expect fails the test.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/hvm.h"
#include "pv-abi/hvm_start_info.h"
#include "pv-abi/memory.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"
#include "pv-abi/xen.h"

#define SHARED_INFO 0x3000000UL
#define HIGH	    0xffff830000000000UL
#define VECTOR	    0x50

extern const char test_name[];
void test_main(void);
void pvh_main(void);
void pvh_unexpected(void);
void pvh_masked(void);
void pvh_upcall(void);

/* Call fn(arg); the vector of the first exception in it, which ends it, or -1. */
long pvh_probe(void (*fn)(void *), void *arg);
extern uint64_t start_info_at, probe_vector, probe_error;
extern uint32_t narrow_result;
extern const char trap_entries[], upcall_entry[];
/* For a guest with more vCPUs, which has pvh_ap(), pvh_ipi() and pvh_nmi(): pvh.S. */
extern const char ipi_entry[], nmi_entry[], ap_start[], ap_end[];

static char hypercall_page[4096] __attribute__((aligned(4096)));
static struct shared_info *const shared_info = (struct shared_info *)SHARED_INFO;
static volatile uint64_t upcalls;

static long hypercall(unsigned op, unsigned long a, unsigned long b, unsigned long c)
{
	long r = op;

	__asm__ volatile("call *%1"
			 : "=a"(r), "+r"((const char *){ hypercall_page + op * 32 }), "+D"(a),
			   "+S"(b), "+d"(c)
			 :
			 : "memory", "rcx", "r8", "r9", "r10", "r11");
	return r;
}

static void say(const char *text)
{
	unsigned long n = 0;

	while (text[n])
		n++;
	hypercall(__HYPERVISOR_console_io, 0, n, (unsigned long)text);
}

static void __attribute__((noreturn)) shutdown(unsigned reason)
{
	struct sched_shutdown s = { reason };

	for (;;)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&s, 0);
}

static void say_number(unsigned long v)
{
	char text[19] = "0x";
	int n = 2;

	for (int i = 60; i >= 0; i -= 4)
		if (v >> i || !i)
			text[n++] = "0123456789abcdef"[v >> i & 15];
	text[n] = 0;
	say(text);
}

static void __attribute__((noreturn)) fail(int line, unsigned long is, unsigned long want)
{
	say("RESULT ");
	say(test_name);
	say(" FAIL line ");
	say_number((unsigned)line);
	say(" is ");
	say_number(is);
	say(", not ");
	say_number(want);
	say("\n");
	shutdown(SHUTDOWN_poweroff);
}

static void check_equal(int line, unsigned long is, unsigned long want)
{
	if (is != want)
		fail(line, is, want);
}

#define check(c) ((c) ? (void)0 : fail(__LINE__, 0, 1))
#define check_eq(a, b) check_equal(__LINE__, (unsigned long)(a), (unsigned long)(b))

void pvh_masked(void)
{
	fail(__LINE__, 0, 1); /* RFLAGS.IF */
}

void pvh_unexpected(void)
{
	fail(__LINE__, probe_vector, probe_error);
}

void pvh_upcall(void)
{
	upcalls++;
	shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
	shared_info->vcpu_info[0].evtchn_pending_sel = 0;
	for (unsigned i = 0; i < 64; i++)
		shared_info->evtchn_pending[i] = 0;
}

static struct gate {
	uint16_t low, selector, type, mid;
	uint32_t high, reserved;
} idt[256];

static void gate(unsigned vector, const char *to)
{
	uint64_t a = (uint64_t)to;

	idt[vector] = (struct gate){ (uint16_t)a, 8, 0x8e00, (uint16_t)(a >> 16),
				     (uint32_t)(a >> 32), 0 };
}

void pvh_main(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned i = 0; i < 32; i++)
		gate(i, trap_entries + i * 16);
	gate(VECTOR, upcall_entry);
	__asm__ volatile("lidt %0" ::"m"(idtr));
	__asm__ volatile("wrmsr" ::"c"(0x40000000), "a"((uint32_t)(uint64_t)hypercall_page),
			 "d"(0));
	test_main();
	say("RESULT ");
	say(test_name);
	say(" PASS\n");
	shutdown(SHUTDOWN_poweroff);
}

#endif
