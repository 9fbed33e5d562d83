// SPDX-License-Identifier: MIT
#include "frontends/lib/xenbus.h"

#include "frontends/lib/text.h"

#define ATTEMPTS 32u	/* of a transaction */

static int join(char *out, const char *directory, const char *key)
{
	struct text t = text_begin(out, XENBUS_PATH);

	text_add(&t, directory);
	text_add(&t, "/");
	text_add(&t, key);
	return t.cut ? -E2BIG : 0;
}

int xenbus_write(struct xenbus_device *d, uint32_t tx, const char *key, const char *value)
{
	char path[XENBUS_PATH];
	int error = join(path, d->path, key);

	return error ? error : store_write(d->store, tx, path, value);
}

int xenbus_write_number(struct xenbus_device *d, uint32_t tx, const char *key, uint64_t n)
{
	char path[XENBUS_PATH];
	int error = join(path, d->path, key);

	return error ? error : store_write_number(d->store, tx, path, n);
}

int xenbus_remove(struct xenbus_device *d, uint32_t tx, const char *key)
{
	char path[XENBUS_PATH];
	int error = join(path, d->path, key);

	return error ? error : store_remove(d->store, tx, path);
}

int xenbus_read(struct xenbus_device *d, const char *key, char *value, size_t size)
{
	char path[XENBUS_PATH];
	int error = join(path, d->path, key);

	return error ? error : store_read(d->store, 0, path, value, size);
}

uint64_t xenbus_backend_number(struct xenbus_device *d, const char *key, uint64_t otherwise)
{
	char path[XENBUS_PATH];
	uint64_t n;

	if (join(path, d->backend, key) || store_read_number(d->store, 0, path, &n))
		return otherwise;
	return n;
}

void xenbus_break(struct xenbus_device *d, const char *what)
{
	if (d->broken)
		return;
	d->broken = true;
	if (d->fe->ops->log)
		d->fe->ops->log(d->fe->kernel, what);
}

static void set_state(struct xenbus_device *d, enum xenbus_state state)
{
	int error;

	if (d->state == state)
		return;
	d->state = state;
	error = xenbus_write_number(d, 0, "state", state);
	if (error && !d->error)
		d->error = error;
}

/* Our keys, all or none. */
static int publish(struct xenbus_device *d)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		uint32_t tx;
		int error = store_begin(d->store, &tx);

		if (error)
			return error;
		error = d->driver->publish(d, tx);
		if (error) {
			store_end(d->store, tx, false);
			return error;
		}
		error = store_end(d->store, tx, true);
		if (error != -EAGAIN)
			return error;
	}
	return -EAGAIN;
}

static void stop(struct xenbus_device *d)
{
	if (!d->running)
		return;
	d->running = false;
	d->driver->stop(d);
}

static void release(struct xenbus_device *d)
{
	stop(d);
	if (!d->up)
		return;
	d->up = false;
	d->driver->release(d);
}

static void give_up(struct xenbus_device *d, int error)
{
	if (!d->error)
		d->error = error;
	d->wanted = false;
	stop(d);
	set_state(d, XenbusStateClosing);
}

static void connect(struct xenbus_device *d)
{
	int error;

	d->again = false;
	d->broken = false;
	set_state(d, XenbusStateInitialising);
	error = d->driver->setup(d);
	if (!error) {
		d->up = true;
		error = publish(d);
	}
	if (error)
		give_up(d, error);
	else
		set_state(d, d->driver->published);
}

void xenbus_step(struct xenbus_device *d)
{
	uint64_t state;
	int error;

	error = store_read_number(d->store, 0, d->backend_state_path, &state);
	/* Without its directory it is no more; the one above may be none of our business. */
	if (error == -ENOENT || error == -EACCES)
		d->backend_state = XenbusStateClosed;
	else if (error || state > XenbusStateReconfigured)
		d->backend_state = XenbusStateUnknown;
	else
		d->backend_state = (enum xenbus_state)state;
	if (d->broken && d->state != XenbusStateClosing && d->state != XenbusStateClosed)
		give_up(d, -EIO);

	switch (d->backend_state) {
	case XenbusStateInitWait:
		if (d->wanted && !d->up)
			connect(d);
		else if (!d->wanted && !d->up)
			set_state(d, XenbusStateClosed);
		break;
	case XenbusStateConnected:
		if (d->wanted && !d->up) {
			/* Connected to somebody who was here before us. */
			d->again = true;
			set_state(d, XenbusStateClosing);
		} else if (d->wanted && !d->running) {
			error = d->driver->start(d);
			d->running = !error;
			if (error)
				give_up(d, error);
			else
				set_state(d, XenbusStateConnected);
		} else if (d->running && d->driver->changed) {
			d->driver->changed(d);
		}
		break;
	case XenbusStateClosing:
		if (!d->again)
			d->wanted = false;
		stop(d);
		set_state(d, XenbusStateClosed);
		break;
	case XenbusStateClosed:
		release(d);
		if (d->wanted && (d->again || d->state <= XenbusStateInitialising)) {
			d->again = false;
			/* The backend takes this for the wish to begin anew. */
			d->state = XenbusStateUnknown;
			set_state(d, XenbusStateInitialising);
		} else if (d->state > XenbusStateInitialising) {
			d->wanted = false;
			set_state(d, XenbusStateClosed);
		}
		break;
	default:
		break;
	}
}

