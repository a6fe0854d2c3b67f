// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in emd_bad_list.h. */
#include "emd_bad_list.h"
#include "emd_math.h"

#define MOST_SECTORS	0x80000000U	/* of one range */

static __u64 range_end(const struct emd_bad_range *r)
{
	return r->begin + r->sectors;
}

/* The first range that ends behind @sector. */
static __u32 find(const struct emd_bad_list *list, __u64 sector)
{
	__u32 lo = 0, hi = list->nr;

	while (lo < hi) {
		__u32 mid = (lo + hi) / 2;

		if (range_end(&list->range[mid]) > sector)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* What takes the place of some ranges: up to two that stay on either side, and the new one. */
struct pieces {
	struct emd_bad_range range[5];
	__u32 nr;
};

static void pieces_add(struct pieces *p, __u64 begin, __u64 end, __u32 kind)
{
	struct emd_bad_range *last = p->nr ? &p->range[p->nr - 1] : 0;

	if (begin >= end || kind == EMD_BAD_NONE)
		return;
	if (last && last->kind == kind && range_end(last) == begin && last->sectors + (end - begin) <= MOST_SECTORS) {
		last->sectors += (__u32)(end - begin);
		return;
	}
	p->range[p->nr].begin = begin;
	p->range[p->nr].sectors = (__u32)(end - begin);
	p->range[p->nr++].kind = kind;
}

static __u32 count_unacked(const struct emd_bad_range *range, __u32 nr)
{
	__u32 i, unacked = 0;

	for (i = 0; i < nr; i++)
		unacked += range[i].kind == EMD_BAD_UNACKED;
	return unacked;
}

/* @p instead of ranges [@from, @to). */
static int replace(struct emd_bad_list *list, __u32 from, __u32 to, const struct pieces *p)
{
	__u32 nr = list->nr - (to - from) + p->nr, i;

	if (nr > EMD_BAD_RANGES)
		return -ENOSPC;
	list->unacked -= count_unacked(&list->range[from], to - from);
	if (p->nr < to - from)
		for (i = to; i < list->nr; i++)
			list->range[i - to + from + p->nr] = list->range[i];
	else
		for (i = list->nr; i-- > to;)
			list->range[i - to + from + p->nr] = list->range[i];
	for (i = 0; i < p->nr; i++)
		list->range[from + i] = p->range[i];
	list->nr = nr;
	list->unacked += count_unacked(p->range, p->nr);
	return 0;
}

/* From now on [@begin, @end) is of kind @kind, whatever it was. */
static int put(struct emd_bad_list *list, __u64 begin, __u64 end, __u32 kind)
{
	struct pieces p = { .nr = 0 };
	__u32 from = find(list, begin), to = from;
	const struct emd_bad_range *r = list->range;

	/* A neighbour that touches it may become one with it. */
	if (from && range_end(&r[from - 1]) == begin)
		from--;
	while (to < list->nr && r[to].begin < end)
		to++;
	if (from < to && r[from].begin < begin)
		pieces_add(&p, r[from].begin, begin < range_end(&r[from]) ? begin : range_end(&r[from]), r[from].kind);
	pieces_add(&p, begin, end, kind);
	if (from < to && range_end(&r[to - 1]) > end)
		pieces_add(&p, end, range_end(&r[to - 1]), r[to - 1].kind);
	if (to < list->nr && r[to].begin == end) {
		pieces_add(&p, r[to].begin, range_end(&r[to]), r[to].kind);
		to++;
	}
	return replace(list, from, to, &p);
}

static int put_long(struct emd_bad_list *list, __u64 begin, __u64 end, __u32 kind)
{
	int error = 0;

	while (!error && begin < end) {
		__u64 some = end - begin < MOST_SECTORS ? end - begin : MOST_SECTORS;

		error = put(list, begin, begin + some, kind);
		begin += some;
	}
	return error;
}

int emd_bad_add(struct emd_bad_list *list, __u64 begin, __u64 end, enum emd_bad_kind kind)
{
	int error = 0;

	if (kind == EMD_BAD_ACKED)
		return put_long(list, begin, end, kind);
	while (!error && begin < end) {
		__u32 i = find(list, begin);
		__u64 gap_end = i < list->nr && list->range[i].begin < end ? list->range[i].begin : end;

		if (begin < gap_end) {
			error = put_long(list, begin, gap_end, kind);
			begin = gap_end;
		} else {
			begin = range_end(&list->range[i]);
		}
	}
	return error;
}

int emd_bad_remove(struct emd_bad_list *list, __u64 begin, __u64 end)
{
	return begin < end && emd_bad_first(list, begin, end) < end ? put(list, begin, end, EMD_BAD_NONE) : 0;
}

int emd_bad_all(const struct emd_bad_list *list, __u64 begin, __u64 end)
{
	__u32 i = find(list, begin);

	for (; begin < end && i < list->nr && list->range[i].begin <= begin; i++)
		begin = range_end(&list->range[i]);
	return begin >= end;
}

__u64 emd_bad_first(const struct emd_bad_list *list, __u64 begin, __u64 end)
{
	__u32 i = find(list, begin);

	if (i == list->nr || list->range[i].begin >= end)
		return end;
	return list->range[i].begin > begin ? list->range[i].begin : begin;
}
