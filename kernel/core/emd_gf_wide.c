// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stays in registers from one statement to the next, and why the compiler may use none of them here (the kernel's does not,
 * for the unit tests CMakeLists.txt says so):
 *
 *	0-3	P, or its difference from what it should be		8-11	data
 *	4-7	Q, the same						14	zeroes
 *	13	bits that should not be there				15	0x1d in each byte
 */
#ifdef __x86_64__

#include "emd_math.h"

#include "emd_gf_wide.h"

#define INLINE	static inline __attribute__((always_inline))
#define EACH_FOUR(op)	op("0", "4", "8", "0") op("1", "5", "9", "32") op("2", "6", "10", "64") op("3", "7", "11", "96")

INLINE void constants(void)
{
	__asm__ volatile("vpxor %%xmm14, %%xmm14, %%xmm14\n\t"
		     "vmovd %0, %%xmm15\n\t"
		     "vpbroadcastb %%xmm15, %%ymm15"
		     : : "r" (0x1d));
}

/* -- sums of the data ----------------------------------------------------------------------------------- */

#define LOAD(p, q, d, at)	"vmovdqu " at "(%0,%1), %%ymm" d "\n\t"
#define STORE(p, q, d, at)	"vmovdqu %%ymm" d ", " at "(%0,%1)\n\t"
#define BEGIN(p, q, d, at)	"vmovdqa %%ymm" d ", %%ymm" p "\n\tvmovdqa %%ymm" d ", %%ymm" q "\n\t"
#define ADD(p, q, d, at)	"vpxor %%ymm" d ", %%ymm" p ", %%ymm" p "\n\tvpxor %%ymm" d ", %%ymm" q ", %%ymm" q "\n\t"
#define TWICE(p, q, d, at)	"vpcmpgtb %%ymm" q ", %%ymm14, %%ymm12\n\t"		\
				"vpaddb %%ymm" q ", %%ymm" q ", %%ymm" q "\n\t"		\
				"vpand %%ymm15, %%ymm12, %%ymm12\n\t"			\
				"vpxor %%ymm12, %%ymm" q ", %%ymm" q "\n\t"
#define CLEAR(p, q, d, at)	"vpxor %%ymm" p ", %%ymm" p ", %%ymm" p "\n\tvpxor %%ymm" q ", %%ymm" q ", %%ymm" q "\n\t"

INLINE void load(const void *from, __u64 at)
{
	__asm__ volatile(EACH_FOUR(LOAD) : : "r" (from), "r" (at) : "memory");
}

INLINE void store(void *to, __u64 at)
{
	__asm__ volatile(EACH_FOUR(STORE) : : "r" (to), "r" (at) : "memory");
}

/* P' and Q' of the bytes at @at; with @from, what is there is stored in the places. */
INLINE void sum_up(void *const *place, const void *const *from, __u32 top, __u64 at)
{
	void *const *source = from ? (void *const *)from : place;
	__u32 i = top;

	if (!i--) {
		__asm__ volatile(EACH_FOUR(CLEAR) : :);
		return;
	}
	load(source[i], at);
	if (from)
		store(place[i], at);
	__asm__ volatile(EACH_FOUR(BEGIN) : :);
	while (i--) {
		__asm__ volatile(EACH_FOUR(TWICE) : :);
		if (!source[i])
			continue;
		load(source[i], at);
		if (from)
			store(place[i], at);
		__asm__ volatile(EACH_FOUR(ADD) : :);
	}
}

/* Places of data without the holes behind the last. */
static __u32 top_of(void *const *place, __u32 nr)
{
	for (nr -= 2; nr && !place[nr - 1]; nr--)
		;
	return nr;
}

/* -- what is done with them ----------------------------------------------------------------------------- */

#define STORE_P(p, q, d, at)	"vmovdqu %%ymm" p ", " at "(%0,%1)\n\t"
#define STORE_Q(p, q, d, at)	"vmovdqu %%ymm" q ", " at "(%0,%1)\n\t"
#define ADD_P(p, q, d, at)	"vpxor " at "(%0,%1), %%ymm" p ", %%ymm" p "\n\t"
#define ADD_Q(p, q, d, at)	"vpxor " at "(%0,%1), %%ymm" q ", %%ymm" q "\n\t"
#define LOAD_P(p, q, d, at)	"vmovdqu " at "(%0,%1), %%ymm" p "\n\t"
#define LOAD_Q(p, q, d, at)	"vmovdqu " at "(%0,%1), %%ymm" q "\n\t"
#define ADD_Q_TO_P(p, q, d, at)	"vpxor %%ymm" q ", %%ymm" p ", %%ymm" p "\n\t"
#define NOTE(p, q, d, at)	"vpor %%ymm" p ", %%ymm13, %%ymm13\n\tvpor %%ymm" q ", %%ymm13, %%ymm13\n\t"

#define MEMORY(op, address)	__asm__ volatile(EACH_FOUR(op) : : "r" (address), "r" (at) : "memory")

/* A table, in registers 8, 9; 10 has the lower half of each byte. */
INLINE void load_table(const struct emd_gf_table *table)
{
	__asm__ volatile("vbroadcasti128 (%0), %%ymm8\n\t"
		     "vbroadcasti128 (%1), %%ymm9\n\t"
		     "vpcmpeqb %%ymm10, %%ymm10, %%ymm10\n\t"
		     "vpsrlw $12, %%ymm10, %%ymm10\n\t"
		     "vpackuswb %%ymm10, %%ymm10, %%ymm10"
		     : : "r" (table->low), "r" (table->high) : "memory");
}

