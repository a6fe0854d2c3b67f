// SPDX-License-Identifier: GPL-2.0-only
// --rescue: a volume's data without the module, from what is left of its members, into a file or a pipe. Members are only read.
#include "examined.h"
#include "inventory.h"

#include "libemd/base/size.h"
#include "libemd/rescue/array.h"
#include "libemd/rescue/output.h"

#include <algorithm>
#include <csignal>

namespace emd::cli {
namespace {

constexpr int kSomeLost = 3;
constexpr std::size_t kAtOnce = 1 << 20;  // bytes

// What all named disks hold: one container or array.
struct Found {
    const Format *format = nullptr;
    Uuid container{};
    std::vector<Examined> disks;
};

Result<> check_idle(const Medium &medium)
{
    const auto *device = dynamic_cast<const BlockDevice *>(&medium);
    if (device && (held_by_emd(*device) || !foreign_holder(*device).empty()))
        return fail(Errc::Busy, "{} is a member of {}, which runs: read that, or stop it", device->path(), device->holders().front());
    return {};
}

// A disk that cannot be recognised is as one that is missing: that is what this is for.
Result<Found> find_disks(Context &c)
{
    Found found;
    std::size_t number = 0;
    for (const std::string &name : c.options.names()) {
        auto examined = examine_one(name, ++number);
        if (!examined) {
            c.warn(fmt::format("{}: it is read as if it was missing", examined.error().text()));
            continue;
        }
        EMD_TRY(check_idle(*examined->medium));
        const Uuid &container = examined->what.probe.container;
        if (container == Uuid{})
            continue;  // a loose spare
        if (found.format && (found.format != examined->what.format || found.container != container))
            return fail(Errc::Invalid, "{} and {} belong to different arrays: name the disks of one", found.disks[0].medium->path(),
                        examined->medium->path());
        found.format = examined->what.format;
        found.container = container;
        found.disks.push_back(std::move(*examined));
    }
    if (!found.format)
        return fail(Errc::NotFound, "none of these disks is a member of an array that EMD knows");
    return found;
}

Result<const Volume *> choose(Context &c, const Container &view)
{
    std::vector<const Volume *> chosen;
    std::string names;
    for (const Volume &volume : view.volumes) {
        names += (names.empty() ? "" : ", ") + volume.name;
        const bool named = c.options.name.empty() || c.options.name == volume.name;
        const bool meant = c.options.uuid.empty() || parse_uuid(c.options.uuid).value_or(Uuid{}) == volume.uuid;
        if (named && meant)
            chosen.push_back(&volume);
    }
    if (chosen.size() == 1)
        return chosen[0];
    if (view.volumes.empty())
        return fail(Errc::NotFound, "these disks hold no volume");
    return fail(Errc::Invalid, "{}: name one of the volumes with --name=: {}", chosen.empty() ? "there is no such volume" : "there are several",
                names);
}

// In the middle of a reshape of md each disk says for itself how far that is.
std::vector<rescue::Source> sources_of(const Found &found)
{
    std::vector<rescue::Source> sources;
    for (const Examined &disk : found.disks)
        if (const auto record = disk.what.described ? disk.what.described->record(*disk.medium) : Result<MemberRecord>(MemberRecord{}))
            sources.push_back({disk.medium.get(), *record});
    return sources;
}

Result<rescue::Array> open_array(Context &c, const Found &found)
{
    if (const auto sources = sources_of(found); rescue::Array::reshaping(sources))
        return rescue::Array::open_reshaping(sources);
    std::vector<const Medium *> media;
    for (const Examined &disk : found.disks)
        media.push_back(disk.medium.get());
    const auto metadata = EMD_TRY(found.format->load(media));
    const Container &view = metadata->view();
    const Volume *volume = EMD_TRY(choose(c, view));
    for (const Disk &disk : view.disks)
        if (disk.present && disk.state == DiskState::Failed)
            c.warn(fmt::format("{} is recorded as failed, or stale, and not used", disk.path));
    return rescue::Array::open(view, *volume, [&](int disk) -> const Medium * {
        const auto at = static_cast<std::size_t>(disk);
        const auto medium = std::ranges::find_if(media, [&](const Medium *m) { return view.disks[at].present && m->path() == view.disks[at].path; });
        return medium == media.end() ? nullptr : *medium;
    });
}

// -- the work --

struct Job {
    const rescue::Array &array;
    std::uint64_t begin, end;  // sectors
    std::vector<rescue::Lost> lost;
    std::uint64_t tried;
};

Result<> copy(Job &job, rescue::Output &output)
{
    std::vector<std::byte> buffer(kAtOnce);
    while (job.tried < job.end) {
        const std::uint64_t sectors = std::min<std::uint64_t>(kAtOnce / 512, job.end - job.tried);
        const MutableBytes piece = MutableBytes(buffer).first(sectors * 512);
        job.array.read(job.tried, piece, job.lost);
        EMD_TRY(output.write(piece));
        job.tried += sectors;
    }
    return output.finish();
}

Result<Job> job_of(Context &c, const rescue::Array &array)
{
    const std::uint64_t begin = c.options.offset_sectors;
    if (begin > array.sectors())
        return fail(Errc::Invalid, "--offset is behind the end of the volume, which has {}", format_size(array.sectors() * 512));
    const std::uint64_t size = std::min(c.options.size_sectors.value_or(kMax), array.sectors() - begin);
    return Job{array, begin, begin + size, {}, begin};
}

// A pipe whose reader has gone is an error like others, which the map and the exit status survive.
class WithoutPipeSignal {
public:
    WithoutPipeSignal() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
    ~WithoutPipeSignal() { std::signal(SIGPIPE, before_); }
    WithoutPipeSignal(const WithoutPipeSignal &) = delete;
    WithoutPipeSignal &operator=(const WithoutPipeSignal &) = delete;

private:
    void (*before_)(int);
};

// The output and the map, if one is wanted: both can be made, or neither is.
struct Files {
    rescue::Output output;
    std::optional<rescue::Output> map;
};

Result<Files> create_files(const Context &c)
{
    std::optional<rescue::Output> map;
    if (!c.options.map.empty())
        map = EMD_TRY(rescue::Output::create(c.options.map));
    auto output = rescue::Output::create(c.options.to);
    if (!output && map)
        map->discard();
    return Files{EMD_TRY(std::move(output)), std::move(map)};
}

void say_lost(Context &c, const Job &job, std::uint64_t written)
{
    std::uint64_t lost = 0;
    for (const rescue::Lost &range : job.lost)
        lost += range.end - range.begin;
    if (!lost)
        c.say("{} read, all of it", format_size(written));
    else
        c.warn(fmt::format("{} of {} could not be read and are zeros now, in {} places, the first at byte {} of the volume{}",
                           format_size(lost * 512), format_size(written), job.lost.size(), job.lost[0].begin * 512,
                           c.options.map.empty() ? ": --map=FILE writes where" : ""));
}

}  // namespace

Result<int> cmd_rescue(Context &c)
{
    if (c.options.arguments.empty())
        return fail(Errc::Invalid, "--rescue needs the disks or image files of one array");
    if (c.options.to.empty() && !c.options.dry_run)
        return fail(Errc::Invalid, "--rescue needs --to=FILE, or --to=- for a pipe");
    if (c.options.map == "-")
        return fail(Errc::Invalid, "--map needs a new file, not standard output, where the data or messages may go");
    const Found found = EMD_TRY(find_disks(c));
    const rescue::Array array = EMD_TRY(open_array(c, found));
    Job job = EMD_TRY(job_of(c, array));
    for (const std::string &remark : array.remarks())
        c.warn(remark);
    if (c.options.dry_run) {
        fmt::print("read {} of {} into {}\n", format_size((job.end - job.begin) * 512), format_size(array.sectors() * 512),
                   c.options.to.empty() ? "a file" : c.options.to);
        return 0;
    }
    const WithoutPipeSignal no_signal;
    Files files = EMD_TRY(create_files(c));
    const Result<> copied = copy(job, files.output);
    const Result<> mapped = files.map ? rescue::write_map(*files.map, job.begin, job.end, job.tried, job.lost) : Result<>();
    if (!copied && !mapped)
        c.warn(mapped.error().text());
    EMD_TRY(copied);
    say_lost(c, job, files.output.written());
    EMD_TRY(mapped);
    return job.lost.empty() ? 0 : kSomeLost;
}

}  // namespace emd::cli
