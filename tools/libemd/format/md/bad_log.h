// SPDX-License-Identifier: GPL-2.0-only
// A member's list of bad blocks, as the log of md 1.x keeps it: entries of up to 1023 sectors in the order of their sectors, a word each,
// of which all ones end the list.
//
// Theory
//
// The log is written in place, and a power cut leaves any of its sectors old. So no entry that is in the old list and in the new
// one may be missing in between. Entries that are added move those behind them to the back: then the last sector is written first.
// Entries that are taken out move them to the front: then the first is. An entry that only gets longer or shorter moves nobody. What
// needs both orders is refused with Busy until the first has been written; a list that fits into one sector needs none.
//
// The superblock says whether there is a list at all, and follows the log. An empty list is not written: the superblock says so.
#pragma once

#include "libemd/format/md/superblock.h"

#include <span>

namespace emd::md {

class BadLog {
public:
    static constexpr unsigned kPhases = 8;  // of writing it; as many sectors as md's log has at most

    BadLog() = default;  // of a member that keeps none
    // The log of a superblock on a disk of this size. One that lies where it cannot, or is not as md writes it, is never changed.
    BadLog(const V1 &sb, std::uint64_t device_sectors, unsigned sector_bytes);

    unsigned room() const { return room_; }  // entries; 0: it cannot be changed
    const std::vector<BadRange> &entries() const { return entries_; }  // absolute sectors; BadRange::disk is not used

    // [begin, end) is bad, or good again. Errors, with nothing changed: NoSpace; Busy: first write what has changed already. Neither
    // allocates but for the error.
    Result<> add(std::uint64_t begin, std::uint64_t end);
    Result<> clear(std::uint64_t begin, std::uint64_t end);

    std::size_t pieces() const { return room_ ? bytes_ / piece_ : 0; }  // that are written each by itself
    std::size_t piece_bytes() const { return piece_; }
    std::uint64_t offset_bytes(std::size_t piece) const { return begin_ + piece * piece_; }
    bool holds(std::uint64_t offset_bytes) const { return room_ && offset_bytes >= begin_ && offset_bytes - begin_ < bytes_; }

    // One piece. Nothing: it need not be written; else its phase. `all`: also if it has not changed.
    std::optional<unsigned> encode(std::uint64_t offset_bytes, std::span<std::byte> to, bool all) const;
    void written();  // all of it

private:
    enum class Order { Any, FirstFirst, LastFirst };

    std::size_t per_piece() const { return piece_ / 8; }
    Result<> settle_order(Order order, std::size_t entries);
    std::size_t find(std::uint64_t sector) const;

    unsigned room_ = 0;
    std::uint64_t begin_ = 0;          // bytes on the disk
    std::size_t bytes_ = 0, piece_ = 512;
    std::vector<BadRange> entries_;    // has room for room_
    std::vector<BadRange> on_disk_;    // the same; what the log holds as far as the superblock there says that there is one
    bool fresh_ = true;                // nothing has changed since it was written
    Order order_ = Order::Any;         // in which it is, or was, written
    bool known_ = false;               // what the log holds is on_disk_
};

}  // namespace emd::md
