// SPDX-License-Identifier: GPL-2.0-only
// What comes over emdmon's socket, and over emdadm's. What is understood is said again in the same words.
#include "fuzz/disks.h"

#include "libemd/monitor/protocol.h"

using namespace emd;
using namespace emd::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    // Of full length, as nothing else is a message, but now and then of any.
    std::vector<std::byte> record(size % 16 == 15 ? size : protocol::kMessageBytes);
    std::memcpy(record.data(), data, std::min(size, record.size()));
    (void)protocol::decode_header(record).has_value();
    if (const auto request = protocol::decode_request(record)) {
        const auto again = protocol::encode(*request);
        promise(again.has_value(), "a request that was understood can be sent");
        promise(std::memcmp(again->data(), record.data(), record.size()) == 0, "a request has one form");
    }
    if (const auto answer = protocol::decode_answer(record)) {
        const auto again = protocol::decode_answer(protocol::encode(*answer));
        promise(again && again->id == answer->id && again->text == answer->text && again->reserved_slots == answer->reserved_slots,
                "an answer that was understood can be given");
    }
    return 0;
}
