// SPDX-License-Identifier: MIT
#include "frontends/lib/console.h"

#define PATIENCE ((uint64_t)2000000000) /* ns */

void console_open(struct console *c, const struct frontend *fe, struct xencons_interface *page,
		  evtchn_port_t port)
{
	*c = (struct console){ .fe = fe, .port = port };
	c->in = (struct byte_ring){ .data = page->in, .size = sizeof(page->in),
				    .own = page->in_cons, .own_shared = &page->in_cons,
				    .peer_shared = &page->in_prod };
	c->out = (struct byte_ring){ .data = page->out, .size = sizeof(page->out),
				     .own = page->out_prod, .own_shared = &page->out_prod,
				     .peer_shared = &page->out_cons };
}

void console_resume(struct console *c, evtchn_port_t port)
{
	c->port = port;
	c->error = 0;
}

int console_write(struct console *c, const char *text, size_t length)
{
	const struct frontend_ops *ops = c->fe->ops;
	uint64_t deadline = 0;

	while (length && !c->error) {
		uint32_t want = length < c->out.size ? (uint32_t)length : c->out.size;
		int n = byte_ring_put(&c->out, text, want);

		if (n < 0) {
			c->error = n;
			break;
		}
		if (n > 0) {
			text += n;
			length -= (size_t)n;
			deadline = 0;
			ops->event_send(c->fe->kernel, c->port);
			continue;
		}
		if (!deadline)
			deadline = ops->now(c->fe->kernel) + PATIENCE;
		if (ops->now(c->fe->kernel) >= deadline)
			return -ETIMEDOUT;
		ops->wait(c->fe->kernel, deadline);
	}
	return c->error;
}

int console_read(struct console *c, char *text, size_t size)
{
	int n;

	if (c->error)
		return c->error;
	n = byte_ring_get(&c->in, text, size < c->in.size ? (uint32_t)size : c->in.size);
	if (n < 0)
		c->error = n;
	if (n > 0)
		c->fe->ops->event_send(c->fe->kernel, c->port);
	return n;
}
