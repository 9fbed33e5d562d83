// SPDX-License-Identifier: GPL-2.0-or-later
/* Segment descriptors: Intel SDM vol. 3A, 3.4.5 and 3.5. */
#include "pv/descriptor.h"

#define DESC_TYPE_SHIFT 40
#define DESC_ACCESSED   BIT(40)
#define DESC_S          BIT(44) /* code or data, not a system descriptor */
#define DESC_DPL_SHIFT  45
#define DESC_P          BIT(47)
#define DESC_L          BIT(53)
#define DESC_CODE       BIT(43) /* with S */

bool descriptor_fix(u64 *desc, enum descriptor_of of)
{
	u64 d = *desc;
	unsigned dpl = (d >> DESC_DPL_SHIFT) & 3, lowest = of == DESCRIPTOR_64BIT ? 3 : 1;

	/* Whatever it says, using it faults. */
	if (!(d & DESC_P))
		return true;
	if (!(d & DESC_S)) {
		/*
		 * Type 0 is reserved and faults like an absent one; everything else leads into ring
		 * 0's business.
		 */
		return ((d >> DESC_TYPE_SHIFT) & 15) == 0;
	}
	/*
	 * In a 64-bit guest base and limit do not matter: what 32-bit code can reach lies below 4
	 * GiB, and all of that is the guest's. A 32-bit guest must not get into 64-bit mode at all,
	 * in ring 1 it would see the hypervisor.
	 */
	if (of == DESCRIPTOR_32BIT && (d & DESC_CODE) && (d & DESC_L))
		return false;
	if (dpl < lowest)
		d = (d & ~(3ULL << DESC_DPL_SHIFT)) | (u64)lowest << DESC_DPL_SHIFT;
	if (of == DESCRIPTOR_RING1)
		d |= DESC_ACCESSED;
	*desc = d;
	return true;
}

bool descriptor_page_fix(u64 *page, enum descriptor_of of)
{
	for (unsigned i = 0; i < DESCRIPTORS_PER_PAGE; i++) {
		u64 d = READ_ONCE(page[i]), fixed = d;

		if (!descriptor_fix(&fixed, of))
			return false;
		if (fixed != d)
			WRITE_ONCE(page[i], fixed);
	}
	return true;
}
