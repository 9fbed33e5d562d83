// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/entry/compat_hypercall.c hypervisor/entry/compat_struct.c
// sources: hypervisor/image/hypercall_page.c
// sources: hypervisor/pv/compat.c hypervisor/pv/compat_context.c hypervisor/pv/callback.c
// sources: tests/unit/sim/sim.c
/*
 * Hypercalls of 32-bit guests: how registers make up arguments, structures that are translated and
 * come back, lists, batches, continuations. The 64-bit handlers are stood for by functions that
 * remember what they were given. The layouts are those of an i386 compiler.
 */
#include "suite.h"
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "entry/compat_struct.h"
#include "entry/hypercall.h"
#include "image/hypercall_page.h"
#include "pv-abi/errno.h"
#include "pv/compat.h"
#include "pv/sysenter.h"

/* ---- the 64-bit handlers ---- */

static struct {
	unsigned calls;
	u64 args[5];
	union {
		struct xen_memory_reservation reservation;
		struct xen_memory_exchange exchange;
		struct vcpu_set_singleshot_timer timer;
		struct sched_poll poll;
		struct gnttab_copy copy[4];
		struct physdev_map_pirq map;
		struct physdev_apic apic;
	} in;
	s64 result;
	bool continues;
} got;

static s64 took(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	u64 args[5] = { a, b, c, d, e };

	got.calls++;
	memcpy(got.args, args, sizeof(args));
	return got.result;
}

/* clang-format off */
#define TAKES(name, params, ...) s64 name params; s64 name params { return took(__VA_ARGS__); }
TAKES(do_mmu_update, (u64 a, u64 b, u64 c, u64 d), a, b, c, d, 0)
TAKES(do_mmuext_op, (u64 a, u64 b, u64 c, u64 d), a, b, c, d, 0)
TAKES(do_set_gdt, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_fpu_taskswitch, (u64 a), a, 0, 0, 0, 0)
TAKES(do_platform_op, (u64 a), a, 0, 0, 0, 0)
TAKES(do_set_debugreg, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_get_debugreg, (u64 a), a, 0, 0, 0, 0)
TAKES(do_update_descriptor, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_update_va_mapping, (u64 a, u64 b, u64 c), a, b, c, 0, 0)
TAKES(do_update_va_mapping_otherdomain, (u64 a, u64 b, u64 c, u64 d), a, b, c, d, 0)
TAKES(do_set_timer_op, (u64 a), a, 0, 0, 0, 0)
TAKES(do_xen_version, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_console_io, (u64 a, u64 b, u64 c), a, b, c, 0, 0)
TAKES(do_vm_assist, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_event_channel_op, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_event_channel_op_compat, (u64 a), a, 0, 0, 0, 0)
TAKES(do_sched_op_compat, (u64 a, u64 b), a, b, 0, 0, 0)
TAKES(do_mca, (u64 a), a, 0, 0, 0, 0)
TAKES(do_sysctl, (u64 a), a, 0, 0, 0, 0)
TAKES(do_domctl, (u64 a), a, 0, 0, 0, 0)
s64 compat_iret(void) { return took(0, 0, 0, 0, 0); }
u32 compat_segment_base(u16 sel) { return 0; }
int vcpu_set_context_compat(struct vcpu *v, const struct vcpu_guest_context *c,
			    const struct compat_callback_selectors *s)
{ return (int)took(c->user_regs.rip, s->event, s->failsafe, c->ctrlreg[3], 0); }
/* clang-format on */

s64 do_memory_op(u64 cmd, u64 arg)
{
	s64 r = took(cmd, arg, 0, 0, 0);

	if ((cmd & 63) == XENMEM_exchange) {
		u64 n = 7;

		CU_ASSERT_EQUAL(copy_from_guest(&got.in, arg, sizeof(got.in.exchange)), 0);
		CU_ASSERT_EQUAL(copy_to_guest(arg + offsetof(struct xen_memory_exchange,
							      nr_exchanged), &n, 8), 0);
	} else if (arg) {
		CU_ASSERT_EQUAL(copy_from_guest(&got.in, arg, sizeof(got.in.reservation)), 0);
		/* No byte behind the structure is the guest's, or ours to show. */
		CU_ASSERT_EQUAL(copy_from_guest(&(u8){ 0 }, arg + sizeof(got.in.reservation), 1),
				-EFAULT);
	}
	return got.continues ? hypercall_continue(__HYPERVISOR_memory_op, 2, cmd | 5 << 6, arg) : r;
}

