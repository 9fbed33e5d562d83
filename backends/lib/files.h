/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journals' files, in a directory of memory that outlives all of us. For the supervisor, which
 * makes them and gives them their memory: a worker that touches a page of one for which there is
 * none is ended by SIGBUS, and nobody is told why.
 */
#ifndef BACKENDS_FILES_H
#define BACKENDS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/xen.h"

/*
 * files_open - the journal of device @devid of @domid in the directory @run, made if there is none,
 * of @size bytes, of which the first @memory have memory. A descriptor, or a negative errno:
 * -ENOSPC: no room in the directory.
 */
int files_open(const char *run, domid_t domid, uint32_t devid, size_t size, size_t memory);

/* files_busy - whether a worker has the journal @fd still, or I/O that one began is under way. */
bool files_busy(int fd);

/*
 * files_worked, files_served - whether a worker, or I/O that one began, or a server of its image
 * may be left of device @devid of @domid, whoever started it. What cannot be known may be.
 */
bool files_worked(const char *run, domid_t domid, uint32_t devid);
bool files_served(const char *run, domid_t domid, uint32_t devid);

/*
 * files_clean - drops what belongs to no device: whose supervisor ended before the device did.
 * @needed says of each device that has files whether it is there, or might be. Files that a worker
 * or a server has locked stay for the next time.
 */
void files_clean(const char *run, bool (*needed)(domid_t domid, uint32_t devid));

/*
 * files_drop - the device is gone: its journal goes, and a lock of its image's server. One that
 * somebody has stays, as above.
 */
void files_drop(const char *run, domid_t domid, uint32_t devid);

#endif
