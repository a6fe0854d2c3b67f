// SPDX-License-Identifier: GPL-2.0-or-later
// emdwork: writes blocks to a device that say where they belong and when they were written, and checks them.
//
// Theory. A block is 4096 bytes; each of its eight sectors holds magic, block number, generation, sector number and
// words that follow from these. An oracle, another device that loses nothing, holds one record before a write (intent)
// and one after write and flush (acknowledgement). So at any later time, whatever crashed in between, a sector must
// hold the last acknowledged generation of its block or one that was intended after it:
//   - anything older is lost data, anything else was never written there;
//   - sectors of one block may differ only while a write was in flight, as each of them is checked by itself.
// Records are made durable before what depends on them: the intent before the write, the acknowledgement after the
// flush. tests/vm/README.md has the command line.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <linux/aio_abi.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/fs.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kRunBlocks = 64;  // a write stays within an aligned run of this many blocks
constexpr std::uint64_t kBlockMagic = 0x4b4c42444d45;
constexpr std::uint64_t kRecordMagic = 0x4452434f44454d45;
constexpr std::uint64_t kFirstGeneration = 1;

[[noreturn]] void die(const std::string &why)
{
    fmt::print(stderr, "emdwork: {}\n", why);
    std::exit(1);
}

struct Sector {
    std::uint64_t magic, block, generation, index;
    std::array<std::uint64_t, 60> fill;
};
static_assert(sizeof(Sector) == kSectorBytes);

std::uint64_t next_word(std::uint64_t &state)  // splitmix64
{
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void make_sector(Sector &s, std::uint64_t block, std::uint64_t generation, std::uint64_t index)
{
    s.magic = kBlockMagic;
    s.block = block;
    s.generation = generation;
    s.index = index;
    std::uint64_t state = block * 0x100000001b3 ^ generation << 8 ^ index;
    for (auto &word : s.fill)
        word = next_word(state);
}

// What is wrong with a sector that should belong to (block, index); nothing when it is of some generation.
std::optional<std::string> damage(const Sector &s, std::uint64_t block, std::uint64_t index)
{
    if (s.magic != kBlockMagic)
        return fmt::format("has no magic ({:016x})", s.magic);
    if (s.block != block || s.index != index)
        return fmt::format("holds sector {} of block {}", s.index, s.block);
    Sector right;
    make_sector(right, block, s.generation, index);
    if (right.fill != s.fill)
        return fmt::format("of generation {} has damaged contents", s.generation);
    return std::nullopt;
}

struct FreeDeleter {
    void operator()(void *p) const { std::free(p); }
};

class Buffer {  // aligned for O_DIRECT
public:
    explicit Buffer(std::size_t bytes) : data_(static_cast<char *>(std::aligned_alloc(kBlockBytes, bytes)))
    {
        std::memset(data_.get(), 0, bytes);
    }
    char *data() { return data_.get(); }
    Sector *sectors() { return reinterpret_cast<Sector *>(data_.get()); }

    void make_blocks(std::uint64_t first, std::size_t count, std::uint64_t generation)
    {
        for (std::size_t i = 0; i < count * 8; i++)
            make_sector(sectors()[i], first + i / 8, generation, i % 8);
    }

private:
    std::unique_ptr<char, FreeDeleter> data_;
};

class Device {
public:
    explicit Device(std::string path, int flags = 0)
        : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC | flags))
    {
        if (fd_ < 0)
            die(fmt::format("cannot open {}: {}", path_, std::strerror(errno)));
    }
    Device(const Device &) = delete;
    Device &operator=(const Device &) = delete;
    ~Device() { ::close(fd_); }

    std::uint64_t size_bytes() const
    {
        std::uint64_t bytes = 0;
        struct stat st = {};
        if (::ioctl(fd_, BLKGETSIZE64, &bytes) == 0)
            return bytes;
        return ::fstat(fd_, &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
    }

    void read(const std::vector<iovec> &to, std::uint64_t offset) const
    {
        std::size_t bytes = 0;
        for (const auto &piece : to)
            bytes += piece.iov_len;
        const auto done = ::preadv(fd_, to.data(), static_cast<int>(to.size()), static_cast<off_t>(offset));
        if (done != static_cast<ssize_t>(bytes))
            die(fmt::format("reading {} at {}: {} of {} bytes{}", path_, offset, done, bytes, done < 0 ? std::strerror(errno) : ""));
    }
    void read(char *to, std::size_t bytes, std::uint64_t offset) const
    {
        const auto done = ::pread(fd_, to, bytes, static_cast<off_t>(offset));
        if (done != static_cast<ssize_t>(bytes))
            die(fmt::format("reading {} bytes at {} of {}: {}", bytes, offset, path_,
                            done < 0 ? std::strerror(errno) : "short read"));
    }

    void write(const char *from, std::size_t bytes, std::uint64_t offset, bool durable = false) const
    {
        const iovec vec = {const_cast<char *>(from), bytes};
        const auto done = ::pwritev2(fd_, &vec, 1, static_cast<off_t>(offset), durable ? RWF_DSYNC : 0);
        if (done != static_cast<ssize_t>(bytes))
            die(fmt::format("writing {} bytes at {} of {}: {}", bytes, offset, path_,
                            done < 0 ? std::strerror(errno) : "short write"));
    }

    void flush() const
    {
        if (::fdatasync(fd_) != 0)
            die(fmt::format("flushing {}: {}", path_, std::strerror(errno)));
    }

    const std::string &path() const { return path_; }
    int fd() const { return fd_; }

private:
    std::string path_;
    int fd_;
};

