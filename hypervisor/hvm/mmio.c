// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that are memory to an HVM guest: which there are, and the instructions that access them.
 * The instruction is read once, through the guest's tables, and it may be another one than the CPU
 * had: then the guest goes on with it by itself.
 */
#include "hvm/mmio.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"

#define TRAP_PF 14
#define AR_DB	BIT(10)

/* Rounds of a repeated instruction for one exit; the guest is looked at in between. */
#define ROUNDS 64
/* So often one that is not known is left to the guest. */
#define TRIES  8

/* ---- devices ---- */

struct device {
	u64 first, size;
	bool (*is_there)(const struct vcpu *v);
	/* Both for current, which alone accesses it: this is the vCPU's own. */
	u64 (*read)(struct vcpu *v, unsigned offset, unsigned size);
	void (*write)(struct vcpu *v, unsigned offset, unsigned size, u64 value);
};

static bool apic_is_there(const struct vcpu *v)
{
	return x2apic_is_page(&v->hvm->apic);
}

static u64 apic_read(struct vcpu *v, unsigned offset, unsigned size)
{
	return xapic_read(&v->hvm->apic, offset, size, system_time());
}

static void apic_write(struct vcpu *v, unsigned offset, unsigned size, u64 value)
{
	struct x2apic *apic = &v->hvm->apic;

	if (xapic_write(apic, offset, size, system_time(), value))
		hvm_send_ipi(apic->icr);
	hvm_timer_update(v);
}

static const struct device devices[] = {
	{ XAPIC_PAGE, PAGE_SIZE, apic_is_there, apic_read, apic_write },
};

static const struct device *device_at(const struct vcpu *v, u64 gpa)
{
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (gpa - devices[i].first < devices[i].size && devices[i].is_there(v))
			return &devices[i];
	return NULL;
}

/* ---- one access ---- */

/* Of the sizes that a CPU reads and writes at once, at once. */
static void memory_access(void *at, struct hvm_access *a)
{
	switch (a->size) {
	case 1:
		if (a->write)
			WRITE_ONCE(*(u8 *)at, (u8)a->value);
		else
			a->value = READ_ONCE(*(u8 *)at);
		break;
	case 2:
		if (a->write)
			WRITE_ONCE(*(u16 *)at, (u16)a->value);
		else
			a->value = READ_ONCE(*(u16 *)at);
		break;
	case 4:
		if (a->write)
			WRITE_ONCE(*(u32 *)at, (u32)a->value);
		else
			a->value = READ_ONCE(*(u32 *)at);
		break;
	default:
		if (a->write)
			WRITE_ONCE(*(u64 *)at, a->value);
		else
			a->value = READ_ONCE(*(u64 *)at);
	}
}

/* False: neither a device's nor the domain's own memory. */
static bool do_access(struct vcpu *v, struct hvm_access *a)
{
	const struct device *dev = device_at(v, a->gpa);
	struct frame *f;

	if (dev) {
		unsigned offset = (unsigned)(a->gpa - dev->first);

		if (a->write)
			dev->write(v, offset, a->size, a->value);
		else
			a->value = dev->read(v, offset, a->size);
		return true;
	}
	f = p2m_get_frame(v->domain, a->gpa >> PAGE_SHIFT);
	if (!f)
		return false;
	memory_access((char *)frame_to_va(f) + (a->gpa & ~PAGE_MASK), a);
	if (a->write)
		frame_dirtied(f);
	frame_put(f);
	return true;
}

/* ---- all of them: found, then done ---- */

enum outcome {
	DONE,
	AWAY,  /* nothing is done, and nothing of it is a device's: the guest goes on by itself */
	FAULT, /* it has got it */
	LOST,  /* neither device nor memory is there, or no table: *where */
};

static u64 byte_mask(unsigned bytes)
{
	return bytes >= 8 ? ~0ULL : BIT(8 * bytes) - 1;
}

static void add_accesses(struct hvm_mmio *m, u64 gpa, unsigned operand, unsigned at, unsigned size)
{
	while (size) {
		unsigned part = 1U << (31 - __builtin_clz(size));

		m->access[m->accesses++] = (struct hvm_access){
			.gpa = gpa, .operand = (u8)operand, .at = (u8)at, .size = (u8)part,
		};
		gpa += part;
		at += part;
		size -= part;
	}
}