s64 do_vcpu_op(u64 cmd, u64 id, u64 arg)
{
	s64 r = took(cmd, id, arg, 0, 0);

	if (cmd == VCPUOP_set_singleshot_timer)
		CU_ASSERT_EQUAL(copy_from_guest(&got.in, arg, sizeof(got.in.timer)), 0);
	if (cmd == VCPUOP_get_runstate_info) {
		struct vcpu_runstate_info i = { 2, 0x123456789, { 1, 2, 3, 1ULL << 40 } };

		CU_ASSERT_EQUAL(copy_to_guest(arg, &i, sizeof(i)), 0);
	}
	return r;
}

s64 do_sched_op(u64 cmd, u64 arg)
{
	if (cmd == SCHEDOP_poll)
		CU_ASSERT_EQUAL(copy_from_guest(&got.in, arg, sizeof(got.in.poll)), 0);
	return took(cmd, arg, 0, 0, 0);
}

s64 do_physdev_op(u64 cmd, u64 arg)
{
	if (cmd == PHYSDEVOP_map_pirq)
		CU_ASSERT_EQUAL(copy_from_guest(&got.in, arg, sizeof(got.in.map)), 0);
	if (cmd == PHYSDEVOP_apic_read) {
		struct physdev_apic *a = &got.in.apic;

		CU_ASSERT_EQUAL(copy_from_guest(a, arg, sizeof(*a)), 0);
		a->value = ~a->reg;
		CU_ASSERT_EQUAL(copy_to_guest(arg, a, sizeof(*a)), 0);
	}
	return took(cmd, arg, 0, 0, 0);
}

s64 do_grant_table_op(u64 cmd, u64 arg, u64 count)
{
	if (cmd == GNTTABOP_copy) {
		struct gnttab_copy *c = &got.in.copy[got.calls & 3];

		CU_ASSERT_EQUAL(count, 1);
		CU_ASSERT_EQUAL(copy_from_guest(c, arg, sizeof(*c)), 0);
		c->status = -(s16)got.calls - 1;
		CU_ASSERT_EQUAL(copy_to_guest(arg, c, sizeof(*c)), 0);
	}
	return took(cmd, arg, count, 0, 0);
}

#define MEM_SIZE 65536
static char *mem; /* the guest's memory, where 32 bits can name it */

static void *inside(u64 va, size_t n)
{
	u64 start = (u64)(uintptr_t)mem;

	return va >= start && va + n <= start + MEM_SIZE ? (void *)(uintptr_t)va : NULL;
}

/* What domain/guest_access.c does: the window, else memory. */
static void *window(u64 va, size_t n)
{
	const struct compat_window *w = &current->pv.window;
	u64 at = va - (u64)(uintptr_t)w->data;

	if (!w->data || at > w->size || n > w->size - at)
		return NULL;
	return (char *)w->data + at;
}

int copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	const void *p = src >> 32 ? window(src, n) : inside(src, n);

	if (!p)
		return -EFAULT;
	memcpy(dst, p, n);
	return 0;
}

int copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	void *p = dst >> 32 ? window(dst, n) : inside(dst, n);

	if (!p)
		return -EFAULT;
	memcpy(p, src, n);
	if (dst >> 32)
		current->pv.window.written = true;
	return 0;
}

s64 (*compat_continuation)(unsigned op, unsigned nargs, const u64 *args);

s64 hypercall_continue(unsigned op, unsigned nargs, ...)
{
	u64 args[6] = { 0 };
	va_list ap;

	va_start(ap, nargs);
	for (unsigned i = 0; i < nargs; i++)
		args[i] = va_arg(ap, u64);
	va_end(ap);
	return compat_continuation(op, nargs, args);
}

void domain_wallclock_update(struct domain *d) { }

/* ---- a guest ---- */

static struct domain *guest;
static struct regs regs;

struct regs *guest_regs(void) { return &regs; }

static u32 at(const void *p)
{
	return (u32)(uintptr_t)p;
}

