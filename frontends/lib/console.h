/* SPDX-License-Identifier: MIT */
/* The domain's first console: two byte rings in the page that start_info names. */
#ifndef FRONTENDS_LIB_CONSOLE_H
#define FRONTENDS_LIB_CONSOLE_H

#include "frontends/lib/frontend.h"
#include "frontends/lib/ring.h"
#include "pv-abi/io/console.h"

struct console {
	const struct frontend *fe;
	evtchn_port_t port;
	struct byte_ring in, out;
	int error;	/* why it is over, or 0 */
};

/* console_open - @page is mapped, wait() knows @port. Takes the rings up where they are. */
void console_open(struct console *c, const struct frontend *fe, struct xencons_interface *page,
		  evtchn_port_t port);

/*
 * console_resume - the same console in another domain, after suspend(), with the event channel that
 * start_info names there. What was not shown yet will be.
 */
void console_resume(struct console *c, evtchn_port_t port);

/*
 * console_write - all of it, waiting for room for at most two seconds at a time: a console that
 * nobody serves stops nothing.
 * -ETIMEDOUT: nobody took anything; what was left is lost. -EIO: the daemon breaks the rules; the
 * console is over.
 */
int console_write(struct console *c, const char *text, size_t length);

/* console_read - what was typed, up to @size bytes, without waiting; or -EIO as above. */
int console_read(struct console *c, char *text, size_t size);

#endif