static void page_fault(struct vcpu *v, vaddr_t va, u32 error)
{
	hvm_ops->set_cr2(v, va);
	hvm_inject(v, TRAP_PF, true);
	v->hvm->now.error = error;
}

static unsigned rights(const struct vcpu *v)
{
	return (v->hvm->now.cpl == 3 ? GUEST_USER : 0) |
	       (guest_regs()->rflags & RFLAGS_AC ? GUEST_AC : 0);
}

/* Operand n: each page that it lies in. */
static enum outcome find_operand(struct vcpu *v, struct hvm_mmio *m, unsigned n, bool *device,
				 u64 *where)
{
	const struct hvm_operand *o = &m->emulation.operand[n];
	unsigned how = rights(v) | (o->write ? GUEST_WRITE : 0), size;
	enum outcome outcome = DONE;
	u32 error;
	u64 gpa;

	for (unsigned at = 0; at < o->size; at += size) {
		vaddr_t va = m->mode.bits == 64 ? o->va + at : (u32)(o->va + at);

		size = (unsigned)min((u64)(o->size - at), PAGE_SIZE - (va & ~PAGE_MASK));
		switch (guest_translate(v->domain, &v->hvm->now.paging, va, how, &gpa, &error)) {
		case 0:
			break;
		case -EFAULT:
			page_fault(v, va, error);
			return FAULT;
		case -EAGAIN:
			return AWAY;
		default:
			/* A table that is none of its own: it may lead to the device. */
			*device = true;
			if (outcome == DONE)
				*where = va;
			outcome = LOST;
			continue;
		}
		if (device_at(v, gpa)) {
			*device = true;
		} else {
			struct frame *f = p2m_get_frame(v->domain, gpa >> PAGE_SHIFT);

			if (!f) {
				if (outcome == DONE)
					*where = gpa;
				outcome = LOST;
				continue;
			}
			frame_put(f);
		}
		add_accesses(m, gpa, n, at, size);
	}
	return outcome;
}

static enum outcome find_accesses(struct vcpu *v, struct hvm_mmio *m, u64 *where)
{
	const struct hvm_emulation *e = &m->emulation;
	bool device = false, lost = false;
	u64 at = 0;
	u8 found;

	m->accesses = m->reads = m->next = 0;
	/* No instruction has one that is written in front of one that is only read. */
	for (unsigned n = 0; n < e->operands; n++) {
		enum outcome o;

		found = m->accesses;
		o = find_operand(v, m, n, &device, &at);
		if (o == LOST) {
			*where = lost ? *where : at;
			lost = true;
			continue;
		}
		if (o != DONE)
			return o;
		if (e->operand[n].read)
			m->reads = m->accesses;
		for (unsigned i = found; !e->operand[n].read && i < m->accesses; i++)
			m->access[i].write = true;
	}
	/* Memory that is none of ours is not our matter if no device is: the CPU does it. */
	if (lost)
		return device ? LOST : AWAY;
	/* What is read and written at one place. */
	found = m->accesses;
	for (unsigned i = 0; i < found; i++)
		if (!m->access[i].write && e->operand[m->access[i].operand].write) {
			m->access[m->accesses] = m->access[i];
			m->access[m->accesses++].write = true;
		}
	return device || !e->operands ? DONE : AWAY;
}

static void take_values(struct hvm_mmio *m)
{
	struct hvm_emulation *e = &m->emulation;

	for (unsigned i = 0; i < m->reads; i++) {
		const struct hvm_access *a = &m->access[i];

		e->operand[a->operand].value |= (a->value & byte_mask(a->size)) << 8 * a->at;
	}
}

static void put_values(struct hvm_mmio *m)
{
	const struct hvm_emulation *e = &m->emulation;

	for (unsigned i = m->reads; i < m->accesses; i++) {
		struct hvm_access *a = &m->access[i];

		a->value = e->operand[a->operand].value >> 8 * a->at & byte_mask(a->size);
	}
}

static enum outcome do_accesses(struct vcpu *v, struct hvm_mmio *m, u64 *where)
{
	for (;; m->next++) {
		if (m->next == m->reads) {
			take_values(m);
			hvm_emulate_finish(&m->mode, &m->emulation);
			put_values(m);
		}
		if (m->next == m->accesses)
			break;
		*where = m->access[m->next].gpa;
		if (!do_access(v, &m->access[m->next]))
			return LOST;
	}
	*guest_regs() = m->emulation.regs;
	m->tries = 0;
	v->hvm->now.shadow = false;
	return DONE;
}

