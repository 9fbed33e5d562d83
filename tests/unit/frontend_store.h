/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real store daemon behind a page, for the frontends' tests: domain 1 by its ring, dom0 by
 * calls.
 */
#ifndef TESTS_UNIT_FRONTEND_STORE_H
#define TESTS_UNIT_FRONTEND_STORE_H

#include <stdbool.h>

struct xenstore_domain_interface;

/* daemon_begin - an empty store; domain 1 may write below its directory. */
void daemon_begin(struct xenstore_domain_interface *page);
void daemon_end(void);
/* daemon_turn - what lies in the page is served. Whether anything moved. */
bool daemon_turn(void);
/* dom0's view; a value that is not there is "". The text is good until the next call but three. */
void daemon_write(const char *path, const char *value);
const char *daemon_read(const char *path);
void daemon_remove(const char *path);
/* daemon_permit - who may do what with a path: "n0|r1". */
void daemon_permit(const char *path, const char *permissions);

#endif
