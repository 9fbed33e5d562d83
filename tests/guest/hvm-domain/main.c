// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine with SVM and nested paging: it makes an HVM domain, gives it memory by the
 * domain's own frame numbers, maps and writes that, puts shared info and grant table where it
 * likes, takes some away, and destroys it with everything in place; each time the audit counts.
 * Its vCPU is given a state by a context, runs, and its state is read again. What is for a PV
 * guest's CPU or tables is refused. On a machine without, the domain is.
 * bits: 64
 */
#include "dom0.h"
#include "pv-abi/hvm_save.h"

const char test_name[] = "hvm-domain";

#define HVM_FLAGS (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)
#define LARGE	  0x200UL

static unsigned domain;

static long create(uint32_t flags, uint32_t emulation)
{
	long r;

	memset(&op, 0, sizeof(op));
	op.u.createdomain.flags = flags;
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 0;
	op.u.createdomain.grant_opts = 1;
	op.u.createdomain.arch.emulation_flags = emulation;
	r = domctl(XEN_DOMCTL_createdomain, 0);
	domain = op.domain;
	return r;
}

static long extents(long cmd, xen_pfn_t *list, unsigned n, unsigned order)
{
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
					    .nr_extents = n,
					    .extent_order = order,
					    .domid = domain };

	return hypercall(memory_op, cmd, &r);
}

static long add(unsigned space, unsigned long idx, xen_pfn_t gfn)
{
	struct xen_add_to_physmap a = { .domid = domain, .space = space, .idx = idx, .gpfn = gfn };

	return hypercall(memory_op, (long)XENMEM_add_to_physmap, &a);
}

static long map(xen_pfn_t gfn, void *page)
{
	return hypercall(update_va_mapping_otherdomain, page, gfn << 12 | 7, (long)UVMF_INVLPG,
			 (long)domain);
}

static void unmap(void *page, unsigned long own)
{
	check_eq(hypercall(update_va_mapping, page, own << 12 | 0x67, (long)UVMF_INVLPG), 0);
}

static char window[4096] __attribute__((aligned(4096)));

static struct {
	struct hvm_save_descriptor header_at;
	struct hvm_save_header header;
	struct hvm_save_descriptor cpu_at;
	struct hvm_hw_cpu cpu;
	struct hvm_save_descriptor end_at;
} __attribute__((packed)) context;

/* What is read has its APIC and memory types, too. */
static struct {
	struct hvm_save_descriptor header_at;
	struct hvm_save_header header;
	struct hvm_save_descriptor cpu_at;
	struct hvm_hw_cpu cpu;
	struct hvm_save_descriptor lapic_at;
	struct hvm_hw_lapic lapic;
	struct hvm_save_descriptor regs_at;
	struct hvm_hw_lapic_regs regs;
	struct hvm_save_descriptor mtrr_at;
	struct hvm_hw_mtrr mtrr;
	struct hvm_save_descriptor end_at;
} __attribute__((packed)) after;

static long set_context(void)
{
	memset(&op, 0, sizeof(op));
	op.u.hvmcontext.size = sizeof(context);
	op.u.hvmcontext.buffer = (uintptr_t)&context;
	return domctl(XEN_DOMCTL_sethvmcontext, domain);
}

static unsigned long pat = 0x0007040600070406UL; /* that of reset, then another */

static void get_context(void)
{
	memset(&op, 0, sizeof(op));
	op.u.hvmcontext.size = sizeof(after);
	op.u.hvmcontext.buffer = (uintptr_t)&after;
	check_eq(domctl(XEN_DOMCTL_gethvmcontext, domain), 0);
	check_eq(op.u.hvmcontext.size, sizeof(after));
	check_eq(after.lapic.apic_base_msr, 0xfee00d00);
	check_eq(after.lapic.timer_divisor, 2);
	check_eq(after.regs.data[0xf0 / 4], 0xff);
	check_eq(after.regs.data[0x320 / 4], 0x10000);
	check_eq(after.mtrr_at.typecode, HVM_SAVE_CODE_MTRR);
	check_eq(after.mtrr.msr_pat_cr, pat);
	check_eq(after.mtrr.msr_mtrr_def_type, 0x806);
}

/*
 * Its vCPU begins where the context says, in 32 bits without paging: it adds up registers, loads
 * segments, a table and control registers, and stops for good, which is where the state is read.
 */
