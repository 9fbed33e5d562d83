/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two ends of a migration have in common: their records, what a host does with its copy of
 * the guest (handover.h), and the lines that they exchange before the stream.
 * Functions return 0 or -errno with the context's message set unless they say something else.
 */
#ifndef HVCTL_MIGRATE_H
#define HVCTL_MIGRATE_H

#include <sys/types.h>

#include "handover_talk.h"
#include "internal.h"

/* The receiver's first line; the sender answers with it, an order and the token. */
#define MIGRATE_GREETING "annulus migrate 2"
/* Of one that keeps nothing of what it had. */
#define MIGRATE_GREETING_1 "annulus migrate 1"
#define MIGRATE_TAKE	 "take"	  /* a stream follows */
#define MIGRATE_FORCE	 "take-force-cpu" /* the same, also on a CPU that lacks what it has */
#define MIGRATE_SETTLE	 "settle" /* words of a handover follow */
/* The receiver's answers before it has the whole guest. */
#define MIGRATE_ACCEPTED "good"
/* The same, and a key and so many digests follow, of pages that it has (save/known.h). */
#define MIGRATE_KEPT	 "kept "
#define MIGRATE_REFUSED	 "no " /* and why */

#define MIGRATE_PATIENCE_MS 60000

/* Where records are: apart, so that a guest can move within its host. */
#define MIGRATE_LEAVING_DIR "/run/hvctl/leaving"
#define MIGRATE_COMING_DIR  "/run/hvctl/coming"
enum migrate_side { MIGRATE_LEAVING, MIGRATE_COMING };

/* A side of a migration. */
struct migrate_host {
	struct handover_host host; /* host.data is this */
	struct hvctl_ctx *ctx;
	struct hvctl_config *config; /* of its guest, NULL: the store knows */
	bool fresh;	/* the process that began is another one, and dead */
	pid_t dead;	/* the one that was killed, if it is known; 0 */
	uint32_t runs;	/* as which domain it was let run, 0: it was not, or as before */
	bool again;	/* the leaving guest's: as a new domain */
	uint64_t left_ms; /* when it was heard that it runs there, 0: it was not */
	/* The leaving guest's: NULL, or called before it goes. */
	void (*before_gone)(struct migrate_host *h, const struct handover_record *r);
	void *data; /* of that */
};

/* Have the directory of records; host.dir is to be closed with migrate_host_close(). */
int migrate_host_open(struct hvctl_ctx *ctx, enum migrate_side side, struct migrate_host *h);
void migrate_host_close(struct migrate_host *h);

/*
 * Whether there is a migration of a domain that has not been settled: 1, and its record as it was
 * at that moment (not open); of several the one that gives it away. 0: there is none. -errno: it
 * cannot be found out, and the domain is to be left as it is.
 */
int migrate_holds(struct hvctl_ctx *ctx, enum migrate_side side, uint32_t domid,
		  struct handover_record *r);

/*
 * Whether a guest that comes under @token is still wanted: 0; -ECANCELED: its record or its domain
 * was taken away; -errno of the record.
 */
int migrate_still_comes(struct migrate_host *h, const char *token);

/*
 * Take down what is here of a guest of that uuid that never came to be whole, of other tokens than
 * @token: its source, which has begun anew, cannot have given it away. 0 or -errno.
 */
int migrate_drop_halves(struct migrate_host *h, const uint8_t uuid[16], const char *token);

/* A line without its end, byte by byte. No message. -ETIMEDOUT, -EPIPE (end), -EPROTO (too long) */
int migrate_read_line(int fd, char *line, size_t size, int patience_ms);
/* So many bytes. No message. -ETIMEDOUT, -EPIPE */
int migrate_read_bytes(int fd, void *data, size_t len, int patience_ms);
/* No message. */
int migrate_write_line(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The guest's devices have been closed: it goes on as a restored one, in a new domain, of
 * @config's name and uuid. What somebody began who was killed is undone, or brought to its end.
 * After an error it is as it was: stopped, and its configuration is known.
 */
int migrate_go_on(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *config,
		  uint32_t *again);

/*
 * migrate_call_it - give name and uuid to domain @domid, one of two that are the same guest. Its
 * configuration goes with it, into a directory that nobody else has: the other's may be removed.
 */
int migrate_call_it(struct hvctl_ctx *ctx, uint32_t domid, const char *name,
		    const uint8_t uuid[16], const struct hvctl_config *config);

#endif