static void backend_changed(struct store_watch *w)
{
	xenbus_step((struct xenbus_device *)((char *)w - offsetof(struct xenbus_device, watch)));
}

/* Who serves it, and be told of its state. */
static int look_up(struct xenbus_device *d)
{
	char path[XENBUS_PATH];
	uint64_t n;
	int error;

	d->state = d->backend_state = XenbusStateUnknown;
	d->error = 0;
	d->up = d->running = d->again = d->broken = false;
	error = xenbus_read(d, "backend", d->backend, sizeof(d->backend));
	if (error < 0)
		return error;
	error = join(d->backend_state_path, d->backend, "state");
	if (error)
		return error;
	error = join(path, d->path, "backend-id");
	if (!error)
		error = store_read_number(d->store, 0, path, &n);
	if (error)
		return error;
	if (n >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	d->backend_id = (domid_t)n;
	d->watch.path = d->backend_state_path;
	d->watch.fired = backend_changed;
	return store_watch(d->store, &d->watch);
}

int xenbus_open(struct xenbus_device *d, struct store *s, const struct xenbus_driver *driver,
		const char *id)
{
	struct text t;
	int error;

	d->store = s;
	d->fe = s->fe;
	d->driver = driver;
	t = text_in(d->path);
	text_add(&t, "device/");
	text_add(&t, driver->type);
	text_add(&t, "/");
	text_add(&t, id);
	if (t.cut)
		return -E2BIG;
	error = look_up(d);
	d->wanted = !error;
	return error;
}

int xenbus_resume(struct xenbus_device *d)
{
	/* It has gone with the domain; the number may be another channel's by now. */
	d->port = 0;
	release(d);
	return look_up(d);
}

void xenbus_close(struct xenbus_device *d)
{
	d->wanted = false;
	stop(d);
	if (d->state != XenbusStateClosed)
		set_state(d, d->up ? XenbusStateClosing : XenbusStateClosed);
	xenbus_step(d);
}

bool xenbus_closed(const struct xenbus_device *d)
{
	return !d->up && d->state == XenbusStateClosed;
}

void xenbus_reopen(struct xenbus_device *d)
{
	d->wanted = true;
	d->error = 0;
	if (!d->up && d->state == XenbusStateClosed)
		set_state(d, XenbusStateInitialising);
	xenbus_step(d);
}

void xenbus_forget(struct xenbus_device *d)
{
	store_unwatch(d->store, &d->watch);
}

int xenbus_ring_get(struct xenbus_device *d, struct xenbus_ring *r, unsigned int pages)
{
	const struct frontend *fe = d->fe;

	*r = (struct xenbus_ring){ .page = fe->ops->pages_get(fe->kernel, pages), .pages = pages };
	if (!r->page)
		return -ENOMEM;
	for (; r->granted < pages; r->granted++) {
		char *page = (char *)r->page + r->granted * FRONTEND_PAGE_SIZE;
		int error = fe->ops->grant(fe->kernel, d->backend_id, page, false,
					   &r->refs[r->granted]);

		if (error)
			return error;
	}
	return 0;
}

void xenbus_ring_put(struct xenbus_device *d, struct xenbus_ring *r)
{
	const struct frontend *fe = d->fe;
	bool held = false;

	for (unsigned int i = 0; i < r->granted; i++)
		held |= fe->ops->revoke(fe->kernel, r->refs[i]) != 0;
	if (r->page && !held)
		fe->ops->pages_put(fe->kernel, r->page, r->pages);
	*r = (struct xenbus_ring){ 0 };
}

int xenbus_listen(struct xenbus_device *d, void (*handler)(void *arg), void *arg)
{
	int error = d->fe->ops->event_open(d->fe->kernel, d->backend_id, handler, arg, &d->port);

	if (error)
		d->port = 0;
	return error;
}

void xenbus_silence(struct xenbus_device *d)
{
	if (d->port)
		d->fe->ops->event_close(d->fe->kernel, d->port);
	d->port = 0;
}
