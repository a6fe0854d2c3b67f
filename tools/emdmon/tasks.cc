// SPDX-License-Identifier: GPL-2.0-only
#include "tasks.h"

#include "libemd/kernel/array.h"
#include "libemd/model/bad_blocks.h"

#include <algorithm>

namespace emd::mon {
namespace {

// The member that this disk is in the array, unless it is a failed one that has still to go.
Result<std::optional<MemberInfo>> find_member(const Array &array, DevNum dev)
{
    for (MemberInfo &m : EMD_TRY(array.members()))
        if (m.dev == dev && !m.has("faulty"))
            return std::optional(std::move(m));
    return std::optional<MemberInfo>();
}

// Without a slot, its data where the volume has it. A member that an interrupted emdmon left half prepared is used.
Result<std::string> prepare_member(Array &array, DevNum dev, std::uint64_t offset, std::uint64_t size)
{
    const std::optional<MemberInfo> member = EMD_TRY(find_member(array, dev));
    if (!member)
        return array.add_member(dev, offset, size);
    if (member->slot >= 0 || (member->offset == offset && member->size == size))
        return member->name;
    const Result<> moved = array.set_member(member->name, "offset", fmt::to_string(offset));
    if (moved)
        EMD_TRY(array.set_member(member->name, "size", fmt::to_string(size / 2)));
    if (moved)
        return member->name;
    // Its size was set before its offset, or wrongly: only a new beginning helps.
    EMD_TRY(array.set_member(member->name, "state", "remove"));
    return array.add_member(dev, offset, size);
}

int reserved_slot(const Array &array, const std::string &member)
{
    const Result<std::string> text = array.sysfs().read(array.own_path(fmt::format("{}/reserved_slot", member)));
    return text && !text->empty() && text->front() != 'n' ? std::atoi(text->c_str()) : -1;
}

// It may begin by itself as soon as the slot is taken, and it may have ended before anybody can look: so what is busy, and then idle, is
// asked once more. An order with nothing to do is void.
Result<> start_recovery(Array &array)
{
    const auto try_it = [&](std::string &now) {
        Result<> started = array.set("sync_action", "recover");
        now = started ? "recover" : array.action().value_or("");
        return now == "recover" ? Result<>() : started;
    };
    std::string now;
    const Result<> started = try_it(now);
    return now == "idle" ? try_it(now) : started;
}

struct BadList {
    std::vector<BadRange> bad;
    bool kept;
};

// Where a member's data is now, and by how much a reshape moves it.
struct Extent {
    std::uint64_t offset, size;
    std::int64_t shift;
};

Result<> place(Array array, Placement::What what, DevNum dev, int slot, const Extent &data, const BadList &list,
               const ParityLogPlace::Area &log, bool returning)
{
    if (what != Placement::What::Recover) {
        const std::string member = EMD_TRY(prepare_member(array, dev, data.offset, data.size));
        const bool there = EMD_TRY(array.member(member)).slot == slot || reserved_slot(array, member) == slot;
        if (!there && returning)
            EMD_TRY(array.set_member(member, "state", "insync"));
        if (!there && data.shift)
            EMD_TRY(array.set_member(member, "new_offset", fmt::to_string(data.offset + static_cast<std::uint64_t>(data.shift))));
        if (!there)
            EMD_TRY(array.give_bad_blocks(member, list.bad, list.kept));
        if (!there)
            EMD_TRY(array.give_log_place(member, log));
        if (!there)
            EMD_TRY(array.set_member(member, "slot", fmt::to_string(slot)));
    }
    if (what != Placement::What::Reserve)
        EMD_TRY(start_recovery(array));
    return {};
}

Result<> withdraw(Array array, const std::vector<DevNum> &disks)
{
    for (const DevNum dev : disks) {
        const std::optional<MemberInfo> member = EMD_TRY(find_member(array, dev));
        if (!member || member->slot >= 0)
            continue;
        if (reserved_slot(array, member->name) >= 0)
            EMD_TRY(array.set_member(member->name, "slot", "none"));
        EMD_TRY(array.set_member(member->name, "state", "remove"));
    }
    return {};
}

// Whoever proposed had shut the gates. They are opened first: some levels have sync_max only as long as something is proposed.
Result<> forget_proposal(Array &array)
{
    const Result<std::string> limit = array.get("sync_max");
    const Result<> opened = !limit || *limit == "max" ? Result<>() : array.set("sync_max", "max");
    const Result<> forgotten = array.set("reshape_position", "none");
    return opened ? forgotten : opened;
}

// What each gives, and then what all do.
Result<> use_more(Array &array, std::uint64_t component_sectors)
{
    for (const MemberInfo &m : EMD_TRY(array.members()))
        if (m.slot >= 0 && m.size < component_sectors)
            EMD_TRY(array.set_member(m.name, "size", fmt::to_string(component_sectors / 2)));
    return array.set("component_size", component_sectors / 2);
}

Result<> follow_record(Array &array, const Leftover &leftover)
{
    if (leftover.component_sectors)
        return use_more(array, leftover.component_sectors);
    if (!leftover.level.empty())
        return array.set("level", leftover.level);
    return leftover.mirrors ? array.set("raid_disks", leftover.mirrors) : Result<>();
}

Result<> unlock(Array &array)
{
    std::string version = EMD_TRY(array.metadata_version());
    if (version.starts_with("external:-")) {
        version[9] = '/';
        EMD_TRY(array.set("metadata_version", version));
    }
    return array.action().value_or("") == "frozen" ? array.set("sync_action", "idle") : Result<>();
}

// What is refused on the way, it is thawed all the same: only then can somebody rebuild, or ask for it again.
Result<> unfreeze(Array array, const Leftover &leftover)
{
    const Result<> forgotten = forget_proposal(array);
    const Result<> followed = follow_record(array, leftover);
    EMD_TRY(unlock(array));
    EMD_TRY(followed);
    const Result<> withdrawn = withdraw(array, leftover.surplus);
    return forgotten ? withdrawn : forgotten;
}

}  // namespace

Clerk::Task place_member(Sysfs &sysfs, std::string array, const Placement &placement, const Container &container)
{
    const Volume *volume = find_volume(container, placement.volume);
    const DevNum dev = container.disks.at(static_cast<std::size_t>(placement.disk)).dev;
    const std::vector<Slot> &slots = volume->reshape ? volume->reshape->target_slots : volume->slots;
    const Slot &recorded = slots.at(placement.slot);
    const Shape &shape = volume->reshape ? volume->reshape->target : volume->shape;
    const bool own = recorded.data_sectors != 0;
    const Extent data{own ? recorded.data_offset : volume->data_offset, own ? recorded.data_sectors : shape.component_sectors,
                      volume->reshape ? volume->reshape->data_shift : 0};
    const Disk &disk = container.disks.at(static_cast<std::size_t>(placement.disk));
    const BadList list{bad_blocks(container, placement.disk), disk.bad_room != 0 && is_redundant(shape.level)};
    const bool logged = volume->parity_log && placement.slot < volume->parity_log->areas.size();
    const ParityLogPlace::Area log = logged ? volume->parity_log->areas[placement.slot] : ParityLogPlace::Area{};
    const bool returning = recorded.returning;
    return [=, &sysfs, name = std::move(array), what = placement.what, slot = static_cast<int>(placement.slot)] {
        return place(Array(sysfs, name), what, dev, slot, data, list, log, returning);
    };
}

Clerk::Task remove_member(Sysfs &sysfs, std::string array, std::string member)
{
    return [&sysfs, array, member]() -> Result<> {
        const Result<> removed = Array(sysfs, array).set_member(member, "state", "remove");
        // Gone already is what is wanted.
        if (!removed && removed.error().code() != Errc::NotFound && removed.error().code() != Errc::Gone)
            return removed;
        return {};
    };
}

Clerk::Task withdraw_members(Sysfs &sysfs, std::string array, std::vector<DevNum> disks)
{
    return [&sysfs, array, disks] { return withdraw(Array(sysfs, array), disks); };
}

Clerk::Task thaw(Sysfs &sysfs, std::string array, Leftover leftover)
{
    return [&sysfs, array, leftover] { return unfreeze(Array(sysfs, array), leftover); };
}

}  // namespace emd::mon
