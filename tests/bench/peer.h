/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tiny guests peer.c tell dom0's program collect.c, in a page that they grant to it. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdint.h>

#define PEER_REPORT_REF 20 /* grant reference of the page */
#define PEER_MAGIC	0x5245455048434e42ULL
#define PEER_RESULTS	24

struct peer_report {
	uint64_t magic; /* written last: everything else is there */
	uint64_t count;
	struct {
		char row[32];
		uint64_t operations;
		uint64_t ticks; /* of the TSC, for all of them */
	} result[PEER_RESULTS];
};

#endif