#define CODE (LARGE + 8)
static void runs(unsigned long own)
{
	static const unsigned char code[] = {
		0x01, 0xd8,			/* add %ebx, %eax */
		0x0f, 0x01, 0x11,		/* lgdt (%ecx) */
		0x8e, 0xea,			/* mov %edx, %gs */
		0x0f, 0x20, 0xe5,		/* mov %cr4, %ebp */
		0x83, 0xcd, 0x30,		/* or $0x30, %ebp: PSE, PAE */
		0x0f, 0x22, 0xe5,		/* mov %ebp, %cr4 */
		0x0f, 0x23, 0xcb,		/* mov %ebx, %dr1 */
		0xd9, 0xe8,			/* fld1 */
		0xf4,				/* hlt */
	};
	unsigned gdt = (CODE << 12) + 0x40;

	check_eq(map(CODE, window), 0);
	memcpy(window, code, sizeof(code));
	/* The pseudo-descriptor, then two descriptors: none, and flat data. */
	memset(window + 0x30, 0, 64);
	window[0x30] = 15;
	memcpy(window + 0x32, &gdt, 4);
	memcpy(window + 0x48, "\xff\xff\0\0\0\x93\xcf\0", 8);
	unmap(window, own);
	context = (__typeof__(context)){
		.header_at = { HVM_SAVE_CODE_HEADER, 0, sizeof(context.header) },
		.header = { HVM_FILE_MAGIC, HVM_FILE_VERSION, ~0ULL, 0, 0 },
		.cpu_at = { HVM_SAVE_CODE_CPU, 0, sizeof(context.cpu) },
		.cpu = {
			.rax = 0x1200, .rbx = 0x34, .rcx = (CODE << 12) + 0x30, .rdx = 8,
			.rsi = 1, .rdi = 2, .rsp = 3, .r8 = 8, .r15 = 15,
			.rip = CODE << 12, .rflags = 2, .cr0 = 0x11, .cr2 = 22, .cr3 = 0x3000,
			.dr0 = 0x1234, .dr6 = 0xffff0ff0, .dr7 = 0x400,
			.cs_sel = 8, .cs_limit = ~0U, .cs_arbytes = 0xc9b,
			.ss_sel = 16, .ss_limit = ~0U, .ss_arbytes = 0xc93,
			.ds_sel = 16, .ds_limit = ~0U, .ds_arbytes = 0xc93,
			.es_sel = 16, .es_limit = ~0U, .es_arbytes = 0xc93,
			.fs_sel = 16, .fs_limit = ~0U, .fs_base = 0x5000, .fs_arbytes = 0xc93,
			.tr_limit = 0x67, .tr_arbytes = 0x8b,
			.ldtr_limit = 7, .ldtr_base = 0x7000, .ldtr_arbytes = 0x82,
			.idtr_base = 0x9000, .idtr_limit = 9,
			.sysenter_cs = 0x10, .sysenter_esp = 0x11, .sysenter_eip = 0x12,
			.shadow_gs = 0x13, .msr_lstar = 0x14, .msr_star = 0x15,
			.msr_cstar = 0x16, .msr_syscall_mask = 0x17,
		},
	};
	check_eq(set_context(), -ESRCH);
	memset(&op, 0, sizeof(op));
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, domain), 0);
	/* What the CPU would refuse. */
	context.cpu.cr0 |= 1UL << 31;
	context.cpu.msr_efer = 0x500;
	check_eq(set_context(), -EINVAL);
	/* It has not run since: all of it is read back, and can be set once more. */
	context.cpu.cr4 = 0x20;
	context.cpu.cs_arbytes = 0xa9b;
	check_eq(set_context(), 0);
	get_context();
	check_eq(after.cpu.msr_efer, 0x500);
	check_eq(after.cpu.cr4, 0x20);
	after.mtrr.msr_pat_cr = pat = 0x050100070406UL;
	op.u.hvmcontext.size = sizeof(after);
	op.u.hvmcontext.buffer = (uintptr_t)&after;
	check_eq(domctl(XEN_DOMCTL_sethvmcontext, domain), 0);
	context.cpu.cr0 &= ~(1UL << 31);
	context.cpu.cr4 = 0;
	context.cpu.cs_arbytes = 0xc9b;
	context.cpu.msr_efer = 0;
	check_eq(set_context(), 0);
	get_context();
	context.cpu.tsc = after.cpu.tsc;
	memcpy(context.cpu.fpu_regs, after.cpu.fpu_regs, 512);
	context.cpu.flags = after.cpu.flags;
	check_eq(memcmp(&after.cpu, &context.cpu, sizeof(after.cpu)), 0);
	/* As it was read it may be set; an APIC that is another one's may not. */
	op.u.hvmcontext.size = sizeof(after);
	op.u.hvmcontext.buffer = (uintptr_t)&after;
	check_eq(domctl(XEN_DOMCTL_sethvmcontext, domain), 0);
	after.regs.data[0x20 / 4] = 1;
	op.u.hvmcontext.size = sizeof(after);
	op.u.hvmcontext.buffer = (uintptr_t)&after;
	check_eq(domctl(XEN_DOMCTL_sethvmcontext, domain), -EINVAL);

	check_eq(domctl(XEN_DOMCTL_unpausedomain, domain), 0);
	while (!(flags_of(domain) & XEN_DOMINF_shutdown))
		hypercall(sched_op, (long)SCHEDOP_yield, 0);
	check_eq(domctl(XEN_DOMCTL_pausedomain, domain), 0);
	get_context();
	check_eq(after.cpu.rax, 0x1234);
	check_eq(after.cpu.rip, (CODE << 12) + sizeof(code));
	check_eq(after.cpu.gdtr_base, gdt);
	check_eq(after.cpu.gdtr_limit, 15);
	check_eq(after.cpu.gs_sel, 8);
	check_eq(after.cpu.gs_arbytes & 0xf9f, 0xc93);
	check_eq(after.cpu.cr4, 0x30);
	check_eq(after.cpu.dr0, 0x1234);
	check_eq(after.cpu.dr1, 0x34);
	check_eq(after.cpu.cr2, 22);
	check_eq(after.cpu.fs_base, 0x5000);
	check_eq(after.cpu.msr_lstar, 0x14);
	check_eq(after.cpu.shadow_gs, 0x13);
	check_eq(after.cpu.r15, 15);
	check_eq(after.cpu.rsp, 3);
	/* FLD1 is in the first register of the stack: the highest bit of its mantissa. */
	check_eq(after.cpu.fpu_regs[32 + 7], 0x80);
	audit();
}