// Writes block by block, all handed in by one system call: the kernel plugs the block layer for it.
class Batch {
public:
    Batch()
    {
        if (::syscall(SYS_io_setup, kRunBlocks, &context_) != 0)
            die(fmt::format("io_setup: {}", std::strerror(errno)));
    }
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;
    ~Batch() { ::syscall(SYS_io_destroy, context_); }

    void write(const Device &device, const char *from, std::size_t blocks, std::uint64_t offset, bool durable)
    {
        std::array<iocb, kRunBlocks> writes = {};
        std::array<iocb *, kRunBlocks> list = {};
        for (std::size_t i = 0; i < blocks; i++) {
            writes[i].aio_lio_opcode = IOCB_CMD_PWRITE;
            writes[i].aio_fildes = static_cast<std::uint32_t>(device.fd());
            writes[i].aio_buf = reinterpret_cast<std::uintptr_t>(from + i * kBlockBytes);
            writes[i].aio_nbytes = kBlockBytes;
            writes[i].aio_offset = static_cast<std::int64_t>(offset + i * kBlockBytes);
            writes[i].aio_rw_flags = durable ? RWF_DSYNC : 0;
            list[i] = &writes[i];
        }
        for (std::size_t begun = 0; begun < blocks;) {
            const auto more = ::syscall(SYS_io_submit, context_, blocks - begun, list.data() + begun);
            if (more < 0)
                die(fmt::format("writing to {}: {}", device.path(), std::strerror(errno)));
            begun += static_cast<std::size_t>(more);
        }
        wait(device, blocks);
    }

private:
    void wait(const Device &device, std::size_t blocks)
    {
        std::array<io_event, kRunBlocks> events = {};
        for (std::size_t ended = 0; ended < blocks;) {
            const auto more = ::syscall(SYS_io_getevents, context_, 1, blocks - ended, events.data(), nullptr);
            for (long i = 0; i < more; i++)
                if (events[static_cast<std::size_t>(i)].res != static_cast<std::int64_t>(kBlockBytes))
                    die(fmt::format("writing to {}: {}", device.path(),
                                    std::strerror(static_cast<int>(-events[static_cast<std::size_t>(i)].res))));
            ended += more > 0 ? static_cast<std::size_t>(more) : 0;
        }
    }

    aio_context_t context_ = 0;
};

// --- the oracle ----------------------------------------------------------------------------------------------------

enum class Kind : std::uint64_t { Filled, Intent, Done };

struct Record {
    std::uint64_t magic, epoch, sequence;
    Kind kind;
    std::uint64_t first, count, generation;
    std::array<std::uint64_t, 57> unused;
};
static_assert(sizeof(Record) == kSectorBytes);

