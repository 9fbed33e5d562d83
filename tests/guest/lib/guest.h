/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TINY_GUEST_H
#define TINY_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/callback.h"
#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/memory.h"
#include "pv-abi/nmi.h"
#include "pv-abi/ring1.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"
#include "pv-abi/xen.h"

/*
 * What every tiny guest is made of. A test defines test_name and test_main(); test_main() returns
 * after having called check() for everything it expects. One line comes out: "RESULT name PASS",
 * "RESULT name FAIL why" or "RESULT name SKIP why". A test of what must kill the guest calls
 * expect_crash() last: "RESULT name DIES", and the harness looks for the hypervisor's word about
 * it; survived() turns it into a failure.
 *
 * The library is compiled for 64-bit guests and for 32-bit ones (ring 1, PAE): a test whose opening
 * comment says "bits: 64 32" becomes NAME.elf and NAME-32.elf. "bits: ring1": a 64-bit guest in
 * ring 1 (pv-abi/ring1.h), which is skipped where that is not offered; "ring1: yes": NAME-r1.elf
 * too, the same in that form.
 *
 * In main.c's opening comment the harness finds settings: "memory: 64M", "vcpus: 2", "seconds: 90",
 * "alone: yes" (a machine of its own), "emulator: bochs" (what QEMU cannot show), "icount: yes"
 * (with "alone": the time-stamp counter counts instructions), "driven: yes" (it is part of a test
 * of its own and means nothing without it), "options: xpti=no" (with "alone": of the hypervisor's
 * command line), "notes: none" (built plain: mapped from 0, with no ELF notes that it can do
 * without), "cpu: qemu64,+fsgsbase" (with "alone": QEMU's model), "quick: bochs.cpus2" (with
 * "alone": `make test` runs the 64-bit form only, on that machine only; `make soak` all), "quick:
 * first" (`make test` leaves its other forms to QEMU, as they are long in Bochs).
 */
