// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GNTTABOP_copy: bytes from frame to frame, each named by a grant or, if it is the caller's own, by
 * its number.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/grant_table.h"
#include "lib/string.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"

/* One end of a copy while it is held: a general reference, and a FT_WRITABLE one if `write`. */
struct copy_end {
	struct frame *frame;
	struct domain *granter; /* NULL: the caller's own frame */
	u32 ref;
	bool write;
};

static inline __attribute__((always_inline)) s16
hold(struct copy_end *end, const struct gnttab_copy_ptr *p, bool by_ref, bool write)
{
	mfn_t mfn;
	s16 status;

	end->write = write;
	end->granter = NULL;
	if (!by_ref) {
		if (p->domid != DOMID_SELF)
			return GNTST_permission_denied;
		mfn = p->u.gmfn;
		if (unlikely(current->domain->p2m))
			mfn = p2m_lookup(current->domain, mfn, NULL);
		end->frame = grant_get_frame(current->domain, mfn, write);
		return end->frame ? GNTST_okay : GNTST_bad_page;
	}

	end->granter = domain_get(p->domid);
	if (!end->granter)
		return GNTST_bad_domain;
	end->ref = p->u.ref;
	status = grant_pin(end->granter, end->ref, current->domain->id, write, &mfn);
	if (status == GNTST_okay) {
		end->frame = grant_get_frame(end->granter, mfn, write);
		if (!end->frame) {
			grant_unpin(end->granter, end->ref, write);
			status = GNTST_bad_page;
		}
	}
	if (status != GNTST_okay)
		domain_put(end->granter);
	return status;
}

static inline __attribute__((always_inline)) void let_go(struct copy_end *end)
{
	grant_put_frame(end->frame, end->write);
	if (end->granter) {
		grant_unpin(end->granter, end->ref, end->write);
		domain_put(end->granter);
	}
}

void grant_copy_one(struct gnttab_copy *op)
{
	struct copy_end source, dest;
	struct vcpu *v = current;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE) {
		op->status = GNTST_bad_copy_arg;
		return;
	}
	op->status = hold(&source, &op->source, op->flags & GNTCOPY_source_gref, false);
	if (op->status != GNTST_okay)
		return;
	op->status = hold(&dest, &op->dest, op->flags & GNTCOPY_dest_gref, true);
	if (op->status == GNTST_okay) {
		/* Both may be the same frame. */
		memmove((char *)frame_to_va(dest.frame) + op->dest.offset,
			(char *)frame_to_va(source.frame) + op->source.offset, op->len);
		frame_dirtied(dest.frame);
		let_go(&dest);
		v->grants.copied++;
		v->grants.copied_bytes += op->len;
	}
	let_go(&source);
}
