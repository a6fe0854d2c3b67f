// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/engine.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::reshape {
namespace {

// Does this section's backup count after a power cut?
bool valid(const Terms &t, const Section &s)
{
    return s.stage == Stage::Recorded || (!t.recorded && s.stage == Stage::Saved);
}

bool quiescing(const Facts &f)
{
    return f.stop || f.paused;
}

// May the slot be overwritten: is every other backup in it behind the checkpoint?
bool slot_free(const Facts &f, unsigned slot, const Section *except)
{
    for (const auto &s : f.sections)
        if (s && &*s != except && s->slot == slot && s->stage != Stage::Read && s->range.end > f.durable)
            return false;
    return true;
}

std::optional<Command> release(const Facts &f)
{
    if (f.tail < f.durable && f.tail < f.front)
        return Command{.verb = Verb::Release, .to = f.durable};
    return std::nullopt;
}

// Carry prepared sections on to where they protect something.
std::optional<Command> secure(const Terms &t, const Facts &f)
{
    for (const auto &s : f.sections) {
        if (!s || valid(t, *s))
            continue;
        if (s->stage == Stage::Unsure)  // must be settled, even when everything shall stop
            return Command{.verb = Verb::Record, .range = s->range, .slot = s->slot};
        if (quiescing(f))
            return std::nullopt;
        if (s->stage == Stage::Read && slot_free(f, s->slot, &*s))
            return Command{.verb = Verb::Save, .range = s->range, .slot = s->slot};
        if (s->stage == Stage::Saved && s->range.begin == f.durable)
            return Command{.verb = Verb::Record, .range = s->range, .slot = s->slot};
        return std::nullopt;
    }
    return std::nullopt;
}

// Without backup. The window is raised when half of it is used up, so that the kernel never stands still.
std::optional<std::uint64_t> open_window(const Terms &t, const Facts &f)
{
    const std::uint64_t to = t.floor(std::min(t.safe(f.durable), f.durable + t.window));
    const std::uint64_t ahead = f.limit - std::min(f.limit, std::max(f.published, f.durable));
    if (quiescing(f) || to <= f.limit || ahead > t.window / 2)
        return std::nullopt;
    return to;
}

std::optional<Command> advance(const Terms &t, const Facts &f)
{
    const std::uint64_t cover = covered(t, f);
    if (cover > f.limit)
        return Command{.verb = Verb::Advance, .to = cover};
    const auto to = open_window(t, f);
    if (!to)
        return std::nullopt;
    if (!t.gate && f.front < *to)  // on a kernel without the gate, what may be moved must be suspended
        return f.tail < f.durable ? Command{.verb = Verb::Release, .to = f.durable}
                                  : Command{.verb = Verb::Suspend, .to = *to};
    return Command{.verb = Verb::Advance, .to = *to};
}

std::optional<Command> prepare(const Terms &t, const Facts &f)
{
    if (quiescing(f) || f.sections.back())
        return std::nullopt;
    const Section *last = f.last_section();
    const std::uint64_t begin = std::max({f.limit, f.durable, last ? last->range.end : 0});
    if (!t.critical(begin))
        return std::nullopt;
    const Range range{begin, t.section_end(begin)};
    if (f.front < range.end)
        return f.tail < f.durable ? Command{.verb = Verb::Release, .to = f.durable}
                                  : Command{.verb = Verb::Suspend, .to = range.end};
    const unsigned slot = t.slots > 1 && last ? 1 - last->slot : 0;
    return Command{.verb = Verb::Read, .range = range, .slot = slot};
}

// Is an answer of the monitor worth the trouble?
bool sync_due(const Terms &t, const Facts &f)
{
    const std::uint64_t expected = t.floor(f.published);
    if (expected <= f.durable)
        return false;
    if (f.published >= f.limit)
        return true;
    if (f.sections.front() && expected >= f.sections.front()->range.end)
        return true;
    return expected - f.durable >= (f.limit - f.durable) / 2;
}

// Everything that was permitted has been done and recorded: leave nothing suspended.
std::optional<Command> settle(const Facts &f)
{
    if (!quiescing(f) || f.durable < f.limit)
        return std::nullopt;
    if (f.front > f.tail || f.sections.front())
        return Command{.verb = Verb::GiveUp, .to = f.limit};
    return Command{.verb = f.stop ? Verb::Return : Verb::Pause};
}

}  // namespace

