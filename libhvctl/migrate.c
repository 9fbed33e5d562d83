// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Migrating a guest: the end that it leaves. It is sent while it runs, in rounds; then it stands
 * still, the rest follows, and the handover (handover.h) decides where it goes on.
 */
#include "migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "domain.h"
#include "kept.h"
#include "overlay.h"
#include "precopy.h"
#include "save/live.h"
#include "save/pages.h"
#include "save/settings.h"
#include "save/suspend.h"

/* Of the time that it may stand still: what goes into words, devices and starting it. */
#define OVERHEAD_US 50000
/* For how long what a guest had is read, at most, and pages at a time. */
#define KEEP_MS	   30000
#define KEEP_BATCH 256u
/* Nothing is taken from us for so long: the link is gone. */
#define STALL_S	 20
#define RETRY_MS 1000
/* A minder has asked the other host, and asks again. */
#define SETTLE_WAIT_MS 150000

/* ---- the other end ---- */

struct peer {
	struct hvctl_ctx *ctx;
	pid_t pid;
	int in, out;
	struct known *known; /* NULL, or takes what the other end has of the guest */
	uint64_t most;	     /* pages, of the guest */
};

static void peer_close(struct peer *p)
{
	if (p->out >= 0)
		close(p->out);
	if (p->in >= 0)
		close(p->in);
	p->in = p->out = -1;
	/* It ends with its input; one that does not is not needed. */
	for (int i = 0; p->pid > 0 && i < 100 && !waitpid(p->pid, NULL, WNOHANG); i++) {
		if (i == 99) {
			kill(p->pid, SIGTERM);
			waitpid(p->pid, NULL, 0);
		}
		hvctl_nap(10);
	}
	p->pid = 0;
}

static int peer_run(struct peer *p, const char *command)
{
	struct timeval stall = { .tv_sec = STALL_S };
	int to[2], from[2];

	/* A socket, because a write to it can have a time limit. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to))
		return hvctl_fail(p->ctx, errno, "cannot make a socket: %s", strerror(errno));
	if (pipe2(from, O_CLOEXEC)) {
		close(to[0]);
		close(to[1]);
		return hvctl_fail(p->ctx, errno, "cannot make a pipe: %s", strerror(errno));
	}
	setsockopt(to[0], SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof(stall));
	p->pid = fork();
	if (!p->pid) {
		sigset_t none;

		dup2(to[1], 0);
		dup2(from[1], 1);
		/* Who mends what another left has them blocked. */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(to[1]);
	close(from[1]);
	p->out = to[0];
	p->in = from[0];
	return p->pid < 0 ? hvctl_fail(p->ctx, errno, "cannot run a command: %s", strerror(errno))
			  : 0;
}

/* Its greeting, and our order. */
static int peer_greet(struct peer *p, const char *order, const char *token)
{
	const size_t len = sizeof(MIGRATE_GREETING) - 1;
	bool older;
	char line[128];
	int ret = migrate_read_line(p->in, line, sizeof(line), MIGRATE_PATIENCE_MS);

	if (ret == -ETIMEDOUT)
		return hvctl_fail(p->ctx, ETIMEDOUT, "the other host does not answer");
	if (ret == -EPIPE)
		return hvctl_fail(p->ctx, EPROTO,
				  "nothing at the other host takes a guest: is there an hvctl that "
				  "knows migrate-receive, and can it be reached?");
	older = !ret && !strcmp(line, MIGRATE_GREETING_1);
	if (!ret && !older && !strncmp(line, MIGRATE_GREETING, len - 1) &&
	    strcmp(line, MIGRATE_GREETING))
		return hvctl_fail(p->ctx, EPROTO,
				  "the hvctl at the other host migrates in another way (%s) than "
				  "this one (%s); have the same on both",
				  line, MIGRATE_GREETING);
	if (ret || (!older && strcmp(line, MIGRATE_GREETING)))
		return hvctl_fail(p->ctx, EPROTO,
				  "what answers at the other host is no hvctl: %.80s",
				  ret ? "a long line" : line);
	if (migrate_write_line(p->out, "%s %s %s", line, order, token))
		return hvctl_fail(p->ctx, EPIPE, "the link to the other host broke");
	return 0;
}

