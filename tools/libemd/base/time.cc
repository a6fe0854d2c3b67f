// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/base/time.h"

#include <ctime>

namespace emd {

std::string format_time(std::uint64_t seconds)
{
    const auto when = static_cast<std::time_t>(seconds);
    std::tm local{};
    char text[64];
    if (seconds == 0 || !localtime_r(&when, &local) || !std::strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &local))
        return "Unknown";
    return text;
}

}  // namespace emd
