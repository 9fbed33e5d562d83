/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saved guests as a stream of records (docs/save-format.md): a header, then records, as they are or
 * in one zstd frame, each with its XXH3 and the last with that of all before it. Nothing seeks, so
 * a pipe will do. Numbers are little-endian. What is read is not trusted: lengths are bounded
 * before anything is allocated, and no record is handed out before its hash was right.
 *
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_STREAM_H
#define HVCTL_SAVE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct hvctl_ctx;

#define STREAM_MAGIC   "Annulus image\r\n" /* with its zero: 16 bytes */
#define STREAM_VERSION 1u
#define STREAM_ZSTD    1u	  /* stream_header.flags: the records are in a frame */
#define STREAM_LIVE    2u	  /* the guest ran meanwhile: pages come again, words may follow */
#define STREAM_MAX     (8u << 20) /* bytes of a record's body */

struct stream_header {
	char magic[16];
	uint32_t version;
	uint32_t flags;
	uint64_t hash; /* XXH3 of what stands before it */
};

struct stream_record {
	uint32_t type;
	uint32_t length; /* of the body, which is padded with zeros to 8 bytes */
	uint64_t hash;	 /* XXH3 of type, length and body */
};

enum {
	RECORD_END = 0,		/* u64: XXH3 of all records before it */
	RECORD_CONFIG = 1,	/* JSON */
	RECORD_GUEST = 2,	/* struct record_guest */
	RECORD_CPU_LEAVES = 3,	/* struct xen_cpuid_leaf[] */
	RECORD_CPU_MSRS = 4,	/* struct xen_msr_entry[] */
	RECORD_P2M = 5,		/* u64 pfn[]: the frames that hold the guest's list of frames */
	RECORD_PAGES = 6,	/* struct record_pages */
	RECORD_SHARED = 7,	/* the shared info page */
	RECORD_VCPU = 8,	/* struct record_vcpu and its context, which has pfns for mfns */
	RECORD_VCPU_EXT = 9,	/* the same and struct xen_domctl_ext_vcpucontext */
	RECORD_VCPU_XSAVE = 10, /* the same and getvcpuextstate's buffer */
	RECORD_VCPU_MSRS = 11,	/* the same and struct xen_domctl_vcpu_msr[] */
	RECORD_GONE = 12,	/* live: u64 pfn[]: pages that came and that it has no more */
	RECORD_STOPPED = 13,	/* live: struct record_stopped */
	/*
	 * Behind RECORD_GUEST, if programs are told more than RECORD_CPU_LEAVES has: those leaves,
	 * struct xen_cpuid_leaf[]
	 */
	RECORD_CPU_SEEN = 14,
};

/* The guest stands still: what comes now is the last of its page. */
struct record_stopped {
	uint64_t nr_pages; /* that it has */
	uint64_t elapsed_ns; /* since it was created */
};

struct record_guest {
	uint32_t width; /* bytes of the guest's words: 8 or 4 */
	uint32_t nr_vcpus;
	uint64_t nr_pfns;  /* entries of its list of frames */
	uint64_t nr_pages; /* frames it has */
	uint32_t tsc_khz;
	uint32_t tsc_mode;
	uint64_t elapsed_ns; /* since it was created */
};

/* Up to PAGES_MAX descriptions, then the contents of those that have any, a page each. */
#define PAGES_MAX 1024u
struct record_pages {
	uint32_t count;
	uint32_t zero;
	uint64_t page[];
};
/* A page: its pfn, what its content is, and what it is used for. */
#define PAGE_PFN_BITS	40
#define PAGE_PFN	((1ull << PAGE_PFN_BITS) - 1)
#define PAGE_CONTENT(e) ((unsigned int)((e) >> 40) & 3u)
#define PAGE_TYPE(e)	((unsigned int)((e) >> 44) & 7u) /* 0, or the level of a table */
#define PAGE_PINNED	(1ull << 47)
enum {
	CONTENT_DATA, /* follows */
	CONTENT_ZERO,
	CONTENT_SAME, /* the next description is no page but the pfn that has the same */
	/* live: the next two are no pages but the digest of one that the reader said it has */
	CONTENT_KNOWN,
};
#define PAGE_ENTRY(pfn, content, type) \
	((uint64_t)(pfn) | (uint64_t)(content) << 40 | (uint64_t)(type) << 44)

