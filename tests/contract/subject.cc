// SPDX-License-Identifier: GPL-2.0-or-later
#include "subject_fake.h"
#include "subject_module.h"

#include <cstdlib>
#include <iterator>
#include <sstream>

namespace emd::contract {

bool Subject::eventually(const std::function<bool()> &so)
{
    static constexpr int kMoments = 3000;
    for (int i = 0; i < kMoments; i++) {
        if (so())
            return true;
        pass_time();
    }
    return false;
}

bool Subject::stays(const std::function<bool()> &so)
{
    static constexpr int kMoments = 30;
    for (int i = 0; i < kMoments; i++) {
        if (!so())
            return false;
        pass_time();
    }
    return so();
}

std::unique_ptr<Subject> make_subject()
{
    const char *members = std::getenv("EMD_CONTRACT_MEMBERS");
    if (!members)
        return std::make_unique<FakeSubject>();
    std::istringstream words(members);
    return std::make_unique<ModuleSubject>(
        std::vector<std::string>(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()));
}

}  // namespace emd::contract
