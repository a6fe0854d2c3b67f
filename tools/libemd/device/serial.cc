// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/serial.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

namespace emd {
namespace {

constexpr std::size_t kPageBytes = 255;
constexpr std::size_t kHeader = 4;

std::vector<std::byte> read_file(const std::string &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    std::vector<std::byte> bytes(kPageBytes);
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    ::close(fd);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
}

// INQUIRY for vital product data page 0x80. Disks that are no SCSI devices refuse the request.
std::vector<std::byte> inquire_vpd80(int fd)
{
    std::array<unsigned char, 6> command = {0x12, 0x01, 0x80, 0, kPageBytes, 0};
    std::array<unsigned char, 32> sense{};
    std::vector<std::byte> page(kPageBytes);
    sg_io_hdr io{};
    io.interface_id = 'S';
    io.cmd_len = command.size();
    io.cmdp = command.data();
    io.mx_sb_len = sense.size();
    io.sbp = sense.data();
    io.dxfer_direction = SG_DXFER_FROM_DEV;
    io.dxfer_len = kPageBytes;
    io.dxferp = page.data();
    io.timeout = 5000;  // ms
    if (::ioctl(fd, SG_IO, &io) < 0 || (io.info & SG_INFO_OK_MASK) != SG_INFO_OK)
        return {};
    page.resize(kPageBytes - static_cast<std::size_t>(std::clamp(io.resid, 0, static_cast<int>(kPageBytes))));
    return page;
}

bool is_nvme(const std::string &sysfs)
{
    std::error_code none;
    return std::filesystem::canonical(sysfs, none).filename().string().starts_with("nvme");
}

}  // namespace

std::string parse_vpd80(std::span<const std::byte> page)
{
    if (page.size() < kHeader || page[1] != std::byte{0x80})
        return {};
    const std::size_t stated = std::to_integer<std::size_t>(page[2]) << 8 | std::to_integer<std::size_t>(page[3]);
    const auto text = page.subspan(kHeader, std::min(stated, page.size() - kHeader));
    return {reinterpret_cast<const char *>(text.data()), text.size()};
}

std::string hardware_serial(const std::string &sysfs, int fd)
{
    if (is_nvme(sysfs)) {
        const std::vector<std::byte> text = read_file(sysfs + "/device/serial");
        return {reinterpret_cast<const char *>(text.data()), text.size()};
    }
    const std::string known = parse_vpd80(read_file(sysfs + "/device/vpd_pg80"));
    return known.empty() ? parse_vpd80(inquire_vpd80(fd)) : known;
}

}  // namespace emd
