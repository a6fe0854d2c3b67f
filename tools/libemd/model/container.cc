// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/model/container.h"

#include "emd/emd.h"

#include <algorithm>
#include <span>

namespace emd {

namespace {

std::uint32_t raid10_copies(std::uint32_t layout)
{
    return std::max(1u, layout & 0xff) * std::max(1u, layout >> 8 & 0xff);
}

// RAID10 has lost data when all slots that hold the copies of one chunk are gone. Copies lie on neighbouring slots;
// "near" copies that divide the number of slots always form the same groups.
bool raid10_failed(const Shape &shape, std::span<const Slot> slots)
{
    const std::size_t n = slots.size();
    const std::size_t copies = raid10_copies(shape.layout);
    const bool groups = (shape.layout >> 8 & 0xff) <= 1 && n % copies == 0;

    for (std::size_t first = 0; first < n; first += groups ? copies : 1) {
        std::size_t good = 0;
        for (std::size_t i = 0; i < copies; i++)
            good += slots[(first + i) % n].in_sync;
        if (good == 0)
            return true;
    }
    return false;
}

Health health(const Shape &shape, std::span<const Slot> slots)
{
    const auto bad = static_cast<std::uint32_t>(
        std::ranges::count_if(slots, [](const Slot &slot) { return slot.disk < 0 || !slot.in_sync; }));
    if (bad == 0)
        return Health::Optimal;

    bool failed = true;
    switch (shape.level) {
    case 1: failed = bad >= slots.size(); break;
    case 4:
    case 5: failed = bad > 1; break;
    case 6: failed = bad > 2; break;
    case 10: failed = raid10_failed(shape, slots); break;
    }
    return failed ? Health::Failed : Health::Degraded;
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

// During a reshape both geometries must hold: part of the data lies in each.
Health health(const Volume &volume)
{
    const Health source = health(volume.shape, volume.slots);
    if (!volume.reshape)
        return source;
    return std::max(source, health(volume.reshape->target, volume.reshape->target_slots));
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
