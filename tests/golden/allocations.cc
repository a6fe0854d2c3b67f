// SPDX-License-Identifier: GPL-2.0-only
#include "golden/allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local unsigned long count;
}

void *operator new(std::size_t size)
{
    count++;
    if (void *memory = std::malloc(size ? size : 1))
        return memory;
    throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

unsigned long emd::golden::allocations() { return count; }