static void begin(void)
{
	compat_hypercall_init();
	sim_reset();
	guest = sim_domain(1, 2, false);
	guest->is_32bit = true;
	sim_current = guest->vcpu[0];
	memset(&got, 0, sizeof(got));
	memset(&regs, 0, sizeof(regs));
	memset(mem, 0, 4096);
	regs.rip = 0x1002;
}

/* Where a 32-bit guest's pointers can reach it. */
static int map_memory(void)
{
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	return mem == MAP_FAILED;
}

static s64 call(u32 op, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	const u64 junk = 0xdeadbeef00000000;

	regs.rax = junk | op;
	regs.rbx = junk | a;
	regs.rcx = junk | b;
	regs.rdx = junk | c;
	regs.rsi = junk | d;
	regs.rdi = junk | e;
	compat_hypercall(&regs);
	CU_ASSERT_EQUAL(regs.rax >> 32, 0);
	CU_ASSERT_PTR_NULL(sim_current->pv.window.data);
	return (s32)regs.rax;
}

TEST(test_registers, "registers")
{
	got.result = -EPERM;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_mmu_update, 1, 2, 3, 0xffffffff, 9), -EPERM);
	CU_ASSERT_TRUE(got.args[0] == 1 && got.args[1] == 2 && got.args[2] == 3);
	CU_ASSERT_EQUAL(got.args[3], 0xffffffff);
	call(__HYPERVISOR_update_va_mapping, 0x1000, 0x55667788, 0x11223344, 2, 9);
	CU_ASSERT_EQUAL(got.args[1], 0x1122334455667788);
	CU_ASSERT_EQUAL(got.args[2], 2);
	call(__HYPERVISOR_update_va_mapping_otherdomain, 0x1000, 1, 2, 3, 4);
	CU_ASSERT_EQUAL(got.args[1], 0x200000001);
	CU_ASSERT_TRUE(got.args[2] == 3 && got.args[3] == 4);
	call(__HYPERVISOR_update_descriptor, 8, 1, 0xffff, 0xcf9b00, 0);
	CU_ASSERT_EQUAL(got.args[0], 0x100000008);
	CU_ASSERT_EQUAL(got.args[1], 0xcf9b000000ffff);
	call(__HYPERVISOR_set_timer_op, 5, 6, 0, 0, 0);
	CU_ASSERT_EQUAL(got.args[0], 0x600000005);
	got.calls = 0;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_segment_base, 0, 0, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(call(63, 0, 0, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(call(0xffffffff, 0, 0, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(got.calls, 0);
}

TEST(test_structures, "structures")
{
	struct compat_xen_memory_reservation *r = (void *)mem;
	struct compat_xen_memory_exchange *x = (void *)mem;
	struct compat_vcpu_set_singleshot_timer *t = (void *)mem;
	struct compat_vcpu_runstate_info *i = (void *)mem;
	struct compat_sched_poll *p = (void *)mem;
	struct compat_physdev_map_pirq *m = (void *)mem;
	struct compat_physdev_apic *a = (void *)mem;

	*r = (struct compat_xen_memory_reservation){ 0xc0001000, 17, 3, 0x22, DOMID_SELF };
	got.result = 17;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, at(r), 0, 0, 0), 17);
	CU_ASSERT_EQUAL(got.in.reservation.extent_start, 0xc0001000);
	CU_ASSERT_EQUAL(got.in.reservation.nr_extents, 17);
	CU_ASSERT_EQUAL(got.in.reservation.extent_order, 3);
	CU_ASSERT_EQUAL(got.in.reservation.mem_flags, 0x22);
	CU_ASSERT_EQUAL(got.in.reservation.domid, DOMID_SELF);
	/* More than the progress of a continued call could count. */
	r->nr_extents = 1 << 26;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, at(r), 0, 0, 0),
			-EINVAL);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, 8, 0, 0, 0), -EFAULT);

	x->in.nr_extents = 4;
	x->out.domid = 5;
	got.result = 0;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_memory_op, XENMEM_exchange, at(x), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(got.in.exchange.out.domid, 5);
	CU_ASSERT_EQUAL(x->nr_exchanged, 7);

	*t = (struct compat_vcpu_set_singleshot_timer){ 1ULL << 40 | 5, 1 };
	CU_ASSERT_EQUAL(call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 1, at(t), 0, 0), 0);
	CU_ASSERT_EQUAL(got.args[1], 1);
	CU_ASSERT_EQUAL(got.in.timer.timeout_abs_ns, 1ULL << 40 | 5);
	CU_ASSERT_EQUAL(got.in.timer.flags, 1);

	memset(mem, 0xee, 64);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, at(i), 0, 0), 0);
	CU_ASSERT_TRUE(i->state == 2 && i->state_entry_time == 0x123456789);
	CU_ASSERT_EQUAL(i->time[3], 1ULL << 40);
	CU_ASSERT_EQUAL((u8)mem[44], 0xee);

	*p = (struct compat_sched_poll){ 0xbffffff0, 2, ~0ULL };
	call(__HYPERVISOR_sched_op, SCHEDOP_poll, at(p), 0, 0, 0);
	CU_ASSERT_EQUAL(got.in.poll.ports, 0xbffffff0);
	CU_ASSERT_EQUAL(got.in.poll.timeout, ~0ULL);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_sched_op, 77, 0, 0, 0, 0), -ENOSYS);

	*m = (struct compat_physdev_map_pirq){ .type = -1,
					       .entry_nr = 3,
					       .table_base = 1ULL << 36 };
	call(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, at(m), 0, 0, 0);
	CU_ASSERT_EQUAL(got.in.map.type, -1);
	CU_ASSERT_EQUAL(got.in.map.table_base, 1ULL << 36);
	*a = (struct compat_physdev_apic){ 0xfec00000, 0x11, 0 };
	CU_ASSERT_EQUAL(call(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read, at(a), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(got.in.apic.apic_physbase, 0xfec00000);
	CU_ASSERT_EQUAL(got.in.apic.reg, 0x11);
	CU_ASSERT_EQUAL(a->value, ~0x11u);
	/* The same in both forms: the guest's own address goes through. */
	call(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, at(m), 0, 0, 0);
	CU_ASSERT_EQUAL(got.args[1], at(m));
}

TEST(test_old_calls, "physdev_op in its first form, with the command before what it takes")
{
	struct compat_physdev_op *op = (void *)mem;

	op->cmd = PHYSDEVOP_apic_read;
	op->u.apic_op = (struct compat_physdev_apic){ 0xfec00000, 0x11, 0 };
	CU_ASSERT_EQUAL(call(__HYPERVISOR_physdev_op_compat, at(op), 0, 0, 0, 0), 0);
	CU_ASSERT_TRUE(got.args[0] == PHYSDEVOP_apic_read && got.in.apic.reg == 0x11);
	CU_ASSERT_EQUAL(op->u.apic_op.value, ~0x11u);
	op->cmd = PHYSDEVOP_set_iopl;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_physdev_op_compat, at(op), 0, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(got.args[1], at(&op->u));
	got.calls = 0;
	op->cmd = PHYSDEVOP_map_pirq;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_physdev_op_compat, at(op), 0, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_physdev_op_compat, 8, 0, 0, 0, 0), -EFAULT);
	CU_ASSERT_EQUAL(got.calls, 0);
}

