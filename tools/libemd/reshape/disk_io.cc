// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/disk_io.h"

#include "libemd/reshape/buffer.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <liburing.h>
#include <optional>
#include <unistd.h>

namespace emd::reshape {
namespace {

constexpr unsigned kDepth = 32;
constexpr std::size_t kPieceBytes = 256 * 1024;

// A part of an operation that fits a buffer.
struct Piece {
    const DiskOp *op = nullptr;
    std::size_t begin = 0, bytes = 0;
};

std::deque<Piece> cut(std::span<const DiskOp> ops)
{
    std::deque<Piece> pieces;
    for (const DiskOp &op : ops) {
        if (op.kind == DiskOp::Kind::Flush)
            pieces.push_back({&op, 0, 0});
        for (std::size_t at = 0; op.kind != DiskOp::Kind::Flush && at < op.bytes; at += kPieceBytes)
            pieces.push_back({&op, at, std::min(kPieceBytes, op.bytes - at)});
    }
    return pieces;
}

const char *doing(const DiskOp &op)
{
    switch (op.kind) {
    case DiskOp::Kind::Read: return "reading";
    case DiskOp::Kind::Write: return "writing";
    case DiskOp::Kind::Flush: return "flushing";
    }
    return "";
}

tl::unexpected<Error> failed_op(const DiskOp &op, int error)
{
    return fail_errno(error, "{} {}", doing(op), op.name);
}

class Ring {
public:
    Ring() : buffers_(kDepth), pieces_(kDepth)
    {
        for (Buffer &b : buffers_)
            b = Buffer(kPieceBytes);
    }
    ~Ring()
    {
        if (ready_)
            ::io_uring_queue_exit(&ring_);
    }
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;

    bool init()
    {
        ready_ = ::io_uring_queue_init(kDepth, &ring_, 0) == 0;
        return ready_;
    }

    Result<> run(std::deque<Piece> &pieces, std::chrono::steady_clock::time_point end);
    bool busy() const { return under_way_ != 0; }

private:
    void submit(std::deque<Piece> &pieces);
    void prepare(io_uring_sqe *sqe, unsigned slot);
    // What is left of the piece after this completion.
    std::optional<Piece> complete(const io_uring_cqe &cqe, Result<> &result);

