/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domains that the store talks to over rings: domain 0's kernel from the start, others once
 * introduced.
 */
#ifndef HVSTORE_DOMAIN_H
#define HVSTORE_DOMAIN_H

#include "connection.h"
#include "evtchn.h"
#include "privcmd.h"
#include "replay.h"

struct domain;

struct domains {
	struct store *store;
	struct turns *turns;
	struct privcmd privcmd;
	int evtchn;			/* -1: there is no hypervisor, only sockets are served */
	uint32_t exception_port;	/* gets VIRQ_DOM_EXC */
	struct domain *first;
	struct domain **by_port;	/* indexed by local port */
	uint32_t nr_ports;
	bool masked;			/* some domain's port waits for the next interval */
	uint64_t next_interval;		/* ms */
};

/*
 * domains_open - open the devices and connect to domain 0's kernel, whose xenbus starts by that.
 * @before: the domains that another daemon has left. Those that live go on as if nothing had been;
 * those that have ended meanwhile, or whose number another one has, are cleaned up after. They are
 * taken off the list.
 * Returns 0 or a negative errno after logging what is wrong.
 */
int domains_open(struct domains *domains, struct store *store, struct turns *turns,
		 struct replayed *before);

/*
 * domains_settle - grant the domains what they asked for while there was no daemon, once a journal
 * is there that begins with those that were taken up.
 */
void domains_settle(struct domains *domains);

/* domains_journal - write all domains down in a record that begins a journal. */
void domains_journal(struct domains *domains);

/* domains_close - disconnect from all. */
void domains_close(struct domains *domains);

/* domains_events - take the waiting events: gives turns to domains and looks for dead ones. */
void domains_events(struct domains *domains);

/*
 * domains_interval - give the domains a new ration of events, if it is time.
 * Returns the milliseconds until the next call, or -1 if no domain waits for it.
 */
int domains_interval(struct domains *domains, uint64_t now);

/* The store's view, see struct store_host. */
int domains_introduce(struct domains *domains, domid_t domid, uint64_t frame, uint32_t port,
		      bool *fresh);
int domains_release(struct domains *domains, domid_t domid);
int domains_resume(struct domains *domains, domid_t domid);
bool domains_is_introduced(const struct domains *domains, domid_t domid);

#endif
