// SPDX-License-Identifier: GPL-2.0-only
// Arrays of every kind of metadata on disks in memory, whole and at rest, that can be asked for another shape.
#pragma once

#include "libemd/plan/grow.h"

#include <map>

namespace emd::migrations {

// Holds what was written to it, and zeros elsewhere.
class SparseDisk final : public Medium {
public:
    SparseDisk(unsigned number, std::uint64_t sectors);
    const std::string &path() const override { return path_; }
    DevNum dev() const override { return dev_; }
    std::uint64_t size_bytes() const override { return size_bytes_; }
    unsigned sector_bytes() const override { return 512; }
    bool partition() const override { return false; }
    std::string serial() const override { return serial_; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override;
    void write(std::uint64_t offset_bytes, std::span<const std::byte> bytes);

private:
    std::string path_, serial_;
    DevNum dev_;
    std::uint64_t size_bytes_;
    std::map<std::uint64_t, std::vector<std::byte>> blocks_;
};

enum class Kind { Imsm, Md12, Md11, Md10, Md090, Ddf };

struct Wanted {
    Kind kind = Kind::Imsm;
    Shape shape;  // component_sectors 0: as much as fits
    unsigned spares = 0;
    bool bitmap = false, parity_log = false;
    unsigned volumes = 1;
    std::uint64_t disk_sectors = 1u << 21;  // 1 GiB
};

class Lab {
public:
    // Errors: that the format has no such array.
    static Result<Lab> make(const Wanted &wanted);

    // What emdadm --grow would do; `running` is what the kernel says. Volume 0 is meant, except for another number of disks, which is
    // asked for as emdadm does where there are several volumes: of the container.
    Result<plan::Plan> ask(const plan::GrowRequest &want, const plan::Running &running) const;
    Result<plan::Plan> ask(const plan::GrowRequest &want) const { return ask(want, running()); }
    plan::Running running() const;  // at rest
    const Container &view() const { return metadata_->view(); }
    const Volume &volume() const { return view().volumes[0]; }

    // The array when all of the plan's records have been written, and what is to be moved has been.
    Result<Lab> after(const plan::Plan &plan) const;

private:
    using Disks = std::vector<SparseDisk>;
    Result<> load();
    Result<> store(Metadata &metadata);
    Result<> change(const Change &change);
    Result<> rebuild();

    const Format *format_ = nullptr;
    Disks disks_;
    std::shared_ptr<Metadata> metadata_;
    mutable std::shared_ptr<Metadata> scratch_;  // as metadata_: what refuses a change is as it was
};

}  // namespace emd::migrations
