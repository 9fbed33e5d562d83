/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Promela model of the page types (pv/pagetype.c), of general references (memory/frame.c), of the
 * quarantine (memory/heap.c) and of TLB flushes (cpu/tlb.c; the clock is cpu/tlb_clock.pml's).
 * docs/model.md says in words what is modelled and what is left out.
 *
 *   make model                                    all of this
 *   spin -a hypervisor/pv/pagetype.pml && gcc -O1 -DSAFETY -DCOLLAPSE -o pan pan.c
 *   OPS=2 MISTAKE=0 ./pan -m400000 -w25           search; pan -r replays what was found
 *   spin -a -DEDGES ...                           one CPU: print every (state, hypercall) ->
 *                                                 (result, state) edge, which
 *                                                 tests/unit/pagetype_model_test.c compares the
 *                                                 code with
 * OPS hypercalls are issued, in all, by either CPU; MISTAKE is one of the M_ numbers below.
 *
 * A table has one entry, tables have two levels (a root is an L2), three frames belong to one
 * domain. The CPUs are alike, so the TLB of one, CPU 0, is watched for one frame, any one. The
 * hypervisor's steps are as coarse as the code's: one step is one compare-and-exchange or one store.
 */
#ifdef EDGES
#define NF 2
#define STEP atomic
byte preempt_at;	/* preempt_wanted() says yes when it is asked for this time; 0: never */
bit flushed;
int serial;		/* of the hypercall under way: no two have a state in common */
#else
#define NF 3
#define STEP atomic
#endif

/* Types; an entry: 0, or 1 + 2 * frame + writable. */
#define NONE 0
#define L1 1
#define L2 2
#define W 3
#define ENTRY(f, w) (1 + 2 * (f) + (w))
#define TARGET(e) (((e) - 1) / 2)
#define RW(e) ((e) != 0 && ((e) - 1) % 2)

/* Hypercalls. */
#define OP_PIN 1
#define OP_ROOT 2

/*
 * Deliberate mistakes: `./pan` runs without one, MISTAKE=n in its environment makes number n. The
 * search must find every one of them, with the number of hypercalls that stands there.
 */
#define M_NO_FLUSH 1		/* [2 hypercalls] none before a frame becomes a table */
#define M_FLUSH_AFTER 2		/* [2 hypercalls] only after it has */
#define M_NO_FLUSH_TO_WRITABLE 3 /* [3 hypercalls] none before a former table becomes writable */
#define M_NO_STAMP 4		/* [2 hypercalls] the last type reference leaves no stamp */
#define M_STAMP_AFTER_RELEASE 5	/* [2 hypercalls] the frame is not LOCKED while it is stamped */
#define M_DROP_NO_TYPE 6	/* [2 hypercalls] a writable entry goes and its type reference stays */
#define M_TYPE_CONFUSION 7	/* [2 hypercalls] one reference of another type is overlooked */
#define M_CHANGE_OF_PARTIAL 8	/* [3 hypercalls] a half-way table changes its type */
#define M_PUT_BEFORE_STORE 9	/* [2 hypercalls] references are dropped, then the entry is replaced */
#define M_FLUSH_TICKS_LATE 10	/* [3 hypercalls] the flush comes first, then the clock is read */
#define M_FLUSH_STAMPS_EARLY 11	/* [3 hypercalls] the CPU's stamp is set before its flush */
#define M_FLUSH_KEEPS_WALK 12	/* [3 hypercalls] the paging-structure cache survives */
#define M_SWITCH_NOT_FLUSHED 13	/* [3 hypercalls] a CPU leaves dirty_cpus without a flush */
#define M_DIRTY_LATE 14		/* [3 hypercalls] it enters dirty_cpus after it runs the domain */
#define M_NO_FLUSH_BEFORE_REUSE 15 /* [3 hypercalls] the quarantine lets frames out without one */
byte mistake;

/* Results. */
#define OK 0
#define INVAL 1
#define RESTART 2

/* struct frame.type, taken apart, and struct frame.count. */
byte type[NF], cnt[NF];
bit validated[NF], locked[NF], partial[NF], pinned[NF];
bit pn[NF];		/* entries that hold their references, of a partial table */
byte ref[NF];
bit allocated[NF];
byte stamp[NF];
byte entry[NF];

/* Where a frame is: the domain's, in the quarantine, on its way out of it. */
#define DOM 0
#define QUARANTINE 1
#define DRAINING 2
byte place[NF];
byte quarantine_stamp;
bit draining;

/* CPUs: vCPU n runs on CPU n or does not. root: frame + 1, 0 for none. */
byte root[2];
bit running[2];
bit dirty;		/* CPU 0 is in the domain's dirty_cpus */

/* CPU 0's TLB: the frame that is watched (0 nothing, 1 readable, 2 writable), and the L1 that the
 * paging-structure cache leads to (frame + 1). */
byte watched;
byte tlb, walk;

/* The clock; CPU 0's stamp; the time that a flush of CPU 0 has taken, 0 when none is under way. */
byte clock = 2, cpu_stamp = 2, flush_time;
bit flushing;

byte ops;		/* hypercalls that may still be issued */
bit busy[2];		/* a hypercall is under way */

/*
 * Only how times compare matters: renumber them, so that the clock does not make every state a new
 * one. 1 is older than any flush of CPU 0; 0 stays 0.
 */
#define RANK(t) ((t) -> (1 + (cpu_stamp <= (t)) + \
			 (flush_time && flush_time <= (t) && flush_time != cpu_stamp)) : 0)
