// SPDX-License-Identifier: GPL-2.0-or-later
/* The local APIC: Intel SDM vol. 3A, chapter 11 ("Advanced Programmable Interrupt Controller"). */

#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "lib/cmdline.h"
#include "lib/printk.h"

#define MSR_APIC_BASE         0x1b
#define MSR_APIC_BASE_ENABLE  BIT(11)
#define MSR_APIC_BASE_X2      BIT(10)
#define MSR_TSC_DEADLINE      0x6e0
#define MSR_X2APIC_FIRST      0x800

/* Register offsets of the memory interface; the MSR is 0x800 + offset / 16. */
#define APIC_ID        0x020
#define APIC_VERSION   0x030
#define APIC_TPR       0x080
#define APIC_EOI       0x0b0
#define APIC_SPIV      0x0f0
#define APIC_ISR       0x100
#define APIC_ESR       0x280
#define APIC_ICR       0x300
#define APIC_ICR_HIGH  0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERM 0x330
#define APIC_LVT_PERF  0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TMR_INIT  0x380
#define APIC_TMR_COUNT 0x390
#define APIC_TMR_DIV   0x3e0

#define SPIV_ENABLE       BIT(8)
#define LVT_MASKED        BIT(16)
#define LVT_LEVEL         BIT(15)
#define LVT_ACTIVE_LOW    BIT(13)
#define LVT_NMI           (4U << 8)
#define LVT_TIMER_TSC     (2U << 17)
#define ICR_FIXED         (0U << 8)
#define ICR_NMI           (4U << 8)
#define ICR_INIT          (5U << 8)
#define ICR_STARTUP       (6U << 8)
#define ICR_BUSY          BIT(12)
#define ICR_ASSERT        BIT(14)
#define TIMER_DIV_1       0xb

bool apic_x2;
static s8 opt_x2apic = -1;
OPTION_AUTO("x2apic", opt_x2apic);
u32 apic_errors;

/* Set once by apic_init(); the same physical page shows every CPU its own registers. */
static volatile u8 *apic_regs;
/* What apic_init() was told of the NMI pins. */
static const struct apic_nmi *nmis;
static unsigned nr_nmis;

static u32 apic_read(u32 reg)
{
	if (apic_x2)
		return (u32)rdmsr(MSR_X2APIC_FIRST + (reg >> 4));
	return *(volatile u32 *)(apic_regs + reg);
}

static void apic_write(u32 reg, u32 value)
{
	if (apic_x2)
		wrmsr(MSR_X2APIC_FIRST + (reg >> 4), value);
	else
		*(volatile u32 *)(apic_regs + reg) = value;
}

u32 apic_read_id(void)
{
	u32 id = apic_read(APIC_ID);

	return apic_x2 ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_in_service(u8 vector)
{
	return (apic_read(APIC_ISR + vector / 32 * 16) >> (vector % 32)) & 1;
}

/* -------------------------------------------------------------------------------------------------
 * Sending
 */

static void wait_sent(void)
{
	/* A delivery takes microseconds; a bound keeps a broken APIC from stopping us for ever. */
	for (unsigned i = 0; i < 10000000 && apic_read(APIC_ICR) & ICR_BUSY; i++)
		cpu_relax();
}

static void apic_command(u32 apic_id, u32 command)
{
	u64 flags = local_irq_save();

	if (apic_x2) {
		/*
		 * The MSR write is not ordered with earlier stores, which the target will want to
		 * see.
		 */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC_FIRST + (APIC_ICR >> 4), (u64)apic_id << 32 | command);
	} else {
		wait_sent();
		apic_write(APIC_ICR_HIGH, apic_id << 24);
		apic_write(APIC_ICR, command);
	}
	local_irq_restore(flags);
}

void apic_send_ipi(unsigned cpu, u8 vector)
{
	apic_command(cpus[cpu].apic_id, ICR_FIXED | ICR_ASSERT | vector);
}

void apic_send_ipi_mask(cpumask_t mask, u8 vector)
{
	unsigned cpu;

	mask &= cpus_online & ~CPU_MASK(cpu_id());
	for_each_cpu_in(cpu, mask)
		apic_send_ipi(cpu, vector);
}

void apic_send_nmi(unsigned cpu)
{
	apic_command(cpus[cpu].apic_id, ICR_NMI | ICR_ASSERT);
}

void apic_send_init(u32 apic_id)
{
	apic_command(apic_id, ICR_INIT | ICR_ASSERT);
	if (!apic_x2)
		wait_sent();
}

void apic_send_sipi(u32 apic_id, u8 page)
{
	apic_command(apic_id, ICR_STARTUP | ICR_ASSERT | page);
	if (!apic_x2)
		wait_sent();
}

/* -------------------------------------------------------------------------------------------------
 * Timer
 */

void apic_timer_setup(bool tsc_deadline)
{
	apic_write(APIC_TMR_INIT, 0);
	apic_write(APIC_TMR_DIV, TIMER_DIV_1);
	apic_write(APIC_LVT_TIMER, TIMER_VECTOR | (tsc_deadline ? LVT_TIMER_TSC : 0));
	/*
	 * In memory mode the mode change must be visible before the first deadline is written (SDM
	 * 11.5.4.1).
	 */
	if (tsc_deadline)
		__asm__ volatile("mfence" ::: "memory");
}

