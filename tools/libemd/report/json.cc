// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/report/json.h"

#include "libemd/model/bad_blocks.h"

namespace emd {

namespace {

using Json = nlohmann::ordered_json;

const char *format_word(FormatId id)
{
    switch (id) {
    case FormatId::Imsm: return "imsm";
    case FormatId::Ddf: return "ddf";
    case FormatId::Md090: return "0.90";
    case FormatId::Md1: return "1";
    }
    return "?";
}

// A name that is no UTF-8 must not end the program.
std::string printable(std::string_view text)
{
    std::string result;
    for (const char c : text)
        result += static_cast<unsigned char>(c) < 0x80 && c >= ' ' ? c : '?';
    return result;
}

Json slots_json(const std::vector<Slot> &slots)
{
    Json list = Json::array();
    for (const Slot &slot : slots)
        list.push_back({{"disk", slot.disk < 0 ? Json(nullptr) : Json(slot.disk)}, {"in_sync", slot.in_sync}});
    return list;
}

Json disk_json(const Disk &disk)
{
    Json json{{"serial", printable(disk.serial)},
              {"state", to_word(disk.state)},
              {"present", disk.present},
              {"sectors", disk.sectors},
              {"logical_sector_bytes", disk.sector_bytes}};
    if (disk.present)
        json["path"] = printable(disk.path);
    return json;
}

Json reshape_json(const ReshapeRecord &reshape)
{
    Json json{{"target", to_json(reshape.target)},
              {"target_slots", slots_json(reshape.target_slots)},
              {"position_sectors", reshape.position},
              {"unit_sectors", reshape.unit},
              {"backward", reshape.backward},
              {"unit_in_backup", reshape.backup_live}};
    json["backup"] = {{"member_start_sectors", reshape.backup_member_start},
                      {"member_sectors", reshape.backup_member_sectors}};
    return json;
}

}  // namespace

Json to_json(const Shape &shape)
{
    return {{"level", level_word(shape.level)},
            {"layout", shape.layout},
            {"raid_disks", shape.raid_disks},
            {"chunk_bytes", std::uint64_t{shape.chunk_sectors} * 512},
            {"component_sectors", shape.component_sectors}};
}

Json to_json(const Volume &volume)
{
    Json json{{"index", volume.index},
              {"name", printable(volume.name)},
              {"uuid", to_string(volume.uuid)},
              {"health", to_word(health(volume))},
              {"array_sectors", volume.array_sectors},
              {"data_offset_sectors", volume.data_offset},
              {"shape", to_json(volume.shape)},
              {"slots", slots_json(volume.slots)},
              {"dirty", volume.dirty},
              {"initialised", volume.initialised},
              {"consistency_policy", volume.consistency},
              {"activity", to_word(volume.activity)}};
    if (volume.activity != Activity::None && volume.activity != Activity::Reshape)
        json["checkpoint_member_sectors"] = volume.checkpoint;
    if (volume.reshape)
        json["reshape"] = reshape_json(*volume.reshape);
    if (!volume.read_write)
        json["refused"] = printable(volume.refused);
    return json;
}

Json to_json(const Container &container)
{
    Json json{{"metadata", format_word(container.format)},
              {"version", printable(container.spec_version)},
              {"uuid", to_string(container.uuid)},
              {"generation", container.sequence}};
    json["disks"] = Json::array();
    for (const Disk &disk : container.disks)
        json["disks"].push_back(disk_json(disk));
    for (std::size_t i = 0; i < container.disks.size(); i++)
        json["disks"][i]["bad_blocks"] = bad_blocks(container, static_cast<int>(i)).size();
    json["volumes"] = Json::array();
    for (const Volume &volume : container.volumes)
        json["volumes"].push_back(to_json(volume));
    json["bad_blocks"] = Json::array();
    for (const BadRange &bad : container.bad)
        json["bad_blocks"].push_back({{"disk", bad.disk}, {"start_sector", bad.start}, {"sectors", bad.sectors}});
    return json;
}

namespace {

Json ranges_json(const std::vector<BadRange> &bad)
{
    Json list = Json::array();
    for (const BadRange &r : bad)
        list.push_back({{"start_sector", r.start}, {"sectors", r.sectors}});
    return list;
}

// What there is only of members that are, or are being made, part of the array.
void add_place(Json &json, const MemberRecord &record)
{
    if (record.role != Role::Active)
        return;
    json["slot"] = record.slot;
    json["replacement"] = record.replacement;
    json["in_sync"] = !record.recovered;
    if (record.recovered)
        json["recovery_offset_sectors"] = *record.recovered;
}

}  // namespace

Json to_json(const MemberRecord &record, std::string_view path)
{
    Json json{{"path", printable(path)},
              {"metadata", record.metadata},
              {"array_uuid", to_string(record.array)},
              {"name", record.name.empty() ? Json(nullptr) : Json(printable(record.name))},
              {"device_uuid", record.device ? Json(to_string(*record.device)) : Json(nullptr)},
              {"created", record.created},
              {"updated", record.updated},
              {"events", record.events},
              {"superblock_sector", record.record_sector},
              {"data_offset_sectors", record.data_offset},
              {"data_sectors", record.data_sectors},
              {"cut_short", record.cut_short},
              {"shape", to_json(record.shape)},
              {"role", to_word(record.role)}};
    add_place(json, record);
    json["slots"] = record.slots;
    json["clean"] = record.clean;
    if (record.resync)
        json["resync_offset_sectors"] = *record.resync;
    json["consistency_policy"] = record.consistency;
    json["features"] = record.features;
    if (!record.unknown.empty())
        json["unknown"] = record.unknown;
    if (const auto &target = record.target)
        json["reshape"] = {{"target", to_json(target->shape)},
                           {"position_sectors", target->position},
                           {"backward", target->backward},
                           {"data_offset_sectors", target->data_offset}};
    json["bad_blocks"] = ranges_json(record.bad);
    return json;
}

Json to_json(const std::optional<std::vector<BadRange>> &bad, std::string_view path)
{
    return {{"path", printable(path)}, {"keeps_list", bad.has_value()}, {"bad_blocks", ranges_json(bad.value_or(std::vector<BadRange>()))}};
}

Json to_json(const BitmapRecord &bitmap, std::string_view path)
{
    return {{"path", printable(path)},
            {"array_uuid", to_string(bitmap.array)},
            {"sector", bitmap.sector},
            {"version", bitmap.version},
            {"events", bitmap.events},
            {"events_cleared", bitmap.cleared},
            {"stale", bitmap.stale},
            {"chunk_bytes", bitmap.chunk_bytes},
            {"sleep_seconds", bitmap.sleep},
            {"write_behind", bitmap.write_behind},
            {"sync_sectors", bitmap.sync_sectors},
            {"regions", bitmap.regions},
            {"dirty_regions", bitmap.dirty}};
}

}  // namespace emd
