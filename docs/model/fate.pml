/* SPDX-License-Identifier: GPL-2.0-only */
/* Members fail, processes die, the power goes. The way back: tools/libemd/plan/assemble.cc, tools/libemd/reshape/restore.cc, tools/emdmon/adopt.cc */

inline new_manager()
{
	drop_section();
	drop_section();
	D = 0; before = 0; stop = 0; paused = 0;
	manager = start
}

/* Loads the newest record that a member has. */
inline new_monitor()
{
	R = rec[FIRST_LIVE];
	F = failed[FIRST_LIVE];
#if MEMBERS == 2
	if
	:: gone == 0 ->
		R = MAX(R, rec[1]);
		F = F | failed[1]
	:: else
	fi;
#endif
	met = 0; arrived = 0; serving = 0;
	/* [A8] What one member says the other may not say yet: all of it is written before anybody is answered. */
#ifdef FAULT_UNEVEN_RECORD
	unsaved = 0;
#else
	unsaved = 1;
#endif
	monitor = asleep
}

/* What is in a cache only: kept, lost, or torn between two layouts. */
inline settle_cell(now, durable_)
{
	if
	:: now != durable_ ->
		if
		:: durable_ = now
		:: now = durable_
		:: LAYOUT(now) != LAYOUT(durable_) -> now = TORN; durable_ = TORN
		fi
	:: else
	fi
}

inline lose_power()
{
	do
	:: cx < CELLS * MEMBERS -> settle_cell(cur[cx], dur[cx]); cx++
	:: else -> break
	od;
	cx = 0;
	do
	:: cx < UB * MEMBERS -> settle_cell(ccur[cx], cdur[cx]); cx++
	:: else -> break
	od;
	cx = 0;
	user = idle; target = 0; missed = 0; owed = 0;
	pos = 0; published = 0; acked = 0; lo = 0; hi = 0; M = 0; flushed = 0; ended = 0; blocked = 0; shut = 1;
	drop_section(); drop_section(); D = 0; before = 0; stop = 0; paused = 0; finished = 0; manager = start;
	request = nothing; wanted = 0; answer = 0; orphan = 0;
	monitor = asleep; R = 0; F = 0; unsaved = 0; met = 0; arrived = 0; serving = 0;
	gone = 0;
#if MEMBERS == 2
	/* One may not come back, unless the record misses one already. Who is recorded as failed does not count. */
	if
	:: absents > 0 && failed[0] == 0 && failed[1] == 0 -> absents--; if :: gone = 1 :: gone = 2 fi
	:: true
	fi;
	ux = (LIVE(0) -> failed[0] : 0) | (LIVE(1) -> failed[1] : 0);
	gone = gone | ux;
	ux = 0;
	assert(gone != 3);
#endif
	cuts--;
	world = chosen
}

/* [A8.1] The newest record of those that are there. They may differ by one step. ANY_RECORD: [A7] both readings are right. */
inline choose_record()
{
	R = rec[FIRST_LIVE];
#if MEMBERS == 2
	if
	:: gone == 0 ->
		assert(rec[0] == rec[1] || MAX(rec[0], rec[1]) % 2 == 0 || MAX(rec[0], rec[1]) - MIN(rec[0], rec[1]) <= 2);
#ifdef ANY_RECORD
		if :: R = rec[0] :: R = rec[1] fi
#else
		R = MAX(rec[0], rec[1])
#endif
	:: else
	fi;
#endif
}

#if defined(FAULT_RESTORE_MIRRORED)
#define UNIT_BLOCK(k) (R / 2 * UB + UB - 1 - (k))
#else
#define UNIT_BLOCK(k) (R / 2 * UB + (k))
#endif

/* [A8.3] The copies of all members that are there, in the new layout. They must fit together. */
inline restore()
{
	do
	:: ix < UB ->
		vx = cdur[FIRST_LIVE * UB + ix];
#if MEMBERS == 2
		assert(gone != 0 || cdur[ix] == cdur[UB + ix]);
#endif
		vx = (vx / 8 == R / 2 -> NEW + vx % 8 : TORN);
		put(NEW_CELL(BLOCK(UNIT_BLOCK(ix))), vx);
		ix++
	:: else -> break
	od;
	ix = 0; vx = 0
}

/* PROMISED. R says which side each block is on. */
inline judge()
{
	pos = ADDR(R / 2 * UB);
	do
	:: mx < MEMBERS ->
		do
		:: LIVE(mx) && cx < N ->
			vx = cur[AT(mx, (CELL(cx)))];
			assert(LAYOUT(vx) == LAYOUT((SIDE(cx))));
			assert(vx % 8 >= promised[cx] && vx % 8 <= ver[cx]);
			cx++
		:: else -> break
		od;
		cx = 0;
		mx++
	:: else -> break
	od;
	mx = 0; vx = 0
}

/*
 * The array goes on. Of a block that was being written members may differ, each being right: they are made equal, as a resync does. Also on a
 * member that is absent, or else nobody could tell later what it missed from what had never been promised.
 */
