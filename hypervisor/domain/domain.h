/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_DOMAIN_H
#define ANNULUS_DOMAIN_DOMAIN_H

#include "cpu/regs.h"
#include "domain/event.h"
#include "domain/grant.h"
#include "domain/permission.h"
#include "domain/pv_state.h"
#include "domain/sched_state.h"
#include "domain/time.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "memory/frame.h"
#include "memory/owner.h"
#include "pv-abi/compat.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/xen.h"

/* Why a vCPU does not run; any bit set means it must not. vcpu->pause_flags, atomic. */
#define VPF_DOWN    BIT(0) /* not brought up, or VCPUOP_down */
#define VPF_BLOCKED BIT(1) /* SCHEDOP_block/poll: until an event */
#define VPF_PAUSED  BIT(2) /* pause_count > 0 */
#define VPF_DOMAIN_PAUSED BIT(3) /* domain's pause_count > 0 */
#define VPF_CAPPED  BIT(4) /* its domain's cap is used up: until the next period. sched/'s */

struct vcpu {
	unsigned id;
	struct domain *domain;
	struct regs regs;            /* while not running; else they are on the CPU's stack */
	struct pv_vcpu pv;
	struct hvm_vcpu *hvm;        /* HVM: hvm/vcpu.h; else NULL */
	struct sched_vcpu sched;     /* owner: sched/ */
	volatile u64 pause_flags;    /* VPF_* */
	u32 pause_count;             /* under domain->pause_lock; see vcpu_pause() */
	volatile unsigned cpu;       /* where it runs, or ran last */
	volatile bool running;       /* its state is on `cpu` (its registers, its root loaded) */
	/* VCPUOP_initialise or setvcpucontext was done; under domain->lock */
	bool initialised;
	bool context_busy;           /* vcpu_set_context() is at work; under domain->lock */
	bool polling;                /* blocked in SCHEDOP_poll */
	u32 poll_port;               /* the one port polled for, 0 for several */
	/* in shared info, or where VCPUOP_register_vcpu_info put it; never NULL */
	struct vcpu_info *info;
	struct frame *info_frame;    /* reference held if registered */
	struct vcpu_event event;
	struct grant_counters grants;
	struct vcpu_time time;       /* timers, runstate, registered areas: domain/time.h */
	void *fpu;                   /* XSAVE area, 64-byte aligned */
	u64 xcr0;
	volatile bool nmi_pending;
	bool nmi_masked;
	/* A preempted hypercall's progress inside a multicall: set by hypercall_continue(). */
	struct {
		bool in_multicall, preempted;
		struct multicall_entry call;
	} mc;
};

#define HVM_PARAMS_KEPT 20

#define SHUTDOWN_CODE_NONE 0xff
/*
 * In vm_assist, where entry/fast.S looks anyway: a 32-bit guest, whose entries are all C's
 * business.
 * No number of the ABI's.
 */
#define VM_ASSIST_COMPAT BIT(7)
/* The same for a guest that runs on shadows of its tables (pv/shadow.h). */
#define VM_ASSIST_SHADOWED BIT(6)
#define VM_ASSIST_OURS (VM_ASSIST_COMPAT | VM_ASSIST_SHADOWED)

/*
 * What a guest kernel reads as its CR2, in its vcpu_info: not where a 64-bit one has it if it is
 * 32-bit.
 */
static inline void vcpu_info_set_cr2(struct vcpu *v, u64 cr2)
{
	if (v->pv.root32)
		((struct compat_vcpu_info *)v->info)->arch.cr2 = (u32)cr2;
	else
		v->info->arch.cr2 = cr2;
}

static inline u64 vcpu_info_cr2(const struct vcpu *v)
{
	return v->pv.root32 ? ((const struct compat_vcpu_info *)v->info)->arch.cr2 :
			      v->info->arch.cr2;
}

struct domain {
	struct owner; /* what memory/ knows of it, first: owner_of() relies on it */
	/* Its alone for ever, as `id` is not: numbers come again, at once if a toolstack wants. */
	u64 serial;
	bool privileged;         /* dom0's rights */
	bool is_idle;
	volatile bool shutting_down, shut_down;
	volatile u8 shutdown_code; /* SHUTDOWN_*, or SHUTDOWN_CODE_NONE */
	/* pause_count here and in vCPUs, with the VPF_ bits that mirror them; irqsave */
	struct spinlock pause_lock;
	u32 pause_count;         /* under pause_lock */
	bool paused_by_control;  /* by domctl; under pause_lock */
	volatile bool started;   /* was not paused once: its vCPUs may have run; under pause_lock */
	struct spinlock lock;    /* life cycle, vCPU array, shutdown */
	struct list link;        /* all domains, in order of id; under domain list lock */
	struct domain *hash_next; /* domains whose ids share a bucket; under the bucket's lock */
	u8 handle[16];           /* UUID */
	u32 create_flags;        /* XEN_DOMCTL_CDF_* */
	unsigned max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS];

	u32 relinquish_state;    /* progress of a preemptible destruction; under the control lock */

	struct shared_info *shared_info;
	/* of vCPUs beyond shared info's, until they register one; by vCPU id */
	struct vcpu_info *spare_info;
	struct domain_events events;
	struct grant_table *grants;
	struct permissions perms;  /* I/O ports, I/O memory, IRQs: domain/permission.h */
	struct domain_irqs *irqs;  /* PIRQs: domain/pirq.h */
	struct domain_time time;
	struct sched_cap cap;      /* owner: sched/ */
	u64 vm_assist;             /* VMASST_TYPE_* bits and VM_ASSIST_COMPAT; atomic */
	/* NULL: the default one (pv/cpuid.h). Under the control lock until `started`, then fixed */
	struct cpu_policy *cpu_policy;
	bool debugger_attached;
	bool console_silenced;     /* the last line was lost; this and below under console_lock */
	u32 refusals;              /* domain/refusal.h; any vCPU's, approximate */
	u64 refusals_paid;         /* the same of what it was refused: domain/refusal.h */
	u64 console_paid;          /* ns of system time that its output so far takes it to */
	/* guest's console_io output, gathered by line, unprivileged domains */
	char console_line[128];
	unsigned console_fill;
	struct spinlock console_lock;
	u64 created;               /* ns of system time */
	/* XENMEM_memory_map: domain/memory_op.h; NULL for none; under lock */
	struct memory_map *memory_map;
	/* HVM: parameters by number, and the vector of event upcalls, 0 for none; under lock */
	u64 hvm_params[HVM_PARAMS_KEPT];
	u8 callback_vector;
};