hidden byte h0, h1;
inline renumber()
{
	d_step {
		h0 = 0;
		do
		:: h0 < NF -> stamp[h0] = RANK(stamp[h0]); h0++
		:: else -> break
		od;
		quarantine_stamp = RANK(quarantine_stamp);
		clock = RANK(clock);
		h0 = RANK(cpu_stamp);
		h1 = RANK(flush_time);
		cpu_stamp = h0;
		flush_time = h1;
		h0 = 0;
		h1 = 0
	}
}

/* ---- what must never be: checked where it could come about ---- */

/* Frame f gets type t now. */
inline check_type_change(f, t)
{
	assert(t == W || !(watched == f && tlb == 2));
	assert(t == L1 || walk != f + 1);
	assert(t == L2 || !(running[0] && root[0] == f + 1))
}

/* Frame f leaves the quarantine: nobody sees it, and nothing that a CPU remembers leads to it. */
inline check_given_away(f)
{
	assert(!(watched == f && tlb));
	assert(walk != f + 1);
	assert(!(running[0] && root[0] == f + 1));
	assert(!(watched == f && walk && entry[walk - 1] && TARGET(entry[walk - 1]) == f))
}

/* ---- cpu/tlb.c ---- */

/*
 * 0: nothing was stamped. The code keeps but half of a time, so for an old stamp it may ask for a
 * flush that nobody needs: tlb_clock.pml.
 */
#define STALE(t) ((t) != 0 && cpu_stamp <= (t))
#ifdef EDGES
#define MAY_NAME(t) STALE(t)
#else
#define MAY_NAME(t) ((t) != 0)
#endif

/* tlb_flush_local() of CPU 0, here or by an interrupt; its interrupts are off meanwhile. */
inline flush_cpu0()
{
#ifdef EDGES
	flushed = 1;
#endif
	STEP {
		!flushing -> flushing = 1;
		if
		:: mistake != M_FLUSH_TICKS_LATE -> clock++; flush_time = clock
		:: else
		fi;
		if
		:: mistake == M_FLUSH_STAMPS_EARLY -> cpu_stamp = flush_time
		:: else
		fi;
		renumber()
	};
	STEP {
		tlb = 0;
		walk = (mistake == M_FLUSH_KEEPS_WALK -> walk : 0)
	};
	STEP {
		if
		:: mistake == M_FLUSH_TICKS_LATE -> clock++; flush_time = clock
		:: else
		fi;
		cpu_stamp = flush_time;
		flush_time = 0;
		flushing = 0;
		renumber()
	}
}

/* tlb_flush(frame_stale_cpus(f)) */
inline flush_for(f)
{
	if
	:: STEP { dirty && MAY_NAME(stamp[f]) -> skip }; flush_cpu0()
	:: STEP { !(dirty && STALE(stamp[f])) -> skip }
	fi
}

/* ---- memory/frame.c, memory/heap.c ---- */

/* One step: nobody else knows a frame without references. */
inline frame_put(f)
{
	STEP {
		assert(ref[f] > 0);
		ref[f]--;
		if
		:: ref[f] == 0 ->
			assert(cnt[f] == 0 && !partial[f] && !pinned[f]);
			place[f] = QUARANTINE;
			type[f] = NONE;
			validated[f] = 0;
			stamp[f] = 0;
			entry[f] = 0;
			quarantine_stamp = clock
		:: else
		fi
	}
}

inline frame_get(f, r)
{
	STEP {
		if
		:: place[f] == DOM && ref[f] > 0 -> ref[f]++; r = OK
		:: else -> r = INVAL
		fi
	}
}

