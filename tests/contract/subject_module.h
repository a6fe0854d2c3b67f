// SPDX-License-Identifier: GPL-2.0-or-later
// A running emd.ko as a subject: an array without metadata over four block devices, made anew for every test.
#pragma once

#include "subject.h"

namespace emd::contract {

class ModuleSubject final : public Subject {
public:
    explicit ModuleSubject(const std::vector<std::string> &members);
    ~ModuleSubject() override;

    Array &array() override { return *array_; }
    std::unique_ptr<PendingWrite> write(std::uint64_t sector, std::byte fill) override;
    std::vector<std::byte> read(std::uint64_t sector, std::uint64_t sectors) override;
    void pass_time() override;

private:
    std::unique_ptr<Sysfs> sysfs_;
    std::unique_ptr<Array> array_;
};

}  // namespace emd::contract
