// SPDX-License-Identifier: GPL-2.0-only
// Where what was read goes: a new sparse file, or a pipe; and a map of what could not be read.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/rescue/array.h"

#include <string>

namespace emd::rescue {

class Output {
public:
    // A new file; "-": standard output. Errors: it exists (nothing is ever written over), or cannot be made.
    static Result<Output> create(const std::string &path);

    // Behind what was written before. Pages of zeros are holes of a file. Errors: Io, NoSpace with the name.
    Result<> write(Bytes data);
    // All is on the disk.
    Result<> finish();

    // Removes a new file again, into which nothing was written.
    void discard();

    std::uint64_t written() const { return written_; }  // bytes

private:
    Output(std::string name, Fd fd, bool seekable) : name_(std::move(name)), fd_(std::move(fd)), seekable_(seekable) {}
    Result<> put(Bytes data, std::uint64_t at);

    std::string name_;
    Fd fd_;
    bool seekable_;
    std::uint64_t written_ = 0;
};

// GNU ddrescue's map file of sectors [begin, end) of a volume: what is lost is '-', what was not tried '?', all else '+'. `tried`: up
// to where the work came. Positions and sizes are bytes of the volume. Errors: as of Output::write() and finish().
Result<> write_map(Output &map, std::uint64_t begin, std::uint64_t end, std::uint64_t tried, const std::vector<Lost> &lost);

}  // namespace emd::rescue