/* quarantine_drain(), and the domain gets what came out as new memory. */
inline heap_cycle()
{
	STEP {
		h0 = 0;
		do
		:: h0 < NF ->
			if
			:: place[h0] == QUARANTINE -> place[h0] = DRAINING
			:: else
			fi;
			h0++
		:: else -> break
		od;
		h0 = 0;
		i = quarantine_stamp
	};
	if
	:: STEP { MAY_NAME(i) && mistake != M_NO_FLUSH_BEFORE_REUSE -> skip }; flush_cpu0()
	:: STEP { !STALE(i) || mistake == M_NO_FLUSH_BEFORE_REUSE -> skip }
	fi;
	STEP {
		i = 0;
		do
		:: i < NF ->
			if
			:: place[i] == DRAINING ->
				check_given_away(i);
				place[i] = DOM;
				stamp[i] = 0;
				entry[i] = 0;
				allocated[i] = 1;
				ref[i] = 1
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

/* ---- pv/pagetype.c ---- */

inline pick_entry(e)
{
	if
	:: e = 0
	:: e = ENTRY(0, 0)
	:: e = ENTRY(0, 1)
	:: e = ENTRY(1, 0)
	:: e = ENTRY(1, 1)
#if NF > 2
	:: e = ENTRY(2, 0)
	:: e = ENTRY(2, 1)
#endif
	fi
}

/* preempt_wanted() */
#ifdef EDGES
inline preempt(p)
{
	p = (preempt_at == 1);
	if
	:: preempt_at -> preempt_at--
	:: else
	fi
}
#else
inline preempt(p)
{
	if
	:: p = 1
	:: p = 0
	fi
}
#endif

#define STAMP(f) stamp[f] = (mistake == M_NO_STAMP -> stamp[f] : clock)

/*
 * What is in a writable page is the guest's affair: anything, once somebody looks. Without EDGES it
 * is chosen then, and is 0 until then.
 */
#ifdef EDGES
#define content_change(f, t) skip
#else
inline content_change(f, t)
{
	if
	:: t == W -> entry[f] = 0
	:: t != W && type[f] == W -> pick_entry(entry[f])
	:: else
	fi
}
#endif

/* type_store() of a LOCKED frame: everything but the pin bit. */
inline type_store(f, t, v, l, c)
{
	if
	:: type[f] != t -> check_type_change(f, t); content_change(f, t)
	:: else
	fi;
	type[f] = t;
	validated[f] = v;
	locked[f] = l;
	partial[f] = 0;
	pn[f] = 0;
	cnt[f] = c
}

inline leave_partial(f, was_partial, n, c)
{
	STEP {
		if
		:: was_partial
		:: else -> ref[f]++
		fi;
		type_store(f, type[f], 0, 0, c);
		partial[f] = 1;
		pn[f] = n
	}
}

#define HAVE(f, t) (type[f] == (t) && validated[f] && (cnt[f] || !locked[f]))
#define WRONG(f, t) (cnt[f] > WRONG_FROM && type[f] != (t))
#define WRONG_FROM (mistake == M_TYPE_CONFUSION -> 1 : 0)
#define STUCK(f, t) (type[f] != (t) && partial[f] && mistake != M_CHANGE_OF_PARTIAL)
#define ASIDE(f, t) (!HAVE(f, t) && !WRONG(f, t))

/*
 * What is called from several places is a subroutine of the process, at the end of its body, with
 * its arguments and its result in the process's variables. Nothing calls itself: a writable frame,
 * an L1 and an L2 have each their own.
 */
#define CALL(sub, n) ret_##sub = n; goto sub; sub##_##n: skip
#define BACK(sub, n) :: ret_##sub == n -> ret_##sub = 0; goto sub##_##n

/* type_get() of gw as FT_WRITABLE; rw: result. A table is LOCKED for long only with references. */
inline get_w()
{
	if
	:: STEP { HAVE(gw, W) -> cnt[gw]++; rw = OK }
	:: STEP { !HAVE(gw, W) && WRONG(gw, W) -> rw = INVAL }
	:: STEP { ASIDE(gw, W) && !locked[gw] && type[gw] == NONE ->
		type_store(gw, W, 1, 0, 1); rw = OK }
	:: STEP { ASIDE(gw, W) && !locked[gw] && type[gw] != NONE && STUCK(gw, W) ->
		ref[gw]++; stuck = gw + 1; rw = RESTART }
	:: STEP { ASIDE(gw, W) && !locked[gw] && type[gw] != NONE && !STUCK(gw, W) ->
		locked[gw] = 1 };
		if
		:: mistake != M_NO_FLUSH_TO_WRITABLE -> flush_for(gw)
		:: else
		fi;
		STEP { type_store(gw, W, 1, 0, cnt[gw] + 1); rw = OK }
	fi
}

/* type_put() of pw, writable. */
inline put_w()
{
	if
	:: STEP { cnt[pw] > 1 -> cnt[pw]-- }
	:: STEP { cnt[pw] <= 1 && !locked[pw] -> assert(cnt[pw] == 1 && type[pw] == W); cnt[pw]--;
		  locked[pw] = (mistake != M_STAMP_AFTER_RELEASE) };
		STEP { STAMP(pw); locked[pw] = 0 }
	fi
}

/* entry_get() of an L1's entry e1; rw: result. */
inline leaf_get_body()
{
	gw = TARGET(e1);
	frame_get(gw, rw);
	if
	:: rw == OK && RW(e1) ->
		get_w();
		if
		:: rw -> frame_put(gw)
		:: else
		fi
	:: else
	fi;
	gw = 0;
	e1 = 0
}

/* entry_put() of an L1's entry e1. */
inline leaf_put_body()
{
	pw = TARGET(e1);
	if
	:: RW(e1) && mistake != M_DROP_NO_TYPE -> put_w()
	:: else
	fi;
	frame_put(pw);
	pw = 0;
	e1 = 0
}

/*
 * type_get() of f as a table of type t; r: result. wp, wc, n: what validate_locked() calls was and
 * n.
 */
#define TABLE_LOCK(f, t, r, wp, wc, n) \
	:: STEP { HAVE(f, t) -> cnt[f]++; r = OK } \
	:: STEP { !HAVE(f, t) && WRONG(f, t) -> r = INVAL } \
	:: STEP { ASIDE(f, t) && locked[f] -> r = RESTART } \
	:: STEP { ASIDE(f, t) && !locked[f] && STUCK(f, t) -> \
		ref[f]++; stuck = f + 1; r = RESTART } \
	:: STEP { ASIDE(f, t) && !locked[f] && !STUCK(f, t) -> \
		locked[f] = 1; wp = partial[f]; wc = cnt[f]; n = pn[f]; old_type = type[f] }

inline type_change(f, t, wc)
{
	if
	:: old_type != t && old_type != NONE && mistake != M_NO_FLUSH &&
	   mistake != M_FLUSH_AFTER -> flush_for(f)
	:: else
	fi;
	STEP { type_store(f, t, 0, 1, wc + 1) };
	if
	:: old_type != t && old_type != NONE && mistake == M_FLUSH_AFTER -> flush_for(f)
	:: else
	fi;
	old_type = 0
}

#define TABLE_VALIDATED(f, t, r, wp, wc, n) \
		if \
		:: r == OK -> \
			STEP { type_store(f, t, 1, 0, wc + 1) }; \
			if \
			:: wp -> frame_put(f) \
			:: else \
			fi \
		:: r == INVAL && wc == 0 -> \
			STEP { STAMP(f); type_store(f, t, 0, 0, 0) }; \
			if \
			:: wp -> frame_put(f) \
			:: else \
			fi \
		:: else -> leave_partial(f, wp, n, wc) \
		fi; \
		wp = 0; wc = 0; n = 0

/* type_get() of g1 as FT_L1, with table_validate(): the entry is read once. r1: result. */
inline get_l1_body()
{
	r1 = OK;
	if
	TABLE_LOCK(g1, L1, r1, wp1, wc1, n1);
		type_change(g1, L1, wc1);
		if
		:: n1 == 0 && entry[g1] ->
			e1 = entry[g1];
			CALL(leaf_get, 1);
			r1 = rw;
			rw = 0
		:: else
		fi;
		if
		:: r1 == OK -> n1 = 1
		:: else
		fi;
		TABLE_VALIDATED(g1, L1, r1, wp1, wc1, n1)
	fi;
	old_type = 0
}

/* type_get() of g2 as FT_L2, which asks preempt_wanted() after an entry. r2: result. */
inline get_l2_body()
{
	r2 = OK;
	if
	TABLE_LOCK(g2, L2, r2, wp2, wc2, n2);
		type_change(g2, L2, wc2);
		if
		:: n2 == 0 && entry[g2] ->
			g1 = TARGET(entry[g2]);
			frame_get(g1, r2);
			if
			:: r2 == OK ->
				CALL(get_l1, 1);
				r2 = r1;
				r1 = 0;
				if
				:: r2 -> frame_put(g1)
				:: else ->
					n2 = 1;
					preempt(p);
					r2 = (p -> RESTART : OK);
					p = 0
				fi
			:: else
			fi;
			g1 = 0
		:: else -> n2 = 1
		fi;
		TABLE_VALIDATED(g2, L2, r2, wp2, wc2, n2)
	fi;
	old_type = 0
}

/* type_put() of a table; r: result. pre: preemptible. */
#define TABLE_GIVE_UP(f, t, r, wp, wc, n) \
	:: STEP { cnt[f] > 1 && validated[f] -> cnt[f]-- } \
	:: STEP { !(cnt[f] > 1 && validated[f]) && locked[f] && pre -> r = RESTART } \
	:: STEP { !(cnt[f] > 1 && validated[f]) && !locked[f] -> \
		assert(cnt[f] > 0 && type[f] == t); \
		wp = partial[f]; wc = cnt[f]; n = (partial[f] -> pn[f] : validated[f]); \
		locked[f] = 1; validated[f] = 0; partial[f] = 0; pn[f] = 0 }

#define TABLE_UNDONE(f, t, r, wp, wc, n) \
		if \
		:: wc > 1 -> \
			STEP { type_store(f, t, 0, 0, wc - 1); partial[f] = 1; pn[f] = n } \
		:: wc <= 1 && r -> leave_partial(f, wp, n, wc) \
		:: else -> \
			STEP { STAMP(f); type_store(f, t, 0, 0, 0) }; \
			if \
			:: wp -> frame_put(f) \
			:: else \
			fi \
		fi; \
		wp = 0; wc = 0; n = 0

/* table_undo() of the L1 u1, n1: entries that hold references. */
inline undo_l1_body()
{
	if
	:: n1 && entry[u1] -> e1 = entry[u1]; CALL(leaf_put, 1)
	:: else
	fi;
	n1 = 0
}

/* type_put() of the L1 u1; r1: result. */
inline put_l1_body()
{
	r1 = OK;
	if
	TABLE_GIVE_UP(u1, L1, r1, wp1, wc1, n1);
		if
		:: wc1 == 1 -> CALL(undo_l1, 1)
		:: else
		fi;
		TABLE_UNDONE(u1, L1, r1, wp1, wc1, n1)
	fi
}

/* table_undo() of the L2 u2, n2: entries that hold references. r2: result. */
inline undo_l2_body()
{
	r2 = OK;
	if
	:: n2 && entry[u2] ->
		u1 = TARGET(entry[u2]);
		CALL(put_l1, 1);
		r2 = r1;
		r1 = 0;
		if
		:: r2 == OK ->
			frame_put(u1);
			n2 = 0;
			if
			:: pre -> preempt(p); r2 = (p -> RESTART : OK); p = 0
			:: else
			fi
		:: else
		fi;
		u1 = 0
	:: else -> n2 = 0
	fi
}

/* type_put() of the L2 u2; r2: result. */
inline put_l2_body()
{
	r2 = OK;
	if
	TABLE_GIVE_UP(u2, L2, r2, wp2, wc2, n2);
		if
		:: wc2 == 1 -> CALL(undo_l2, 1)
		:: else
		fi;
		TABLE_UNDONE(u2, L2, r2, wp2, wc2, n2)
	fi
}

/* unstick(): abandoned_finish() and frame_put() of the frame `stuck` - 1; k: result. */
inline unstick_body()
{
	m = stuck - 1;
	stuck = 0;
	k = OK;
	if
	:: STEP { !(partial[m] && cnt[m] == 0) -> skip }
	:: STEP { partial[m] && cnt[m] == 0 && locked[m] -> k = RESTART }
	:: STEP { partial[m] && cnt[m] == 0 && !locked[m] ->
		n1 = pn[m];
		type_store(m, type[m], 0, 1, 1) };
		if
		:: type[m] == L2 ->
			u2 = m; n2 = n1; n1 = 0; pre = 1;
			CALL(undo_l2, 2);
			k = r2; r2 = 0; u2 = 0; n1 = n2; n2 = 0; pre = 0
		:: else ->
			u1 = m;
			CALL(undo_l1, 2);
			u1 = 0
		fi;
		if
		:: k -> leave_partial(m, 1, n1, 0)
		:: else ->
			STEP { STAMP(m); type_store(m, type[m], 0, 1, 0) };
			frame_put(m);
			STEP { locked[m] = 0 }
		fi;
		n1 = 0
	fi;
	frame_put(m);
	m = 0
}

/* frame_get_type() of f as the table type t, without tables locked; res: result. */
inline frame_get_table()
{
	do
	:: true ->
		if
		:: t == L1 -> g1 = f; CALL(get_l1, 2); res = r1; r1 = 0; g1 = 0
		:: else -> g2 = f; CALL(get_l2, 1); res = r2; r2 = 0; g2 = 0
		fi;
		if
		:: stuck == 0 -> break
		:: else ->
			CALL(unstick, 1);
			if
			:: k -> k = 0; break
			:: else
			fi
		fi
	od
}

/* frame_put_type_preemptible() of the table m; k: result. */
inline put_table_body()
{
	pre = 1;
	if
	:: type[m] == L1 -> u1 = m; CALL(put_l1, 2); k = r1; r1 = 0; u1 = 0
	:: else -> u2 = m; CALL(put_l2, 1); k = r2; r2 = 0; u2 = 0
	fi;
	pre = 0
}

/* type_drop() of f: `again` until it is done or somebody else has to do it. */
#define type_drop(n) \
	m = f; \
	do \
	:: true -> \
		CALL(put_table, n); \
		if \
		:: k == OK -> break \
		:: else \
		fi; \
		STEP { \
			k = OK; \
			if \
			:: partial[f] && !locked[f] -> cnt[f]--; break \
			:: else \
			fi \
		} \
	od; \
	m = 0

/* ---- hypercalls about frame f; res: result ---- */

inline op_pin()
{
	frame_get(f, res);
	if
	:: res == OK ->
		frame_get_table();
		if
		:: res == OK && op == OP_PIN ->
			STEP {
				if
				:: pinned[f] -> res = INVAL
				:: else -> pinned[f] = 1
				fi
			};
			if
			:: res -> type_drop(1)
			:: else
			fi
		:: res == OK && op == OP_ROOT -> new_root()
		:: else
		fi;
		if
		:: res -> frame_put(f)
		:: else
		fi
	:: else
	fi
}

/* pv_new_guest_cr3(): the new root has its references, the old one loses them. */
inline new_root()
{
	STEP { m = root[c] - 1; root[c] = f + 1 };
	if
	:: c == 0 -> flush_cpu0()
	:: else
	fi;
	do
	:: true ->
		CALL(put_table, 2);
		if
		:: k == OK -> break
		:: else
		fi
	od;
	frame_put(m);
	k = 0;
	m = 0
}

inline op_unpin()
{
	frame_get(f, res);
	if
	:: res == OK ->
		STEP {
			if
			:: pinned[f] -> pinned[f] = 0
			:: else -> res = INVAL
			fi
		};
		if
		:: res == OK ->
			m = f;
			CALL(put_table, 3);
			m = 0;
			res = k;
			k = 0;
			if
			:: res ->
				STEP {
					if
					:: pinned[f] -> res = OK
					:: else -> pinned[f] = 1
					fi
				};
				if
				:: res == OK -> type_drop(4); frame_put(f)
				:: else
				fi
			:: else -> frame_put(f)
			fi
		:: else
		fi;
		frame_put(f)
	:: else
	fi
}

#define IS_TABLE(f) (type[f] == L1 || type[f] == L2)
#define SAME(f, new) (entry[f] && (new) && TARGET(entry[f]) == TARGET(new) && \
		      (type[f] == L2 || RW(entry[f]) == RW(new)))

/* mmu_update with entry e: table_lock(), table_write(), table_unlock(), entry_put(). */
inline op_update()
{
	frame_get(f, res);
	if
	:: res == OK ->
		if
		:: STEP { !(IS_TABLE(f) && cnt[f] && (locked[f] || validated[f])) -> res = INVAL }
		:: STEP { IS_TABLE(f) && cnt[f] && locked[f] -> res = RESTART }
		:: STEP { IS_TABLE(f) && cnt[f] && !locked[f] && validated[f] -> locked[f] = 1 };
			if
			:: e == 0 || SAME(f, e)
			:: else ->
				if
				:: type[f] == L1 -> e1 = e; CALL(leaf_get, 2); res = rw; rw = 0
				:: else ->
					g1 = TARGET(e);
					frame_get(g1, res);
					if
					:: res == OK ->
						CALL(get_l1, 3);
						res = r1;
						r1 = 0;
						if
						:: res -> frame_put(g1)
						:: else
						fi
					:: else
					fi;
					g1 = 0
				fi
			fi;
			STEP {
				t = type[f];
				if
				:: res == OK && !SAME(f, e) -> old = entry[f]
				:: else
				fi;
				if
				:: res == OK && mistake != M_PUT_BEFORE_STORE -> entry[f] = e
				:: else
				fi
			};
			if
			:: mistake != M_PUT_BEFORE_STORE -> STEP { locked[f] = 0 }
			:: else
			fi;
			if
			:: stuck -> CALL(unstick, 2); k = 0
			:: else
			fi;
			/* entry_put(), again until it is done */
			if
			:: old && t == L1 -> e1 = old; CALL(leaf_put, 2)
			:: old && t == L2 ->
				u1 = TARGET(old);
				pre = 1;
				do
				:: true ->
					CALL(put_l1, 3);
					if
					:: r1 == OK -> break
					:: else
					fi
				od;
				frame_put(u1);
				u1 = 0;
				pre = 0
			:: else
			fi;
			if
			:: mistake == M_PUT_BEFORE_STORE ->
				STEP {
					if
					:: res == OK -> entry[f] = e
					:: else
					fi;
					locked[f] = 0
				}
			:: else
			fi;
			old = 0
		fi;
		frame_put(f)
	:: else
	fi
}

inline subroutines()
{
	goto done;
	leaf_get: skip;
		leaf_get_body();
		if
		BACK(leaf_get, 1)
		BACK(leaf_get, 2)
		fi;
	leaf_put: skip;
		leaf_put_body();
		if
		BACK(leaf_put, 1)
		BACK(leaf_put, 2)
		fi;
	get_l1: skip;
		get_l1_body();
		if
		BACK(get_l1, 1)
		BACK(get_l1, 2)
		BACK(get_l1, 3)
		fi;
	get_l2: skip;
		get_l2_body();
		if
		BACK(get_l2, 1)
		fi;
	undo_l1: skip;
		undo_l1_body();
		if
		BACK(undo_l1, 1)
		BACK(undo_l1, 2)
		fi;
	put_l1: skip;
		put_l1_body();
		if
		BACK(put_l1, 1)
		BACK(put_l1, 2)
		BACK(put_l1, 3)
		fi;
	undo_l2: skip;
		undo_l2_body();
		if
		BACK(undo_l2, 1)
		BACK(undo_l2, 2)
		fi;
	put_l2: skip;
		put_l2_body();
		if
		BACK(put_l2, 1)
		fi;
	unstick: skip;
		unstick_body();
		if
		BACK(unstick, 1)
		BACK(unstick, 2)
		fi;
	put_table: skip;
		put_table_body();
		if
		BACK(put_table, 1)
		BACK(put_table, 2)
		BACK(put_table, 3)
		BACK(put_table, 4)
		fi
}

/* context_switch() of vCPU c to another domain and back. */
inline op_switch()
{
	if
	:: running[c] ->
		STEP { running[c] = 0 };
		if
		:: c == 0 ->
			if
			:: mistake != M_SWITCH_NOT_FLUSHED -> flush_cpu0()
			:: else
			fi;
			STEP { dirty = 0 }
		:: else
		fi
	:: else ->
		if
		:: c == 0 ->
			if
			:: mistake == M_DIRTY_LATE -> STEP { running[c] = 1 }
			:: else
			fi;
			STEP { dirty = 1; running[c] = 1 };
			flush_cpu0()
		:: else -> STEP { running[c] = 1 }
		fi
	fi
}

/* frame_release() */
inline op_release()
{
	STEP {
		if
		:: place[f] == DOM && allocated[f] -> allocated[f] = 0; res = OK
		:: else -> res = INVAL
		fi
	};
	if
	:: res == OK -> frame_put(f)
	:: else
	fi
}

/* ---- the audit: references are what a walk counts. Nobody is in a hypercall. ---- */

#define HOLDS(t) (entry[t] && (type[t] == L1 || type[t] == L2) && \
		  ((validated[t] && cnt[t]) || (partial[t] && pn[t])))
