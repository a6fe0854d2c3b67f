// SPDX-License-Identifier: GPL-2.0-only
#include "golden/golden.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace emd::golden {

namespace {

const std::filesystem::path kData = std::filesystem::path(EMD_SOURCE_DIR) / "tests/golden/data";

std::vector<std::byte> unpack(const std::filesystem::path &file, std::size_t bytes)
{
    const std::string command = "xz -dc '" + file.string() + "'";
    const std::unique_ptr<FILE, int (*)(FILE *)> pipe(popen(command.c_str(), "r"), pclose);
    std::vector<std::byte> image(bytes);
    if (!pipe || std::fread(image.data(), 1, bytes, pipe.get()) != bytes)
        throw std::runtime_error("cannot unpack " + file.string() + " (is xz installed?)");
    return image;
}

}  // namespace

std::vector<const Medium *> Case::media() const
{
    std::vector<const Medium *> all;
    for (const auto &disk : disks)
        all.push_back(disk.get());
    return all;
}

std::vector<const Medium *> Case::media(const std::vector<unsigned> &images) const
{
    std::vector<const Medium *> some;
    for (const unsigned image : images)
        some.push_back(disks.at(image).get());
    return some;
}

int Case::image_of(const Disk &disk) const
{
    for (std::size_t image = 0; disk.present && image < disks.size(); image++)
        if (disks[image]->path() == disk.path)
            return static_cast<int>(image);
    return -1;
}

std::vector<std::string> Case::write_to(const std::filesystem::path &directory) const
{
    std::vector<std::string> files;
    for (const auto &disk : disks) {
        files.push_back(directory / disk->name);
        std::ofstream(files.back(), std::ios::binary)
            .write(reinterpret_cast<const char *>(disk->bytes.data()), static_cast<std::streamsize>(disk->bytes.size()));
    }
    return files;
}

std::vector<std::string> case_names(std::string_view prefix)
{
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(kData))
        if (entry.is_directory() && entry.path().filename().string().starts_with(prefix))
            names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
}

std::shared_ptr<const Case> load_case(const std::string &name)
{
    static std::shared_ptr<const Case> last;
    if (last && last->name == name)
        return last;
    last.reset();

    auto result = std::make_shared<Case>();
    result->name = name;
    result->expected = Json::parse(std::ifstream(kData / name / "expected.json"));
    const unsigned sector = result->expected["logical_sector_bytes"];
    for (const Json &disk : result->expected["disks"]) {
        const std::string image = disk["image"];
        result->disks.push_back(std::make_unique<BufferMedium>(
            image, disk.value("serial", ""), unpack(kData / name / (image + ".xz"), disk["bytes"]), sector));
    }
    return last = result;
}

std::string test_name(const std::string &name)
{
    std::string result = name;
    std::ranges::replace(result, '-', '_');
    return result;
}

}  // namespace emd::golden
