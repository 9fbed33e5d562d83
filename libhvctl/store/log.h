/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemons tell the administrator. What a domain can cause goes through a budget first
 * (budget.h); what is written then is bounded by rotation (logfile.h).
 */
#ifndef HVSTORE_LOG_H
#define HVSTORE_LOG_H

#include <stddef.h>

/* How many predecessors of the log are kept. */
#define LOG_KEEP	2

/*
 * log_open - write to the file @path from now on, begun anew whenever it reaches @limit bytes, or
 * to standard error if @path is NULL.
 * Returns 0 or a negative errno; the log stays where it was on error.
 */
int log_open(const char *path, size_t limit);

/* log_reopen - open the file again, after somebody has moved it away. */
void log_reopen(void);

/* log_line - a line with the time in front, printf-like. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
