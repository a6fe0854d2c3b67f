// SPDX-License-Identifier: GPL-2.0-only
// The attributes of a reshape over FakeArray: text, errno and waiting as the module does it. What the attribute
// contract suite asks of the module it can ask of this as well.
#pragma once

#include "libemd/kernel/fake_array.h"
#include "libemd/kernel/sysfs.h"

#include <functional>
#include <map>

namespace emd {

class FakeKernel final : public Sysfs {
public:
    // A store that has to wait, and a wait of a watch, call `block` again and again until the reason is gone: it lets
    // the rest of the world run. Every access calls `step` first: the world may go on between any two of them.
    struct Hooks {
        std::function<void()> step;
        std::function<void()> block;
    };

    explicit FakeKernel(Hooks hooks) : hooks_(std::move(hooks)) {}

    FakeArray &add(std::string name, FakeArray array);
    FakeArray &array(const std::string &name) { return arrays_.at(name); }
    void clear() { arrays_.clear(); }

    Result<std::string> read(std::string_view path) override;
    Result<> write(std::string_view path, std::string_view value) override;
    Result<std::vector<std::string>> list(std::string_view directory) override;
    std::unique_ptr<Watch> watch() override;

private:
    struct Attribute {
        std::function<std::string(FakeArray &)> show;
        std::function<int(FakeKernel &, FakeArray &, std::string_view)> store;
    };
    static const std::map<std::string, Attribute, std::less<>> &attributes();
    friend class FakeWatch;

    std::pair<FakeArray *, const Attribute *> find(std::string_view path);
    int store_suspend(FakeArray &array, bool low, std::string_view text);

    Hooks hooks_;
    std::map<std::string, FakeArray, std::less<>> arrays_;
    std::map<std::string, std::string, std::less<>> last_error_;
    std::string refusal_;  // sentence for the store under way
};

}  // namespace emd