hidden byte a, b, want, want_ref;
inline audit()
{
	d_step {
		a = 0;
		do
		:: a < NF ->
			want = pinned[a] + (root[0] == a + 1) + (root[1] == a + 1);
			want_ref = want + allocated[a] + partial[a];
			b = 0;
			do
			:: b < NF ->
				if
				:: HOLDS(b) && TARGET(entry[b]) == a ->
					want_ref++;
					if
					:: type[b] == L2 -> assert(type[a] == L1); want++
					:: type[b] == L1 && RW(entry[b]) -> assert(type[a] == W); want++
					:: else
					fi
				:: else
				fi;
				b++
			:: else -> break
			od;
			assert(!locked[a]);
			assert(place[a] != DOM || ref[a] == want_ref);
			assert(place[a] == DOM || want_ref == 0);
			/* An interrupted undoing may have lost holders that never called again. */
			assert(cnt[a] == want);
			a++
		:: else -> break
		od;
		a = 0;
		b = 0;
		want = 0;
		want_ref = 0
	}
}

#define LOCALS \
	byte g2, u2, n2, r2, wc2, g1, u1, n1, e1, r1, wc1, gw, pw, rw, stuck, i, k, m, f, t, e, old; \
	byte op, res, old_type; \
	bit wp2, wp1, p, pre; \
	byte ret_leaf_get, ret_leaf_put, ret_get_l1, ret_get_l2, ret_undo_l1, ret_put_l1; \
	byte ret_undo_l2, ret_put_l2, ret_unstick, ret_put_table

