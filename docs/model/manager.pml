/* SPDX-License-Identifier: GPL-2.0-only */
/* next(), the first that applies, and how it is carried out: tools/libemd/reshape/engine.cc terms.cc executor.cc collect.cc copy_area.cc */

#define READY (RUN && manager == ready)
#define QUIET (stop || paused)
#define C_UNITS (FLOOR(PROG(published)))
/* 1 [A5] L follows D from an answer, never C. */
#ifdef FAULT_RELEASE_ON_C
#define RELEASED C_UNITS
#else
#define RELEASED D
#endif
#define DO_RELEASE (TAIL < RELEASED && TAIL < FRONT)
/* 2 A section is carried on: read > saved in a free slot > recorded. */
#ifdef FAULT_REUSE_ON_C
#define DO_SAVE (!(QUIET) && (stage[0] == read || stage[1] == read && C_UNITS >= begin[0] + UB))
#define TO_SAVE (stage[0] == read -> 0 : 1)
#else
#define DO_SAVE (!(QUIET) && stage[0] == read)
#define TO_SAVE 0
#endif
#ifdef FAULT_ADVANCE_EARLY
#define DO_RECORD (stage[0] == unsure || !(QUIET) && stage[0] == saved && begin[0] == D && M > D)
#else
#define DO_RECORD (stage[0] == unsure || !(QUIET) && stage[0] == saved && begin[0] == D)
#endif
/* 3 [A5] (I2) M over what durable backups cover, or up to Psafe(D). */
#ifdef FAULT_ADVANCE_EARLY
#define COVERS (stage[0] == recorded || stage[0] == saved)
#else
#define COVERS (stage[0] == recorded)
#endif
#ifdef FAULT_ADVANCE_FAR
#define COVER (COVERS && begin[0] <= D -> MIN(begin[0] + 2 * UB, N) : D)
#else
#define COVER (COVERS && begin[0] <= D -> MAX(D, begin[0] + UB) : D)
#endif
#define DO_COVER ((COVER) > M)
#ifdef FAULT_WINDOW_FAR
#define ROOM (MIN(MIN(PSAFE(D) + UB, N), D + WINDOW))
#else
#define ROOM (MIN(PSAFE(D), D + WINDOW))
#endif
#define AHEAD (M - MIN(M, MAX(PROG(published), D)))
#define DO_WINDOW (!(QUIET) && ROOM > M && AHEAD <= WINDOW / 2)
/* 4 An answer would let something go on. */
#define DO_SYNC (C_UNITS > D && (PROG(published) >= M || stage[0] != none && C_UNITS >= begin[0] + UB || C_UNITS - D >= (M - D) / 2))
/* 5 The next unit that is critical: suspended, then read. */
#define LAST (stage[1] != none -> begin[1] + UB : (stage[0] != none -> begin[0] + UB : 0))
#define NEXT (MAX(MAX(M, D), (LAST)))
#define CRITICAL(p) ((p) < N && PSAFE(p) < (p) + UB)
#define DO_PREPARE (!(QUIET) && stage[1] == none && CRITICAL(NEXT))
/* 6 Wanted to stop, or the backup place fails: when all is done and recorded that was permitted. */
#define DO_SETTLE ((QUIET) && D >= M)
#define SOME_COMMAND (ended || DO_RELEASE || DO_RECORD || DO_SAVE || DO_COVER || DO_WINDOW || DO_SYNC || DO_PREPARE || DO_SETTLE)

inline ask(what, state)
{
	request = what;
	manager = state
}

inline drop_section()
{
	stage[0] = stage[1]; begin[0] = begin[1];
	stage[1] = none; begin[1] = 0;
	do
	:: ix < UB -> held[ix] = held[UB + ix]; held[UB + ix] = 0; ix++
	:: else -> break
	od;
	ix = 0
}

/* The monitor's answer. Sections behind it are dropped. */
inline durable(position)
{
	D = MAX(D, position);
	do
	:: stage[0] != none && begin[0] + UB <= D -> drop_section()
	:: else -> break
	od
}

/* [A8a] The store returns when no write is under way in what is added: draining. */
inline suspend(p)
{
	before = FRONT;
	SET_FRONT(p);
#ifdef FAULT_NO_DRAIN
	before = 0
#else
	manager = draining
#endif
}

/* [A8b] past the page cache, from the array; the range is suspended, so this is the newest there is (I3) */
inline read_section()
{
	ux = (stage[0] == none -> 0 : 1);
	vx = NEXT;
	do
	:: ix < UB -> held[ux * UB + ix] = cur[AT(FIRST_LIVE, (CELL(BLOCK(vx + ix))))] % 8; ix++
	:: else -> break
	od;
	stage[ux] = read;
	begin[ux] = vx;
	ix = 0; ux = 0; vx = 0
}

inline save_section(s)
{
	do
	:: mx < MEMBERS ->
		do
		:: LIVE(mx) && ix < UB -> ccur[mx * UB + ix] = begin[s] / UB * 8 + held[s * UB + ix]; ix++
		:: else -> break
		od;
		ix = 0;
		mx++
	:: else -> break
	od;
	mx = 0;
	before = s;
	manager = saving
}

inline give_up()
{
	lo = ADDR(M); hi = ADDR(M);
	drop_section();
	drop_section()
}

