// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <fmt/format.h>

int main(int argc, char **argv)
{
    const auto options = emd::cli::parse(argc, argv);
    if (!options) {
        fmt::print(stderr, "emdadm: {}\n", options.error().text());
        return 2;
    }
    return 0;
}
