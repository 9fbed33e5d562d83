/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A text over HTTP, made anew for each who asks. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

/* The text, malloc()ed; NULL: there is none now. */
typedef char *(*serve_fn)(void *data);

/*
 * serve - answers GET / and GET /metrics at @where, a path of a Unix socket (with a '/') or
 * "[HOST]:PORT" (numbers; without HOST this machine alone), until SIGINT or SIGTERM. Returns 0
 * then; -EINVAL: that is no address; or why it cannot listen there.
 */
int serve(const char *where, const char *type, serve_fn make, void *data);

#endif
