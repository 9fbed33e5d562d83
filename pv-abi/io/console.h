/* SPDX-License-Identifier: MIT */
/* The console page a guest shares with its console daemon. */
#ifndef PV_ABI_IO_CONSOLE_H
#define PV_ABI_IO_CONSOLE_H

#include <stdint.h>

typedef uint32_t XENCONS_RING_IDX;

/* Indices run freely; this finds the byte. */
#define MASK_XENCONS_IDX(idx, ring)	((idx) & (sizeof(ring) - 1))

struct xencons_interface {
	char in[1024];			/* to the guest */
	char out[2048];			/* from the guest */
	XENCONS_RING_IDX in_cons, in_prod;
	XENCONS_RING_IDX out_cons, out_prod;
};

#endif /* PV_ABI_IO_CONSOLE_H */