extern struct domain *dom0;     /* NULL when started without */
extern struct domain *dom_idle;

#define for_each_vcpu(d, v) \
	for (unsigned vi_ = 0; vi_ < (d)->max_vcpus; vi_++) if (((v) = (d)->vcpu[vi_]) != NULL)

/*
 * domain_get() - look a domain up and take a reference; NULL if there is none. DOMID_SELF is the
 * caller's. domain_put(): lib/upcalls.h.
 */
struct domain *domain_get(domid_t id);
/*
 * The next domain with an id of at least `id`, referenced, or NULL: walks all domains without a
 * lock held.
 */
struct domain *domain_get_next(unsigned id);
/*
 * A domain ended (shut down or crashed) and there is no dom0 whose business that would be. NULL:
 * nobody's. Any context but NMI.
 */
extern void (*domain_ended)(struct domain *d);
/* An HVM vCPU's other half: hvm/ registers them. 0, or -ENOMEM; the second undoes the first. */
extern int (*hvm_vcpu_create)(struct vcpu *v);
extern void (*hvm_vcpu_destroy)(struct vcpu *v);
/*
 * Memory of the current HVM guest by a virtual address of its: 0, or -EFAULT. For guest_access.h,
 * when the address is not mapped on this CPU, as none of such a guest is.
 */
extern int (*hvm_copy)(vaddr_t va, void *buf, size_t n, bool to_guest);

/*
 * domain_create() - a new, paused, empty domain with room for max_vcpus vCPUs (none allocated yet).
 * Returns NULL and the error in *err: -EEXIST, -ENOMEM, -EINVAL.
 */
struct domain_config {
	u32 max_vcpus, max_ports, max_grant_frames, max_maptrack_frames, flags;
	bool privileged;
	bool hvm; /* with a physical-to-machine map (memory/p2m.h) */
	u8 handle[16];
};
struct domain *domain_create(domid_t id, const struct domain_config *cfg, int *err);
/* Boot, once, before any domain: the special domains. */
void domains_init(void);
/* Boot, for each CPU that comes up: its idle vCPU. Panics without memory. */
struct vcpu *idle_vcpu_create(unsigned cpu);
/* Allocate vCPU `id` (down, uninitialised). NULL: no memory or bad id. */
struct vcpu *vcpu_create(struct domain *d, unsigned id, unsigned cpu);
/* vcpu_set_context(), vcpu_reset(): lib/upcalls.h. */
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c); /* v must be paused */
/*
 * A 32-bit guest's: the same with the selectors of its callbacks, which that struct has no place
 * for.
 */
struct compat_callback_selectors;
int vcpu_set_context_compat(struct vcpu *v, const struct vcpu_guest_context *c,
			    const struct compat_callback_selectors *sel);
void vcpu_get_context_compat(struct vcpu *v, struct vcpu_guest_context *c,
			     struct compat_callback_selectors *sel);
/*
 * The entry points beyond that struct (domctl 42, 43); v must be paused. Setting: 0, or -EINVAL if
 * one is no address that a guest can be entered at. What is said of machine checks is not taken, as
 * a guest has no bank of them.
 */
struct xen_domctl_ext_vcpucontext;
void vcpu_get_ext_context(const struct vcpu *v, struct xen_domctl_ext_vcpucontext *c);
int vcpu_set_ext_context(struct vcpu *v, const struct xen_domctl_ext_vcpucontext *c);
/*
 * domain_kill() - destroy; -ERESTART while work is left. The domain disappears with its last
 * reference. dom0 is told (VIRQ_DOM_EXC) when nothing but others' references is left, and when the
 * number is free.
 */
int domain_kill(struct domain *d);
/* domain_shutdown() - stop all vCPUs for good with SHUTDOWN_* and tell dom0 (VIRQ_DOM_EXC). */
void domain_shutdown(struct domain *d, u8 reason);
void domain_resume(struct domain *d);
/*
 * The guest did what cannot be answered by an error: shut it down with SHUTDOWN_crash and say why
 * in the log.
 */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);

/*
 * Counted; vcpu_pause()/domain_pause() return when the vCPUs are off their CPUs (not for current
 * itself).
 */
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void domain_pause(struct domain *d);
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_control(struct domain *d);   /* 0 */
int domain_unpause_by_control(struct domain *d); /* 0, -EINVAL if not paused */

/* VCPUOP_register_vcpu_info's work: 0 or errno. */
int vcpu_map_info(struct vcpu *v, mfn_t mfn, unsigned offset);
void vcpu_unmap_info(struct vcpu *v);

#endif
