/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacked kernels, kept packed with lz4 in the run-time directory: a distribution's xz takes a
 * dozen times longer to unpack, and the next domain of a host mostly has the same kernel. Lost
 * with a reboot and never needed: every failure only costs the time. The directory is root's.
 */
#ifndef HVCTL_KCACHE_H
#define HVCTL_KCACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define KCACHE_KEY_MAX	128

/* Name the contents of a file by what changes when they do. */
void kcache_key(const struct stat *st, char key[KCACHE_KEY_MAX]);

/* The unpacked kernel, of no more than @most bytes, in malloc()ed memory, or NULL. */
void *kcache_get(const char *key, uint64_t most, size_t *len);

/*
 * Keep @elf under @key, the two latest in all, unless dom0 is short of memory. Takes about a second
 * of CPU time, so it is done after the domain runs.
 */
void kcache_put(const char *key, const void *elf, size_t len);

#endif
