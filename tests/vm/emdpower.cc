// SPDX-License-Identifier: GPL-2.0-or-later
// emdpower: serves the disks of one virtual machine, and cuts their power.
//
// Theory. All disks are NBD exports of one single-threaded server, so there is one order of all requests. Every disk
// has a volatile write cache. The image file holds what a read returns, that is, with the cache; for each sector
// written since the last flush the server keeps what was there before each of these writes. A flush forgets that (the
// content is durable now). A cut puts a sector back to what it was after a random number of its unflushed writes, none
// included; so each unflushed sector is lost or not, by itself, as in a drive. Some disks lose all or nothing at a cut,
// because an error in the order between disks shows best when one keeps what another has lost.
//   - A write with FUA is durable when it is answered. Until then, as the write at which the power goes, it may be lost, or
//     single sectors of it.
//   - A flush makes durable what was written before it arrived, when it is answered. Both are answered after a random
//     delay (--flush-delay).
//   - A stable disk (--stable-disk) loses nothing: it observes.
//
// What a machine finds after a cut is what its disks hold, and nothing else. So many cuts can be had of one that goes on: at a
// write, what a cut there would leave on all disks is kept under a name, and the disks can be made to hold that later.
//
// emdpower --listen SOCKET --control SOCKET [--seed N] [--flush-delay MS] [--disk|--stable-disk NAME=FILE]...
//
// Control commands, one line each, answered by "ok" or a sentence:
//   cut | quit | cut-at-write DISK N | fail DISK | heal DISK | stat
//   keep NAME                        what the disks hold now
//   keep-cuts NAME COUNT LOW HIGH [BELOW]  what cuts at the next COUNT writes would leave, each LOW to HIGH writes (to any disk that
//                                    is not stable) after the one before, as NAME1, NAME2, ...; BELOW: only writes count that begin
//                                    below this sector, such as those of superblocks. It takes its turn: when all cuts that were
//                                    asked for before are there, the next write is its first
//   rewind NAME                      the disks hold that, durable, and no further cut is kept; nobody may have a request under way
// The last 4096 bytes of the stable disks have a line for each of these that has happened, NAME; of cuts NAME0 when they have been asked
// for, and the name of the last when all are there. The lines stand there until the observer empties the page, or the disks are rewound.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <poll.h>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <tuple>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kPageBytes = 4096;

[[noreturn]] void die(const std::string &why)
{
    fmt::print(stderr, "emdpower: {}\n", why);
    std::exit(1);
}

// --- a disk with a volatile cache -----------------------------------------------------------------------------------

struct Span {
    std::uint64_t begin = 0, end = ~0ULL;  // sectors; all of them
};

// What a disk held. Pages that are as they were in another content are shared with it.
using Content = std::vector<std::shared_ptr<const std::string>>;

