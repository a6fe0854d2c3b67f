// SPDX-License-Identifier: GPL-2.0-only
#include "unit/monitor_toy.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local bool counting;
thread_local int ignoring;
thread_local unsigned long allocations;

void *counted(std::size_t size)
{
    if (counting && ignoring == 0)
        allocations++;
    void *p = std::malloc(size == 0 ? 1 : size);
    if (p == nullptr)
        std::abort();
    return p;
}

}  // namespace

void *operator new(std::size_t size) { return counted(size); }
void *operator new[](std::size_t size) { return counted(size); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return counted(size); }
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept { return counted(size); }
void operator delete(void *p) noexcept { std::free(p); }
void operator delete[](void *p) noexcept { std::free(p); }
void operator delete(void *p, std::size_t) noexcept { std::free(p); }
void operator delete[](void *p, std::size_t) noexcept { std::free(p); }

namespace toy {

Counting::Counting()
{
    allocations = 0;
    counting = true;
}
Counting::~Counting() { counting = false; }
unsigned long Counting::count() { return allocations; }
Ignoring::Ignoring() { ignoring++; }
Ignoring::~Ignoring() { ignoring--; }

void Journal::act(const std::string &what, const std::function<void()> &action)
{
    const bool last = fuse == 0;
    if (fuse >= 0)
        fuse--;
    if (last && !after)
        throw Killed();
    lines.push_back(what);
    action();
    if (last)
        throw Killed();
}

int Journal::find(std::string_view part, int start) const
{
    for (std::size_t i = static_cast<std::size_t>(start); i < lines.size(); i++)
        if (lines[i].find(part) != std::string::npos)
            return static_cast<int>(i);
    return -1;
}

// -- the kernel -------------------------------------------------------------------------------------------------------

namespace {

tl::unexpected<Error> missing(std::string_view path) { return fail_errno(ENODEV, "{}", path); }

// "emd126/md/dev-sda/state" to {"emd126", "md", "dev-sda", "state"}
std::vector<std::string> split(std::string_view path)
{
    std::vector<std::string> parts;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        parts.emplace_back(path.substr(0, slash));
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    }
    return parts;
}

std::string number(DevNum d) { return fmt::format("{}:{}", d.major, d.minor); }

}  // namespace

void Member::add_bad(std::uint64_t start, std::uint32_t sectors)
{
    bad.push_back({-1, start, sectors});
    unknown.push_back({-1, start, sectors});
    if (state.find("blocked") == state.npos)
        state += ",blocked";
}

// What is known is waited for no longer.
Result<> Member::write_bad(const std::string &value)
{
    const std::uint64_t start = std::stoull(value);
    const auto sectors = static_cast<std::uint32_t>(std::stoull(value.substr(value.find(' '))));
    if (!lists())
        return fail_errno(ENOSPC, "bad_blocks");
    std::erase_if(unknown, [=](const BadRange &r) { return r.start == start; });
    if (std::ranges::none_of(bad, [=](const BadRange &r) { return r.start == start; }))
        bad.push_back({-1, start, sectors});
    if (const std::size_t at = state.find(",blocked"); unknown.empty() && at != state.npos)
        state.erase(at, 8);
    return {};
}

namespace {

std::string lines(const std::vector<BadRange> &list)
{
    std::string text;
    for (const BadRange &r : list)
        text += fmt::format("{}{} {}", text.empty() ? "" : "\n", r.start, r.sectors);
    return text;
}

}  // namespace

Result<std::string> Kernel::read_member(const std::string &name, const std::string &attribute)
{
    const auto m = members.find(name);
    if (m == members.end())
        return missing(name);
    const std::map<std::string, std::string> values{{"state", m->second.state},
                                                    {"slot", m->second.slot},
                                                    {"offset", m->second.offset},
                                                    {"size", m->second.size},
                                                    {"recovery_start", m->second.recovery_start},
                                                    {"reserved_slot", m->second.reserved},
                                                    {"bad_blocks", lines(m->second.bad)},
                                                    {"unacknowledged_bad_blocks", lines(m->second.unknown)},
                                                    {"dev", number(m->second.dev)}};
    const auto v = values.find(attribute);
    return v == values.end() ? Result<std::string>(missing(attribute)) : Result<std::string>(v->second);
}