TEST(test_lists, "lists")
{
	struct compat_gnttab_copy *c = (void *)mem;

	for (unsigned i = 0; i < 3; i++) {
		c[i].source.u.gmfn = 0x100 + i;
		c[i].dest.u.ref = 0x200 + i;
		c[i].len = (u16)(64 + i);
	}
	CU_ASSERT_EQUAL(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, at(c), 3, 0, 0), 0);
	CU_ASSERT_EQUAL(got.calls, 3);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(got.in.copy[i].source.u.gmfn, 0x100 + i);
		CU_ASSERT_EQUAL(got.in.copy[i].dest.u.ref, 0x200 + i);
		CU_ASSERT_EQUAL(got.in.copy[i].len, 64 + i);
		CU_ASSERT_EQUAL(c[i].status, -(s16)i - 1);
	}
	/* Preempted after two: the guest asks again for the rest. */
	got.calls = 0;
	sim.preempt_after = 2;
	call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, at(c), 3, 0, 0);
	CU_ASSERT_EQUAL(got.calls, 2);
	CU_ASSERT_EQUAL(regs.rip, 0x1000);
	CU_ASSERT_TRUE(regs.rbx == GNTTABOP_copy && regs.rcx == at(&c[2]) && regs.rdx == 1);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, at(c), 2, 0, 0),
			-EINVAL);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, 0xfffffff0, 3, 0, 0) != 0,
			true);
}

