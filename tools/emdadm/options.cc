// SPDX-License-Identifier: GPL-2.0-only
// Two passes: the first finds the mode, the second reads everything with the letters that mean something in it
// (-f is --force when assembling and --fail when managing). getopt_long does the grammar.
#include "options.h"

#include "libemd/base/size.h"
#include "libemd/kernel/array.h"
#include "libemd/model/layout_words.h"
#include "options_table.h"

#include <algorithm>
#include <charconv>
#include <emd/emd.h>
#include <fmt/format.h>
#include <getopt.h>
#include <utility>

namespace emd::cli {
namespace {

constexpr unsigned kMaxSubarray = 65535;  // more than any container has volumes

constexpr std::pair<Id, Mode> kModeOf[] = {
    {Id::Create, Mode::Create}, {Id::Build, Mode::Build}, {Id::Assemble, Mode::Assemble}, {Id::Incremental, Mode::Incremental},
    {Id::Grow, Mode::Grow}, {Id::Manage, Mode::Manage}, {Id::Detail, Mode::Detail}, {Id::Examine, Mode::Examine},
    {Id::ExamineBadBlocks, Mode::ExamineBadBlocks}, {Id::ExamineBitmap, Mode::ExamineBitmap}, {Id::Rescue, Mode::Rescue},
    {Id::Stop, Mode::Stop}, {Id::Wait, Mode::Wait}, {Id::WaitClean, Mode::WaitClean},
    {Id::ReadOnlyMode, Mode::ReadOnly}, {Id::ReadWrite, Mode::ReadWrite}, {Id::ZeroSuperblock, Mode::ZeroSuperblock},
    {Id::KillSubarray, Mode::KillSubarray}, {Id::UpdateSubarray, Mode::UpdateSubarray},
    {Id::DetailPlatform, Mode::DetailPlatform}, {Id::Monitor, Mode::Monitor}, {Id::Query, Mode::Query},
    {Id::Help, Mode::Help}, {Id::Version, Mode::Version},
};

std::optional<Mode> mode_of(Id id)
{
    for (const auto &[key, mode] : kModeOf)
        if (key == id)
            return mode;
    return std::nullopt;
}

// Modes that were options of other modes first in mdadm: they decide only when no other mode is named.
bool weak(Mode mode)
{
    return mode == Mode::ReadOnly;
}

bool takes_value(char letter)
{
    return std::ranges::any_of(option_rows(), [&](const OptionRow &r) { return r.letter == letter && r.value; });
}

// The mode that one word of the line names.
std::optional<Mode> mode_in(std::string_view word)
{
    if (word.starts_with("--")) {
        for (const OptionRow &row : mode_rows())
            if (word.substr(2, row.value ? word.find('=') - 2 : word.npos) == row.name)
                return mode_of(row.id);
        return std::nullopt;
    }
    if (word.size() < 2 || word[0] != '-')
        return std::nullopt;
    for (const char letter : word.substr(1)) {
        for (const OptionRow &row : mode_rows())
            if (row.letter == letter)
                return mode_of(row.id);
        if (takes_value(letter))
            return std::nullopt;
    }
    return std::nullopt;
}

Mode find_mode(int argc, char **argv)
{
    std::optional<Mode> fallback;
    for (int i = 1; i < argc; i++)
        if (const auto mode = mode_in(argv[i])) {
            if (!weak(*mode))
                return *mode;
            fallback = mode;
        }
    return fallback.value_or(Mode::Manage);
}

// What getopt_long wants, for one mode.
struct Grammar {
    std::vector<const OptionRow *> rows;  // index: the value that getopt_long returns, less kFirst
    std::vector<option> longs;
    std::string letters = "-:";  // arguments in their order; a missing value is ':'
    static constexpr int kFirst = 256;

    explicit Grammar(Mode mode)
    {
        for (const OptionRow &row : option_rows())
            if (row.groups & group_of(mode))
                add(row);
        for (const OptionRow &row : mode_rows())
            add(row);
        longs.push_back({});
    }

    void add(const OptionRow &row)
    {
        const bool known = std::ranges::any_of(rows, [&](const OptionRow *r) { return std::string_view(r->name) == row.name; });
        if (!known)
            longs.push_back({row.name, row.value ? required_argument : no_argument, nullptr, kFirst + static_cast<int>(rows.size())});
        if (row.letter && letters.find(row.letter) == letters.npos)
            letters.append(1, row.letter).append(row.value ? ":" : "");
        rows.push_back(&row);
    }

