/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attaching this process's terminal to a domain's console. */
#ifndef HVCONSOLE_CLIENT_H
#define HVCONSOLE_CLIENT_H

/* The key that detaches: Ctrl-]. */
#define HVCONSOLE_DETACH_KEY	0x1d

/* How an attachment ended. */
#define HVCONSOLE_DETACHED	0	/* by the key or a signal */
#define HVCONSOLE_ENDED		1	/* the domain or the console daemon is gone */

/*
 * hvconsole_attach - connect standard input and output to the console of domain @domid.
 * @replay_bytes: how much of what the domain printed before is shown first
 *
 * If standard input is a terminal, it is in raw mode meanwhile, and the detach key works; otherwise
 * its end only ends the typing. A console that is not there yet is waited for, up to 5 seconds.
 * Returns HVCONSOLE_DETACHED, HVCONSOLE_ENDED, or a negative errno: -ENOENT when the console daemon
 * does not serve this domain, -ECONNREFUSED when it does not run, -EACCES without the right to
 * connect.
 */
int hvconsole_attach(unsigned int domid, int replay_bytes);

/*
 * hvconsole_attach_path - the same for the console at @path: a socket of hvconsoled or a terminal
 * device (which replays nothing). It must be there.
 */
int hvconsole_attach_path(const char *path, int replay_bytes);

#endif