// What a block may hold.
struct Expectation {
    std::uint64_t acknowledged = 0;           // 0: never filled, not checked
    std::vector<std::uint64_t> later;  // intended after that, in this order

    bool allows(std::uint64_t generation) const
    {
        return generation == acknowledged || std::find(later.begin(), later.end(), generation) != later.end();
    }
    void acknowledge(std::uint64_t generation)
    {
        const auto at = std::find(later.begin(), later.end(), generation);
        if (at != later.end())
            later.erase(later.begin(), at + 1);
        acknowledged = generation;
    }
};

class Oracle {
public:
    // With anew the oracle begins with a new epoch, and what it held is void.
    Oracle(const std::string &path, bool anew) : device_(path, O_DSYNC)
    {
        if (anew) {
            std::random_device seed;
            epoch_ = static_cast<std::uint64_t>(seed()) << 32 | seed();
            return;
        }
        constexpr std::uint64_t kAtOnce = 128;  // records
        Buffer buffer(kAtOnce * kSectorBytes);
        for (const std::uint64_t end = device_.size_bytes() / kSectorBytes; sequence_ < end; sequence_++) {
            if (sequence_ % kAtOnce == 0)
                device_.read(buffer.data(), std::min(kAtOnce, end - sequence_) * kSectorBytes, sequence_ * kSectorBytes);
            const auto *record = reinterpret_cast<const Record *>(buffer.data()) + sequence_ % kAtOnce;
            if (sequence_ == 0)
                epoch_ = record->epoch;
            if (record->magic != kRecordMagic || record->epoch != epoch_ || record->sequence != sequence_)
                break;
            apply(*record);
        }
        if (sequence_ == 0)
            die(fmt::format("{} holds no records; begin with emdwork fill", path));
    }

    void append(Kind kind, std::uint64_t first, std::uint64_t count, std::uint64_t generation)
    {
        const std::scoped_lock lock(mutex_);
        Buffer buffer(kBlockBytes);
        auto *record = reinterpret_cast<Record *>(buffer.data());
        *record = {kRecordMagic, epoch_, sequence_, kind, first, count, generation, {}};
        if ((sequence_ + 1) * kSectorBytes > device_.size_bytes())
            die("the oracle is full; give it a larger disk");
        device_.write(buffer.data(), kSectorBytes, sequence_ * kSectorBytes);
        sequence_++;
        apply(*record);
    }

    bool full() const { return (sequence_ + 64) * kSectorBytes > device_.size_bytes(); }
    std::uint64_t blocks() const { return expectations_.size(); }
    const Expectation &of(std::uint64_t block) const { return expectations_[block]; }
    std::uint64_t next_generation() { return ++generation_; }

private:
    void apply(const Record &r)
    {
        generation_ = std::max(generation_.load(), r.generation);
        if (r.kind == Kind::Filled)
            expectations_.resize(std::max<std::size_t>(expectations_.size(), r.first + r.count));
        for (std::uint64_t block = r.first; block < r.first + r.count && block < blocks(); block++) {
            if (r.kind == Kind::Intent)
                expectations_[block].later.push_back(r.generation);
            else
                expectations_[block].acknowledge(r.generation);
        }
    }

    Device device_;
    std::mutex mutex_;
    std::uint64_t epoch_ = 0, sequence_ = 0;
    std::atomic<std::uint64_t> generation_ = kFirstGeneration;
    std::vector<Expectation> expectations_;
};

// --- commands ------------------------------------------------------------------------------------------------------

struct Options {
    std::vector<std::string> words;
    std::map<std::string, std::uint64_t, std::less<>> values;

    std::uint64_t value(std::string_view name, std::uint64_t otherwise) const
    {
        const auto at = values.find(name);
        return at == values.end() ? otherwise : at->second;
    }
};