Result<std::string> Kernel::read(std::string_view path)
{
    return out_of_reach ? Result<std::string>(missing(path)) : value(path);
}

Result<std::string> Kernel::value(std::string_view path)
{
    const Ignoring ignoring;
    const std::vector<std::string> p = split(path);
    if (p.size() == 2)
        return lives.contains(p[0]) ? Result<std::string>(lives.at(p[0])) : missing(path);
    if (p[0] == "emd127") {
        if (p[2] == "metadata_version")
            return std::string("external:toy");
        const auto c = container.find(p[2]);
        if (c == container.end())
            return missing(path);
        const std::map<std::string, std::string> values{{"dev", number(c->second)}, {"slot", "none"}, {"state", "spare"},
                                                        {"offset", "0"}, {"size", "0"}, {"recovery_start", "none"}};
        return values.at(p.back());
    }
    if (p[0] != "emd126" || !volume_exists)
        return missing(path);
    if (p.size() >= 4 && p[2] != "bitmap")
        return read_member(p[2], p.back());
    const auto a = attributes.find(p[1] == "emd" ? "own:" + p[2] : p.size() == 4 ? "bitmap/" + p[3] : p[2]);
    return a == attributes.end() ? Result<std::string>(missing(path)) : Result<std::string>(a->second);
}

Result<> Kernel::write_member(const std::string &name, const std::string &attribute, const std::string &value)
{
    const auto found = members.find(name);
    if (found == members.end())
        return missing(name);
    Member &m = found->second;
    if (attribute == "state" && value == "-blocked") {
        if (m.state == "faulty,blocked")
            m.state = "faulty";
        else if (!m.unknown.empty() && !m.lists())
            m.state = "faulty,blocked";
    } else if (attribute == "state" && value == "external_bbl") {
        m.state += m.lists() ? "" : ",external_bbl";
    } else if (attribute == "state" && value == "-external_bbl") {
        if (m.lists())
            m.state.erase(m.state.find(",external_bbl"), 13);
    } else if (attribute == "bad_blocks") {
        return m.write_bad(value);
    } else if (attribute == "state" && value == "faulty") {
        m.state = "faulty,blocked";
    } else if (attribute == "state" && value == "remove") {
        if (remove_is_busy)
            return fail_errno(EBUSY, "{}", name);
        members.erase(found);
    } else if (attribute == "slot") {
        const bool proposing = attributes.at("raid_disks").find('(') != std::string::npos;
        (proposing ? m.reserved : m.slot) = value;
    } else if (attribute == "offset") {
        if (m.size != "0")
            return fail_errno(EBUSY, "{}", name);
        m.offset = value;
    } else if (attribute == "size") {
        m.size = value;
    } else {
        return fail_errno(EINVAL, "{} {}", name, attribute);
    }
    return {};
}

Result<> Kernel::add(const std::string &value)
{
    for (const auto &[name, d] : container) {
        if (number(d) != value)
            continue;
        if (members.contains(name))
            return fail_errno(EBUSY, "{}", name);
        members[name].dev = d;
        return {};
    }
    return fail_errno(ENODEV, "{}", value);
}

// "new (old)": the old ones are back, all together.
void Kernel::forget_proposal()
{
    for (const char *pair : {"raid_disks", "chunk_size", "layout"}) {
        std::string &text = attributes.at(pair);
        if (const std::size_t old = text.find('('); old != text.npos)
            text = text.substr(old + 1, text.find(')') - old - 1);
    }
    if (attributes.contains("new_level"))
        attributes["new_level"] = attributes.at("level");
    for (auto &[name, m] : members)
        m.reserved = "none";
}

Result<> Kernel::write_volume(const std::string &attribute, const std::string &value)
{
    if (attribute == "reshape_position" && value == "none") {
        forget_proposal();
        return {};
    }
    if (attribute == "raid_disks" && attributes.contains("new_level") && attributes.at("new_level") == "raid6" && std::stoi(value) < 4)
        return fail_errno(EINVAL, "raid_disks");
    if (attribute == "new_dev")
        return add(value);
    if (attribute == "array_state" && value == "clean" && attributes["array_state"] == "write-pending")
        return fail_errno(EBUSY, "array_state");
    if (attribute == "own:reshape_acked" && attributes["reshape_position"] == "none" &&
        attributes["raid_disks"].find('(') == std::string::npos)
        return fail_errno(ENODATA, "reshape_acked");
    if (!attributes.contains(attribute))
        return missing(attribute);
    attributes[attribute] = value;
    return {};
}

