/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_BOOT_START_DOMAINS_H
#define ANNULUS_BOOT_START_DOMAINS_H

/*
 * Domains from boot modules. The first kernel is dom0's and the module after it, unless marked, its
 * initrd; a module whose line starts with domU=NAME[,mem=SIZE][,vcpus=N] is an unprivileged guest's
 * kernel, one with initrd=NAME that guest's initrd.
 * start_domains_build() builds them, paused; start_domains_run() lets them go.
 */
void start_domains_build(void);
void start_domains_run(void);

/*
 * A domain ended (shut down or crashed). Without dom0 nobody else cares: it is destroyed, and when
 * the last one is gone the audit is run and the machine goes down. With dom0, domains are its
 * business. Callable from any context but NMI.
 */
struct domain;
void start_domains_ended(struct domain *d);

#endif
