// SPDX-License-Identifier: GPL-2.0-only
#include "golden/migration_lab.h"

#include "libemd/format/md/v090_words.h"
#include "libemd/plan/grow_steps.h"

#include <algorithm>
#include <numeric>

namespace emd::migrations {

namespace {

constexpr std::uint64_t kBlock = 4096;

FormatId format_of(Kind kind)
{
    return kind == Kind::Imsm ? FormatId::Imsm : kind == Kind::Ddf ? FormatId::Ddf : FormatId::Md1;
}

bool redundant(int level) { return level == 1 || level >= 4; }

// EMD makes no such array: as mdadm does.
void write_v090(std::vector<SparseDisk> &disks, const Wanted &want)
{
    using namespace md;
    constexpr std::uint32_t kClean = 1, kSynced = V090::kActive | V090::kSync;
    const std::uint64_t record = (want.disk_sectors & ~127ull) - 128;
    const auto count = static_cast<std::uint32_t>(disks.size()), members = want.shape.raid_disks;
    Words words{};
    words[0] = kMagic;
    words[kMinor] = 90;
    words[kUuid0] = words[kUuid1] = words[kUuid2] = words[kUuid3] = 0x1234567;
    words[kCtime] = words[kUtime] = 1700000000;
    words[kLevel] = static_cast<std::uint32_t>(want.shape.level);
    words[kSize] = static_cast<std::uint32_t>(record / 2 & ~63ull);
    words[kNrDisks] = words[kWorking] = count;
    words[kRaidDisks] = words[kActive] = members;
    words[kSpare] = count - members;
    words[kState] = kClean;
    words[kEvents] = words[kCpEvents] = 1;
    words[kRecoveryCp] = ~0u;
    words[kLayout] = want.shape.layout;
    words[kChunk] = want.shape.chunk_sectors * 512;
    const auto describe = [&](std::size_t at, std::uint32_t i) {
        const std::array<std::uint32_t, 5> descriptor{i, disks[i].dev().major, disks[i].dev().minor, i, i < members ? kSynced : 0};
        std::ranges::copy(descriptor, words.begin() + static_cast<std::ptrdiff_t>(at));
    };
    for (std::uint32_t i = 0; i < count; i++)
        describe(kDisks + i * kDescriptorWords, i);
    for (std::uint32_t i = 0; i < count; i++) {
        describe(kSelf, i);
        words[kSum] = checksum_v090(words);
        std::vector<std::byte> block(kBlockBytes);
        for (std::size_t w = 0; w < words.size(); w++)
            (void)write_at(block, 4 * w, Le32(words[w]));
        disks[i].write(record * 512, block);
    }
}

}  // namespace

// -- a disk --------------------------------------------------------------------------------------------------------------

SparseDisk::SparseDisk(unsigned number, std::uint64_t sectors)
    : path_(fmt::format("/dev/sd{}", static_cast<char>('a' + number))), serial_(fmt::format("SERIAL-{}", number)), dev_{8, 16 * number},
      size_bytes_(sectors * 512)
{
}

Result<> SparseDisk::read(std::uint64_t offset, std::span<std::byte> out) const
{
    if (offset + out.size() > size_bytes_)
        return fail(Errc::Io, "reading {}: it ends at byte {}", path_, size_bytes_);
    while (!out.empty()) {
        const std::uint64_t in = offset % kBlock;
        const auto piece = out.first(std::min<std::uint64_t>(out.size(), kBlock - in));
        if (const auto found = blocks_.find(offset - in); found != blocks_.end())
            std::ranges::copy(std::span(found->second).subspan(in, piece.size()), piece.begin());
        else
            std::ranges::fill(piece, std::byte{0});
        offset += piece.size();
        out = out.subspan(piece.size());
    }
    return {};
}

void SparseDisk::write(std::uint64_t offset, std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const std::uint64_t in = offset % kBlock;
        const auto piece = bytes.first(std::min<std::uint64_t>(bytes.size(), kBlock - in));
        auto &block = blocks_[offset - in];
        block.resize(kBlock);
        std::ranges::copy(piece, block.begin() + static_cast<std::ptrdiff_t>(in));
        offset += piece.size();
        bytes = bytes.subspan(piece.size());
    }
}

// -- an array ------------------------------------------------------------------------------------------------------------