class Disk {
public:
    Disk(std::string name, const std::string &file, bool stable) : name_(std::move(name)), stable_(stable)
    {
        const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
        struct stat st = {};
        if (fd < 0 || ::fstat(fd, &st) != 0)
            die(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
        size_ = static_cast<std::uint64_t>(st.st_size);
        void *at = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ::close(fd);
        if (at == MAP_FAILED)
            die(fmt::format("cannot map {}: {}", file, std::strerror(errno)));
        data_ = static_cast<char *>(at);
    }
    Disk(const Disk &) = delete;
    Disk &operator=(const Disk &) = delete;
    ~Disk() { ::munmap(data_, size_); }

    const std::string &name() const { return name_; }
    std::uint64_t size_bytes() const { return size_; }
    const char *at(std::uint64_t offset) const { return data_ + offset; }
    bool failing() const { return failing_; }
    void set_failing(bool failing) { failing_ = failing; }
    void cut_at_write(std::uint64_t n) { writes_to_cut_ = n; }
    bool stable() const { return stable_; }
    std::string stat() const { return fmt::format("{} writes={} unflushed={}", name_, writes_, undo_.size()); }

    // Returns true when this was the write at which the power goes.
    bool write(std::uint64_t offset, const char *data, std::uint64_t bytes, std::uint64_t sequence)
    {
        for (std::uint64_t done = 0; done < bytes; done += kSectorBytes) {
            char *place = data_ + offset + done;
            if (!stable_)
                remember((offset + done) / kSectorBytes, place, sequence);
            if (data)
                std::memcpy(place, data + done, kSectorBytes);
            else
                std::memset(place, 0, kSectorBytes);
        }
        writes_++;
        return writes_to_cut_ != 0 && --writes_to_cut_ == 0;
    }

    // What was written there with a number up to sequence is durable.
    void flushed(const Span &sectors, std::uint64_t sequence)
    {
        for (auto it = undo_.lower_bound(sectors.begin); it != undo_.end() && it->first < sectors.end;) {
            auto &versions = it->second;
            while (!versions.empty() && versions.front().sequence <= sequence)
                versions.pop_front();
            it = versions.empty() ? undo_.erase(it) : std::next(it);
        }
    }

    // Loses what was not flushed; returns how many sectors went back in time.
    std::size_t cut(std::mt19937_64 &random)
    {
        const auto lost = losses(random);
        for (const auto &[sector, before] : lost)
            std::memcpy(data_ + sector * kSectorBytes, before, kSectorBytes);
        return lost.size();
    }

    Content content(const Content &like) const
    {
        Content pages;
        for (std::size_t at = 0; at < size_; at += kPageBytes) {
            const std::string_view page(data_ + at, std::min<std::size_t>(kPageBytes, size_ - at));
            const auto i = pages.size();
            pages.push_back(i < like.size() && *like[i] == page ? like[i] : std::make_shared<const std::string>(page));
        }
        return pages;
    }
    // What a cut would leave, and how many sectors it would lose.
    std::pair<Content, std::size_t> content_after_cut(const Content &like, std::mt19937_64 &random) const
    {
        const auto lost = losses(random);
        Content pages = content(like);
        for (const auto &[sector, before] : lost) {
            auto &page = pages[sector * kSectorBytes / kPageBytes];
            std::string changed = *page;
            changed.replace(sector * kSectorBytes % kPageBytes, kSectorBytes, before, kSectorBytes);
            page = std::make_shared<const std::string>(std::move(changed));
        }
        return {std::move(pages), lost.size()};
    }
    void set_content(const Content &pages)
    {
        undo_.clear();
        for (std::size_t i = 0; i < pages.size(); i++)
            std::memcpy(data_ + i * kPageBytes, pages[i]->data(), pages[i]->size());
    }
    // On the last page: behind what stands there, or in its place when there is no room left.
    void say(const std::string &line)
    {
        char *page = data_ + size_ - kPageBytes;
        const auto used = ::strnlen(page, kPageBytes);
        std::string text = std::string(page, used + line.size() < kPageBytes ? used : 0) + line + "\n";
        text.resize(kPageBytes);
        std::memcpy(page, text.data(), kPageBytes);
    }
    void say_nothing() { std::memset(data_ + size_ - kPageBytes, 0, kPageBytes); }

private:
    struct Version {  // one unflushed write of a sector
        std::uint64_t sequence;
        std::array<char, kSectorBytes> before;
    };

    // The sectors that go back in time at a cut, and to what.
    std::vector<std::pair<std::uint64_t, const char *>> losses(std::mt19937_64 &random) const
    {
        const auto mode = random() % 4;  // 0: all is lost, 1: nothing is, else each sector by itself
        std::vector<std::pair<std::uint64_t, const char *>> lost;
        for (const auto &[sector, versions] : undo_) {
            const auto each = random() % (versions.size() + 1);
            const auto survive = mode == 0 ? 0 : mode == 1 ? versions.size() : each;
            if (survive != versions.size())
                lost.emplace_back(sector, versions[survive].before.data());
        }
        return lost;
    }

    void remember(std::uint64_t sector, const char *content, std::uint64_t sequence)
    {
        auto &version = undo_[sector].emplace_back();
        version.sequence = sequence;
        std::memcpy(version.before.data(), content, kSectorBytes);
    }

    std::string name_;
    bool stable_, failing_ = false;
    std::uint64_t size_ = 0, writes_ = 0, writes_to_cut_ = 0;
    char *data_ = nullptr;
    std::map<std::uint64_t, std::deque<Version>> undo_;  // by sector, oldest write first
};

// --- NBD, as far as QEMU speaks it ----------------------------------------------------------------------------------
// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: fixed newstyle, simple replies.

constexpr std::uint64_t kServerMagic = 0x4e42444d41474943, kOptionMagic = 0x49484156454f5054,
                        kOptionReplyMagic = 0x3e889045565a9;
constexpr std::uint32_t kRequestMagic = 0x25609513, kReplyMagic = 0x67446698;
constexpr std::uint32_t kOptExportName = 1, kOptAbort = 2, kOptInfo = 6, kOptGo = 7;
constexpr std::uint32_t kRepAck = 1, kRepInfo = 3, kRepUnsupported = 0x80000001, kRepUnknown = 0x80000006;
constexpr std::uint16_t kHasFlags = 1, kSendFlush = 4, kSendFua = 8, kSendTrim = 32, kSendZeroes = 64;
constexpr std::uint16_t kTransmission = kHasFlags | kSendFlush | kSendFua | kSendTrim | kSendZeroes;
constexpr std::uint16_t kCmdRead = 0, kCmdWrite = 1, kCmdDisconnect = 2, kCmdFlush = 3, kCmdTrim = 4, kCmdZeroes = 6;
constexpr std::uint16_t kCmdFua = 1;
constexpr std::uint32_t kMaxRequest = 32 << 20;

template <typename T> T load_be(const char *from)
{
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); i++)
        value = static_cast<T>(value << 8 | static_cast<unsigned char>(from[i]));
    return value;
}

