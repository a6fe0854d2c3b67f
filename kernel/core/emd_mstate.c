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
#include "emd_geometry.h"
#include "emd_math.h"
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

/*
 * Of all chunks of RAID10: how many readable copies have the one with the fewest, and the one with the most? Which slots
 * hold the copies of a chunk repeats after as many chunks as there are slots.
 */
static void raid10_copies(__u32 layout, __u32 raid_disks, const mdu_mstate_t *child, __u32 *fewest, __u32 *most)
{
	struct emd_geometry geo = {
		.level = 10, .layout = layout, .raid_disks = raid_disks, .chunk_sectors = EMD_MIN_CHUNK_SECTORS,
	};

	*fewest = *most = 0;
	geo.member_sectors = (__u64)raid_disks * emd_geometry_copies(&geo) * geo.chunk_sectors;
	if (emd_geometry_validate(&geo, NULL))
		return;
	for (__u64 chunk = 0; chunk < raid_disks; chunk++) {
		__u32 alive = 0;

		for (__u32 copy = 0; copy < emd_geometry_copies(&geo); copy++) {
			struct emd_place place;

			emd_geometry_copy(&geo, chunk * geo.chunk_sectors, copy, &place);
			alive += readable(child, place.slot);
		}
		*fewest = chunk && *fewest < alive ? *fewest : alive;
		*most = *most > alive ? *most : alive;
	}
}

static __u32 count_missing(__u32 raid_disks, const mdu_mstate_t *child)
{
	__u32 missing = 0;

	for (__u32 i = 0; i < raid_disks; i++)
		missing += !readable(child, i);
	return missing;
}

int emd_mstate_redundant(__s32 level, __u32 layout, __u32 raid_disks, const mdu_mstate_t *child)
{
	__u32 missing = count_missing(raid_disks, child), fewest, most;

	switch (level) {
	case 1:
		return missing + 1 < raid_disks;
	case 4:
	case 5:
		return !missing;
	case 6:
		return missing <= 1;
	case 10:
		raid10_copies(layout, raid_disks, child, &fewest, &most);
		return most > 1;
	}
	return 0;
}

mdu_mstate_t emd_mstate_array(__s32 level, __u32 layout, __u32 raid_disks, const mdu_mstate_t *child)
{
	__u32 missing = count_missing(raid_disks, child), fewest, most;
	int whole;

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
		raid10_copies(layout, raid_disks, child, &fewest, &most);
		whole = fewest > 0;
		break;
	default:
		whole = 0;
	}
	return whole ? MDU_MSTATE_DEGRADED : MDU_MSTATE_FAILED;
}
