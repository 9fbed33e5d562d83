/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening on Unix sockets. */
#ifndef HVSTORE_LISTEN_H
#define HVSTORE_LISTEN_H

/*
 * unix_listen - make a listening, non-blocking socket at @path, which only root can connect to
 * (mode 0600). Directories are made and a stale socket is replaced.
 * Returns the descriptor or a negative errno; -EADDRINUSE when somebody listens there.
 */
int unix_listen(const char *path);

/*
 * unix_accept - take one waiting connection, not blocking. Returns its descriptor or a negative
 * errno: -EAGAIN: there is none. If there are no descriptors left for it, it is refused, and hears
 * that by its end.
 */
int unix_accept(int listener);

#endif
