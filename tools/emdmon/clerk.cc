// SPDX-License-Identifier: GPL-2.0-only
#include "clerk.h"

#include "libemd/base/fd.h"

#include <condition_variable>
#include <mutex>
#include <sys/eventfd.h>
#include <thread>

namespace emd::mon {
namespace {

class ThreadClerk final : public Clerk {
public:
    ThreadClerk() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { work(); }) {}

    // Waits for the task under way.
    ~ThreadClerk() override
    {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    bool busy() const override { return busy_; }

    void give(Task task) override
    {
        busy_ = true;
        {
            const std::lock_guard lock(mutex_);
            task_ = std::move(task);
        }
        wake_.notify_one();
    }

    std::optional<Result<>> take() override
    {
        std::uint64_t count;
        if (::read(event_.get(), &count, sizeof count) != static_cast<ssize_t>(sizeof count))
            return std::nullopt;
        const std::lock_guard lock(mutex_);
        busy_ = false;
        return std::exchange(outcome_, std::nullopt);
    }

    int fd() const override { return event_.get(); }

private:
    void work()
    {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return ending_ || task_; });
            if (!task_)
                return;
            const Task task = std::exchange(task_, nullptr);
            lock.unlock();
            Result<> outcome = task();
            lock.lock();
            outcome_ = std::move(outcome);
            const std::uint64_t one = 1;
            (void)!::write(event_.get(), &one, sizeof one);
        }
    }

    Fd event_;
    std::mutex mutex_;
    std::condition_variable wake_;
    Task task_;
    std::optional<Result<>> outcome_;
    bool ending_ = false;
    bool busy_ = false;  // of the owner's thread only
    std::thread thread_;
};

}  // namespace

std::unique_ptr<Clerk> thread_clerk()
{
    return std::make_unique<ThreadClerk>();
}

}  // namespace emd::mon
