// SPDX-License-Identifier: GPL-2.0-only
#include "metadata_writer.h"

#include <algorithm>
#include <map>

namespace emd::mon {
namespace {

constexpr std::size_t kAlign = 4096;  // of each image in a disk's buffer

}  // namespace

Result<> MetadataWriter::prepare()
{
    images_ = metadata_->prepare();
    const std::vector<Disk> &disks = metadata_->view().disks;
    std::map<DevNum, std::size_t> room;
    for (const Image &image : images_) {
        const Disk &disk = disks.at(static_cast<std::size_t>(image.disk));
        if (disk.present)
            room[disk.dev] += (image.bytes.capacity() + kAlign - 1) / kAlign * kAlign;
    }
    jobs_.reserve(std::max(images_.size(), disks.size()));
    dead_.reserve(disks.size() + dead_.size());
    Result<> all;
    for (const auto &[dev, bytes] : room) {
        if (is_dead(dev))
            continue;
        Result<> opened = disks_->open(dev, bytes);
        if (opened)
            continue;
        note_failure(dev);
        if (all)
            all = std::move(opened).within("preparing to write metadata");
    }
    return all;
}

Result<> MetadataWriter::commit()
{
    // Each turn but the last loses a disk.
    needed_.clear();
    for (;;) {
        written_ = false;
        const bool flushed = flush_data();
        if (flushed)
            metadata_->encode(images_);
        const bool complete = flushed && write_phases();
        if (!needed_.empty())
            return fail(Errc::Io, "{} does not take its metadata, and there are no data without it", needed_);
        if (complete)
            break;
    }
    if (!written_)
        return fail(Errc::Io, "the metadata could be written to no disk of the container");
    metadata_->stored();
    return {};
}

void MetadataWriter::forget(DevNum dev)
{
    if (!is_dead(dev))
        dead_.push_back(dev);
    disks_->close(dev);
}

bool MetadataWriter::is_dead(DevNum dev) const
{
    return std::ranges::find(dead_, dev) != dead_.end();
}

void MetadataWriter::add_job(int disk, const Image *image)
{
    const Disk &d = metadata_->view().disks[static_cast<std::size_t>(disk)];
    if (!d.present || is_dead(d.dev))
        return;
    const bool again = std::ranges::any_of(jobs_, [&](const DiskJob &j) { return j.dev == d.dev; });
    if (image != nullptr)
        jobs_.push_back({d.dev, image->offset_bytes, Bytes(image->bytes), 0});
    else if (!again)
        jobs_.push_back({d.dev, 0, {}, 0});
}

// A failed member is not waited for: it may hang, and nothing of it is needed.
bool MetadataWriter::flush_data()
{
    jobs_.clear();
    const std::vector<Disk> &disks = metadata_->view().disks;
    for (std::size_t i = 0; i < disks.size(); i++)
        if (disks[i].state == DiskState::Active)
            add_job(static_cast<int>(i), nullptr);
    disks_->flush(jobs_);
    return note_failures(jobs_);
}

bool MetadataWriter::write_phases()
{
    // encode() says what comes when.
    unsigned phases = 0;
    for (const Image &image : images_)
        if (image.active)
            phases = std::max(phases, image.phase + 1);
    // A disk that fails is left behind. On the others the record is completed first: a format may have only what is
    // not yet overwritten to fall back on, and the next record would begin with that.
    // But where a disk cannot be left behind, nobody is given up for it.
    bool good = true;
    for (unsigned phase = 0; phase < phases && needed_.empty(); phase++)
        good = write_phase(phase) && good;
    return good;
}

bool MetadataWriter::write_phase(unsigned phase)
{
    jobs_.clear();
    for (const Image &image : images_)
        if (image.active && image.phase == phase)
            add_job(image.disk, &image);
    if (jobs_.empty())
        return true;
    disks_->write(jobs_);
    const bool taken = note_failures(jobs_);
    written_ |= std::ranges::any_of(jobs_, [](const DiskJob &job) { return job.error == 0; });
    jobs_.clear();
    for (const Image &image : images_)
        if (image.active && image.phase == phase)
            add_job(image.disk, nullptr);
    disks_->flush(jobs_);
    return note_failures(jobs_) && taken;
}

// False: at least one disk is gone now, the record has changed.
bool MetadataWriter::note_failures(std::span<const DiskJob> jobs)
{
    bool good = true;
    for (const DiskJob &job : jobs) {
        if (job.error == 0 || is_dead(job.dev))
            continue;
        good = false;
        note_failure(job.dev);
    }
    return good;
}

// A format may refuse. A spare has no failure to record: then the disk is only left alone. Of a member that nobody can do without the record
// would be worth less with its failure than without: it is written again, until it takes it, and nothing goes on meanwhile.
void MetadataWriter::note_failure(DevNum dev)
{
    const std::vector<Disk> &disks = metadata_->view().disks;
    const auto disk = std::ranges::find_if(disks, [dev](const Disk &d) { return d.present && d.dev == dev && d.state != DiskState::Failed; });
    if (disk != disks.end()) {
        const bool recorded = metadata_->apply(change::DiskFailed{static_cast<int>(disk - disks.begin())}).has_value();
        if (!recorded && disk->state == DiskState::Active) {
            needed_ = disk->path;
            return;
        }
    }
    dead_.push_back(dev);
}

}  // namespace emd::mon
