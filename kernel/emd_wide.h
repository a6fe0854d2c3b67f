/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vector registers of AVX2: who uses them says so before and after.
 *
 * In User Mode Linux the host keeps the registers of what a signal interrupts; KASAN would not see what they read.
 */
#ifndef _EMD_WIDE_H
#define _EMD_WIDE_H

#include <linux/types.h>

#if defined(CONFIG_X86_64) && !(defined(CONFIG_UML) && defined(CONFIG_KASAN))
#define EMD_HAS_WIDE
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#endif

/** emd_wide() - are they there, and may they be used here? */
static inline bool emd_wide(void)
{
#ifdef EMD_HAS_WIDE
	return boot_cpu_has(X86_FEATURE_AVX2) && irq_fpu_usable();
#else
	return false;
#endif
}

/** emd_wide_begin() - from here to emd_wide_end() nobody else has the CPU, so that should be short: see emd_wide_most(). */
static inline void emd_wide_begin(void)
{
#ifdef EMD_HAS_WIDE
	kernel_fpu_begin();
#endif
}

static inline void emd_wide_end(void)
{
#ifdef EMD_HAS_WIDE
	kernel_fpu_end();
#endif
}

/** emd_wide_most() - bytes of each of @nr columns that take less than a quarter of a millisecond. */
static inline size_t emd_wide_most(unsigned int nr)
{
	return nr <= 16 ? 16U << 10 : 4U << 10;
}

#endif
