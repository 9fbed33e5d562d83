/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_TYPES_H
#define ANNULUS_LIB_TYPES_H

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ULL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 mfn_t;   /* machine frame number */
typedef u64 pfn_t;   /* a PV guest's pseudo-physical frame number */
/* what the guest calls a frame: the mfn for PV, the guest-physical one for HVM */
typedef u64 gfn_t;
typedef u64 paddr_t; /* machine address, bytes */
typedef u64 vaddr_t; /* linear address */
typedef uint16_t domid_t;

#define INVALID_MFN (~0ULL)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define BIT(n)      (1ULL << (n))
#define ALIGN_UP(x, a)   (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define DIV_ROUND_UP(x, d) (((x) + (d) - 1) / (d))
#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier() __asm__ volatile("" ::: "memory")

#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __noreturn     __attribute__((noreturn))
#define __section(s)   __attribute__((section(s)))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define __must_check   __attribute__((warn_unused_result))
/* Code and data that are thrown away before the first guest runs. */
#define __init     __attribute__((section(".init.text"), cold))
#define __initdata __attribute__((section(".init.data")))

/*
 * Most CPUs, domains' vCPUs. A cpumask is one word, so that masks are atomic to read and cheap to
 * walk.
 */
#define NR_CPUS   64
#define MAX_VCPUS 64
typedef u64 cpumask_t;
#define CPU_MASK(c) (1ULL << (c))
#define for_each_cpu_in(c, mask) \
	for (cpumask_t m_ = (mask); m_ && ((c) = (unsigned)__builtin_ctzll(m_), 1); m_ &= m_ - 1)

/* All x86-64 integer atomics below are sequentially consistent; the aliases say what is meant. */
#define atomic_read(p)         __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define atomic_set(p, v)       __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add(p, v)       __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)       __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)        __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_and(p, v)       __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define atomic_xchg(p, v)      __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
/* Returns true and stores `n` if *p was *o; else loads *p into *o. */
#define atomic_cmpxchg(p, o, n) \
	__atomic_compare_exchange_n((p), (o), (n), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)

/* Bit operations on arrays of 64-bit words, atomic; `nr` may exceed 63. Return the old value. */
static inline bool test_and_set_bit(u64 nr, volatile void *addr)
{
	bool old;

	__asm__ volatile("lock btsq %2, %1" : "=@ccc"(old), "+m"(*(volatile u64 *)addr)
			 : "r"(nr) : "memory");
	return old;
}

static inline bool test_and_clear_bit(u64 nr, volatile void *addr)
{
	bool old;

	__asm__ volatile("lock btrq %2, %1" : "=@ccc"(old), "+m"(*(volatile u64 *)addr)
			 : "r"(nr) : "memory");
	return old;
}

static inline void set_bit(u64 nr, volatile void *addr)
{
	(void)test_and_set_bit(nr, addr);
}

static inline void clear_bit(u64 nr, volatile void *addr)
{
	(void)test_and_clear_bit(nr, addr);
}

static inline bool test_bit(u64 nr, const volatile void *addr)
{
	return (((const volatile u64 *)addr)[nr / 64] >> (nr % 64)) & 1;
}

#endif /* !__ASSEMBLER__ */
#endif
