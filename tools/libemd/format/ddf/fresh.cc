// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/ddf/fresh.h"

#include <ctime>
#include <random>

namespace emd::ddf {

std::uint32_t random_word()
{
    static std::random_device device;
    return device();
}

std::uint32_t seconds_now()
{
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(std::time(nullptr)) - kEpoch);
}

Guid new_disk_guid()
{
    char date[32] = "";
    const std::time_t seconds = std::time(nullptr);
    std::tm utc{};
    if (gmtime_r(&seconds, &utc))
        std::strftime(date, sizeof(date), "%Y%m%d", &utc);
    Guid guid;
    put_text(guid, fmt::format("{}{}", kVendor, date));
    for (std::size_t i = 16; i < guid.size(); i++)
        guid[i] = static_cast<std::uint8_t>(random_word());
    return guid;
}

Guid new_guid(std::uint32_t seconds)
{
    Guid guid{};
    put_text(std::span(guid).first(kVendor.size()), kVendor);
    const Be32 words[] = {seconds, random_word()};
    std::memcpy(guid.data() + 16, words, sizeof(words));
    return guid;
}

}  // namespace emd::ddf