TEST(test_continuation, "continuations and batches")
{
	struct compat_xen_memory_reservation *r = (void *)mem;
	struct compat_multicall_entry *m = (void *)(mem + 1024);

	r->nr_extents = 100;
	got.continues = true;
	call(__HYPERVISOR_memory_op, XENMEM_increase_reservation, at(r), 0, 0, 0);
	CU_ASSERT_EQUAL((u32)regs.rax, __HYPERVISOR_memory_op);
	CU_ASSERT_EQUAL(regs.rip, 0x1000);
	CU_ASSERT_EQUAL(regs.rbx, XENMEM_increase_reservation | 5 << 6);
	/* Not the buffer that the handler saw. */
	CU_ASSERT_EQUAL(regs.rcx, at(r));

	/* In a batch the entry is what is continued. */
	begin();
	r->nr_extents = 100;
	got.continues = true;
	m[0] = (struct compat_multicall_entry){ __HYPERVISOR_sched_op, 99, { SCHEDOP_yield } };
	m[1] = (struct compat_multicall_entry){ __HYPERVISOR_memory_op, 99,
						{ XENMEM_increase_reservation, at(r), 7 } };
	call(__HYPERVISOR_multicall, at(m), 2, 0, 0, 0);
	CU_ASSERT_EQUAL(m[0].result, 0);
	CU_ASSERT_EQUAL(m[1].op, __HYPERVISOR_memory_op);
	CU_ASSERT_EQUAL(m[1].args[0], XENMEM_increase_reservation | 5 << 6);
	CU_ASSERT_EQUAL(m[1].args[1], at(r));
	CU_ASSERT_TRUE(regs.rbx == at(&m[1]) && regs.rcx == 1);
	CU_ASSERT_EQUAL(regs.rip, 0x1000);
	got.continues = false;
	got.result = 42;
	regs.rip += INT32_C(2);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_multicall, at(&m[1]), 1, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(m[1].result, 42);

	/* A 64-bit argument takes its two registers again. */
	compat_continue(__HYPERVISOR_update_va_mapping, 3, (u64[]){ 1, 0x200000003, 4 });
	CU_ASSERT_TRUE(regs.rbx == 1 && regs.rcx == 3 && regs.rdx == 2 && regs.rsi == 4);

	/* Batches do not nest; an iret ends one, with the frame's eax and no result of its own. */
	m[0] = (struct compat_multicall_entry){ __HYPERVISOR_multicall, 99, { at(m), 1 } };
	m[1] = (struct compat_multicall_entry){ __HYPERVISOR_iret, 99, { 0 } };
	m[2] = (struct compat_multicall_entry){ __HYPERVISOR_sched_op, 99, { SCHEDOP_yield } };
	CU_ASSERT_EQUAL(call(__HYPERVISOR_multicall, at(m), 3, 0, 0, 0), 42);
	CU_ASSERT_EQUAL((s32)m[0].result, -EINVAL);
	CU_ASSERT_TRUE(m[1].result == 99 && m[2].result == 99);
	CU_ASSERT_FALSE(current->mc.in_multicall);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_multicall, 0xfffffff0, 0xffffffff, 0, 0, 0), -EFAULT);
}

