/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel of one address space and one thread, for one vCPU. Event upcalls stay masked: when
 * it has nothing to do it sleeps in SCHEDOP_poll, and handlers are called where it waits. So
 * nothing here needs a lock.
 */
#ifndef MINIMAL_KERNEL_H
#define MINIMAL_KERNEL_H

#include "frontends/lib/balloon.h"
#include "frontends/lib/console.h"
#include "frontends/lib/control.h"
#include "frontends/lib/grant.h"
#include "frontends/lib/store.h"
#include "frontends/lib/suspend.h"
#include "pv-abi/sched.h"
#include "pv-abi/xen.h"

#define PAGE_SIZE FRONTEND_PAGE_SIZE
#ifdef __i386__
#define VIRT_BASE 0xc0000000u
#define BITS 32
#else
#define VIRT_BASE 0xffffffff80000000u
#define BITS 64
#endif

/* ---- start.S, kernel.c ---- */

extern struct start_info *start_info;
extern struct shared_info *shared_info;
extern const struct frontend frontend;	/* for the library */
extern struct store store;
/* Watches control/shutdown, after store_resume(). */
int control_again(void);

long hypercall(unsigned long op, ...);	/* up to five words of arguments */

/* Ends the domain for a reason of SHUTDOWN_. */
void kernel_shutdown(unsigned int reason) __attribute__((noreturn));

/* "RESULT minimal FAIL ...", once; the domain goes on, so that it can be looked at. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool failed;

/* Whatever waits to be done is done; then sleeps until an event or @deadline. */
void serve(uint64_t deadline);
/* Serves until done(@arg) or for so many seconds. Returns whether it was the first. */
bool serve_until(bool (*done)(void *arg), void *arg, unsigned int seconds);

#define SECOND ((uint64_t)1000000000) /* ns */

/* What compilers expect to find. */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* The next word of a generator that is seeded by the clock and, if there is one, by the store. */
uint32_t random_word(void);

/* ---- print.c: to the PV console, or to the hypervisor's log where there is none ---- */

void print_open(void);
/* In another domain, whose start_info has the console's event channel. */
void print_resume(void);
/* %d %u %x %c %s, l, ll, a width, 0. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that begins with @first. */
void print_list(const char *first, const char *format, __builtin_va_list args);

/* ---- events.c ---- */

#define EVENTS_MAX 64u	/* ports: 0 to EVENTS_MAX - 1 */
/* @handler may be NULL: the event only ends a wait. -ENOSPC: the number is too high. */
int event_listen(evtchn_port_t port, void (*handler)(void *arg), void *arg);
int event_open(void *kernel, domid_t peer, void (*handler)(void *arg), void *arg,
	       evtchn_port_t *port);
void event_close(void *kernel, evtchn_port_t port);
void event_send(void *kernel, evtchn_port_t port);
/* Until an event came or it is @deadline; calls the handlers. */
void event_wait(void *kernel, uint64_t deadline);
uint64_t time_now(void *kernel);
/* In another domain: no channel is there. */
void events_forget(void);

/* ---- memory.c ---- */

void memory_open(void);
void *pages_get(void *kernel, unsigned int count);
void pages_put(void *kernel, void *pages, unsigned int count);
unsigned int pages_free(void);
int memory_grant(void *kernel, domid_t to, const void *address, bool readonly, grant_ref_t *ref);
int memory_revoke(void *kernel, grant_ref_t ref);
long memory_op(void *kernel, unsigned int cmd, void *arg);
/* A frame of the hypervisor's or another of ours at an address of its own. */
void *map_frame(uint64_t mfn);
/* For the balloon: the pages behind the initial mapping. Each that comes back is tried out. */
extern const struct balloon_ops balloon_ops;
uint64_t memory_spare(void);	/* how many there are with frames */

/* Frames that are not the domain's own go, and come again: the shared page, the grant table. */
void memory_let_go(void);
void memory_take_up(void);
/* The page of ours with frame @mfn. */
xen_pfn_t memory_pfn(xen_pfn_t mfn);
uint64_t memory_frame(const void *address);
/* Random words into a part of the balloon's pages. */
void memory_fill(void);
/* A sum over the kernel's constants and every page of the balloon's. */
uint32_t memory_sum(void);

/* ---- suspend.c ---- */

void random_open(void);
/* Stands still until somebody saves it, or does not; says on the console what came of it. */
void suspend_now(void);

/* ---- the jobs: block.c, net.c, balloon.c ---- */

struct settings {
	bool block, read, net, balloon;		/* asked for */
	bool fill;				/* the balloon's pages */
	bool spin;				/* in the end, for ever */
	bool ip_of_mac;				/* 10.x.y.z of the address's last three bytes */
	bool any;				/* something was; else: what there is */
	uint32_t block_mib;
	uint32_t uses_mib;			/* that it says it uses; 0: it says nothing */
	uint32_t ip, peer;			/* host order; 0: none */
	unsigned int prefix;
};
extern struct settings settings;

/* Each returns false after fail(). @ids are the names below device/vbd or device/vif. */
bool block_job(const char *ids, unsigned int size);
bool net_job(const char *ids, unsigned int size);
bool balloon_job(void);
/* What they do as long as the domain lives. */
void block_serve(void);
void net_serve(void);
void balloon_serve(void);
/* When something of it is to be done although no event comes: ns, or 0. */
uint64_t balloon_deadline(void);
/* Before a suspend: nothing is with a backend, and nothing goes there. After it: on with it. */
void block_hold(void);
void block_go_on(bool restored);
/* After a restore: false after fail(). block: writes other words than before, and reads them. */
bool block_again(void);
bool net_resume(void);
bool balloon_restored(void);
/* They close their devices. */
void block_end(void);
void net_end(void);

#endif