/* From @x, which stays, the product in 12. */
#define PRODUCT(x)	"vpand %%ymm10, %%ymm" x ", %%ymm11\n\t"		\
			"vpsrlw $4, %%ymm" x ", %%ymm12\n\t"			\
			"vpand %%ymm10, %%ymm12, %%ymm12\n\t"			\
			"vpshufb %%ymm11, %%ymm8, %%ymm11\n\t"			\
			"vpshufb %%ymm12, %%ymm9, %%ymm12\n\t"			\
			"vpxor %%ymm11, %%ymm12, %%ymm12\n\t"
#define MULTIPLY_Q(p, q, d, at)	PRODUCT(q) "vmovdqa %%ymm12, %%ymm" q "\n\t"
#define ADD_PRODUCT_OF_P(p, q, d, at)	PRODUCT(p) "vpxor %%ymm12, %%ymm" q ", %%ymm" q "\n\t"

void emd_gf_wide_generate(void *const *place, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);

	constants();
	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(STORE_P, p);
		MEMORY(STORE_Q, q);
	}
}

void emd_gf_wide_copy(void *const *place, const void *const *from, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);

	constants();
	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, from, top, at);
		MEMORY(STORE_P, p);
		MEMORY(STORE_Q, q);
	}
}

int emd_gf_wide_right(void *const *place, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);
	__u8 right;

	constants();
	__asm__ volatile("vpxor %%xmm13, %%xmm13, %%xmm13" : :);
	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(ADD_P, p);
		MEMORY(ADD_Q, q);
		__asm__ volatile(EACH_FOUR(NOTE) : :);
	}
	__asm__ volatile("vptest %%ymm13, %%ymm13\n\tsetz %0" : "=q" (right) : : "cc");
	return right;
}

void emd_gf_wide_change(void *p, void *q, const struct emd_gf_table *power, const void *old, const void *new_data, __u64 at, __u64 end)
{
	load_table(power);
	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		MEMORY(LOAD_P, old);
		MEMORY(ADD_P, new_data);
		MEMORY(LOAD_Q, q);
		__asm__ volatile(EACH_FOUR(ADD_PRODUCT_OF_P) : :);
		MEMORY(STORE_Q, q);
		MEMORY(ADD_P, p);
		MEMORY(STORE_P, p);
	}
}

/* -- unknown places ------------------------------------------------------------------------------------- */

void emd_gf_solve_begin(struct emd_gf_solve *solve, __u32 nr, __u32 a, __u32 b)
{
	__u32 first = a < b ? a : b, second = a < b ? b : a, p = nr - 2, q = nr - 1;

	solve->first = first;
	solve->second = second;
	if (first >= p)
		return;
	if (second == p) {
		emd_gf_table_fill(&solve->a, emd_gf_inverse(emd_gf_power(first)));
	} else if (second == q) {
		emd_gf_table_fill(&solve->a, emd_gf_power(first));
	} else {
		__u8 x = emd_gf_power(first), y = emd_gf_power(second), divisor = emd_gf_inverse(x ^ y);

		emd_gf_table_fill(&solve->a, emd_gf_times(y, divisor));
		emd_gf_table_fill(&solve->b, divisor);
	}
}

static void solve_q(void *const *place, __u32 nr, __u64 at, __u64 end)
{
	__u32 top = top_of(place, nr);

	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(STORE_Q, place[nr - 1]);
	}
}

static void solve_with_p(const struct emd_gf_solve *solve, void *data, void *const *place, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);

	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(ADD_Q, q);
		load_table(&solve->a);
		__asm__ volatile(EACH_FOUR(MULTIPLY_Q) : :);
		MEMORY(STORE_Q, data);
		__asm__ volatile(EACH_FOUR(ADD_Q_TO_P) : :);
		MEMORY(STORE_P, p);
	}
}

static void solve_with_q(const struct emd_gf_solve *solve, void *data, void *const *place, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);

	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(ADD_P, p);
		MEMORY(STORE_P, data);
		load_table(&solve->a);
		__asm__ volatile(EACH_FOUR(ADD_PRODUCT_OF_P) : :);
		MEMORY(STORE_Q, q);
	}
}

static void solve_two(const struct emd_gf_solve *solve, void *x, void *y, void *const *place, __u32 nr, __u64 at, __u64 end)
{
	void *p = place[nr - 2], *q = place[nr - 1];
	__u32 top = top_of(place, nr);

	for (; at < end; at += EMD_GF_WIDE_BYTES) {
		sum_up(place, NULL, top, at);
		MEMORY(ADD_P, p);
		MEMORY(ADD_Q, q);
		load_table(&solve->b);
		__asm__ volatile(EACH_FOUR(MULTIPLY_Q) : :);
		load_table(&solve->a);
		__asm__ volatile(EACH_FOUR(ADD_PRODUCT_OF_P) : :);
		MEMORY(STORE_Q, x);
		__asm__ volatile(EACH_FOUR(ADD_Q_TO_P) : :);
		MEMORY(STORE_P, y);
	}
}

void emd_gf_wide_solve(const struct emd_gf_solve *solve, void **place, __u32 nr, __u64 at, __u64 end)
{
	__u32 first = solve->first, second = solve->second, p = nr - 2, q = nr - 1;
	void *x = place[first], *y = place[second];

	constants();
	if (first == q) {
		solve_q(place, nr, at, end);
	} else if (first == p) {
		emd_gf_wide_generate(place, nr, at, end);
	} else if (second >= p) {
		place[first] = NULL;
		(second == p ? solve_with_p : solve_with_q)(solve, x, place, nr, at, end);
		place[first] = x;
	} else {
		place[first] = place[second] = NULL;
		solve_two(solve, x, y, place, nr, at, end);
		place[first] = x;
		place[second] = y;
	}
}

#endif