Result<Lab> Lab::make(const Wanted &want)
{
    Lab lab;
    lab.format_ = find_format(format_of(want.kind));
    for (unsigned i = 0; i < want.shape.raid_disks + want.spares; i++)
        lab.disks_.emplace_back(i, want.disk_sectors);
    std::vector<const Medium *> media;
    for (const SparseDisk &disk : lab.disks_)
        media.push_back(&disk);

    if (want.kind == Kind::Md090) {
        write_v090(lab.disks_, want);
    } else if (lab.format_->id() == FormatId::Md1) {
        NewArray array;
        array.version = want.kind == Kind::Md12 ? "1.2" : want.kind == Kind::Md11 ? "1.1" : "1.0";
        array.name = "vol0";
        array.shape = want.shape;
        array.assume_clean = true;
        array.bitmap = want.bitmap;
        array.parity_log = want.parity_log;
        array.members.assign(media.begin(), media.begin() + want.shape.raid_disks);
        if (redundant(want.shape.level))
            array.spares.assign(media.begin() + want.shape.raid_disks, media.end());
        EMD_TRY(lab.store(*EMD_TRY(lab.format_->create_array(array))));
    } else {
        EMD_TRY(lab.store(*EMD_TRY(lab.format_->create(media))));
        EMD_TRY(lab.load());
        for (unsigned i = 0; i < want.volumes; i++) {
            change::VolumeCreated volume{fmt::format("vol{}", i), want.shape, std::vector<int>(want.shape.raid_disks), 0, true};
            std::iota(volume.slots.begin(), volume.slots.end(), 0);
            if (want.volumes > 1)
                volume.component_limit = want.disk_sectors / 4;
            EMD_TRY(lab.change(volume));
        }
    }
    EMD_TRY(lab.load());
    if (lab.view().volumes.size() != want.volumes || !lab.volume().read_write)
        return fail(Errc::Refused, "{}", lab.view().volumes.empty() ? "no volume" : lab.volume().refused);
    return lab;
}

Result<> Lab::load()
{
    std::vector<const Medium *> media;
    for (const SparseDisk &disk : disks_)
        if (const auto probe = format_->probe(disk); format_->id() == FormatId::Md1 || (probe && probe->found))
            media.push_back(&disk);  // of md all: a spare of a RAID0 has no superblock
    metadata_ = EMD_TRY(format_->load(media));
    scratch_ = EMD_TRY(format_->load(media));
    return {};
}

Result<> Lab::store(Metadata &metadata)
{
    std::vector<Image> images = metadata.prepare();
    metadata.encode(images);
    std::ranges::stable_sort(images, {}, &Image::phase);
    for (const Image &image : images) {
        const std::string &path = metadata.view().disks[static_cast<std::size_t>(image.disk)].path;
        for (SparseDisk &disk : disks_)
            if (image.active && disk.path() == path)
                disk.write(image.offset_bytes, image.bytes);
    }
    metadata.stored();
    return {};
}

Result<> Lab::change(const Change &change)
{
    EMD_TRY(metadata_->apply(change));
    EMD_TRY(store(*metadata_));
    return load();
}

// As emdmon does it, until no place is empty.
Result<> Lab::rebuild()
{
    const auto vacant = [](const Slot &slot) { return slot.disk < 0; };
    while (redundant(volume().shape.level) && std::ranges::any_of(volume().slots, vacant)) {
        const auto slot = std::ranges::find_if(volume().slots, vacant) - volume().slots.begin();
        const int spare = EMD_TRY(plan::new_members(view(), volume(), 1)).front();
        EMD_TRY(change(change::RebuildStarted{volume().index, static_cast<unsigned>(slot), spare}));
        EMD_TRY(change(change::SyncFinished{volume().index}));
    }
    return {};
}

plan::Running Lab::running() const
{
    plan::Running running{"emd127", {}};
    for (const Volume &v : view().volumes) {
        plan::RunningVolume &r = running.volumes.emplace_back();
        r.index = v.index;
        r.array = fmt::format("emd{}", 126 - v.index);
        r.state = "clean";
        r.action = redundant(v.shape.level) ? "idle" : "";
        r.level = level_word(v.shape.level);
        for (const Slot &slot : v.slots)
            r.members.push_back({fmt::format("dev-{}", slot.disk), place_of(v, slot).offset});
    }
    return running;
}

Result<plan::Plan> Lab::ask(const plan::GrowRequest &want, const plan::Running &running) const
{
    const plan::Express express = [this](const Change &change) -> Result<Container> {
        EMD_TRY(scratch_->apply(change));
        const Container then = scratch_->view();
        Lab again = *this;  // what took the change is not as it was any more
        EMD_TRY(again.load());
        scratch_ = again.scratch_;
        return then;
    };
    plan::GrowRequest request = want;
    if (!request.raid_disks || view().volumes.size() == 1)
        request.volume = request.volume.value_or(0);
    return plan::plan_grow(view(), request, format_->limits(), running, express);
}

Result<Lab> Lab::after(const plan::Plan &plan) const
{
    Lab then = *this;
    EMD_TRY(then.load());
    for (const plan::Step &step : plan.steps) {
        const auto *send = std::get_if<plan::Send>(&step.action);
        if (!send)
            continue;
        Change change = send->change;
        auto *start = std::get_if<change::ReshapeStarted>(&change);
        if (!start) {
            EMD_TRY(then.change(change));
            EMD_TRY(then.rebuild());
            continue;
        }
        const Volume &v = then.volume();
        if (start->target.raid_disks > v.shape.raid_disks)
            start->new_disks = EMD_TRY(plan::new_members(then.view(), v, start->target.raid_disks - v.shape.raid_disks));
        EMD_TRY(then.change(change));
        const ReshapeRecord &record = then.volume().reshape.value();
        EMD_TRY(then.change(change::ReshapeProgress{start->volume, record.backward ? 0 : array_sectors(record.target)}));
        EMD_TRY(then.change(change::ReshapeFinished{start->volume}));
    }
    return then;
}

}  // namespace emd::migrations
