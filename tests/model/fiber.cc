// SPDX-License-Identifier: GPL-2.0-only
#include "fiber.h"

#include <cstdint>

#if defined(__has_feature)	// clang's way to say it
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define EMD_START_SWITCH(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define EMD_FINISH_SWITCH(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define EMD_START_SWITCH(save, bottom, size) static_cast<void>(0)
#define EMD_FINISH_SWITCH(save, bottom, size) static_cast<void>(0)
#endif

namespace emd::model {
namespace {

Fiber *current = nullptr;

}  // namespace

Fiber::Fiber(std::function<void()> program) : program_(std::move(program)), stack_(new char[kStackBytes])
{
    ::getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_.get();
    inside_.uc_stack.ss_size = kStackBytes;
    inside_.uc_link = nullptr;
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::entry), 2, static_cast<unsigned>(self >> 32),
                  static_cast<unsigned>(self));
}

Fiber::~Fiber()
{
    kill();
}

void Fiber::entry(unsigned high, unsigned low)
{
    reinterpret_cast<Fiber *>(static_cast<std::uintptr_t>(high) << 32 | low)->body();
}

void Fiber::body()
{
    EMD_FINISH_SWITCH(nullptr, &outside_stack_, &outside_size_);
    try {
        if (!killed_)
            program_();
    } catch (const Killed &) {
    } catch (...) {
        thrown_ = std::current_exception();
    }
    finished_ = true;
    switch_out(true);
}

void Fiber::switch_in()
{
    Fiber *const before = current;
    current = this;
    EMD_START_SWITCH(&fake_outside_, stack_.get(), kStackBytes);
    ::swapcontext(&outside_, &inside_);
    EMD_FINISH_SWITCH(fake_outside_, nullptr, nullptr);
    current = before;
}

void Fiber::switch_out([[maybe_unused]] bool for_ever)
{
    EMD_START_SWITCH(for_ever ? nullptr : &fake_inside_, outside_stack_, outside_size_);
    ::swapcontext(&inside_, &outside_);
    EMD_FINISH_SWITCH(fake_inside_, &outside_stack_, &outside_size_);
}

void Fiber::resume()
{
    if (finished_)
        return;
    switch_in();
    if (thrown_)
        std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Fiber::kill()
{
    killed_ = true;
    while (!finished_)
        switch_in();
}

void Fiber::yield()
{
    Fiber *const self = current;
    if (!self || self->killed_)
        return;  // a killed program unwinds without further turns
    self->switch_out(false);
    if (self->killed_)
        throw Killed{};
}

}  // namespace emd::model
