// SPDX-License-Identifier: GPL-2.0-or-later
/* The order in which the hypervisor comes to life. */
#include "boot/main.h"
#include "boot/multiboot.h"
#include "boot/smp.h"
#include "boot/start_domains.h"
#include "control/console_io.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/cpu_policy.h"
#include "cpu/entry_area.h"
#include "cpu/features.h"
#include "cpu/ipi.h"
#include "cpu/msr.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/pirq.h"
#include "domain/time.h"
#include "domain/version.h"
#include "entry/area.h"
#include "entry/entry.h"
#include "entry/hypercall.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/console.h"
#include "machine/efi.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "machine/pci.h"
#include "machine/power.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "memory/e820.h"
#include "memory/early.h"
#include "memory/heap.h"
#include "memory/ioremap.h"
#include "memory/paging.h"
#include "sched/sched.h"

/* For GDB and the symbol-minded: the stack that the boot CPU starts on; it holds no secrets
 * afterwards. */
extern u8 boot_stack[], boot_stack_top[];

/* What distribution-compiled decompressors read their stack protector's canary from: %fs:40. */
static u64 fake_tls[8];

static void __init show_memory_map(void)
{
	static const char *const types[] = { "?", "RAM", "reserved", "ACPI", "ACPI NVS", "bad" };

	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];

		printk(LOG_DEBUG "memory map: %012llx-%012llx %s\n", (unsigned long long)e->start,
		       (unsigned long long)(e->start + e->size),
		       e->type < ARRAY_SIZE(types) ? types[e->type] : "?");
	}
}

static struct cpu_info *__init main_stack_info(void)
{
	return (struct cpu_info *)(entry_area_page(0, EA_MAIN_STACK) + STACK_SIZE -
				   sizeof(struct cpu_info));
}

static u32 __init acpi_id_of(u32 apic_id)
{
	for (unsigned i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.cpus[i].apic_id == apic_id)
			return acpi_info.cpus[i].acpi_id;
	return 0; /* what a machine's only CPU has */
}

/* The last thing on the boot stack: go on as the boot CPU's idle vCPU. */
static void __init __noreturn become_idle(void)
{
	local_irq_disable();
	switch_stack_and_call(main_stack_info(), boot_finish);
}

/* No longer init code: frees that, starts the guests and idles. */
void boot_finish(void)
{
	paging_free_init();
	console_end_boot();
	latency_begin();
	start_domains_run();
	local_irq_enable();
	idle_loop();
}

static bool __init apic_ids_fit(void)
{
	for (unsigned i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.cpus[i].apic_id >= 0xff)
			return false;
	return true;
}

void __init start_of_day(u32 magic, u32 info)
{
	struct cpu_info *ci = get_cpu_info();
	const char *error;

	memset(ci, 0, sizeof(*ci));
	ci->cpu = &cpus[0];
	ci->cpu->online = true;
	error = multiboot_parse(magic, info);
	strlcpy(saved_cmdline, boot_info.cmdline ? boot_info.cmdline : "", sizeof(saved_cmdline));
	cmdline_parse(saved_cmdline);
	console_init();
	printk(LOG_INFO "Annulus %s\n", ANNULUS_VERSION);
	if (error)
		panic("boot: %s\n", error);
	printk(LOG_INFO "boot: by %s, Multiboot %u, command line: %s\n", boot_info.loader,
	       boot_info.protocol, saved_cmdline);
	cmdline_report();
	idt_load_early();
	wrmsr(MSR_FS_BASE, (u64)fake_tls);
	features_init();
	show_memory_map();
	paging_find_memory();
	for (unsigned i = 0; i < boot_info.nr_modules; i++)
		early_ranges_reserve(boot_info.modules[i].start,
				     boot_info.modules[i].start + boot_info.modules[i].len);
	screen_unmap();
	paging_init();
	if (!features_init_cpu())
		panic("boot: this CPU lacks FXSR or another feature that every 64-bit CPU has\n");
	screen_map();
	fpu_init_cpu();
	cpu_policies_init();
	features_report();
	hvm_init();
	acpi_init(boot_info.rsdp);
	power_init();
	efi_init();
	pic_init();
	apic_init(&(struct apic_config){ .base = acpi_info.lapic,
					 .nmis = acpi_info.nmis,
					 .nr_nmis = acpi_info.nr_nmis,
					 .ids_fit = apic_ids_fit(),
					 .map = ioremap });
	cpus[0].apic_id = apic_read_id();
	cpus[0].acpi_id = acpi_id_of(cpus[0].apic_id);
	ioapic_init();
	irq_init(&pirq_receiver);
	ipi_init();
	tlb_init();
	domains_init();
	paging_share_m2p();
	sched_init();
	cpus[0].idle = idle_vcpu_create(0);
	if (!cpus[0].idle || entry_area_create(0))
		panic("boot: out of memory: give the machine at least 128 MiB\n");
	ci->vcpu = cpus[0].idle;
	/* NMIs and machine checks look for it there from now on. */
	main_stack_info()->cpu = ci->cpu;
	main_stack_info()->vcpu = ci->vcpu;
	idt_init();
	entry_area_load();
	wrmsr(MSR_FS_BASE, (u64)fake_tls);
	apic_init_cpu();
	time_init();
	time_init_cpu();
	sched_init_cpu(0);
	local_irq_enable();
	pci_init();
	console_io_init();
	hvm_console_register(do_console_io);
	serial_init_irq();
	console_begin_queue();
	compat_hypercall_init();
	smp_boot();
	hvm_report();
	paging_protect_image();
	printk(LOG_INFO "memory: %llu MiB RAM, %llu MiB free\n",
	       (unsigned long long)(heap_total_frames() >> 8),
	       (unsigned long long)(heap_free_frames() >> 8));
	start_domains_build();
	become_idle();
}
