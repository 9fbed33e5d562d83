/* SPDX-License-Identifier: MIT */
/*
 * Request/response rings of the PV devices. One page (or several, in a row) is shared; it
 * starts with a 64-byte header of free-running indices, then come power-of-two many entries,
 * each of which holds a request and later its response.
 *
 * Notification: a side that goes to sleep writes into *_event the index whose arrival should
 * wake it; the producer signals only if its push crossed that index.
 *
 * The peer can change the page at any time. Indices of the peer are loaded once per macro;
 * a backend copies each request out (RING_COPY_REQUEST) before looking at it, and refuses
 * indices that RING_REQUEST_PROD_OVERFLOW reports.
 */
#ifndef PV_ABI_IO_RING_H
#define PV_ABI_IO_RING_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t RING_IDX;

/* Barriers towards a peer on another CPU; a user may bring its own before including this. */
#ifndef xen_mb
#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#ifndef xen_rmb
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif
#ifndef xen_wmb
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#endif

/* One load or store of a shared index, not to be split, repeated or dropped. */
#define PV_RING_LOAD(x)		(*(const volatile RING_IDX *)&(x))
#define PV_RING_STORE(x, v)	(*(volatile RING_IDX *)&(x) = (v))

/* Largest power of two in n; n must not be 0. */
#define PV_RING_ROUND_DOWN(n)	(1u << (31 - __builtin_clz((uint32_t)(n))))

/* Entries that fit into sz bytes, from the type's name or from a pointer to the shared ring. */
#define __CONST_RING_SIZE(name, sz)							\
	PV_RING_ROUND_DOWN(((sz) - offsetof(struct name##_sring, ring)) /		\
			   sizeof(union name##_sring_entry))
#define __RING_SIZE(s, sz)								\
	PV_RING_ROUND_DOWN(((sz) - offsetof(__typeof__(*(s)), ring)) / sizeof((s)->ring[0]))

/*
 * Defines for a device "name": union name_sring_entry, struct name_sring (the shared page),
 * and each side's private struct name_front_ring and struct name_back_ring.
 */
#define DEFINE_RING_TYPES(name, req_t, rsp_t)						\
union name##_sring_entry {								\
	req_t req;									\
	rsp_t rsp;									\
};											\
struct name##_sring {									\
	RING_IDX req_prod;	/* requests the frontend has published */		\
	RING_IDX req_event;	/* signal the backend at this request */		\
	RING_IDX rsp_prod;	/* responses the backend has published */		\
	RING_IDX rsp_event;	/* signal the frontend at this response */		\
	union {										\
		struct { uint8_t smartpoll_active; } netif;				\
		struct { uint8_t msg; } tapif_user;					\
		uint8_t pvt_pad[4];							\
	} pvt;										\
	uint8_t __pad[44];								\
	union name##_sring_entry ring[1];	/* nr_ents of them */			\
};											\
struct name##_front_ring {								\
	RING_IDX req_prod_pvt;	/* requests filled in, published or not */		\
	RING_IDX rsp_cons;	/* responses taken */					\
	uint32_t nr_ents;								\
	struct name##_sring *sring;							\
};											\
struct name##_back_ring {								\
	RING_IDX rsp_prod_pvt;	/* responses filled in, published or not */		\
	RING_IDX req_cons;	/* requests taken */					\
	uint32_t nr_ents;								\
	struct name##_sring *sring;							\
};											\
typedef struct name##_sring name##_sring_t;						\
typedef struct name##_front_ring name##_front_ring_t;					\
typedef struct name##_back_ring name##_back_ring_t

/* Empties a shared page. Both sides then ask to be told about the first entry. */
#define SHARED_RING_INIT(s) do {							\
	__builtin_memset((s), 0, offsetof(__typeof__(*(s)), ring));			\
	(s)->req_event = 1;								\
	(s)->rsp_event = 1;								\
} while (0)

/* Takes up a shared page at index idx (0 for a fresh one); sz is its size in bytes. */
#define FRONT_RING_ATTACH(r, s, idx, sz) do {						\
	(r)->sring = (s);								\
	(r)->nr_ents = __RING_SIZE(s, sz);						\
	(r)->rsp_cons = (idx);								\
	(r)->req_prod_pvt = (idx);							\
} while (0)

#define BACK_RING_ATTACH(r, s, idx, sz) do {						\
	(r)->sring = (s);								\
	(r)->nr_ents = __RING_SIZE(s, sz);						\
	(r)->req_cons = (idx);								\
	(r)->rsp_prod_pvt = (idx);							\
} while (0)

#define FRONT_RING_INIT(r, s, sz)	FRONT_RING_ATTACH(r, s, 0, sz)
#define BACK_RING_INIT(r, s, sz)	BACK_RING_ATTACH(r, s, 0, sz)

#define XEN_FRONT_RING_INIT(r, s, sz) do {						\
	SHARED_RING_INIT(s);								\
	FRONT_RING_INIT(r, s, sz);							\
} while (0)

#define RING_SIZE(r)		((r)->nr_ents)

