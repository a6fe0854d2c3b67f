/* SPDX-License-Identifier: GPL-2.0-only */
/* One pass after another: tools/emdmon/keeper.cc round.cc metadata_writer.cc requests.cc, tools/libemd/format/imsm/image.cc */

#define UNITS_DONE (PROG(published) / UB)
#define ACK_DUE (!ended && acked != ADDR(R / 2 * UB))
#define UNRECORDED ((gone & (3 - F)) != 0)
#define ASKED ((request == sync || request == record) && !arrived)
#ifdef NO_GATE
#define NEWS (UNANSWERED || shut || UNRECORDED || UNITS_DONE > R / 2 || unsaved || ASKED)
#else
#define NEWS (UNANSWERED || shut || UNRECORDED || UNITS_DONE > R / 2 || unsaved || ASKED || ACK_DUE)
#endif
/* A failure may get into the record without the pass having met it: it has to be answered all the same. */
#ifdef FAULT_UNBLOCK_FORGOTTEN
#define UNANSWERED false
#else
#define UNANSWERED blocked
#endif

/* Who is absent at the start is recorded before the array is writable. */
#ifdef FAULT_ABSENT_LATE
#define LATE shut
#else
#define LATE false
#endif
/* A member that fails while the record is written is in it before anybody is answered. */
inline next_phase(phase)
{
	if
	:: UNRECORDED && !(LATE) -> F = F | gone; monitor = flush
	:: else -> monitor = phase
	fi
}

inline write_record(which)
{
	if :: LIVE(which) -> rec[which] = R :: else fi
}

inline give_answer(value)
{
	if
	:: orphan -> request = nothing; orphan = 0
	:: else -> request = answered; answer = value
	fi;
	arrived = 0
}

active proctype Monitor()
{
end:	do
	/* A pass reads everything: C first, then the members. What was asked before it began it answers. */
	:: d_step {
		RUN && monitor == asleep && NEWS ->
		arrived = request == sync || request == record;
#ifdef FAULT_ANSWER_EARLY
		if :: request == sync -> give_answer(UNITS_DONE * UB) :: else fi;
#endif
		met = blocked;
		if :: UNITS_DONE > R / 2 -> R = 2 * UNITS_DONE; unsaved = 1 :: else fi;
		if :: UNRECORDED && !(LATE) -> F = F | gone; unsaved = 1 :: else fi;
#ifdef FAULT_UNBLOCK_EARLY
		blocked = 0;
#endif
		if :: unsaved -> monitor = flush :: else -> monitor = reply fi
	   }
	/* [A8e] Flush the data, then the record on one member after the other, flushed, then the rest of the metadata. */
	:: d_step {
		RUN && monitor == flush ->
#if !defined(MONITOR_NO_FLUSH) && !defined(FAULT_NO_FLUSH) && !defined(FAULT_RECORD_BEFORE_DATA)
		flush_members();
#endif
		next_phase(first)
	   }
	:: d_step {
		RUN && monitor == first ->
		write_record(0);
#if MEMBERS == 2
		next_phase(second);
#ifdef FAULT_ANSWER_ONE_COPY
		if :: request == sync && arrived -> give_answer(R / 2 * UB) :: else fi;
#endif
#else
		next_phase(super);
#endif
		check_order()
	   }
#if MEMBERS == 2
	:: d_step { RUN && monitor == second -> write_record(1); next_phase(super); check_order() }
#endif
	:: d_step {
		RUN && monitor == super ->
		do
		:: mx < MEMBERS ->
			if :: LIVE(mx) -> failed[mx] = F :: else fi;
			mx++
		:: else -> break
		od;
		mx = 0;
#ifdef FAULT_RECORD_BEFORE_DATA
		flush_members();
#endif
		unsaved = 0;
		if :: serving -> next_phase(serve) :: else -> next_phase(reply) fi
	   }
	/* Only now the kernel is answered: the failure is durable, A := D. */
	:: d_step {
		RUN && monitor == reply ->
		if :: met -> blocked = 0; met = 0 :: else fi;
#ifndef NO_GATE
		if :: !ended -> acked = ADDR(R / 2 * UB) :: else fi;
#endif
		shut = 0;
		if :: arrived -> monitor = serve :: else -> monitor = asleep fi;
		check_order()
	   }
	:: d_step {
		RUN && monitor == serve ->
		if
		:: request == sync -> give_answer(R / 2 * UB); monitor = asleep
		:: request == record && !serving && R / 2 == wanted -> R = 2 * wanted + 1; unsaved = 1; serving = 1; monitor = flush
		:: request == record && !serving && R / 2 != wanted -> give_answer(0); monitor = asleep
		:: request == record && serving -> serving = 0; give_answer(1); monitor = asleep
		:: else -> arrived = 0; monitor = asleep
		fi
	   }
	od
}
