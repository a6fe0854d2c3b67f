// SPDX-License-Identifier: GPL-2.0-only
#include "monitor.h"

#include "core/emd_reshape_math.h"
#include "fiber.h"

namespace emd::model {

void MonitorDaemon::run()
{
    adopt_disks();
    for (;;) {
        Fiber::yield();
        const Mailbox arrived = *mailbox_;  // a ping is answered after a pass that began after it came
        if (scenario_->mutant == Mutant::AnswerBeforeWrite && array_->reshaping())
            for (const auto &request : arrived)
                if (!request->record_backup) {
                    request->answer.checkpoint = array_->published();
                    request->answered = true;
                }
        pass();
        for (const auto &request : arrived) {
            if (request->record_backup && *request->record_backup == record_.position)
                write({record_.position, true, false});
            request->answer.checkpoint = record_.position;
            request->answered = true;
        }
        std::erase_if(*mailbox_, [](const auto &request) { return request->answered; });
    }
}

// The newest that is on any copy, made durable on both: never a smaller position than a predecessor has confirmed.
void MonitorDaemon::adopt_disks()
{
    record_ = disks_->record(0);
    const Record other = disks_->record(1);
    if (other.finished || (!record_.finished && ahead(other.position, record_.position)) ||
        (other.position == record_.position && other.backup_live))
        record_ = other;
    write(record_);
}

void MonitorDaemon::pass()
{
    if (record_.finished)
        return;
    if (!array_->reshaping()) {
        flush_data();
        write({record_.position, false, true});
        return;
    }
    const std::uint64_t published = array_->published(), unit = scenario_->unit;
    const emd_reshape_plan &plan = array_->plan();
    std::uint64_t position = published;
    if (published != emd_reshape_end(&plan) && published != emd_reshape_start(&plan))
        position = scenario_->backward ? (published + unit - 1) / unit * unit : published / unit * unit;
    if (scenario_->backward && position > emd_reshape_start(&plan))
        position = emd_reshape_start(&plan);
    if (ahead(position, record_.position))
        checkpoint(position);
    if (array_->acked() && *array_->acked() != record_.position)
        static_cast<void>(array_->set_acked(record_.position));
}

void MonitorDaemon::checkpoint(std::uint64_t position)
{
    if (scenario_->mutant != Mutant::RecordBeforeData)
        flush_data();
    write({position, false, false});
}

void MonitorDaemon::flush_data()
{
    for (std::size_t i = 0; i < disks_->count(); i++) {
        Fiber::yield();
        (*disks_)[i].flush();
    }
}

void MonitorDaemon::write(const Record &record)
{
    for (int copy = 0; copy < Disks::kCopies; copy++) {
        Fiber::yield();
        disks_->write_record(copy, record);
        Fiber::yield();
        if (scenario_->mutant == Mutant::RecordBeforeData)
            continue;  // relies on a later flush, of everything
        (*disks_)[static_cast<std::size_t>(copy)].flush();
        if (scenario_->mutant == Mutant::AnswerAfterOneCopy) {
            record_ = record;
            for (const auto &request : *mailbox_)
                if (!request->record_backup) {
                    request->answer.checkpoint = record.position;
                    request->answered = true;
                }
        }
    }
    record_ = record;
}

std::shared_ptr<Request> MonitorClient::send(Request request)
{
    mailbox_->push_back(std::make_shared<Request>(std::move(request)));
    const auto sent = mailbox_->back();
    while (!sent->answered)
        Fiber::yield();
    return sent;
}

Result<SyncAnswer> MonitorClient::sync(unsigned)
{
    return send({})->answer;
}

Result<> MonitorClient::apply(const Change &change, const std::vector<DevNum> &)
{
    send({.record_backup = std::get<change::BackupRecorded>(change).position, .answered = false, .answer = {}});
    return {};
}

}  // namespace emd::model