const Section *Facts::last_section() const
{
    const Section *last = nullptr;
    for (const auto &s : sections)
        if (s)
            last = &*s;
    return last;
}

std::uint64_t covered(const Terms &t, const Facts &f)
{
    std::uint64_t end = f.durable;
    for (const auto &s : f.sections)
        if (s && valid(t, *s) && s->range.begin <= end)
            end = std::max(end, s->range.end);
    return end;
}

Command next(const Terms &t, const Facts &f)
{
    if (f.ended)
        return Command{.verb = Verb::Finish};
    if (const auto c = release(f))
        return *c;
    if (const auto c = secure(t, f))
        return *c;
    if (const auto c = advance(t, f))
        return *c;
    if (sync_due(t, f))
        return Command{.verb = Verb::Sync};
    if (const auto c = prepare(t, f))
        return *c;
    if (const auto c = settle(f))
        return *c;
    return Command{.verb = Verb::Wait};
}

namespace {

const Section *find(const Facts &f, const Command &c)
{
    for (const auto &s : f.sections)
        if (s && s->range == c.range && s->slot == c.slot)
            return &*s;
    return nullptr;
}

bool suspended(const Facts &f, Range r)
{
    return f.tail <= r.begin && r.end <= f.front;
}

const char *forbidden_advance(const Terms &t, const Facts &f, const Command &c)
{
    if (c.to <= f.limit)
        return "M only moves forward";
    if (!t.boundary(c.to) || c.to > t.total())
        return "M must be a boundary";
    const bool backed_up = c.to <= covered(t, f);
    if (!backed_up && c.to > t.safe(f.durable))
        return "[D, M) is neither in a durable backup nor behind Psafe(D)";
    if ((backed_up || !t.gate) && (f.front < c.to || f.tail > f.durable))
        return "[D, M) must be suspended";
    return nullptr;
}

const char *forbidden_read(const Terms &t, const Facts &f, const Command &c)
{
    if (!suspended(f, c.range))
        return "a range is read for backup only while it is suspended";
    if (c.range.begin < f.limit)
        return "the kernel may be moving this range already";
    if (!t.boundary(c.range.begin) && c.range.begin != f.durable)
        return "a backup begins at a boundary";
    if (!t.boundary(c.range.end) || c.range.size() == 0)
        return "a backup ends at a boundary";
    if (f.sections.back())
        return "at most two sections are in work";
    const Section *last = f.last_section();
    if (c.range.begin != std::max({f.limit, f.durable, last ? last->range.end : 0}))
        return "sections have no gaps";
    return c.slot >= t.slots ? "no such slot" : nullptr;
}

const char *forbidden_save(const Facts &f, const Command &c)
{
    const Section *s = find(f, c);
    if (!s || s->stage != Stage::Read)
        return "nothing has been read for this slot";
    if (!slot_free(f, c.slot, s))
        return "the slot holds a backup that is still needed";
    return suspended(f, c.range) && c.range.begin >= f.limit ? nullptr : "the range is not suspended any more";
}

const char *forbidden_record(const Facts &f, const Command &c)
{
    const Section *s = find(f, c);
    if (!s || (s->stage != Stage::Saved && s->stage != Stage::Unsure))
        return "the backup is not complete in its slot";
    if (c.range.begin != f.durable)
        return "the record names the backup at the checkpoint, no other";
    return suspended(f, c.range) ? nullptr : "the range is not suspended any more";
}

const char *forbidden_give_up(const Terms &t, const Facts &f, const Command &c)
{
    if (f.durable != f.limit || c.to != f.limit)
        return "H goes down only when M = pos = D, and only to M";
    for (const auto &s : f.sections)
        if (s && (valid(t, *s) || s->stage == Stage::Unsure) && s->range.end > f.durable)
            return "a valid backup would outlive the suspension of its range";
    return nullptr;
}

}  // namespace

