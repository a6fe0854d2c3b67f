// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstring>
#include <fmt/format.h>

int main(int argc, char **argv)
{
    if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
        fmt::print("emdmon {}\n", EMD_VERSION);
        return 0;
    }
    fmt::print(stderr, "emdmon: only --version is understood\n");
    return 2;
}
