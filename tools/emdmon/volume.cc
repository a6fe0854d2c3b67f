// SPDX-License-Identifier: GPL-2.0-only
#include "volume.h"

#include "bad_blocks.h"
#include "text.h"

#include "libemd/kernel/array.h"

#include <algorithm>
#include <charconv>

namespace emd::mon {
namespace {

constexpr std::string_view kStateWords[] = {
#define X(name, word) word,
    EMD_ARRAY_STATES(X)
#undef X
};
constexpr std::string_view kActionWords[] = {
#define X(name, word) word,
    EMD_SYNC_ACTIONS(X)
#undef X
};

template <typename E, std::size_t N>
bool parse_word(std::string_view text, const std::string_view (&words)[N], E &out)
{
    const auto found = std::ranges::find(words, text);
    if (found == std::end(words))
        return false;
    out = static_cast<E>(found - std::begin(words));
    return true;
}

// "4 (3)": proposed 4, in force 3.
void take_pair(std::string_view text, std::uint32_t &proposed, std::uint32_t &now)
{
    const auto first = take_number(text);
    if (!first)
        return;
    proposed = now = static_cast<std::uint32_t>(*first);
    if (!text.starts_with(" ("))
        return;
    text.remove_prefix(2);
    now = static_cast<std::uint32_t>(take_number(text).value_or(*first));
}

int place(std::string_view text)
{
    const auto number = take_number(text);
    return number ? static_cast<int>(*number) : -1;
}

}  // namespace

std::optional<std::uint64_t> take_number(std::string_view &text)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc())
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool has_word(std::string_view list, std::string_view word)
{
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (list.substr(0, comma) == word)
            return true;
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return false;
}

void VolumeAttributes::open(AttributeRoot &root, Handle &handle, const std::string &attribute)
{
    if (handle)
        return;
    Result<Handle> opened = root.open(fmt::format("{}/{}", array_, attribute));
    if (opened)
        handle = std::move(*opened);
}

// The array can vanish, and another get its name, at any moment: what was opened counts unless there is another one before or after. Who
// cannot be looked for may be there: it has vanished when its open attributes say so.
void VolumeAttributes::refresh(Sysfs &sysfs, AttributeRoot &root)
{
    const auto is_another = [&] {
        const auto life = Array(sysfs, array_).life();
        return life && !life_.empty() && *life != life_;
    };
    stale_ = false;
    if (!is_another())
        open_all(sysfs, root);
    if (is_another())
        close_all();
    stale_ = stale_ || !array_state_;
}

void VolumeAttributes::close_all()
{
    for (Handle *handle : {&array_state_, &metadata_version_, &sync_action_, &sync_completed_, &resync_start_, &reshape_position_, &level_,
                           &new_level_, &raid_disks_, &chunk_size_, &layout_, &component_size_, &reshape_acked_, &policy_, &can_clear_,
                           &bitmap_superblock_})
        handle->reset();
    for (Member &m : members_)
        for (Handle *handle : {&m.state, &m.slot, &m.recovery_start, &m.reserved, &m.bad, &m.unknown})
            handle->reset();
}

