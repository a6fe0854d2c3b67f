// SPDX-License-Identifier: GPL-2.0-or-later
// What the contract of the attributes is asked of: the fake kernel of the crash model, or a running emd.ko.
//
// The crash model proves the protocol over the fake. That proof is worth what the fake is worth, so the same tests run
// on both: in `make check-unit` on the fake, in a virtual machine (tests/vm/t/contract.sh) on the module.
#pragma once

#include "libemd/kernel/array.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace emd::contract {

// Every subject is this array: RAID5, left-symmetric, three members, on the way to four. One step G is w * 3.
inline constexpr std::uint64_t kChunkSectors = 128;                 // also w
inline constexpr std::uint64_t kMemberSectors = 16 * kChunkSectors;
inline constexpr std::uint64_t kVisibleSectors = 2 * kMemberSectors;  // before the reshape
inline constexpr std::uint64_t kEnd = 3 * kMemberSectors;             // the position at which it ends
inline constexpr std::uint64_t kPageSectors = 8;

// A write of one page that somebody else makes; it may have to wait.
class PendingWrite {
public:
    virtual ~PendingWrite() = default;
    virtual bool ended() = 0;
};

class Subject {
public:
    virtual ~Subject() = default;

    // The array, with a fourth member in reserve, four members proposed and sync_max 0; nothing has been started.
    virtual Array &array() = 0;
    virtual std::unique_ptr<PendingWrite> write(std::uint64_t sector, std::byte fill) = 0;
    virtual std::vector<std::byte> read(std::uint64_t sector, std::uint64_t sectors) = 0;
    // The world goes on for a moment.
    virtual void pass_time() = 0;

    // Until it is so; false: it did not become so in a long time.
    bool eventually(const std::function<bool()> &so);
    // True if it stays so for as long as an impatient kernel would need to break it.
    bool stays(const std::function<bool()> &so);
};

// The module when EMD_CONTRACT_MEMBERS names four block devices (their content is lost), else the fake.
std::unique_ptr<Subject> make_subject();

}  // namespace emd::contract