static int peer_open(struct peer *p, struct hvctl_ctx *ctx, const char *command, const char *order,
		     const char *token)
{
	int error;

	*p = (struct peer){ .ctx = ctx, .in = -1, .out = -1 };
	error = peer_run(p, command);
	return error ? error : peer_greet(p, order, token);
}

/* What it has of the guest: as much as the line says. */
static int peer_kept(struct peer *p, const char *number)
{
	char *end;
	uint64_t n = strtoull(number, &end, 10);
	struct digest d[128];
	int error;

	if (*number < '0' || *number > '9' || *end || !p->known || p->known->slot || n > p->most)
		return hvctl_fail(p->ctx, EPROTO, "the other host says what makes no sense");
	error = known_begin(p->known, n);
	if (error)
		return hvctl_fail(p->ctx, -error, "what the other host has of the guest: %s",
				  strerror(-error));
	error = migrate_read_bytes(p->in, p->known->key, sizeof(p->known->key),
				   MIGRATE_PATIENCE_MS);
	for (uint64_t have = 0, some; !error && have < n; have += some) {
		some = n - have < 128 ? n - have : 128;
		error = migrate_read_bytes(p->in, d, (size_t)some * sizeof(*d),
					   MIGRATE_PATIENCE_MS);
		for (uint64_t i = 0; !error && i < some; i++)
			known_add(p->known, &d[i]);
	}
	return error ? hvctl_fail(p->ctx, EPIPE, "the link to the other host broke") : 0;
}

/* A line that comes before the guest is whole there says that it is accepted, or why it is not. */
static int peer_answer(struct peer *p, int patience_ms)
{
	char line[512];
	int ret = migrate_read_line(p->in, line, sizeof(line), patience_ms);

	if (ret == -ETIMEDOUT)
		return hvctl_fail(p->ctx, ETIMEDOUT, "the other host does not answer");
	if (ret)
		return hvctl_fail(p->ctx, EPIPE, "the link to the other host broke");
	if (!strcmp(line, MIGRATE_ACCEPTED))
		return 0;
	if (!strncmp(line, MIGRATE_KEPT, sizeof(MIGRATE_KEPT) - 1))
		return peer_kept(p, line + sizeof(MIGRATE_KEPT) - 1);
	if (!strncmp(line, MIGRATE_REFUSED, sizeof(MIGRATE_REFUSED) - 1))
		return hvctl_fail(p->ctx, ECONNABORTED, "the other host does not take it: %s",
				  line + sizeof(MIGRATE_REFUSED) - 1);
	return hvctl_fail(p->ctx, EPROTO, "the other host says what makes no sense");
}

/* Nothing is to be heard while pages are sent, but for what has gone wrong. */
static int peer_check(void *data)
{
	struct peer *p = data;
	struct pollfd fd = { .fd = p->in, .events = POLLIN };
	int error;

	if (poll(&fd, 1, 0) <= 0)
		return 0;
	error = peer_answer(p, 1000);
	return error ? error
		     : hvctl_fail(p->ctx, EPROTO, "the other host says what makes no sense");
}

/* What broke off a write: perhaps the other end has said why before it went. */
static int why_broken(struct peer *p, int error)
{
	char why[sizeof(p->ctx->error)];

	if (error != -EPIPE && error != -EAGAIN && error != -ECONNRESET)
		return error;
	memcpy(why, p->ctx->error, sizeof(why));
	if (peer_answer(p, 2000) == -ECONNABORTED)
		return -ECONNABORTED;
	memcpy(p->ctx->error, why, sizeof(why));
	if (error == -EAGAIN)
		return hvctl_fail(p->ctx, EPIPE, "the other host has taken nothing for %d s",
				  STALL_S);
	return hvctl_fail(p->ctx, EPIPE, "the link to the other host broke");
}