void VolumeAttributes::open_all(Sysfs &sysfs, AttributeRoot &root)
{
    open(root, array_state_, "md/array_state");
    open(root, metadata_version_, "md/metadata_version");
    open(root, sync_action_, "md/sync_action");
    open(root, sync_completed_, "md/sync_completed");
    open(root, resync_start_, "md/resync_start");
    open(root, reshape_position_, "md/reshape_position");
    open(root, level_, "md/level");
    open(root, new_level_, "md/new_level");
    open(root, raid_disks_, "md/raid_disks");
    open(root, chunk_size_, "md/chunk_size");
    open(root, layout_, "md/layout");
    open(root, component_size_, "md/component_size");
    open(root, policy_, "md/consistency_policy");
    open(root, reshape_acked_, "emd/reshape_acked");
    open(root, can_clear_, "md/bitmap/can_clear");
    open(root, bitmap_superblock_, "md/bitmap/superblock");

    const Result<std::vector<MemberInfo>> now = Array(sysfs, array_).members();
    facts_.members_known = now.has_value();
    if (!now)
        return;
    std::erase_if(members_, [&](const Member &m) {
        const auto same = [&m](const MemberInfo &i) { return i.name == m.name && i.dev == m.dev; };
        return !m.state || std::ranges::none_of(*now, same);
    });
    for (const MemberInfo &info : *now) {
        const auto known = std::ranges::find(members_, info.name, &Member::name);
        Member &m = known != members_.end() ? *known : members_.emplace_back();
        m.name = info.name;
        m.dev = info.dev;
        open(root, m.state, fmt::format("md/{}/state", m.name));
        open(root, m.slot, fmt::format("md/{}/slot", m.name));
        open(root, m.recovery_start, fmt::format("md/{}/recovery_start", m.name));
        open(root, m.reserved, fmt::format("emd/{}/reserved_slot", m.name));
        open(root, m.bad, fmt::format("md/{}/bad_blocks", m.name));
        open(root, m.unknown, fmt::format("md/{}/unacknowledged_bad_blocks", m.name));
    }
    std::vector<MemberFacts> old;
    std::swap(old, facts_.members);
    for (const Member &m : members_) {
        const auto before = std::ranges::find(old, m.dev, &MemberFacts::dev);
        MemberFacts &f = facts_.members.emplace_back();
        f.dev = m.dev;
        f.bad.reserve(kMostListed), f.unknown.reserve(kMostListed);
        f.refuses_to_fail = before != old.end() && before->refuses_to_fail;
    }
}

// Empty when there is nothing to read; a vanished attribute is closed.
std::string_view VolumeAttributes::text(Handle &handle)
{
    if (!handle)
        return {};
    const int n = handle->read(buffer_);
    if (n >= 0)
        return {buffer_, static_cast<std::size_t>(n)};
    if (n == -ENODEV) {
        handle.reset();
        stale_ = true;
    }
    return {};
}

void VolumeAttributes::read_sync(bool vanished)
{
    facts_.redundant = sync_action_ != nullptr;
    if (const std::string_view action = text(sync_action_); !action.empty())
        parse_word(action, kActionWords, facts_.action);
    else
        facts_.action = EMD_SYNC_IDLE;
    std::string_view completed = text(sync_completed_);
    facts_.done = take_number(completed);
    if (vanished)
        return;  // what was true last is what the array stopped at
    std::string_view component = text(component_size_);  // before resync_start: what it has more of by then is in that
    facts_.component_sectors = take_number(component);
    if (facts_.component_sectors)
        *facts_.component_sectors *= 2;
    std::string_view start = text(resync_start_);
    facts_.resync_start = take_number(start);
    std::string_view position = text(reshape_position_);
    facts_.reshape_position = take_number(position);
    if (!facts_.reshape_position && !facts_.proposing())
        gate_refused_ = false;
    std::string_view acked = text(reshape_acked_);
    facts_.gate = reshape_acked_ != nullptr && !gate_refused_;
    facts_.acked = take_number(acked);
    const std::string_view can_clear = text(can_clear_);
    facts_.can_clear = can_clear.empty() ? std::nullopt : std::optional(can_clear == "true");
    if (!facts_.can_clear) {
        head_.reset();  // another bitmap has another one, and may take it
        facts_.head_refused = false;
    }
}

void VolumeAttributes::read_geometry()
{
    if (const auto level = parse_level(text(level_)))
        facts_.shape.level = facts_.proposed.level = *level;
    if (const auto level = parse_level(text(new_level_)))
        facts_.proposed.level = *level;
    take_pair(text(raid_disks_), facts_.proposed.raid_disks, facts_.shape.raid_disks);
    facts_.keeps_log = text(policy_) == "ppl";
    take_pair(text(layout_), facts_.proposed.layout, facts_.shape.layout);
    take_pair(text(chunk_size_), facts_.proposed.chunk_sectors, facts_.shape.chunk_sectors);
    facts_.proposed.chunk_sectors /= 512;
    facts_.shape.chunk_sectors /= 512;
}