    const OptionRow *find(int got) const
    {
        if (got >= kFirst)
            return rows[static_cast<std::size_t>(got - kFirst)];
        const auto row = std::ranges::find_if(rows, [&](const OptionRow *r) { return r->letter == got; });
        return row == rows.end() ? nullptr : *row;
    }
};

Result<std::uint64_t> number(const OptionRow &row, const char *text, std::uint64_t low, std::uint64_t high)
{
    std::uint64_t value = 0;
    const std::string_view word(text);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < low || value > high)
        return fail(Errc::Invalid, "--{} takes a number from {} to {}, not \"{}\"", row.name, low, high, word);
    return value;
}

// In sectors; a bare number counts KiB.
Result<std::uint64_t> sectors(const OptionRow &row, const std::string &text)
{
    if (text == "max")
        return kMax;
    const auto bytes = parse_size(text);
    if (!bytes || *bytes == 0 || *bytes % 512)
        return fail(Errc::Invalid, "--{} takes a size in KiB or with a unit (64, 512K, 10G), not \"{}\"", row.name, text);
    return *bytes / 512;
}

// mdadm's words. What is not said of the bitmap stays open.
Result<> set_policy(Options &o, std::string_view word)
{
    if (word != "ppl" && word != "resync" && word != "bitmap")
        return fail(Errc::Unsupported, "--consistency-policy={}: EMD has resync, bitmap and ppl", word);
    if (o.bitmap && *o.bitmap != (word == "bitmap") && (word != "ppl" || *o.bitmap))
        return fail(Errc::Invalid, "--consistency-policy={} and --bitmap contradict each other", word);
    o.parity_log = word == "ppl";
    if (word != "ppl")
        o.bitmap = word == "bitmap";
    return {};
}

Result<> set_bitmap(Options &o, std::string_view word)
{
    if (o.mode == Mode::Build && word != "none")
        return fail(Errc::Unsupported, "--bitmap={}: an array without metadata has no place for a bitmap: leave it out", word);
    if (word != "none" && word != "internal")
        return fail(Errc::Unsupported, "--bitmap={}: EMD keeps a bitmap on the members alone: take internal, or none", word);
    const bool wanted = word == "internal";
    if (o.parity_log && (*o.parity_log ? wanted : o.bitmap && *o.bitmap != wanted))
        return fail(Errc::Invalid, "--consistency-policy and --bitmap={} contradict each other", word);
    o.bitmap = wanted;
    return {};
}

Result<> set_update(Options &o, std::string_view word)
{
    const bool subarray = o.mode == Mode::UpdateSubarray;
    if (subarray && word == "no-ppl")
        return fail(Errc::Unsupported, "--update=no-ppl: emdadm --assemble --update=no-ppl does it, after it has used the log a last time");
    const bool known = subarray ? word == "name" : word == "no-ppl" || word == "revert-reshape";
    if (!known)
        return fail(Errc::Unsupported, "--update={}: EMD can do {} alone; mdadm can do the others while the array is stopped", word,
                    subarray ? "name" : "no-ppl and revert-reshape");
    (subarray ? o.rename : word == "no-ppl" ? o.drop_parity_log : o.revert) = true;
    return {};
}

Result<> set_value(Options &o, const OptionRow &row, const char *text)
{
    switch (row.id) {
    case Id::Level: o.level = EMD_TRY(parse_level_option(text)); break;
    case Id::Layout: o.layout = text; break;
    case Id::RaidDisks: o.raid_disks = static_cast<std::uint32_t>(EMD_TRY(number(row, text, 1, EMD_MAX_MEMBERS))); break;
    case Id::Spares: o.spares = static_cast<unsigned>(EMD_TRY(number(row, text, 0, EMD_MAX_MEMBERS))); break;
    case Id::Chunk: {
        const std::uint64_t chunk = EMD_TRY(sectors(row, text));
        if (chunk > EMD_MAX_CHUNK_SECTORS)
            return fail(Errc::Invalid, "--chunk takes at most {}K, not \"{}\"", EMD_MAX_CHUNK_SECTORS / 2, text);
        o.chunk_sectors = static_cast<std::uint32_t>(chunk);
        break;
    }
    case Id::Size: o.size_sectors = EMD_TRY(sectors(row, text)); break;
    case Id::ArraySize: o.array_size_sectors = EMD_TRY(sectors(row, text)); break;
    case Id::Metadata: o.metadata = text; break;
    case Id::Name: o.name = text; break;
    case Id::HomeHost: o.home_host = text; break;
    case Id::Bitmap: return set_bitmap(o, text);
    case Id::BitmapChunk: o.bitmap_chunk_sectors = EMD_TRY(sectors(row, text)); break;
    case Id::Update: return set_update(o, text);
    case Id::ConsistencyPolicy: return set_policy(o, text);
    case Id::KillSubarray:
    case Id::UpdateSubarray: o.subarray = static_cast<unsigned>(EMD_TRY(number(row, text, 0, kMaxSubarray))); break;
    case Id::Uuid: o.uuid = text; break;
    case Id::Config: o.config = text; break;
    case Id::BackupFile: o.backup_file = text; break;
    case Id::To: o.to = text; break;
    case Id::Map: o.map = text; break;
    case Id::Offset: o.offset_sectors = std::string_view(text) == "0" ? 0 : EMD_TRY(sectors(row, text)); break;
    default: break;
    }
    return {};
}

void set_switch(Options &o, Id id)
{
    switch (id) {
    case Id::Force: o.force = true; break;
    case Id::Run: o.run = true; break;
    case Id::Scan: o.scan = true; break;
    case Id::NoDegraded: o.no_degraded = true; break;
    case Id::AssumeClean: o.assume_clean = true; break;
    case Id::DryRun: o.dry_run = true; break;
    case Id::Json: o.json = true; break;
    case Id::Export: o.as_export = true; break;
    case Id::Brief: o.brief = true; break;
    case Id::Test: o.test = true; break;
    case Id::Continue: o.go_on = true; break;
    case Id::Pause: o.pause = true; break;
    case Id::Revert: o.turn_back = true; break;
    case Id::Background: o.background = true; break;
    case Id::UnlessPaused: o.unless_paused = true; break;
    case Id::FreezeReshape: o.freeze_reshape = true; break;
    case Id::ReadOnlyFlag: o.read_only = true; break;
    case Id::NoDevices: o.no_devices = true; break;
    case Id::Verbose: o.verbose++; break;
    case Id::Quiet: o.quiet = true; break;
    default: break;
    }
}

std::optional<Disposition> disposition_of(Id id)
{
    switch (id) {
    case Id::Add: return Disposition::Add;
    case Id::AddSpare: return Disposition::AddSpare;
    case Id::ReAdd: return Disposition::ReAdd;
    case Id::Fail: return Disposition::Fail;
    case Id::Remove: return Disposition::Remove;
    case Id::Replace: return Disposition::Replace;
    case Id::With: return Disposition::With;
    default: return std::nullopt;
    }
}

// getopt_long takes the beginning of a name for the name: so --update might be --update-subarray, where there is no --update.
bool spelled_out(int argc, char **argv, const OptionRow &row)
{
    const std::string name = fmt::format("--{}", row.name);
    return std::any_of(argv + 1, argv + argc, [&](std::string_view word) { return word.substr(0, word.find('=')) == name; });
}

tl::unexpected<Error> no_option(const Options &o, std::string word)
{
    word = word.substr(0, word.find('='));
    for (const OptionRow &row : option_rows())
        if (word == fmt::format("--{}", row.name) || (row.letter && word == fmt::format("-{}", row.letter)))
            return fail(Errc::Invalid, "{} has no meaning with {}", word, to_word(o.mode));
    return fail(Errc::Invalid, "{} is no option of emdadm; see emdadm --help", word);
}

Result<> not_understood(const Options &o, char **argv, int got)
{
    const std::string word = optopt && optopt < Grammar::kFirst ? fmt::format("-{}", static_cast<char>(optopt)) : argv[optind - 1];
    if (got == ':')
        return fail(Errc::Invalid, "{} needs a value", word.substr(0, word.find('=')));
    return no_option(o, word);
}

// RAID10's "n2", "f2", "o3": so many copies, and where.
std::optional<std::uint32_t> copies_layout(std::string_view word)
{
    std::uint32_t copies = 0;
    const auto [end, error] = std::from_chars(word.data() + std::min<std::size_t>(1, word.size()), word.data() + word.size(), copies);
    if (error != std::errc() || end != word.data() + word.size() || copies < 1 || copies > 0xff)
        return std::nullopt;
    switch (word[0]) {
    case 'n': return EMD_LAYOUT_RAID10_NEAR(copies);
    case 'f': return EMD_LAYOUT_RAID10_FAR(copies);
    case 'o': return EMD_LAYOUT_RAID10_FAR(copies) | EMD_LAYOUT_RAID10_OFFSET;
    default: return std::nullopt;
    }
}

}  // namespace

