// SPDX-License-Identifier: GPL-2.0-or-later

#include "domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "pv-abi/grant_table.h"
#include "ring.h"
#include "xendev.h"

/*
 * A guest's events are rationed per interval: one that sends them without end, with nothing in its
 * ring, finds its port masked until the next interval.
 */
#define INTERVAL_MS	20
#define INTERVAL_EVENTS	200

struct domain {
	struct connection connection; /* without a client once the domain has broken the protocol */
	struct domain *next;
	struct domains *domains;
	domid_t domid;
	struct foreign_page page;	/* domain 0's comes from its kernel instead */
	struct xenstore_domain_interface *ring;
	uint32_t port;			/* local; 0 when not bound */
	bool shut_down;			/* this has been announced */
	bool masked;			/* its port waits for the next interval */
	unsigned int events;		/* in this interval */
};

static struct domain *of(struct connection *connection)
{
	return (struct domain *)connection;
}

static struct domain *find(const struct domains *domains, domid_t domid)
{
	struct domain *domain = domains->first;

	while (domain && domain->domid != domid)
		domain = domain->next;
	return domain;
}

/* ------------------------------------------------------------------------------------------------
 * Bytes
 */

static ssize_t read_ring(struct connection *connection, char *out, size_t size)
{
	return ring_read(of(connection)->ring, out, size);
}

static ssize_t write_ring(struct connection *connection, const char *in, size_t size)
{
	return ring_write(of(connection)->ring, in, size);
}

static void moved_ring(struct connection *connection)
{
	struct domain *domain = of(connection);

	evtchn_notify(domain->domains->evtchn, domain->port);
}

static void unbind(struct domain *domain)
{
	if (!domain->port)
		return;
	domain->domains->by_port[domain->port] = NULL;
	evtchn_unbind(domain->domains->evtchn, domain->port);
	domain->port = 0;
	domain->masked = false;
}

/* Stop serving the domain. It stays known, so that its end is still announced. */
static void disconnect(struct domain *domain)
{
	turns_remove(domain->domains->turns, &domain->connection);
	if (domain->connection.client)
		client_free(domain->connection.client);
	domain->connection.client = NULL;
	unbind(domain);
}

/* A domain that breaks the protocol loses its connection, and nothing else happens. */
static void lost_ring(struct connection *connection, int error)
{
	struct domain *domain = of(connection);
	uint32_t reason = XENSTORE_ERROR_COMM;

	if (error == -EIO)
		reason = XENSTORE_ERROR_RINGIDX;
	else if (error == -EMSGSIZE)
		reason = XENSTORE_ERROR_PROTO;
	store_log_domain(domain->domains->store, domain->domid, "disconnected: %s",
			 reason == XENSTORE_ERROR_RINGIDX ? "impossible ring indexes" :
			 reason == XENSTORE_ERROR_PROTO ?
			 "a message longer than the protocol allows" : strerror(-error));
	ring_fail(domain->ring, reason);
	evtchn_notify(domain->domains->evtchn, domain->port);
	disconnect(domain);
}

static const struct connection_ops ring_ops = {
	.read = read_ring,
	.write = write_ring,
	.moved = moved_ring,
	.lost = lost_ring,
};

/* ------------------------------------------------------------------------------------------------
 * Connecting
 */

/* Bind to the domain's port and send a first event, in case it waits for one. */
static int bind_port(struct domain *domain, uint32_t remote)
{
	struct domains *domains = domain->domains;
	int port = evtchn_bind(domains->evtchn, domain->domid, remote);

	if (port < 0)
		return port;
	if ((uint32_t)port >= domains->nr_ports) {
		struct domain **by_port = realloc(domains->by_port, (port + 1) * sizeof(*by_port));

		if (!by_port) {
			evtchn_unbind(domains->evtchn, port);
			return -ENOMEM;
		}
		memset(by_port + domains->nr_ports, 0,
		       (port + 1 - domains->nr_ports) * sizeof(*by_port));
		domains->by_port = by_port;
		domains->nr_ports = port + 1;
	}
	domain->port = port;
	domains->by_port[port] = domain;
	evtchn_notify(domains->evtchn, port);
	turns_add(domains->turns, &domain->connection);
	return 0;
}

static void unmap(struct domain *domain)
{
	if (domain->page.address)
		privcmd_unmap(&domain->domains->privcmd, &domain->page);
	else if (domain->ring)
		munmap(domain->ring, XENDEV_PAGE);
}

