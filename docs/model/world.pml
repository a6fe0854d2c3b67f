/* SPDX-License-Identifier: GPL-2.0-only */
/* Parameters, geometry, everything that is known anywhere, and the disks. Where a word means what: reshape.pml. */

#ifdef SHRINK
#define BACKWARD
#endif
#ifndef UNITS
#define UNITS 3
#endif
#ifndef UB
#define UB 1
#endif
#ifndef STEP
#define STEP UB
#endif
#ifndef MEMBERS
#define MEMBERS 1
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef MONITOR_KILLS
#define MONITOR_KILLS 0
#endif
#ifndef MANAGER_KILLS
#define MANAGER_KILLS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef BACKUP_FAILS
#define BACKUP_FAILS 0
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef ABSENT
#define ABSENT 0
#endif
#define N (UNITS * UB)
#define WINDOW (2 * UB)		/* make_terms(): two units at least */

#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define FLOOR(x) ((x) / UB * UB)

/* [A3] where a block lies, and Psafe */
#ifdef BACKWARD
#define ADDR(x) (N - (x))
#define PROG(a) (N - (a))
#define BLOCK(x) (N - 1 - (x))
#define IN_NEW(b, p) ((b) >= (p))
#else
#define ADDR(x) (x)
#define PROG(a) (a)
#define BLOCK(x) (x)
#define IN_NEW(b, p) ((b) < (p))
#endif
#if defined(SHIFT)
#define CELLS (N + SHIFT)
#ifdef BACKWARD
#define OLD_CELL(b) (b)
#define NEW_CELL(b) ((b) + SHIFT)
#else
#define OLD_CELL(b) ((b) + SHIFT)
#define NEW_CELL(b) (b)
#endif
#define PSAFE(d) FLOOR(MIN((d) + SHIFT, N))
#elif defined(GROW)
#define CELLS (N + N / 2)
#define OLD_CELL(b) (b)
#define NEW_CELL(b) ((b) % 2 * N + (b) / 2)
#define PSAFE(d) FLOOR(MIN(2 * (d), N))
#elif defined(SHRINK)
#define CELLS (N + N / 2)
#define OLD_CELL(b) ((b) % 2 * N + (b) / 2)
#define NEW_CELL(b) (b)
#define PSAFE(d) FLOOR(N - (N - (d) + 1) / 2)
#else
#define CELLS N
#define OLD_CELL(b) (b)
#define NEW_CELL(b) (b)
#define PSAFE(d) (d)
#endif

#define OLD 0
#define NEW 8
#define EMPTY 232
#define TORN 240
#define LAYOUT(k) ((k) / 8)

/* The members' data, and their copy areas: unit * 8 + version. */
byte cur[CELLS * MEMBERS], dur[CELLS * MEMBERS];
byte ccur[UB * MEMBERS], cdur[UB * MEMBERS];
#define NO_COPY 255
/* The metadata on each member: the record, 2 * unit + "the copy is valid"; and which members are recorded as failed. */
byte rec[MEMBERS];
byte failed[MEMBERS];

/* What users wrote last and what a flush has promised to them, by block. */
byte ver[N], promised[N];
byte writes = WRITES;
byte target;			/* of the write */
mtype = { idle, parked, admitted, written, waiting };
mtype user = idle;
bit missed;			/* the write left a member out */
bit owed;			/* CACHED: something was reported and not flushed */

/* The kernel: addresses, but for M, which counts from where the work begins. */
byte pos, published, acked, lo, hi;
byte M;
bit flushed, ended;
byte gone;			/* members that have failed or are absent, one bit each */
bit blocked;			/* a failure that emdmon has not acknowledged */
bit shut;			/* assembled and not yet writable: emdmon has not answered */

/* The manager: progress. Two sections of one unit each, and what was read of them. */
mtype = { start, greeting, load, loaded, greeted, ready, draining, saving, recording, syncing, ending, left };
mtype manager = start;
byte D;
mtype = { none, read, saved, unsure, recorded };
mtype stage[2] = none;
byte begin[2];
byte held[2 * UB];
byte before;			/* H before the store that drains */
bit stop, paused, finished;

/* Requests to the monitor: one manager, one request. */
mtype = { nothing, sync, record, answered };
mtype request = nothing;
byte wanted, answer;
bit orphan;			/* who asked has died */