#ifdef NO_GATE
#define WINDOW_SUSPENDED (FRONT >= ROOM)
#else
#define WINDOW_SUSPENDED true
#endif
/* [A5] A store of sync_max acknowledges nothing: C may have moved on since the answer. */
#ifdef FAULT_IMPLICIT_ACK
#define EARLY_ACK acked = published
#else
#define EARLY_ACK skip
#endif

active proctype Manager()
{
end:	do
	/* A new one. What a manager that was killed has sent is done when the first answer comes; then the record is loaded. */
#ifdef FAULT_LOAD_FIRST
	:: d_step { RUN && manager == start -> manager = load }
#else
	:: d_step { RUN && manager == start && request == nothing -> ask(sync, greeting) }
#endif
	:: d_step { RUN && manager == greeting && request == answered -> request = nothing; answer = 0; manager = load }
	:: d_step {
		RUN && manager == load ->
		ux = rec[FIRST_LIVE];
#if MEMBERS == 2
		if :: gone == 0 && rec[1] > ux -> ux = rec[1] :: else fi;
#endif
		D = ux / 2 * UB;
		if :: ux % 2 == 1 -> stage[0] = recorded; begin[0] = D :: else fi;
		ux = 0;
		manager = loaded
	   }
	:: d_step { RUN && manager == loaded && request == nothing -> ask(sync, greeted) }
	/* collect(): M, L and H are as they are. */
	:: d_step {
		RUN && manager == greeted && request == answered ->
#ifdef FAULT_START_AT_C
		durable(C_UNITS);
#else
		durable(answer);
#endif
		request = nothing; answer = 0;
#ifdef FAULT_FORGET_SUSPENSION
		if
		:: true -> lo = ADDR(D); hi = ADDR(D)
#else
		if
		:: lo >= hi -> lo = ADDR(D); hi = ADDR(D)
#endif
		:: else
		fi;
		manager = ready;
		check_order()
	   }
	:: d_step {
		READY && SOME_COMMAND ->
		if
		:: ended -> ask(sync, ending)
		:: else -> if
		:: DO_RELEASE -> SET_TAIL(RELEASED)
		:: else -> if
		:: DO_RECORD -> wanted = begin[0] / UB; ask(record, recording)
		:: else -> if
#ifdef FAULT_RECORD_BEFORE_COPY
		:: DO_SAVE -> stage[0] = saved
#else
		:: DO_SAVE -> ux = TO_SAVE; save_section(ux); ux = 0
#endif
		:: else -> if
		:: DO_COVER -> M = (COVER); EARLY_ACK
		:: else -> if
#ifdef NO_GATE
		:: DO_WINDOW && FRONT < ROOM -> if :: TAIL < D -> SET_TAIL(D) :: else -> ux = ROOM; suspend(ux); ux = 0 fi
#endif
		:: DO_WINDOW && WINDOW_SUSPENDED -> M = ROOM; EARLY_ACK
		:: else -> if
		:: DO_SYNC -> ask(sync, syncing)
		:: else -> if
#ifdef FAULT_NO_SUSPEND
		:: DO_PREPARE -> read_section()
#elif defined(FAULT_SUSPEND_LATE)
		:: DO_PREPARE -> read_section(); ux = (LAST); if :: FRONT < ux -> suspend(ux) :: else fi; ux = 0
#else
		:: DO_PREPARE && FRONT < NEXT + UB -> if :: TAIL < D -> SET_TAIL(D) :: else -> ux = NEXT + UB; suspend(ux); ux = 0 fi
		:: DO_PREPARE && FRONT >= NEXT + UB -> read_section()
#endif
		:: else -> if
		:: FRONT > TAIL || stage[0] != none -> give_up()
		:: else -> if :: stop -> manager = left :: else -> paused = 0 fi
		fi fi fi fi fi fi fi fi fi;
		check_order()
	   }
	:: d_step { RUN && manager == draining && !UNDER_WAY(before, FRONT) -> before = 0; manager = ready }
	/* [A8b] flush, and only then it is saved */
	:: d_step {
		RUN && manager == saving ->
#ifndef FAULT_COPY_NOT_FLUSHED
		flush_members();
#endif
#ifdef FAULT_RECORD_BEFORE_COPY
		stage[before] = recorded;
#else
		stage[before] = saved;
#endif
		before = 0;
		manager = ready
	   }
	/* It cannot be read or written: the section is not saved, everything pauses, and it is tried again. */
	:: d_step { RUN && manager == saving && backup_fails > 0 -> backup_fails--; paused = 1; before = 0; manager = ready }
	:: d_step {
		RUN && manager == recording && request == answered ->
#ifdef FAULT_RECORD_BEFORE_COPY
		save_section(0);
#else
		stage[0] = (answer == 1 -> recorded : unsure);
		manager = ready;
#endif
		request = nothing; answer = 0
	   }
	:: d_step { RUN && manager == syncing && request == answered -> durable(answer); request = nothing; answer = 0; manager = ready; check_order() }
	/* [A9] The kernel is done and the record says so: suspend nothing. */
	:: d_step {
		RUN && manager == ending && request == answered ->
		request = nothing; answer = 0;
#ifndef FAULT_KEEP_SUSPENSION
		lo = 0; hi = 0;
#endif
		finished = 1;
		manager = left
	   }
	od
}
