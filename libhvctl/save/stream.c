// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

#include "clock.h"
#include "internal.h"
#include "save/pipe.h"

#define BUFFER	   (256u << 10)
#define WINDOW_LOG 23 /* of a frame: what a reader has to have, 8 MiB */
/* Bytes that a thread compresses at a time. By itself the library takes four windows for each. */
#define JOB (1u << 20)
/* The unit that the kernel gives memory in. */
#define KEPT_PAGE 4096u

/* ---- writing ---- */

struct stream_out {
	struct hvctl_ctx *ctx;
	int fd;
	bool pipe; /* whose reader may take its time, or go */
	const char *name;
	ZSTD_CCtx *zstd; /* NULL: as they are */
	XXH3_state_t *all;
	size_t used;
	char buffer[BUFFER];
};

static int cannot_write(struct stream_out *o, int error)
{
	if (error == EPIPE && o->pipe)
		return hvctl_fail(o->ctx, EPIPE, "whoever reads %s went away before its end",
				  o->name);
	return hvctl_fail(o->ctx, error, "cannot write %s: %s", o->name, strerror(error));
}

static int put_fd(struct stream_out *o, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		int failed = o->pipe ? pipe_await_room(o->ctx, o->fd) : 0;
		ssize_t n;

		if (failed)
			return failed;
		n = write(o->fd, p, o->pipe && len > PIPE_PIECE ? PIPE_PIECE : len);
		if (n < 0 && errno == EINTR) {
			int error = hvctl_cancelled(o->ctx);

			if (error)
				return error;
			continue;
		}
		if (n <= 0)
			return cannot_write(o, n ? errno : ENOSPC);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * Until the pipe's reader has taken all of it. It comes for more when it has made something of what
 * it took, or goes because it cannot. Nobody takes the end (@last) back: it may be read any moment.
 */
static int await_taken(struct stream_out *o, bool last)
{
	struct pollfd p = { .fd = o->fd };
	int left, error;

	for (unsigned int ms = 1;; ms = ms < 32 ? ms * 2 : ms) {
		if (ioctl(o->fd, FIONREAD, &left) || !left)
			return 0;
		error = last ? 0 : hvctl_cancelled(o->ctx);
		if (error)
			return error;
		if (poll(&p, 1, 0) > 0 && p.revents & POLLERR)
			return cannot_write(o, EPIPE);
		hvctl_nap(ms);
	}
}

static int flush(struct stream_out *o)
{
	int error = put_fd(o, o->buffer, o->used);

	o->used = 0;
	return error;
}

/* Through the compression, if any, and the buffer. */
static int put(struct stream_out *o, const void *data, size_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { data, len, 0 };
	int error = 0;
	size_t left;

	if (!o->zstd) {
		const char *p = data;

		while (!error && len) {
			size_t n = BUFFER - o->used < len ? BUFFER - o->used : len;

			memcpy(o->buffer + o->used, p, n);
			o->used += n;
			p += n;
			len -= n;
			if (o->used == BUFFER)
				error = flush(o);
		}
		return error;
	}
	do {
		ZSTD_outBuffer out = { o->buffer, BUFFER, o->used };

		left = ZSTD_compressStream2(o->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return hvctl_fail(o->ctx, ENOMEM, "cannot compress %s: %s", o->name,
					  ZSTD_getErrorName(left));
		o->used = out.pos;
		if (o->used == BUFFER)
			error = flush(o);
	} while (!error && (in.pos < in.size || (end != ZSTD_e_continue && left)));
	return error;
}

uint64_t stream_memory(unsigned int threads)
{
	/* The window, what goes in and out, and each thread's own. */
	return sizeof(struct stream_out) + 2 * sizeof(XXH3_state_t) +
	       (threads ? (2ull << WINDOW_LOG) + (uint64_t)threads * 4 * JOB : 0);
}

static int create(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		  unsigned int flags, struct stream_out **out)
{
	struct stream_header h = { STREAM_MAGIC, STREAM_VERSION,
				   flags | (threads ? STREAM_ZSTD : 0), 0 };
	struct stream_out *o = calloc(1, sizeof(*o));
	struct stat st;
	int error;

	*out = NULL;
	if (!o)
		return hvctl_no_memory(ctx);
	*o = (struct stream_out){ .ctx = ctx, .fd = fd, .name = name };
	/* The ends of a live one talk. */
	o->pipe = !(flags & STREAM_LIVE) && !fstat(fd, &st) && S_ISFIFO(st.st_mode);
	o->all = XXH3_createState();
	if (threads)
		o->zstd = ZSTD_createCCtx();
	if (!o->all || (threads && !o->zstd)) {
		stream_out_free(o);
		return hvctl_no_memory(ctx);
	}
	XXH3_64bits_reset(o->all);
	if (o->zstd) {
		ZSTD_CCtx_setParameter(o->zstd, ZSTD_c_compressionLevel, 1);
		ZSTD_CCtx_setParameter(o->zstd, ZSTD_c_windowLog, WINDOW_LOG);
		/* A library without threads does it alone. */
		if (threads > 1) {
			ZSTD_CCtx_setParameter(o->zstd, ZSTD_c_nbWorkers, (int)threads);
			ZSTD_CCtx_setParameter(o->zstd, ZSTD_c_jobSize, JOB);
		}
	}
	h.hash = XXH3_64bits(&h, offsetof(struct stream_header, hash));
	error = put_fd(o, &h, sizeof(h));
	if (error)
		stream_out_free(o);
	else
		*out = o;
	return error;
}

int stream_create(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		  struct stream_out **out)
{
	return create(ctx, fd, name, threads, 0, out);
}

int stream_create_live(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		       struct stream_out **out)
{
	return create(ctx, fd, name, threads, STREAM_LIVE, out);
}

static uint64_t record_hash(const struct stream_record *r, const struct iovec *part, int parts)
{
	XXH3_state_t state;
	int i;

	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, r, offsetof(struct stream_record, hash));
	for (i = 0; i < parts; i++)
		XXH3_64bits_update(&state, part[i].iov_base, part[i].iov_len);
	return XXH3_64bits_digest(&state);
}

int stream_write(struct stream_out *o, uint32_t type, const struct iovec *part, int parts)
{
	static const char zeros[8];
	struct stream_record r = { .type = type };
	size_t length = 0, pad;
	int error, i;

	for (i = 0; i < parts; i++)
		length += part[i].iov_len;
	if (length > STREAM_MAX)
		return hvctl_fail(o->ctx, E2BIG, "%s would get a record of %zu bytes", o->name,
				  length);
	r.length = (uint32_t)length;
	r.hash = record_hash(&r, part, parts);
	/* Whoever knows the hashes of all records, in their order, knows all records. */
	XXH3_64bits_update(o->all, &r, sizeof(r));
	pad = -length & 7;
	error = put(o, &r, sizeof(r), ZSTD_e_continue);
	for (i = 0; !error && i < parts; i++)
		error = put(o, part[i].iov_base, part[i].iov_len, ZSTD_e_continue);
	if (!error && pad)
		error = put(o, zeros, pad, ZSTD_e_continue);
	return error;
}

int stream_flush(struct stream_out *o)
{
	int error = o->zstd ? put(o, NULL, 0, ZSTD_e_flush) : 0;

	return error ? error : flush(o);
}

int stream_drain(struct stream_out *o)
{
	int error = o->pipe ? stream_flush(o) : 0;

	return !error && o->pipe ? await_taken(o, false) : error;
}

int stream_finish(struct stream_out *o)
{
	uint64_t all = XXH3_64bits_digest(o->all);
	struct iovec part = { &all, sizeof(all) };
	/* Who has the end has made something of all before it: it came for more. */
	int error = stream_drain(o);

	if (!error)
		error = stream_write(o, RECORD_END, &part, 1);
	if (!error && o->zstd)
		error = put(o, NULL, 0, ZSTD_e_end);
	if (!error)
		error = flush(o);
	return !error && o->pipe ? await_taken(o, true) : error;
}

void stream_out_free(struct stream_out *o)
{
	if (!o)
		return;
	ZSTD_freeCCtx(o->zstd);
	XXH3_freeState(o->all);
	free(o);
}

/* ---- reading ---- */

/* A record in memory of its own. */
struct kept {
	uint32_t type;
	void *body;
	size_t length;
};

struct stream_in {
	struct hvctl_ctx *ctx;
	int fd;
	const char *name;
	ZSTD_DCtx *zstd;
	XXH3_state_t *all;
	uint64_t records;
	bool frame_ended, file_ended, live;
	int (*watch)(void *data);
	void *watch_data;
	size_t from, to; /* of what is in buffer */
	uint8_t *body;
	size_t room;
	struct kept *kept;	/* all records, if they are kept */
	size_t nr_kept, next;	/* the one that is read next */
	uint64_t kept_bytes;	/* that they take */
	char buffer[BUFFER];
};

long read_whole(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

long read_whole_or_cancel(struct hvctl_ctx *ctx, int fd, void *buf, size_t len)
{
	size_t done = 0;
	long n = 1;

	while (n > 0 && done < len) {
		if (stream_await(ctx, fd, "it", -1))
			return -EINTR;
		n = read(fd, (char *)buf + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 ? -errno : (long)done;
}

/* A writer that lives says so, but its host may have much else to do. */
int stream_live_patience = 12 * STREAM_PULSE_MS;

static int await(struct hvctl_ctx *ctx, int fd, const char *name, int ms,
		 int (*watch)(void *data), void *data)
{
	uint64_t end = ms < 0 ? UINT64_MAX : monotonic_ms() + (uint64_t)ms;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int error, n;

	do {
		uint64_t now = monotonic_ms();

		error = hvctl_cancelled(ctx);
		if (error)
			return error;
		n = poll(&p, 1, now >= end ? 0
				: end - now < PIPE_LOOK_MS ? (int)(end - now) : PIPE_LOOK_MS);
		if (n <= 0 && watch)
			error = watch(data);
		if (error)
			return error;
	} while (n <= 0 && monotonic_ms() < end);
	if (n <= 0)
		error = hvctl_fail(ctx, ETIMEDOUT, "nothing has come of %s for %d s", name,
				   ms / 1000);
	return error;
}

int stream_await(struct hvctl_ctx *ctx, int fd, const char *name, int ms)
{
	return await(ctx, fd, name, ms, NULL, NULL);
}

void stream_watch(struct stream_in *s, int (*watch)(void *data), void *data)
{
	s->watch = watch;
	s->watch_data = data;
}

/* More into the empty buffer; none at the end of the file. */
static int fill(struct stream_in *s)
{
	ssize_t n;
	int error = await(s->ctx, s->fd, s->name, s->live ? stream_live_patience : -1,
			  s->live ? s->watch : NULL, s->watch_data);

	if (error)
		return error;
	do
		n = read(s->fd, s->buffer, BUFFER);
	while (n < 0 && errno == EINTR && !hvctl_cancelled(s->ctx));
	if (n < 0 && errno == EINTR)
		return hvctl_cancelled(s->ctx);
	if (n < 0)
		return hvctl_fail(s->ctx, errno, "cannot read %s: %s", s->name, strerror(errno));
	s->from = 0;
	s->to = (size_t)n;
	s->file_ended = !n;
	return 0;
}

/* What can be had of what has come, without waiting for more. */
static int unpack(struct stream_in *s, ZSTD_outBuffer *out)
{
	ZSTD_inBuffer in = { s->buffer, s->to, s->from };
	size_t left = ZSTD_decompressStream(s->zstd, out, &in);

	if (ZSTD_isError(left))
		return hvctl_fail(s->ctx, EINVAL, "%s is damaged (%s); take another copy", s->name,
				  ZSTD_getErrorName(left));
	s->from = in.pos;
	s->frame_ended = !left;
	return 0;
}

/* @len bytes; *got is less at the end only. */
static int get_some(struct stream_in *s, void *to, size_t len, size_t *got)
{
	ZSTD_outBuffer out = { to, len, 0 };
	int error = 0;

	while (!error && out.pos < len && !s->frame_ended) {
		size_t from = s->from, had = out.pos;

		if (s->zstd) {
			/* It may have taken in all that came, and given out only a part of that. */
			error = unpack(s, &out);
		} else {
			size_t n =
				len - out.pos < s->to - s->from ? len - out.pos : s->to - s->from;

			memcpy((char *)to + out.pos, s->buffer + s->from, n);
			out.pos += n;
			s->from += n;
		}
		if (error || s->from != from || out.pos != had || s->frame_ended)
			continue;
		error = fill(s);
		if (s->file_ended)
			break;
	}
	*got = out.pos;
	return error;
}

static int get(struct stream_in *s, void *to, size_t len)
{
	size_t got;
	int error = get_some(s, to, len, &got);

	if (!error && got < len)
		error = hvctl_fail(s->ctx, EINVAL,
				   "%s ends in the middle, after %llu records; take another copy",
				   s->name, (unsigned long long)s->records);
	return error;
}

int stream_open(struct hvctl_ctx *ctx, int fd, const char *name, const void *have, size_t len,
		struct stream_in **in)
{
	struct stream_in *s = calloc(1, sizeof(*s));
	struct stream_header h = { .version = 0 };
	int error;

	*in = NULL;
	if (!s || len > BUFFER) {
		free(s);
		return hvctl_no_memory(ctx);
	}
	*s = (struct stream_in){ .ctx = ctx, .fd = fd, .name = name, .to = len };
	memcpy(s->buffer, have, len);
	s->all = XXH3_createState();
	error = s->all ? get(s, &h, sizeof(h)) : hvctl_no_memory(ctx);
	if (error)
		goto fail;
	XXH3_64bits_reset(s->all);
	error = -EINVAL;
	if (memcmp(h.magic, STREAM_MAGIC, sizeof(h.magic)))
		hvctl_fail(ctx, EINVAL, "%s is no image of a saved guest", name);
	else if (h.hash != XXH3_64bits(&h, offsetof(struct stream_header, hash)))
		hvctl_fail(ctx, EINVAL, "%s is damaged in its first bytes; take another copy",
			   name);
	else if (h.version != STREAM_VERSION || (h.flags & ~(STREAM_ZSTD | STREAM_LIVE)))
		hvctl_fail(ctx, EINVAL,
			   "%s is an image of version %u.%u, which this hvctl (%u.%u) "
			   "does not read; use the one that wrote it",
			   name, h.version, h.flags, STREAM_VERSION, STREAM_ZSTD);
	else
		error = 0;
	if (!error && (h.flags & STREAM_ZSTD)) {
		s->zstd = ZSTD_createDCtx();
		if (s->zstd)
			ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
		else
			error = hvctl_no_memory(ctx);
	}
	if (!error) {
		s->live = h.flags & STREAM_LIVE;
		*in = s;
		return 0;
	}
fail:
	stream_in_free(s);
	return error;
}

static int damaged(struct stream_in *s)
{
	return hvctl_fail(s->ctx, EINVAL, "%s is damaged in record %llu; take another copy",
			  s->name, (unsigned long long)s->records);
}

/* Grow the body's room as bytes come, not as they are announced. */
static int get_body(struct stream_in *s, size_t length)
{
	size_t have = 0;
	int error = 0;

	while (!error && have < length) {
		size_t n = length - have < BUFFER ? length - have : BUFFER;

		if (s->room < have + n) {
			uint8_t *more = realloc(s->body, have + n);

			if (!more)
				return hvctl_no_memory(s->ctx);
			s->body = more;
			s->room = have + n;
		}
		error = get(s, s->body + have, n);
		have += n;
	}
	return error;
}

static int check_end(struct stream_in *s, size_t length)
{
	uint64_t all;
	struct stat st;
	char more;
	size_t got;
	int error;

	if (length != sizeof(all))
		return damaged(s);
	/* Whoever wrote that into a pipe destroys the guest now: what is undone here is lost. */
	s->ctx->too_late |= !s->live && !fstat(s->fd, &st) && !S_ISREG(st.st_mode);
	memcpy(&all, s->body, sizeof(all));
	if (all != XXH3_64bits_digest(s->all))
		return damaged(s);
	/* Waiting for more would be for ever: the other end waits for our answer. */
	if (s->live && !s->zstd)
		return s->from == s->to ? 0 : damaged(s);
	error = get_some(s, &more, 1, &got);
	if (!error && s->live)
		return !got && s->frame_ended && s->from == s->to ? 0 : damaged(s);
	/* The frame's own end, which may come in a piece of its own, was read by that. */
	if (!error && s->frame_ended && s->from == s->to)
		error = fill(s);
	if (!error && !got && s->file_ended && (!s->zstd || s->frame_ended))
		return 0;
	return error ? error : damaged(s);
}

static int read_record(struct stream_in *s, uint32_t *type, const void **body, size_t *length)
{
	struct stream_record r = { .type = 0 };
	struct iovec part;
	uint8_t pad[8] = { 0 };
	int error = get(s, &r, sizeof(r));

	if (error)
		return error;
	if (r.length > STREAM_MAX)
		return damaged(s);
	error = get_body(s, r.length);
	if (!error && (-r.length & 7))
		error = get(s, pad, -r.length & 7);
	if (error)
		return error;
	part = (struct iovec){ s->body, r.length };
	if (r.hash != record_hash(&r, &part, 1) || memcmp(pad, "\0\0\0\0\0\0\0", 8))
		return damaged(s);
	if (r.type == RECORD_END) {
		error = check_end(s, r.length);
		if (error)
			return error;
	}
	XXH3_64bits_update(s->all, &r, sizeof(r));
	s->records++;
	*type = r.type;
	*body = s->body ? s->body : (const uint8_t *)"";
	*length = r.length;
	return 0;
}

int stream_read(struct stream_in *s, uint32_t *type, const void **body, size_t *length)
{
	const struct kept *k;

	if (!s->kept)
		return read_record(s, type, body, length);
	/* Nobody reads beyond the last, whose type says that it is. */
	k = &s->kept[s->next < s->nr_kept ? s->next++ : s->nr_kept - 1];
	*type = k->type;
	*body = k->body;
	*length = k->length;
	return 0;
}

/* What a record takes that is kept: whole pages, and its place in the list. */
static uint64_t cost_of(size_t length)
{
	return (length + KEPT_PAGE) / KEPT_PAGE * KEPT_PAGE + sizeof(struct kept);
}

/*
 * May there be one more? As many bytes as records have are told by the image, and however short
 * they are each takes a page: they are bounded by what its guest may have, and by what dom0 has, of
 * which as much stays as they take.
 */
static int may_keep(struct stream_in *s, uint64_t cost, uint64_t most)
{
	if (cost > most || s->kept_bytes > most - cost)
		return hvctl_fail(s->ctx, EINVAL, "%s has more in it than its guest may have, and "
				  "is not kept; take another copy", s->name);
	if (!memory_fits((s->kept_bytes + cost) / 2))
		return hvctl_fail(s->ctx, ENOMEM, "dom0 has not enough memory to keep what is in "
				  "%s; give it more (hvctl mem-set 0)", s->name);
	s->kept_bytes += cost;
	return 0;
}

/* What a process forks to mind a guest would keep it for as long as that guest lives. */
static int keep_one(struct stream_in *s, uint32_t type, const void *body, size_t length)
{
	struct kept *more = realloc(s->kept, (s->nr_kept + 1) * sizeof(*more));
	void *p;

	if (!more)
		return hvctl_no_memory(s->ctx);
	s->kept = more;
	p = mmap(NULL, length + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return hvctl_no_memory(s->ctx);
	madvise(p, length + 1, MADV_DONTFORK);
	memcpy(p, body, length);
	more[s->nr_kept++] = (struct kept){ type, p, length };
	return 0;
}

static void drop_kept(struct stream_in *s)
{
	while (s->nr_kept) {
		struct kept *k = &s->kept[--s->nr_kept];

		munmap(k->body, k->length + 1);
	}
	free(s->kept);
	s->kept = NULL;
	s->kept_bytes = 0;
}

int stream_keep(struct stream_in *s, uint64_t most)
{
	uint32_t type = RECORD_END;
	int error;

	do {
		const void *body;
		size_t length;

		error = hvctl_cancelled(s->ctx);
		if (!error)
			error = read_record(s, &type, &body, &length);
		if (!error)
			error = may_keep(s, cost_of(length), most);
		if (!error)
			error = keep_one(s, type, body, length);
	} while (!error && type != RECORD_END);
	if (error)
		drop_kept(s);
	s->next = 0;
	return error;
}

void stream_rewind(struct stream_in *s)
{
	s->next = 0;
}

bool stream_is_live(const struct stream_in *s)
{
	return s->live;
}

void stream_in_free(struct stream_in *s)
{
	if (!s)
		return;
	drop_kept(s);
	ZSTD_freeDCtx(s->zstd);
	XXH3_freeState(s->all);
	free(s->body);
	free(s);
}
