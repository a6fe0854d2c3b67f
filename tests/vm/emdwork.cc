// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

int main()
{
    fmt::print(stderr, "usage: emdwork COMMAND\n");
    return 2;
}