class Message {  // big endian fields, in order
public:
    template <typename T> Message &put(T value)
    {
        for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
            text_.push_back(static_cast<char>(value >> shift & 0xff));
        return *this;
    }
    const std::string &text() const { return text_; }

private:
    std::string text_;
};

class Server;

class Connection {
public:
    Connection(int fd, Server &server) : fd_(fd), server_(server)
    {
        send(Message().put(kServerMagic).put(kOptionMagic).put(std::uint16_t{3}).text());
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;
    ~Connection() { ::close(fd_); }

    int fd() const { return fd_; }
    bool wants_write() const { return !output_.empty(); }
    bool receive();  // false when the connection is over
    bool send_more();
    void reply(std::uint64_t handle, std::uint32_t error, const char *data = nullptr, std::size_t bytes = 0)
    {
        send(Message().put(kReplyMagic).put(error).put(handle).text());
        if (error == 0 && data)
            send({data, bytes});
    }

private:
    enum class State { Flags, Options, Transmission };

    void send(std::string_view bytes)
    {
        output_.append(bytes);
        send_more();
    }
    void option_reply(std::uint32_t option, std::uint32_t type, const std::string &data = {})
    {
        const auto length = static_cast<std::uint32_t>(data.size());
        send(Message().put(kOptionReplyMagic).put(option).put(type).put(length).text() + data);
    }
    std::size_t step();          // bytes consumed from input_; 0 when more are needed
    std::size_t option_step();
    std::size_t request_step();
    bool choose(const std::string &name);

    int fd_;
    Server &server_;
    Disk *disk_ = nullptr;
    State state_ = State::Flags;
    bool over_ = false;
    std::string input_, output_;
};

// --- the server -----------------------------------------------------------------------------------------------------

struct Settings {
    std::string listen, control;
    std::uint64_t seed = 1;
    unsigned flush_delay_ms = 0;
};

class Server {
public:
    explicit Server(Settings settings) : settings_(std::move(settings)), random_(settings_.seed) {}

    void add(std::unique_ptr<Disk> disk) { disks_.push_back(std::move(disk)); }
    Disk *find(std::string_view name)
    {
        for (auto &disk : disks_) {
            if (disk->name() == name)
                return disk.get();
        }
        return nullptr;
    }
    std::uint64_t next_sequence() { return ++sequence_; }

    // Of the sectors all that has been written so far is durable with the answer.
    void flush(Connection &connection, Disk &disk, const Span &sectors, std::uint64_t handle)
    {
        const unsigned most = settings_.flush_delay_ms;
        const auto delay = std::chrono::milliseconds(most == 0 ? 0 : random_() % (most + 1));
        waiting_.push_back({Clock::now() + delay, &connection, &disk, sectors, handle, sequence_});
        if (most == 0)
            finish_flushes();
    }

    // A write has arrived, and is not answered yet.
    void written(const Disk &disk, std::uint64_t sector)
    {
        if (!disk.stable() && !asked_.empty() && sector < asked_.front().below && --writes_to_kept_cut_ == 0)
            keep_cut(disk);
    }

    // The power goes: this process ends, and what was not flushed is lost.
    [[noreturn]] void cut()
    {
        for (auto &disk : disks_) {
            const auto before = disk->stat();
            fmt::print("cut: {} lost={}\n", before, disk->cut(random_));
        }
        leave();
    }

