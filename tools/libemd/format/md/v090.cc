// SPDX-License-Identifier: GPL-2.0-only
// Superblock 0.90: 1024 words in the byte order of the machine that wrote it.
#include "libemd/format/md/v090_words.h"

namespace emd::md {

namespace {

std::uint64_t wide(const Words &words, std::size_t at, Endian order)
{
    const std::uint64_t first = words[at], second = words[at + 1];
    return order == Endian::Little ? second << 32 | first : first << 32 | second;
}

// Architectures have folded the sum differently; in 16 bits they agree.
std::uint32_t folded(std::uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

Uuid uuid_of(const Words &words)
{
    Uuid uuid;
    std::size_t at = 0;
    for (const std::size_t word : {kUuid0, kUuid1, kUuid2, kUuid3})
        for (unsigned shift = 0; shift < 32; shift += 8)
            uuid[at++] = static_cast<std::uint8_t>(words[word] >> shift);
    return uuid;
}

Descriptor descriptor_of(const Words &words, std::size_t at)
{
    return {words[at], words[at + 1], words[at + 2], words[at + 3], words[at + 4]};
}

// Chunks are in bytes here.
Result<std::uint32_t> chunk_of(std::uint32_t bytes)
{
    if (bytes % 512)
        return fail(Errc::Corrupt, "a chunk of {} bytes is not possible", bytes);
    return bytes / 512;
}

Result<Reshape> reshape_of(const Words &words, Endian order)
{
    Reshape r;
    r.position = wide(words, kPosition, order);
    r.level = static_cast<std::int32_t>(words[kNewLevel]);
    r.delta_disks = static_cast<std::int32_t>(words[kDelta]);
    r.layout = words[kNewLayout];
    r.chunk_sectors = EMD_TRY(chunk_of(words[kNewChunk]));
    r.backward = r.delta_disks < 0;
    return r;
}

}  // namespace

Words words_of(Bytes block, Endian order)
{
    Words words;
    for (std::size_t i = 0; i < kWords; i++)
        words[i] = order == Endian::Little ? read_at<Le32>(block, 4 * i)->get() : read_at<Be32>(block, 4 * i)->get();
    return words;
}

std::uint32_t checksum_v090(const Words &words)
{
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kWords; i++)
        sum += i == kSum ? 0 : words[i];
    return static_cast<std::uint32_t>(sum + (sum >> 32));
}

Result<V090> decode_v090(Bytes block, std::uint64_t sector)
{
    if (block.size() < kBlockBytes)
        return fail(Errc::NotFound, "a superblock of md 0.90 is longer");
    V090 sb;
    sb.order = read_at<Be32>(block, 0)->get() == kMagic ? Endian::Big : Endian::Little;
    if (sb.order == Endian::Little && read_at<Le32>(block, 0)->get() != kMagic)
        return fail(Errc::NotFound, "no superblock of md 0.90 at sector {}", sector);
    const Words words = words_of(block, sb.order);
    if (words[kMajor] != 0 || (words[kMinor] != 90 && words[kMinor] != 91))
        return fail(Errc::NotFound, "no superblock of md 0.90 at sector {}", sector);
    if (folded(words[kSum]) != folded(checksum_v090(words)))
        return fail(Errc::Corrupt, "its checksum is {:x} and should be {:x}", words[kSum], checksum_v090(words));

    sb.sector = sector;
    sb.minor = words[kMinor];
    sb.checksum = words[kSum];
    sb.array = uuid_of(words);
    std::copy_n(block.begin() + 4 * kUuid2, sb.host.size(), sb.host.begin());
    sb.ctime = words[kCtime];
    sb.utime = words[kUtime];
    sb.level = static_cast<std::int32_t>(words[kLevel]);
    sb.layout = words[kLayout];
    sb.chunk_sectors = EMD_TRY(chunk_of(words[kChunk]));
    sb.raid_disks = words[kRaidDisks];
    sb.size = std::uint64_t{words[kSize]} * 2;
    sb.events = wide(words, kEvents, sb.order);
    if (sb.minor == 91)
        sb.reshape = EMD_TRY(reshape_of(words, sb.order));
    sb.nr_disks = words[kNrDisks];
    sb.md_minor = words[kMdMinor];
    sb.state = words[kState];
    sb.active = words[kActive];
    sb.working = words[kWorking];
    sb.failed = words[kFailed];
    sb.spare = words[kSpare];
    sb.cp_events = wide(words, kCpEvents, sb.order);
    sb.recovery_cp = words[kRecoveryCp];
    for (std::size_t i = 0; i < sb.disks.size(); i++)
        sb.disks[i] = descriptor_of(words, kDisks + i * kDescriptorWords);
    sb.self = descriptor_of(words, kSelf);
    EMD_TRY(check_common(sb));
    return sb;
}

std::string version_text(const V090 &sb)
{
    return fmt::format("0.{}", sb.minor);
}

}  // namespace emd::md