/*
 * Connect to a domain whose page is mapped already. On failure the page is the caller's to unmap.
 */
static int add_domain(struct domains *domains, struct domain *domain, uint32_t port)
{
	int error;

	domain->domains = domains;
	domain->connection.ops = &ring_ops;
	domain->connection.client = client_new(domains->store, domain->domid, domain);
	if (!domain->connection.client)
		return -ENOMEM;
	ring_offer(domain->ring);
	error = bind_port(domain, port);
	if (error) {
		client_free(domain->connection.client);
		return error;
	}
	domain->next = domains->first;
	domains->first = domain;
	return 0;
}

int domains_introduce(struct domains *domains, domid_t domid, uint64_t frame, uint32_t port,
		      bool *fresh)
{
	struct domain *domain = find(domains, domid);
	int error;

	if (domains->evtchn < 0)
		return -ENOSYS;
	*fresh = !domain;
	if (domain) {
		/* A domain that starts anew inside brings a new port; its page stays. */
		unbind(domain);
		if (!domain->connection.client) {
			domain->connection.client = client_new(domains->store, domid, domain);
			if (!domain->connection.client)
				return -ENOMEM;
			domain->connection.inbox.have = 0;
			ring_offer(domain->ring);
		}
		error = bind_port(domain, port);
		if (error)
			log_line("domain %u: cannot bind to its new port %u: %s", domid, port,
				 strerror(-error));
		return error;
	}

	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->domid = domid;
	error = privcmd_map(&domains->privcmd, domid, GNTTAB_RESERVED_XENSTORE, frame,
			    &domain->page);
	if (error) {
		log_line("domain %u: cannot map its page, frame %llx: %s", domid,
			 (unsigned long long)frame, strerror(-error));
		free(domain);
		return error;
	}
	domain->ring = domain->page.address;
	error = add_domain(domains, domain, port);
	if (error) {
		log_line("domain %u: cannot connect to its port %u: %s", domid, port,
			 strerror(-error));
		privcmd_unmap(&domains->privcmd, &domain->page);
		free(domain);
		return error;
	}
	log_line("domain %u: introduced%s", domid,
		 domain->page.granted ? "" : " (page mapped by frame)");
	return 0;
}

static void drop(struct domain *domain)
{
	struct domains *domains = domain->domains;
	struct domain **slot = &domains->first;

	while (*slot != domain)
		slot = &(*slot)->next;
	*slot = domain->next;
	disconnect(domain);
	unmap(domain);
	free(domain);
}

int domains_release(struct domains *domains, domid_t domid)
{
	struct domain *domain = find(domains, domid);

	if (!domain)
		return -ENOENT;
	drop(domain);
	log_line("domain %u: released", domid);
	if (store_domain_gone(domains->store, domid))
		log_line("domain %u: no memory to take over its nodes", domid);
	return 0;
}

int domains_resume(struct domains *domains, domid_t domid)
{
	struct domain *domain = find(domains, domid);

	if (!domain)
		return -ENOENT;
	domain->shut_down = false;
	return 0;
}

