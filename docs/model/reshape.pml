/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The reshape protocol of docs/external-reshape-design.txt, for Spin. `make prove` runs it, scripts/check-model knows how.
 *
 * Actors, and the code that they stand for:
 *
 *   Kernel   the mover, its publishing and its end         kernel/emd_reshape_pass.c
 *   User     writes, the suspension, the gate              kernel/emd_gate.c emd_sync_suspend.c emd_reshape.c
 *   Monitor  a pass: facts, record, flush, write, reply    tools/emdmon/keeper.cc round.cc metadata_writer.cc requests.cc
 *   Manager  next(), command by command                    tools/libemd/reshape/engine.cc executor.cc copy_area.cc
 *   Fate     a member fails, a process dies, the power     restore() and the assembly: tools/libemd/reshape/restore.cc
 *            goes; then the recovery, step by step         tools/libemd/plan/assemble.cc
 *
 * The world. A block is one byte of state: the layout that it was written in (OLD, NEW) and a version, which each write of a
 * user makes larger by one. A member holds it in a cache (cur) and for good (dur). A flush makes dur = cur; a power cut
 * keeps, loses or, where old and new differ in layout, tears each block that is in the cache only, every one by itself. Members hold the
 * same blocks, as in a mirror: "any member that counts as good must be right" is what parity promises, too. What
 * cannot be shown so is the write hole of parity, which is not the business of this protocol.
 * Positions are as in the design, P counted in blocks. Kernel and record hold addresses, the manager progress: ADDR and PROG convert.
 *
 * Which rule stands where: [An] section n of the design, (In) its invariant in section 6; search for them below.
 * What is judged:
 *   READ     users read what they wrote, at every moment                        (I8)
 *   PROMISED after a power cut no block is older than what a flush has promised (I8, I9), on any member that counts as good (I11)
 *   ORDER    A <= D <= C <= pos <= M; L <= D; [D, M) in backups or <= Psafe     (I1, I2, I4; with -DORDER)
 *   ends     with -DLIVENESS: the reshape ends, every write ends, nothing stays suspended (claims at the end of the file)
 *
 * Parameters. SHIFT: the data offset changes by so many blocks. GROW: one data disk becomes two. SHRINK: two become one.
 * Without any: in place. BACKWARD, UNITS, UB: blocks per unit. STEP: blocks that the mover takes at once. MEMBERS 1 or 2. WRITES, FAILS,
 * MONITOR_KILLS, MANAGER_KILLS, STOPS (a manager that shall leave), BACKUP_FAILS, CUTS, ABSENT (who does not come back from a cut):
 * how often. NO_GATE: the kernel has no emd/reshape_acked. CACHED: writes are reported before they are flushed.
 * KERNEL_NO_FLUSH, MONITOR_NO_FLUSH: one of the two flushes before a checkpoint is left out; the other one is enough.
 * FAULT_x leaves a rule out; scripts/check-model names them all.
 */
#include "world.pml"
#include "manager.pml"
#include "kernel.pml"
#include "monitor.pml"
#include "fate.pml"

#ifdef LIVENESS
ltl ends { <> (finished && user == idle && writes == 0) }
ltl released { [] (user == parked -> <> (user != parked)) }
#endif
