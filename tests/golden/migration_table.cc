// SPDX-License-Identifier: GPL-2.0-only
#include "golden/migration_table.h"

#include "core/emd_reshape_math.h"
#include "core/emd_takeover.h"
#include "emdadm/options.h"
#include "libemd/model/geometry.h"
#include "libemd/plan/grow_facts.h"

#include <algorithm>
#include <emd/emd.h>
#include <fmt/ranges.h>
#include <functional>
#include <regex>

namespace emd::migrations {

namespace {

using What = Answer::What;

constexpr std::uint32_t kChunk = 128;
constexpr unsigned kSpares = 6;

// -- shapes --------------------------------------------------------------------------------------------------------------

const std::vector<std::string> kRaid5Layouts{"left-symmetric", "left-asymmetric", "right-symmetric", "right-asymmetric", "parity-first", "parity-last"};
const std::vector<std::string> kRaid6QLast{"left-symmetric-6", "left-asymmetric-6", "right-symmetric-6", "right-asymmetric-6", "parity-first-6"};
const std::vector<std::string> kRaid6Ddf{"ddf-zero-restart", "ddf-N-restart", "ddf-N-continue"};

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string> &b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<std::string> all_layouts(int level)
{
    switch (level) {
    case 5: return kRaid5Layouts;
    case 6: return kRaid5Layouts + kRaid6Ddf + kRaid6QLast;
    case 10: return {"n2", "n3", "f2", "o2"};
    default: return {""};
    }
}

std::uint32_t number_of(const std::string &layout, int level)
{
    return layout.empty() ? 0 : cli::parse_layout(layout, level).value();
}

Shape shape_of(int level, const std::string &layout, std::uint32_t disks)
{
    Shape shape;
    shape.level = level;
    shape.layout = number_of(layout, level);
    shape.raid_disks = disks;
    shape.chunk_sectors = level == 1 || level == EMD_LEVEL_LINEAR ? 0 : kChunk;
    return shape;
}

struct Row {
    std::string title;
    std::vector<Shape> shapes{};
};

Row row(const char *title, int level, const std::vector<std::string> &layouts, const std::vector<std::uint32_t> &disks)
{
    Row r{title};
    for (const std::string &layout : layouts)
        for (const std::uint32_t n : disks)
            r.shapes.push_back(shape_of(level, layout, n));
    return r;
}

// As users of a format tell them apart.
const std::vector<Row> &format_rows()
{
    static const std::vector<Row> rows{
        row("linear", EMD_LEVEL_LINEAR, {""}, {2, 3}),
        row("RAID0", 0, {""}, {2, 3}),
        row("RAID1", 1, {""}, {2, 3}),
        row("RAID4", 4, {""}, {3, 4}),
        row("RAID5", 5, all_layouts(5), {3, 4}),
        row("RAID6", 6, all_layouts(6), {4, 5}),
        row("RAID10 of pairs (near 2, an even number of disks)", 10, {"n2"}, {4, 6}),
        row("RAID10 near, other", 10, {"n3"}, {6, 7}),
        row("RAID10 far, offset", 10, {"f2", "o2"}, {4, 5}),
    };
    return rows;
}

// As the code of levels tells them apart.
const std::vector<Row> &module_rows()
{
    static const std::vector<Row> rows{
        row("linear", EMD_LEVEL_LINEAR, {""}, {2, 3}),
        row("RAID0 of 1 disk", 0, {""}, {1}),
        row("RAID0 of 2 and more", 0, {""}, {2, 3, 4}),
        row("RAID1 of 2 disks", 1, {""}, {2}),
        row("RAID1 of 3 and more", 1, {""}, {3, 4}),
        row("RAID4 of 3 and more", 4, {""}, {3, 4}),
        row("RAID5 of 2 disks", 5, {"left-symmetric"}, {2}),
        row("RAID5, parity-last", 5, {"parity-last"}, {3, 4}),
        row("RAID5, other layouts", 5, {"left-symmetric", "left-asymmetric", "right-symmetric", "right-asymmetric", "parity-first"}, {3, 4}),
        row("RAID6, parity-last", 6, {"parity-last"}, {4, 5}),
        row("RAID6, *-6", 6, kRaid6QLast, {4, 5}),
        row("RAID6, other layouts", 6,
            std::vector<std::string>{"left-symmetric", "left-asymmetric", "right-symmetric", "right-asymmetric", "parity-first"} + kRaid6Ddf, {4, 5}),
        row("RAID10 of pairs", 10, {"n2"}, {4, 6}),
        row("RAID10 near, a multiple of the copies", 10, {"n3"}, {6, 9}),
        row("RAID10 near, no multiple of them", 10, {"n2", "n3"}, {5}),
        row("RAID10 far, offset", 10, {"f2", "o2", "f3", "o3"}, {4, 5}),
    };
    return rows;
}

const std::vector<Column> &columns()
{
    static const std::vector<Column> all{
        {"linear", EMD_LEVEL_LINEAR}, {"RAID0", 0}, {"RAID1", 1}, {"RAID4", 4}, {"RAID5", 5, all_layouts(5)},
        {"RAID6", 6, kRaid5Layouts + kRaid6Ddf}, {"RAID6, *-6", 6, kRaid6QLast},
        {"RAID10 near", 10, {"n2", "n3"}}, {"RAID10 far", 10, {"f2"}}, {"RAID10 offset", 10, {"o2"}},
    };
    return all;
}

// -- questions -----------------------------------------------------------------------------------------------------------

struct Count {
    const char *text;
    std::uint32_t (*of)(std::uint32_t);
};
constexpr Count kCounts[] = {
    {"N+1", [](std::uint32_t n) { return n + 1; }}, {"N-1", [](std::uint32_t n) { return n - 1; }},
    {"2N", [](std::uint32_t n) { return 2 * n; }},  {"N/2", [](std::uint32_t n) { return n / 2; }},
    {"N+2", [](std::uint32_t n) { return n + 2; }}, {"N-2", [](std::uint32_t n) { return n - 2; }},
};

struct Asked {
    plan::GrowRequest want{};
    std::string options{};

