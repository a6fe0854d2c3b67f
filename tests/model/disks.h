// SPDX-License-Identifier: GPL-2.0-only
// The member disks of the model and what is on them: data, copy area, and the record in two copies, as IMSM has it.
#pragma once

#include "libemd/kernel/fake_disk.h"
#include "scenario.h"

#include <array>

namespace emd::model {

// One sector on the first two disks. No check sum and no sequence: what order gives must suffice.
struct Record {
    std::uint64_t position = 0;  // array address, D
    bool backup_live = false;
    bool finished = false;       // only the target geometry is left
    bool operator==(const Record &) const = default;
};

class Disks {
public:
    static constexpr std::uint64_t kDataOffset = 8;
    static constexpr int kCopies = 2;

    explicit Disks(const Scenario &scenario);

    std::size_t count() const { return disks_.size(); }
    FakeDisk &operator[](std::size_t i) { return disks_[i]; }
    const FakeDisk &operator[](std::size_t i) const { return disks_[i]; }
    std::uint64_t copy_area() const { return copy_area_; }
    std::uint64_t copy_sectors() const { return copy_sectors_; }

    Record record(int copy) const;
    void write_record(int copy, const Record &record);
    // What a loader says that reads copy `copy`.
    Container container(const Scenario &scenario, int copy) const;

    Disks after_power_cut(const FakeDisk::Choose &choose) const;
    void flush_all();
    std::size_t unflushed() const;
    std::uint64_t changes() const;

private:
    Disks() = default;
    std::vector<FakeDisk> disks_;
    std::uint64_t copy_area_ = 0, copy_sectors_ = 0, record_sector_ = 0;
};

}  // namespace emd::model