extern const char test_name[];
#ifdef RING1_FORM
const char test_form[] = "-r1";
#endif
void test_main(void);

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void expect_crash(void);
void survived(void) __attribute__((noreturn));
void guest_shutdown(unsigned reason) __attribute__((noreturn));
/* Fails the test with the expression's text unless it holds. */
#define check(c)                                           \
	do {                                               \
		if (!(c))                                  \
			fail("line %d: %s", __LINE__, #c); \
	} while (0)
/* Compares two integers and shows both. */
#define check_eq(a, b)                                                                        \
	do {                                                                                  \
		long a_ = (long)(a), b_ = (long)(b);                                          \
		if (a_ != b_)                                                                 \
			fail("line %d: %s is %ld (%#lx), not %ld", __LINE__, #a, a_, a_, b_); \
	} while (0)
/* A hypercall that must be refused, for whatever reason. */
#define check_refused(a)                                                               \
	do {                                                                           \
		long a_ = (long)(a);                                                   \
		if (a_ >= 0)                                                           \
			fail("line %d: %s was not refused but %ld", __LINE__, #a, a_); \
	} while (0)

long guest_hypercall(long op, ...);
#define hypercall(op, ...) guest_hypercall(__HYPERVISOR_##op, ##__VA_ARGS__)

/* ---- traps ---- */

/* Flat selectors of the guest's kernel and user space, by the same names for both kinds. */
#ifdef __i386__
#define KERNEL_CS   FLAT_KERNEL_CS
#define KERNEL_SS   FLAT_KERNEL_SS
#define KERNEL_DS   FLAT_KERNEL_DS
#define USER_CS	    FLAT_USER_CS
#define USER_SS	    FLAT_USER_SS
#define KERNEL_RING 1
#define CONTEXT_RAX eax /* in struct iret_context */
#define SP	    "%%esp" /* in inline assembly */
#else
#ifdef RING1
#define KERNEL_CS   ANNULUS_KERNEL_CS
#define KERNEL_SS   ANNULUS_KERNEL_SS
#define KERNEL_RING 1
#else
#define KERNEL_CS   FLAT_KERNEL_CS64
#define KERNEL_SS   FLAT_KERNEL_SS64
#define KERNEL_RING 3
#endif
#define KERNEL_DS   FLAT_KERNEL_DS64
#define USER_CS	    FLAT_USER_CS64
#define USER_SS	    FLAT_USER_SS64
#define CONTEXT_RAX rax
#define SP	    "%%rsp"
#endif

/* The frame that a trap, the event upcall, the failsafe callback or a system call left. */
struct trap_frame {
#ifndef __i386__
	uint64_t r15, r14, r13, r12;
	uint64_t rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
#else
	xen_ulong_t es, ds, rbp, rbx, rax, rcx, rdx, rsi, rdi;
#endif
	xen_ulong_t vector, error_code, rip, cs, rflags, rsp, ss;
};
#define TRAP_EVENT    256
#define TRAP_FAILSAFE 257
#define TRAP_SYSCALL  258
#define TRAP_ELSE     259 /* a second system-call entry, for tests of callbacks */

/*
 * Called for every trap; returns true if it dealt with it. NULL (and false): an event upcall goes
 * to event_hook, under probe() a trap ends the probe, everything else fails the test.
 */
extern bool (*trap_hook)(struct trap_frame *f);
/* Called with each pending port (2-level ABI) by the upcall, on the vcpu that was notified. NULL:
 * an event fails the test. */
extern void (*event_hook)(unsigned port);
/*
 * probe(fn, arg) - call fn(arg); the first trap in it ends the call. Returns the vector, or -1 when
 * there was none; error code and address in probe_error and probe_cr2, the whole frame in
 * probe_frame. For vcpu 0.
 */
int probe(void (*fn)(void *), void *arg);
extern uint64_t probe_error, probe_cr2;
extern struct trap_frame probe_frame;
/* Read or write one byte; probes with them. */
int probe_read(const void *p);
int probe_write(void *p);
/* Run code at rip in user mode until it traps; as probe(). */
int probe_user(uint64_t rip, uint64_t rsp);
/* The hypercall, for probe(); and to user mode: its data segments are loaded first, where they are
 * others. */
void raw_iret(void *context) __attribute__((noreturn));
void user_iret(void *context);
/* A frame for iret; `flags` (VGCF_*) is nothing in a 32-bit guest. */
struct iret_context iret_context(uintptr_t rip, unsigned long cs, unsigned long rflags,
				 unsigned long rsp, unsigned long ss, unsigned long flags);

/* Upcalls on and off, as a kernel's sti and cli: what is pending comes at once. */
void events_on(void);
void events_off(void);

/* ---- vcpus ---- */

#define MAX_TEST_VCPUS 8
#define STACK_SIZE     32768
extern char stacks[MAX_TEST_VCPUS][STACK_SIZE];
unsigned vcpu_id(void);
static inline struct vcpu_info *vcpu_info(void);
/* The state a further vcpu starts with: fn on its own stack, in the tables of the start. Static,
 * changed by each call. */
struct vcpu_guest_context *vcpu_context(unsigned id, void (*fn)(void));
/* The hypercall. */
long vcpu_op(long cmd, long id, const void *arg);
/* Initialises and starts it. */
void vcpu_start(unsigned id, void (*fn)(void));
/*
 * race(n, fn) - fn on vcpus 0 to n - 1, which begin together; returns on vcpu 0 when all have come
 * back from it. The others are down then.
 */
void race(unsigned n, void (*fn)(void));
/* A trap_hook: events are taken note of and forgotten. */
bool swallow_events(struct trap_frame *f);
static inline void pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}
/* Somebody else's turn on this CPU. */
static inline void yield(void)
{
	hypercall(sched_op, (long)SCHEDOP_yield, 0L);
}
/* Until others have made the condition true. */
#define wait_until(c)            \
	do {                     \
		while (!(c))     \
			yield(); \
	} while (0)
/* The same for a counter that others drive to `value`: they get a minute. */
void wait_for(const volatile uint64_t *counter, uint64_t value, const char *whom);
/* The vcpu that calls it goes down for good; another one, which may be brought up again. */
void vcpu_stop(void) __attribute__((noreturn));
void vcpu_down(unsigned id);

/* ---- time and events ---- */

/* Nanoseconds of system time, by vcpu_time_info and the TSC; and a sleep of so many. */
uint64_t system_time(void);
void sleep_ns(uint64_t ns);
long evtchn_op(unsigned cmd, void *arg);
long grant_op(unsigned cmd, void *arg, unsigned n);
/* The domain's own number, by what an event channel of its says. */
domid_t own_domid(void);
/* A port that we may bind ourselves, and the port that is bound to it. */
unsigned unbound_port(void);
unsigned bind_port(unsigned remote);
unsigned bind_virq(unsigned virq, unsigned vcpu);
unsigned bind_ipi(unsigned vcpu);
void send_event(unsigned port);
void mask_event(unsigned port);
void unmask_event(unsigned port);
bool event_pending(unsigned port);
void clear_event(unsigned port);
void close_event(unsigned port);

/* ---- memory ---- */

extern struct start_info *start_info;
extern struct shared_info *shared_info;
static inline struct vcpu_info *vcpu_info(void)
{
	return &shared_info->vcpu_info[vcpu_id()];
}

/* Pseudo-physical memory: the initial mapping is linear from VIRT_BASE. */
#ifdef PLAIN
#define VIRT_BASE 0UL
#elif defined(__i386__)
#define VIRT_BASE 0xc0000000UL
#else
#define VIRT_BASE 0xffffffff80000000UL
#endif
#ifdef __i386__
#define ROOT_LEVEL 3
#define PTE_USER_OF_KERNEL 0 /* ring 1 is a supervisor */
#else
#define ROOT_LEVEL 4
#ifdef RING1
#define PTE_USER_OF_KERNEL 0
#else
#define PTE_USER_OF_KERNEL PTE_US
#endif
#endif
/* A frame number and an amount that fit the guest's word and are no machine's. */
#ifdef __i386__
#define NO_SUCH_MFN 0xfffffff0UL
#define ABSURD	    0x10000000UL
#else
#define NO_SUCH_MFN (1UL << 40)
#define ABSURD	    (1UL << 60)
#endif
#define PIN_ROOT  (MMUEXT_PIN_L1_TABLE + ROOT_LEVEL - 1)
#define PAGE_SIZE 4096UL
#define m2p	  ((const xen_ulong_t *)MACH2PHYS_VIRT_START)
static inline uint64_t virt_to_pfn(const void *va)
{
	return ((uintptr_t)va - VIRT_BASE) >> 12;
}
uint64_t pfn_to_mfn(uint64_t pfn);
static inline uint64_t virt_to_mfn(const void *va)
{
	return pfn_to_mfn(virt_to_pfn(va));
}
/* A zeroed page of ours that is mapped writable; never runs out in a sane test. */
void *page_alloc(void);
/* A pfn of ours that nothing maps yet: the next one from the end of memory downwards. */
uint64_t pfn_alloc(void);
/* Machine address of the L1 entry that maps va (in the initial tables), and a pointer to read it
 * by. */
uint64_t pte_maddr(const void *va);
uint64_t *pte_of(const void *va);
/* The same for any level: the entry of the level-n table through which va is reached. */
uint64_t *entry_of(const void *va, int level);
uint64_t entry_maddr(const void *va, int level);
#define PTE_P	   1UL
#define PTE_RW	   2UL
#define PTE_US	   4UL
#define PTE_PS	   0x80UL
#define PTE_AD	   0x60UL
#define PTE_NX	   ((uint64_t)1 << 63)
#define PTE_ADDR   ((uint64_t)0x000ffffffffff000)
#define PTE_KERNEL (PTE_P | PTE_RW | PTE_AD)
/* A table's entry for a frame of ours. */
#define TABLE_ENTRY(va)	 (virt_to_mfn(va) << 12 | PTE_P | PTE_RW | PTE_US | PTE_AD)
#define LEAF(mfn, flags) ((uint64_t)(mfn) << 12 | (flags))
/* update_va_mapping of va to mfn with flags. */
long map_page(const void *va, uint64_t mfn, uint64_t flags);
long make_readonly(const void *va);
long make_writable(const void *va);
long mmuext(unsigned cmd, uint64_t mfn);
long mmuext_ops(struct mmuext_op *ops, unsigned n);
long copy_page(uint64_t to, uint64_t from);
long set_ldt(const void *base, unsigned entries);
long mmu_update(uint64_t ptr, uint64_t val);
/* CR4.FSGSBASE of this vcpu's. */
static inline void set_fsgsbase(bool on)
{
	const unsigned long fsgsbase = 1UL << 16;
	unsigned long cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = on ? cr4 | fsgsbase : cr4 & ~fsgsbase;
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4));
}
/* Frames given back or taken (XENMEM_*): `n` extents of 2^order from `list`, or to it. */
long reservation(unsigned op, xen_ulong_t *list, unsigned long n, unsigned order, unsigned flags);
/*
 * A word's store and load that may fault: with skip_touch() as trap_hook they do nothing then.
 */
