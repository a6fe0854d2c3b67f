// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <fnmatch.h>
#include <fstream>
#include <sstream>

namespace emd::cli {
namespace {

constexpr const char *kPlaces[] = {"/etc/emd/emdadm.conf", "/etc/emdadm.conf"};

std::string lower(std::string text)
{
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// Keywords may be cut, to three letters at least.
bool is_keyword(const std::string &word, std::string_view keyword)
{
    return word.size() >= 3 && word.size() <= keyword.size() && lower(word) == keyword.substr(0, word.size());
}

std::vector<std::string> words_of(const std::string &line)
{
    std::vector<std::string> words;
    std::istringstream in(line);
    for (std::string word; in >> word && word[0] != '#';)
        words.push_back(word);
    return words;
}

// A line and those that continue it.
std::vector<std::vector<std::string>> statements(const std::string &text)
{
    std::vector<std::vector<std::string>> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        std::vector<std::string> words = words_of(line);
        if (words.empty())
            continue;
        if (std::isspace(static_cast<unsigned char>(line[0])) && !all.empty())
            all.back().insert(all.back().end(), words.begin(), words.end());
        else
            all.push_back(std::move(words));
    }
    return all;
}

Result<ArrayLine> parse_array(const std::vector<std::string> &words, const std::string &source)
{
    ArrayLine line;
    for (std::size_t i = 1; i < words.size(); i++) {
        const std::size_t equal = words[i].find('=');
        if (equal == std::string::npos) {
            line.name = words[i].substr(words[i].rfind('/') + 1);
            continue;
        }
        const std::string key = lower(words[i].substr(0, equal)), value = words[i].substr(equal + 1);
        if (key == "uuid")
            line.uuid = lower(value);
        else if (key == "container")
            line.container = lower(value);
        else if (key == "member")
            line.member = value;
        else if (key == "metadata")
            line.metadata = value;
        else if (key == "name")
            line.name = line.name.empty() ? value : line.name;
    }
    if (line.uuid.empty() && line.container.empty())
        return fail(Errc::Invalid, "{}: ARRAY {} needs a UUID= or a container= to be recognised by", source, line.name);
    return line;
}

}  // namespace

bool Config::claims(const std::string &format, const std::string &uuid) const
{
    for (const ArrayLine &a : arrays)
        if (a.name == "<ignore>" && a.uuid == uuid)
            return false;
    for (const ArrayLine &a : arrays)
        if (a.uuid == uuid || a.container == uuid)
            return true;
    for (const std::string &word : automatic) {
        // Arrays of md run under md where nobody has said otherwise: "all" is not enough.
        if (word == "+" + format || (word == "+all" && format != "md"))
            return true;
        if (word == "-" + format || word == "-all")
            return false;
    }
    return false;
}

std::optional<std::string> Config::name_of(const std::string &uuid) const
{
    for (const ArrayLine &a : arrays)
        if (a.uuid == uuid && !a.name.empty() && a.name != "<ignore>")
            return a.name;
    return std::nullopt;
}

bool Config::looks_at(const std::string &device) const
{
    if (devices.empty())
        return true;
    return std::ranges::any_of(devices, [&](const std::string &pattern) {
        return pattern == "partitions" || pattern == "containers" || ::fnmatch(pattern.c_str(), device.c_str(), FNM_PATHNAME) == 0;
    });
}

Result<Config> parse_config(const std::string &text, const std::string &source)
{
    Config config;
    config.exists = true;
    for (const auto &words : statements(text)) {
        if (is_keyword(words[0], "device"))
            config.devices.insert(config.devices.end(), words.begin() + 1, words.end());
        else if (is_keyword(words[0], "array"))
            config.arrays.push_back(EMD_TRY(parse_array(words, source)));
        else if (is_keyword(words[0], "auto"))
            for (std::size_t i = 1; i < words.size(); i++)
                config.automatic.push_back(lower(words[i]));
        else if (!is_keyword(words[0], "mailaddr") && !is_keyword(words[0], "mailfrom") &&
                 !is_keyword(words[0], "program") && !is_keyword(words[0], "create") &&
                 !is_keyword(words[0], "homehost") && !is_keyword(words[0], "homecluster") &&
                 !is_keyword(words[0], "policy") && !is_keyword(words[0], "part-policy") &&
                 !is_keyword(words[0], "sysfs") && !is_keyword(words[0], "monitordelay") &&
                 !is_keyword(words[0], "encryption_no_verify"))
            return fail(Errc::Invalid, "{}: \"{}\" is no keyword", source, words[0]);
    }
    return config;
}

Result<Config> load_config(const std::string &option)
{
    if (option == "none")
        return Config();
    std::vector<std::string> places(std::begin(kPlaces), std::end(kPlaces));
    if (!option.empty() && option != "partitions")
        places = {option};
    for (const std::string &place : places) {
        std::ifstream file(place);
        if (!file)
            continue;
        std::ostringstream text;
        text << file.rdbuf();
        return parse_config(text.str(), place);
    }
    if (places.size() == 1)
        return fail(Errc::NotFound, "{} cannot be read", option);
    return Config();
}

}  // namespace emd::cli