TEST(test_entries, "entry points")
{
	struct compat_trap_info *t = (void *)mem;
	struct compat_callback_register *r = (void *)mem;
	struct pv_vcpu *pv;

	pv = &sim_current->pv;
	t[0] = (struct compat_trap_info){ 14, 4, 0x60, 0xc0100000 };
	t[1] = (struct compat_trap_info){ 128, 3, 0x61, 0xc0100100 };
	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_trap_table, at(t), 0, 0, 0, 0), 0);
	CU_ASSERT_TRUE(pv->traps[14].cs == 0x61 && pv->traps[14].address == 0xc0100000);
	CU_ASSERT_TRUE(pv->traps[128].flags == 3 && pv->traps[128].vector == 128);
	t[0].cs = 2;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_trap_table, at(t), 0, 0, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(pv->traps[14].address, 0);

	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_callbacks, 0x61, 1, 0x60, 2, 0), 0);
	CU_ASSERT_TRUE(pv->event_cs == 0x61 && pv->event_callback == 1);
	CU_ASSERT_TRUE(pv->failsafe_cs == 0x61 && pv->failsafe_callback == 2);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_set_callbacks, 0, 1, 0x60, 2, 0), -EINVAL);
	memset(mem, 0, 64);
	*r = (struct compat_callback_register){ CALLBACKTYPE_sysenter, CALLBACKF_mask_events,
						{ 0x61, 77 } };
	cpu_features.sysenter = true;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_callback_op, CALLBACKOP_register, at(r), 0, 0, 0), 0);
	CU_ASSERT_TRUE(pv->sysenter_callback == 77 && pv->sysenter_cs == 0x61 &&
		       pv->sysenter_masks);
	CU_ASSERT_TRUE(rdmsr(MSR_SYSENTER_CS) == SEL_HV_CS && sim_cpu->sysenter);
	CU_ASSERT_EQUAL(call(__HYPERVISOR_callback_op, CALLBACKOP_unregister, at(r), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(pv->sysenter_callback, 0);
	CU_ASSERT_TRUE(rdmsr(MSR_SYSENTER_CS) == 0 && !sim_cpu->sysenter);
	cpu_features.sysenter = false;
	r->type = CALLBACKTYPE_event;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_callback_op, CALLBACKOP_unregister, at(r), 0, 0, 0),
			-EINVAL);
	r->type = 99;
	CU_ASSERT_EQUAL(call(__HYPERVISOR_callback_op, CALLBACKOP_register, at(r), 0, 0, 0),
			-ENOSYS);

	CU_ASSERT_EQUAL(call(__HYPERVISOR_stack_switch, 0x68, 0xc0200000, 0, 0, 0), 0);
	CU_ASSERT_TRUE(pv->kernel_ss == 0x69 && pv->kernel_sp == 0xc0200000);
}

/*
 * Where the short way of `int 0x80` puts its frame without asking again: below `bounce_sp`, which
 * is 0 if the frame might pass the end of a segment or of the 4 GiB.
 */