inline pick_frame()
{
	if
	:: f = 0
	:: f = 1
#if NF > 2
	:: f = 2
#endif
	fi
}

#ifndef EDGES

/* A root, its one L1 and a page that the L1 maps writable. */
inline start()
{
	type[0] = L2; validated[0] = 1; entry[0] = ENTRY(1, 1);
	cnt[0] = 2; ref[0] = 3; root[0] = 1; root[1] = 1;
	running[1] = 1;
	if
	:: mistake != M_DIRTY_LATE -> running[0] = 1; dirty = 1
	:: true
	fi;
	type[1] = L1; validated[1] = 1; cnt[1] = 1; ref[1] = 2; entry[1] = ENTRY(2, 1);
	type[2] = W; validated[2] = 1; cnt[2] = 1; ref[2] = 2;
	stamp[0] = 1; stamp[1] = 1; stamp[2] = 1;
	allocated[0] = 1; allocated[1] = 1; allocated[2] = 1
}

proctype cpu(byte c)
{
	LOCALS;

	do
	:: STEP { ops > 0 -> ops--; busy[c] = 1; pick_frame() };
		if
		:: STEP { op = OP_PIN; t = L1 }; goto pin
		:: STEP { op = OP_PIN; t = L2 }; goto pin
		:: STEP { running[c] -> op = OP_ROOT; t = L2 };
pin:			op_pin()
		:: true -> op_unpin()
		:: STEP { running[c] -> pick_entry(e) }; op_update()
		:: true -> op_switch()
		:: true -> op_release()
		:: STEP { !draining -> draining = 1 }; heap_cycle(); STEP { draining = 0 }
		fi;
		STEP {
			f = 0; e = 0; t = 0; op = 0; res = 0;
			busy[c] = 0;
			if
			:: !busy[1 - c] -> audit()
			:: else
			fi
		}
	:: ops == 0 -> break
	od;
	subroutines();
done:	skip
}

