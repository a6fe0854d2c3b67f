// SPDX-License-Identifier: GPL-2.0-only
// emdadm.conf.
#include "fuzz/disks.h"

#include "config.h"

using namespace emd;
using namespace emd::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const auto config = cli::parse_config({reinterpret_cast<const char *>(data), size}, "emdadm.conf");
    if (!config)
        return 0;
    for (const cli::ArrayLine &line : config->arrays)
        (void)config->name_of(line.uuid);
    (void)config->claims("imsm", "8c310886:6e77fabb:c667a8f8:ce65e640");
    (void)config->looks_at("/dev/sda");
    return 0;
}
