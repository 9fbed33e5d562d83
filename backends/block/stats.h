/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the disks have done: the counts in their journals, which workers write and nobody else. */
#ifndef BLOCK_STATS_H
#define BLOCK_STATS_H

#include <stdio.h>

/* stats_show - a table of all disks with a journal in @run. Returns the exit status. */
int stats_show(const char *run, FILE *out);

#endif