const char *forbidden(const Terms &t, const Facts &f, const Command &c)
{
    switch (c.verb) {
    case Verb::Suspend:
        if (c.to <= f.front)
            return "H only moves forward while the kernel works";
        return t.boundary(c.to) ? nullptr : "H must be a boundary";
    case Verb::Release:
        if (c.to <= f.tail)
            return "L only moves forward";
        return c.to > f.durable ? "L follows only what the monitor has confirmed" : nullptr;
    case Verb::GiveUp: return forbidden_give_up(t, f, c);
    case Verb::Read: return forbidden_read(t, f, c);
    case Verb::Save: return forbidden_save(f, c);
    case Verb::Record: return forbidden_record(f, c);
    case Verb::Advance: return forbidden_advance(t, f, c);
    case Verb::Finish: return f.ended ? nullptr : "the kernel has not left the reshape";
    case Verb::Return:
    case Verb::Pause:
        return f.tail < f.front ? "writes are still suspended" : nullptr;
    case Verb::Sync:
    case Verb::Wait: return nullptr;
    }
    return "no such command";
}

namespace {

void set_stage(Facts &f, const Command &c, Stage stage)
{
    for (auto &s : f.sections)
        if (s && s->range == c.range && s->slot == c.slot)
            s->stage = stage;
}

void add_section(Facts &f, const Command &c)
{
    auto &place = f.sections[0] ? f.sections[1] : f.sections[0];
    place = Section{c.range, c.slot, Stage::Read};
}

}  // namespace

void done(const Terms &, Facts &f, const Command &c)
{
    switch (c.verb) {
    case Verb::Suspend: f.front = c.to; break;
    case Verb::Release: f.tail = c.to; break;
    case Verb::GiveUp:
        f.tail = f.front = c.to;
        f.sections = {};
        break;
    case Verb::Read: add_section(f, c); break;
    case Verb::Save: set_stage(f, c, Stage::Saved); break;
    case Verb::Record: set_stage(f, c, Stage::Recorded); break;
    case Verb::Advance: f.limit = c.to; break;
    case Verb::Pause: f.paused = false; break;
    case Verb::Finish:
    case Verb::Sync:
    case Verb::Wait:
    case Verb::Return: break;
    }
}

void failed(const Terms &, Facts &f, const Command &c)
{
    // A slot that was not written completely stays what it was: read, not saved. An answer that did not come may
    // still have been carried out.
    if (c.verb == Verb::Record)
        set_stage(f, c, Stage::Unsure);
    if (c.verb == Verb::Read || c.verb == Verb::Save)
        f.paused = true;
}

void durable(const Terms &, Facts &f, std::uint64_t position)
{
    f.durable = std::max(f.durable, position);
    for (auto &s : f.sections)
        if (s && s->range.end <= f.durable)
            s.reset();
    if (!f.sections[0])
        std::swap(f.sections[0], f.sections[1]);
}

const char *to_word(Verb verb)
{
    static constexpr const char *kWords[] = {"suspend", "release", "give-up", "read",   "save",  "record",
                                             "advance", "sync",    "wait",    "pause",  "finish", "return"};
    return kWords[static_cast<unsigned>(verb)];
}

std::string to_string(const Command &c)
{
    switch (c.verb) {
    case Verb::Suspend:
    case Verb::Release:
    case Verb::GiveUp:
    case Verb::Advance: return fmt::format("{} {}", to_word(c.verb), c.to);
    case Verb::Read:
    case Verb::Save:
    case Verb::Record: return fmt::format("{} [{}, {}) slot {}", to_word(c.verb), c.range.begin, c.range.end, c.slot);
    default: return to_word(c.verb);
    }
}

}  // namespace emd::reshape