    io_uring ring_{};
    bool ready_ = false;
    std::vector<Buffer> buffers_;
    std::vector<std::optional<Piece>> pieces_;  // by slot; a slot with a piece is under way
    unsigned under_way_ = 0;
};

void Ring::prepare(io_uring_sqe *sqe, unsigned slot)
{
    const Piece &p = *pieces_[slot];
    std::byte *const buffer = buffers_[slot].span().data();
    if (p.op->kind == DiskOp::Kind::Flush) {
        ::io_uring_prep_fsync(sqe, p.op->fd, IORING_FSYNC_DATASYNC);
    } else if (p.op->kind == DiskOp::Kind::Read) {
        ::io_uring_prep_read(sqe, p.op->fd, buffer, static_cast<unsigned>(p.bytes), p.op->offset_bytes + p.begin);
    } else {
        std::copy_n(p.op->data + p.begin, p.bytes, buffer);
        ::io_uring_prep_write(sqe, p.op->fd, buffer, static_cast<unsigned>(p.bytes), p.op->offset_bytes + p.begin);
    }
    ::io_uring_sqe_set_data64(sqe, slot);
}

void Ring::submit(std::deque<Piece> &pieces)
{
    for (unsigned slot = 0; slot < kDepth && !pieces.empty(); slot++) {
        if (pieces_[slot])
            continue;
        io_uring_sqe *const sqe = ::io_uring_get_sqe(&ring_);
        if (!sqe)
            break;
        pieces_[slot] = pieces.front();
        pieces.pop_front();
        prepare(sqe, slot);
        under_way_++;
    }
    ::io_uring_submit(&ring_);
}

std::optional<Piece> Ring::complete(const io_uring_cqe &cqe, Result<> &result)
{
    const auto slot = static_cast<unsigned>(cqe.user_data);
    const Piece p = *pieces_[slot];
    pieces_[slot].reset();
    under_way_--;
    if (cqe.res == -EINTR || cqe.res == -EAGAIN)
        return p;
    if (cqe.res < 0) {
        if (result)
            result = failed_op(*p.op, -cqe.res);
        return std::nullopt;
    }
    const auto moved = static_cast<std::size_t>(cqe.res);
    if (p.op->kind == DiskOp::Kind::Read)
        std::copy_n(buffers_[slot].span().data(), moved, p.op->data + p.begin);
    if (p.op->kind == DiskOp::Kind::Flush || moved == p.bytes)
        return std::nullopt;
    if (moved == 0) {
        if (result)
            result = fail(Errc::Io, "{} {}: it ends early", doing(*p.op), p.op->name);
        return std::nullopt;
    }
    return Piece{p.op, p.begin + moved, p.bytes - moved};
}

Result<> Ring::run(std::deque<Piece> &pieces, std::chrono::steady_clock::time_point end)
{
    Result<> result;
    while (under_way_ || (result && !pieces.empty())) {
        if (result)
            submit(pieces);
        const auto left = end - std::chrono::steady_clock::now();
        const auto ns = std::max<long long>(std::chrono::duration_cast<std::chrono::nanoseconds>(left).count(), 0);
        __kernel_timespec limit{.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
        io_uring_cqe *cqe = nullptr;
        const int waited = ::io_uring_wait_cqe_timeout(&ring_, &cqe, &limit);
        if (waited == -EINTR)
            continue;
        if (waited < 0) {
            const auto late = std::ranges::find_if(pieces_, [](const auto &p) { return p.has_value(); });
            return failed_op(*(*late)->op, waited == -ETIME ? ETIMEDOUT : -waited);
        }
        if (const auto rest = complete(*cqe, result))
            pieces.push_front(*rest);
        ::io_uring_cqe_seen(&ring_, cqe);
    }
    return result;
}

// Its buffers belong to a disk that may still answer: they live as long as the process, and are never destroyed.
void abandon(std::unique_ptr<Ring> ring)
{
    static auto *const rings = new std::vector<std::unique_ptr<Ring>>;
    rings->push_back(std::move(ring));
}

Result<> run_piece(const Piece &p)
{
    const auto offset = static_cast<off_t>(p.op->offset_bytes + p.begin);
    if (p.op->kind == DiskOp::Kind::Flush)
        return ::fdatasync(p.op->fd) == 0 ? Result<>() : failed_op(*p.op, errno);
    Buffer buffer(p.bytes);
    const bool reading = p.op->kind == DiskOp::Kind::Read;
    if (!reading)
        std::copy_n(p.op->data + p.begin, p.bytes, buffer.span().data());
    const ssize_t moved = reading ? ::pread(p.op->fd, buffer.span().data(), p.bytes, offset)
                                  : ::pwrite(p.op->fd, buffer.span().data(), p.bytes, offset);
    if (moved < 0 && errno == EINTR)
        return run_piece(p);
    if (moved < 0)
        return failed_op(*p.op, errno);
    if (static_cast<std::size_t>(moved) != p.bytes)
        return fail(Errc::Io, "{} {}: it ends early", doing(*p.op), p.op->name);
    if (reading)
        std::copy_n(buffer.span().data(), p.bytes, p.op->data + p.begin);
    return {};
}

}  // namespace

Result<> run_batch(std::span<const DiskOp> ops, std::chrono::milliseconds deadline)
{
    std::deque<Piece> pieces = cut(ops);
    auto ring = std::make_unique<Ring>();
    if (!ring->init()) {
        for (const Piece &piece : pieces)
            EMD_TRY(run_piece(piece));
        return {};
    }
    Result<> result = ring->run(pieces, std::chrono::steady_clock::now() + deadline);
    if (ring->busy())
        abandon(std::move(ring));
    return result;
}

}  // namespace emd::reshape
