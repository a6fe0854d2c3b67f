// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/disks.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace emd::fuzz {

namespace {

constexpr std::size_t kMostDisks = 16, kMostSteps = 24;

struct Case {
    std::string name;
    std::vector<PatchedDisk::Base> disks;
};

// What scripts/fuzz packed: see there.
class Pack {
public:
    explicit Pack(const char *path) : file_(path, std::ios::binary) {}
    bool more() { return file_.peek() != std::ifstream::traits_type::eof(); }
    std::uint64_t number()
    {
        Le64 value;
        bytes(std::as_writable_bytes(std::span(&value, 1)));
        return value.get();
    }
    std::string text()
    {
        std::string value(number(), '\0');
        bytes(std::as_writable_bytes(std::span(value)));
        return value;
    }
    void bytes(MutableBytes out)
    {
        if (!file_.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size())))
            broken("the packed golden disks can be read: run scripts/fuzz");
    }

private:
    std::ifstream file_;
};

std::vector<Case> unpack()
{
    std::vector<Case> cases;
    const char *packed = std::getenv("EMD_FUZZ_DISKS");
    for (Pack pack(packed ? packed : ""); pack.more();) {
        Case &one = cases.emplace_back();
        one.name = pack.text();
        one.disks.resize(pack.number());
        for (PatchedDisk::Base &disk : one.disks) {
            disk.path = pack.text();
            disk.serial = pack.text();
            disk.bytes = pack.number();
            disk.sector_bytes = static_cast<unsigned>(pack.number());
            for (std::uint64_t &window : disk.windows)
                window = pack.number();
            for (std::uint64_t left = pack.number(); left > 0; left--) {
                const std::uint64_t number = pack.number();
                pack.bytes(disk.blocks[number]);
            }
        }
    }
    return cases;
}

const std::vector<Case> &cases_of(std::string_view prefix)
{
    static std::map<std::string_view, std::vector<Case>> known;
    const auto [found, added] = known.try_emplace(prefix);
    if (added) {
        found->second = unpack();
        std::erase_if(found->second, [&](const Case &c) { return !c.name.starts_with(prefix); });
        promise(!found->second.empty(), "there are golden disks: run scripts/fuzz");
    }
    return found->second;
}

Step take_step(std::uint8_t op, Input &input)
{
    Step step{static_cast<std::uint8_t>(op & 0x7f), input.take<Le16>().get(), input.take<Le16>().get()};
    step.b <<= input.take<std::uint8_t>() % 64;
    return step;
}

void take_patch(std::uint8_t op, Input &input, std::vector<PatchedDisk> &disks)
{
    const std::uint64_t offset = input.take<Le16>().get();
    const Bytes data = input.bytes(input.take<Le16>().get());
    PatchedDisk &disk = disks[op % kMostDisks % disks.size()];
    (void)disk.write(disk.window(op / kMostDisks) + offset, data);
}

// -- what programs do with a container --

Change change_of(const Step &step, const Container &container)
{
    const unsigned volume = container.volumes.size() > 1 ? step.a % 2u : 0;
    const int disk = step.a % 9 - 1;
    Shape shape;
    std::vector<Slot> slots;
    if (volume < container.volumes.size()) {
        shape = container.volumes[volume].shape;
        slots = container.volumes[volume].slots;
    }
    const unsigned slot = static_cast<unsigned>(step.b % 8);
    switch (step.op % 19) {
    case 0: return change::MarkDirty{volume};
    case 1: return change::MarkClean{volume};
    case 2: return change::DiskFailed{disk};
    case 3: return change::SyncProgress{volume, step.b};
    case 4: return change::SyncFinished{volume};
    case 5: return change::ReshapeProgress{volume, step.b};
    case 6: return change::ReshapeFinished{volume};
    case 7: return change::BadBlock{disk, step.b, 1u + step.a / 9, step.op >= 64};
    case 8: return change::BitmapComplete{volume};
    case 9: return change::RebuildStarted{volume, slot, disk};
    case 10: return change::InitStarted{volume};
    case 11: {
        shape.raid_disks += step.b % 3;
        if (step.op >= 64)
            shape.chunk_sectors *= 2;
        return change::ReshapeStarted{volume, shape, step.b % 3 ? std::vector<int>{disk} : std::vector<int>{}};
    }
    case 12:
        if (step.op >= 64)
            return change::ReshapeReverted{volume, step.b % 4 != 0};
        return change::ReshapeWithdrawn{volume};
    case 13: return change::BackupRecorded{volume, step.b};
    case 14: return change::DiskRemoved{disk};
    case 15:
        if (step.op >= 64)
            return change::VolumeRenamed{volume, std::string(step.a % 18, static_cast<char>('0' + step.b % 64))};
        return change::VolumeDeleted{volume};
    case 16:
        if (step.op >= 64)
            return change::Resized{volume, step.b % 3 ? step.b : step.b % 2 ? shape.component_sectors * (1 + step.a % 3) / 2 : 0};
        return change::BitmapReset{volume};
    case 17: return change::VolumeCreated{"more", {step.a % 11, 2, 2, 256, 0}, {disk, static_cast<int>(slot)}, step.b, step.op >= 64};
    default:
        shape.level = static_cast<int>(step.b % 11);
        return change::Takeover{volume, shape, slots};
    }
}

void check_slots(const Container &view, const std::vector<Slot> &slots, const Shape &shape)
{
    promise(slots.size() == shape.raid_disks, "a volume has as many slots as members");
    for (const Slot &slot : slots)
        promise(slot.disk >= -1 && slot.disk < static_cast<int>(view.disks.size()), "a slot names a disk that there is");
}

