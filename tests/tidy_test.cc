// Reads the source tree: layers, bans, sizes, leftovers.  Each test collects
// lines such as "src/tree/acl.cc:12: includes net/frame.h" and wants none.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using Complaints = std::vector<std::string>;

struct SourceFile {
  std::string path;                // From the top level
  std::vector<std::string> lines;  // As they are
  std::vector<std::string> code;   // Without comments and texts

  bool IsHeader() const { return path.ends_with(".h"); }
  bool IsCpp() const { return IsHeader() || path.ends_with(".cc"); }
  bool In(std::string_view folder) const {
    return path.starts_with(fmt::format("{}/", folder));
  }
  bool IsProduct() const { return In("src") || In("jute") || In("include"); }

  // "tree" for src/tree/acl.h, "jute" for jute/data.h.
  std::string Folder() const {
    const std::string rest = In("src") ? path.substr(4) : path;
    return rest.substr(0, rest.find('/'));
  }
};

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.emplace_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

// Replaces comments and the insides of texts by blanks, line by line.
std::string StripCpp(std::string text) {
  size_t i = 0;
  // Up to and with the next `last` from `from` on.
  const auto blank = [&](std::string_view last, size_t from) {
    const size_t found = text.find(last, from);
    const size_t end =
        found == std::string::npos ? text.size() : found + last.size();
    for (; i < end; ++i) {
      if (text[i] != '\n') {
        text[i] = ' ';
      }
    }
  };
  while (i < text.size()) {
    const std::string_view rest = std::string_view(text).substr(i);
    const bool digit_before =
        i > 0 && isalnum(static_cast<unsigned char>(text[i - 1])) != 0;
    if (rest.starts_with("//")) {
      blank("\n", i);
    } else if (rest.starts_with("/*")) {
      blank("*/", i + 2);
    } else if (rest.starts_with("R\"(")) {
      blank(")\"", i + 3);
    } else if (rest[0] == '"' || (rest[0] == '\'' && !digit_before)) {
      size_t end = i + 1;
      while (end < text.size() && text[end] != rest[0]) {
        end += text[end] == '\\' ? 2 : 1;
      }
      for (++i; i < std::min(end, text.size()); ++i) {
        text[i] = ' ';
      }
      ++i;
    } else {
      ++i;
    }
  }
  return text;
}