    void run();

private:
    struct WaitingFlush {
        Clock::time_point due;
        Connection *connection;
        Disk *disk;
        Span sectors;
        std::uint64_t handle, sequence;
    };
    using Contents = std::vector<Content>;  // of all disks
    struct KeptCuts {
        std::string name;
        std::uint64_t count = 0, low = 0, high = 0, below = ~0ULL;  // below: sector
        std::uint64_t done = 0;
    };

    [[noreturn]] void leave()
    {
        std::fflush(nullptr);
        ::_exit(0);
    }
    static int listen_at(const std::string &path)
    {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof(address.sun_path))
            die(fmt::format("the path {} is too long for a socket", path));
        path.copy(address.sun_path, path.size());
        ::unlink(path.c_str());
        if (::bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0 || ::listen(fd, 64) != 0)
            die(fmt::format("cannot listen at {}: {}", path, std::strerror(errno)));
        return fd;
    }
    void finish_flushes()
    {
        const auto now = Clock::now();
        for (std::size_t i = 0; i < waiting_.size();) {
            if (waiting_[i].due > now) {
                i++;
                continue;
            }
            const auto done = waiting_[i];
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
            done.disk->flushed(done.sectors, done.sequence);
            done.connection->reply(done.handle, 0);
        }
    }
    void close(const Connection *connection)
    {
        std::erase_if(waiting_, [&](const WaitingFlush &w) { return w.connection == connection; });
        std::erase_if(connections_, [&](const auto &c) { return c.get() == connection; });
    }
    void control(int listener);
    std::string obey(const std::string &line, bool &ending, bool &cutting);
    std::string obey_disk(Disk &disk, const std::string &verb, std::uint64_t number);
    std::string keep(const std::string &name);
    std::string keep_cuts(const KeptCuts &cuts);
    void keep_cut(const Disk &written);
    std::string rewind(const std::string &name);
    void say_done(const std::string &name);
    void wait_for_next_cut()
    {
        const auto &cuts = asked_.front();
        writes_to_kept_cut_ = cuts.low + random_() % (cuts.high - cuts.low + 1);
    }

    Settings settings_;
    std::mt19937_64 random_;
    std::uint64_t sequence_ = 0;
    std::deque<KeptCuts> asked_;  // each begins when the one before has all its cuts
    std::uint64_t writes_to_kept_cut_ = 0;
    std::map<std::string, Contents> kept_;
    Contents latest_;  // what was kept last, or is rewound to: others share its pages
    std::vector<std::unique_ptr<Disk>> disks_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<WaitingFlush> waiting_;
};

