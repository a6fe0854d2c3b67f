// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include "recovery.h"

#include <algorithm>
#include <stdexcept>

namespace emd::model {

using reshape::Command;
using reshape::Facts;
using reshape::Section;
using reshape::Stage;
using reshape::Terms;
using reshape::Verb;

// The manager's view of the data: reads the array in pieces, so that the world moves on between them.
class ModelReader final : public reshape::ArrayReader {
public:
    explicit ModelReader(World &world) : world_(&world) {}
    Result<> read(std::uint64_t sector, std::span<std::byte> out) override
    {
        for (std::uint64_t done = 0, all = out.size() / 512; done < all; done += kPiece) {
            Fiber::yield();
            const std::uint64_t n = std::min(kPiece, all - done);
            std::ranges::copy(world_->array_->read(sector + done, n),
                              out.begin() + static_cast<std::ptrdiff_t>(done * 512));
        }
        return {};
    }

private:
    static constexpr std::uint64_t kPiece = 8;
    World *world_;
};

class ModelWriter final : public reshape::MemberWriter {
public:
    explicit ModelWriter(World &world) : world_(&world) {}
    Result<std::vector<unsigned>> live() override
    {
        std::vector<unsigned> slots;
        for (unsigned i = 0; i < world_->scenario_.to.raid_disks; i++)
            slots.push_back(i);
        return slots;
    }
    Result<> write_and_flush(std::span<const reshape::MemberWrite> writes) override
    {
        for (const reshape::MemberWrite &w : writes) {
            Fiber::yield();
            if (world_->scenario_.faults && world_->chance(60))
                return fail(Errc::NoSpace, "the backup place is full");
            world_->disks_[w.slot].write(w.sector, w.data);
        }
        for (const reshape::MemberWrite &w : writes) {
            Fiber::yield();
            if (world_->scenario_.mutant != Mutant::CopyNotFlushed)
                world_->disks_[w.slot].flush();
        }
        return {};
    }

private:
    World *world_;
};

namespace {

// The manager with a planted fault. What forbidden() says is ignored: the damage is to be found on the disks.
class BrokenExecutor final : public reshape::Executor {
public:
    BrokenExecutor(Mutant mutant, bool broken, reshape::Job &job, const Terms &terms, reshape::ArrayReader &reader,
                   reshape::BackupPlace &place)
        : Executor(job, terms, reader, place), mutant_(mutant), broken_(broken)
    {
    }

protected:
    const char *veto(const Terms &terms, const Facts &facts, const Command &command) override
    {
        return !broken_ ? forbidden(terms, facts, command) : nullptr;
    }

