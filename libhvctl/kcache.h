/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacked kernels, kept packed with lz4 in the run-time directory: a distribution's xz takes a
 * dozen times longer to unpack, and the next domain of a host mostly has the same kernel. Lost
 * with a reboot and never needed: every failure only costs the time. The directory is root's.
 *
 * An entry holds the packed kernel too, and counts only for the same bytes: device, inode, size and
 * times are the guest's to choose if the kernel is a file of its own file system, and they come
 * again when another guest's disk gets the loop device. As a file: length of the packed kernel (64
 * bits), the packed kernel, the unpacked one as a legacy lz4 frame.
 */
#ifndef HVCTL_KCACHE_H
#define HVCTL_KCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define KCACHE_KEY_MAX	128

/* Name a file by what mostly changes when its contents do: where to look, not what is there. */
void kcache_key(const struct stat *st, char key[KCACHE_KEY_MAX]);

/*
 * What @payload (as it is in the kernel's file, packed) unpacks to, of no more than @most bytes, in
 * malloc()ed memory, or NULL.
 */
void *kcache_get(const char *key, const void *payload, size_t payload_len, uint64_t most,
		 size_t *len);

/*
 * Keep @elf, which @payload unpacks to, under @key, the two latest in all, unless dom0 is short of
 * memory. What was there under @key goes. Takes about a second of CPU time, so it is done after the
 * domain runs.
 */
void kcache_put(const char *key, const void *payload, size_t payload_len, const void *elf,
		size_t len);

/* An entry's contents, from and to where @fd stands. kcache_load() as kcache_get(). */
void *kcache_load(int fd, const void *payload, size_t payload_len, uint64_t most, size_t *len);
bool kcache_save(int fd, const void *payload, size_t payload_len, const void *elf, size_t len);

#endif