/* The monitor: its record in memory (R, F as rec and failed), and where it is in a pass. */
mtype = { asleep, flush, first, second, super, reply, serve };
mtype monitor = asleep;
byte R, F;
bit unsaved, met, arrived, serving;

byte fails = FAILS, monitor_kills = MONITOR_KILLS, manager_kills = MANAGER_KILLS, stops = STOPS;
byte backup_fails = BACKUP_FAILS, cuts = CUTS, absents = ABSENT;

mtype = { booting, running, chosen, declared, agreed, restored, flushed_back, noted, even, judged, over };
mtype world = booting;

/* Zero between steps. */
byte cx, mx, ix, ux, vx, at;
byte moved[STEP];

#define RUN (world == running)
#define LIVE(i) (!((gone >> (i)) & 1))
#define FIRST_LIVE (gone & 1)
#define AT(i, k) ((i) * CELLS + (k))
#define KP PROG(pos)
#define CELL(b) (IN_NEW(b, pos) -> NEW_CELL(b) : OLD_CELL(b))
#define SIDE(b) (IN_NEW(b, pos) -> NEW : OLD)
#ifdef BACKWARD
#define PROGRESS_OF(b) (N - 1 - (b))
#else
#define PROGRESS_OF(b) (b)
#endif
#define UNDER_WAY(from, to) ((user == admitted || user == written) && PROGRESS_OF(target) >= (from) && PROGRESS_OF(target) < (to))

/* The suspension as the manager sees it. */
#if defined(BACKWARD) && !defined(FAULT_MIRROR_SUSPENSION)
#define TAIL PROG(hi)
#define FRONT PROG(lo)
#define SET_TAIL(p) hi = ADDR(p)
#define SET_FRONT(p) lo = ADDR(p)
#else
#define TAIL PROG(lo)
#define FRONT PROG(hi)
#define SET_TAIL(p) lo = ADDR(p)
#define SET_FRONT(p) hi = ADDR(p)
#endif

/* -- the disks ------------------------------------------------------------------------------------------------------- */

inline put(cell, value)
{
	mx = 0;
	do
	:: mx < MEMBERS ->
		if :: LIVE(mx) -> cur[AT(mx, cell)] = value :: else fi;
		mx++
	:: else -> break
	od;
	mx = 0
}

inline flush_members()
{
	mx = 0;
	do
	:: mx < MEMBERS ->
		cx = 0;
		do
		:: LIVE(mx) && cx < CELLS -> dur[AT(mx, cx)] = cur[AT(mx, cx)]; cx++
		:: else -> break
		od;
		cx = 0;
		do
		:: LIVE(mx) && cx < UB -> cdur[mx * UB + cx] = ccur[mx * UB + cx]; cx++
		:: else -> break
		od;
		mx++
	:: else -> break
	od;
	cx = 0; mx = 0
}

/* READ: every block, from every member that lives. */
inline check_reads()
{
	mx = 0;
	do
	:: mx < MEMBERS ->
		cx = 0;
		do
		:: LIVE(mx) && cx < N -> assert(cur[AT(mx, (CELL(cx)))] == (SIDE(cx)) + ver[cx]); cx++
		:: else -> break
		od;
		mx++
	:: else -> break
	od;
	cx = 0; mx = 0
}

/* ORDER: for each member whose record a recovery may believe. After a start M is 0 until the manager comes. */
inline check_order()
{
#ifdef ORDER
	mx = 0;
	do
	:: mx < MEMBERS ->
		if
		:: LIVE(mx) && !ended && !shut ->
#ifndef NO_GATE
			assert(PROG(acked) <= rec[mx] / 2 * UB);						/* (I1) */
#endif
			assert(rec[mx] / 2 * UB <= PROG(published));					/* (I1) */
			assert(M <= PSAFE(rec[mx] / 2 * UB) || M <= (rec[mx] / 2 + rec[mx] % 2) * UB);	/* (I2) */
			assert(lo >= hi || TAIL <= rec[mx] / 2 * UB)					/* (I4) */
		:: else
		fi;
		mx++
	:: else -> break
	od;
	mx = 0;
	assert(ended || PROG(published) <= KP);							/* (I1) */
	assert(ended || KP <= M || M < D || M == 0)						/* (I1) */
#else
	skip
#endif
}
