// SPDX-License-Identifier: GPL-2.0-only
#include "emd_pq.h"

#include <linux/minmax.h>
#include <linux/raid/pq.h>
#include <linux/string.h>

#include "core/emd_gf.h"
#include "emd_xor.h"

static void fill_holes(void **at, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr - 2; i++)
		if (!at[i])
			at[i] = (void *)raid6_empty_zero_page;
}

void emd_pq_generate(void **at, unsigned int nr, size_t bytes)
{
	fill_holes(at, nr);
	raid6_call.gen_syndrome(nr, bytes, at);
}

/* @at without holes; of the data, those of [first, last] have changed. */
static void change(void **at, unsigned int nr, unsigned int first, unsigned int last, size_t bytes)
{
	if (raid6_call.xor_syndrome)
		raid6_call.xor_syndrome(nr, first, last, bytes, at);
	else
		emd_gf_change(at, nr, bytes);
}

void emd_pq_change(void **at, unsigned int nr, size_t bytes)
{
	unsigned int i, first = nr, last = 0;

	for (i = 0; i < nr - 2; i++) {
		if (!at[i])
			continue;
		first = min(first, i);
		last = i;
	}
	if (first == nr)
		return;
	fill_holes(at, nr);
	change(at, nr, first, last, bytes);
}

/* Place @i, data or P, from the other data and P: in the sum P stands where it would. */
static void solve_by_sum(void **at, unsigned int nr, unsigned int i, size_t bytes)
{
	void *to = at[i];

	at[i] = at[nr - 2];
	emd_xor_sum(to, at, nr - 2, bytes);
	at[i] = to;
}

/* Q alone. What the kernel does to Q it does to P as well: so P is changed back. */
static void solve_q(void **at, unsigned int nr, size_t bytes)
{
	memset(at[nr - 1], 0, bytes);
	change(at, nr, 0, nr - 3, bytes);
	emd_xor(at[nr - 2], at, nr - 2, bytes);
}

void emd_pq_solve(void **at, unsigned int nr, unsigned int a, unsigned int b, size_t bytes)
{
	unsigned int first = min(a, b), second = max(a, b), p = nr - 2, q = nr - 1;

	fill_holes(at, nr);
	if (first == q) {
		solve_q(at, nr, bytes);
	} else if (first == second) {
		solve_by_sum(at, nr, first, bytes);
	} else if (first == p) {
		emd_pq_generate(at, nr, bytes);
	} else if (second == p) {
		raid6_datap_recov(nr, bytes, first, at);
	} else if (second == q) {
		solve_by_sum(at, nr, first, bytes);
		emd_pq_generate(at, nr, bytes);	/* P comes out as it is: the data was just computed from it */
	} else {
		raid6_2data_recov(nr, bytes, first, second, at);
	}
}
