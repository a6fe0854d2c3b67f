// SPDX-License-Identifier: GPL-2.0-only
// docs/migrations.md: every change of shape, asked of the code that decides about it.
#pragma once

#include "golden/migration_lab.h"

namespace emd::migrations {

struct Answer {
    enum class What { Takeover, Restripe, TwoSteps, No };
    What what = What::No;
    std::string text;                 // the options that ask for it, or the reason
    std::vector<std::string> facts{};  // of a restripe
    bool operator==(const Answer &other) const { return what == other.what && text == other.text; }
};

// A target: any of the layouts, by their words; none: whichever comes out.
struct Column {
    const char *title;
    int level;
    std::vector<std::string> layouts{};
};

// What emdadm --grow can make of it, in one command or in two.
Answer to_level(const Lab &lab, const Column &column);

std::string render();

}  // namespace emd::migrations