void write_blocks(const Device &device, std::uint64_t begin, std::uint64_t end, std::uint64_t generation)
{
    Buffer buffer(kRunBlocks * kBlockBytes);
    for (std::uint64_t at = begin; at < end; at += kRunBlocks) {
        const auto count = std::min<std::uint64_t>(kRunBlocks, end - at);
        buffer.make_blocks(at, count, generation);
        device.write(buffer.data(), count * kBlockBytes, at * kBlockBytes);
    }
    device.flush();
}

int fill(const Options &options)
{
    const Device device(options.words.at(1));
    Oracle oracle(options.words.at(2), true);
    const auto blocks = options.value("bytes", device.size_bytes()) / kBlockBytes;
    write_blocks(device, 0, blocks, kFirstGeneration);
    oracle.append(Kind::Filled, 0, blocks, kFirstGeneration);
    return 0;
}

int extend(const Options &options)
{
    const Device device(options.words.at(1));
    Oracle oracle(options.words.at(2), false);
    const auto begin = oracle.blocks(), end = options.value("bytes", device.size_bytes()) / kBlockBytes;
    if (end <= begin)
        die(fmt::format("{} has not grown: {} blocks were filled, and it has {}", options.words[1], begin, end));
    write_blocks(device, begin, end, kFirstGeneration);
    oracle.append(Kind::Filled, begin, end - begin, kFirstGeneration);
    return 0;
}

volatile std::sig_atomic_t told_to_end = 0;

using Clock = std::chrono::steady_clock;

// The time from handing in a request until its end, of the slowest one of all threads.
class Longest {
public:
    template <class Request>
    void measure(const Request &request)
    {
        const auto begin = Clock::now();
        request();
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
        auto known = ms_.load();
        while (took > known && !ms_.compare_exchange_weak(known, took)) {
        }
    }
    long ms() const { return ms_; }

private:
    std::atomic<long> ms_ = 0;
};

struct Work {
    std::uint64_t threads, span;  // span: at most so many blocks in a write
    bool batches, every;          // every: each block once, by itself, and then it is done
    Clock::time_point end;
    std::atomic<std::uint64_t> todo;
    Longest longest = {};
};

struct Extent {
    std::uint64_t first, length;
};

// Where a thread writes next: at random places, or at each of its blocks in random order.
class Places {
public:
    Places(const Work &work, std::uint64_t blocks, std::uint64_t number, std::mt19937_64 &random)
        : work_(work), blocks_(blocks), number_(number), random_(random)
    {
        for (std::uint64_t block = 0; work.every && block < blocks; block++)
            if (block / kRunBlocks % work.threads == number)
                left_.push_back(block);
        std::shuffle(left_.begin(), left_.end(), random_);
    }

    std::optional<Extent> next()
    {
        if (!work_.every)
            return anywhere();
        if (left_.empty())
            return std::nullopt;
        const auto block = left_.back();
        left_.pop_back();
        return Extent{block, 1};
    }

private:
    Extent anywhere()
    {
        const auto runs = (blocks_ + kRunBlocks - 1) / kRunBlocks;
        const auto run = (random_() % std::max<std::uint64_t>(runs / work_.threads, 1)) * work_.threads + number_;
        const auto length = random_() % 4 == 0 ? random_() % work_.span + 1 : 1;  // mostly small, sometimes whole stripes
        return {run * kRunBlocks + random_() % (kRunBlocks - length + 1), length};
    }

    const Work &work_;
    std::uint64_t blocks_, number_;
    std::mt19937_64 &random_;
    std::vector<std::uint64_t> left_;
};

// One of several threads that write; each has the runs of blocks that fall to its number, so no two touch one block.
void load_thread(const Device &device, Oracle &oracle, std::mt19937_64 random, std::uint64_t number, Work &work)
{
    std::optional<Batch> batch;
    if (work.batches)
        batch.emplace();
    Buffer buffer(kRunBlocks * kBlockBytes);
    Places places(work, oracle.blocks(), number, random);
    while (told_to_end == 0 && Clock::now() < work.end && !oracle.full()) {
        auto left = work.todo.load();
        while (left != 0 && !work.todo.compare_exchange_weak(left, left - 1)) {
        }
        if (left == 0)
            return;
        const auto place = places.next();
        if (!place)
            return;
        const std::uint64_t first = place->first, length = place->length;
        if (first + length > oracle.blocks())
            continue;
        const auto generation = oracle.next_generation();
        const bool fua = random() % 2 == 0;
        buffer.make_blocks(first, length, generation);
        oracle.append(Kind::Intent, first, length, generation);
        work.longest.measure([&] {
            if (work.batches)
                batch->write(device, buffer.data(), length, first * kBlockBytes, fua);
            else
                device.write(buffer.data(), length * kBlockBytes, first * kBlockBytes, fua);
        });
        if (!fua)
            work.longest.measure([&] { device.flush(); });
        oracle.append(Kind::Done, first, length, generation);
    }
}