Result<> Kernel::write(std::string_view path, std::string_view value)
{
    const Ignoring ignoring;
    if (!allocations_before_store)
        allocations_before_store = Counting::count();
    const std::vector<std::string> p = split(path);
    if (p[0] != "emd126" || !volume_exists)
        return missing(path);
    if (refuse.contains(p.back()) || busy_once.erase(p.back()) != 0)
        return fail_errno(EBUSY, "{}", path);
    Result<> done;
    journal_->act(fmt::format("store {} {}", fmt::join(p.begin() + 2, p.end(), "/"), value), [&] {
        if (p.size() == 4)
            done = p[2] == "bitmap" ? write_volume("bitmap/" + p[3], std::string(value)) : write_member(p[2], p[3], std::string(value));
        else
            done = write_volume(p[1] == "emd" ? "own:" + p[2] : p[2], std::string(value));
    });
    if (stored && p.size() == 4)
        stored(fmt::format("{}/{} {}", p[2], p[3], value));
    return done;
}

Result<std::vector<std::string>> Kernel::list(std::string_view directory)
{
    if (out_of_reach)
        return missing(directory);
    std::vector<std::string> names;
    if (directory.empty()) {
        names = {"emd127"};
        if (volume_exists)
            names.push_back("emd126");
    } else if (directory.starts_with("emd127")) {
        for (const auto &[name, d] : container)
            names.push_back(name);
    } else {
        for (const auto &[name, m] : members)
            names.push_back(name);
    }
    return names;
}

namespace {

class ToyAttribute final : public mon::Attribute {
public:
    ToyAttribute(Kernel &kernel, std::string path) : kernel_(&kernel), path_(std::move(path)) {}

    int read(std::span<char> to) override
    {
        const Ignoring ignoring;
        const Result<std::string> text = kernel_->value(path_);
        if (!text)
            return -text.error().sys();
        std::copy_n(text->data(), text->size(), to.data());
        return static_cast<int>(text->size());
    }
    int write(std::string_view value) override
    {
        const Ignoring ignoring;
        const Result<> done = kernel_->write(path_, value);
        return done ? 0 : -done.error().sys();
    }
    int fd() const override { return -1; }

private:
    Kernel *kernel_;
    std::string path_;
};

}  // namespace

Result<std::unique_ptr<mon::Attribute>> Kernel::open(std::string_view path)
{
    EMD_TRY(read(path));
    return std::unique_ptr<mon::Attribute>(std::make_unique<ToyAttribute>(*this, std::string(path)));
}

// -- the disks --------------------------------------------------------------------------------------------------------

Result<> Disks::open(DevNum dev, std::size_t)
{
    open_.insert(dev);
    return {};
}

void Disks::write(std::span<mon::DiskJob> jobs)
{
    const Ignoring ignoring;
    for (mon::DiskJob &job : jobs) {
        job.error = broken.contains(job.dev) ? EIO : 0;
        if (job.error != 0)
            continue;
        std::uint64_t number = 0;
        std::memcpy(&number, job.bytes.data(), sizeof number);
        journal_->act(fmt::format("write {} at {}", job.dev.minor, job.offset_bytes), [&] {
            if (job.offset_bytes == 0)
                written[job.dev] = number;
        });
    }
}

void Disks::flush(std::span<mon::DiskJob> jobs)
{
    const Ignoring ignoring;
    for (mon::DiskJob &job : jobs) {
        job.error = broken.contains(job.dev) ? EIO : 0;
        if (job.error == 0)
            journal_->act(fmt::format("flush {}", job.dev.minor), [&] { durable[job.dev] = written[job.dev]; });
    }
}

// -- the record -------------------------------------------------------------------------------------------------------

namespace {

Volume &volume(Container &c, unsigned index) { return c.volumes.at(index); }

struct Applier {
    Container &c;

