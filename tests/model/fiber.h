// SPDX-License-Identifier: GPL-2.0-only
// A program that runs in turns with others on one thread. The real manager runs in one: it calls sysfs, the monitor
// and the disks as always, and each of these calls ends its turn. It can be killed at any of them.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <ucontext.h>
#include <utility>

namespace emd::model {

class Fiber {
public:
    // Thrown out of yield() in a fiber that is killed; the program must not catch it.
    struct Killed {};

    explicit Fiber(std::function<void()> program);
    ~Fiber();
    Fiber(const Fiber &) = delete;
    Fiber &operator=(const Fiber &) = delete;

    void resume();  // until its next yield() or its end
    void kill();    // unwinds it
    bool finished() const { return finished_; }

    // Ends the turn of the fiber that runs now; nothing outside of one.
    static void yield();

private:
    static void entry(unsigned high, unsigned low);
    void body();
    void switch_in();
    void switch_out(bool for_ever);

    static constexpr std::size_t kStackBytes = 256 * 1024;
    std::function<void()> program_;
    std::unique_ptr<char[]> stack_;
    ucontext_t inside_{}, outside_{};
    // The sanitizer's view of the two stacks.
    [[maybe_unused]] void *fake_outside_ = nullptr, *fake_inside_ = nullptr;
    [[maybe_unused]] const void *outside_stack_ = nullptr;
    [[maybe_unused]] std::size_t outside_size_ = 0;
    bool finished_ = false, killed_ = false;
    std::exception_ptr thrown_;
};

}  // namespace emd::model
