/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TINY_GUEST_H
#define TINY_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/memory.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/version.h"
#include "pv-abi/xen.h"

/*
 * What every tiny guest is made of. A test defines test_name and test_main(); test_main() returns after having called
 * check() for everything it expects. One line comes out: "RESULT name PASS", "RESULT name FAIL why" or "RESULT name SKIP why".
 * A test of what must kill the guest calls expect_crash() last: "RESULT name DIES", and the harness looks for the
 * hypervisor's word about it; survived() turns it into a failure.
 */
extern const char test_name[];
void test_main(void);

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void expect_crash(void);
void survived(void) __attribute__((noreturn));
void guest_shutdown(unsigned reason) __attribute__((noreturn));
/* Fails the test with the expression's text unless it holds. */
#define check(c) do { if (!(c)) fail("line %d: %s", __LINE__, #c); } while (0)
/* Compares two integers and shows both. */
#define check_eq(a, b)                                                                          \
	do {                                                                                    \
		long a_ = (long)(a), b_ = (long)(b);                                            \
		if (a_ != b_)                                                                   \
			fail("line %d: %s is %ld (%#lx), not %ld", __LINE__, #a, a_, a_, b_);    \
	} while (0)

long guest_hypercall(long op, ...);
#define hypercall(op, ...) guest_hypercall(__HYPERVISOR_##op, ##__VA_ARGS__)

/* The frame that a trap, the event upcall (256), the failsafe callback (257) or a system call (258) left. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};
/*
 * Called for every trap; returns true if it dealt with it. NULL (and false): an unexpected trap fails the test, except
 * under probe().
 */
extern bool (*trap_hook)(struct trap_frame *f);
/*
 * probe(fn, arg) - call fn(arg); the first trap in it ends the call. Returns the vector, or -1 when there was none; error code
 * and address in probe_error and probe_cr2.
 */
int probe(void (*fn)(void *), void *arg);
extern uint64_t probe_error, probe_cr2;

extern struct start_info *start_info;
extern struct shared_info *shared_info;

/* Pseudo-physical memory: the initial mapping is linear from VIRT_BASE. */
#define VIRT_BASE 0xffffffff80000000UL
#define PAGE_SIZE 4096UL
static inline uint64_t virt_to_pfn(const void *va)
{
	return ((uint64_t)va - VIRT_BASE) >> 12;
}
uint64_t pfn_to_mfn(uint64_t pfn);
static inline uint64_t virt_to_mfn(const void *va)
{
	return pfn_to_mfn(virt_to_pfn(va));
}
/* A zeroed page of ours that is mapped writable; never runs out in a sane test. */
void *page_alloc(void);
/* Machine address of the L1 entry that maps va (in the initial tables), and a pointer to read it by. */
uint64_t pte_maddr(const void *va);
uint64_t *pte_of(const void *va);
#define PTE_P  1UL
#define PTE_RW 2UL
#define PTE_US 4UL
#define PTE_AD 0x60UL
#define PTE_NX (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL
/* update_va_mapping of va to mfn with flags. */
long map_page(const void *va, uint64_t mfn, uint64_t flags);
long make_readonly(const void *va);
long make_writable(const void *va);
long mmuext(unsigned cmd, uint64_t mfn);
long mmu_update(uint64_t ptr, uint64_t val);

void *memcpy(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#endif