inline go_on()
{
	do
	:: cx < N ->
		at = (CELL(cx));
		vx = cur[AT(FIRST_LIVE, at)];
		do
		:: mx < MEMBERS ->
			ux = cur[AT(mx, at)];
			if
			:: LAYOUT(ux) == LAYOUT(vx) && ux % 8 >= promised[cx] && ux % 8 <= ver[cx] ->
				cur[AT(mx, at)] = vx;
				dur[AT(mx, at)] = vx
			:: else
			fi;
			mx++
		:: else -> break
		od;
		mx = 0;
		ver[cx] = vx % 8;
		promised[cx] = vx % 8;
		cx++
	:: else -> break
	od;
	ux = 0;
	cx = 0; vx = 0; at = 0;
	flush_members();
	published = pos;
	acked = ADDR(0);
	new_monitor();
	world = running
}

active proctype Fate()
{
	d_step {
		do
		:: cx < CELLS * MEMBERS -> cur[cx] = EMPTY; dur[cx] = EMPTY; cx++
		:: else -> break
		od;
		cx = 0;
		do
		:: mx < MEMBERS ->
			do
			:: cx < N -> cur[AT(mx, OLD_CELL(cx))] = OLD; dur[AT(mx, OLD_CELL(cx))] = OLD; cx++
			:: else -> break
			od;
			cx = 0;
			mx++
		:: else -> break
		od;
		mx = 0;
		do
		:: cx < UB * MEMBERS -> ccur[cx] = NO_COPY; cdur[cx] = NO_COPY; cx++
		:: else -> break
		od;
		cx = 0;
		pos = ADDR(0); published = ADDR(0); acked = ADDR(0); lo = ADDR(0); hi = ADDR(0);
		world = running
	}
end:	do
#if FAILS > 0
	:: atomic { RUN && fails > 0 && gone == 0 -> fails--; blocked = 1; if :: gone = 1 :: gone = 2 fi }
#endif
#if MONITOR_KILLS > 0
	:: d_step { RUN && monitor_kills > 0 -> monitor_kills--; new_monitor() }
#endif
#if MANAGER_KILLS > 0
	/* A store that waits for writes is undone by the signal. What was sent may have arrived, and is done then. */
	:: atomic {
		RUN && manager_kills > 0 && manager != left ->
		manager_kills--;
		if :: manager == draining -> SET_FRONT(before) :: else fi;
		if
		:: request == answered -> request = nothing; answer = 0
		:: request == record || request == sync && arrived -> orphan = 1
		:: (request == record || request == sync) && !arrived -> request = nothing; wanted = 0
		:: request == nothing
		fi;
#ifdef FAULT_NO_RESTART
		manager = left
#else
		new_manager()
#endif
	   }
#endif
#if STOPS > 0
	:: d_step { RUN && stops > 0 && manager != left && !stop -> stops--; stop = 1 }
	:: d_step { RUN && manager == left && !finished -> new_manager() }
#endif
#if CUTS > 0
	:: atomic { (RUN || world == declared || world == agreed || world == restored || world == flushed_back || world == noted || world == even || world == judged) && cuts > 0 -> lose_power() }
	:: atomic {
		world == chosen ->
		choose_record();
#ifdef FAULT_IGNORE_COPY
		world = judged
#else
		if
#ifdef FAULT_RESTORE_UNEVEN
		:: R % 2 == 1 -> restore(); world = restored
#else
		:: R % 2 == 1 -> write_record(0); world = declared
#endif
#ifdef FAULT_RESTORE_DEAD
		:: R % 2 == 0 && R > 0 && cdur[FIRST_LIVE * UB] < TORN -> R--; restore(); R++; world = judged
#endif
		:: else -> world = judged
		fi
#endif
	   }
	/* [A8.3] All who carry the record say that the copy is valid, before the place is written. */
#if MEMBERS == 2
	:: d_step { world == declared -> write_record(1); world = agreed }
	:: d_step { world == agreed -> restore(); world = restored }
#else
	:: d_step { world == declared -> restore(); world = restored }
#endif
	/* [A8.4] Flush, note who is not there, then the record on one member after the other: only now the copy is dead. */
	:: d_step {
		world == restored ->
#ifndef FAULT_RESTORE_NOT_FLUSHED
		flush_members();
#endif
		world = flushed_back
	   }
	:: d_step {
		world == flushed_back ->
#ifndef FAULT_ABSENT_RESTORED
		do
		:: mx < MEMBERS ->
			if :: LIVE(mx) -> failed[mx] = failed[mx] | gone :: else fi;
			mx++
		:: else -> break
		od;
		mx = 0;
#endif
		world = noted
	   }
	:: d_step { world == noted -> R++; write_record(0); world = (MEMBERS == 2 -> even : judged) }
#if MEMBERS == 2
	:: d_step { world == even -> write_record(1); world = judged }
#endif
	:: d_step { world == judged -> judge(); if :: cuts > 0 -> go_on() :: else -> world = over fi }
#endif
	od
}