void apic_timer_set_count(u32 ticks)
{
	apic_write(APIC_TMR_INIT, ticks);
}

u32 apic_timer_count(void)
{
	return apic_read(APIC_TMR_COUNT);
}

void apic_timer_set_deadline(u64 tsc)
{
	wrmsr(MSR_TSC_DEADLINE, tsc);
}

/* -------------------------------------------------------------------------------------------------
 * Set-up
 */

static void apic_error(struct regs *r)
{
	u32 esr;

	(void)r;
	apic_write(APIC_ESR, 0); /* latches what happened since the last write */
	esr = apic_read(APIC_ESR);
	if (esr & ~atomic_or(&apic_errors, esr))
		printk(LOG_WARN "apic: CPU %u reports error %#x\n", cpu_id(), esr);
}

static void apic_spurious(struct regs *r)
{
	(void)r; /* no EOI: nothing is in service */
}

/*
 * Without remapping of interrupts Intel wants xAPIC (SDM 11.12.6), which then is what firmware
 * leaves. Hypervisors take the other mode all the same, and do an MSR's access with less work than
 * a page's, so that on their CPUs it is the better choice. What firmware left in it stays there:
 * there may be a reason, and no way back without a reset of the APIC.
 */
static bool x2_wanted(bool ids_fit)
{
	if (!cpu_features.x2apic || !ids_fit)
		return false;
	return opt_x2apic < 0 ? cpu_features.hypervisor : opt_x2apic;
}

void apic_init(const struct apic_config *config)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	apic_x2 = (base & (MSR_APIC_BASE_ENABLE | MSR_APIC_BASE_X2)) ==
		  (MSR_APIC_BASE_ENABLE | MSR_APIC_BASE_X2);
	if (!apic_x2 && x2_wanted(config->ids_fit)) {
		/* Two steps: it can only be entered from the enabled state (SDM 11.12.5). */
		wrmsr(MSR_APIC_BASE, base | MSR_APIC_BASE_ENABLE);
		wrmsr(MSR_APIC_BASE, base | MSR_APIC_BASE_ENABLE | MSR_APIC_BASE_X2);
		apic_x2 = true;
	}
	if (!apic_x2) {
		apic_regs = config->map(config->base ? config->base : base & 0xffffff000,
					PAGE_SIZE);
		if (!apic_regs)
			panic("The local APIC's registers cannot be mapped\n");
	}
	nmis = config->nmis;
	nr_nmis = config->nr_nmis;
	vector_register(ERROR_VECTOR, apic_error);
	vector_register(SPURIOUS_VECTOR, apic_spurious);
	printk(LOG_INFO "apic: %s mode\n", apic_x2 ? "x2APIC" : "xAPIC");
}

static void setup_lint(void)
{
	u32 lint[2] = { LVT_MASKED, LVT_NMI };

	/* LINT1 is the NMI pin on every PC; the MADT may say otherwise for this CPU or for all. */
	for (unsigned i = 0; i < nr_nmis; i++) {
		u32 v = LVT_NMI;

		if (nmis[i].acpi_id != 0xffffffff && nmis[i].acpi_id != this_cpu()->acpi_id)
			continue;
		if (nmis[i].active_low)
			v |= LVT_ACTIVE_LOW;
		if (nmis[i].lint == 0)
			lint[1] = LVT_MASKED;
		lint[nmis[i].lint] = v;
	}
	apic_write(APIC_LVT_LINT0, lint[0]);
	apic_write(APIC_LVT_LINT1, lint[1]);
}

void apic_init_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	unsigned max_lvt;

	/* x2APIC can only be entered from the enabled state (SDM 11.12.5). */
	if (!(base & MSR_APIC_BASE_ENABLE)) {
		base |= MSR_APIC_BASE_ENABLE;
		wrmsr(MSR_APIC_BASE, base);
	}
	if (apic_x2 && !(base & MSR_APIC_BASE_X2))
		wrmsr(MSR_APIC_BASE, base | MSR_APIC_BASE_X2);

	max_lvt = (apic_read(APIC_VERSION) >> 16) & 0xff;
	/* An LVT write is only taken while the APIC is enabled by software. */
	apic_write(APIC_SPIV, SPIV_ENABLE | SPURIOUS_VECTOR);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | TIMER_VECTOR);
	apic_write(APIC_TMR_INIT, 0);
	if (max_lvt >= 5)
		apic_write(APIC_LVT_THERM, LVT_MASKED | SPURIOUS_VECTOR);
	if (max_lvt >= 4)
		apic_write(APIC_LVT_PERF, LVT_MASKED | SPURIOUS_VECTOR);
	setup_lint();
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVT_ERROR, max_lvt >= 3 ? ERROR_VECTOR : LVT_MASKED);

	/*
	 * What the firmware or boot loader left in service would block everything of lower
	 * priority.
	 */
	for (unsigned i = 0; i < 256; i++) {
		bool busy = false;

		for (unsigned w = 0; w < 8; w++)
			busy |= apic_read(APIC_ISR + w * 16) != 0;
		if (!busy)
			break;
		apic_eoi();
	}
	apic_write(APIC_TPR, 0);
}
