// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/model/container.h"

#include "core/emd_mstate.h"
#include "emd/emd.h"

#include <algorithm>
#include <array>
#include <span>

namespace emd {

namespace {

std::uint32_t raid10_copies(std::uint32_t layout)
{
    return std::max(1u, layout & 0xff) * std::max(1u, layout >> 8 & 0xff);
}

// As the kernel judges it, by the same function.
Health health(const Shape &shape, std::span<const Slot> slots, int without)
{
    const auto works = [without](const Slot &slot) { return slot.disk >= 0 && slot.disk != without && slot.in_sync; };
    std::array<mdu_mstate_t, EMD_MAX_MEMBERS> child{};
    const std::size_t n = std::min(slots.size(), child.size());
    if (std::ranges::all_of(slots, works))
        return Health::Optimal;
    for (std::size_t i = 0; i < n; i++)
        child[i] = works(slots[i]) ? MDU_MSTATE_OPTIMAL : MDU_MSTATE_UNKNOWN;
    const auto state = emd_mstate_array(shape.level, shape.layout, static_cast<std::uint32_t>(n), child.data());
    return state == MDU_MSTATE_FAILED ? Health::Failed : Health::Degraded;
}

}  // namespace

std::string to_string(const Uuid &uuid)
{
    std::string text;
    for (std::size_t group = 0; group < uuid.size(); group += 4)
        text += fmt::format("{}{:02x}{:02x}{:02x}{:02x}", group ? ":" : "", uuid[group + 3], uuid[group + 2],
                            uuid[group + 1], uuid[group]);
    return text;
}

Result<Uuid> parse_uuid(std::string_view text)
{
    std::string digits;
    for (const char c : text)
        if (std::isxdigit(static_cast<unsigned char>(c)))
            digits += c;
        else if (c != ':' && c != '-' && c != '.' && c != ' ')
            return fail(Errc::Invalid, "'{}' is not a UUID: '{}' is no hexadecimal digit", text, c);

    Uuid uuid;
    if (digits.size() != 2 * uuid.size())
        return fail(Errc::Invalid, "'{}' is not a UUID: 32 hexadecimal digits are needed", text);
    for (std::size_t i = 0; i < uuid.size(); i++)
        uuid[i / 4 * 4 + 3 - i % 4] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
    return uuid;
}

std::uint32_t data_disks(const Shape &shape)
{
    const std::uint32_t n = shape.raid_disks;
    switch (shape.level) {
    case 1: return 1;
    case 4:
    case 5: return n > 1 ? n - 1 : 0;
    case 6: return n > 2 ? n - 2 : 0;
    case 10: return n / raid10_copies(shape.layout);
    default: return n;
    }
}

std::uint64_t array_sectors(const Shape &shape)
{
    if (shape.level == 10)  // an odd number of slots still holds half of all chunks
        return shape.component_sectors * shape.raid_disks / raid10_copies(shape.layout);
    return shape.component_sectors * data_disks(shape);
}

Result<bool> starts_in_sync(std::string_view name, const Shape &shape, std::size_t missing)
{
    switch (shape.level) {
    case 1: return missing + 1 == shape.raid_disks;
    case 4:
    case 5: return missing == 1;
    case 6:
        if (missing == 1)
            return fail(Errc::Refused, "{} misses one of two that it could do without, so its parity cannot be built: name all disks, or leave "
                                       "out two and add them afterwards",
                        name);
        return missing == 2;
    case 10: return false;
    default: return true;
    }
}

std::vector<DevNum> devices_of(const Container &container)
{
    std::vector<DevNum> all;
    for (const Disk &disk : container.disks)
        all.push_back(disk.dev);
    return all;
}

Place place_of(const Volume &volume, const Slot &slot)
{
    if (slot.data_sectors)
        return {slot.data_offset, slot.data_sectors};
    return {volume.data_offset, volume.shape.component_sectors};
}

// During a reshape both geometries must hold: part of the data lies in each.
Health health(const Volume &volume, int without)
{
    const Health source = health(volume.shape, volume.slots, without);
    if (!volume.reshape)
        return source;
    return std::max(source, health(volume.reshape->target, volume.reshape->target_slots, without));
}

bool needs(const Volume &volume, int disk)
{
    return health(volume) != Health::Failed && health(volume, disk) == Health::Failed;
}

const char *to_word(Health health)
{
    switch (health) {
    case Health::Optimal: return "optimal";
    case Health::Degraded: return "degraded";
    case Health::Failed: return "failed";
    }
    return "?";
}

const char *to_word(Activity activity)
{
    switch (activity) {
    case Activity::None: return "none";
    case Activity::Init: return "init";
    case Activity::Rebuild: return "rebuild";
    case Activity::Check: return "check";
    case Activity::Repair: return "repair";
    case Activity::Reshape: return "reshape";
    }
    return "?";
}

const char *to_word(DiskState state)
{
    switch (state) {
    case DiskState::Active: return "active";
    case DiskState::Spare: return "spare";
    case DiskState::Failed: return "failed";
    case DiskState::Missing: return "missing";
    }
    return "?";
}

std::string level_word(int level)
{
    if (level == EMD_LEVEL_LINEAR)
        return "linear";
    return level < 0 ? "none" : fmt::format("raid{}", level);
}

}  // namespace emd
