// SPDX-License-Identifier: GPL-2.0-or-later

#include "domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal.h"
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
/* Units of work that beginning anew costs: what is forgotten is written down at once. */
#define WORK_RESTART	100

struct domain {
	struct connection connection; /* without a client once the domain has broken the protocol */
	struct domain *next;
	struct domains *domains;
	domid_t domid;
	struct foreign_page page;	/* domain 0's comes from its kernel instead */
	struct xenstore_domain_interface *ring; /* NULL if it could not be mapped again */
	struct lasting lasting;
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
	return ring_read(of(connection)->ring, &of(connection)->lasting.place, out, size);
}

static ssize_t write_ring(struct connection *connection, const char *in, size_t size)
{
	return ring_write(of(connection)->ring, &of(connection)->lasting.place, in, size);
}

static void moved_ring(struct connection *connection)
{
	struct domain *domain = of(connection);

	bool more = ring_took(domain->ring, &domain->lasting.place);

	evtchn_notify(domain->domains->evtchn, domain->port);
	if (more)
		turns_add(domain->domains->turns, connection);
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
	journal_broken(connection->client);
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

static void add_domain(struct domains *domains, struct domain *domain)
{
	domain->domains = domains;
	domain->connection.ops = &ring_ops;
	domain->next = domains->first;
	domains->first = domain;
}

/* A client for a domain whose page is mapped, which begins where the page says. */
static int make_client(struct domains *domains, struct domain *domain)
{
	struct client *client = client_new(domains->store, domain->domid, domain);

	if (!client)
		return -ENOMEM;
	client->lasting = &domain->lasting;
	domain->connection.client = client;
	domain->connection.inbox.have = 0;
	ring_find(domain->ring, &domain->lasting.place);
	ring_offer(domain->ring);
	return 0;
}

/*
 * Connect to a domain whose page is mapped already. On failure the page is the caller's to unmap.
 */
static int connect_domain(struct domains *domains, struct domain *domain, uint32_t port)
{
	int error;

	domain->domains = domains;
	domain->connection.ops = &ring_ops;
	domain->lasting.port = port;
	error = make_client(domains, domain);
	if (error)
		return error;
	error = bind_port(domain, port);
	if (error) {
		/* It was never there, for the journal. */
		domain->connection.client->lasting = NULL;
		client_free(domain->connection.client);
		return error;
	}
	add_domain(domains, domain);
	journal_connect(domain->connection.client);
	return 0;
}

static int map_page(struct domain *domain)
{
	int error = privcmd_map(&domain->domains->privcmd, domain->domid, GNTTAB_RESERVED_XENSTORE,
				domain->lasting.frame, &domain->page);

	if (error)
		log_line("domain %u: cannot map its page, frame %llx: %s", domain->domid,
			 (unsigned long long)domain->lasting.frame, strerror(-error));
	else
		domain->ring = domain->page.address;
	return error;
}

/* A domain that is known already, and comes with another port: its page stays. */
static int introduce_again(struct domains *domains, struct domain *domain, uint64_t frame,
			   uint32_t port)
{
	bool fresh = !domain->connection.client;
	int error;

	unbind(domain);
	domain->lasting.port = port;
	if (!domain->ring) {
		domain->lasting.frame = frame;
		error = map_page(domain);
		if (error)
			return error;
	}
	if (fresh) {
		error = make_client(domains, domain);
		if (error)
			return error;
		journal_connect(domain->connection.client);
	} else {
		journal_port(domain->connection.client);
		/* A new kernel may have begun anew in the page without asking. */
		if (ring_moved(domain->ring, &domain->lasting.place)) {
			ring_find(domain->ring, &domain->lasting.place);
			domain->connection.inbox.have = 0;
			client_discard_output(domain->connection.client);
			journal_place(domain->connection.client);
		}
	}
	error = bind_port(domain, port);
	if (error)
		log_line("domain %u: cannot bind to its new port %u: %s", domain->domid, port,
			 strerror(-error));
	return error;
}

int domains_introduce(struct domains *domains, domid_t domid, uint64_t frame, uint32_t port,
		      bool *fresh)
{
	struct domain *domain = find(domains, domid);
	enum domain_life life;
	int error;

	if (domains->evtchn < 0)
		return -ENOSYS;
	*fresh = !domain;
	if (domain)
		return introduce_again(domains, domain, frame, port);

	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->domid = domid;
	domain->domains = domains;
	domain->lasting.frame = frame;
	error = privcmd_life(&domains->privcmd, domid, &life, domain->lasting.handle);
	if (error)
		log_line("domain %u: cannot tell which one it is: %s", domid, strerror(-error));
	error = map_page(domain);
	if (error) {
		free(domain);
		return error;
	}
	error = connect_domain(domains, domain, port);
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
	journal_release(domains->store, domid);
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
 * Taking up what another daemon has left
 */

static void look_for_dead(struct domains *domains);
static void forget(struct domain *domain);
static void restart(struct domain *domain);

/* What the journal has of @domid, taken off its list; NULL if there is nothing. */
static struct remembered *recall(struct replayed *before, domid_t domid)
{
	struct remembered **slot = &before->domains, *known;

	while (*slot && (*slot)->domid != domid)
		slot = &(*slot)->next;
	known = *slot;
	if (known)
		*slot = known->next;
	return known;
}

/*
 * Go on with the connection of @domain, whose page is mapped, if at all. Frees @known. What is not
 * as it should be concerns this domain alone.
 */
static int take_up(struct domains *domains, struct domain *domain, struct remembered *known)
{
	struct connection *connection = &domain->connection;
	struct client *client = known->client;
	size_t length = client ? client->out_bytes : 0, sent;
	int error;

	add_domain(domains, domain);
	if (client) {
		connection->client = client;
		client->transport = domain;
		client->lasting = &domain->lasting;
	}
	connection->inbox = known->inbox;
	if (!client || !domain->ring) {
		disconnect(domain);
		free(known);
		return 0;
	}
	error = ring_resume(domain->ring, &domain->lasting.place, known->output, length, &sent);
	free(known);
	ring_offer(domain->ring);
	if (ring_wants_restart(domain->ring))
		forget(domain);
	else if (error)
		lost_ring(connection, error);
	else
		replay_skip(client, sent);
	if (!connection->client)
		return 0;
	/* What is in the journal may be overwritten; whoever has filled the ring waits for that. */
	ring_took(domain->ring, &domain->lasting.place);
	error = bind_port(domain, domain->lasting.port);
	if (error)
		log_line("domain %u: cannot bind to its port %u again: %s", domain->domid,
			 domain->lasting.port, strerror(-error));
	return domain->domid ? 0 : error;
}

/* Zeros: it could not be read when the domain came. */
static bool is_another(const uint8_t *handle, const uint8_t *known)
{
	static const uint8_t unknown[sizeof(xen_domain_handle_t)];

	return memcmp(known, unknown, sizeof(unknown)) && memcmp(handle, known, sizeof(unknown));
}

/* The first of the list that is left. */
static int take_up_guest(struct domains *domains, struct replayed *before)
{
	struct remembered *known = recall(before, before->domains->domid);
	uint8_t handle[sizeof(known->lasting.handle)];
	enum domain_life life = DOMAIN_RUNS;
	struct domain *domain;
	int error = privcmd_life(&domains->privcmd, known->domid, &life, handle);

	if (error)
		log_line("domain %u: cannot tell whether it lives: %s", known->domid,
			 strerror(-error));
	if (!error && (life == DOMAIN_GONE || is_another(handle, known->lasting.handle))) {
		log_line("domain %u: %s while no store daemon ran", known->domid,
			 life == DOMAIN_GONE ? "ended" : "was replaced by another one");
		if (known->client)
			client_free(known->client);
		error = store_domain_gone(domains->store, known->domid);
		free(known);
		return error;
	}
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->domid = known->domid;
	domain->domains = domains;
	domain->lasting = known->lasting;
	map_page(domain);
	return take_up(domains, domain, known);
}

/* ------------------------------------------------------------------------------------------------
 * Domain 0's kernel
 */

static int connect_kernel(struct domains *domains, struct replayed *before)
{
	struct remembered *known = recall(before, 0);
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
	if (known) {
		domain->lasting = known->lasting;
		domain->lasting.port = port;
		return take_up(domains, domain, known);
	}
	error = connect_domain(domains, domain, port);
	if (error) {
		log_line("cannot bind to the kernel's store port %d: %s", port, strerror(-error));
		munmap(page, XENDEV_PAGE);
		free(domain);
	}
	return error;
}

int domains_open(struct domains *domains, struct store *store, struct turns *turns,
		 struct replayed *before)
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
	error = connect_kernel(domains, before);
	while (!error && before->domains)
		error = take_up_guest(domains, before);
	if (!error)
		look_for_dead(domains);
	return error;
}

void domains_settle(struct domains *domains)
{
	for (struct domain *domain = domains->first; domain; domain = domain->next)
		if (domain->connection.client && ring_wants_restart(domain->ring))
			restart(domain);
}

void domains_journal(struct domains *domains)
{
	for (struct domain *domain = domains->first; domain; domain = domain->next) {
		/* One that is about to be lost is so already, for the journal. */
		if (domain->connection.client && domain->connection.client->lasting)
			journal_connection(domain->connection.client,
					   domain->connection.inbox.data,
					   domain->connection.inbox.have);
		else
			journal_known(domains->store, domain->domid, &domain->lasting);
	}
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
		error = privcmd_life(&domains->privcmd, domain->domid, &life, NULL);
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

static void forget(struct domain *domain)
{
	client_reset(domain->connection.client);
	client_discard_output(domain->connection.client);
	domain->connection.inbox.have = 0;
	domain->lasting.place = (struct ring_place){ 0 };
	journal_place(domain->connection.client);
}

/* A kernel that has replaced the one before asks for an empty ring. */
static void restart(struct domain *domain)
{
	struct store *store = domain->domains->store;
	uint64_t work = store->work, journaled = store->journaled;

	forget(domain);
	/* Until it is written down, the domain has to go on asking. */
	store_commit(store);
	protocol_charge(domain->connection.client,
			WORK_RESTART + (store->work - work) +
				(store->journaled - journaled) / JOURNAL_PER_UNIT);
	ring_restart(domain->ring, &domain->lasting.place);
	evtchn_notify(domain->domains->evtchn, domain->port);
	store_log_domain(domain->domains->store, domain->domid, "starts anew");
}

/* It gets that as soon as it may ask for anything: it is looked at again at each interval. */
static void look_for_restart(struct domain *domain)
{
	uint64_t until;

	if (!domain->connection.client || !ring_wants_restart(domain->ring))
		return;
	client_may_ask(domain->connection.client, &until);
	if (!until) {
		restart(domain);
		return;
	}
	domain->masked = true;
	domain->domains->masked = true;
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
	look_for_restart(domain);
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
		domains->masked = false;
		for (struct domain *domain = domains->first; domain; domain = domain->next) {
			bool masked = domain->masked;

			domain->events = 0;
			domain->masked = false;
			if (masked)
				evtchn_unmask(domains->evtchn, domain->port);
			if (masked)
				look_for_restart(domain);
		}
		domains->next_interval = now + INTERVAL_MS;
	}
	return domains->masked ? (int)(domains->next_interval - now) : -1;
}
