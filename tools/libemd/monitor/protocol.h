// SPDX-License-Identifier: GPL-2.0-only
// What goes over emdmon's socket. One message is one SEQPACKET record of fixed size; integers are little endian; what
// is not used is zero. A request is answered by exactly one answer with the same id.
//
//   bytes  0  magic "EMDM"     8  id       20  flags (answer: bit 0 ok, bit 1 a checkpoint follows)
//          4  version         16  volume   24  error kind (answer)
//          6  kind                         28  reserved
//         32  body: sync, leave: nothing. apply: tag of the change, its fields in the order of change.h, and the devices
//             (list of u32 major, u32 minor) that the sender's numbers of disks stand for.
//             answer: checkpoint (u64), reserved slots (u32 count, u32 each), text.
//   strings and lists: u32 count, then the elements.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/change.h"

namespace emd::protocol {

inline constexpr std::uint16_t kVersion = 3;
inline constexpr std::size_t kMessageBytes = 8192;
inline constexpr std::size_t kMaxText = 512;  // of an answer; longer text is cut

using Message = std::array<std::byte, kMessageBytes>;

enum class Kind : std::uint16_t {
    Sync = 1,   // a full pass over everything, then say what is durable
    Apply = 2,  // apply a change, make it durable
    Leave = 3,  // a new emdmon has adopted the container: finish the round and go
    Answer = 4,
};

struct Header {
    std::uint16_t version = kVersion;
    Kind kind = Kind::Sync;
    std::uint64_t id = 0;  // the sender's choice; the same request sent again after a lost connection has the same id
};

struct Request {
    Kind kind = Kind::Sync;
    std::uint64_t id = 0;
    unsigned volume = 0;           // sync only
    std::optional<Change> change;  // apply only
    std::vector<DevNum> disks = {};  // apply only: the devices of the sender's disks 0, 1, ...; who has lived longer counts differently
};

struct Answer {
    std::uint64_t id = 0;
    bool ok = true;
    Errc kind = Errc::Io;                     // when not ok
    std::string text;                         // why not; or, with ok, what is not durable
    std::optional<std::uint64_t> checkpoint;  // sync: D, array sectors
    std::vector<unsigned> reserved_slots;     // sync
};

// True for what emdadm may ask for. The rest of the changes is what emdmon itself learns from the kernel.
bool may_be_sent(const Change &change);

// Invalid when a list or a text is too long for a message, or the change may not be sent.
Result<Message> encode(const Request &request);
Message encode(const Answer &answer);

// For a record of any length. Corrupt: no header of ours. Unsupported: of another version (the sentence names both).
Result<Header> decode_header(Bytes record);
Result<Request> decode_request(Bytes record);
Result<Answer> decode_answer(Bytes record);

}  // namespace emd::protocol
