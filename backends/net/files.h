/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journals' files, in a directory of memory that outlives all of us. For the supervisor, which
 * makes them with their memory, so that no worker ends by SIGBUS in a full one.
 */
#ifndef NET_FILES_H
#define NET_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/xen.h"

/* files_open - the journal of interface @devid of @domid below @run. A descriptor or -errno. */
int files_open(const char *run, domid_t domid, uint32_t devid);

/* files_busy - whether a worker has the journal @fd still. */
bool files_busy(int fd);

/* files_clean - drops those that @needed does not want and nobody has. */
void files_clean(const char *run, bool (*needed)(domid_t domid, uint32_t devid));

void files_drop(const char *run, domid_t domid, uint32_t devid);

#endif
