// SPDX-License-Identifier: GPL-2.0-only
// What a fuzzer's input means to a target that reads disks: a golden case, what is written over its disks, and what happens
// to the container that is found on them.
//
//   u8 case, u8 flags (bit 0: put check sums right), u16 disks that are missing (bit i: disk i), then until the input ends:
//   u8 op, and either (op < 0x80) a patch of disk op % 16, window op / 16: u16 offset, u16 length, the bytes;
//   or (op >= 0x80) a change: u16, u16, u8 (shift of the second number).
//
// A window is 64 KiB where the metadata lies: eight of them, which scripts/fuzz chooses.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/format/format.h"

#include <map>

namespace emd::fuzz {

inline constexpr std::size_t kBlock = 4096;
using Block = std::array<std::byte, kBlock>;

// The metadata of a golden disk; its data reads as zeros. What is written stays in memory.
class PatchedDisk final : public Medium {
public:
    struct Base {
        std::string path, serial;
        std::uint64_t bytes = 0;
        unsigned sector_bytes = 512;
        std::array<std::uint64_t, 8> windows{};
        std::map<std::uint64_t, Block> blocks;  // that are not zero, by number
    };
    explicit PatchedDisk(const Base &base) : base_(&base) {}

    const std::string &path() const override { return base_->path; }
    DevNum dev() const override { return {}; }
    std::uint64_t size_bytes() const override { return base_->bytes; }
    unsigned sector_bytes() const override { return base_->sector_bytes; }
    bool partition() const override { return false; }
    std::string serial() const override { return base_->serial; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override;

    // False: it does not lie on the disk.
    bool write(std::uint64_t offset_bytes, Bytes data);
    std::uint64_t window(unsigned number) const { return base_->windows.at(number); }

private:
    const Base *base_;
    std::map<std::uint64_t, Block> written_;
};

// The input, taken from its front; zeros when it has ended.
class Input {
public:
    explicit Input(Bytes bytes) : rest_(bytes) {}
    template <OnDisk T>
    T take()
    {
        T value{};
        const Bytes from = bytes(sizeof value);
        std::memcpy(&value, from.data(), from.size());
        return value;
    }
    Bytes bytes(std::size_t most);
    bool empty() const { return rest_.empty(); }

private:
    Bytes rest_;
};

struct Step {
    std::uint8_t op = 0;
    std::uint16_t a = 0;
    std::uint64_t b = 0;
};

struct Script {
    std::vector<PatchedDisk> disks;
    std::vector<Step> steps;
    std::vector<const Medium *> media() const;
};

// `prefix`: of the names of the cases that the input chooses from. `fix` puts the check sums of a disk right.
Script script(Bytes input, std::string_view prefix, void (*fix)(PatchedDisk &));

// Everything that programs ask a format. Ends the program when what comes back breaks the format's promises.
void use(const Format &format, Script &script);

// For a promise that is broken: libFuzzer keeps the input.
[[noreturn]] void broken(const char *promise);
inline void promise(bool kept, const char *what)
{
    if (!kept)
        broken(what);
}

}  // namespace emd::fuzz