    void operator()(const change::MarkDirty &x) { volume(c, x.volume).dirty = true; }
    void operator()(const change::MarkClean &x) { volume(c, x.volume).dirty = false; }
    void operator()(const change::DiskFailed &x)
    {
        c.disks.at(static_cast<std::size_t>(x.disk)).state = DiskState::Failed;
        for (Volume &v : c.volumes)
            for (Slot &s : v.slots)
                if (s.disk == x.disk) {
                    if (!s.in_sync && v.activity == Activity::Rebuild)
                        v.activity = Activity::None;
                    s.in_sync = false;
                }
    }
    void operator()(const change::SyncProgress &x)
    {
        volume(c, x.volume).checkpoint = x.member_sectors;
    }
    void operator()(const change::SyncFinished &x)
    {
        Volume &v = volume(c, x.volume);
        v.activity = Activity::None;
        v.checkpoint = 0;
        for (Slot &s : v.slots)
            s.in_sync = s.disk >= 0 && c.disks[static_cast<std::size_t>(s.disk)].state == DiskState::Active;
    }
    void operator()(const change::ReshapeProgress &x)
    {
        ReshapeRecord &r = *volume(c, x.volume).reshape;
        r.position = x.position / r.unit * r.unit;
    }
    void operator()(const change::ReshapeFinished &x)
    {
        Volume &v = volume(c, x.volume);
        v.shape = v.reshape->target;
        v.slots = v.reshape->target_slots;
        v.activity = Activity::None;
        v.reshape.reset();
    }
    void operator()(const change::RebuildStarted &x)
    {
        Volume &v = volume(c, x.volume);
        v.slots.at(x.slot) = {x.disk, false};
        v.activity = Activity::Rebuild;
        v.checkpoint = 0;
        c.disks.at(static_cast<std::size_t>(x.disk)).state = DiskState::Active;
    }
    void operator()(const change::InitStarted &x) { volume(c, x.volume).activity = Activity::Init; }
    void operator()(const change::ReshapeStarted &x)
    {
        Volume &v = volume(c, x.volume);
        ReshapeRecord r;
        r.target = x.target;
        r.target_slots = v.slots;
        for (const int disk : x.new_disks) {
            r.target_slots.push_back({disk, true});
            c.disks.at(static_cast<std::size_t>(disk)).state = DiskState::Active;
        }
        r.unit = 1000;
        v.activity = Activity::Reshape;
        v.reshape = r;
    }
    void operator()(const change::ReshapeWithdrawn &x)
    {
        Volume &v = volume(c, x.volume);
        for (std::size_t i = v.slots.size(); i < v.reshape->target_slots.size(); i++)
            c.disks.at(static_cast<std::size_t>(v.reshape->target_slots[i].disk)).state = DiskState::Spare;
        v.reshape.reset();
        v.activity = Activity::None;
    }
    void operator()(const change::BackupRecorded &x) { volume(c, x.volume).reshape->backup_live = true; }
    void operator()(const change::BadBlock &x)
    {
        if (x.cleared)
            std::erase_if(c.bad, [&](const BadRange &r) { return r.disk == x.disk && r.start == x.start; });
        else
            c.bad.push_back({x.disk, x.start, x.sectors});
    }
    void operator()(const change::BitmapComplete &x)
    {
        for (const Slot &s : volume(c, x.volume).slots)
            if (!s.in_sync || c.disks.at(static_cast<std::size_t>(s.disk)).state != DiskState::Active)
                throw std::logic_error("a member is missing");
    }
    void operator()(const change::BitmapRemoved &x) { volume(c, x.volume).bitmap.reset(); }
    void operator()(const change::SpareAdded &x) { c.disks.push_back(x.disk); }
    void operator()(const change::Takeover &x)
    {
        for (const Slot &s : volume(c, x.volume).slots)
            if (s.disk >= 0)
                c.disks.at(static_cast<std::size_t>(s.disk)).state = DiskState::Spare;
        volume(c, x.volume).shape = x.target;
        volume(c, x.volume).slots = x.slots;
        for (const Slot &s : x.slots)
            if (s.disk >= 0)
                c.disks.at(static_cast<std::size_t>(s.disk)).state = DiskState::Active;
    }
    void operator()(const change::Resized &x)
    {
        Volume &v = volume(c, x.volume);
        const bool larger = x.component_sectors > v.shape.component_sectors;
        v.activity = larger ? Activity::Repair : Activity::None;
        v.checkpoint = larger ? v.shape.component_sectors : 0;
        v.shape.component_sectors = x.component_sectors;
    }
    void operator()(const change::DiskRemoved &x) { c.disks.erase(c.disks.begin() + x.disk); }  // the last one
    template <typename T>
    void operator()(const T &)
    {
        throw std::logic_error("the toy does not know this change");
    }
};

}  // namespace