    void level(int level)
    {
        want.level = level;
        options += fmt::format(" --level={}", level == EMD_LEVEL_LINEAR ? "linear" : fmt::to_string(level));
    }
    void disks(const char *text, std::uint32_t number)
    {
        want.raid_disks = number;
        options += fmt::format(" --raid-devices={}", text);
    }
    void layout(const std::string &word, int level, const char *text = nullptr)
    {
        want.layout = number_of(word, level);
        options += fmt::format(" --layout={}", text ? text : word);
    }
    void chunk(const char *text, std::uint32_t sectors)
    {
        want.chunk_sectors = sectors;
        options += fmt::format(" --chunk={}", text);
    }
};

// Without what names the array of this table, with S for how far its data would have to move or how large it could be, and K for how many
// disks it would take.
const std::regex kArraySize("--array-size=([0-9]+)");

std::string reason_of(const Error &error)
{
    static const std::regex name("^(volume )?(vol0|md0): "), distance("by [0-9]+ sectors"), disks("--raid-devices=[0-9]+ or more");
    const std::string text = std::regex_replace(std::regex_replace(error.text(), name, ""), distance, "by S sectors");
    return std::regex_replace(std::regex_replace(text, disks, "--raid-devices=K or more"), kArraySize, "--array-size=S");
}

Answer answer(const Result<plan::Plan> &plan, const std::string &options)
{
    if (!plan)
        return {What::No, reason_of(plan.error())};
    const What what = plan::way_of(*plan) == plan::Way::Restripe ? What::Restripe : What::Takeover;
    return {what, fmt::format("`{}`", options.substr(1)), plan->facts};
}

// Made as small before as emdadm then says that it has to be. Error: that this does not help.
Result<plan::Plan> ask_smaller(const Lab &lab, const plan::GrowRequest &want)
{
    auto plan = lab.ask(want);
    std::smatch named;
    const std::string text = plan ? "" : plan.error().text();
    if (!std::regex_search(text, named, kArraySize))
        return fail(Errc::Refused, "{}", text);
    plan::Running running = lab.running();
    running.volumes[0].array_size = named[1];
    return lab.ask(want, running);
}

Answer smaller(const Result<plan::Plan> &plan, const std::string &options)
{
    Answer made = answer(plan, options);
    made.text += ", after `--array-size=S`";
    return made;
}

Answer ask(const Lab &lab, const Asked &asked)
{
    const auto plan = lab.ask(asked.want), less = plan ? plan : ask_smaller(lab, asked.want);
    return !plan && less ? smaller(less, asked.options) : answer(plan, asked.options);
}

// What is recorded first.
std::optional<Shape> target_of(const plan::Plan &plan)
{
    for (const plan::Step &step : plan.steps) {
        const auto *send = std::get_if<plan::Send>(&step.action);
        if (const auto *start = send ? std::get_if<change::ReshapeStarted>(&send->change) : nullptr)
            return start->target;
        if (const auto *takeover = send ? std::get_if<change::Takeover>(&send->change) : nullptr)
            return takeover->target;
    }
    return std::nullopt;
}

bool fits(const Column &column, const Shape &shape)
{
    if (shape.level != column.level)
        return false;
    return column.layouts.empty() ||
           std::ranges::any_of(column.layouts, [&](const std::string &word) { return number_of(word, column.level) == shape.layout; });
}

// With the fewest options first.
std::vector<Asked> ways_to_ask(const Column &column, std::uint32_t disks)
{
    std::vector<std::string> layouts = column.layouts;
    layouts.insert(layouts.begin(), "");
    std::vector<Asked> all;
    for (const std::string &layout : layouts)
        for (std::size_t count = 0; count <= std::size(kCounts); count++) {
            Asked asked;
            asked.level(column.level);
            if (count > 0 && kCounts[count - 1].of(disks) > 64)
                continue;
            if (count > 0)
                asked.disks(kCounts[count - 1].text, kCounts[count - 1].of(disks));
            if (!layout.empty())
                asked.layout(layout, column.level);
            all.push_back(asked);
        }
    return all;
}

struct OneStep {
    Answer answer;
    std::optional<plan::Plan> plan{};
};

OneStep in_one_step(const Lab &lab, const Column &column)
{
    std::optional<Answer> first;
    bool elsewhere = false;  // without a layout it would come out as another one: the reason is why not with one
    for (const Asked &asked : ways_to_ask(column, lab.volume().shape.raid_disks)) {
        if (elsewhere && !asked.want.layout)
            continue;
        const auto plan = lab.ask(asked.want);
        if (plan && fits(column, target_of(*plan).value()))
            return {answer(plan, asked.options), *plan};
        elsewhere |= plan.has_value();
        if (!plan && !first)
            first = answer(plan, asked.options);
    }
    return {first.value()};
}

// Where nothing else helps.
std::optional<Answer> smaller_in_one_step(const Lab &lab, const Column &column)
{
    for (const Asked &asked : ways_to_ask(column, lab.volume().shape.raid_disks))
        if (const auto plan = ask_smaller(lab, asked.want); plan && fits(column, target_of(*plan).value()))
            return smaller(plan, asked.options);
    return std::nullopt;
}

}  // namespace

Answer to_level(const Lab &lab, const Column &column)
{
    const OneStep direct = in_one_step(lab, column);
    if (direct.plan)
        return direct.answer;
    for (const Column &between : columns()) {
        const OneStep first = between.level == lab.volume().shape.level ? OneStep{} : in_one_step(lab, between);
        if (!first.plan)
            continue;
        const auto then = lab.after(*first.plan);
        const Answer second = then ? in_one_step(*then, column).answer : Answer{};
        if (second.what != What::No)
            return {What::TwoSteps, fmt::format("{}, then {}, where N is the number of disks that it has by then", first.answer.text, second.text)};
    }
    return smaller_in_one_step(lab, column).value_or(direct.answer);
}

namespace {

// -- a table -------------------------------------------------------------------------------------------------------------

// What stands below a table: the options that ask for it, and the reasons why not.
class Notes {
public:
    std::string cell(const Answer &a)
    {
        if (a.what == What::No)
            return fmt::format("no ({})", 1 + number(reasons_, a.text));
        const char *word = a.what == What::Takeover ? "takeover" : a.what == What::Restripe ? "restripe" : "2 steps";
        return fmt::format("**{}** ({:c})", word, static_cast<char>('a' + number(options_, a.text)));
    }
    // One cell for all samples of a row. Several that differ: all of them.
    std::string cell(const std::vector<Answer> &answers)
    {
        std::vector<std::string> different;
        for (const Answer &a : answers)
            if (const std::string text = cell(a); !std::ranges::count(different, text))
                different.push_back(text);
        return different.empty() ? "" : fmt::format("{}", fmt::join(different, " or "));
    }
    std::string below() const
    {
        std::string text;
        for (std::size_t i = 0; i < options_.size(); i++)
            text += fmt::format("- ({:c}) {}\n", static_cast<char>('a' + i), options_[i]);
        for (std::size_t i = 0; i < reasons_.size(); i++)
            text += fmt::format("- ({}) {}\n", i + 1, reasons_[i]);
        return text;
    }
    std::optional<std::string> only_reason() const
    {
        return options_.empty() && reasons_.size() == 1 ? std::optional(reasons_[0]) : std::nullopt;
    }

private:
    static std::size_t number(std::vector<std::string> &of, const std::string &text)
    {
        const auto at = std::ranges::find(of, text);
        const auto index = static_cast<std::size_t>(at - of.begin());
        if (at == of.end())
            of.push_back(text);
        return index;
    }
    std::vector<std::string> options_, reasons_;
};

std::string line(const std::vector<std::string> &cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); }

std::string head(const std::vector<std::string> &titles)
{
    return line(titles) + line(std::vector<std::string>(titles.size(), "---"));
}

std::string table(const std::vector<std::string> &lines, const std::vector<std::string> &titles, const Notes &notes)
{
    if (const auto reason = notes.only_reason())
        return fmt::format("Nothing of this is possible. emdadm says: {}\n", *reason);
    std::string text = head(titles);
    for (const std::string &each : lines)
        text += each;
    return text + "\n" + notes.below();
}

// -- a format ------------------------------------------------------------------------------------------------------------

struct Sample {
    Row row;
    std::vector<Lab> labs{};
};

std::vector<Sample> samples(Kind kind)
{
    std::vector<Sample> all;
    for (const Row &row : format_rows()) {
        Sample sample{row};
        for (const Shape &shape : row.shapes)
            if (auto lab = Lab::make({.kind = kind, .shape = shape, .spares = kSpares}))
                sample.labs.push_back(std::move(*lab));
        if (!sample.labs.empty())
            all.push_back(std::move(sample));
    }
    return all;
}

// Of the first array that takes these options.
struct Cost {
    std::string options;
    std::vector<std::string> facts;
};

void note_cost(std::vector<Cost> &costs, const Answer &a)
{
    if (a.what == What::Restripe && std::ranges::find(costs, a.text, &Cost::options) == costs.end())
        costs.push_back({a.text, a.facts});
}

// A row for each sample and a column for each of `columns`: what `ask` says about its arrays. Where it says nothing the cell is `nothing`.
template <typename C>
std::string ask_all(const std::vector<Sample> &all, const char *corner, const std::vector<C> &columns, const char *nothing, std::vector<Cost> &costs,
                    const std::function<std::vector<Answer>(const Sample &, const C &)> &ask)
{
    Notes notes;
    std::vector<std::string> titles{corner}, lines;
    for (const C &column : columns)
        titles.push_back(column.title);
    for (const Sample &sample : all) {
        std::vector<std::string> cells{sample.row.title};
        for (const C &column : columns) {
            const std::vector<Answer> answers = ask(sample, column);
            if (!answers.empty())
                note_cost(costs, answers.front());
            cells.push_back(answers.empty() ? nothing : notes.cell(answers));
        }
        lines.push_back(line(cells));
    }
    return table(lines, titles, notes);
}

std::string level_table(const std::vector<Sample> &all, std::vector<Cost> &costs)
{
    return ask_all<Column>(all, "from \\ to", columns(), "below", costs, [](const Sample &sample, const Column &column) {
        std::vector<Answer> answers;
        for (const Lab &lab : sample.labs)
            if (lab.volume().shape.level != column.level)
                answers.push_back(to_level(lab, column));
        return answers;
    });
}

std::uint32_t copies_of(const Shape &shape) { return shape.level == 10 ? (shape.layout & 0xff) * (shape.layout >> 8 & 0xff) : 1; }

// The layouts that it does not have.
std::vector<std::string> other_layouts(const Shape &shape)
{
    std::vector<std::string> others = all_layouts(shape.level);
    std::erase_if(others, [&](const std::string &word) { return word.empty() || number_of(word, shape.level) == shape.layout; });
    return others;
}

struct Within {
    const char *title;
    std::function<std::vector<Asked>(const Shape &)> asked;
};

void ask_more(Asked &asked, const Shape &s)
{
    const std::uint32_t step = copies_of(s);
    asked.disks(step == 1 ? "N+1" : "M", s.raid_disks + step);
}

std::vector<Asked> with_chunk(const Shape &s, std::uint32_t sectors)
{
    Asked asked;
    asked.chunk("C", sectors);
    return s.chunk_sectors ? std::vector{asked} : std::vector<Asked>();
}

std::vector<Asked> with_layouts(const Shape &s, const std::function<void(Asked &)> &more)
{
    std::vector<Asked> all;
    for (const std::string &word : other_layouts(s)) {
        Asked asked;
        more(asked);
        asked.layout(word, s.level, "L");
        all.push_back(asked);
    }
    return all;
}

const std::vector<Within> &withins()
{
    static const std::vector<Within> all{
        {"more disks", [](const Shape &s) { Asked a; ask_more(a, s); return std::vector{a}; }},
        {"fewer disks", [](const Shape &s) {
             Asked a;
             a.disks("N-1", s.raid_disks - copies_of(s));
             return std::vector{a};
         }},
        {"a larger chunk", [](const Shape &s) { return with_chunk(s, 2 * kChunk); }},
        {"a smaller chunk", [](const Shape &s) { return with_chunk(s, kChunk / 2); }},
        {"another layout", [](const Shape &s) { return with_layouts(s, [](Asked &) {}); }},
        {"more disks and a larger chunk", [](const Shape &s) {
             Asked a;
             ask_more(a, s);
             a.chunk("C", 2 * kChunk);
             return s.chunk_sectors ? std::vector{a} : std::vector<Asked>();
         }},
        {"more disks and another layout", [](const Shape &s) { return with_layouts(s, [&s](Asked &a) { ask_more(a, s); }); }},
        {"a larger chunk and another layout", [](const Shape &s) { return with_layouts(s, [](Asked &a) { a.chunk("C", 2 * kChunk); }); }},
    };
    return all;
}

std::string within_table(const std::vector<Sample> &all, std::vector<Cost> &costs)
{
    return ask_all<Within>(all, "within", withins(), "", costs, [](const Sample &sample, const Within &within) {
        std::vector<Answer> answers;
        for (const Lab &lab : sample.labs)
            for (const Asked &asked : within.asked(lab.volume().shape))
                answers.push_back(ask(lab, asked));
        return answers;
    });
}

std::string value_of(const std::vector<std::string> &facts, std::string_view name)
{
    for (const std::string &fact : facts)
        if (fact.starts_with(name))
            return fact.substr(name.size());
    return "";
}

std::string cost_table(const std::vector<Cost> &costs)
{
    std::string text = head({"options", "example", "to be moved", "to be backed up"});
    for (const Cost &cost : costs)
        text += line({cost.options, value_of(cost.facts, "volume vol0: "), value_of(cost.facts, "to be moved: "), value_of(cost.facts, "to be backed up: ")});
    return text;
}

// -- what stands in the way of an array that could be reshaped -----------------------------------------------------------

struct Obstacle {
    std::string what;
    Answer answer;
};

Answer more_disks(const Lab &lab, const plan::Running &running, std::optional<unsigned> volume = {})
{
    plan::GrowRequest want;
    want.volume = volume;
    want.raid_disks = lab.volume().shape.raid_disks + 1;
    return answer(lab.ask(want, running), " --raid-devices=N+1");
}

std::vector<Obstacle> obstacles(Kind kind)
{
    Wanted want{.kind = kind, .shape = shape_of(5, kind == Kind::Imsm ? "left-asymmetric" : "left-symmetric", 3), .spares = 1};
    const Lab lab = Lab::make(want).value();
    std::vector<Obstacle> all;
    const auto when = [&](const char *what, const std::function<void(plan::RunningVolume &)> &change) {
        plan::Running running = lab.running();
        change(running.volumes[0]);
        all.push_back({what, more_disks(lab, running)});
    };
    when("a member is missing", [](plan::RunningVolume &v) { v.degraded = 1; });
    when("a resync, rebuild or check is under way", [](plan::RunningVolume &v) { v.action = "resync"; });
    when("it is read-only", [](plan::RunningVolume &v) { v.state = "readonly"; });
    when("somebody has frozen it", [](plan::RunningVolume &v) { v.action = "frozen"; });
    all.push_back({"it does not run", more_disks(lab, {"emd127", {}})});
    for (const unsigned kib : {2, 48, 2048}) {
        plan::GrowRequest chunk;
        chunk.chunk_sectors = 2 * kib;
        all.push_back({fmt::format("a chunk of {}K is asked for", kib), answer(lab.ask(chunk), " --chunk=C")});
    }
    want.spares = 0;
    const Lab without = Lab::make(want).value();
    all.push_back({"there are too few spares", more_disks(without, without.running())});
    want.spares = 1;
    if (kind == Kind::Imsm) {
        want.volumes = 2;
        const Lab two = Lab::make(want).value();
        all.push_back({"the container has two volumes, and is named for more disks of both", more_disks(two, two.running())});
        all.push_back({"the container has two volumes, and one of them is named for more disks", more_disks(two, two.running(), 0)});
        want.shape = shape_of(0, "", 2);
        plan::GrowRequest level;
        level.volume = 0;
        level.level = 10;
        const Lab pair = Lab::make(want).value();
        all.push_back({"the container has two volumes, and one of them, a RAID0, is to become RAID10", answer(pair.ask(level), " --level=10")});
        level.level = 5;
        all.push_back({"the container has two volumes, and one of them, a RAID0, is to become RAID5", answer(pair.ask(level), " --level=5")});
    } else {
        want.bitmap = true;
        const Lab bitmap = Lab::make(want).value();
        all.push_back({"it has a bitmap", more_disks(bitmap, bitmap.running())});
        want.bitmap = false;
        want.parity_log = true;
        const Lab log = Lab::make(want).value();
        all.push_back({"it has a partial parity log", more_disks(log, log.running())});
    }
    return all;
}

std::string obstacle_table(Kind kind)
{
    std::string text = head({"when", "emdadm says"});
    for (const Obstacle &o : obstacles(kind))
        text += line({o.what, o.answer.what == What::No ? o.answer.text : "nothing: it is done"});
    return text;
}

struct Section {
    Kind kind;
    const char *title, *about;
    bool reshapes;
};

constexpr Section kSections[] = {
    {Kind::Imsm, "IMSM", "The target, the position and a copy of what is being moved are recorded on the disks: no backup file is needed.", true},
    {Kind::Md12, "md 1.2 and 1.1", "Nothing is copied: the data of all members move into free room in front of them, which mdadm and EMD leave there when they make an "
                         "array (decision 14).", true},
    {Kind::Md10, "md 1.0", "The data begin at the first sector of the disks: there is no room in front of them.", false},
    {Kind::Md090, "md 0.90", "As 1.0; EMD runs such arrays and makes none.", false},
    {Kind::Ddf, "DDF", "The format's standard has a flag for a volume that is being reshaped, and no place for how far it is.", false},
};

// `said`: each table of levels, and which section has it.
std::string format_section(const Section &section, std::map<std::string, std::string> &said)
{
    std::vector<Cost> costs;
    const auto all = samples(section.kind);
    const std::string levels = level_table(all, costs), within = within_table(all, costs);
    const auto [like, fresh] = said.emplace(levels, section.title);
    std::string text = fmt::format("\n## {}\n\n{}\n", section.title, section.about);
    if (levels == within)
        return text + "\n" + levels;
    text += "\n### To another level\n\n" + (fresh ? levels : fmt::format("All is as with {}.\n", like->second));
    text += "\n### Within a level\n\n" + within;
    if (!costs.empty())
        text += "\n### What it costs\n\n" + cost_table(costs);
    if (section.reshapes)
        text += "\n### What stands in the way\n\n" + obstacle_table(section.kind);
    return text;
}

// -- the module ----------------------------------------------------------------------------------------------------------

emd_geometry geometry(const Shape &shape)
{
    Shape with = shape;
    with.component_sectors = 1 << 20;
    return geometry_of(with);
}

std::string relation(std::uint32_t from, std::uint32_t to)
{
    if (to == from)
        return "N";
    if (to == 1)
        return "1";
    for (const Count &count : kCounts)
        if (count.of(from) == to)
            return count.text;
    return fmt::to_string(to);
}

// May the module move the data from one to the other? With a backup, or a change of where the data begin, of whoever drives it.
Answer moved(const emd_geometry &from, const emd_geometry &to)
{
    emd_reshape_plan plan;
    const char *why = "";
    if (emd_geometry_validate(&to, &why) || emd_reshape_plan_init(&plan, &from, &to, 0, -1, &why))
        return {What::No, why};
    return {What::Restripe, "data are moved"};
}

Answer module_to(const Shape &shape, const Column &column)
{
    const emd_geometry from = geometry(shape);
    emd_geometry taken;
    const char *why = "";
    if (shape.level != column.level && !emd_takeover_geometry(&from, column.level, &taken, &why)) {
        Shape to = shape;
        to.level = taken.level;
        to.layout = taken.layout;
        if (column.layouts.empty() || fits(column, to))
            return {What::Takeover, relation(shape.raid_disks, taken.raid_disks)};
    }
    std::optional<Answer> first;
    const std::vector<std::string> none{""};
    for (const std::string &layout : column.layouts.empty() ? none : column.layouts)
        for (const std::uint32_t n : {6u, 4u, 9u}) {
            const Answer a = moved(from, geometry(shape_of(column.level, layout, n)));
            if (a.what == What::Restripe)
                return a;
            first = first.value_or(a);
        }
    return *first;
}

std::string module_section()
{
    std::vector<std::string> reasons;
    const auto cell = [&](const std::vector<Answer> &answers) {
        std::vector<std::string> different;
        for (const Answer &a : answers) {
            std::string text = a.what == What::Restripe ? "**restripe**" : fmt::format("**takeover**, {} disk{}", a.text, a.text == "1" ? "" : "s");
            if (a.what == What::No) {
                if (!std::ranges::count(reasons, a.text))
                    reasons.push_back(a.text);
                text = fmt::format("no ({})", std::ranges::find(reasons, a.text) - reasons.begin() + 1);
            }
            if (!std::ranges::count(different, text))
                different.push_back(text);
        }
        return fmt::format("{}", fmt::join(different, " or "));
    };
    std::vector<std::string> titles{"from N disks \\ to"};
    for (const Column &column : columns())
        titles.push_back(column.title);
    for (const char *title : {"more or fewer disks", "another chunk", "another layout of RAID5 or 6"})
        titles.push_back(title);
    std::string text = head(titles);
    for (const Row &row : module_rows()) {
        std::vector<std::string> cells{row.title};
        for (const Column &column : columns()) {
            std::vector<Answer> answers;
            for (const Shape &shape : row.shapes)
                if (!fits(column, shape))
                    answers.push_back(module_to(shape, column));
            cells.push_back(answers.empty() ? "" : cell(answers));
        }
        std::vector<Answer> disks, chunk, layout;
        for (const Shape &shape : row.shapes) {
            Shape more = shape, other = shape;
            more.raid_disks += copies_of(shape);
            disks.push_back(moved(geometry(shape), geometry(more)));
            other.chunk_sectors *= 2;
            if (shape.chunk_sectors)
                chunk.push_back(moved(geometry(shape), geometry(other)));
            for (const std::string &word : other_layouts(shape)) {
                Shape to = shape;
                to.layout = number_of(word, shape.level);
                if (shape.level != 10)
                    layout.push_back(moved(geometry(shape), geometry(to)));
            }
        }
        cells.push_back(cell(disks));
        cells.push_back(cell(chunk));
        cells.push_back(cell(layout));
        text += line(cells);
    }
    text += "\n";
    for (std::size_t i = 0; i < reasons.size(); i++)
        text += fmt::format("- ({}) {}\n", i + 1, reasons[i]);
    return text;
}

constexpr std::string_view kHead = R"(<!-- Made by `make docs` from what the code decides: edit tests/golden/migration_table.cc, not this file. -->
# Which shape can become which

What `emdadm --grow` makes of an array that is whole and at rest. The tables are no promise by hand: a test asks the function that emdadm
asks, `plan_grow()` in `tools/libemd/plan/grow.cc`, about arrays of each kind of metadata, and fails while this file says anything else.
`emdadm --grow ... --dry-run` asks it about an array of yours.

- **takeover**: the data stay where they are; the level changes at once.
- **restripe**: the data are moved, online; a power cut costs nothing, and it goes on afterwards.
- **2 steps**: two commands, one after the other.
- no: refused, for the reason below the table, in emdadm's words.

N is the number of disks of the array, M another number, C another chunk, L another layout and S a size that emdadm names. Letters lead to the
options, numbers to the reasons. A row that is missing is a shape that the format does not have. Examples are of disks of 1 GiB and chunks of 64K.
)";

constexpr std::string_view kModule = R"(
## The module by itself

What the geometry of `emd.ko` allows, whatever the metadata: for a format to come, and for those who write to sysfs by hand. Nothing
records it then, and the backup is theirs: a power cut during a restripe loses the array. To fewer disks, or where the size gets smaller,
`array_size` has to be reduced first. A takeover is a store to `md/level`; its cell says how many disks the array has afterwards.

)";

}  // namespace

std::string render()
{
    std::string text(kHead);
    std::map<std::string, std::string> said;
    for (const Section &section : kSections)
        text += format_section(section, said);
    text += fmt::format("\n## No metadata (`--build`)\n\nNothing of this is possible. emdadm says: {}\n", plan::unrecorded("/dev/emd/NAME").text());
    text += kModule;
    text += module_section();
    return text;
}

}  // namespace emd::migrations
