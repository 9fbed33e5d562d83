/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_BOOT_START_DOMAINS_H
#define ANNULUS_BOOT_START_DOMAINS_H

/*
 * Domains from boot modules. The first kernel is dom0's and the module after it, unless marked, its
 * initrd; a module whose line starts with domU=NAME[,mem=SIZE][,vcpus=N] is an unprivileged guest's
 * kernel, one with initrd=NAME that guest's initrd.
 * start_domains_build() builds them, paused; start_domains_run() lets them go. Without dom0 nobody
 * else cares about one that ends: it is destroyed, and when the last one is gone the audit is run
 * and the machine goes down.
 */
void start_domains_build(void);
void start_domains_run(void);

#endif