/* Frontend: entries that are neither waiting for the backend nor for us. */
#define RING_FREE_REQUESTS(r)	(RING_SIZE(r) - ((r)->req_prod_pvt - (r)->rsp_cons))
#define RING_FULL(r)		(RING_FREE_REQUESTS(r) == 0)

/* Frontend: responses to take. May exceed the ring if the backend lies. */
#define XEN_RING_NR_UNCONSUMED_RESPONSES(r)						\
	((RING_IDX)(PV_RING_LOAD((r)->sring->rsp_prod) - (r)->rsp_cons))

/* Backend: requests to take, never more than could honestly be there. */
#define XEN_RING_NR_UNCONSUMED_REQUESTS(r) ({						\
	RING_IDX pv_published_ = PV_RING_LOAD((r)->sring->req_prod) - (r)->req_cons;	\
	RING_IDX pv_room_ = RING_SIZE(r) - ((r)->req_cons - (r)->rsp_prod_pvt);		\
	pv_published_ < pv_room_ ? pv_published_ : pv_room_;				\
})

#define RING_HAS_UNCONSUMED_RESPONSES(r)	(XEN_RING_NR_UNCONSUMED_RESPONSES(r) != 0)
#define RING_HAS_UNCONSUMED_REQUESTS(r)		(XEN_RING_NR_UNCONSUMED_REQUESTS(r) != 0)

/* The entry itself, in shared memory. */
#define RING_GET_REQUEST(r, idx)	(&(r)->sring->ring[(idx) & (RING_SIZE(r) - 1)].req)
#define RING_GET_RESPONSE(r, idx)	(&(r)->sring->ring[(idx) & (RING_SIZE(r) - 1)].rsp)

/* A private copy that no longer changes under the reader. */
#define RING_COPY_REQUEST(r, idx, dest) do {						\
	*(dest) = *(volatile __typeof__(dest))RING_GET_REQUEST(r, idx);			\
} while (0)
#define RING_COPY_RESPONSE(r, idx, dest) do {						\
	*(dest) = *(volatile __typeof__(dest))RING_GET_RESPONSE(r, idx);		\
} while (0)

/* Backend: taking request idx would overtake the responses still owed. */
#define RING_REQUEST_CONS_OVERFLOW(r, idx)						\
	((RING_IDX)((idx) - (r)->rsp_prod_pvt) >= RING_SIZE(r))
/* Backend: the frontend's producer index is impossible; stop using the ring. */
#define RING_REQUEST_PROD_OVERFLOW(r, prod)						\
	((RING_IDX)((prod) - (r)->rsp_prod_pvt) > RING_SIZE(r))
/* Frontend: likewise for the backend's. */
#define RING_RESPONSE_PROD_OVERFLOW(r, prod)						\
	((RING_IDX)((prod) - (r)->rsp_cons) > RING_SIZE(r))

/* Makes everything filled in visible to the peer. */
#define RING_PUSH_REQUESTS(r) do {							\
	xen_wmb();									\
	PV_RING_STORE((r)->sring->req_prod, (r)->req_prod_pvt);				\
} while (0)
#define RING_PUSH_RESPONSES(r) do {							\
	xen_wmb();									\
	PV_RING_STORE((r)->sring->rsp_prod, (r)->rsp_prod_pvt);				\
} while (0)

/* Whether event lies in (from, to], indices wrapping around. */
#define PV_RING_CROSSED(from, to, event)						\
	((RING_IDX)((to) - (event)) < (RING_IDX)((to) - (from)))

/*
 * The same, and says whether the peer sleeps and must be signalled. The full barrier orders
 * our index before our look at the peer's event index; FINAL_CHECK has the mirror image.
 */
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(r, notify) do {				\
	RING_IDX pv_from_ = (r)->sring->req_prod;					\
	RING_PUSH_REQUESTS(r);								\
	xen_mb();									\
	(notify) = PV_RING_CROSSED(pv_from_, (r)->req_prod_pvt,				\
				   PV_RING_LOAD((r)->sring->req_event));		\
} while (0)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(r, notify) do {				\
	RING_IDX pv_from_ = (r)->sring->rsp_prod;					\
	RING_PUSH_RESPONSES(r);								\
	xen_mb();									\
	(notify) = PV_RING_CROSSED(pv_from_, (r)->rsp_prod_pvt,				\
				   PV_RING_LOAD((r)->sring->rsp_event));		\
} while (0)

/* Before sleeping: asks for a signal at the next entry, and looks once more. */
#define RING_FINAL_CHECK_FOR_REQUESTS(r, work) do {					\
	(work) = RING_HAS_UNCONSUMED_REQUESTS(r);					\
	if (!(work)) {									\
		PV_RING_STORE((r)->sring->req_event, (r)->req_cons + 1);		\
		xen_mb();								\
		(work) = RING_HAS_UNCONSUMED_REQUESTS(r);				\
	}										\
} while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(r, work) do {					\
	(work) = RING_HAS_UNCONSUMED_RESPONSES(r);					\
	if (!(work)) {									\
		PV_RING_STORE((r)->sring->rsp_event, (r)->rsp_cons + 1);		\
		xen_mb();								\
		(work) = RING_HAS_UNCONSUMED_RESPONSES(r);				\
	}										\
} while (0)

#endif /* PV_ABI_IO_RING_H */