bool Connection::send_more()
{
    while (!output_.empty()) {
        const auto sent = ::send(fd_, output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        output_.erase(0, static_cast<std::size_t>(sent));
    }
    return true;
}

bool Connection::receive()
{
    std::array<char, 1 << 16> bytes;
    const auto got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    input_.append(bytes.data(), static_cast<std::size_t>(got));
    while (const auto used = step())
        input_.erase(0, used);
    return !over_;
}

std::size_t Connection::step()
{
    switch (state_) {
    case State::Flags:
        if (input_.size() < 4)
            return 0;
        state_ = State::Options;
        return 4;
    case State::Options:
        return option_step();
    case State::Transmission:
        return request_step();
    }
    return 0;
}

bool Connection::choose(const std::string &name)
{
    disk_ = server_.find(name);
    return disk_ != nullptr;
}

std::size_t Connection::option_step()
{
    if (input_.size() < 16)
        return 0;
    const auto option = load_be<std::uint32_t>(&input_[8]), length = load_be<std::uint32_t>(&input_[12]);
    if (input_.size() < 16 + length)
        return 0;
    const auto data = input_.substr(16, length);
    if (option == kOptExportName && choose(data)) {
        send(Message().put(disk_->size_bytes()).put(kTransmission).text());
        state_ = State::Transmission;
    } else if ((option == kOptGo || option == kOptInfo) && length >= 4) {
        if (!choose(data.substr(4, load_be<std::uint32_t>(data.data())))) {
            option_reply(option, kRepUnknown);
        } else {
            constexpr std::uint32_t kMin = 512, kPreferred = 4096;
            option_reply(option, kRepInfo, Message().put(std::uint16_t{0}).put(disk_->size_bytes())
                                               .put(kTransmission).text());
            option_reply(option, kRepInfo, Message().put(std::uint16_t{3}).put(kMin).put(kPreferred)
                                               .put(kMaxRequest).text());
            option_reply(option, kRepAck);
            if (option == kOptGo)
                state_ = State::Transmission;
        }
    } else if (option == kOptAbort) {
        over_ = true;
    } else {
        option_reply(option, kRepUnsupported);
    }
    return 16 + length;
}

std::size_t Connection::request_step()
{
    constexpr std::size_t kHeader = 28;
    if (input_.size() < kHeader)
        return 0;
    const auto flags = load_be<std::uint16_t>(&input_[4]), command = load_be<std::uint16_t>(&input_[6]);
    const auto handle = load_be<std::uint64_t>(&input_[8]), offset = load_be<std::uint64_t>(&input_[16]);
    const auto length = load_be<std::uint32_t>(&input_[24]);
    const std::size_t total = kHeader + (command == kCmdWrite ? length : 0);
    if (load_be<std::uint32_t>(input_.data()) != kRequestMagic || (command == kCmdWrite && length > kMaxRequest)) {
        over_ = true;
        return 0;
    }
    if (input_.size() < total)
        return 0;
    const bool inside = offset + length <= disk_->size_bytes() && (offset | length) % kSectorBytes == 0;
    const bool fua = (flags & kCmdFua) != 0;
    if (command == kCmdDisconnect)
        over_ = true;
    else if (disk_->failing())
        reply(handle, EIO);
    else if (command == kCmdFlush)
        server_.flush(*this, *disk_, {}, handle);
    else if (!inside || (command == kCmdRead && length > kMaxRequest))
        reply(handle, EINVAL);
    else if (command == kCmdRead)
        reply(handle, 0, disk_->at(offset), length);
    else if (command == kCmdTrim)
        reply(handle, 0);  // a disk may keep what was discarded
    else if (command == kCmdWrite || command == kCmdZeroes) {
        const char *data = command == kCmdWrite ? &input_[kHeader] : nullptr;
        if (disk_->write(offset, data, length, server_.next_sequence()))
            server_.cut();
        server_.written(*disk_, offset / kSectorBytes);
        if (fua)
            server_.flush(*this, *disk_, {offset / kSectorBytes, (offset + length) / kSectorBytes}, handle);
        else
            reply(handle, 0);
    } else {
        reply(handle, EINVAL);
    }
    return total;
}

std::string Server::obey(const std::string &line, bool &ending, bool &cutting)
{
    std::istringstream words(line);
    std::string verb, name;
    std::uint64_t number = 0;
    words >> verb >> name >> number;
    ending = verb == "quit";
    cutting = verb == "cut";
    if (ending || cutting)
        return "ok";
    if (verb == "stat") {
        std::string answer = "ok";
        for (const auto &disk : disks_)
            answer += "; " + disk->stat();
        return answer;
    }
    if (verb == "keep")
        return keep(name);
    if (verb == "rewind")
        return rewind(name);
    if (verb == "keep-cuts") {
        KeptCuts cuts{name, number};
        words >> cuts.low >> cuts.high;
        if (std::uint64_t below = 0; words >> below)
            cuts.below = below;
        return keep_cuts(cuts);
    }
    Disk *disk = find(name);
    return disk ? obey_disk(*disk, verb, number) : fmt::format("no disk '{}'", name);
}

std::string Server::obey_disk(Disk &disk, const std::string &verb, std::uint64_t number)
{
    if (verb == "cut-at-write" && number > 0)
        disk.cut_at_write(number);
    else if (verb == "fail" || verb == "heal")
        disk.set_failing(verb == "fail");
    else
        return fmt::format("cannot understand '{} {} {}'", verb, disk.name(), number);
    return "ok";
}

void Server::say_done(const std::string &name)
{
    for (auto &disk : disks_)
        if (disk->stable())
            disk->say(name);
}

std::string Server::keep(const std::string &name)
{
    latest_.resize(disks_.size());
    for (std::size_t i = 0; i < disks_.size(); i++)
        latest_[i] = disks_[i]->content(latest_[i]);
    kept_[name] = latest_;
    say_done(name);
    return "ok";
}

std::string Server::keep_cuts(const KeptCuts &cuts)
{
    if (cuts.count == 0 || cuts.low == 0 || cuts.high < cuts.low)
        return "keep-cuts needs a name, a count, and at how many writes";
    asked_.push_back(cuts);
    if (asked_.size() == 1)
        wait_for_next_cut();
    say_done(cuts.name + "0");
    return "ok";
}

void Server::keep_cut(const Disk &written)
{
    auto &cuts = asked_.front();
    const auto name = fmt::format("{}{}", cuts.name, ++cuts.done);
    fmt::print("{}: at a write to {}", name, written.name());
    latest_.resize(disks_.size());
    for (std::size_t i = 0; i < disks_.size(); i++) {
        std::size_t lost = 0;
        std::tie(latest_[i], lost) = disks_[i]->content_after_cut(latest_[i], random_);
        fmt::print("; {} lost={}", disks_[i]->stat(), lost);
    }
    fmt::print("\n");
    std::fflush(nullptr);
    kept_[name] = latest_;
    if (cuts.done == cuts.count) {
        asked_.pop_front();
        say_done(name);
    }
    if (!asked_.empty())
        wait_for_next_cut();
}

std::string Server::rewind(const std::string &name)
{
    const auto kept = kept_.find(name);
    if (kept == kept_.end())
        return fmt::format("nothing was kept as '{}'", name);
    asked_.clear();  // those still to be kept were of what ends here
    latest_ = kept->second;
    for (std::size_t i = 0; i < disks_.size(); i++) {
        disks_[i]->set_content(latest_[i]);
        if (disks_[i]->stable())
            disks_[i]->say_nothing();
    }
    say_done(name);
    return "ok";
}

void Server::control(int listener)
{
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    std::string line;
    char byte = 0;
    while (::read(fd, &byte, 1) == 1 && byte != '\n')
        line.push_back(byte);
    bool ending = false, cutting = false;
    const auto answer = obey(line, ending, cutting) + "\n";
    if (::write(fd, answer.data(), answer.size()) < 0)
        fmt::print(stderr, "emdpower: nobody reads the answer\n");
    ::close(fd);
    if (cutting)
        cut();
    if (ending)
        leave();
}

void Server::run()
{
    const int nbd = listen_at(settings_.listen), control_fd = listen_at(settings_.control);
    while (true) {
        std::vector<pollfd> polled = {{nbd, POLLIN, 0}, {control_fd, POLLIN, 0}};
        std::vector<Connection *> of = {nullptr, nullptr};
        for (const auto &connection : connections_) {
            const short events = connection->wants_write() ? POLLIN | POLLOUT : POLLIN;
            polled.push_back({connection->fd(), events, 0});
            of.push_back(connection.get());
        }
        if (::poll(polled.data(), polled.size(), waiting_.empty() ? -1 : 1) < 0 && errno != EINTR)
            die(fmt::format("poll: {}", std::strerror(errno)));
        finish_flushes();
        for (std::size_t i = 2; i < polled.size(); i++) {
            const bool alive = ((polled[i].revents & POLLOUT) == 0 || of[i]->send_more()) &&
                               ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || of[i]->receive());
            if (!alive)
                close(of[i]);
        }
        if (polled[0].revents != 0)
            connections_.push_back(
                std::make_unique<Connection>(::accept4(nbd, nullptr, nullptr, SOCK_CLOEXEC), *this));
        if (polled[1].revents != 0)
            control(control_fd);
    }
}

