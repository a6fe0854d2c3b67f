// SPDX-License-Identifier: GPL-2.0-only
// DDF's levels in md's numbers.
#include "libemd/format/ddf/fresh.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <bit>
#include <emd/emd.h>
#include <string_view>

namespace emd::ddf {

namespace {

enum Level : std::uint8_t { kRaid0 = 0x00, kRaid1 = 0x01, kRaid4 = 0x04, kRaid5 = 0x05, kRaid6 = 0x06, kRaid1E = 0x11 };

struct Mapping {
    std::uint8_t level, qualifier;
    int md_level;
    std::uint32_t layout;
};

constexpr Mapping kMappings[] = {
    {kRaid0, 0, 0, 0},
    {kRaid4, 1, 4, 0},  // parity on the last disk
    {kRaid5, 0, 5, EMD_LAYOUT_RIGHT_ASYMMETRIC},
    {kRaid5, 2, 5, EMD_LAYOUT_LEFT_ASYMMETRIC},
    {kRaid5, 3, 5, EMD_LAYOUT_LEFT_SYMMETRIC},
    {kRaid6, 1, 6, EMD_LAYOUT_DDF_ZERO_RESTART},
    {kRaid6, 2, 6, EMD_LAYOUT_DDF_N_RESTART},
    {kRaid6, 3, 6, EMD_LAYOUT_DDF_N_CONTINUE},
    {kRaid1E, 0, 10, EMD_LAYOUT_RAID10_NEAR(2)},
};

constexpr std::uint8_t kStriped = 0, kSpanned = 3;
constexpr std::string_view kPeer = "Linux-MD";

bool made_by_peer(const Guid &controller)
{
    return std::ranges::equal(kPeer, std::span(controller).first(kPeer.size()), [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// Two or three copies: the qualifier says which.
Result<> check_mirror(const ConfigBytes &config)
{
    if (config.qualifier > 1 || config.primary_count.get() != 2u + config.qualifier)
        return fail(Errc::Unsupported, "a RAID1 of {} disks with qualifier {} is not supported", config.primary_count.get(), config.qualifier);
    return {};
}

Result<Shape> simple_shape(const ConfigBytes &config, const Guid &controller)
{
    Shape shape;
    shape.raid_disks = config.primary_count.get();
    if (config.level == kRaid1) {
        EMD_TRY(check_mirror(config));
        shape.level = 1;
        return shape;
    }
    // By the standard the copies of RAID1E with this qualifier lie in the next row; the peer means the other half of the disks.
    if (config.level == kRaid1E && config.qualifier == 1) {
        shape.level = 10;
        shape.layout = made_by_peer(controller) ? EMD_LAYOUT_RAID10_FAR(2) : EMD_LAYOUT_RAID10_FAR(2) | EMD_LAYOUT_RAID10_OFFSET;
        return shape;
    }
    const auto found = std::ranges::find_if(kMappings, [&](const Mapping &m) { return m.level == config.level && m.qualifier == config.qualifier; });
    if (found == std::end(kMappings))
        return fail(Errc::Unsupported, "its RAID level, {:#04x} with qualifier {}, is not supported", config.level, config.qualifier);
    shape.level = found->md_level;
    shape.layout = found->layout;
    return shape;
}

// Mirrors side by side, each with its own record. Spanned mirrors are striped, too, in chunks of the record.
Result<Shape> secondary_shape(const ConfigBytes &config)
{
    const std::uint8_t how = config.secondary_level;
    if (config.level != kRaid1 || (how != kStriped && how != kSpanned))
        return fail(Errc::Unsupported, "secondary level {} over RAID level {:#04x} is not supported", how, config.level);
    EMD_TRY(check_mirror(config));
    Shape shape;
    shape.level = 10;
    shape.layout = EMD_LAYOUT_RAID10_NEAR(config.primary_count.get());
    shape.raid_disks = std::uint32_t{config.primary_count.get()} * config.secondary_count;
    return shape;
}

}  // namespace

Result<Shape> shape_of(const ConfigBytes &config, const Guid &controller)
{
    if (config.secondary_count == 0 || config.primary_count.get() == 0)
        return fail(Errc::Corrupt, "its configuration record names no disks");
    Shape shape = EMD_TRY(config.secondary_count > 1 ? secondary_shape(config) : simple_shape(config, controller));
    if (shape.raid_disks > EMD_MAX_MEMBERS)
        return fail(Errc::Unsupported, "it has {} members, and EMD takes {}", shape.raid_disks, int{EMD_MAX_MEMBERS});
    shape.component_sectors = config.blocks.get();
    if (shape.component_sectors == 0 || shape.component_sectors >= kMostSectors)
        return fail(Errc::Corrupt, "its members have {} sectors", shape.component_sectors);
    if (shape.level == 1) {
        if (shape.component_sectors % 2)
            return fail(Errc::Unsupported, "its size ends with half a KiB, which EMD cannot map");
        return shape;
    }
    constexpr unsigned least = 3, most = 17;  // a page, and what EMD takes
    if (config.strip < least || config.strip > most)
        return fail(Errc::Unsupported, "its strips of 2^{} sectors are not supported: EMD takes 4 KiB to 64 MiB", config.strip);
    shape.chunk_sectors = 1u << config.strip;
    shape.component_sectors -= shape.component_sectors % shape.chunk_sectors;
    if (shape.component_sectors == 0 || data_disks(shape) == 0)
        return fail(Errc::Corrupt, "its {} members of {} sectors have no room for data", shape.raid_disks, config.blocks.get());
    return shape;
}

namespace {

Result<> check_count(const Shape &shape)
{
    const std::uint32_t n = shape.raid_disks, least = shape.level == 6 ? 4 : shape.level == 0 ? 2 : 3;
    if (n < least || n > EMD_MAX_MEMBERS)
        return fail(Errc::Invalid, "{} disks do not make a {} of DDF: it takes {} to {}", n, level_word(shape.level), least, int{EMD_MAX_MEMBERS});
    return {};
}

Result<> put_mirror(ConfigBytes &config, std::uint32_t copies)
{
    config.level = kRaid1;
    config.qualifier = static_cast<std::uint8_t>(copies - 2);
    config.primary_count = static_cast<std::uint16_t>(copies);
    return {};
}

// As mdadm records md's layouts: whole mirrors side by side, or RAID1E where the last one would not be whole.
Result<> put_raid10(ConfigBytes &config, const Shape &shape)
{
    const std::uint32_t n = shape.raid_disks, copies = shape.layout & 0xff;
    if ((copies != 2 && copies != 3) || shape.layout != EMD_LAYOUT_RAID10_NEAR(copies) || (copies == 3 && n % copies))
        return fail(Errc::Unsupported, "DDF has no such RAID10: it has n2, and n3 with a multiple of three disks");
    if (n == copies)
        return fail(Errc::Invalid, "{} disks with {} copies are a RAID1 in DDF: take --level=1", n, copies);
    EMD_TRY(check_count(shape));
    if (n % copies) {
        config.level = kRaid1E;
        config.qualifier = 0;
        return {};
    }
    EMD_TRY(put_mirror(config, copies));
    config.secondary_count = static_cast<std::uint8_t>(n / copies);
    config.secondary_level = kSpanned;
    return {};
}

const char *layouts_of(int level)
{
    switch (level) {
    case 4: return "parity-last";
    case 5: return "left-symmetric, left-asymmetric and right-asymmetric";
    case 6: return "ddf-zero-restart, ddf-N-restart and ddf-N-continue";
    default: return "one only";
    }
}

}  // namespace

Result<ConfigBytes> config_of(const Shape &shape)
{
    ConfigBytes config = unused<ConfigBytes>();
    config.primary_count = static_cast<std::uint16_t>(shape.raid_disks);
    config.secondary_count = 1;
    config.secondary_sequence = 0;
    if (shape.level == 1) {
        if (shape.raid_disks != 2 && shape.raid_disks != 3)
            return fail(Errc::Unsupported, "DDF has mirrors of 2 and of 3 disks, not of {}: take --level=10 for more disks", shape.raid_disks);
        EMD_TRY(put_mirror(config, shape.raid_disks));
        return config;
    }
    if (!std::has_single_bit(shape.chunk_sectors))
        return fail(Errc::Invalid, "a chunk of {} KiB does not suit DDF: powers of two do", shape.chunk_sectors / 2);
    config.strip = static_cast<std::uint8_t>(std::countr_zero(shape.chunk_sectors));
    if (shape.level == 10) {
        EMD_TRY(put_raid10(config, shape));
        return config;
    }
    const auto of_level = [&](const Mapping &m) { return m.md_level == shape.level; };
    if (std::ranges::none_of(kMappings, of_level))
        return fail(Errc::Unsupported, "EMD makes no {} of DDF: it makes RAID0, RAID1, RAID4, RAID5, RAID6 and RAID10", level_word(shape.level));
    EMD_TRY(check_count(shape));
    const auto found = std::ranges::find_if(kMappings, [&](const Mapping &m) { return of_level(m) && m.layout == shape.layout; });
    if (found == std::end(kMappings))
        return fail(Errc::Unsupported, "DDF has no such layout of {}: it has {}", level_word(shape.level), layouts_of(shape.level));
    config.level = found->level;
    config.qualifier = found->qualifier;
    return config;
}

}  // namespace emd::ddf
