/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of pv-abi/ring1.h that assembly uses, for C and .S alike. */
#ifndef ANNULUS_TESTS_UNIT_RING1_ABI_ASM_H
#define ANNULUS_TESTS_UNIT_RING1_ABI_ASM_H

#define RING1_NUMBERS                                                                  \
	ANNULUS_RING1_VERSION, ANNULUS_ELFNOTE_RING1, ANNULUS_ELFNOTE_RING1_ONLY,      \
	ANNULUS_FEATURES, ANNULUS_FEAT_ring1_offered, ANNULUS_FEAT_ring1,              \
	ANNULUS_KERNEL_CS, ANNULUS_KERNEL_SS, ANNULUS_CALLBACKTYPE_return_start,       \
	ANNULUS_CALLBACKTYPE_return_end, ANNULUS_FRAME_RETURNING,                      \
	ANNULUS_FRAME_MASK_SHIFT, ANNULUS_FRAME_SIZE, ANNULUS_USER_FRAME_SIZE,         \
	ANNULUS_IRET_SIZE

#endif
