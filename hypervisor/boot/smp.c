// SPDX-License-Identifier: GPL-2.0-or-later
/* Starting the other CPUs: INIT, SIPI, SIPI (SDM vol. 3A, 8.4.4.1) to a trampoline below 1 MiB. */
#include "boot/smp.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/directmap.h"
#include "cpu/entry_area.h"
#include "cpu/features.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "entry/area.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/timer.h"
#include "memory/e820.h"
#include "memory/paging.h"
#include "sched/sched.h"

static u64 opt_maxcpus = NR_CPUS;
static bool opt_nosmp;
OPTION_U64("maxcpus", opt_maxcpus);
OPTION_BOOL("nosmp", opt_nosmp);

extern u8 trampoline_start[], trampoline_end[];
extern u64 trampoline_stack, trampoline_cr3;
extern u64 boot_l4[];
void start_secondary(void);

/* A page of conventional memory; the BIOS' own data and EBDA are not RAM in the map, page 0 is left
 * alone. */
static paddr_t __init trampoline_page(void)
{
	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];

		if (e->type == E820_RAM && e->start <= 0x8000 && e->start + e->size >= 0x9000)
			return 0x8000;
	}
	return 0;
}

/* The first C code of another CPU, on its own main stack and the idle root. */
void start_secondary(void)
{
	struct cpu *c = this_cpu();

	if (!features_init_cpu())
		for (;;)
			__asm__ volatile("cli; hlt");
	fpu_init_cpu();
	entry_area_load();
	apic_init_cpu();
	c->cr3_mfn = idle_root_paddr() >> PAGE_SHIFT;
	c->tlb_stamp = 0;
	time_init_cpu();
	hvm_init_cpu();
	sched_init_cpu(c->id);
	atomic_or(&cpus_online, CPU_MASK(c->id));
	c->online = true;
	local_irq_enable();
	idle_loop();
}

static bool __init start_cpu(unsigned id, paddr_t page)
{
	struct cpu *c = &cpus[id];
	u64 *info_top =
		(u64 *)(entry_area_page(id, EA_MAIN_STACK) + STACK_SIZE - sizeof(struct cpu_info));
	struct cpu_info *info = (struct cpu_info *)info_top;
	u8 *low = paddr_to_va(page);

	if (entry_area_create(id) || !(c->idle = idle_vcpu_create(id))) {
		printk(LOG_WARN "smp: no memory for CPU %u\n", id);
		return false;
	}
	memset(info, 0, sizeof(*info));
	info->cpu = c;
	info->vcpu = c->idle;
	memcpy(low, trampoline_start, trampoline_end - trampoline_start);
	*(u64 *)(low + ((u8 *)&trampoline_stack - trampoline_start)) = (u64)info_top;
	*(u64 *)(low + ((u8 *)&trampoline_cr3 - trampoline_start)) = idle_root_paddr();
	smp_mb();
	apic_send_init(c->apic_id);
	clock_delay_us(10000);
	for (unsigned attempt = 0; attempt < 2 && !c->online; attempt++) {
		apic_send_sipi(c->apic_id, page >> PAGE_SHIFT);
		/* 200 us between SIPIs is the manual's; an emulated CPU may take its time to be
		 * scheduled. */
		for (unsigned i = 0; i < (attempt ? 20000U : 20U) && !c->online; i++)
			clock_delay_us(100);
	}
	if (!c->online)
		printk(LOG_WARN "smp: CPU with APIC id %u does not start\n", c->apic_id);
	return c->online;
}

void __init smp_boot(void)
{
	paddr_t page = trampoline_page();
	u64 limit = opt_nosmp ? 1 : opt_maxcpus;

	if (!page && acpi_info.nr_cpus > 1) {
		printk(LOG_WARN "smp: no conventional memory for the trampoline, one CPU only\n");
		return;
	}
	/* The trampoline turns paging on where it runs: one to one, for as long as CPUs start. */
	idle_root()[0] = boot_l4[0];
	for (unsigned i = 0; i < acpi_info.nr_cpus && nr_cpus < limit && nr_cpus < NR_CPUS; i++) {
		struct cpu *c = &cpus[nr_cpus];

		if (acpi_info.cpus[i].apic_id == cpus[0].apic_id)
			continue;
		c->id = nr_cpus;
		c->apic_id = acpi_info.cpus[i].apic_id;
		c->acpi_id = acpi_info.cpus[i].acpi_id;
		if (start_cpu(c->id, page))
			nr_cpus++;
		else
			break; /* its stack is not safe to use again: it may still come */
	}
	idle_root()[0] = 0;
	write_cr3(read_cr3());
	clock_check_cpus();
	printk(LOG_INFO "smp: %u CPU%s online\n", nr_cpus, nr_cpus == 1 ? "" : "s");
}
