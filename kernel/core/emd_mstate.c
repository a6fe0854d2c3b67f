// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a member.
 *
 * Theory
 *
 * The table names the legal transitions only; a zero means "cannot happen". An entry
 * carries LEGAL beside the new state, because UNKNOWN, which is 0, is a proper successor.
 * FAILED and TEARDOWN are final: the one thing that may still come is the other of the two.
 */
#include "emd_mstate.h"

#define LEGAL	0x100
#define U	(LEGAL | MDU_MSTATE_UNKNOWN)
#define O	(LEGAL | MDU_MSTATE_OPTIMAL)
#define D	(LEGAL | MDU_MSTATE_DEGRADED)
#define F	(LEGAL | MDU_MSTATE_FAILED)
#define T	(LEGAL | MDU_MSTATE_TEARDOWN)
#define R	MDU_MSTATE_REBUILD_TARGET
#define I	MDU_MSTATE_INITIALIZING
#define NR_STATES 0x40

static const __u16 next_state[NR_STATES][EMD_NR_MEVENTS] = {
	[MDU_MSTATE_UNKNOWN] = {
		[EMD_MEV_ACTIVATE] = O, [EMD_MEV_REBUILD] = O | R, [EMD_MEV_INIT] = O | I,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = U,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_OPTIMAL] = {
		[EMD_MEV_ACTIVATE] = O, [EMD_MEV_REBUILD] = O | R, [EMD_MEV_INIT] = O | I,
		[EMD_MEV_DEGRADE] = D, [EMD_MEV_RESTORE] = O,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = O,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_DEGRADED] = {
		[EMD_MEV_ACTIVATE] = D, [EMD_MEV_REBUILD] = D | R, [EMD_MEV_INIT] = D | I,
		[EMD_MEV_DEGRADE] = D, [EMD_MEV_RESTORE] = O,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = D,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_OPTIMAL | R] = {
		[EMD_MEV_ACTIVATE] = O, [EMD_MEV_REBUILD] = O | R, [EMD_MEV_INSYNC] = O,
		[EMD_MEV_DEGRADE] = D | R, [EMD_MEV_RESTORE] = O | R,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = O,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_DEGRADED | R] = {
		[EMD_MEV_ACTIVATE] = D, [EMD_MEV_REBUILD] = D | R, [EMD_MEV_INSYNC] = D,
		[EMD_MEV_DEGRADE] = D | R, [EMD_MEV_RESTORE] = O | R,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = D,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_OPTIMAL | I] = {
		[EMD_MEV_ACTIVATE] = O, [EMD_MEV_REBUILD] = O | R, [EMD_MEV_INIT] = O | I,
		[EMD_MEV_INIT_DONE] = O, [EMD_MEV_DEGRADE] = D | I, [EMD_MEV_RESTORE] = O | I,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = O,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_DEGRADED | I] = {
		[EMD_MEV_ACTIVATE] = D, [EMD_MEV_REBUILD] = D | R, [EMD_MEV_INIT] = D | I,
		[EMD_MEV_INIT_DONE] = D, [EMD_MEV_DEGRADE] = D | I, [EMD_MEV_RESTORE] = O | I,
		[EMD_MEV_SPARE] = U, [EMD_MEV_RELEASE] = D,
		[EMD_MEV_FAIL] = F, [EMD_MEV_TEARDOWN] = T,
	},
	[MDU_MSTATE_FAILED] = {
		[EMD_MEV_TEARDOWN] = F | T,
	},
	[MDU_MSTATE_TEARDOWN] = {
		[EMD_MEV_FAIL] = F | T,
	},
};

int emd_mstate_next(mdu_mstate_t state, enum emd_mevent event)
{
	__u16 next;

	if (state >= NR_STATES || (unsigned int)event >= EMD_NR_MEVENTS)
		return -1;
	next = next_state[state][event];
	return next & LEGAL ? next & ~LEGAL : -1;
}

int emd_mstate_valid(mdu_mstate_t state)
{
	switch (state & ~(mdu_mstate_t)MDU_MSTATE_MODIFIER_MASK) {
	case MDU_MSTATE_OPTIMAL:
	case MDU_MSTATE_DEGRADED:
		state &= MDU_MSTATE_MODIFIER_MASK;
		return state == 0 || state == R || state == I;
	case MDU_MSTATE_UNKNOWN:
	case MDU_MSTATE_FAILED:
	case MDU_MSTATE_TEARDOWN:
	case MDU_MSTATE_FAILED | MDU_MSTATE_TEARDOWN:
		return (state & MDU_MSTATE_MODIFIER_MASK) == 0;
	}
	return 0;
}

/* Appends @word at @used; what does not fit is counted only. */
static int append(char *buf, __u32 size, int used, const char *word)
{
	if (used)
		for (const char *comma = ","; *comma; comma++, used++)
			if ((__u32)used + 1 < size)
				buf[used] = *comma;
	for (; *word; word++, used++)
		if ((__u32)used + 1 < size)
			buf[used] = *word;
	if (size)
		buf[(__u32)used < size ? (__u32)used : size - 1] = '\0';
	return used;
}

int emd_mstate_words(mdu_mstate_t state, char *buf, __u32 size)
{
	static const struct {
		mdu_mstate_t bit;
		const char *word;
	} words[] = {
#define X(name, bit, word) { bit, word },
		EMD_MSTATES(X)
#undef X
	};
	int used = 0;

	for (__u32 i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (state & words[i].bit)
			used = append(buf, size, used, words[i].word);
	return used ? used : append(buf, size, 0, "unknown");
}

static int readable(const mdu_mstate_t *child, __u32 slot)
{
	return MDU_MSTATE_READABLE(child[slot]);
}

/* RAID10: data is lost when all copies of some chunk are. Layout: near | far << 8 | offset << 16. */
static int raid10_whole(__u32 layout, __u32 raid_disks, const mdu_mstate_t *child)
{
	__u32 near = layout & 0xff, far = (layout >> 8) & 0xff;

	for (__u32 chunk = 0; chunk < raid_disks; chunk++) {
		int alive = 0;

		for (__u32 f = 0; f < far; f++)
			for (__u32 n = 0; n < near; n++)
				alive |= readable(child, (chunk * near + f * near + n) % raid_disks);
		if (!alive)
			return 0;
	}
	return 1;
}

mdu_mstate_t emd_mstate_array(__s32 level, __u32 layout, __u32 raid_disks, const mdu_mstate_t *child)
{
	__u32 missing = 0;
	int whole;

	for (__u32 i = 0; i < raid_disks; i++)
		missing += !readable(child, i);
	if (!raid_disks)
		return MDU_MSTATE_FAILED;
	if (!missing)
		return MDU_MSTATE_OPTIMAL;

	switch (level) {
	case 1:
		whole = missing < raid_disks;
		break;
	case 4:
	case 5:
		whole = missing <= 1;
		break;
	case 6:
		whole = missing <= 2;
		break;
	case 10:
		whole = raid10_whole(layout, raid_disks, child);
		break;
	default:
		whole = 0;
	}
	return whole ? MDU_MSTATE_DEGRADED : MDU_MSTATE_FAILED;
}