Result<> Record::apply(const Change &change)
{
    if (archive_->refuses && archive_->refuses(change))
        return fail(Errc::Refused, "the toy refuses");
    if (const auto *bad = std::get_if<change::BadBlock>(&change); bad != nullptr && !bad->cleared &&
        static_cast<std::size_t>(std::ranges::count(container_.bad, bad->disk, &BadRange::disk)) >=
            container_.disks.at(static_cast<std::size_t>(bad->disk)).bad_room)
        return fail(Errc::NoSpace, "the toy's list is full");
    const Ignoring ignoring;
    std::visit(Applier{container_}, change);
    fresh_ = true;
    if (std::holds_alternative<change::BitmapComplete>(change))
        cleared_ = archive_->last + 1;
    return {};
}

std::vector<Image> Record::prepare() const
{
    std::vector<Image> images;
    for (std::size_t i = 0; i < container_.disks.size(); i++)
        for (const unsigned phase : {0u, 1u})
            images.push_back({static_cast<int>(i), phase, phase == 0 ? 512u : 0u, std::vector<std::byte>(512), true});
    return images;
}

// The number of the record that comes with it, and of the one from which on bits may be taken back.
std::optional<BitmapHead> Record::bitmap_head(unsigned index) const
{
    if (!container_.volumes.at(index).bitmap)
        return std::nullopt;
    BitmapHead head{};
    head[0] = static_cast<std::byte>(archive_->last + fresh_);
    head[1] = static_cast<std::byte>(cleared_);
    return head;
}

void Record::encode(std::span<Image> images)
{
    const Ignoring ignoring;
    container_.sequence = ++archive_->last;
    fresh_ = false;
    archive_->snapshots[archive_->last] = container_;
    for (Image &image : images) {
        const Disk &disk = container_.disks.at(static_cast<std::size_t>(image.disk));
        image.active = disk.present && disk.state != DiskState::Failed;
        std::memcpy(image.bytes.data(), &archive_->last, sizeof archive_->last);
    }
}

// -- the world --------------------------------------------------------------------------------------------------------

DevNum dev(int n) { return {8, static_cast<unsigned>(16 * n)}; }

Container container(int spares)
{
    Container c;
    for (int i = 0; i < 3 + spares; i++)
        c.disks.push_back({fmt::format("S{}", i), 100000, i < 3 ? DiskState::Active : DiskState::Spare, true, dev(i),
                           fmt::format("/dev/sd{}", static_cast<char>('a' + i)), 512});
    Volume v;
    v.name = "vol0";
    v.shape = {5, 0, 3, 128, 65536};
    v.slots = {{0, true}, {1, true}, {2, true}};
    c.volumes.push_back(v);
    return c;
}

void fill(Kernel &kernel, const Container &c)
{
    kernel.attributes = {{"array_state", "clean"},      {"metadata_version", "external:/emd127/0"},
                         {"sync_action", "idle"},       {"sync_completed", "none"},
                         {"resync_start", "none"},      {"reshape_position", "none"},
                         {"level", "raid5"},            {"raid_disks", "3"},
                         {"chunk_size", "65536"},       {"layout", "0"},
                         {"own:reshape_acked", "none"}};
    for (std::size_t i = 0; i < c.disks.size(); i++) {
        const std::string name = "dev-" + c.disks[i].path.substr(5);
        kernel.container[name] = c.disks[i].dev;
        if (i < 3)
            kernel.members[name] = {c.disks[i].dev, "in_sync", std::to_string(i), "none", "0", "32768", "none"};
    }
}

}  // namespace toy