void VolumeAttributes::read_member(Member &member, MemberFacts &facts)
{
    const DevNum dev = facts.dev;
    const std::string_view state = text(member.state);
    if (!member.state) {
        // Gone after its failure was acknowledged: neither faulty nor in use.
        facts = MemberFacts{};
        facts.dev = dev;
        return;
    }
    facts.faulty = has_word(state, "faulty");
    facts.blocked = has_word(state, "blocked");
    facts.in_sync = has_word(state, "in_sync");
    facts.slot = place(text(member.slot));
    facts.reserved = place(text(member.reserved));
    std::string_view start = text(member.recovery_start);
    facts.recovery_start = take_number(start).value_or(~std::uint64_t(0));
}

const VolumeFacts &VolumeAttributes::read(const Container &container)
{
    facts_.volume = index_;
    const std::string_view state = text(array_state_);
    const bool vanished = array_state_ == nullptr;
    if (vanished)
        facts_.state = EMD_ARRAY_CLEAR;
    else
        parse_word(state, kStateWords, facts_.state);
    read_sync(vanished);
    if (vanished)
        return facts_;
    const std::string_view version = text(metadata_version_);
    facts_.frozen = version.starts_with("external:-");
    read_geometry();
    for (std::size_t i = 0; i < members_.size(); i++) {
        read_member(members_[i], facts_.members[i]);
        facts_.members[i].disk = members_[i].state ? find_disk(container, members_[i].dev) : -1;
        read_lists(members_[i], facts_.members[i], container);
    }
    return facts_;
}

int VolumeAttributes::reply(const Reply &reply, std::uint64_t checkpoint)
{
    const auto write = [](Handle &handle, std::string_view value) { return handle ? handle->write(value) : -ENODEV; };
    switch (reply.what) {
    case Reply::What::Unblock: return write(members_[reply.member].state, "-blocked");
    case Reply::What::Active: return write(array_state_, "active");
    case Reply::What::Clean: return write(array_state_, "clean");
    case Reply::What::ClearBits: return head_ ? write(can_clear_, "true") : -EAGAIN;
    case Reply::What::Fail: {
        const int error = write(members_[reply.member].state, "faulty");
        facts_.members[reply.member].refuses_to_fail = error == -EBUSY;
        return error;
    }
    case Reply::What::Listed: return acknowledge(members_[reply.member], facts_.members[reply.member]);
    case Reply::What::GiveUp: return give_up(members_[reply.member], facts_.members[reply.member]);
    case Reply::What::Ack: {
        char number[24];
        const auto end = std::to_chars(number, number + sizeof number, checkpoint).ptr;
        const int error = write(reshape_acked_, {number, static_cast<std::size_t>(end - number)});
        // A gate that cannot be armed now (a thread runs) stays off for this reshape.
        gate_refused_ = error == -EBUSY && !facts_.acked;
        return error;
    }
    }
    return -EINVAL;
}

int VolumeAttributes::put_bitmap_head(const BitmapHead &head)
{
    if (!facts_.can_clear || !facts_.running() || head_ == head)
        return 0;
    constexpr std::string_view digits = "0123456789abcdef";
    char hex[2 * std::tuple_size_v<BitmapHead>];
    for (std::size_t i = 0; i < head.size(); i++) {
        hex[2 * i] = digits[std::to_integer<unsigned>(head[i]) >> 4];
        hex[2 * i + 1] = digits[std::to_integer<unsigned>(head[i]) & 0xf];
    }
    const int error = bitmap_superblock_ ? bitmap_superblock_->write({hex, sizeof hex}) : -ENODEV;
    facts_.head_refused = error != 0;
    if (error)
        head_.reset();
    else
        head_ = head;
    return error;
}

void VolumeAttributes::for_each_fd(const std::function<void(int)> &visit) const
{
    const auto one = [&](const Handle &handle) {
        if (handle && handle->fd() >= 0)
            visit(handle->fd());
    };
    one(array_state_), one(sync_action_), one(sync_completed_), one(reshape_acked_);
    for (const Member &m : members_)
        one(m.state);
}

}  // namespace emd::mon