std::string to_word(Mode mode)
{
    for (const auto &[id, each] : kModeOf)
        for (const OptionRow &row : mode_rows())
            if (each == mode && row.id == id)
                return fmt::format("--{}", row.name);
    return "--manage";
}

std::vector<std::string> Options::names() const
{
    std::vector<std::string> all;
    for (const Positional &p : arguments)
        all.push_back(p.text);
    return all;
}

Result<int> parse_level_option(const std::string &word)
{
    if (word == "stripe" || word == "0")
        return 0;
    if (word == "mirror" || word == "1")
        return 1;
    if (word == "container")
        return EMD_LEVEL_NONE;
    if (const auto level = emd::parse_level(word); level)
        return *level;
    if (const auto level = emd::parse_level("raid" + word); level)
        return *level;
    return fail(Errc::Invalid, "\"{}\" is no level: take 0, 1, 4, 5, 6, 10 or linear", word);
}

Result<std::uint32_t> parse_layout(const std::string &word, int level)
{
    if (level >= 4 && level <= 6)
        for (const LayoutWord &known : kLayoutWords)
            if (level >= known.level && word == known.word)
                return known.layout;
    if (level == 0 && word == "original")
        return EMD_LAYOUT_RAID0_ORIGINAL;
    if (level == 0 && word == "alternate")
        return EMD_LAYOUT_RAID0_ALTERNATE;
    if (const auto layout = level == 10 ? copies_layout(word) : std::nullopt)
        return *layout;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error == std::errc() && end == word.data() + word.size() && !word.empty())
        return value;
    return fail(Errc::Invalid, "\"{}\" is no layout of {}", word, level_word(level));
}

