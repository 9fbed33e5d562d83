// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/x2apic.h"
#include "lib/string.h"

/* Enabled, in x2APIC mode; number 0 is the boot CPU's. */
#define BASE	 (0xfee00000ULL | BIT(11) | BIT(10))
#define BASE_BSP BIT(8)

/* Registers: what stands in bits 4-11 of their address where they are memory. */
enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_LDR = 0x0d,
	REG_SPURIOUS = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_LVT_TIMER = 0x32,
	REG_LVT_LAST = 0x37,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
};

#define VERSION	     (0x14U | (X2APIC_LVTS - 1) << 16)
#define LVT_MASKED   BIT(16)
#define LVT_PERIODIC BIT(17)
#define ENABLED	     BIT(8) /* of the spurious vector's register */
#define FIRST_VECTOR 16 /* those below are no interrupts: SDM vol. 3A, 10.5.2 */

/* Vector, delivery mode, destination mode, level, trigger, shorthand; the destination above. */
#define ICR_KNOWN     (0xffffffffULL << 32 | 0xccfffULL)
#define ICR_MODE(icr) ((icr) >> 8 & 7)
#define ICR_LOGICAL   BIT(11)
#define ICR_ASSERT    BIT(14)
#define ICR_LEVEL     BIT(15)
#define ICR_WHO(icr)  ((icr) >> 18 & 3)
enum { MODE_FIXED, MODE_LOWEST, MODE_NMI = 4, MODE_INIT, MODE_STARTUP };
enum { WHO_DESTINATION, WHO_SELF, WHO_ALL, WHO_OTHERS };

/*
 * Bits that may be set. The timer's: vector, mask, periodic (CPUID has no TSC deadline); LINT0 and
 * LINT1: what lines have, too.
 */
static const u32 lvt_known[X2APIC_LVTS] = { 0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };

void x2apic_reset(struct x2apic *a, u32 id)
{
	*a = (struct x2apic){ .id = id, .spurious = 0xff, .timer.due = APIC_TIMER_NEVER };
	for (unsigned i = 0; i < X2APIC_LVTS; i++)
		a->lvt[i] = LVT_MASKED;
}

