/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Promela model of the TLB clock (cpu/tlb_clock.c): 64 bits, of which a stamp keeps the low half.
 * Here the low half has LOW values, and the search goes TICKS ticks far, that is more
 * than twice around. docs/model.md says how this and pv/pagetype.pml, which knows whole times only, go together.
 *
 *   make model                                    all of this, and the other one
 *   spin -a hypervisor/cpu/tlb_clock.pml && gcc -O1 -DSAFETY -DCOLLAPSE -o pan pan.c
 *   MISTAKE=0 ./pan -m400000                      search; pan -r replays what was found
 *
 * Two CPUs flush whenever they like or when they are asked, and fill their TLBs meanwhile. One frame
 * is mapped and unmapped, stamped, and becomes something else. CPUs idle for laps, stamps that were
 * read laps before they are written, frames whose turn comes laps later: all are interleavings.
 */
#ifndef LOW
#define LOW 4
#endif
#define TICKS (2 * LOW + 2)
#define STEP atomic

/* Deliberate mistakes, as in pv/pagetype.pml. The first is what the clock once was. */
#define M_OLD_CLOCK 1		/* LOW values, to stop at the last: a look, then a step */
#define M_CLOCK_WRAPS 2		/* LOW values, and anew from the first */
#define M_LOW_HALVES 3		/* stamps are compared with the low half of CPUs' times */
#define M_LAP_TOO_EARLY 4	/* a stamp is taken for the latest time but one */
#define M_LAP_TOO_LATE 5	/* a stamp is taken for a time of this lap, or to come */
#define M_CLOCK_READ_FIRST 6	/* what time it is was known before the stamp was */
#define M_TICK_LATE 7		/* the TLB is emptied, then the clock ticks */
#define M_STORED_EARLY 8	/* the CPU's time is stored before its TLB is empty */
byte mistake;
#define OLD (mistake == M_OLD_CLOCK || mistake == M_CLOCK_WRAPS)

byte clock = 1;
byte ticks;		/* that have been, to end the search */
byte cpu_stamp[2];	/* the tick of a CPU's last flush, 0: none */
bit tlb[2];		/* a CPU has a translation to the frame */
bit request[2];		/* it is asked to flush */
bit mapped;		/* there is an entry that leads to the frame */
bit done;

/* struct frame.tlb_stamp: once the whole time, now its low half. */
byte stamp;
byte stamped;		/* the whole of it, which nobody knows */

inline tick(t)
{
	ticks++;
	clock = (OLD -> (clock + 1) % LOW : clock + 1);
	t = clock
}

/* tlb_flush_local(): interrupts are off, so there is one at a time on a CPU. */
proctype cpu(byte c)
{
	byte t;
	bit seen;

	do
	:: STEP {
		ticks < TICKS || request[c] ->
		seen = request[c];
		if
		:: mistake == M_OLD_CLOCK -> t = clock
		:: mistake == M_TICK_LATE
		:: else -> tick(t)
		fi
	   };
		if
		:: mistake == M_OLD_CLOCK -> STEP {
			if
			:: t != LOW - 1 -> tick(t)
			:: else -> ticks++
			fi }
		:: mistake == M_STORED_EARLY -> STEP { cpu_stamp[c] = t }
		:: else
		fi;
		STEP { tlb[c] = 0 };
		if
		:: mistake == M_TICK_LATE -> STEP { tick(t) }
		:: else
		fi;
		STEP {
			cpu_stamp[c] = t;
			t = 0;
			if
			:: seen -> request[c] = 0; seen = 0
			:: else
			fi
		}
	:: done && !request[c] -> break
	od
}

/* The CPUs walk whatever there is to walk, in the middle of a flush too. */
proctype mmu()
{
	do
	:: STEP { mapped && !tlb[0] -> tlb[0] = 1 }
	:: STEP { mapped && !tlb[1] -> tlb[1] = 1 }
	:: done -> break
	od
}

/* tlb_filter(): the time that the stamp is taken for. */
#define LATEST(now, low) ((now) - ((now) % LOW + LOW - (low)) % LOW)
#define TIME(now, low) \
	(OLD -> (low) : \
	(mistake == M_LOW_HALVES -> (low) : \
	(mistake == M_LAP_TOO_LATE -> (now) - (now) % LOW + (low) : \
	(mistake == M_LAP_TOO_EARLY && LATEST(now, low) >= LOW -> LATEST(now, low) - LOW : \
	LATEST(now, low)))))
#define CPU_TIME(c) (mistake == M_LOW_HALVES -> cpu_stamp[c] % LOW : cpu_stamp[c])
#define NAMED(c) (CPU_TIME(c) <= time || (mistake == M_OLD_CLOCK && stamp == 0))

inline ask(c)
{
	STEP {
		if
		:: NAMED(c) ->
			/* Without need only for a stamp that is a lap old. */
			assert(OLD || cpu_stamp[c] <= stamped || now - stamped >= LOW);
			ask_for[c] = 1
		:: else
		fi
	}
}

/* The frame's life. */
proctype frame()
{
	byte t, now, time;
	bit ask_for[2];

	do
	:: STEP { ticks < TICKS -> mapped = 1 };
		if
		:: mistake == M_CLOCK_READ_FIRST -> STEP { now = clock }
		:: else
		fi;
		STEP { mapped = 0 };
		STEP { t = clock };
		STEP { stamp = t % LOW; stamped = t; t = 0 };
		STEP {
			if
			:: mistake == M_CLOCK_READ_FIRST
			:: else -> now = clock
			fi;
			time = TIME(now, stamp)
		};
		ask(0);
		ask(1);
		STEP {
			request[0] = ask_for[0]; request[1] = ask_for[1];
			ask_for[0] = 0; ask_for[1] = 0; now = 0; time = 0
		};
		STEP { !request[0] && !request[1] -> assert(!tlb[0] && !tlb[1]); stamp = 0; stamped = 0 }
	:: STEP { ticks >= TICKS -> done = 1 }; break
	od
}

init
{
	atomic {
		c_code { const char *m = getenv("MISTAKE"); now.mistake = m ? atoi(m) : 0; };
		run cpu(0);
		run cpu(1);
		run mmu();
		run frame()
	}
}
