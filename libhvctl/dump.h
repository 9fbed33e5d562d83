/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cores of domains that have crashed: by monitor.c, as their configuration says. */
#ifndef HVCTL_DUMP_H
#define HVCTL_DUMP_H

#define DUMP_DIR "/var/lib/annulus/dump"

/* For the tests: another directory than DUMP_DIR. */
extern const char *dump_dir;

#endif