TEST(test_kernel_stack, "the kernel's stack")
{
	static const struct {
		u32 esp, base, where;
	} cases[] = {
		{ 0, 0, 0 }, { 4, 0, 0 }, { 20, 0, 0 }, { 64, 0, 0 }, { 0xc0200000, 0, 0xc0200000 },
		{ 0xc0200003, 0, 0xc0200003 }, { 0xffffffff, 0, 0xffffffff },
		{ 8, 0xc0000000, 0 },           /* its segment's end comes first */
		{ 0x1000, 0xc0000000, 0xc0001000 },
		{ 0x1000, 0xfffff000, 0 },      /* goes round, to where 4 GiB begin */
		{ 0x1000, 0xfffff004, 0 }, { 0x1000, 0xfffff040, 0 },
		{ 0x1000, 0xfffff200, 0x200 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pv_vcpu pv = { .bounce_sp = 1 };

		compat_set_kernel_stack(&pv, 0x68, cases[i].esp, cases[i].base);
		CU_ASSERT_EQUAL(pv.bounce_sp, cases[i].where);
		CU_ASSERT_EQUAL(pv.kernel_sp, cases[i].esp);
		CU_ASSERT_EQUAL(pv.kernel_ss, 0x69);
		compat_set_kernel_stack(&pv, 0, cases[i].esp, cases[i].base);
		CU_ASSERT_EQUAL(pv.kernel_ss, 1);
	}
}

TEST(test_context, "a vCPU's state")
{
	static struct compat_vcpu_guest_context a, b;
	static struct vcpu_guest_context wide;
	struct compat_callback_selectors sel;

	memset(&a, 0x5a, sizeof(a));
	/* Padding and what has no counterpart does not come back. */
	a.user_regs.error_code = a.user_regs.entry_vector = 0;
	a.user_regs.saved_upcall_mask = a.user_regs._pad0 = 0;
	a.user_regs._pad1 = a.user_regs._pad2 = a.user_regs._pad3 = 0;
	a.user_regs._pad4 = a.user_regs._pad5 = 0;
	a.event_callback_cs &= 0xffff;
	a.failsafe_callback_cs &= 0xffff;
	/* A root above 4 GiB: frame 0x123456 in the folded form. */
	a.ctrlreg[3] = compat_pfn_to_cr3(0x123456);
	a.ctrlreg[1] = 0;
	compat_context_widen(&wide, &sel, &a);
	CU_ASSERT_EQUAL(wide.ctrlreg[3], 0x123456000);
	CU_ASSERT_EQUAL(wide.user_regs.rip, 0x5a5a5a5a);
	compat_context_narrow(&b, &wide, &sel);
	CU_ASSERT_EQUAL(memcmp(&a, &b, sizeof(a)), 0);
}

/* Offsets that an i386 compiler gives the public headers. */
TEST(test_layouts, "layouts")
{
#define SIZE(t, n)	{ #t, sizeof(struct compat_##t), n }
#define OFFSET(t, m, n) { #t "." #m, offsetof(struct compat_##t, m), n }
	static const struct {
		const char *what;
		size_t ours, i386;
	} t[] = {
		SIZE(vcpu_info, 64), SIZE(shared_info, 2344), SIZE(start_info, 1112),
		SIZE(vcpu_guest_context, 2800), SIZE(cpu_user_regs, 68), SIZE(mmuext_op, 12),
		SIZE(vcpu_runstate_info, 44), SIZE(xen_memory_reservation, 20),
		SIZE(xen_memory_exchange, 44), SIZE(xen_mem_acquire_resource, 28),
		SIZE(gnttab_copy, 24), SIZE(gnttab_transfer, 16), SIZE(gnttab_setup_table, 16),
		SIZE(physdev_map_pirq, 36), SIZE(sched_poll, 16),
		OFFSET(shared_info, evtchn_pending, 2048), OFFSET(shared_info, evtchn_mask, 2176),
		OFFSET(shared_info, wc_version, 2304), OFFSET(shared_info, arch, 2316),
		OFFSET(start_info, cmd_line, 80),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].ours != t[i].i386)
			CU_FAIL_FATAL(t[i].what);
}

TEST(test_hypercall_page, "hypercall page")
{
	static u8 page[4096];

	compat_hypercall_page_fill(page);
	CU_ASSERT_EQUAL(memcmp(page + 18 * 32, "\xb8\x12\0\0\0\xcd\x82\xc3", 8), 0);
	CU_ASSERT_EQUAL(memcmp(page + 23 * 32, "\x50\xb8\x17\0\0\0\xcd\x82\xcc", 9), 0);
}

TEST(test_set_compat, "a domain becomes 32-bit")
{
	guest->is_32bit = false;
	guest->tot_pages = 1;
	CU_ASSERT_EQUAL(domain_set_compat(guest), -EBUSY);
	guest->tot_pages = 0;
	guest->vcpu[1]->initialised = true;
	CU_ASSERT_EQUAL(domain_set_compat(guest), -EBUSY);
	CU_ASSERT_FALSE(guest->is_32bit);
	guest->vcpu[1]->initialised = false;
	guest->ring1 = true;
	CU_ASSERT_EQUAL(domain_set_compat(guest), -EBUSY);
	CU_ASSERT_FALSE(guest->is_32bit);
	guest->ring1 = false;
	guest->log_dirty = true;
	CU_ASSERT_EQUAL(domain_set_compat(guest), -EBUSY);
	CU_ASSERT_FALSE(guest->is_32bit);
	guest->log_dirty = false;
	/* pv32=0, whatever the domain is like: nothing has changed. */
	sim.ring1_refused = true;
	CU_ASSERT_EQUAL(domain_set_compat(guest), -EOPNOTSUPP);
	CU_ASSERT_FALSE(guest->is_32bit);
	CU_ASSERT_PTR_NULL(guest->vcpu[1]->pv.root32);
	sim.ring1_refused = false;
	CU_ASSERT_EQUAL(domain_set_compat(guest), 0);
	CU_ASSERT_TRUE(guest->is_32bit);
	CU_ASSERT_PTR_NOT_NULL(guest->vcpu[1]->pv.root32);
	CU_ASSERT_EQUAL(domain_set_compat(guest), 0);
}

SUITE("compat", .before = map_memory, .begin = begin)
