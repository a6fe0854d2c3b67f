// SPDX-License-Identifier: GPL-2.0-only
// Texts of one word: sizes, UUIDs, levels, layouts, a drive's serial number.
#include "fuzz/disks.h"

#include "libemd/base/size.h"
#include "libemd/device/serial.h"
#include "libemd/kernel/array.h"
#include "options.h"

using namespace emd;
using namespace emd::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char *>(data), size);
    if (const auto bytes = parse_size(text)) {
        const auto again = parse_size(fmt::to_string(*bytes), 1);
        promise(again && *again == *bytes, "a size in bytes is that size");
        (void)format_size(*bytes);
        (void)format_size_pair(*bytes);
        (void)format_size_brief(*bytes);
    }
    if (const auto uuid = parse_uuid(text))
        promise(parse_uuid(to_string(*uuid)).value() == *uuid, "a UUID reads as it is printed");
    (void)parse_level(text);
    (void)cli::parse_level_option(text).has_value();
    for (const int level : {0, 1, 5, 6, 10})
        (void)cli::parse_layout(text, level).has_value();
    promise(parse_vpd80(std::as_bytes(std::span(data, size))).size() <= size, "a serial number is part of its page");
    return 0;
}