int load(const Options &options)
{
    const Device device(options.words.at(1));
    Oracle oracle(options.words.at(2), false);
    const auto seed = options.value("seed", 1);
    const auto count = options.value("count", ~0ULL);
    Work work = {options.value("jobs", 1), std::clamp<std::uint64_t>(options.value("span", kRunBlocks), 1, kRunBlocks),
                 options.value("batch", 0) != 0, options.value("every", 0) != 0,
                 Clock::now() + std::chrono::seconds(options.value("seconds", 1 << 20)), count};
    std::signal(SIGINT, [](int) { told_to_end = 1; });
    // Killed with its contexts, User Mode Linux would flush what is unmapped of them without the lock (a warning of lockdep).
    if (work.batches)
        std::signal(SIGTERM, [](int) { told_to_end = 1; });
    std::vector<std::thread> running;
    for (std::uint64_t number = 0; number < work.threads; number++) {
        running.emplace_back([&, number] {
            load_thread(device, oracle, std::mt19937_64(seed * 1000 + number), number, work);
        });
    }
    for (auto &thread : running)
        thread.join();
    fmt::print("emdwork: {} writes acknowledged, the longest request took {} ms\n", count - work.todo.load(),
               work.longest.ms());
    return 0;
}

class Findings {
public:
    void add(std::uint64_t block, std::uint64_t sector, const std::string &what)
    {
        if (block != last_block_ && blocks_++ < 20)
            fmt::print("block {} sector {} {}\n", block, sector, what);
        last_block_ = block;
    }
    int conclude(std::uint64_t checked, std::uint64_t open = 0) const
    {
        fmt::print("emdwork: {} blocks checked, {} wrong{}\n", checked, blocks_, open ? fmt::format(", {} open", open) : "");
        return blocks_ != 0;
    }

private:
    std::uint64_t last_block_ = ~0ULL, blocks_ = 0;
};

// Are the eight sectors of a block of one generation?
bool whole(const Sector *sectors)
{
    return std::all_of(sectors, sectors + 8,
                       [&](const Sector &s) { return s.generation == sectors[0].generation; });
}

int verify(const Options &options)
{
    const Device device(options.words.at(1));
    Oracle oracle(options.words.at(2), false);
    if (device.size_bytes() / kBlockBytes < oracle.blocks())
        die(fmt::format("{} has {} blocks, and {} were filled", options.words[1], device.size_bytes() / kBlockBytes,
                        oracle.blocks()));
    Findings findings;
    std::uint64_t open = 0;  // blocks that may hold anything
    std::vector<std::pair<std::uint64_t, std::uint64_t>> observed;
    const bool open_may_be_anything = options.value("open", 0) != 0;  // what was being written when a member was lost, too
    Buffer buffer(kRunBlocks * kBlockBytes);
    for (std::uint64_t at = 0; at < oracle.blocks(); at += kRunBlocks) {
        const auto count = std::min<std::uint64_t>(kRunBlocks, oracle.blocks() - at);
        device.read(buffer.data(), count * kBlockBytes, at * kBlockBytes);
        for (std::uint64_t i = 0; i < count * 8; i++) {
            const Sector &s = buffer.sectors()[i];
            const auto block = at + i / 8;
            const auto &expected = oracle.of(block);
            if (!expected.later.empty() && open_may_be_anything) {
                open += i % 8 == 0;
                continue;
            }
            if (const auto what = damage(s, block, i % 8))
                findings.add(block, i % 8, *what);
            else if (!expected.allows(s.generation))
                findings.add(block, i % 8, fmt::format("is of generation {}, acknowledged was {}, then intended: {}",
                                                       s.generation, expected.acknowledged, expected.later.size()));
            else if (!expected.later.empty() && i % 8 == 7 && whole(&s - 7))
                observed.emplace_back(block, s.generation);
        }
    }
    // What was read once must be read ever after: a write in flight at the crash has happened now, or never.
    if (options.value("settle", 0) != 0) {
        for (const auto &[block, generation] : observed)
            oracle.append(Kind::Done, block, 1, generation);
    }
    return findings.conclude(oracle.blocks() - open, open);
}

