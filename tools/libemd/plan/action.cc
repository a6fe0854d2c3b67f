// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/action.h"

#include "libemd/base/size.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

template <typename... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

std::string shape_text(const Shape &s)
{
    std::string text = fmt::format("{}, {} disks", level_word(s.level), s.raid_disks);
    if (s.chunk_sectors)
        text += fmt::format(", chunk {}K", s.chunk_sectors / 2);
    return text;
}

// "0, -, 1, -"
std::string slots_text(const std::vector<Slot> &slots)
{
    std::vector<std::string> all;
    for (const Slot &slot : slots)
        all.push_back(slot.disk < 0 ? "-" : fmt::to_string(slot.disk));
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string member_text(const AddMember &m)
{
    std::string text = fmt::format("{}: add {}", m.array, m.disk);
    if (m.slot >= 0)
        text += fmt::format(" as member {}", m.slot);
    if (m.size)
        text += fmt::format(", sectors {} to {}", m.offset, m.offset + m.size);
    if (m.new_offset)
        text += fmt::format(", moving to {}", *m.new_offset);
    if (m.recovery_start)
        text += fmt::format(", rebuilt up to {}", *m.recovery_start);
    if (!m.bad.empty())
        text += fmt::format(", with {} bad place{}", m.bad.size(), m.bad.size() > 1 ? "s" : "");
    if (m.keeps_bad)
        text += ", keeps a list of bad blocks";
    if (m.parity_log.sectors)
        text += fmt::format(", partial parity log at {}", m.parity_log.sector);
    if (m.write_mostly)
        text += ", write-mostly";
    return text;
}

std::string sync_text(const Sync &s)
{
    std::string text = fmt::format("{}: wait until the monitor is level with volume {}", s.container, s.volume);
    if (!s.reserved.empty())
        text += fmt::format(" and holds slot{} {} ready", s.reserved.size() > 1 ? "s" : "", fmt::join(s.reserved, ", "));
    return text;
}

}  // namespace

std::string to_text(const Change &change)
{
    return std::visit(
        Overloaded{
            [](const change::ReshapeStarted &c) {
                return c.new_disks.empty()
                           ? fmt::format("volume {} is reshaped to {}", c.volume, shape_text(c.target))
                           : fmt::format("volume {} is reshaped to {}; disk{} {} become{} member{}", c.volume,
                                         shape_text(c.target), c.new_disks.size() > 1 ? "s" : "",
                                         fmt::join(c.new_disks, ", "), c.new_disks.size() > 1 ? "" : "s",
                                         c.new_disks.size() > 1 ? "s" : "");
            },
            [](const change::ReshapeWithdrawn &c) { return fmt::format("the reshape of volume {} is withdrawn", c.volume); },
            [](const change::ReshapeReverted &c) {
                return fmt::format("the reshape of volume {} goes {}", c.volume, c.backward ? "back" : "on as it had begun");
            },
            [](const change::Resized &c) {
                return c.component_sectors ? fmt::format("volume {} uses {} sectors of each disk", c.volume, c.component_sectors)
                                           : fmt::format("volume {} uses as much of each disk as all have", c.volume);
            },
            [](const change::Takeover &c) {
                return fmt::format("volume {} becomes {}, of disks {}", c.volume, shape_text(c.target), slots_text(c.slots));
            },
            [](const change::VolumeCreated &c) { return fmt::format("new volume {}: {}", c.name, shape_text(c.shape)); },
            [](const change::VolumeDeleted &c) { return fmt::format("volume {} is deleted", c.volume); },
            [](const change::VolumeRenamed &c) { return fmt::format("volume {} is called {}", c.volume, c.name); },
            [](const change::MemberReturned &c) { return fmt::format("{} is member {} again, rebuilt where the bitmap has bits", c.disk.path, c.slot); },
            [](const change::BitmapReset &c) { return fmt::format("all bits of volume {} are set", c.volume); },
            [](const change::ParityLogRemoved &c) {
                return fmt::format("volume {} has no partial parity log any more{}", c.volume, c.recovered ? ", and is clean" : "");
            },
            [](const change::ParityLogRecovered &c) {
                return fmt::format("volume {} keeps its partial parity log{}", c.volume, c.clean ? ", and is clean" : "");
            },
            [](const change::BitmapAdded &c) { return fmt::format("volume {} has a bitmap, with all bits set", c.volume); },
            [](const change::BitmapRemoved &c) { return fmt::format("volume {} has no bitmap", c.volume); },
            [](const change::SpareAdded &c) { return fmt::format("{} is a spare", c.disk.path); },
            [](const change::DiskRemoved &c) { return fmt::format("disk {} is removed", c.disk); },
            [](const change::DiskFailed &c) { return fmt::format("disk {} has failed", c.disk); },
            [](const change::ReshapeProgress &c) {
                return fmt::format("the reshape of volume {} has reached sector {}", c.volume, c.position);
            },
            [](const change::MarkClean &c) { return fmt::format("volume {} is clean", c.volume); },
            [](const change::MarkDirty &c) { return fmt::format("volume {} is dirty", c.volume); },
            [](const auto &c) {
                if constexpr (requires { c.volume; })
                    return fmt::format("volume {} changes", c.volume);
                else
                    return fmt::format("disk {} changes", c.disk);
            },
        },
        change);
}

std::string to_text(const Action &action)
{
    return std::visit(
        Overloaded{
            [](const NewArray &a) { return fmt::format("{}: new array", a.array); },
            [](const Set &a) { return fmt::format("{}: {} = {}", a.array, a.attribute, a.value); },
            [](const Expect &a) { return fmt::format("{}: {} must read {}", a.array, a.attribute, a.value); },
            [](const AddMember &a) { return member_text(a); },
            [](const RemoveMember &a) { return fmt::format("{}: remove {}", a.array, a.disk); },
            [](const ClearArray &a) { return fmt::format("{}: stop", a.array); },
            [](const NewMetadata &a) { return fmt::format("metadata: new {} on {}", a.format, fmt::join(a.disks, ", ")); },
            [](const Wipe &a) { return fmt::format("{}: wipe what is there", a.disk); },
            [](const Apply &a) { return fmt::format("metadata: {}", to_text(a.change)); },
            [](const Store &) { return std::string("metadata: write to all disks and flush"); },
            [](const Erase &a) { return fmt::format("{}: erase the metadata", a.disk); },
            [](const Send &a) { return fmt::format("{}: monitor records: {}", a.container, to_text(a.change)); },
            [](const Sync &a) { return sync_text(a); },
            [](const StartMonitor &a) { return fmt::format("{}: start the monitor", a.container); },
            [](const Publish &a) { return fmt::format("{}: link /dev/emd/{}", a.array, a.name); },
            [](const Restore &a) { return fmt::format("volume {}: put the backed-up section in its place", a.volume); },
            [](const RecoverParity &a) { return fmt::format("volume {}: make the parity right of what was being written", a.volume); },
            [](const ResetParityLog &a) {
                return fmt::format("volume {}: {} its partial parity log", a.volume, a.headers ? "empty" : "erase");
            },
            [](const ReserveBackup &a) {
                return fmt::format("{}: reserve {} for the backup of volume {}", a.path, format_size(a.sectors * 512), a.volume);
            },
            [](const DropBackup &a) { return fmt::format("{}: remove", a.path); },
            [](const Manage &a) { return fmt::format("{}: move the data", a.array); },
        },
        action);
}

}  // namespace emd::plan