/* CPU 0 fills its TLB whenever it likes, from what it runs on or remembers. */
proctype mmu()
{
end:	do
	:: atomic { running[0] && root[0] && entry[root[0] - 1] && walk == 0 ->
		walk = TARGET(entry[root[0] - 1]) + 1; assert(type[walk - 1] == L1) }
	:: atomic { walk && entry[walk - 1] && TARGET(entry[walk - 1]) == watched && tlb == 0 ->
		tlb = 1 }
	:: atomic { walk && entry[walk - 1] == ENTRY(watched, 1) && tlb < 2 ->
		assert(type[watched] == W || place[watched] != DOM); tlb = 2 }
	:: atomic { walk -> walk = 0 }
	od
}

init
{
	atomic {
		/* The most telling one first: a mistake is found before the others are gone through. */
		if
		:: watched = 2
		:: watched = 1
		:: watched = 0
		fi;
		c_code { const char *m = getenv("MISTAKE"); const char *n = getenv("OPS");

			now.mistake = m ? atoi(m) : 0; now.ops = n ? atoi(n) : 2; };
		start();
		run cpu(0);
		run cpu(1);
		run mmu()
	}
}
#else

/* One line per hypercall: state, hypercall, result, state. tests/unit/pagetype_model_test.c reads it. */
#define FRAME(f) now.type[f], now.validated[f], now.partial[f], now.pn[f], now.pinned[f], \
	now.cnt[f], now.ref[f], now.stamp[f], now.entry[f]
