// SPDX-License-Identifier: GPL-2.0-only
// Superblock 0.90, the way out: the state and the table of disks of a block that is there already, in little-endian words.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v090_words.h"

#include <algorithm>

namespace emd::md {

namespace {

void put(Block &block, std::size_t word, std::uint32_t value)
{
    const Le32 bytes(value);
    std::memcpy(block.data() + 4 * word, &bytes, sizeof bytes);
}

void put_wide(Block &block, std::size_t word, std::uint64_t value)
{
    put(block, word, static_cast<std::uint32_t>(value));
    put(block, word + 1, static_cast<std::uint32_t>(value >> 32));
}

struct Counts {
    std::uint32_t disks = 0, active = 0, spare = 0, absent = 0;
};

bool listed(const Member &member)
{
    return member.present && !(member.state == Member::State::Failed && member.block.empty());
}

std::size_t at_index(std::size_t index) { return kDisks + index * kDescriptorWords; }

void put_descriptor(Block &block, std::size_t at, const Descriptor &d)
{
    put(block, at, d.number);
    put(block, at + 1, d.major);
    put(block, at + 2, d.minor);
    put(block, at + 3, d.raid_disk);
    put(block, at + 4, d.state);
}

// Who is in sync has the descriptor of its place; all others come behind the places, in their order. A member that is being
// recovered is one of them: there is no room for how far it has come.
Descriptor describe(const Member &member, std::uint32_t number)
{
    Descriptor d{number, member.dev.major, member.dev.minor, number, member.flags};
    if (member.state == Member::State::Active)
        d.state |= V090::kActive | V090::kSync;
    else if (member.state == Member::State::Failed)
        d.state = V090::kFaulty;
    return d;
}

Counts put_disks(Block &block, const Member &self, std::span<const Member> all, std::uint32_t raid_disks)
{
    Counts counts;
    for (std::size_t i = 0; i < V090::kDescriptors; i++)
        put_descriptor(block, at_index(i), {});
    for (std::uint32_t i = 0; i < std::min<std::size_t>(raid_disks, V090::kDescriptors); i++)
        put_descriptor(block, at_index(i), {i, 0, 0, i, V090::kFaulty | V090::kRemoved});
    std::uint32_t next = raid_disks;
    for (const Member &member : all) {
        if (!listed(member))
            continue;
        const bool active = member.state == Member::State::Active;
        const std::uint32_t number = active ? static_cast<std::uint32_t>(member.slot) : next++;
        if (number >= V090::kDescriptors)
            continue;
        const Descriptor d = describe(member, number);
        put_descriptor(block, at_index(number), d);
        if (&member == &self)
            put_descriptor(block, kSelf, d);
        counts.disks++;
        counts.active += active;
        counts.spare += !active && member.state != Member::State::Failed;
    }
    counts.absent = raid_disks - counts.active;
    return counts;
}

}  // namespace

Result<> place_v090(Member &spare, std::uint64_t least)
{
    const std::uint64_t block = 128;
    if (spare.sectors < 2 * block || (spare.sectors & ~(block - 1)) - block < least)
        return fail(Errc::NoSpace, "{} is too small: {} sectors are needed for data, and {} are there", spare.path, least, spare.sectors);
    spare.record_sector = spare.data_sectors = (spare.sectors & ~(block - 1)) - block;
    return {};
}

void share_v090(Block &block, const Block &first)
{
    const auto copy = [&](std::size_t from, std::size_t to) {
        std::copy(first.begin() + 4 * static_cast<std::ptrdiff_t>(from), first.begin() + 4 * static_cast<std::ptrdiff_t>(to),
                  block.begin() + 4 * static_cast<std::ptrdiff_t>(from));
    };
    const Block before = block;
    const std::uint32_t clean = read_at<Le32>(block, 4 * kState)->get() & V090::kClean;
    const std::uint32_t shared = read_at<Le32>(first, 4 * kState)->get() & ~V090::kClean;
    copy(kMajor, kUtime);
    put(block, kState, shared | clean);
    copy(kPosition, kDisks);
    if (block != before)  // else as it was written, also its sum
        put(block, kSum, checksum_v090(words_of(block, Endian::Little)));
}

void put_v090(Block &block, const Record &record, const Member &member, std::span<const Member> all, std::uint32_t raid_disks)
{
    put(block, kUtime, static_cast<std::uint32_t>(record.updated));
    put_wide(block, kEvents, record.events);
    if (record.redundant) {
        const bool clean = !record.written && record.resync == kInSync;
        const std::uint32_t state = read_at<Le32>(block, 4 * kState)->get();
        put(block, kState, clean ? state | V090::kClean : state & ~V090::kClean);
        put(block, kRecoveryCp, record.written ? 0 : static_cast<std::uint32_t>(record.resync));
        put_wide(block, kCpEvents, record.events);
    }
    const Counts counts = put_disks(block, member, all, raid_disks);
    put(block, kNrDisks, counts.disks);
    put(block, kActive, counts.active);
    put(block, kWorking, counts.active + counts.spare);
    put(block, kFailed, counts.absent);
    put(block, kSpare, counts.spare);
    put(block, kSum, checksum_v090(words_of(block, Endian::Little)));
}

}  // namespace emd::md
