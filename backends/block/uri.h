/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of NBD servers (the NBD project's doc/uri.md), taken apart. */
#ifndef BLOCK_URI_H
#define BLOCK_URI_H

struct nbd_uri {
	char host[256], port[8];	/* "" if there is a socket */
	char socket[108];		/* path of a Unix socket, or "" */
	char export[256];		/* "": the server's default */
};

/* uri_parse - NULL, or a few words that say what is wrong with @text. */
const char *uri_parse(const char *text, struct nbd_uri *uri);

#endif