/* ---- rounds ---- */

struct leaving {
	struct hvctl_ctx *ctx;
	struct hvctl_migration *m;
	struct saving s;
	struct live live;
	struct peer peer;
	struct known known; /* what the other end has already */
	struct migrate_host host;
	struct hvctl_config *config;
	uint64_t began_ms, stopped_ms;
	bool complete; /* the stream's end has been sent: the other side may have all of it */
};

/* Of pages. */
static double mib(uint64_t pages)
{
	return (double)pages / 256;
}

static void show(const struct leaving *l, const struct precopy *p, uint64_t rest)
{
	uint64_t left = precopy_left(p, rest);
	char text[160];
	int n = snprintf(
		text, sizeof(text),
		"round %u: %llu MiB sent, %llu pages left, %.1f MiB/s, it writes %.1f MiB/s",
		p->rounds, (unsigned long long)(l->live.sent >> 8), (unsigned long long)rest,
		mib(p->rate), mib(p->dirty_rate));

	if (left != UINT64_MAX && n > 0 && n < (int)sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ", about %llu s",
			 (unsigned long long)((left + 999999) / 1000000));
	hvctl_step(l->ctx, text, p->rounds < 8 ? 10 + 8 * p->rounds : 78);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int rounds(struct leaving *l)
{
	struct precopy p = { .downtime = (l->m->downtime_ms ? l->m->downtime_ms : 300) * 1000ull,
			     .pages = l->s.g.nr_pages };
	enum precopy_next next = PRECOPY_AGAIN;

	while (next == PRECOPY_AGAIN) {
		uint64_t start = monotonic_ms(), sent = l->live.sent, rest, us;
		uint64_t spared = l->live.spared;
		int error = live_round(&l->live);

		if (!error)
			error = live_rest(&l->live, &rest);
		if (error)
			return error;
		/* Tables go when it stands still, whatever it writes. */
		p.overhead = OVERHEAD_US;
		if (p.link)
			p.overhead += l->live.tables * 1000000 / p.link;
		us = (monotonic_ms() - start) * 1000;
		sent = l->live.sent - sent;
		if (l->live.known)
			sent = least(live_rate_pages(&l->live, us), sent + l->live.spared - spared);
		next = precopy_round(&p, sent, us, l->live.free, rest);
		l->m->rounds = p.rounds;
		show(l, &p, rest);
		if (next == PRECOPY_HOPELESS && !l->m->force)
			return hvctl_fail(l->ctx, ERANGE,
					  "the guest writes too much (%.1f MiB/s; %.1f MiB/s are "
					  "sent) and would stand still for %llu ms; give it more "
					  "(--downtime), or --force",
					  mib(p.dirty_rate), mib(p.rate),
					  (unsigned long long)(precopy_downtime(&p, rest) / 1000));
	}
	return 0;
}

/* Nothing else is sent, and the other end is to know that somebody is there. */
static int meanwhile(void *data)
{
	struct leaving *l = data;
	int error = peer_check(&l->peer);

	return error ? error : live_pulse(&l->live);
}

/* From the first byte to the last. */
static int send_it(struct leaving *l, const char *settings, unsigned int threads)
{
	struct saving *s = &l->s;
	int error = guest_look_live(l->ctx, s->domid, &s->g);

	/* The other end is told no more than there may be. */
	if (!error && s->g.nr_pages > s->g.info.tot_pages)
		s->g.nr_pages = s->g.info.tot_pages;
	if (!error)
		error = stream_create_live(l->ctx, l->peer.out, "what goes to the other host",
					   threads, &s->out);
	if (!error)
		error = save_head(s, settings);
	if (!error)
		error = stream_flush(s->out);
	l->peer.known = &l->known;
	l->peer.most = s->g.nr_pages;
	if (!error)
		error = peer_answer(&l->peer, MIGRATE_PATIENCE_MS);
	l->peer.known = NULL;
	if (l->known.nr)
		l->live.known = &l->known;
	if (!error)
		error = live_begin(&l->live, s);
	if (!error)
		error = rounds(l);
	if (!error)
		error = guest_suspend(l->ctx, s->domid, l->m->seconds ? l->m->seconds : 60,
				      meanwhile, l);
	if (error)
		return error;
	l->stopped_ms = monotonic_ms();
	hvctl_step(l->ctx, "it stands still: sending the rest", 80);
	error = live_last(&l->live);
	if (!error && guest_suspended(l->ctx, s->domid) != 1)
		error = hvctl_fail(l->ctx, ECANCELED,
				   "domain %u did not stand still while it was sent", s->domid);
	if (!error) {
		/* From here on it may be whole there. */
		l->complete = true;
		error = stream_finish(s->out);
	}
	return error;
}

/* ---- what it had, for when it comes back ---- */

static bool stays_in_this_host(const char *token)
{
	char path[96];

	snprintf(path, sizeof(path), MIGRATE_COMING_DIR "/%s", token);
	return !access(path, F_OK);
}

/* Pages of the guest that stands still, until there is no room or no more time. */
static int keep_pages(struct leaving *l, struct kept *k)
{
	const struct guest *g = &l->s.g;
	uint64_t until = monotonic_ms() + KEEP_MS, pfn = 0;
	int ret = 0;

	while (!ret && pfn < g->nr_pfns && monotonic_ms() < until) {
		xen_pfn_t mfns[KEEP_BATCH];
		unsigned int n = 0;
		uint8_t *at;

		for (; pfn < g->nr_pfns && n < KEEP_BATCH; pfn++)
			if (g->mfn[pfn] != NO_MFN && !GUEST_LEVEL(g->type[pfn]))
				mfns[n++] = (xen_pfn_t)g->mfn[pfn];
		at = n ? foreign_map(l->ctx, l->s.domid, PROT_READ, mfns, n) : NULL;
		if (n && !at)
			return -errno;
		for (unsigned int i = 0; !ret && i < n; i++)
			if (!live_is_zero(at + (size_t)i * FRAME_SIZE))
				ret = kept_add(k, at + (size_t)i * FRAME_SIZE);
		if (n)
			foreign_unmap(at, n);
	}
	return ret < 0 ? ret : 0;
}

/* It runs at the other host, and nobody waits: but for whoever wants its memory here. */
static void keep_content(struct migrate_host *h, const struct handover_record *r)
{
	struct leaving *l = h->data;
	struct kept k;
	int error;

	if (!l->m->keep || r->domid != l->s.domid || stays_in_this_host(r->token))
		return;
	hvctl_step(l->ctx, "it runs there: keeping what it had, for when it comes back", 95);
	error = kept_begin(&k, l->ctx, r->uuid, l->m->keep, l->s.g.nr_pages);
	if (!error)
		error = keep_pages(l, &k);
	if (!error)
		error = kept_commit(&k);
	if (!error)
		kept_forget_later(&k);
	kept_close(&k);
	/* It is none of the migration's. */
	l->ctx->error[0] = 0;
}

/* ---- the handover ---- */

/* It stays, and nobody else can have it. */
static int keep(struct leaving *l)
{
	struct handover_record r;
	struct handover_step step;
	int error = handover_record_open(&r, l->host.host.dir, l->m->token);

	if (error)
		return hvctl_fail(l->ctx, -error, "the record of the migration: %s",
				  strerror(-error));
	/* Here, and as nobody was told anything else there is nobody to tell. */
	step = handover_resume(r.state);
	error = handover_perform(&l->host.host, &r, &step, NULL);
	if (!error) {
		step = handover_decide(r.state, true);
		error = handover_perform(&l->host.host, &r, &step, NULL);
	}
	handover_record_close(&r);
	return error;
}

/* How it is where the handover has come to, by what it answered. */
static int settled(struct leaving *l, int ret)
{
	struct handover_record r;
	enum handover_state state = HANDOVER_NONE;

	if (!handover_record_open(&r, l->host.host.dir, l->m->token)) {
		state = r.state;
		handover_record_close(&r);
	}
	l->m->settled = state != HANDOVER_THERE;
	if (!ret && l->host.left_ms)
		return 0;
	/* It could not be written what was to become of it: nobody else can have it. */
	if (state == HANDOVER_SENDING) {
		int error = keep(l);

		if (error)
			return error;
	}
	if (state != HANDOVER_THERE)
		return l->ctx->error[0]
			       ? -EPIPE
			       : hvctl_fail(l->ctx, EPIPE, "the link to the other host broke");
	return hvctl_fail(
		l->ctx, EAGAIN,
		"the other host has all of the guest and was told to run it, but does not "
		"say that it does; it stands still here. When the link is back: hvctl "
		"migrate --resolve %s. If that host is lost: the same with --here",
		l->m->token);
}

/* The other host again, until it has answered or the caller has enough of it. */
static int ask_again(struct hvctl_ctx *ctx, struct migrate_host *h, const char *token,
		     const char *command, unsigned int times)
{
	struct handover_link link = { .patience = MIGRATE_PATIENCE_MS };
	struct peer p;
	int ret = -EAGAIN;

	for (unsigned int i = 0; ret == -EAGAIN && i < times; i++) {
		if (i)
			hvctl_nap(RETRY_MS);
		if (hvctl_cancelled(ctx))
			break;
		if (!peer_open(&p, ctx, command, MIGRATE_SETTLE, token)) {
			link.in = p.in;
			link.out = p.out;
			link.have = 0;
			ret = handover_take_up(&h->host, token, &link);
		}
		peer_close(&p);
	}
	return ret;
}

static int hand_over(struct leaving *l)
{
	struct handover_link link = { .in = l->peer.in,
				      .out = l->peer.out,
				      .patience = MIGRATE_PATIENCE_MS };
	struct pollfd fd = { .fd = l->peer.in, .events = POLLIN };
	int ret;

	hvctl_step(l->ctx, "waiting until the other host has checked it", 90);
	l->ctx->error[0] = 0;
	/* It may say why it does not: tokens are hexadecimal. */
	if (poll(&fd, 1, MIGRATE_PATIENCE_MS) > 0 && read(link.in, link.line, 1) == 1) {
		link.have = 1;
		if (link.line[0] == MIGRATE_REFUSED[0]) {
			char line[512];

			if (!migrate_read_line(link.in, line, sizeof(line), 1000))
				hvctl_fail(l->ctx, ECONNABORTED,
					   "the other host does not take it:%s",
					   line + sizeof(MIGRATE_REFUSED) - 3);
			link.in = -1;
		}
	}
	ret = handover_converse(&l->host.host, l->m->token, &link);
	/* The link broke, or had noise on it: a few times over another one. */
	if (ret == -EAGAIN || ret == -EPROTO) {
		char why[sizeof(l->ctx->error)];

		memcpy(why, l->ctx->error, sizeof(why));
		peer_close(&l->peer);
		ret = ask_again(l->ctx, &l->host, l->m->token, l->m->command, 10);
		memcpy(l->ctx->error, why, sizeof(why));
	}
	return settled(l, ret);
}

static int begin(struct leaving *l, const struct xen_domctl_getdomaininfo *info)
{
	struct handover_record r;
	int error = handover_token(l->m->token);

	if (!error)
		error = handover_record_open(&r, l->host.host.dir, l->m->token);
	if (error)
		return hvctl_fail(l->ctx, -error, "cannot make a record: %s", strerror(-error));
	r.domid = info->domain;
	memcpy(r.uuid, info->handle, sizeof(r.uuid));
	snprintf(r.name, sizeof(r.name), "%s", l->config->name);
	snprintf(r.peer, sizeof(r.peer), "%s", l->m->command);
	error = handover_begin(&r, HANDOVER_SENDING);
	handover_record_close(&r);
	return error ? hvctl_fail(l->ctx, -error, "cannot write a record in /run/hvctl: %s",
				  strerror(-error))
		     : 0;
}

static void tell(struct leaving *l, int lock, bool under_way)
{
	if (l->ctx->migrating)
		l->ctx->migrating(l->ctx->migrating_data, l->m->token, true, lock, under_way);
}

static int migrate_with_record(struct leaving *l, const char *settings)
{
	char why[sizeof(l->ctx->error)];
	int error = peer_open(&l->peer, l->ctx, l->m->command,
			      l->m->force_cpu ? MIGRATE_FORCE : MIGRATE_TAKE, l->m->token);

	if (!error) {
		l->live.check = peer_check;
		l->live.data = &l->peer;
		l->live.bandwidth = l->m->bandwidth;
		error = why_broken(&l->peer, send_it(l, settings, l->m->compress ? 2 : 0));
	}
	l->m->pages = l->live.sent;
	l->m->spared = l->live.spared;
	if (l->complete)
		return hand_over(l);
	memcpy(why, l->ctx->error, sizeof(why));
	live_end(&l->live);
	if (keep(l)) {
		char more[sizeof(why)];

		memcpy(more, l->ctx->error, sizeof(more));
		return hvctl_fail(l->ctx, -error, "%.200s; and the guest does not go on: %.200s",
				  why, more);
	}
	l->m->settled = true;
	memcpy(l->ctx->error, why, sizeof(why));
	return error;
}

/* A guest is sent once at a time, and one that was given away not at all. */
static int check_before(struct leaving *l, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	struct handover_record r;
	int ret = migrate_holds(l->ctx, MIGRATE_LEAVING, domid, &r);

	if (ret < 0)
		return ret;
	if (ret)
		return hvctl_fail(l->ctx, EBUSY,
				  "domain %u has an earlier migration that is not settled; hvctl "
				  "migrate --resolve %s, and with --here if that host is lost",
				  domid, r.token);
	ret = domain_need(l->ctx, domid, info);
	if (!ret && info->flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
		ret = hvctl_fail(l->ctx, ECANCELED,
				 "domain %u has stopped and cannot be migrated", domid);
	return ret;
}

static int migrate(struct leaving *l, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	char *settings = NULL;
	int lock, error = domain_not_dom0(l->ctx, domid, "migrate");

	if (!error)
		error = domain_need(l->ctx, domid, &info);
	if (!error && !hvctl_xs(l->ctx))
		error = -ECONNREFUSED;
	if (!error)
		error = migrate_host_open(l->ctx, MIGRATE_LEAVING, &l->host);
	if (error)
		return error;
	lock = hvctl_lock_saving(l->ctx, domid);
	if (lock < 0)
		return lock;
	error = check_before(l, domid, &info);
	if (!error)
		error = save_settings(l->ctx, domid, &l->config);
	if (!error) {
		settings = settings_text(l->config);
		error = settings ? pages_room(l->ctx, domid, l->m->compress ? 2 : 0)
				 : hvctl_no_memory(l->ctx);
	}
	l->host.config = l->config;
	l->host.before_gone = keep_content;
	l->host.data = l;
	if (!error)
		error = begin(l, &info);
	if (!error) {
		tell(l, lock, true);
		overlays_settled(info.handle);
		error = migrate_with_record(l, settings);
		tell(l, lock, false);
	}
	close(lock);
	free(settings);
	return error;
}

int hvctl_migrate(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_migration *m)
{
	struct leaving l = { .ctx = ctx,
			     .m = m,
			     .s = { .ctx = ctx, .domid = domid },
			     .peer = { .ctx = ctx, .in = -1, .out = -1 },
			     .host.host.dir = -1 };
	int error;

	m->settled = true;
	m->token[0] = 0;
	l.began_ms = monotonic_ms();
	error = migrate(&l, domid);
	m->ms = monotonic_ms() - l.began_ms;
	if (l.host.left_ms && l.stopped_ms)
		m->still_ms = l.host.left_ms - l.stopped_ms;
	m->again = l.host.again ? l.host.runs : 0;
	m->config = m->again ? l.config : NULL;
	live_end(&l.live);
	peer_close(&l.peer);
	stream_out_free(l.s.out);
	guest_close(&l.s.g);
	known_end(&l.known);
	if (!m->config)
		hvctl_config_free(l.config);
	migrate_host_close(&l.host);
	ctx->cancelled = 0;
	if (!error)
		hvctl_step(ctx, "migrated", 100);
	return error;
}

/* ---- what was broken off ---- */

/*
 * Nobody else does anything with the guest that leaves, and what a dead process left undecided is
 * decided. The lock, -1 where none is needed, -errno as settle_side().
 */
static int settle_begin(struct migrate_host *h, enum migrate_side side, const char *token,
			int *lock)
{
	uint64_t end = monotonic_ms() + SETTLE_WAIT_MS;
	struct handover_record r;
	int error = handover_record_peek(&r, h->host.dir, token);

	if (error || side == MIGRATE_COMING || r.state == HANDOVER_NONE)
		return 0;
	while ((*lock = hvctl_lock_saving(h->ctx, r.domid)) == -EBUSY &&
	       r.state != HANDOVER_SENDING && monotonic_ms() < end && !h->ctx->cancelled)
		hvctl_nap(100);
	if (*lock < 0)
		return *lock == -EBUSY && r.state == HANDOVER_SENDING ? -ENOTUNIQ : *lock;
	h->ctx->error[0] = 0;
	error = r.state == HANDOVER_SENDING ? handover_take_up(&h->host, token, NULL) : 0;
	return error == -EAGAIN ? 0 : error;
}

static int settle_failed(struct hvctl_ctx *ctx, const char *token, int error)
{
	if (error == -ENOTUNIQ)
		return hvctl_fail(ctx, ENOTUNIQ,
				  "the migration %s cannot be settled like that: it contradicts "
				  "what this host knows (it is still under way, or the guest runs)",
				  token);
	if (error == -EAGAIN)
		return hvctl_fail(ctx, EAGAIN,
				  "the other host does not answer; try again, or say where the "
				  "guest is to run: --here or --there");
	if (error && !ctx->error[0])
		return hvctl_fail(ctx, -error, "the migration %s cannot be settled: %s", token,
				  strerror(-error));
	return error;
}

static int settle_locked(struct migrate_host *h, const char *token, enum hvctl_settle how)
{
	struct hvctl_ctx *ctx = h->ctx;
	struct handover_record r;
	struct handover_step step;
	char *command;
	int error = handover_record_open(&r, h->host.dir, token);

	if (error)
		return hvctl_fail(ctx, -error, "the record of '%.40s': %s", token,
				  strerror(-error));
	if (r.state == HANDOVER_NONE) {
		handover_record_close(&r);
		return hvctl_fail(ctx, ESRCH, "no migration of the token '%.40s' waits here",
				  token);
	}
	command = strdup(r.peer);
	if (how != HVCTL_SETTLE_ASK) {
		step = handover_decide(handover_seen(&h->host, &r),
				       how == HVCTL_SETTLE_HERE);
		error = step.conflict ? -ENOTUNIQ : handover_perform(&h->host, &r, &step, NULL);
	}
	handover_record_close(&r);
	if (how == HVCTL_SETTLE_ASK && command && *command)
		error = ask_again(ctx, h, token, command, 10);
	else if (how == HVCTL_SETTLE_ASK)
		error = -EAGAIN;
	free(command);
	return settle_failed(ctx, token, error);
}

/* On one side: -ESRCH if it has no record. */
static int settle_side(struct hvctl_ctx *ctx, enum migrate_side side, const char *token,
		       enum hvctl_settle how, struct migrate_host *h)
{
	int lock = -1, error = migrate_host_open(ctx, side, h);

	if (error)
		return error;
	h->fresh = true;
	error = settle_begin(h, side, token, &lock);
	error = error ? settle_failed(ctx, token, error) : settle_locked(h, token, how);
	if (lock >= 0)
		close(lock);
	return error;
}

int hvctl_migrate_settle(struct hvctl_ctx *ctx, const char *token, enum hvctl_settle how,
			 struct hvctl_config **config, uint32_t *domid)
{
	static const enum hvctl_settle opposite[] = {
		[HVCTL_SETTLE_ASK] = HVCTL_SETTLE_ASK,
		[HVCTL_SETTLE_HERE] = HVCTL_SETTLE_THERE,
		[HVCTL_SETTLE_THERE] = HVCTL_SETTLE_HERE,
	};
	struct migrate_host left, coming = { .host.dir = -1 }, *ran = NULL;
	int error;

	ctx->error[0] = 0;
	*config = NULL;
	if (!handover_token_valid(token))
		return hvctl_fail(ctx, EINVAL, "'%.40s' is no token of a migration", token);
	error = settle_side(ctx, MIGRATE_LEAVING, token, how, &left);
	if (left.runs)
		ran = &left;
	/* A guest that moves within its host has left the one side and comes to the other. */
	if (error == -ESRCH || (!error && how != HVCTL_SETTLE_ASK)) {
		int there = settle_side(ctx, MIGRATE_COMING, token,
					error == -ESRCH ? how : opposite[how], &coming);

		error = there == -ESRCH && !error ? 0 : there;
		if (coming.runs)
			ran = &coming;
	}
	if (ran) {
		*domid = ran->runs;
		*config = ran->config;
		ran->config = NULL;
	}
	if (left.config)
		hvctl_config_free(left.config);
	if (coming.config)
		hvctl_config_free(coming.config);
	migrate_host_close(&left);
	migrate_host_close(&coming);
	ctx->cancelled = 0;
	return error;
}

/* What was decided is said to the other host; its command, "" if there is nothing to be said. */
static void still_waits(struct migrate_host *h, const char *token, char command[HANDOVER_PEER_MAX])
{
	struct handover_record r;

	*command = 0;
	if (handover_record_open(&r, h->host.dir, token))
		return;
	if (r.state == HANDOVER_HERE || r.state == HANDOVER_THERE)
		snprintf(command, HANDOVER_PEER_MAX, "%s", r.peer);
	handover_record_close(&r);
}

int hvctl_migrate_undo(struct hvctl_ctx *ctx, const char *token, bool leaving, pid_t dead,
		       struct hvctl_config **config, uint32_t *domid)
{
	char command[HANDOVER_PEER_MAX] = "";
	struct migrate_host h;
	int error = migrate_host_open(ctx, leaving ? MIGRATE_LEAVING : MIGRATE_COMING, &h);

	*config = NULL;
	if (error)
		return error;
	h.fresh = true;
	h.dead = dead;
	error = handover_take_up(&h.host, token, NULL);
	if (error == -EAGAIN && leaving)
		still_waits(&h, token, command);
	if (*command) {
		/* A link that breaks is an error, not the end. */
		signal(SIGPIPE, SIG_IGN);
		error = ask_again(ctx, &h, token, command, 2);
	}
	if (h.runs) {
		*domid = h.runs;
		*config = h.config;
	} else {
		hvctl_config_free(h.config);
	}
	migrate_host_close(&h);
	return error == -EAGAIN ? 0 : error;
}
