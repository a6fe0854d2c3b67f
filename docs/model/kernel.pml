/* SPDX-License-Identifier: GPL-2.0-only */
/* The mover and users' writes: kernel/emd_reshape_pass.c emd_reshape.c emd_gate.c emd_gate_end.c emd_sync_suspend.c */

#define TO (MIN(KP + STEP, M))

/* [A4] Window: read the whole through the old map, write the whole through the new one, pos := next. */
inline move()
{
	ix = KP;
	ux = TO;
	do
	:: ix < ux ->
		vx = cur[AT(FIRST_LIVE, OLD_CELL(BLOCK(ix)))];
		assert(LAYOUT(vx) == LAYOUT(OLD));
		moved[ix % STEP] = vx;
		ix++
	:: else -> break
	od;
	ix = KP;
	do
	:: ix < ux -> put(NEW_CELL(BLOCK(ix)), NEW + moved[ix % STEP]); ix++
	:: else -> break
	od;
	pos = ADDR(ux);
	ix = 0;
	do :: ix < STEP -> moved[ix] = 0; ix++ :: else -> break od;
	ix = 0; ux = 0; vx = 0
}

active proctype Kernel()
{
end:	do
	/* The range lock: no request is in the window. */
	:: d_step { RUN && !ended && !flushed && KP < M && !UNDER_WAY(KP, TO) -> move(); check_reads(); check_order() }
	/* [A4] Publishing: flush all members; wait until a failure that was met is durable; C := pos. */
	:: d_step {
		RUN && !ended && !flushed && published != pos ->
#if !defined(KERNEL_NO_FLUSH) && !defined(FAULT_NO_FLUSH)
		flush_members();
#endif
		flushed = 1
	   }
#ifdef FAULT_PUBLISH_EARLY
	:: d_step { RUN && flushed -> published = pos; flushed = 0; check_order() }
#else
	:: d_step { RUN && flushed && !blocked -> published = pos; flushed = 0; check_order() }
#endif
	/* [A4] With the gate, the old geometry is not forgotten before A is the end. */
#ifdef NO_GATE
	:: d_step { RUN && !ended && KP == N && published == pos -> ended = 1 }
#else
	:: d_step { RUN && !ended && KP == N && published == pos && PROG(acked) == N -> ended = 1 }
#endif
	od
}

/* -- users ----------------------------------------------------------------------------------------------------------- */

#define SUSPENDED(b) (lo <= (b) && (b) < hi)
#if defined(NO_GATE) || defined(FAULT_NO_GATE)
#define GATED(b) false
#else
/* (I6) Writes to [A, pos) wait. */
#define GATED(b) (!ended && pos != acked && (b) < MAX(pos, acked) && (b) + 1 > MIN(pos, acked))
#endif
#define MAY_ENTER(b) (!shut && !SUSPENDED(b) && !(GATED(b)))
/* A write that missed a member ends when the failure is durable, and a flush too. */
#ifdef FAULT_ACK_EARLY
#define MAY_END true
#else
#define MAY_END (!(missed && blocked))
#endif

active proctype User()
{
end:	do
	:: atomic {
		RUN && user == idle && writes > 0 ->
		do :: target < N - 1 -> target++ :: break od;
		if
#ifdef LIVENESS
		:: user = parked
#else
		:: MAY_ENTER(target) -> user = admitted
		:: else -> target = 0
#endif
		fi
	   }
	:: d_step { RUN && user == parked && MAY_ENTER(target) -> user = admitted }
	:: d_step {
		RUN && user == admitted ->
		ver[target]++;
		writes--;
		at = (CELL(target));
		vx = (SIDE(target)) + ver[target];
		put(at, vx);
		at = 0; vx = 0;
		missed = gone != 0;
#ifdef CACHED
		user = waiting;
#else
		user = written;
#endif
		check_reads()
	   }
	/* Written through: the range is left when the members have it for good. */
	:: d_step {
		RUN && user == written ->
		mx = 0;
		ix = (CELL(target));
		do
		:: mx < MEMBERS ->
			if :: LIVE(mx) -> dur[AT(mx, ix)] = cur[AT(mx, ix)] :: else fi;
			mx++
		:: else -> break
		od;
		missed = gone != 0;
		user = waiting;
		ix = 0; mx = 0
	   }
	:: d_step {
		RUN && user == waiting && MAY_END ->
#ifdef CACHED
		owed = 1;
#else
		promised[target] = ver[target];
#endif
		user = idle; target = 0; missed = 0
	   }
#ifdef CACHED
	:: d_step {
		RUN && user == idle && owed && !blocked ->
		flush_members();
		do :: ix < N -> promised[ix] = ver[ix]; ix++ :: else -> break od;
		ix = 0; owed = 0
	   }
#endif
	od
}
