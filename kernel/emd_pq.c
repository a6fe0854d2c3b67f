// SPDX-License-Identifier: GPL-2.0-only
#include "emd_pq.h"

#include <linux/minmax.h>
#include <linux/raid/pq.h>
#include <linux/string.h>

#include "core/emd_gf_wide.h"
#include "emd_wide.h"
#include "emd_xor.h"

/* -- by registers, in parts after which somebody else may have the CPU ----------------------------------- */

#define for_each_part(at, end, nr, bytes)							\
	for ((at) = 0; (at) < (bytes) && ((end) = min((bytes), (at) + emd_wide_most(nr))); (at) = (end))

static void generate_wide(void **place, unsigned int nr, size_t bytes)
{
	size_t at, end;

	for_each_part(at, end, nr, bytes) {
		emd_wide_begin();
		emd_gf_wide_generate(place, nr, at, end);
		emd_wide_end();
	}
}

static void solve_wide(void **place, unsigned int nr, unsigned int a, unsigned int b, size_t bytes)
{
	struct emd_gf_solve solve;
	size_t at, end;

	emd_gf_solve_begin(&solve, nr, a, b);
	for_each_part(at, end, nr, bytes) {
		emd_wide_begin();
		emd_gf_wide_solve(&solve, place, nr, at, end);
		emd_wide_end();
	}
}

/* -- by the kernel's functions, in steps that are no longer than the page of zeroes ------------------------- */

static void fill_holes(void **at, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr - 2; i++)
		if (!at[i])
			at[i] = (void *)raid6_empty_zero_page;
}

static void move_on(void **at, unsigned int nr, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (at[i] != raid6_empty_zero_page)
			at[i] += bytes;
}

#define for_each_step(step, at, nr, bytes)							\
	for (; (bytes) && ((step) = min_t(size_t, EMD_PQ_STEP, (bytes))); (bytes) -= (step), move_on(at, nr, step))

static void generate_steps(void **at, unsigned int nr, size_t bytes)
{
	size_t step;

	fill_holes(at, nr);
	for_each_step(step, at, nr, bytes)
		raid6_call.gen_syndrome(nr, step, at);
}

/* @at without holes; of the data, those of [first, last] have changed. */
static void change(void **at, unsigned int nr, unsigned int first, unsigned int last, size_t bytes)
{
	if (raid6_call.xor_syndrome)
		raid6_call.xor_syndrome(nr, first, last, bytes, at);
	else
		emd_gf_change(at, nr, bytes);
}

/* Data @i and Q. P comes out as it is, as the data was just computed from it. */
static void solve_with_q(void **at, unsigned int nr, unsigned int i, size_t bytes)
{
	void *to = at[i];

	at[i] = at[nr - 2];
	emd_xor_sum(to, at, nr - 2, bytes);
	at[i] = to;
	raid6_call.gen_syndrome(nr, bytes, at);
}

/* Q alone. What the kernel does to Q it does to P as well: so P is changed back. */
static void solve_q(void **at, unsigned int nr, size_t bytes)
{
	memset(at[nr - 1], 0, bytes);
	change(at, nr, 0, nr - 3, bytes);
	emd_xor(at[nr - 2], at, nr - 2, bytes);
}

/* Two places, or Q. */
static void solve_step(void **at, unsigned int nr, unsigned int first, unsigned int second, size_t bytes)
{
	unsigned int p = nr - 2, q = nr - 1;

	if (first == q) {
		solve_q(at, nr, bytes);
	} else if (first == p) {
		raid6_call.gen_syndrome(nr, bytes, at);
	} else if (second == p) {
		raid6_datap_recov(nr, bytes, first, at);
	} else if (second == q) {
		solve_with_q(at, nr, first, bytes);
	} else {
		raid6_2data_recov(nr, bytes, first, second, at);
	}
}

static void solve_steps(void **at, unsigned int nr, unsigned int first, unsigned int second, size_t bytes)
{
	size_t step;

	fill_holes(at, nr);
	for_each_step(step, at, nr, bytes)
		solve_step(at, nr, first, second, step);
}

/* -- either --------------------------------------------------------------------------------------------- */

void emd_pq_generate(void **at, unsigned int nr, size_t bytes)
{
	if (emd_wide())
		generate_wide(at, nr, bytes);
	else
		generate_steps(at, nr, bytes);
}

bool emd_pq_wide(void)
{
	return emd_wide();
}

void emd_pq_copy(void **at, const void *const *from, unsigned int nr, size_t bytes)
{
	emd_wide_begin();
	emd_gf_wide_copy(at, from, nr, 0, bytes);
	emd_wide_end();
}

size_t emd_pq_right(void **place, unsigned int nr, size_t bytes)
{
	size_t at = 0, step, end;
	bool right = emd_wide();

	while (right && at < bytes) {
		end = min(bytes, at + emd_wide_most(nr));
		emd_wide_begin();
		while (right && at < end) {
			step = min_t(size_t, EMD_PQ_STEP, end - at);
			right = emd_gf_wide_right(place, nr, at, at + step);
			at += right ? step : 0;
		}
		emd_wide_end();
	}
	return at;
}

void emd_pq_change(void **at, unsigned int nr, size_t bytes)
{
	unsigned int i, first = nr, last = 0;
	size_t step;

	for (i = 0; i < nr - 2; i++) {
		if (!at[i])
			continue;
		first = min(first, i);
		last = i;
	}
	if (first == nr)
		return;
	fill_holes(at, nr);
	for_each_step(step, at, nr, bytes)
		change(at, nr, first, last, step);
}

void emd_pq_change_one(void *p, void *q, unsigned int place, const void *old, const void *new, size_t bytes)
{
	struct emd_gf_table table;
	size_t at, end;

	emd_gf_table_fill(&table, emd_gf_power(place));
	for_each_part(at, end, 4, bytes) {
		emd_wide_begin();
		emd_gf_wide_change(p, q, &table, old, new, at, end);
		emd_wide_end();
	}
}

/* Place @i, data or P: the sum of the other data and P. In the sum P stands where it would. */
static void solve_sum(void **at, unsigned int nr, unsigned int i, size_t bytes)
{
	unsigned int from, some = 0;
	void *to = at[i];

	at[i] = at[nr - 2];
	for (from = 0; from < nr - 2; from++)
		if (at[from])
			at[some++] = at[from];
	emd_xor_sum(to, at, some, bytes);
}

void emd_pq_solve(void **at, unsigned int nr, unsigned int a, unsigned int b, size_t bytes)
{
	if (a == b && a != nr - 1)
		solve_sum(at, nr, a, bytes);
	else if (emd_wide())
		solve_wide(at, nr, a, b, bytes);
	else
		solve_steps(at, nr, min(a, b), max(a, b), bytes);
}