#define SHOW(to) sprintf(to, "%d %d %d %d %d %d %d %d %d  %d %d %d %d %d %d %d %d %d  %d %d", \
	FRAME(0), FRAME(1), now.clock, now.cpu_stamp)
c_decl {
	static char before[200], after[200];
	static int last;
}

active proctype edges()
{
	LOCALS;
	byte c, arg;

	atomic {
		f = 0;
		do
		:: f < NF -> allocated[f] = 1; ref[f] = 1; f++
		:: else -> break
		od;
		f = 0;
		dirty = 1
	}
	do
	:: atomic {
		pick_frame();
		if
		:: type[f] == W || type[f] == NONE -> pick_entry(e); entry[f] = e; e = 0; f = 0
		:: else -> f = 0
		fi
	   }
	:: flush_cpu0(); flushed = 0
	:: atomic {
		pick_frame();
		if
		:: op = 1; t = L1
		:: op = 1; t = L2
		:: op = 2
		:: op = 3; pick_entry(e)
		fi;
		if
		:: preempt_at = 0
		:: preempt_at = 1
		:: preempt_at = 2
		fi;
		arg = op * 16 + (op == 3 -> e : t);
		c_code {
			now.serial = ++last;
			SHOW(before);
			sprintf(before + strlen(before), "  %d %d %d %d", Pedges->op, Pedges->f,
				Pedges->arg % 16, now.preempt_at);
		}
	   };
		if
		:: op == 1 -> op_pin()
		:: op == 2 -> op_unpin()
		:: else -> op_update()
		fi;
		atomic {
			preempt_at = 0;
			audit();
			c_code {
				now.serial = 0;
				SHOW(after);
				printf("EDGE %s  %d %d  %s\n", before, Pedges->res, now.flushed, after);
			};
			flushed = 0; f = 0; e = 0; t = 0; op = 0; res = 0; arg = 0
		}
	od;
	subroutines();
done:	skip
}
#endif