void touch_store(volatile void *at, xen_ulong_t value);
xen_ulong_t touch_load(const volatile void *at);
bool skip_touch(struct trap_frame *f);
/* The first frames of our grant table, one of one, and a page through which we see that. */
void grant_table_frames(xen_pfn_t *frames, unsigned n);
xen_pfn_t grant_table_frame(void);
struct grant_entry_v1 *grant_table_map(void);
/*
 * An address space of the guest's making: the pages of the tables, mapped read-only, with one L1
 * that holds what `fill` gave. tables[ROOT_LEVEL] is the root. Nothing is pinned.
 */
struct space {
	uint64_t *table[5];
};
/* va's slots in a root to an L1, all new tables; still mapped writable, so that a test can write to
 * them. */
void space_new(struct space *s, uint64_t va);
/* Make them read-only for pinning, or writable again after unpinning. */
void space_readonly(struct space *s);
void space_writable(struct space *s);
/* A user address space with a code page (writable alias returned) and a stack page, pinned and set
 * as the user root. In a 32-bit guest it is part of the one root there is. */
#define USER_CODE  0x400000UL
#define USER_STACK 0x401000UL
#define USER_DATA  0x402000UL
struct user {
	struct space space;
	uint8_t *code, *stack, *data;
};
void user_new(struct user *u);
/* Run these bytes there until they trap, the stack pointer at the stack page's end; as probe(). */
int user_run(struct user *u, const void *code, size_t n);
#define USER_RUN(u, code) user_run(u, code, sizeof(code) - 1)
/* The probe ended at rip in ordinary user mode. */
void check_user_frame(unsigned long rip);

void *memcpy(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* Eight bytes at once, which a 32-bit kernel does by CMPXCHG8B. */
static inline void store8(volatile void *at, uint64_t value)
{
#ifdef __i386__
	uint64_t old;

	do {
		old = *(volatile uint64_t *)at;
	} while (!__sync_bool_compare_and_swap((volatile uint64_t *)at, old, value));
#else
	__atomic_store_n((volatile uint64_t *)at, value, __ATOMIC_SEQ_CST);
#endif
}

/* Repeatable numbers: xorshift64*. */
uint64_t random_next(uint64_t *state);
/* Each vcpu's own, from one seed: any, and those below n. */
extern uint64_t random_state[MAX_TEST_VCPUS];
void random_seed(uint64_t seed);
uint64_t random_here(void);
uint64_t below(uint64_t n);

#endif
