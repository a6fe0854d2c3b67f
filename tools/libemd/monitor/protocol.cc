// SPDX-License-Identifier: GPL-2.0-only
// One list of fields per change (fields()) serves both directions, so that what is written is what is read.
#include "libemd/monitor/protocol.h"

#include "emd/emd.h"

#include <algorithm>

namespace emd::protocol {
namespace {

constexpr std::array<std::byte, 4> kMagic{std::byte{'E'}, std::byte{'M'}, std::byte{'D'}, std::byte{'M'}};
constexpr std::size_t kHeaderBytes = 32;
constexpr std::uint32_t kFlagOk = 1, kFlagCheckpoint = 2;

struct WireHeader {
    std::array<std::byte, 4> magic;
    Le16 version, kind;
    Le64 id;
    Le32 volume, flags, error, reserved;
};
static_assert(sizeof(WireHeader) == kHeaderBytes);

class Writer {
public:
    explicit Writer(MutableBytes to) : to_(to) {}
    bool good() const { return good_; }

    void operator()(const std::uint64_t &v) { put(Le64(v)); }
    void operator()(const std::uint32_t &v) { put(Le32(v)); }
    void operator()(const int &v) { put(Le32(static_cast<std::uint32_t>(v))); }
    void operator()(const bool &v) { put(Le32(v)); }
    void operator()(const DiskState &v) { put(Le32(static_cast<std::uint32_t>(v))); }
    void operator()(const std::string &v)
    {
        put(Le32(static_cast<std::uint32_t>(v.size())));
        for (char c : v)
            put(Wire<std::uint8_t, Endian::Little>(static_cast<std::uint8_t>(c)));
    }
    template <typename T>
    void operator()(const std::vector<T> &v);

private:
    template <OnDisk T>
    void put(const T &value)
    {
        good_ = good_ && write_at(to_, at_, value);
        at_ += sizeof(T);
    }

    MutableBytes to_;
    std::size_t at_ = 0;
    bool good_ = true;
};

class Reader {
public:
    explicit Reader(Bytes from) : from_(from) {}
    bool good() const { return good_; }
    // Nothing but zeros is left.
    bool at_end() const
    {
        return good_ && std::ranges::all_of(from_.subspan(at_), [](std::byte b) { return b == std::byte{0}; });
    }

    void operator()(std::uint64_t &v) { v = get<Le64>(); }
    void operator()(std::uint32_t &v) { v = get<Le32>(); }
    void operator()(int &v) { v = static_cast<int>(get<Le32>()); }
    void operator()(bool &v) { v = bounded(1) != 0; }
    void operator()(DiskState &v)
    {
        v = static_cast<DiskState>(bounded(static_cast<std::uint32_t>(DiskState::Missing)));
    }
    void operator()(std::string &v)
    {
        v.resize(bounded(kMaxText));
        for (char &c : v)
            c = static_cast<char>(get<Wire<std::uint8_t, Endian::Little>>());
    }
    template <typename T>
    void operator()(std::vector<T> &v);

private:
    template <OnDisk T>
    auto get() -> decltype(T().get())
    {
        const Result<T> value = good_ ? read_at<T>(from_, at_) : Result<T>(fail(Errc::Corrupt, "cut"));
        good_ = value.has_value();
        if (!good_)
            return 0;
        at_ += sizeof(T);
        return value->get();
    }

    // A number that has a largest value; a larger one spoils the message.
    std::uint32_t bounded(std::uint32_t max)
    {
        const std::uint32_t v = get<Le32>();
        good_ = good_ && v <= max;
        return good_ ? v : 0;
    }

