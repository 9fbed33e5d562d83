/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_CPU_POLICY_XEN_H
#define ANNULUS_TESTS_UNIT_CPU_POLICY_XEN_H

#include <stdint.h>

/* Words of a feature set, as the library counts them. */
unsigned xen_nr_features(void);
/*
 * Have the library read a serialised policy into an empty one of its own, and write that again into
 * the two buffers, which have room for 400 entries. The numbers are the lists', in and out. 0, or
 * what it is that the library does not like: non-zero.
 */
int xen_reads(const void *leaves, uint32_t *nr_leaves, const void *msrs, uint32_t *nr_msrs,
	      void *leaves_again, void *msrs_again);

#endif