std::unique_ptr<Disk> make_disk(const std::string &text, bool stable)
{
    const auto at = text.find('=');
    if (at == std::string::npos)
        die(fmt::format("'{}' is not NAME=FILE", text));
    return std::make_unique<Disk>(text.substr(0, at), text.substr(at + 1), stable);
}

}  // namespace

int main(int argc, char **argv)
{
    Settings settings;
    std::vector<std::unique_ptr<Disk>> disks;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        const std::string value = argv[i + 1];
        if (option == "--listen")
            settings.listen = value;
        else if (option == "--control")
            settings.control = value;
        else if (option == "--seed")
            settings.seed = std::stoull(value);
        else if (option == "--flush-delay")
            settings.flush_delay_ms = static_cast<unsigned>(std::stoul(value));
        else if (option == "--disk" || option == "--stable-disk")
            disks.push_back(make_disk(value, option == "--stable-disk"));
        else
            die(fmt::format("unknown option {}", option));
    }
    if (settings.listen.empty() || settings.control.empty() || disks.empty() || argc % 2 == 0)
        die("usage: emdpower --listen SOCKET --control SOCKET [--seed N] [--flush-delay MS] [--disk NAME=FILE]...");
    Server server(std::move(settings));
    for (auto &disk : disks)
        server.add(std::move(disk));
    server.run();
}