// Every text file of the project, in the order of their paths.
const std::vector<SourceFile>& Files() {
  static const auto* const files = [] {
    auto* const found = new std::vector<SourceFile>;
    const fs::path top = PADDOCK_SOURCE_DIR;
    static const std::set<std::string> kKinds = {
        ".cc", ".h", ".py", ".sh", ".java", ".txt", ".md", ".cfg", ".c"};
    for (auto it = fs::recursive_directory_iterator(top);
         it != fs::recursive_directory_iterator(); ++it) {
      const std::string name = it->path().filename();
      if (it->is_directory() &&
          (name.starts_with('.') || name == "build" || name == "target" ||
           name == "corpus" || name == "__pycache__")) {
        it.disable_recursion_pending();
      } else if (it->is_regular_file() &&
                 kKinds.contains(it->path().extension())) {
        std::ifstream in(it->path());
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        SourceFile file{fs::relative(it->path(), top), SplitLines(text), {}};
        file.code = file.IsCpp() ? SplitLines(StripCpp(text)) : file.lines;
        found->push_back(std::move(file));
      }
    }
    std::sort(found->begin(), found->end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return found;
  }();
  return *files;
}

std::string At(const SourceFile& file, size_t index) {
  return fmt::format("{}:{}: ", file.path, index + 1);
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(TidyTest, ReadsTheTree) {
  EXPECT_GT(Files().size(), 20);
  EXPECT_EQ(StripCpp("a; // b\nc(\"d\\\"\", 'e', 1'000) /* f\n */ g"),
            "a;     \nc(\"   \", ' ', 1'000)     \n    g");
}

TEST(TidyTest, TopLevelHoldsOnlyTheAgreedNames) {
  static const std::set<std::string> kNames = {
      "CMakeLists.txt", "src",          "include", "jute",     "tests",
      "conf",           "compat-tests", "build",   "README.md"};
  Complaints complaints;
  for (const auto& entry : fs::directory_iterator(PADDOCK_SOURCE_DIR)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with('.') && !kNames.contains(name)) {
      complaints.push_back(name);
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// What each folder may include of ours; itself, include/paddock and Abseil
// come on top.
const std::map<std::string, std::set<std::string>>& Layers() {
  static const auto* const layers =
      new std::map<std::string, std::set<std::string>>{
          {"include", {}},
          {"base", {}},
          {"jute", {"base"}},
          {"tree", {"base", "jute"}},
          {"zab", {"base"}},
          {"replica", {"base", "jute", "tree", "zab"}},
          {"storage", {"base", "jute", "zab"}},
          {"net", {"base", "jute", "zab"}},
          {"server",
           {"base", "jute", "tree", "zab", "replica", "storage", "net", "cli"}},
          {"client", {"base", "jute"}},
          {"cli", {"base", "jute", "tree", "zab", "storage", "client"}}};
  return *layers;
}

TEST(TidyTest, IncludesGoDownOnly) {
  constexpr std::string_view kInclude = "#include \"";
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    if (!file.IsProduct()) {
      continue;
    }
    const auto layer = Layers().find(file.Folder());
    if (layer == Layers().end()) {
      complaints.push_back(file.path + ": a folder without a layer");
      continue;
    }
    std::set<std::string> allowed = layer->second;
    allowed.insert({file.Folder(), "paddock", "absl", "fmt"});
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string_view line = file.lines[i];
      if (line.starts_with(kInclude) &&
          !allowed.contains(std::string(line.substr(
              kInclude.size(), line.find('/') - kInclude.size())))) {
        complaints.push_back(At(file, i) + file.lines[i]);
      }
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

bool IsWordChar(char c) {
  return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Whether `line` has `word`, which is not part of a longer word.
bool HasWord(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool starts =
        at == 0 || !IsWordChar(word.front()) || !IsWordChar(line[at - 1]);
    const bool ends = end == line.size() || !IsWordChar(word.back()) ||
                      !IsWordChar(line[end]);
    if (starts && ends) {
      return true;
    }
  }
  return false;
}

bool HasAnyWord(std::string_view line, const std::vector<std::string>& words) {
  return std::any_of(
      words.begin(), words.end(),
      [line](const std::string& word) { return HasWord(line, word); });
}

// Something that may be used in some places of the product only.
struct Ban {
  std::vector<std::string> words;
  std::vector<std::string> allowed_in;
};

TEST(TidyTest, WhatIsBannedIsUsedInItsPlaceOnly) {
  const std::vector<std::string> reads_clocks = {
      "src/server/", "src/net/",         "src/storage/",      "src/cli/",
      "src/client/", "src/base/clock.h", "src/base/spinner.h"};
  const std::vector<Ban> bans = {
      {{"<boost/"}, {"src/net/", "src/server/", "src/client/"}},
      {{"<spdlog/"}, {"src/base/log."}},
      {{"<openssl/"}, {"src/tree/acl", "src/tree/digest", "src/net/"}},
      {{"<libdeflate.h>"}, {"src/base/checksum."}},
      {{"<zlib.h>"}, {"src/storage/"}},
      {{"<snappy.h>"}, {"src/storage/"}},
      {{"<sqlite3.h>"}, {"src/storage/"}},
      {{"::now(", "absl::Now", "time(nullptr)", "clock_gettime", "MonotonicNow",
        "Spinner", "WallMs"},
       reads_clocks},
      {{"<thread>", "<mutex>", "<condition_variable>", "<future>"},
       {"src/server/", "src/net/", "src/storage/", "src/client/",
        "src/base/log."}},
      {{"catch ("}, {"src/server/main.cc", "src/base/log.cc"}},
      {{"random_device", "rand("}, {"src/server/"}},
      {{"dynamic_cast", "thread_local", "getenv"}, {}},
  };
  Complaints complaints;
  for (const Ban& ban : bans) {
    for (const SourceFile& file : Files()) {
      const bool is_allowed =
          std::any_of(ban.allowed_in.begin(), ban.allowed_in.end(),
                      [&](const std::string& place) {
                        return file.path.starts_with(place);
                      });
      if (!file.IsProduct() || is_allowed) {
        continue;
      }
      for (size_t i = 0; i < file.code.size(); ++i) {
        if (HasAnyWord(file.code[i], ban.words)) {
          complaints.push_back(At(file, i) + file.lines[i]);
        }
      }
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// Adds each line of `files` for which `is_wrong(code, line)` holds.
template <class Select, class IsWrong>
Complaints Lines(Select select, IsWrong is_wrong) {
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    for (size_t i = 0; select(file) && i < file.lines.size(); ++i) {
      if (is_wrong(file.code[i], file.lines[i])) {
        complaints.push_back(At(file, i) + file.lines[i]);
      }
    }
  }
  return complaints;
}

TEST(TidyTest, HeadersImposeNoNamespace) {
  EXPECT_THAT(Lines([](const SourceFile& file) { return file.IsHeader(); },
                    [](std::string_view code, std::string_view) {
                      return Contains(code, "using namespace");
                    }),
              IsEmpty());
}

TEST(TidyTest, TestsDoNotSleepAndAreNotSkipped) {
  const std::vector<std::string> bad = {"sleep_for", "SleepFor", "usleep",
                                        "sleep("};
  EXPECT_THAT(Lines(
                  [](const SourceFile& file) {
                    return (file.In("tests") || file.In("compat-tests")) &&
                           !file.path.ends_with(".sh") &&
                           !file.In("tests/bench");
                  },
                  [&](const std::string& code, std::string_view) {
                    return HasAnyWord(code, bad) || Contains(code, "DISABLED_");
                  }),
              IsEmpty());
}

TEST(TidyTest, NothingIsLeftForLater) {
  const std::vector<std::string> left = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "X"
      "XX"};
  EXPECT_THAT(Lines([](const SourceFile&) { return true; },
                    [&](std::string_view, const std::string& line) {
                      return HasAnyWord(line, left);
                    }),
              IsEmpty());
}

TEST(TidyTest, NothingNamesAFolderOfOneMachine) {
  // Cut in two, for this file is read as well.
  const std::vector<std::string> places = {
      "/wo"
      "rk/",
      "/ro"
      "ot/",
      "/ho"
      "me/"};
  EXPECT_THAT(
      Lines([](const SourceFile&) { return true; },
            [&](std::string_view, const std::string& line) {
              return std::any_of(
                  places.begin(), places.end(), [&](const std::string& place) {
                    const size_t at = line.find(place);
                    return at != std::string::npos &&
                           (at == 0 ||
                            (!IsWordChar(line[at - 1]) && line[at - 1] != '.'));
                  });
            }),
      IsEmpty());
}

TEST(TidyTest, CppHas80Columns) {
  EXPECT_THAT(Lines([](const SourceFile& file) { return file.IsCpp(); },
                    [](std::string_view, const std::string& line) {
                      return std::count_if(line.begin(), line.end(),
                                           [](char c) {
                                             return (c & 0xc0) != 0x80;
                                           }) > 80;
                    }),
              IsEmpty());
}

TEST(TidyTest, ProductFilesHaveAtMost600Lines) {
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    if (file.IsProduct() && file.lines.size() > 600) {
      complaints.push_back(
          fmt::format("{}: {} lines", file.path, file.lines.size()));
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// Adds the functions that are longer than 70 lines, opening brace to closing.
// A brace that does not open a function has no parameters in front of it.
void FindLongFunctions(const SourceFile& file, Complaints* complaints) {
  std::string head;  // Since the last ';', '{' or '}' outside functions
  int depth = 0;     // Inside a function
  size_t start = 0;
  for (size_t i = 0; i < file.code.size(); ++i) {
    if (file.code[i].starts_with('#')) {
      continue;
    }
    for (const char c : file.code[i]) {
      if (depth > 0) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        if (depth == 0 && i - start + 1 > 70) {
          complaints->push_back(At(file, start) +
                                fmt::format("{} lines", i - start + 1));
        }
      } else if (c == '{' && Contains(head, "(")) {
        depth = 1;
        start = i;
        head.clear();
      } else if (c == ';' || c == '{' || c == '}') {
        head.clear();
      } else {
        head += c;
      }
    }
    head += ' ';
  }
}

TEST(TidyTest, FunctionsHaveAtMost70Lines) {
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    if (file.IsCpp()) {
      FindLongFunctions(file, &complaints);
    }
  }
  EXPECT_THAT(complaints, IsEmpty());

  SourceFile sample{"sample.cc", {}, {"namespace a {", "class B {", "int F("}};
  sample.code.push_back("    int x) {");
  sample.code.insert(sample.code.end(), 69, "  ;");
  sample.code.insert(sample.code.end(), {"}", "};", "}"});
  Complaints expected;
  FindLongFunctions(sample, &expected);
  EXPECT_THAT(expected, testing::ElementsAre("sample.cc:4: 71 lines"));
}

// "src/zab/peer.h" has the guard PADDOCK_ZAB_PEER_H_.
TEST(TidyTest, GuardsAreNamedByPath) {
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    if (!file.IsHeader()) {
      continue;
    }
    std::string guard = file.path;
    for (const std::string_view prefix : {"src/", "include/paddock/"}) {
      if (guard.starts_with(prefix)) {
        guard.erase(0, prefix.size());
      }
    }
    for (char& c : guard) {
      c = isalnum(static_cast<unsigned char>(c)) != 0
              ? static_cast<char>(toupper(c))
              : '_';
    }
    const std::string wanted = fmt::format("#ifndef PADDOCK_{}_", guard);
    if (std::find(file.lines.begin(), file.lines.end(), wanted) ==
        file.lines.end()) {
      complaints.push_back(fmt::format("{}: no {}", file.path, wanted));
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// A test that is not built is no test.  tests/CMakeLists.txt globs the folders
// that it names, and tests/fuzz.
TEST(TidyTest, EveryTestIsBuilt) {
  std::string cmake;
  for (const SourceFile& file : Files()) {
    if (file.In("tests") && file.path.ends_with("CMakeLists.txt")) {
      for (const std::string& line : file.lines) {
        cmake += line + "\n";
      }
    }
  }
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    const fs::path path = file.path;
    const std::string folder = path.parent_path().filename();
    const bool is_test = file.path.ends_with("_test.cc");
    const bool is_fuzzer = file.path.ends_with("_fuzz.cc");
    if ((is_test &&
         !Contains(cmake, fmt::format("paddock_tests({} ", folder)) &&
         !Contains(cmake, path.filename().string())) ||
        (is_fuzzer && !file.In("tests/fuzz"))) {
      complaints.push_back(file.path);
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// libFuzzer starts from examples: tests/fuzz/corpus/x for x_fuzz.cc.
TEST(TidyTest, EveryFuzzerHasACorpus) {
  Complaints complaints;
  for (const SourceFile& file : Files()) {
    if (file.path.ends_with("_fuzz.cc")) {
      const std::string name = fs::path(file.path).stem();
      const fs::path corpus = fs::path(PADDOCK_SOURCE_DIR) /
                              "tests/fuzz/corpus" /
                              name.substr(0, name.size() - 5);
      if (!fs::is_directory(corpus) || fs::is_empty(corpus)) {
        complaints.push_back(corpus);
      }
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// The name of the field that a line of a struct declares, or "".
std::string FieldOf(std::string_view line) {
  const std::string_view head =
      line.substr(0, std::min(line.find(" = "), line.find(';')));
  const bool declares = line.starts_with("  ") && !line.starts_with("   ") &&
                        head.size() < line.size() && !Contains(head, "(");
  return std::string(declares ? head.substr(head.rfind(' ') + 1) : "");
}

// A key whose field nobody reads would be a promise that nobody keeps.
TEST(TidyTest, EveryFieldOfTheConfigIsUsed) {
  std::string uses;
  std::vector<std::string> fields;
  for (const SourceFile& file : Files()) {
    for (const std::string& line : file.code) {
      if (file.path == "include/paddock/config.h" && !FieldOf(line).empty()) {
        fields.push_back(FieldOf(line));
      }
      if (file.In("src/server")) {
        uses += line + "\n";
      }
    }
  }
  EXPECT_GT(fields.size(), 50);
  Complaints complaints;
  const std::set<std::string> of_parsed_config = {"config", "warnings",
                                                  "file_name", "lines"};
  for (const std::string& field : fields) {
    if (!HasWord(uses, "config." + field) &&
        !HasWord(uses, "config_." + field) &&
        !of_parsed_config.contains(field)) {
      complaints.push_back(field);
    }
  }
  EXPECT_THAT(complaints, IsEmpty());
}

// The text between the first `before` and the next `after` in the file.
std::string Between(const std::string& path, std::string_view before,
                    char after) {
  for (const SourceFile& file : Files()) {
    for (const std::string& line : file.lines) {
      const size_t at = line.find(before);
      if (file.path == path && at != std::string::npos) {
        const std::string rest = line.substr(at + before.size());
        return rest.substr(0, rest.find(after));
      }
    }
  }
  return path + ": not found";
}

TEST(TidyTest, TheVersionIsTheSameEverywhere) {
  EXPECT_EQ(Between("CMakeLists.txt", "project(paddock VERSION ", ' '),
            Between("include/paddock/version.h", "kVersion[] = \"", '"'));
}

}  // namespace
}  // namespace paddock
