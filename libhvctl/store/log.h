/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemons tell the administrator. */
#ifndef HVSTORE_LOG_H
#define HVSTORE_LOG_H

/*
 * log_open - write to the file @path from now on, or to standard error if it is NULL.
 * Returns 0 or a negative errno; the log stays where it was on error.
 */
int log_open(const char *path);

/* log_reopen - open the file again, after somebody has moved it away. */
void log_reopen(void);

/* log_line - a line with the time in front, printf-like. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
