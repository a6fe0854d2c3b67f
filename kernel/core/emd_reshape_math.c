// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic of a reshape.
 *
 * Theory
 *
 * Sector x lies, before the reshape, in the old stripe row floor(x / (co * Do)); that row takes the
 * member sectors [row * co, (row + 1) * co) on every member, and because of parity the whole row is
 * needed as long as one of its sectors is. The new row t of w * Dn array sectors takes the member
 * sectors [t * w + delta, (t + 1) * w + delta), counted from the old data offset.
 *
 * While the checkpoint D is what the metadata says, a crash means that the work is done again from D,
 * from the old rows of all sectors that are not moved before D. Forward these begin at
 *	R(D) = floor(D / (co * Do)) * co
 * so new rows may be written up to member sector R(D), which is array position (R(D) - delta) * Dn.
 * Backward they end at ceil(D / (co * Do)) * co. Old rows that hold nothing which the new array keeps
 * (the tail of a shrink) are not needed by anybody.
 *
 * Invariant: no new row in [D, Psafe(D)) overlaps a needed old row, and one step more does, or leaves
 * the array. tests/unit/test_reshape_math.cc holds it against sets of member rows.
 */
#include "emd_math.h"
#include "emd_reshape_math.h"

/* Beyond this a data offset cannot have been meant, and products below stay within 64 bits. */
#define DELTA_MAX	(1LL << 40)
#define SECTORS_MAX	(1ULL << 54)	/* per member: 8 EiB, what a block device can have */

static __u64 gcd(__u64 a, __u64 b)
{
	while (b) {
		__u64 rest = emd_mod(a, b);

		a = b;
		b = rest;
	}
	return a;
}

static __u64 round_to(__u64 value, __u64 multiple)
{
	return value - emd_mod(value, multiple);
}

static __u64 div_up(__u64 value, __u64 by)
{
	return emd_div(value + by - 1, by);
}