bool domains_is_introduced(const struct domains *domains, domid_t domid)
{
	return domid == 0 || find(domains, domid) != NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Domain 0's kernel
 */

static int connect_kernel(struct domains *domains)
{
	struct domain *domain;
	void *page;
	int fd, port, error;

	fd = open(XENDEV_STORE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		error = -errno;
		log_line("cannot open %s: %s", XENDEV_STORE, strerror(-error));
		return error;
	}
	port = ioctl(fd, XENBUS_BACKEND_PORT);
	page = port < 0 ? MAP_FAILED
			: mmap(NULL, XENDEV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	error = page == MAP_FAILED ? -errno : 0;
	close(fd);
	if (error) {
		log_line("cannot get the kernel's store page from %s: %s", XENDEV_STORE,
			 strerror(-error));
		return error;
	}
	domain = calloc(1, sizeof(*domain));
	if (!domain) {
		munmap(page, XENDEV_PAGE);
		return -ENOMEM;
	}
	domain->ring = page;
	error = add_domain(domains, domain, port);
	if (error) {
		log_line("cannot bind to the kernel's store port %d: %s", port, strerror(-error));
		munmap(page, XENDEV_PAGE);
		free(domain);
	}
	return error;
}

int domains_open(struct domains *domains, struct store *store, struct turns *turns)
{
	int error;

	*domains = (struct domains){ .store = store, .turns = turns, .evtchn = -1 };
	domains->privcmd = (struct privcmd){ .privcmd = -1, .gntdev = -1 };
	error = privcmd_open(&domains->privcmd);
	if (error) {
		log_line("cannot open %s: %s", XENDEV_PRIVCMD, strerror(-error));
		return error;
	}
	domains->evtchn = evtchn_open();
	if (domains->evtchn < 0) {
		error = domains->evtchn;
		log_line("cannot open %s: %s", XENDEV_EVTCHN, strerror(-error));
		return error;
	}
	error = evtchn_bind_virq(domains->evtchn, VIRQ_DOM_EXC);
	if (error < 0) {
		log_line("cannot bind VIRQ_DOM_EXC: %s (does another store daemon run?)",
			 strerror(-error));
		return error;
	}
	domains->exception_port = error;
	return connect_kernel(domains);
}

void domains_close(struct domains *domains)
{
	while (domains->first)
		drop(domains->first);
	if (domains->evtchn >= 0)
		close(domains->evtchn);
	privcmd_close(&domains->privcmd);
	free(domains->by_port);
	domains->by_port = NULL;
	domains->evtchn = -1;
}

/* ------------------------------------------------------------------------------------------------
 * Events
 */

/*
 * Some domain has shut down or died; which one is for us to find out. It is announced in any case:
 * others know of domains that we do not, and of some we learn twice, when they begin to die and
 * when the last mapping of their memory is gone.
 */
static void look_for_dead(struct domains *domains)
{
	struct domain *next;

	for (struct domain *domain = domains->first; domain; domain = next) {
		enum domain_life life;
		int error;

		next = domain->next;
		if (domain->domid == 0)
			continue;
		error = privcmd_life(&domains->privcmd, domain->domid, &life);
		if (error) {
			store_log_domain(domains->store, domain->domid,
					 "cannot tell whether it lives: %s", strerror(-error));
			continue;
		}
		if (life == DOMAIN_GONE) {
			domains_release(domains, domain->domid);
		} else if (life == DOMAIN_SHUT_DOWN && !domain->shut_down) {
			domain->shut_down = true;
			store_log_domain(domains->store, domain->domid, "shut down");
		}
	}
	store_announce(domains->store, SPECIAL_RELEASE);
}

/* A kernel that has replaced the one before asks for an empty ring. */
static void restart(struct domain *domain)
{
	client_reset(domain->connection.client);
	client_discard_output(domain->connection.client);
	domain->connection.inbox.have = 0;
	ring_restart(domain->ring);
	evtchn_notify(domain->domains->evtchn, domain->port);
	store_log_domain(domain->domains->store, domain->domid, "starts anew");
}

/* An event at the port of @domain, which is masked now. */
static void on_event(struct domains *domains, struct domain *domain)
{
	/* Unmasked before the look at the ring: what comes later makes a new event. */
	if (domain->domid == 0 || domain->events++ < INTERVAL_EVENTS) {
		evtchn_unmask(domains->evtchn, domain->port);
	} else {
		domain->masked = true;
		domains->masked = true;
	}
	if (ring_wants_restart(domain->ring))
		restart(domain);
	turns_add(domains->turns, &domain->connection);
}

void domains_events(struct domains *domains)
{
	uint32_t ports[64];
	int count = evtchn_take(domains->evtchn, ports, sizeof(ports) / sizeof(ports[0]));
	bool exception = false;

	for (int i = 0; i < count; i++) {
		struct domain *domain =
			ports[i] < domains->nr_ports ? domains->by_port[ports[i]] : NULL;

		if (domain) {
			on_event(domains, domain);
		} else {
			evtchn_unmask(domains->evtchn, ports[i]);
			exception |= ports[i] == domains->exception_port;
		}
	}
	if (exception)
		look_for_dead(domains);
}

int domains_interval(struct domains *domains, uint64_t now)
{
	if (now >= domains->next_interval) {
		for (struct domain *domain = domains->first; domain; domain = domain->next) {
			domain->events = 0;
			if (domain->masked)
				evtchn_unmask(domains->evtchn, domain->port);
			domain->masked = false;
		}
		domains->masked = false;
		domains->next_interval = now + INTERVAL_MS;
	}
	return domains->masked ? (int)(domains->next_interval - now) : -1;
}
