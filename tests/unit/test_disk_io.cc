// SPDX-License-Identifier: GPL-2.0-only
// Batches on files.
#include "libemd/base/fd.h"
#include "libemd/reshape/buffer.h"
#include "libemd/reshape/disk_io.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>

namespace emd::reshape {
namespace {

using std::chrono::milliseconds;

class DiskIo : public testing::Test {
protected:
    DiskIo()
    {
        for (int i = 0; i < 3; i++) {
            std::string name = (std::filesystem::temp_directory_path() / "emd-io-XXXXXX").string();
            fds_.emplace_back(::mkstemp(name.data()));
            names_.push_back(name);
        }
    }
    ~DiskIo() override
    {
        for (const std::string &name : names_)
            std::filesystem::remove(name);
    }

    std::vector<Fd> fds_;
    std::vector<std::string> names_;
};

TEST_F(DiskIo, WritesFlushesAndReadsBackManyPieces)
{
    constexpr std::size_t kBytes = 5 * 1024 * 1024 + 512;
    std::vector<Buffer> out, in;
    std::vector<DiskOp> writes, flushes, reads;
    for (std::size_t i = 0; i < fds_.size(); i++) {
        out.emplace_back(kBytes);
        in.emplace_back(kBytes);
        for (std::size_t b = 0; b < kBytes; b++)
            out[i].span()[b] = static_cast<std::byte>(b * 7 + b / 4096 + i);
    }
    for (std::size_t i = 0; i < fds_.size(); i++) {
        writes.push_back({DiskOp::Kind::Write, fds_[i].get(), 4096 * i, out[i].span().data(), kBytes, names_[i]});
        flushes.push_back({DiskOp::Kind::Flush, fds_[i].get(), 0, nullptr, 0, names_[i]});
        reads.push_back({DiskOp::Kind::Read, fds_[i].get(), 4096 * i, in[i].span().data(), kBytes, names_[i]});
    }
    ASSERT_TRUE(run_batch(writes, milliseconds(60000)));
    ASSERT_TRUE(run_batch(flushes, milliseconds(60000)));
    ASSERT_TRUE(run_batch(reads, milliseconds(60000)));
    for (std::size_t i = 0; i < fds_.size(); i++)
        EXPECT_TRUE(std::equal(out[i].span().begin(), out[i].span().end(), in[i].span().begin())) << i;
}

TEST_F(DiskIo, ReadingBehindTheEndNamesTheDisk)
{
    Buffer buffer(4096);
    const DiskOp op{DiskOp::Kind::Read, fds_[0].get(), 0, buffer.span().data(), 4096, "sdx"};
    const Result<> result = run_batch({&op, 1}, milliseconds(60000));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().text(), "reading sdx: it ends early");
}

TEST_F(DiskIo, ErrorNamesTheDiskAndEndsTheBatch)
{
    const Fd read_only(::open(names_[1].c_str(), O_RDONLY));
    Buffer buffer(1024 * 1024);
    const DiskOp ops[] = {{DiskOp::Kind::Write, fds_[0].get(), 0, buffer.span().data(), buffer.size(), "good"},
                          {DiskOp::Kind::Write, read_only.get(), 0, buffer.span().data(), buffer.size(), "bad"}};
    const Result<> result = run_batch(ops, milliseconds(60000));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().sys(), EBADF);
    EXPECT_NE(result.error().text().find("writing bad"), std::string::npos);
}

// A pipe that nobody writes to stands for a disk that does not answer.
TEST_F(DiskIo, DeadlineIsKept)
{
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const Fd reading(ends[0]), writing(ends[1]);
    Buffer buffer(4096);
    const DiskOp op{DiskOp::Kind::Read, reading.get(), 0, buffer.span().data(), 4096, "silent"};
    const Result<> result = run_batch({&op, 1}, milliseconds(20));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::Timeout);
}

TEST_F(DiskIo, EmptyBatchIsDone)
{
    EXPECT_TRUE(run_batch({}, milliseconds(0)));
}

}  // namespace
}  // namespace emd::reshape
