/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libhvctl share. A context belongs to one thread; nothing here locks. The
 * exception is between processes: creating and renaming hold the flock of hvctl_lock(), so that
 * names stay unique.
 */
#ifndef HVCTL_INTERNAL_H
#define HVCTL_INTERNAL_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "include/hvctl.h"

#include "kcache.h"

struct xs;

/* Characters of a vif's ip=, and one: 16 addresses with what is between them. */
#define VIF_IP_MAX	1024u

struct hvctl_ctx {
	int privcmd;			/* /dev/xen/privcmd, -1: not opened yet */
	int hypercall; /* /dev/xen/hypercall for buffers, -1: not there, lock pages instead */
	struct xs *xs;			/* the store, NULL: not connected yet */
	bool store_waited;		/* for a daemon, since there was one last */
	bool watching;			/* hvctl_wait_change() has its watches there */
	bool monitoring;		/* hvctl_monitor() has its watch there */
	int unread;			/* why something in the store could not be read, or 0 */
	char error[512];
	int error_number;		/* of the last failure, an errno value */
	volatile sig_atomic_t cancelled; /* hvctl_cancel() was called */
	bool too_late;			/* to give up: hvctl_cancel() is not heard any more */
	hvctl_progress_fn progress;
	void *progress_data;
	hvctl_warning_fn warning;
	void *warning_data;
	hvctl_building_fn building;
	void *building_data;
	hvctl_saving_fn saving;
	void *saving_data;
	hvctl_migrating_fn migrating;
	void *migrating_data;
	int *held;			/* loop devices kept open for hvctl_create()'s caller */
	size_t nr_held;
	void *kernel;			/* the last one unpacked, for the cache, or NULL */
	size_t kernel_len;
	void *kernel_file;		/* its file, in which it is packed */
	const void *kernel_packed;
	size_t kernel_packed_len;
	char kernel_key[KCACHE_KEY_MAX];
};

/* Put the kernel of the last hvctl_create() into the cache, if it is worth it, and forget it. */
void hvctl_cache_kernel(struct hvctl_ctx *ctx);

/*
 * Store a message and return -error (error > 0, an errno value). It becomes one line: control
 * characters in it are shown as \n, \x1b and the like, here and in hvctl_warn().
 */
__attribute__((format(printf, 3, 4)))
int hvctl_fail(struct hvctl_ctx *ctx, int error, const char *format, ...);

/* The same with a message that is kept if one is set already: for callers that only add context. */
int hvctl_no_memory(struct hvctl_ctx *ctx);

__attribute__((format(printf, 2, 3)))
void hvctl_warn(struct hvctl_ctx *ctx, const char *format, ...);

void hvctl_step(struct hvctl_ctx *ctx, const char *step, unsigned int percent);

/* Sleep so many milliseconds, or until a signal comes. */
void hvctl_nap(unsigned int ms);

/* -EINTR with its message after hvctl_cancel(), else 0. For the long loops of a creation. */
int hvctl_cancelled(struct hvctl_ctx *ctx);

/* The directory for run-time files, made if missing: "/run/hvctl". -errno on failure. */
int hvctl_run_dir(struct hvctl_ctx *ctx);

/* Take the lock between processes; returns a descriptor to close(), or -errno. */
int hvctl_lock(struct hvctl_ctx *ctx);

/*
 * Take the lock of whoever stops or changes domain @domid so that it can be saved; does not wait.
 * Returns a descriptor to close(); processes that inherit it hold the lock too. -EBUSY: somebody
 * has it.
 */
int hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid);

/* Bytes of memory that dom0 has to spare, 0 if its kernel does not tell; 1: there is nothing. */
uint64_t memory_available(void);
/* The same by what is in /proc/meminfo. */
uint64_t memory_available_in(FILE *meminfo);

/*
 * Whether @bytes may be asked for at once: what an address can count and half of what dom0 has to
 * spare. Its kernel says yes to everything and kills somebody later; the other half is for what its
 * daemons take meanwhile.
 */
bool memory_fits(uint64_t bytes);

/* The same with memory_available()'s answer given: 0 is no limit. */
bool memory_fits_in(uint64_t bytes, uint64_t available);

/* Keep a descriptor open until hvctl_close() or hvctl_drop_held(). */
int hvctl_hold(struct hvctl_ctx *ctx, int fd);
void hvctl_drop_held(struct hvctl_ctx *ctx);

/*
 * The store connection, made if needed, anew if it was lost (transactions and watches were its
 * own); NULL with the message set. A daemon that has died, or ended and left its journal, is waited
 * for, once: who asks again after that learns at once that there is none still.
 */
struct xs *hvctl_xs(struct hvctl_ctx *ctx);

/* True for a name that may be given to a domain: 1-63 letters, digits, - _ . +, not only digits. */
bool hvctl_good_name(const char *name);

/* UUIDs as text of 36 characters and back. */
void hvctl_uuid_text(const uint8_t uuid[16], char text[37]);
bool hvctl_uuid_parse(const char *text, uint8_t uuid[16]);

/* Fill with the kernel's random bytes. */
int hvctl_random(struct hvctl_ctx *ctx, void *buf, size_t len);

/* disk_is_nbd - whether @target, as disks name it, is an NBD server and no file or device. */
static inline bool disk_is_nbd(const char *target)
{
	return !strncmp(target, "nbd://", 6) || !strncmp(target, "nbd+unix://", 11);
}

/*
 * disk_without_prefix - @target without what old spellings put in front of it, how it is reached;
 * a file and a device are told apart anyway.
 */
static inline const char *disk_without_prefix(const char *target)
{
	static const char *const prefixes[] = {
		"phy:", "file:", "tap:aio:", "tap2:aio:", "aio:", "raw:",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(target, prefixes[i], strlen(prefixes[i])))
			return target + strlen(prefixes[i]);
	return target;
}

#endif