static int highest(const u32 *bits)
{
	for (int i = 7; i >= 0; i--) {
		u32 word = READ_ONCE(bits[i]);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

/* The class below which, and of which, nothing is delivered. */
static int busy_class(const struct x2apic *a)
{
	int begun = highest(a->isr) >> 4, task = (int)(a->tpr >> 4);

	return max(begun, task);
}

int x2apic_next(const struct x2apic *a)
{
	int vector = highest(a->irr);

	return vector >= 0 && vector >> 4 > busy_class(a) ? vector : -1;
}

bool x2apic_held(const struct x2apic *a)
{
	int class = highest(a->irr) >> 4;

	return class > highest(a->isr) >> 4 && class <= (int)x2apic_cr8(a);
}

void x2apic_accept(struct x2apic *a, u8 vector)
{
	atomic_and(&a->irr[vector / 32], ~(u32)BIT(vector % 32));
	a->isr[vector / 32] |= (u32)BIT(vector % 32);
}

static void end_of_interrupt(struct x2apic *a)
{
	int vector = highest(a->isr);

	if (vector >= 0)
		a->isr[vector / 32] &= ~(u32)BIT(vector % 32);
}

enum x2apic_raised x2apic_raise(struct x2apic *a, u8 vector)
{
	u32 bit = (u32)BIT(vector % 32);

	if (vector < FIRST_VECTOR || !(READ_ONCE(a->spurious) & ENABLED))
		return X2APIC_NOT_TAKEN;
	return atomic_or(&a->irr[vector / 32], bit) & bit ? X2APIC_WAS_THERE : X2APIC_TAKEN;
}

static u32 timer_lvt(const struct x2apic *a)
{
	return a->lvt[0];
}

static bool timer_periodic(const struct x2apic *a)
{
	return timer_lvt(a) & LVT_PERIODIC;
}

void x2apic_timer_run(struct x2apic *a, u64 now)
{
	if (apic_timer_expire(&a->timer, timer_periodic(a), now) && !(timer_lvt(a) & LVT_MASKED))
		x2apic_raise(a, (u8)timer_lvt(a));
}

u64 x2apic_timer_due(const struct x2apic *a)
{
	bool silent = (timer_lvt(a) & LVT_MASKED) || (u8)timer_lvt(a) < FIRST_VECTOR;

	return silent ? APIC_TIMER_NEVER : a->timer.due;
}

bool x2apic_timer_wakes(const struct x2apic *a)
{
	return (u8)timer_lvt(a) >> 4 > busy_class(a);
}

/* A cluster of 16 in the upper half, a bit for each of them in the lower. */
static u32 logical_id(u32 id)
{
	return id >> 4 << 16 | 1U << (id & 15);
}

static bool is_for(u64 icr, u32 sender, u32 id)
{
	u32 to = (u32)(icr >> 32), logical = logical_id(id);

	switch (ICR_WHO(icr)) {
	case WHO_SELF:
		return id == sender;
	case WHO_ALL:
		return true;
	case WHO_OTHERS:
		return id != sender;
	default:
		if (to == ~0U) /* everybody */
			return true;
		return icr & ICR_LOGICAL ? to >> 16 == logical >> 16 && (u16)(to & logical) :
					   to == id;
	}
}

enum x2apic_ipi x2apic_means(u64 icr, u32 sender, u32 id)
{
	bool with_self = ICR_WHO(icr) == WHO_SELF || ICR_WHO(icr) == WHO_ALL;

	/* By these words fixed interrupts alone are sent: APM vol. 2, 16.5, table 16-4. */
	if (!is_for(icr, sender, id) || (with_self && ICR_MODE(icr) != MODE_FIXED))
		return X2APIC_NOTHING;
	switch (ICR_MODE(icr)) {
	case MODE_FIXED:
		return X2APIC_FIXED;
	case MODE_LOWEST:
		return X2APIC_LOWEST;
	case MODE_NMI:
		return X2APIC_NMI;
	case MODE_INIT:
		/* The one that ends an INIT of old times does nothing. */
		return (icr & ICR_LEVEL) && !(icr & ICR_ASSERT) ? X2APIC_NOTHING : X2APIC_INIT;
	case MODE_STARTUP:
		return X2APIC_STARTUP;
	}
	return X2APIC_NOTHING; /* no system management, and what is reserved */
}

u64 x2apic_base(u32 id)
{
	return BASE | (id ? 0 : BASE_BSP);
}

bool x2apic_read(const struct x2apic *a, u32 msr, u64 now, u64 *value)
{
	u32 reg = msr - X2APIC_MSR_FIRST;

	if (msr == MSR_APIC_BASE) {
		*value = x2apic_base(a->id);
		return true;
	}
	*value = 0;
	switch (reg) {
	case REG_ESR:
	case REG_TMR ... REG_IRR - 1:
		return true;
	case REG_ID:
		*value = a->id;
		return true;
	case REG_VERSION:
		*value = VERSION;
		return true;
	case REG_TPR:
		*value = a->tpr;
		return true;
	case REG_PPR:
		*value = (u64)max(busy_class(a), 0) << 4;
		return true;
	case REG_LDR:
		*value = logical_id(a->id);
		return true;
	case REG_SPURIOUS:
		*value = a->spurious;
		return true;
	case REG_ISR ... REG_TMR - 1:
		*value = a->isr[reg - REG_ISR];
		return true;
	case REG_IRR ... REG_ESR - 1:
		*value = READ_ONCE(a->irr[reg - REG_IRR]);
		return true;
	case REG_ICR:
		*value = a->icr;
		return true;
	case REG_LVT_TIMER ... REG_LVT_LAST:
		*value = a->lvt[reg - REG_LVT_TIMER];
		return true;
	case REG_TIMER_INITIAL:
		*value = a->timer.initial;
		return true;
	case REG_TIMER_CURRENT:
		*value = apic_timer_current(&a->timer, timer_periodic(a), now);
		return true;
	case REG_TIMER_DIVIDE:
		*value = a->timer.divide;
		return true;
	}
	return false;
}

static void write_spurious(struct x2apic *a, u32 value)
{
	WRITE_ONCE(a->spurious, value);
	for (unsigned i = 0; !(value & ENABLED) && i < X2APIC_LVTS; i++)
		a->lvt[i] |= LVT_MASKED;
}

static void write_lvt(struct x2apic *a, unsigned i, u32 value)
{
	a->lvt[i] = value | (a->spurious & ENABLED ? 0 : (u32)LVT_MASKED);
}

bool x2apic_write(struct x2apic *a, u32 msr, u64 now, u64 value)
{
	u32 reg = msr - X2APIC_MSR_FIRST;

	if (msr == MSR_APIC_BASE)
		return value == x2apic_base(a->id);
	if (reg == REG_ICR) {
		if (value & ~ICR_KNOWN)
			return false;
		a->icr = value;
		return true;
	}
	if (value >> 32)
		return false;
	/* What is due goes by what stood there until now. */
	x2apic_timer_run(a, now);
	switch (reg) {
	case REG_TPR:
		if (value >> 8)
			return false;
		a->tpr = (u32)value;
		return true;
	case REG_EOI:
		if (value)
			return false;
		end_of_interrupt(a);
		return true;
	case REG_SPURIOUS:
		if (value & ~0x3ffULL)
			return false;
		write_spurious(a, (u32)value);
		return true;
	case REG_ESR:
		return !value;
	case REG_LVT_TIMER ... REG_LVT_LAST:
		if (value & ~(u64)lvt_known[reg - REG_LVT_TIMER])
			return false;
		write_lvt(a, reg - REG_LVT_TIMER, (u32)value);
		return true;
	case REG_TIMER_INITIAL:
		apic_timer_start(&a->timer, (u32)value, timer_periodic(a), now);
		return true;
	case REG_TIMER_DIVIDE:
		if (value & ~0xbULL)
			return false;
		apic_timer_divide(&a->timer, (u32)value, timer_periodic(a), now);
		return true;
	case REG_SELF_IPI:
		if (value >> 8)
			return false;
		x2apic_raise(a, (u8)value);
		return true;
	}
	return false;
}

/* In memory the ICR is two of them. */
#define REG_ICR_HIGH	(REG_ICR + 1)
#define WORD(reg)	((reg) * 4)

static u32 word_of(const struct x2apic *a, u32 reg, u64 now)
{
	u64 value;

	if (reg == REG_ICR_HIGH)
		return (u32)(a->icr >> 32);
	return x2apic_read(a, X2APIC_MSR_FIRST + reg, now, &value) ? (u32)value : 0;
}

void x2apic_export(const struct x2apic *a, u64 now, u32 *words)
{
	struct x2apic by_now = *a;

	/* What became due while it did not run is among what waits, but nobody was told yet. */
	x2apic_timer_run(&by_now, now);
	for (u32 i = 0; i < X2APIC_WORDS; i++)
		words[i] = i % 4 ? 0 : word_of(&by_now, i / 4, now);
}

bool x2apic_import(struct x2apic *a, u32 id, u64 now, const u32 *words)
{
	static const u8 written[] = { REG_TPR, REG_SPURIOUS, REG_LVT_TIMER, REG_LVT_TIMER + 1,
				      REG_LVT_TIMER + 2, REG_LVT_TIMER + 3, REG_LVT_TIMER + 4,
				      REG_LVT_LAST, REG_TIMER_DIVIDE, REG_TIMER_INITIAL };
	u64 icr = words[WORD(REG_ICR)] | (u64)words[WORD(REG_ICR_HIGH)] << 32;

	/* As the guest would do it; then what could not be written is not there. */
	x2apic_reset(a, id);
	for (u32 i = 0; i < ARRAY_SIZE(written); i++)
		if (!x2apic_write(a, X2APIC_MSR_FIRST + written[i], now, words[WORD(written[i])]))
			return false;
	if (!x2apic_write(a, X2APIC_MSR_ICR, now, icr))
		return false;
	apic_timer_resume(&a->timer, words[WORD(REG_TIMER_CURRENT)], now);
	for (u32 i = 0; i < ARRAY_SIZE(a->irr); i++) {
		u32 known = i ? ~0U : ~0U << FIRST_VECTOR;

		a->isr[i] = words[WORD(REG_ISR + i)] & known;
		a->irr[i] = words[WORD(REG_IRR + i)] & known;
	}
	for (u32 i = 0; i < X2APIC_WORDS; i++)
		if (words[i] != (i % 4 ? 0 : word_of(a, i / 4, now)))
			return false;
	return true;
}
