// SPDX-License-Identifier: GPL-2.0-or-later
#include "frontend_store.h"

#include "libhvctl/store/connection.h"
#include "libhvctl/store/ring.h"
#include "store_sim.h"

static struct {
	struct connection connection;
	struct xenstore_domain_interface *page;
	struct ring_place place;
	bool moved;
} guest;
static struct client *dom0;
static struct turns turns;

static ssize_t guest_read(struct connection *c, char *out, size_t size)
{
	return ring_read(guest.page, &guest.place, out, size);
}

static ssize_t guest_write(struct connection *c, const char *in, size_t size)
{
	return ring_write(guest.page, &guest.place, in, size);
}

static void guest_moved(struct connection *c)
{
	ring_took(guest.page, &guest.place);
	guest.moved = true;
}

static void guest_lost(struct connection *c, int error)
{
	client_free(c->client);
	c->client = NULL;
}

static const struct connection_ops guest_ops = {
	.read = guest_read, .write = guest_write, .moved = guest_moved, .lost = guest_lost,
};

void daemon_permit(const char *path, const char *permissions)
{
	char text[256];

	snprintf(text, sizeof(text), "%s|%s|", path, permissions);
	ask_text(dom0, XS_SET_PERMS, 0, text);
}

void daemon_begin(struct xenstore_domain_interface *page)
{
	seed = 1;
	begin();
	memset(&guest, 0, sizeof(guest));
	memset(&turns, 0, sizeof(turns));
	guest.page = page;
	ring_find(page, &guest.place);
	guest.connection.ops = &guest_ops;
	guest.connection.client = client_new(store, 1, &guest);
	dom0 = client_new(store, 0, NULL);
	ask_text(dom0, XS_MKDIR, 0, "/local/domain/1|");
	daemon_permit("/local/domain/1", "n1|r0");
}

void daemon_end(void)
{
	if (guest.connection.client)
		turns_remove(&turns, &guest.connection);
	end(dom0);
}

bool daemon_turn(void)
{
	guest.moved = false;
	fake_now += 10;
	if (!guest.connection.client)
		return false;
	turns_add(&turns, &guest.connection);
	turns_run(&turns, fake_now);
	return guest.moved;
}

void daemon_write(const char *path, const char *value)
{
	char text[512];

	snprintf(text, sizeof(text), "%s|%s", path, value);
	ask_text(dom0, XS_WRITE, 0, text);
	CU_ASSERT_EQUAL(last.type, XS_WRITE);
}

const char *daemon_read(const char *path)
{
	static char texts[4][XENSTORE_PAYLOAD_MAX + 1];
	static unsigned int next;
	char *text = texts[next++ % 4];
	char asked[256];

	snprintf(asked, sizeof(asked), "%s|", path);
	ask_text(dom0, XS_READ, 0, asked);
	snprintf(text, XENSTORE_PAYLOAD_MAX + 1, "%s", last.type == XS_READ ? last.data : "");
	return text;
}

void daemon_remove(const char *path)
{
	char text[256];

	snprintf(text, sizeof(text), "%s|", path);
	ask_text(dom0, XS_RM, 0, text);
}
