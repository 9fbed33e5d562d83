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

#endif