/* ---- the instruction ---- */

/* How many of its bytes can be read. */
static unsigned fetch(struct vcpu *v, u8 *code)
{
	const struct hvm_now *now = &v->hvm->now;
	u64 rip = guest_regs()->rip, gpa;
	unsigned n = 0;
	u32 error;

	while (n < INSN_MAX_LENGTH) {
		vaddr_t va = now->long_code ? rip + n : (u32)(now->cs_base + rip + n);
		unsigned part = (unsigned)min((u64)(INSN_MAX_LENGTH - n),
					      PAGE_SIZE - (va & ~PAGE_MASK));
		struct frame *f;

		if (guest_translate(v->domain, &now->paging, va, rights(v) | GUEST_FETCH, &gpa,
				    &error))
			break;
		f = p2m_get_frame(v->domain, gpa >> PAGE_SHIFT);
		if (!f)
			break;
		memcpy(code + n, (char *)frame_to_va(f) + (gpa & ~PAGE_MASK), part);
		frame_put(f);
		n += part;
	}
	return n;
}

static void get_mode(struct vcpu *v, struct hvm_mode *mode)
{
	const struct hvm_now *now = &v->hvm->now;
	struct hvm_segment cs;

	hvm_ops->get_segment(v, SEG_CS, &cs);
	mode->bits = now->long_code ? 64 : cs.attributes & AR_DB ? 32 : 16;
	mode->protected = (now->paging.cr0 & CR0_PE) && !(guest_regs()->rflags & RFLAGS_VM);
	mode->aligned = now->cpl == 3 && (now->paging.cr0 & CR0_AM) &&
			(guest_regs()->rflags & RFLAGS_AC);
	mode->segment[SEG_CS] = cs;
	for (unsigned s = now->long_code ? SEG_FS : SEG_ES; s <= SEG_GS; s++)
		hvm_ops->get_segment(v, (enum insn_segment)s, &mode->segment[s]);
}

/*
 * It is not known here; or another vCPU has put it there, and it accesses nothing. The guest tries
 * it: if it comes back with the same and nothing else has happened, time and again, it is the
 * first.
 */
static void not_known(struct vcpu *v, struct hvm_mmio *m, const u8 *code)
{
	const struct regs *r = guest_regs();

	if (memcmp(&m->unknown_regs, r, sizeof(*r)) ||
	    memcmp(m->unknown, code, sizeof(m->unknown))) {
		m->unknown_regs = *r;
		memcpy(m->unknown, code, sizeof(m->unknown));
		m->tries = 0;
	}
	if (++m->tries < TRIES)
		return;
	m->tries = 0;
	printk(LOG_GUEST "d%uv%u: an instruction that is not done for it accesses a device: "
			 "%02x %02x %02x %02x %02x %02x at %#llx\n",
	       v->domain->id, v->id, code[0], code[1], code[2], code[3], code[4], code[5],
	       (unsigned long long)r->rip);
	hvm_inject(v, TRAP_UD, false);
}

bool hvm_do_mmio(struct vcpu *v, u64 gpa)
{
	struct hvm_mmio *m = &v->hvm->mmio;
	struct hvm_emulation *e = &m->emulation;
	u8 code[INSN_MAX_LENGTH] = { 0 };
	enum outcome o = DONE;
	u64 where = gpa;

	/* While an event is delivered there is no instruction. */
	if ((v->hvm->now.event & EVENT_VALID) || !device_at(v, gpa))
		return false;
	get_mode(v, &m->mode);
	if (!insn_decode_bits(code, fetch(v, code), m->mode.bits, &e->in)) {
		not_known(v, m, code);
		return true;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		e->regs = *guest_regs();
		switch (hvm_emulate_begin(&m->mode, e)) {
		case HVM_UNKNOWN:
			not_known(v, m, code);
			return true;
		case HVM_FAULT:
			hvm_inject(v, e->vector, true);
			return true;
		case HVM_EMULATED:
			break;
		}
		o = find_accesses(v, m, &where);
		if (o == DONE)
			o = do_accesses(v, m, &where);
		if (o != DONE || !e->again || preempt_wanted())
			break;
	}
	if (o == LOST)
		domain_crash(v->domain, "an instruction that accesses a device needs %#llx, where "
					"none of its memory is\n", (unsigned long long)where);
	return true;
}
