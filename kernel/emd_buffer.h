/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of operations, from a page up: slices of data, and the operations themselves.
 *
 * Theory
 *
 * Taking them from the page allocator and giving them back costs more than what is done with them: it clears them
 * (init_on_alloc is the default of many distributions), and those above a few pages come from the zone's shared lists. So
 * each CPU keeps what it got back for the next who asks, last in, first out, as that is still in the cache. What
 * was not needed for a second is given back. A buffer holds what its last user left.
 */
#ifndef _EMD_BUFFER_H
#define _EMD_BUFFER_H

#include <linux/types.h>

#define EMD_BUFFER_MAX	131072U

int emd_buffer_module_init(void);
void emd_buffer_module_exit(void);

/** emd_buffer_alloc() - at least @bytes, at most EMD_BUFFER_MAX, aligned to a page. Context: any that @gfp allows. Return: NULL without memory. */
void *emd_buffer_alloc(unsigned int bytes, gfp_t gfp);

/** emd_buffer_free() - give it back, with the @bytes it was asked for. Context: any. */
void emd_buffer_free(void *buffer, unsigned int bytes);

#endif
