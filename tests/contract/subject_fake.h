// SPDX-License-Identifier: GPL-2.0-or-later
// The fake kernel as a subject: any access, and any moment that passes, lets it make one step.
#pragma once

#include "libemd/kernel/fake_kernel.h"
#include "subject.h"

#include <array>

namespace emd::contract {

class FakeSubject final : public Subject {
public:
    FakeSubject();

    Array &array() override { return array_; }
    std::unique_ptr<PendingWrite> write(std::uint64_t sector, std::byte fill) override;
    std::vector<std::byte> read(std::uint64_t sector, std::uint64_t sectors) override;
    void pass_time() override;

private:
    std::array<FakeDisk, 4> disks_;
    FakeKernel kernel_;
    Array array_;
};

}  // namespace emd::contract
