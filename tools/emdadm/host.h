// SPDX-License-Identifier: GPL-2.0-only
// What plans do outside the kernel's attributes: metadata on disks, emdmon, names, the reshape manager.
#pragma once

#include "inventory.h"

#include "libemd/monitor/client.h"
#include "libemd/monitor/container_lock.h"
#include "libemd/plan/executor.h"
#include "libemd/reshape/backup_file.h"

#include <atomic>

namespace emd::cli {

class SystemHost final : public plan::Host {
public:
    SystemHost(Context &context, Loaded loaded) : context_(context), loaded_(std::move(loaded)) {}

    Loaded &loaded() { return loaded_; }
    // Said when the reshape begins: a grow that is refused says its one sentence and nothing else.
    void announce(std::vector<std::string> facts) { facts_ = std::move(facts); }
    // For --background: given up before another process drives the reshape.
    void lend(std::optional<ContainerLock> &lock) { lock_ = &lock; }

    Result<> new_metadata(const plan::NewMetadata &action) override;
    Result<> wipe(const std::string &disk) override;
    Result<> apply(const Change &change) override;
    Result<> store() override;
    Result<> erase(const std::string &disk) override;
    Result<> send(const std::string &container, const plan::Send &action) override;
    Result<> sync(const std::string &container, const plan::Sync &action) override;
    Result<> start_monitor(const std::string &container) override;
    Result<> publish(const std::string &array, const plan::Publish &action) override;
    Result<> unpublish(const std::string &array) override;
    bool udev_is_busy() const override;
    Result<> restore(unsigned volume) override;
    Result<> recover_parity(unsigned volume) override;
    Result<> reset_parity_log(unsigned volume, bool headers) override;
    Result<> reserve_backup(const plan::ReserveBackup &action) override;
    Result<> drop_backup(const std::string &path) override;
    Result<plan::Outcome> manage(const std::string &array, const std::string &container, const plan::Manage &action) override;
    // Nobody drives the reshape any more: what is under way is finished, nothing stays suspended, the reshape rests.
    Result<> leave_usable(const std::string &array, const std::string &container, unsigned volume);

private:
    Result<BlockDevice *> writable(const std::string &path);
    Result<Monitor *> monitor(const std::string &container);

    void give_back_exclusive();
    reshape::BackupOwner owner(unsigned volume, const Shape &target) const;

    class Targets;
    struct Writer {
        std::unique_ptr<BlockDevice> device;
        bool exclusive;
    };
    Context &context_;
    Loaded loaded_;
    std::vector<Writer> writers_;
    std::unique_ptr<Monitor> monitor_;
    std::optional<ContainerLock> *lock_ = nullptr;
    std::optional<reshape::BackupFile> file_;
    std::vector<std::string> facts_;
};

// Is there an emdmon for this container?
bool monitor_runs(const std::string &container);

// Zeros over everything by which the format is recognised. `device` is open for writing.
Result<> erase_format(const Format &format, BlockDevice &device);

}  // namespace emd::cli