Result<Options> parse(int argc, char **argv)
{
    Options o;
    if (argc < 2)
        return o;
    o.mode = find_mode(argc, argv);
    const Grammar grammar(o.mode);
    Disposition disposition = Disposition::None;
    bool write_mostly = false;
    optind = 0;
    opterr = 0;
    int got;
    while ((got = ::getopt_long(argc, argv, grammar.letters.c_str(), grammar.longs.data(), nullptr)) != -1) {
        if (got == 1) {
            o.arguments.push_back({optarg, disposition, write_mostly});
            continue;
        }
        const OptionRow *row = got == '?' || got == ':' ? nullptr : grammar.find(got);
        if (!row) {
            EMD_TRY(not_understood(o, argv, got));
            continue;
        }
        if (row->id == Id::Help) {
            o.help = true;
            return o;
        }
        if (mode_of(row->id) && row->value && !spelled_out(argc, argv, *row))
            return no_option(o, optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1]);
        if (const auto mode = mode_of(row->id); mode && *mode != o.mode && row->id != Id::Misc && row->id != Id::Manage)
            return fail(Errc::Invalid, "--{} and {} cannot be given together", row->name, to_word(o.mode));
        if (const auto next = disposition_of(row->id))
            disposition = *next;
        write_mostly |= row->id == Id::WriteMostly;
        EMD_TRY(set_value(o, *row, optarg));
        set_switch(o, row->id);
    }
    for (; optind < argc; optind++)  // behind "--"
        o.arguments.push_back({argv[optind], disposition, write_mostly});
    if (o.mode == Mode::Manage && o.arguments.empty())
        return fail(Errc::Invalid, "no array is named; see emdadm --help");
    return o;
}

std::string usage(Mode mode)
{
    std::string text;
    if (mode == Mode::Help) {
        text = "emdadm MODE [OPTION]... [ARRAY] [DISK]...\n\nModes:\n";
        for (const OptionRow &row : mode_rows())
            if (row.help)
                text += fmt::format("  {}--{:<18} {}\n", row.letter ? fmt::format("-{}, ", row.letter) : "    ", row.name, row.help);
        return text + "\nemdadm MODE --help lists the options of a mode.\n";
    }
    text = fmt::format("emdadm {} [OPTION]... [ARRAY] [DISK]...\n\nOptions:\n", to_word(mode));
    for (const OptionRow &row : option_rows())
        if (row.help && (row.groups & group_of(mode)))
            text += fmt::format("  {}--{:<18} {}\n", row.letter ? fmt::format("-{}, ", row.letter) : "    ",
                                std::string(row.name) + (row.value ? "=" : ""), row.help);
    if (mode == Mode::Rescue)
        text += "\nA DISK is a device or an image file. Images of IMSM disks are named FILE,serial=SERIAL: --examine FILE shows what serials are recorded.\n";
    return text;
}

}  // namespace emd::cli
