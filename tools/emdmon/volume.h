// SPDX-License-Identifier: GPL-2.0-only
// The open attributes of one running volume: facts out, replies in.
#pragma once

#include "attribute.h"
#include "facts.h"
#include "round.h"

#include <functional>
#include <string>

namespace emd::mon {

class VolumeAttributes {
public:
    // Cold. `array` is the kernel's name ("emd126"), `index` the N of external:/CONTAINER/N, `life` Array::life(), or empty: another array
    // of this name is not taken for this one.
    VolumeAttributes(std::string array, unsigned index, std::string life) : array_(std::move(array)), index_(index), life_(std::move(life)) {}

    const std::string &array() const { return array_; }
    unsigned index() const { return index_; }

    // Cold: open what is not open yet: members that came, attributes that came with a level.
    void refresh(Sysfs &sysfs, AttributeRoot &root);

    // Hot. What could not be read any more keeps its last value; the facts say CLEAR when the array has vanished.
    const VolumeFacts &read(const Container &container);
    const VolumeFacts &facts() const { return facts_; }

    // Hot. `checkpoint` is for Ack. 0 or -errno. A refusal that would be repeated for ever is remembered.
    int reply(const Reply &reply, std::uint64_t checkpoint);

    // Hot. Makes the kernel write this in front of the bits, unless it has. 0, also when there are no bits, or -errno.
    int put_bitmap_head(const BitmapHead &head);

    // Something vanished since the last refresh().
    bool stale() const { return stale_; }

    // The directory of a member ("dev-sda").
    const std::string &member_name(std::size_t i) const { return members_[i].name; }

    void for_each_fd(const std::function<void(int fd)> &visit) const;

private:
    using Handle = std::unique_ptr<Attribute>;

    struct Member {
        std::string name;
        DevNum dev;
        Handle state, slot, recovery_start, reserved, bad, unknown;
    };

    void open(AttributeRoot &root, Handle &handle, const std::string &attribute);
    void open_all(Sysfs &sysfs, AttributeRoot &root);
    void close_all();
    std::string_view text(Handle &handle);
    void read_sync(bool vanished);
    void read_geometry();
    void read_member(Member &member, MemberFacts &facts);
    void read_lists(Member &member, MemberFacts &facts, const Container &container);
    bool read_list(Handle &handle, std::vector<BadRange> &list);
    int acknowledge(Member &member, const MemberFacts &facts);
    int give_up(Member &member, MemberFacts &facts);

    std::string array_;
    unsigned index_;
    std::string life_;
    Handle array_state_, metadata_version_, sync_action_, sync_completed_, resync_start_, reshape_position_;
    Handle level_, new_level_, raid_disks_, chunk_size_, layout_, component_size_, reshape_acked_, policy_;
    Handle can_clear_, bitmap_superblock_;
    std::vector<Member> members_;
    VolumeFacts facts_;
    bool stale_ = false;
    bool gate_refused_ = false;
    std::optional<BitmapHead> head_;  // which the members have
    char buffer_[4096];  // a page: a list of bad blocks may fill it
};

}  // namespace emd::mon