int pattern_write(const Options &options)
{
    const Device device(options.words.at(1));
    write_blocks(device, 0, std::stoull(options.words.at(2)) / kBlockBytes, std::stoull(options.words.at(3)));
    return 0;
}

int pattern_check(const Options &options)
{
    const Device device(options.words.at(1));
    const auto blocks = std::stoull(options.words.at(2)) / kBlockBytes, seed = std::stoull(options.words.at(3));
    Findings findings;
    Buffer buffer(kRunBlocks * kBlockBytes);
    for (std::uint64_t at = 0; at < blocks; at += kRunBlocks) {
        const auto count = std::min<std::uint64_t>(kRunBlocks, blocks - at);
        device.read(buffer.data(), count * kBlockBytes, at * kBlockBytes);
        for (std::uint64_t i = 0; i < count * 8; i++) {
            const Sector &s = buffer.sectors()[i];
            if (const auto what = damage(s, at + i / 8, i % 8))
                findings.add(at + i / 8, i % 8, *what);
            else if (s.generation != seed)
                findings.add(at + i / 8, i % 8, fmt::format("is of pattern {}, not {}", s.generation, seed));
        }
    }
    return findings.conclude(blocks);
}

/*
 * Reads of any sectors, into pages that a reader may hand in but hardly does: pieces of any length begin at any sector of a page, and
 * one place takes many of them, one after the other. What lies beside these is the pattern all the same.
 */
class ScatteredRead {
public:
    ScatteredRead(std::uint64_t sectors, std::mt19937_64 &random)
        : count_(1 + random() % std::min<std::uint64_t>(kMost, sectors)), first_(random() % (sectors - count_ + 1))
    {
        for (std::size_t done = 0, length; done < count_; done += length) {
            length = std::min<std::size_t>(1 + random() % kPiece, count_ - done);
            const bool dumped = random() % 3 == 0;
            pieces_.push_back({dumped ? dump_.data() : buffer_.data() + (done + 1) * kSectorBytes, length * kSectorBytes});
        }
    }
    void check(const Device &device, std::uint64_t seed, Findings &findings)
    {
        device.read(pieces_, first_ * kSectorBytes);
        auto at = first_;
        for (const auto &piece : pieces_) {
            const auto *sector = static_cast<const Sector *>(piece.iov_base);
            const auto end = at + piece.iov_len / kSectorBytes;
            for (; at < end; at++, sector++) {
                if (piece.iov_base == dump_.data())
                    continue;
                if (const auto what = damage(*sector, at / 8, at % 8))
                    findings.add(at / 8, at % 8, *what);
                else if (sector->generation != seed)
                    findings.add(at / 8, at % 8, fmt::format("is of pattern {}, not {}", sector->generation, seed));
            }
        }
    }

private:
    static constexpr std::size_t kMost = 2048, kPiece = 48;  // sectors; fewer pieces than a system call takes

    std::size_t count_;
    std::uint64_t first_;
    Buffer buffer_{(kMost + 8) * kSectorBytes}, dump_{kPiece * kSectorBytes};
    std::vector<iovec> pieces_;
};

int scatter_check(const Options &options)
{
    const Device device(options.words.at(1));
    const auto sectors = std::stoull(options.words.at(2)) / kSectorBytes, seed = std::stoull(options.words.at(3));
    std::mt19937_64 random(options.value("seed", 1));
    Findings findings;
    const auto count = options.value("count", 100);
    for (std::uint64_t i = 0; i < count; i++)
        ScatteredRead(sectors, random).check(device, seed, findings);
    return findings.conclude(count);
}