void check(const Container &view)
{
    for (const Volume &volume : view.volumes) {
        (void)health(volume);
        (void)array_sectors(volume.shape);
        if (!volume.read_write)
            continue;
        check_slots(view, volume.slots, volume.shape);
        if (volume.reshape)
            check_slots(view, volume.reshape->target_slots, volume.reshape->target);
    }
    for (const BadRange &bad : view.bad)
        promise(bad.disk >= 0 && bad.disk < static_cast<int>(view.disks.size()), "a bad range names a disk that there is");
}

// The disk that an image is for.
PatchedDisk *disk_of(Script &script, const Container &view, int number)
{
    const auto found = std::ranges::find(script.disks, view.disks.at(static_cast<std::size_t>(number)).path, &PatchedDisk::path);
    return found == script.disks.end() ? nullptr : &*found;
}

void write_out(Script &script, Metadata &metadata)
{
    std::vector<Image> images = metadata.prepare();
    metadata.encode(images);
    for (const Image &image : images) {
        promise(image.disk >= 0 && image.disk < static_cast<int>(metadata.view().disks.size()), "an image is for a disk");
        PatchedDisk *disk = disk_of(script, metadata.view(), image.disk);
        promise(disk != nullptr, "an image is for a disk that is here");
        promise((image.offset_bytes | image.bytes.size()) % disk->sector_bytes() == 0, "an image is of whole sectors");
        promise(image.offset_bytes <= disk->size_bytes() && image.bytes.size() <= disk->size_bytes() - image.offset_bytes,
                "an image lies on the disk");
        if (image.active)
            promise(disk->write(image.offset_bytes, image.bytes), "an image can be written");
    }
}

void run(const Format &format, Script &script)
{
    auto loaded = format.load(script.media());
    if (!loaded)
        return;
    Metadata &metadata = **loaded;
    check(metadata.view());
    for (const Step &step : script.steps) {
        const bool applied = metadata.apply(change_of(step, metadata.view())).has_value();
        check(metadata.view());
        if (!applied && &step != &script.steps.back())
            continue;
        for (unsigned volume = 0; volume < metadata.view().volumes.size(); volume++)
            (void)metadata.bitmap_head(volume);
        write_out(script, metadata);
    }
    for (const PatchedDisk &disk : script.disks)
        (void)metadata.returning(disk).has_value();
}

}  // namespace

void broken(const char *promise)
{
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

Result<> PatchedDisk::read(std::uint64_t offset, std::span<std::byte> out) const
{
    if (offset > base_->bytes || out.size() > base_->bytes - offset)
        return fail(Errc::Io, "{} ends at {}", base_->path, base_->bytes);
    while (!out.empty()) {
        const std::size_t at = offset % kBlock, length = std::min(kBlock - at, out.size());
        const auto written = written_.find(offset / kBlock);
        const auto base = base_->blocks.find(offset / kBlock);
        if (written != written_.end())
            std::memcpy(out.data(), written->second.data() + at, length);
        else if (base != base_->blocks.end())
            std::memcpy(out.data(), base->second.data() + at, length);
        else
            std::memset(out.data(), 0, length);
        out = out.subspan(length);
        offset += length;
    }
    return {};
}

bool PatchedDisk::write(std::uint64_t offset, Bytes data)
{
    if (offset > base_->bytes || data.size() > base_->bytes - offset)
        return false;
    while (!data.empty()) {
        const std::size_t at = offset % kBlock, length = std::min(kBlock - at, data.size());
        const auto [block, fresh] = written_.try_emplace(offset / kBlock);
        if (const auto base = base_->blocks.find(offset / kBlock); fresh && base != base_->blocks.end())
            block->second = base->second;
        std::memcpy(block->second.data() + at, data.data(), length);
        data = data.subspan(length);
        offset += length;
    }
    return true;
}

Bytes Input::bytes(std::size_t most)
{
    const Bytes taken = rest_.first(std::min(most, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
}

std::vector<const Medium *> Script::media() const
{
    std::vector<const Medium *> all;
    for (const PatchedDisk &disk : disks)
        all.push_back(&disk);
    return all;
}

Script script(Bytes bytes, std::string_view prefix, void (*fix)(PatchedDisk &))
{
    const std::vector<Case> &cases = cases_of(prefix);
    Input input(bytes);
    const Case &chosen = cases[input.take<std::uint8_t>() % cases.size()];
    const std::uint8_t flags = input.take<std::uint8_t>();
    const unsigned missing = input.take<Le16>().get();
    Script script;
    std::vector<PatchedDisk> disks;
    for (const PatchedDisk::Base &base : chosen.disks)
        disks.emplace_back(base);
    while (!input.empty()) {
        const std::uint8_t op = input.take<std::uint8_t>();
        if (op < 0x80)
            take_patch(op, input, disks);
        else if (script.steps.size() < kMostSteps)
            script.steps.push_back(take_step(op, input));
    }
    for (std::size_t i = 0; i < disks.size(); i++) {
        if (flags & 1)
            fix(disks[i]);
        if (i >= kMostDisks || !(missing & 1u << i))
            script.disks.push_back(std::move(disks[i]));
    }
    return script;
}

void use(const Format &format, Script &script)
{
    for (const PatchedDisk &disk : script.disks) {
        (void)format.probe(disk).has_value();
        (void)format.examine(disk).has_value();
        (void)format.examine_export(disk).has_value();
        for (const auto &[offset, length] : format.wipe_ranges(disk))
            promise(offset <= disk.size_bytes() && length <= disk.size_bytes() - offset, "what is wiped lies on the disk");
    }
    run(format, script);
}

}  // namespace emd::fuzz