struct record_vcpu {
	uint32_t vcpu;
	uint32_t zero;
};

/* ---- writing ---- */

struct stream_out;

/*
 * Begin on @fd, which stays the caller's. @threads: of the compression; 0: none. @name: for
 * messages.
 */
int stream_create(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		  struct stream_out **out);
/* The same for a guest that runs meanwhile. */
int stream_create_live(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		       struct stream_out **out);
/* Bytes that a stream with so many threads takes at most while it is written. */
uint64_t stream_memory(unsigned int threads);
/* @part is read twice, for the hash and to be written: nobody else may write to it meanwhile. */
int stream_write(struct stream_out *out, uint32_t type, const struct iovec *part, int parts);
/* What is in buffers goes out: somebody waits for it. */
int stream_flush(struct stream_out *out);
/* All that was written has been taken out, of a pipe; the last record may follow. */
int stream_drain(struct stream_out *out);
/*
 * The last record, and all that is still in buffers. Into a pipe it goes when all before it has
 * been taken out, and is waited for: -EPIPE if the reader goes first, which has not believed in the
 * image then. Who has read it does not hear hvctl_cancel() any more, until hvctl_restore() is
 * through. What stands between (cat, ssh) takes everything.
 */
int stream_finish(struct stream_out *out);
/* Free it. NULL is fine. */
void stream_out_free(struct stream_out *out);

/* ---- reading ---- */

struct stream_in;

/*
 * Begin on @fd. @have: the first bytes of the stream, which somebody has read already. -EINVAL: it
 * is no image, or of another version.
 */
int stream_open(struct hvctl_ctx *ctx, int fd, const char *name, const void *have, size_t len,
		struct stream_in **in);
/*
 * The next record; its body, of *length bytes, is the stream's until the next call. -EINVAL:
 * damaged, or the end of the file. A record of type RECORD_END has been checked against all before
 * it, and nothing but the end of the file is allowed to follow; behind a live stream its two ends
 * go on talking, and nothing of that has been read.
 */
int stream_read(struct stream_in *in, uint32_t *type, const void **body, size_t *length);
/*
 * For how long a live stream may be silent (ms): then stream_read() is -ETIMEDOUT. Its writer says
 * something at least every STREAM_PULSE_MS.
 */
extern int stream_live_patience;
#define STREAM_PULSE_MS 10000
/*
 * @watch is called, now and then, while stream_read() waits for more of a live stream, which ends
 * with the error that it answers.
 */
void stream_watch(struct stream_in *in, int (*watch)(void *data), void *data);

/*
 * Until there is something to read from @fd: 0; -ETIMEDOUT after @ms (< 0: never), -EINTR after
 * hvctl_cancel(), with a message that calls it @name.
 */
int stream_await(struct hvctl_ctx *ctx, int fd, const char *name, int ms);
/* Whether it is one of a guest that ran meanwhile. */
bool stream_is_live(const struct stream_in *in);
void stream_in_free(struct stream_in *in);
/*
 * Read all that is left and keep it in memory that no child inherits; the next stream_read() gives
 * the first of these records. What stream_read() says; -EINVAL: it would take more than @most
 * bytes, each record whole pages; -ENOMEM: dom0 has not the memory for it, and what was read is
 * lost.
 */
int stream_keep(struct stream_in *in, uint64_t most);
/* A kept one begins again with the first record that was kept. */
void stream_rewind(struct stream_in *in);

/* Read @len bytes: what came, less at the end of the file only; -errno. */
long read_whole(int fd, void *buf, size_t len);
/* The same; -EINTR after hvctl_cancel(), although nothing comes. */
long read_whole_or_cancel(struct hvctl_ctx *ctx, int fd, void *buf, size_t len);

#endif