// Sectors [first, first + count) of a device, and of a file that has what the device should have.
struct Part {
    Device device;
    int file;
    std::size_t bytes;
    std::uint64_t offset;

    explicit Part(const Options &options)
        : device(options.words.at(1)), file(::open(options.words.at(2).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
          bytes(std::stoull(options.words.at(4)) * kSectorBytes),
          offset(std::stoull(options.words.at(3)) * kSectorBytes)
    {
        if (file < 0)
            die(fmt::format("cannot open {}: {}", options.words[2], std::strerror(errno)));
    }
    Part(const Part &) = delete;
    Part &operator=(const Part &) = delete;
    ~Part() { ::close(file); }
    std::size_t room() const { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }
};

// Something new, in one request.
int put(const Options &options)
{
    const Part part(options);
    Buffer buffer(part.room());
    std::random_device seed; // a system call each time, it may be
    std::mt19937 random(seed());
    for (std::size_t i = 0; i < part.bytes; i++)
        buffer.data()[i] = static_cast<char>(random());
    if (::pwrite(part.file, buffer.data(), part.bytes, static_cast<off_t>(part.offset)) !=
        static_cast<ssize_t>(part.bytes))
        die(fmt::format("writing {}: {}", options.words[2], std::strerror(errno)));
    part.device.write(buffer.data(), part.bytes, part.offset);
    return 0;
}

// It is what the file has, in one request.
int get(const Options &options)
{
    const Part part(options);
    Buffer buffer(part.room()), expected(part.room());
    if (::pread(part.file, expected.data(), part.bytes, static_cast<off_t>(part.offset)) !=
        static_cast<ssize_t>(part.bytes))
        die(fmt::format("reading {}: {}", options.words[2], std::strerror(errno)));
    part.device.read(buffer.data(), part.bytes, part.offset);
    for (std::size_t i = 0; i < part.bytes; i++)
        if (buffer.data()[i] != expected.data()[i])
            die(fmt::format("sector {} of {} is not that of {}", (part.offset + i) / kSectorBytes, options.words[1],
                            options.words[2]));
    return 0;
}

struct Command {
    std::string_view name;
    int (*run)(const Options &);
    std::size_t words;
    std::string_view usage;
};

constexpr std::array kCommands = {
    Command{"fill", fill, 3, "DEVICE ORACLE [--bytes N]"},
    Command{"extend", extend, 3, "DEVICE ORACLE [--bytes N]"},
    Command{"load", load, 3, "DEVICE ORACLE [--seconds N] [--count N] [--jobs N] [--seed N] [--span BLOCKS] [--batch 1] [--every 1]"},
    Command{"verify", verify, 3, "DEVICE ORACLE [--settle 1] [--open 1]"},
    Command{"pattern-write", pattern_write, 4, "DEVICE BYTES SEED"},
    Command{"pattern-check", pattern_check, 4, "DEVICE BYTES SEED"},
    Command{"scatter-check", scatter_check, 4, "DEVICE BYTES SEED [--seed N] [--count N]"},
    Command{"put", put, 5, "DEVICE FILE SECTOR COUNT"},
    Command{"get", get, 5, "DEVICE FILE SECTOR COUNT"},
};

int usage()
{
    for (const auto &command : kCommands)
        fmt::print(stderr, "emdwork {} {}\n", command.name, command.usage);
    return 2;
}

}  // namespace

int main(int argc, char **argv)
{
    Options options;
    for (int i = 1; i < argc; i++) {
        const std::string_view word = argv[i];
        if (word.substr(0, 2) != "--")
            options.words.emplace_back(word);
        else if (i + 1 < argc)
            options.values[std::string(word.substr(2))] = std::strtoull(argv[++i], nullptr, 0);
        else
            return usage();
    }
    for (const auto &command : kCommands) {
        if (!options.words.empty() && options.words[0] == command.name && options.words.size() == command.words)
            return command.run(options);
    }
    return usage();
}