    Bytes from_;
    std::size_t at_ = 0;
    bool good_ = true;
};

// -- the fields of everything that travels; A is Reader or Writer, and its arguments are const for the latter --

template <typename A, typename T>
concept Is = std::same_as<std::remove_const_t<A>, T>;

void fields(auto &a, Is<Shape> auto &s)
{
    a(s.level), a(s.layout), a(s.raid_disks), a(s.chunk_sectors), a(s.component_sectors);
}
void fields(auto &a, Is<Slot> auto &s) { a(s.disk), a(s.in_sync); }
void fields(auto &a, Is<Disk> auto &d)
{
    a(d.serial), a(d.sectors), a(d.state), a(d.present), a(d.dev.major), a(d.dev.minor), a(d.path), a(d.sector_bytes);
}
void fields(auto &a, Is<DevNum> auto &d) { a(d.major), a(d.minor); }
void fields(auto &a, std::integral auto &v) { a(v); }

void fields(auto &a, Is<change::DiskFailed> auto &c) { a(c.disk); }
void fields(auto &a, Is<change::RebuildStarted> auto &c) { a(c.volume), a(c.slot), a(c.disk); }
void fields(auto &a, Is<change::InitStarted> auto &c) { a(c.volume); }
void fields(auto &a, Is<change::ReshapeStarted> auto &c) { a(c.volume), fields(a, c.target), a(c.new_disks), a(c.kept); }
void fields(auto &a, Is<change::ReshapeWithdrawn> auto &c) { a(c.volume); }
void fields(auto &a, Is<change::ReshapeReverted> auto &c) { a(c.volume), a(c.backward); }
void fields(auto &a, Is<change::Resized> auto &c) { a(c.volume), a(c.component_sectors); }
void fields(auto &a, Is<change::BackupRecorded> auto &c) { a(c.volume), a(c.position); }
void fields(auto &a, Is<change::SpareAdded> auto &c) { fields(a, c.disk); }
void fields(auto &a, Is<change::DiskRemoved> auto &c) { a(c.disk); }
void fields(auto &a, Is<change::MemberReturned> auto &c)
{
    a(c.volume), a(c.slot), fields(a, c.disk), a(c.events), a(c.data_offset);
}
void fields(auto &a, Is<change::BitmapAdded> auto &c) { a(c.volume), a(c.chunk_bytes), a(c.sector); }
void fields(auto &a, Is<change::BitmapRemoved> auto &c) { a(c.volume); }
void fields(auto &a, Is<change::VolumeCreated> auto &c)
{
    a(c.name), fields(a, c.shape), a(c.slots), a(c.component_limit), a(c.assume_clean);
}
void fields(auto &a, Is<change::VolumeDeleted> auto &c) { a(c.volume); }
void fields(auto &a, Is<change::Takeover> auto &c) { a(c.volume), fields(a, c.target), a(c.slots); }

template <typename T>
void Writer::operator()(const std::vector<T> &v)
{
    put(Le32(static_cast<std::uint32_t>(v.size())));
    for (const T &element : v)
        fields(*this, element);
}

template <typename T>
void Reader::operator()(std::vector<T> &v)
{
    v.resize(bounded(EMD_MAX_MEMBERS));
    for (T &element : v)
        fields(*this, element);
}

// The number of a change on the wire; 0: it does not travel. Never reused.
template <typename T>
constexpr std::uint32_t kTag = 0;
template <> constexpr std::uint32_t kTag<change::DiskFailed> = 1;
template <> constexpr std::uint32_t kTag<change::RebuildStarted> = 2;
template <> constexpr std::uint32_t kTag<change::InitStarted> = 3;
template <> constexpr std::uint32_t kTag<change::ReshapeStarted> = 4;
template <> constexpr std::uint32_t kTag<change::ReshapeWithdrawn> = 5;
template <> constexpr std::uint32_t kTag<change::BackupRecorded> = 6;
template <> constexpr std::uint32_t kTag<change::SpareAdded> = 7;
template <> constexpr std::uint32_t kTag<change::DiskRemoved> = 8;
template <> constexpr std::uint32_t kTag<change::VolumeCreated> = 9;
template <> constexpr std::uint32_t kTag<change::VolumeDeleted> = 10;
template <> constexpr std::uint32_t kTag<change::Takeover> = 11;
template <> constexpr std::uint32_t kTag<change::MemberReturned> = 12;
template <> constexpr std::uint32_t kTag<change::BitmapAdded> = 13;
template <> constexpr std::uint32_t kTag<change::BitmapRemoved> = 14;
template <> constexpr std::uint32_t kTag<change::ReshapeReverted> = 15;
template <> constexpr std::uint32_t kTag<change::Resized> = 16;

template <typename T>
bool read_if(std::uint32_t tag, Reader &reader, std::optional<Change> &out)
{
    if constexpr (kTag<T> != 0) {
        if (tag == kTag<T>) {
            T value{};
            fields(reader, value);
            out = std::move(value);
        }
    }
    return out.has_value();
}

template <typename... T>
std::optional<Change> read_change(std::uint32_t tag, Reader &reader, std::variant<T...> *)
{
    std::optional<Change> out;
    (read_if<T>(tag, reader, out) || ...);
    return out;
}

bool write_change(const Change &change, Writer &writer)
{
    return std::visit(
        [&]<typename T>(const T &c) {
            if constexpr (kTag<T> != 0) {
                writer(kTag<T>);
                fields(writer, c);
            }
            return kTag<T> != 0;
        },
        change);
}

Result<WireHeader> wire_header(Bytes record)
{
    if (record.size() < kHeaderBytes)
        return fail(Errc::Corrupt, "a message of {} bytes is none of emdmon's", record.size());
    const WireHeader h = EMD_TRY(read_at<WireHeader>(record, 0));
    if (h.magic != kMagic)
        return fail(Errc::Corrupt, "the message does not begin as emdmon's do");
    return h;
}

// Header and body of a message of this version, of the right length.
Result<WireHeader> full_header(Bytes record)
{
    const WireHeader h = EMD_TRY(wire_header(record));
    if (h.version.get() != kVersion)
        return fail(Errc::Unsupported,
                    "the message is of version {}, this program speaks version {}; use emdadm and emdmon of one release",
                    h.version.get(), kVersion);
    if (record.size() != kMessageBytes || h.reserved.get() != 0)
        return fail(Errc::Corrupt, "a message of {} bytes is cut or spoilt", record.size());
    return h;
}

WireHeader new_header(Kind kind, std::uint64_t id)
{
    WireHeader h{};
    h.magic = kMagic;
    h.version = kVersion;
    h.kind = static_cast<std::uint16_t>(kind);
    h.id = id;
    return h;
}

Bytes body(Bytes record)
{
    return record.subspan(kHeaderBytes);
}

void put_header(Message &message, const WireHeader &h)
{
    std::memcpy(message.data(), &h, sizeof h);
}

}  // namespace

bool may_be_sent(const Change &change)
{
    return std::visit([]<typename T>(const T &) { return kTag<T> != 0; }, change);
}

Result<Message> encode(const Request &request)
{
    Message message{};
    WireHeader h = new_header(request.kind, request.id);
    h.volume = request.kind == Kind::Sync ? request.volume : 0;
    put_header(message, h);
    if (request.kind != Kind::Apply)
        return message;
    Writer writer{MutableBytes(message).subspan(kHeaderBytes)};
    if (!request.change || !write_change(*request.change, writer))
        return fail(Errc::Invalid, "this change is made by emdmon alone, it cannot be asked for");
    writer(request.disks);
    if (!writer.good())
        return fail(Errc::Invalid, "the change does not fit into a message of {} bytes", kMessageBytes);
    // What was written must be readable: lists and texts have limits of their own.
    EMD_TRY(decode_request(message));
    return message;
}

Message encode(const Answer &answer)
{
    Message message{};
    WireHeader h = new_header(Kind::Answer, answer.id);
    h.flags = (answer.ok ? kFlagOk : 0) | (answer.checkpoint ? kFlagCheckpoint : 0);
    h.error = answer.ok ? 0 : static_cast<std::uint32_t>(answer.kind) + 1;
    put_header(message, h);
    Writer writer{MutableBytes(message).subspan(kHeaderBytes)};
    writer(answer.checkpoint.value_or(0));
    writer(answer.reserved_slots);
    writer(answer.text.substr(0, kMaxText));
    return message;
}

Result<Header> decode_header(Bytes record)
{
    const WireHeader h = EMD_TRY(wire_header(record));
    return Header{h.version.get(), static_cast<Kind>(h.kind.get()), h.id.get()};
}

Result<Request> decode_request(Bytes record)
{
    const WireHeader h = EMD_TRY(full_header(record));
    Request request{static_cast<Kind>(h.kind.get()), h.id.get(), h.volume.get(), {}, {}};
    if (h.flags.get() != 0 || h.error.get() != 0)
        return fail(Errc::Corrupt, "a request carries marks of an answer");
    Reader reader(body(record));
    switch (request.kind) {
    case Kind::Apply: {
        std::uint32_t tag = 0;
        reader(tag);
        request.change = read_change(tag, reader, static_cast<Change *>(nullptr));
        if (!request.change)
            return fail(Errc::Unsupported, "change number {} is not one that emdmon takes", tag);
        reader(request.disks);
        break;
    }
    case Kind::Sync:
    case Kind::Leave: break;
    default: return fail(Errc::Unsupported, "request number {} is not known", h.kind.get());
    }
    if (!reader.at_end() || (request.kind != Kind::Sync && request.volume != 0))
        return fail(Errc::Corrupt, "the request holds values that cannot be");
    return request;
}

Result<Answer> decode_answer(Bytes record)
{
    const WireHeader h = EMD_TRY(full_header(record));
    if (h.kind.get() != static_cast<std::uint16_t>(Kind::Answer))
        return fail(Errc::Corrupt, "emdmon answered with a request");
    Answer answer;
    answer.id = h.id.get();
    answer.ok = (h.flags.get() & kFlagOk) != 0;
    const std::uint32_t error = h.error.get();
    if (error > static_cast<std::uint32_t>(Errc::NoSpace) + 1 || answer.ok != (error == 0))
        return fail(Errc::Corrupt, "emdmon's answer has error number {}", error);
    answer.kind = answer.ok ? Errc::Io : static_cast<Errc>(error - 1);
    std::uint64_t checkpoint = 0;
    Reader reader(body(record));
    reader(checkpoint);
    reader(answer.reserved_slots);
    reader(answer.text);
    if (!reader.at_end())
        return fail(Errc::Corrupt, "emdmon's answer holds values that cannot be");
    if ((h.flags.get() & kFlagCheckpoint) != 0)
        answer.checkpoint = checkpoint;
    return answer;
}

}  // namespace emd::protocol
