// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in emd_bad_list.h. */
#include "emd_bad_list.h"
#include "emd_math.h"

#define MOST_SECTORS	(EMD_BAD_RANGES * EMD_BAD_LINE_SECTORS)	/* of what is added at once: no more lines fit */
#define MOST_DIGITS	20U

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

static __u32 digits(__u64 number)
{
	__u64 power = 10;
	__u32 nr = 1;

	for (; nr < MOST_DIGITS && number >= power; power *= 10)
		nr++;
	return nr;
}

/* Bytes of the lines that show these ranges. */
static __u32 text_of(const struct emd_bad_range *range, __u32 nr)
{
	__u32 i, done, some, text = 0;

	for (i = 0; i < nr; i++) {
		for (done = 0; done < range[i].sectors; done += some) {
			some = emd_bad_line(&range[i], done);
			text += digits(range[i].begin + done) + digits(some) + 2;
		}
	}
	return text;
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
	if (last && last->kind == kind && range_end(last) == begin) {
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

/* @p instead of ranges [@from, @to); @known: it says no more than they do. */
static int replace(struct emd_bad_list *list, __u32 from, __u32 to, const struct pieces *p, int known)
{
	__u32 text = list->text - text_of(&list->range[from], to - from) + text_of(p->range, p->nr);
	__u32 nr = list->nr - (to - from) + p->nr, i;

	if (nr > EMD_BAD_RANGES || (!known && text > EMD_BAD_TEXT && text > list->text))
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
	list->text = text;
	list->unacked += count_unacked(p->range, p->nr);
	return 0;
}

/* From now on [@begin, @end) is of kind @kind, whatever it was; @known: all of it was bad. */
static int put(struct emd_bad_list *list, __u64 begin, __u64 end, __u32 kind, int known)
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
	return replace(list, from, to, &p, known);
}

int emd_bad_add(struct emd_bad_list *list, __u64 begin, __u64 end, enum emd_bad_kind kind)
{
	int error = 0;

	if (begin >= end)
		return 0;
	if (end - begin > MOST_SECTORS)
		return -ENOSPC;
	if (kind == EMD_BAD_ACKED)
		return put(list, begin, end, kind, emd_bad_all(list, begin, end));
	while (!error && begin < end) {
		__u32 i = find(list, begin);
		__u64 gap_end = i < list->nr && list->range[i].begin < end ? list->range[i].begin : end;

		if (begin < gap_end) {
			error = put(list, begin, gap_end, kind, 0);
			begin = gap_end;
		} else {
			begin = range_end(&list->range[i]);
		}
	}
	return error;
}

int emd_bad_remove(struct emd_bad_list *list, __u64 begin, __u64 end)
{
	return begin < end && emd_bad_first(list, begin, end) < end ? put(list, begin, end, EMD_BAD_NONE, 0) : 0;
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

__u64 emd_bad_run(const struct emd_bad_list *list, __u64 sector)
{
	__u32 first = find(list, sector), last = first;

	if (first == list->nr || list->range[first].begin > sector)
		return 0;
	while (first && range_end(&list->range[first - 1]) == list->range[first].begin)
		first--;
	while (last + 1 < list->nr && list->range[last + 1].begin == range_end(&list->range[last]))
		last++;
	return range_end(&list->range[last]) - list->range[first].begin;
}