    Command decide(const Terms &t, const Facts &real) override
    {
        const Command right = next(t, real);
        Facts f = real;
        switch (mutant_) {
        case Mutant::AdvanceBeforeBackup:
            if (right.verb == Verb::Save && right.range.end > f.limit)
                return {.verb = Verb::Advance, .to = right.range.end};
            return right;
        case Mutant::SuspendAfterCopy:
            if (right.verb == Verb::Suspend && t.critical(f.limit) && !f.sections[0])
                return {.verb = Verb::Read, .range = {f.limit, right.to}};
            if (right.verb == Verb::Save && f.front < right.range.end)
                return {.verb = Verb::Suspend, .to = right.range.end};
            return right;
        case Mutant::ReleaseOnPublished:
            if (f.tail < std::min(f.front, t.floor(f.published)))
                return {.verb = Verb::Release, .to = std::min(f.front, t.floor(f.published))};
            return right;
        case Mutant::ReuseSlotOnPublished:
            if (f.sections[0] && f.sections[1] && f.sections[1]->stage == Stage::Read &&
                t.floor(f.published) >= f.sections[0]->range.end)
                return {.verb = Verb::Save, .range = f.sections[1]->range};
            return right;
        case Mutant::WindowTooFar:
            if (right.verb == Verb::Advance && right.to == t.floor(t.safe(f.durable)) && right.to < t.total())
                return {.verb = Verb::Advance, .to = t.next(right.to)};
            return right;
        case Mutant::RecordBeforeCopy:
            if (right.verb == Verb::Save && right.range.begin == f.durable && !recorded_) {
                recorded_ = true;
                return {.verb = Verb::Record, .range = {right.range.begin, right.range.begin}};
            }
            recorded_ = recorded_ && right.verb != Verb::Advance;
            return right;
        default: return right;
        }
    }

private:
    Mutant mutant_;
    bool broken_;
    bool recorded_ = false;
};

}  // namespace

World::World(const Scenario &scenario, std::uint64_t seed)
    : scenario_(scenario), rng_(seed), disks_(scenario), ledger_(scenario.visible), issued_(scenario.visible),
      kernel_({&Fiber::yield, &Fiber::yield})
{
    emd_reshape_plan plan;
    const char *why = "";
    if (emd_reshape_plan_init(&plan, &scenario_.from, &scenario_.to, 0, scenario_.backward, &why) != 0)
        throw std::runtime_error(why);
    // Every sector has version 0, and parity is right.
    std::vector<FakeArray::Member> members;
    for (std::size_t i = 0; i < disks_.count(); i++)
        members.push_back({&disks_[i], Disks::kDataOffset});
    FakeArray array(scenario_.from, members, scenario_.visible);
    std::vector<std::byte> content(512);
    for (std::uint64_t x = 0; x < scenario_.visible; x++) {
        Ledger::fill(x, 0, content);
        array.complete_write(*array.begin_write(x, x + 1), content);
    }
    const Record start{emd_reshape_start(&plan), false, false};
    for (int copy = 0; copy < Disks::kCopies; copy++)
        disks_.write_record(copy, start);
    disks_.flush_all();
    boot(start);
}

World::~World() = default;

// What assembly does: the kernel gets old and new geometry and the position, the gate is armed, nothing may move.
void World::boot(const Record &record)
{
    kernel_.clear();
    mailbox_.clear();
    users_.clear();
    stop_ = false;
    std::vector<FakeArray::Member> members;
    for (std::size_t i = 0; i < disks_.count(); i++)
        members.push_back({&disks_[i], Disks::kDataOffset});
    array_ = &kernel_.add("emd0", FakeArray(record.finished ? scenario_.to : scenario_.from, members, scenario_.visible));
    array_->bugs = scenario_.kernel_bugs;
    durable_ = record.position;
    if (!record.finished) {
        emd_reshape_plan plan;
        emd_reshape_plan_init(&plan, &scenario_.from, &scenario_.to, 0, scenario_.backward, nullptr);
        array_->set_reshape(scenario_.to, plan, record.position);
        array_->set_limit(emd_reshape_to_member(&plan, record.position));
        if (scenario_.gate)
            array_->set_acked(record.position);
        array_->running = true;
    }
    start_monitor();
    start_manager();
}

void World::start_monitor()
{
    monitor_.reset();
    daemon_ = std::make_unique<MonitorDaemon>(scenario_, disks_, *array_, mailbox_);
    monitor_ = std::make_unique<Fiber>([this] { daemon_->run(); });
}

void World::start_manager()
{
    manager_.reset();
    stop_ = false;
    manager_ = std::make_unique<Fiber>([this] { manage(); });
}

void World::manage()
{
    MonitorClient monitor(mailbox_);
    static_cast<void>(monitor.sync(0));  // what a predecessor has sent is on the disks after this
    int copy = 0;
    if (disks_.record(0).finished || disks_.record(1).finished) {
        const Result<> tidied = reshape::release_leftovers(Array(kernel_, "emd0"));
        if (!tidied)
            throw std::runtime_error(tidied.error().text());
        return;
    }
    if (disks_.record(0) != disks_.record(1))
        copy = progress(disks_.record(1).position) > progress(disks_.record(0).position) ? 1 : 0;
    reshape::Job job{Array(kernel_, "emd0"), &monitor, 0, disks_.container(scenario_, copy), {}, &stop_};
    const auto terms = reshape::make_terms(job.container.volumes[0], scenario_.gate, scenario_.window);
    if (!terms)
        throw std::runtime_error(terms.error().text());
    if (scenario_.mutant == Mutant::NewManagerForgetsSuspension && array_->reshaping()) {
        array_->set_suspend(true, 0);
        array_->set_suspend(false, 0);
    }
    ModelReader reader(*this);
    ModelWriter writer(*this);
    reshape::CopyArea area(scenario_.mutant == Mutant::LayoutOfTheSource ? scenario_.from : scenario_.to,
                           disks_.copy_area(), disks_.copy_sectors(), writer);
    BrokenExecutor executor(scenario_.mutant, scenario_.broken(), job, *terms, reader, area);
    const Result<> result = executor.drive();
    if (!result)
        throw std::runtime_error("the manager gave up: " + result.error().text());
}

bool World::finished() const
{
    return !array_->reshaping() && manager_->finished() && disks_.record(0).finished && disks_.record(1).finished;
}

void World::turn()
{
    switch (rng_() % 10) {
    case 0:
    case 1:
        if (array_->can_move())
            array_->move();
        break;
    case 2:
        if (array_->can_publish() && (chance(3) || array_->at_limit()))
            array_->publish();
        break;
    case 3:
    case 4:
        if (chance(scenario_.monitor_every))
            monitor_->resume();
        if (progress(daemon_->durable()) > progress(durable_))
            durable_ = daemon_->durable();
        break;
    case 5:
    case 6: user_turn(); break;
    case 7:
        if (scenario_.faults)
            fault_turn();
        break;
    default: manager_->resume(); break;
    }
    check_invariants();
}

void World::user_turn()
{
    if (!users_.empty() && chance(2)) {
        const UserWrite w = users_.front();
        users_.erase(users_.begin());
        std::vector<std::byte> data(w.versions.size() * 512);
        for (std::size_t i = 0; i < w.versions.size(); i++)
            Ledger::fill(w.begin + i, w.versions[i], std::span(data).subspan(i * 512, 512));
        array_->complete_write(w.id, data);
        for (std::size_t i = 0; i < w.versions.size(); i++)
            ledger_.acknowledged(w.begin + i, w.versions[i]);
        return;
    }
    if (chance(4)) {
        array_->flush();
        ledger_.flushed();
        return;
    }
    const std::uint64_t begin = rng_() % scenario_.visible;
    const std::uint64_t end = std::min(begin + 1 + rng_() % 12, scenario_.visible);
    if (users_.size() >= 3 || array_->under_way_in(begin, end))
        return;
    const auto id = array_->begin_write(begin, end);
    if (!id)
        return;
    UserWrite w{*id, begin, {}};
    for (std::uint64_t x = begin; x < end; x++)
        w.versions.push_back(++issued_[x]);
    users_.push_back(std::move(w));
}

void World::fault_turn()
{
    switch (rng_() % 40) {
    case 0:
        start_manager();
        break;
    case 1:
        start_monitor();
        break;
    case 2: stop_ = true; break;
    default:
        if (manager_->finished() && array_->reshaping())
            start_manager();
    }
}

std::uint64_t World::progress(std::uint64_t address) const
{
    if (!scenario_.backward)
        return address;
    emd_reshape_plan plan;
    emd_reshape_plan_init(&plan, &scenario_.from, &scenario_.to, 0, 1, nullptr);
    return emd_reshape_start(&plan) - std::min<std::uint64_t>(address, emd_reshape_start(&plan));
}

void World::check_invariants()
{
    if (!array_->reshaping() || scenario_.broken())
        return;
    const FakeArray &a = *array_;
    const auto demand = [&](bool holds, const char *name) {
        if (!holds)
            throw std::runtime_error(fmt::format("invariant {}: A {} D {} C {} pos {} M {} [{}, {})", name,
                                                 a.acked() ? fmt::to_string(*a.acked()) : "none", durable_, a.published(),
                                                 a.position(), a.limit_position(), a.suspend_lo(), a.suspend_hi()));
    };
    const std::uint64_t d = progress(durable_), c = progress(a.published()), pos = progress(a.position());
    const std::uint64_t m = progress(a.limit_position());
    const std::uint64_t lo = a.suspend_lo(), hi = a.suspend_hi();
    const std::uint64_t tail = progress(scenario_.backward ? hi : lo), front = progress(scenario_.backward ? lo : hi);
    demand(!a.acked() || progress(*a.acked()) <= d, "I1: A <= D");
    demand(d <= c && c <= pos && pos <= m, "I1: D <= C <= pos <= M");
    const std::uint64_t safe = progress(emd_reshape_safe(&a.plan(), durable_));
    const bool critical = m > std::max(safe, d);
    demand(!critical || (lo < hi && tail <= d && m <= front), "I4: the critical section is suspended");
    demand(a.acked() || m <= d || m <= safe || (lo < hi && m <= front), "5.2 A: M <= H");
    demand(m == progress(emd_reshape_end(&a.plan())) || a.limit_position() % scenario_.unit == 0 || m == 0,
           "I16: M is a boundary");
}

std::string World::try_power_cut(const FakeDisk::Choose &choose, int copy, bool second_cut)
{
    Disks after = disks_.after_power_cut(choose);
    std::optional<Record> record;
    if (second_cut) {
        record = recover(after, scenario_, copy, rng_() % 40);
        if (!record)
            after = after.after_power_cut([&](std::size_t, std::size_t versions) { return rng_() % versions; });
    }
    record = recover(after, scenario_, copy);
    return judge(after.after_power_cut([](std::size_t, std::size_t) { return std::size_t{0}; }), scenario_, *record, ledger_);
}

void World::power_cut(const FakeDisk::Choose &choose)
{
    manager_.reset();
    monitor_.reset();
    disks_ = disks_.after_power_cut(choose);
    const Record record = *recover(disks_, scenario_, static_cast<int>(rng_() % 2));
    const std::string verdict = judge(disks_, scenario_, record, ledger_);
    if (!verdict.empty())
        throw std::runtime_error("after a power cut: " + verdict);
    adopt(disks_, scenario_, record, ledger_);
    boot(record);
}

std::string World::judge_end()
{
    while (!users_.empty())
        user_turn();
    array_->flush();
    ledger_.flushed();
    if (array_->suspend_lo() < array_->suspend_hi())
        return fmt::format("[{}, {}) is still suspended", array_->suspend_lo(), array_->suspend_hi());
    if (array_->limit())
        return "sync_max is not max";
    return judge(disks_, scenario_, disks_.record(0), ledger_);
}

}  // namespace emd::model
