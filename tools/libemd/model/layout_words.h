// SPDX-License-Identifier: GPL-2.0-only
// The peer's words for the layouts of RAID4, 5 and 6, in both directions.
#ifndef EMD_MODEL_LAYOUT_WORDS_H
#define EMD_MODEL_LAYOUT_WORDS_H

#include <cstdint>
#include <emd/emd.h>
#include <string_view>

namespace emd {

struct LayoutWord {
    std::string_view word;
    std::uint32_t layout;
    int level = 4;  // the lowest that has it
};

// A layout's first word is the one to print.
inline constexpr LayoutWord kLayoutWords[] = {
    {"left-asymmetric", EMD_LAYOUT_LEFT_ASYMMETRIC}, {"la", EMD_LAYOUT_LEFT_ASYMMETRIC},
    {"right-asymmetric", EMD_LAYOUT_RIGHT_ASYMMETRIC}, {"ra", EMD_LAYOUT_RIGHT_ASYMMETRIC},
    {"left-symmetric", EMD_LAYOUT_LEFT_SYMMETRIC}, {"ls", EMD_LAYOUT_LEFT_SYMMETRIC},
    {"right-symmetric", EMD_LAYOUT_RIGHT_SYMMETRIC}, {"rs", EMD_LAYOUT_RIGHT_SYMMETRIC},
    {"parity-first", EMD_LAYOUT_PARITY_FIRST}, {"parity-last", EMD_LAYOUT_PARITY_LAST},
    {"ddf-zero-restart", EMD_LAYOUT_DDF_ZERO_RESTART, 6}, {"ddf-N-restart", EMD_LAYOUT_DDF_N_RESTART, 6},
    {"ddf-N-continue", EMD_LAYOUT_DDF_N_CONTINUE, 6},
    {"left-asymmetric-6", EMD_LAYOUT_LEFT_ASYMMETRIC_6, 6}, {"right-asymmetric-6", EMD_LAYOUT_RIGHT_ASYMMETRIC_6, 6},
    {"left-symmetric-6", EMD_LAYOUT_LEFT_SYMMETRIC_6, 6}, {"right-symmetric-6", EMD_LAYOUT_RIGHT_SYMMETRIC_6, 6},
    {"parity-first-6", EMD_LAYOUT_PARITY_FIRST_6, 6},
};

}  // namespace emd

#endif