static __u64 min64(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* Old sectors from here on are kept by nobody: behind the old array, or behind the new one. */
static __u64 data_end(const struct emd_reshape_plan *plan)
{
	return min64(plan->array_old, plan->array_new);
}

/* (row - delta) * Dn: the position whose new row begins at member sector @row; below 0 is 0. */
static __u64 position_of_row(const struct emd_reshape_plan *plan, __u64 row)
{
	__s64 sector = (__s64)row - plan->delta;

	return sector > 0 ? (__u64)sector * plan->data_new : 0;
}

/* Free space between the old rows and the new ones, in array sectors, where the work begins. */
static __s64 headroom(const struct emd_reshape_plan *plan)
{
	return (plan->backward ? plan->delta : -plan->delta) * (__s64)plan->data_new;
}

/* Does the distance between old and new rows grow (or stay) as the work goes on? */
static int gap_opens(const struct emd_reshape_plan *plan)
{
	return plan->backward ? plan->data_new <= plan->data_old : plan->data_new >= plan->data_old;
}

/*
 * A direction is valid if at every step the old data that are still to be moved lie wholly behind
 * the new rows. The distance changes linearly, so the ends of the range decide. Where it shrinks, the
 * old row that a step cuts has to stay whole too, hence one old row of margin at the far end.
 */
static int direction_valid(const struct emd_reshape_plan *plan)
{
	__u64 closes, room;

	if (headroom(plan) < 0)
		return 0;
	if (gap_opens(plan))
		return 1;
	room = (__u64)headroom(plan);
	closes = plan->backward ? plan->data_new - plan->data_old : plan->data_old - plan->data_new;
	closes = div_up(data_end(plan), plan->data_old) * closes;
	return room >= closes + (__u64)plan->chunk_old * plan->data_new;
}

static int refuse(const char **why, const char *sentence)
{
	if (why)
		*why = sentence;
	return -EINVAL;
}

/* RAID1 and other levels without chunks move by the page. */
static __u32 chunk_of(const struct emd_geometry *geo)
{
	return geo->chunk_sectors ? geo->chunk_sectors : EMD_MIN_CHUNK_SECTORS;
}

/* A row of members is a row of the array: as many chunks in each, the next row behind it. */
static int has_rows(const struct emd_geometry *geo)
{
	__u32 copies = emd_geometry_copies(geo);

	return geo->level != 10 || (geo->layout == EMD_LAYOUT_RAID10_NEAR(copies) && geo->raid_disks % copies == 0);
}

int emd_reshape_plan_init(struct emd_reshape_plan *plan,
			  const struct emd_geometry *from, const struct emd_geometry *to,
			  __s64 delta, int backward, const char **why)
{
	struct emd_reshape_plan p = { .delta = delta };

	if (from->nr_zones > 1 || to->nr_zones > 1)
		return refuse(why, "members of unequal size cannot be reshaped");
	if (from->level == EMD_LEVEL_LINEAR || to->level == EMD_LEVEL_LINEAR)
		return refuse(why, "a linear array has no stripes to reshape");
	if (!has_rows(from) || !has_rows(to))
		return refuse(why, "RAID10 can be reshaped with near copies on a multiple of as many members only");
	if (delta >= DELTA_MAX || delta <= -DELTA_MAX)
		return refuse(why, "the change of the data offset is too large");

	p.data_old = emd_geometry_data_disks(from);
	p.data_new = emd_geometry_data_disks(to);
	p.chunk_old = chunk_of(from);
	p.chunk_new = chunk_of(to);
	if (!p.data_old || !p.data_new)
		return refuse(why, "too few members to hold data");

	p.w = p.chunk_old > p.chunk_new ? p.chunk_old : p.chunk_new;
	p.step = (__u64)p.w * p.data_new;
	p.unit = emd_div((__u64)p.chunk_old * p.data_old, gcd((__u64)p.chunk_old * p.data_old, p.step)) * p.step;
	p.member_sectors = round_to(min64(from->member_sectors, to->member_sectors), p.w);
	if (!p.member_sectors)
		return refuse(why, "the members are smaller than the larger chunk");
	if (from->member_sectors > SECTORS_MAX || to->member_sectors > SECTORS_MAX)
		return refuse(why, "the members are too large");
	p.array_old = emd_geometry_array_sectors(from);
	p.array_new = p.member_sectors * p.data_new;

	if (backward < 0)
		p.backward = p.data_new < p.data_old || (p.data_new == p.data_old && delta > 0);
	else
		p.backward = !!backward;
	if (!direction_valid(&p))
		return refuse(why, "in this direction new data would overwrite old data that are not moved yet");
	*plan = p;
	return 0;
}

__u64 emd_reshape_start(const struct emd_reshape_plan *plan)
{
	return plan->backward ? plan->array_new : 0;
}

__u64 emd_reshape_end(const struct emd_reshape_plan *plan)
{
	return plan->backward ? 0 : plan->array_new;
}

__u64 emd_reshape_to_member(const struct emd_reshape_plan *plan, __u64 pos)
{
	__u64 row = emd_div(pos, plan->data_new);

	if (!plan->backward)
		return row;
	return row < plan->member_sectors ? plan->member_sectors - row : 0;
}

__u64 emd_reshape_from_member(const struct emd_reshape_plan *plan, __u64 value)
{
	if (value > plan->member_sectors)
		value = plan->member_sectors;
	return (plan->backward ? plan->member_sectors - value : value) * plan->data_new;
}

static __u64 safe_forward(const struct emd_reshape_plan *plan, __u64 durable)
{
	__u64 row_sectors = (__u64)plan->chunk_old * plan->data_old;
	__u64 safe;

	if (durable >= data_end(plan))
		return plan->array_new;
	safe = position_of_row(plan, emd_div(durable, row_sectors) * plan->chunk_old);
	safe = round_to(min64(safe, plan->array_new), plan->step);
	return safe > durable ? safe : durable;
}

static __u64 safe_backward(const struct emd_reshape_plan *plan, __u64 durable)
{
	__u64 row_sectors = (__u64)plan->chunk_old * plan->data_old;
	__u64 needed = min64(durable, data_end(plan));
	__u64 safe = position_of_row(plan, div_up(needed, row_sectors) * plan->chunk_old);

	safe = div_up(safe, plan->step) * plan->step;
	return needed && safe < durable ? safe : needed ? durable : 0;
}

__u64 emd_reshape_safe(const struct emd_reshape_plan *plan, __u64 durable)
{
	return plan->backward ? safe_backward(plan, durable) : safe_forward(plan, durable);
}

int emd_reshape_critical(const struct emd_reshape_plan *plan, __u64 durable)
{
	__u64 one_step = emd_reshape_advance(plan, durable, plan->step);

	return one_step != durable && emd_reshape_before(plan, emd_reshape_safe(plan, durable), one_step);
}

__u64 emd_reshape_critical_sectors(const struct emd_reshape_plan *plan)
{
	__u64 room = (__u64)headroom(plan);	/* a valid plan has no negative one */
	__u64 limit = data_end(plan);
	__u64 diff = plan->data_new > plan->data_old ? plan->data_new - plan->data_old
						     : plan->data_old - plan->data_new;
	__u64 harmless;

	if (!diff)
		return room >= plan->unit ? 0 : limit;
	if (gap_opens(plan)) {
		/* The gap begins with @room and grows by diff / Do for each sector that is moved. */
		if (room >= plan->unit)
			return 0;
		return min64(plan->unit * div_up((plan->unit - room) * plan->data_old, diff * plan->unit), limit);
	}
	/* The offset gives room, and the change of members uses it up: the high end is critical. */
	if (room < plan->unit)
		return limit;
	harmless = emd_div((room - plan->unit) * plan->data_old, diff * plan->unit) * plan->unit;
	if (!plan->backward)
		harmless += plan->unit;
	return harmless < limit ? limit - harmless : 0;
}

__u64 emd_reshape_advance(const struct emd_reshape_plan *plan, __u64 pos, __u64 sectors)
{
	if (plan->backward)
		return pos > sectors ? pos - sectors : 0;
	return sectors < plan->array_new && pos < plan->array_new - sectors ? pos + sectors : plan->array_new;
}

int emd_reshape_before(const struct emd_reshape_plan *plan, __u64 a, __u64 b)
{
	return plan->backward ? a > b : a < b;
}

__u64 emd_reshape_window(const struct emd_reshape_plan *plan, __u64 pos, __u64 limit, __u64 budget)
{
	__u64 grain = plan->unit <= budget ? plan->unit : plan->step;
	__u64 end;

	if (plan->backward) {
		end = pos > budget ? div_up(pos - budget, grain) * grain : 0;
		return end > limit ? end : limit;
	}
	end = round_to(pos + budget, grain);
	return min64(end, limit);
}

int emd_reshape_whole(const struct emd_reshape_plan *plan, __u64 pos)
{
	return pos == plan->array_new || !emd_mod(pos, plan->unit);
}
