/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the interfaces have done: the counts in their journals, which the worker writes. */
#ifndef NET_STATS_H
#define NET_STATS_H

#include <stdio.h>

/* stats_show - a table of all interfaces with a journal in @run. Returns the exit status. */
int stats_show(const char *run, FILE *out);

#endif