void test_main(void)
{
	xen_pfn_t list[] = { LARGE, 0x7fff, 0x8000 }, one[] = { LARGE + 3 };
	struct xen_remove_from_physmap out = { .gpfn = 0x7fff };
	unsigned long own = pfn_to_mfn(((uintptr_t)window - VIRT_BASE) >> 12);
	long r = create(HVM_FLAGS, 0);

	if (r == -EOPNOTSUPP) {
		print("no HVM here\n");
		check_eq(create(0, 0), 0);
		check_eq(domctl(XEN_DOMCTL_destroydomain, domain), 0);
		audit();
		return;
	}
	check_eq(r, 0);
	out.domid = domain;
	check(flags_of(domain) & XEN_DOMINF_hvm_guest);
	op.u.max_mem.max_memkb = 8192;
	check_eq(domctl(XEN_DOMCTL_max_mem, domain), 0);
	check_eq(extents(XENMEM_populate_physmap, list, 1, 9), 1);
	check_eq(extents(XENMEM_populate_physmap, list, 3, 0), 0);
	check_eq(extents(XENMEM_populate_physmap, list + 1, 2, 0), 2);
	check_eq(add(XENMAPSPACE_shared_info, 0, 0x7fff), 0);
	check_eq(add(XENMAPSPACE_grant_table, 0, 0xf0000), 0);
	check_eq(add(XENMAPSPACE_grant_table, 3, 0xf0001), 0);
	check_refused(add(XENMAPSPACE_grant_table, 4, 0xf0002));
	audit();

	/* Written through one number, read through it again. */
	check_eq(map(LARGE + 3, window), 0);
	for (unsigned i = 0; i < sizeof(window); i++)
		check_eq(window[i], 0);
	window[5] = 'x';
	check_eq(map(LARGE + 4, window), 0);
	check_eq(window[5], 0);
	check_eq(map(LARGE + 3, window), 0);
	check_eq(window[5], 'x');
	/* While it is mapped here it may leave the domain. */
	check_eq(extents(XENMEM_decrease_reservation, one, 1, 0), 1);
	check_eq(window[5], 'x');
	audit();
	check_refused(map(LARGE + 3, window));
	check_eq(map(0x7fff, window), 0);
	check_refused(map(0x9000, window));
	check_refused(map(1ul << 28, window));
	audit();
	check_eq(hypercall(memory_op, (long)XENMEM_remove_from_physmap, &out), 0);
	unmap(window, own);

	static const unsigned refused[] = { XEN_DOMCTL_setvcpucontext,	XEN_DOMCTL_getvcpucontext,
					    XEN_DOMCTL_hypercall_init,
					    XEN_DOMCTL_set_address_size, XEN_DOMCTL_shadow_op,
					    XEN_DOMCTL_getpageframeinfo3 };

	runs(own);
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		memset(&op, 0, sizeof(op));
		op.u.max_vcpus.max = 1;
		check_eq(domctl(refused[i], domain), -EOPNOTSUPP);
	}
	while ((r = domctl(XEN_DOMCTL_destroydomain, domain)) == -EAGAIN)
		;
	check_eq(r, 0);
	check_eq(flags_of(domain), -1);
	audit();
	check_eq(create(XEN_DOMCTL_CDF_hvm, 0), -EOPNOTSUPP);
	check_eq(create(XEN_DOMCTL_CDF_hap, 0), -EINVAL);
	check_refused(create(HVM_FLAGS, 1));
	check_refused(create(HVM_FLAGS | XEN_DOMCTL_CDF_nested_virt, 0));
	print("an HVM domain came and went\n");
}
