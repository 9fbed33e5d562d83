// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/x2apic.h"
#include "lib/string.h"

/* Number 0 is the boot CPU's. */
#define BASE_BSP  BIT(8)
#define BASE_EXTD BIT(10)
#define BASE_EN	  BIT(11)

/* Registers: what stands in bits 4-11 of their address where they are memory. */
enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SPURIOUS = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31, /* in the page alone */
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

void x2apic_init(struct x2apic *a)
{
	/* Others look at number and mode, and raise nothing meanwhile. */
	WRITE_ONCE(a->ldr, 0);
	WRITE_ONCE(a->dfr, ~0U);
	WRITE_ONCE(a->spurious, 0xff);
	for (unsigned i = 0; i < ARRAY_SIZE(a->irr); i++)
		a->irr[i] = a->isr[i] = 0;
	for (unsigned i = 0; i < X2APIC_LVTS; i++)
		a->lvt[i] = LVT_MASKED;
	a->tpr = 0;
	a->icr = 0;
	a->timer = (struct apic_timer){ .due = APIC_TIMER_NEVER };
}

void x2apic_reset(struct x2apic *a, u32 id)
{
	a->id = id;
	WRITE_ONCE(a->mode, X2APIC_ON);
	x2apic_init(a);
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

/*
 * By logical destination. In xAPIC mode there are eight bits, and the guest says what they are: a
 * bit for each, or a cluster above a bit for each. One in x2APIC mode takes eight for a part of its
 * cluster 0.
 */
static bool is_logical(u32 to, const struct x2apic *a)
{
	u32 logical = logical_id(a->id), ldr = READ_ONCE(a->ldr) >> 24;

	if (READ_ONCE(a->mode) == X2APIC_ON)
		return to >> 16 == logical >> 16 && (u16)(to & logical);
	if (to >> 8)
		return false;
	if (READ_ONCE(a->dfr) >> 28 == 0xf)
		return to & ldr;
	return to >> 4 == ldr >> 4 && (to & ldr & 0xf);
}

static bool is_for(u64 icr, const struct x2apic *from, const struct x2apic *a)
{
	u32 to = (u32)(icr >> 32), everybody = ~0U;

	if (READ_ONCE(a->mode) == X2APIC_OFF)
		return false;
	if (from->mode == X2APIC_XAPIC) {
		to >>= 24;
		everybody = 0xff;
	}
	switch (ICR_WHO(icr)) {
	case WHO_SELF:
		return a->id == from->id;
	case WHO_ALL:
		return true;
	case WHO_OTHERS:
		return a->id != from->id;
	default:
		return to == everybody || (icr & ICR_LOGICAL ? is_logical(to, a) : to == a->id);
	}
}

enum x2apic_ipi x2apic_means(u64 icr, const struct x2apic *from, const struct x2apic *to)
{
	bool with_self = ICR_WHO(icr) == WHO_SELF || ICR_WHO(icr) == WHO_ALL;

	/* By these words fixed interrupts alone are sent: APM vol. 2, 16.5, table 16-4. */
	if (!is_for(icr, from, to) || (with_self && ICR_MODE(icr) != MODE_FIXED))
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

static u64 base_of(u32 id, enum x2apic_mode mode)
{
	static const u64 bits[] = { [X2APIC_ON] = BASE_EN | BASE_EXTD, [X2APIC_XAPIC] = BASE_EN };

	return XAPIC_PAGE | (id ? 0 : BASE_BSP) | (mode == X2APIC_OFF ? 0 : bits[mode]);
}

u64 x2apic_base(u32 id)
{
	return base_of(id, X2APIC_ON);
}

u64 x2apic_base_now(const struct x2apic *a)
{
	return base_of(a->id, a->mode);
}

/*
 * What changes is the mode, by the ways that there are (SDM vol. 3A, 10.12.5): on from one to the
 * next, and off from both. What was said before is forgotten by who is switched off, and by x2APIC
 * mode what only the other one has.
 */
static bool write_base(struct x2apic *a, u64 value)
{
	enum x2apic_mode to = X2APIC_OFF;

	while (to != X2APIC_ON && value != base_of(a->id, to))
		to--;
	if (value != base_of(a->id, to))
		return false;
	if (to == a->mode)
		return true;
	if (to == X2APIC_OFF) {
		x2apic_init(a);
	} else if (to == X2APIC_ON) {
		if (a->mode != X2APIC_XAPIC)
			return false;
		WRITE_ONCE(a->ldr, 0);
		WRITE_ONCE(a->dfr, ~0U);
		a->icr = (u32)a->icr;
	} else if (a->mode != X2APIC_OFF) {
		return false;
	}
	WRITE_ONCE(a->mode, to);
	return true;
}

/* As the MSRs have it. */
static bool read_reg(const struct x2apic *a, u32 reg, u64 now, u64 *value)
{
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
		/* The task's priority whole, if it is the higher class. */
		*value = (int)(a->tpr >> 4) == busy_class(a) ? a->tpr : (u64)busy_class(a) << 4;
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

bool x2apic_read(const struct x2apic *a, u32 msr, u64 now, u64 *value)
{
	if (msr == MSR_APIC_BASE) {
		*value = x2apic_base_now(a);
		return true;
	}
	return a->mode == X2APIC_ON && read_reg(a, msr - X2APIC_MSR_FIRST, now, value);
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

static bool write_reg(struct x2apic *a, u32 reg, u64 now, u64 value)
{
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

bool x2apic_write(struct x2apic *a, u32 msr, u64 now, u64 value)
{
	if (msr == MSR_APIC_BASE) {
		x2apic_timer_run(a, now);
		return write_base(a, value);
	}
	return a->mode == X2APIC_ON && write_reg(a, msr - X2APIC_MSR_FIRST, now, value);
}

/* ---- the page ---- */

static u32 read_word(const struct x2apic *a, u32 reg, u64 now)
{
	u64 value;

	switch (reg) {
	case REG_ID:
		return a->id << 24;
	case REG_LDR:
		return a->ldr;
	case REG_DFR:
		return a->dfr;
	case REG_ICR_HIGH:
		return (u32)(a->icr >> 32);
	}
	return read_reg(a, reg, now, &value) ? (u32)value : 0;
}

u64 xapic_read(const struct x2apic *a, unsigned offset, unsigned size, u64 now)
{
	u64 value = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = (offset + i) % 16;

		if (at < 4)
			value |= (u64)(u8)(read_word(a, (offset + i) / 16, now) >> 8 * at)
				 << 8 * i;
	}
	return value;
}

/* What is reserved is not written, where the MSR's would be a fault. */
static u32 known_of(u32 reg)
{
	switch (reg) {
	case REG_TPR:
		return 0xff;
	case REG_EOI:
	case REG_ESR:
		return 0;
	case REG_SPURIOUS:
		return 0x3ff;
	case REG_LVT_TIMER ... REG_LVT_LAST:
		return lvt_known[reg - REG_LVT_TIMER];
	case REG_TIMER_DIVIDE:
		return 0xb;
	}
	return ~0U;
}

bool xapic_write(struct x2apic *a, unsigned offset, unsigned size, u64 now, u64 value)
{
	u32 reg = offset / 16;

	if (offset % 16 || size != 4)
		return false;
	switch (reg) {
	case REG_LDR:
		WRITE_ONCE(a->ldr, (u32)value & 0xff000000);
		return false;
	case REG_DFR:
		WRITE_ONCE(a->dfr, (u32)value | 0x0fffffff);
		return false;
	case REG_ICR_HIGH:
		a->icr = (u32)a->icr | (value & 0xff000000) << 32;
		return false;
	case REG_ICR:
		a->icr = (a->icr & ~0xffffffffULL) | ((u32)value & ICR_KNOWN);
		return true;
	case REG_SELF_IPI: /* of x2APIC mode alone */
		return false;
	}
	(void)write_reg(a, reg, now, value & known_of(reg));
	return false;
}

/* ---- as a whole ---- */

#define WORD(reg)	((reg) * 4)

static u32 word_of(const struct x2apic *a, u32 reg, u64 now)
{
	u64 value;

	if (x2apic_is_page(a) || reg == REG_ICR_HIGH)
		return read_word(a, reg, now);
	return read_reg(a, reg, now, &value) ? (u32)value : 0;
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
