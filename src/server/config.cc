#include "paddock/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "server/config_keys.h"
#include "server/properties.h"

namespace paddock {
namespace {

using server::Key;
using server::OtherKey;
using server::Property;

constexpr std::string_view kAuthPackage = "org.apache.zookeeper.server.auth.";
constexpr std::string_view kServerPackage = "org.apache.zookeeper.server.";

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lower;
}

// Takes `prefix` off the front of *text, if it is there.
bool ConsumePrefix(std::string_view prefix, std::string_view* text) {
  if (!text->starts_with(prefix)) {
    return false;
  }
  text->remove_prefix(prefix.size());
  return true;
}

// The parts of a comma separated list, trimmed; empty ones are left out.
std::set<std::string> SplitList(std::string_view list) {
  std::set<std::string> parts;
  while (!list.empty()) {
    std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(part.size() + 1, list.size()));
    const size_t first = part.find_first_not_of(" \t");
    if (first != std::string_view::npos) {
      part = part.substr(first, part.find_last_not_of(" \t") - first + 1);
      parts.emplace(part);
    }
  }
  return parts;
}

// One value as text, to be read as the type of its field.
class Value {
 public:
  Value(const Key& key, std::string_view text) : key_(key), text_(text) {}

  // Each stores into *field what the text says; false when it is not allowed.
  bool Read(bool* field) const {
    const bool yes_no = key_.allowed.choices == "yes|no";
    const std::string text = yes_no ? std::string(text_) : ToLower(text_);
    *field = text == (yes_no ? "yes" : "true");
    return *field || text == (yes_no ? "no" : "false");
  }

  bool Read(int* field) const {
    const std::optional<int64_t> number = Number();
    *field = static_cast<int>(number.value_or(0));
    return number.has_value();
  }

  // Bytes.  A negative number is a mark and no size.
  bool Read(int64_t* field) const {
    const std::optional<int64_t> number = Number();
    *field = number.value_or(0);
    if (*field > 0) {
      *field *= server::UnitScale(key_.allowed);
    }
    return number.has_value();
  }

  bool Read(double* field) const {
    const char* const end = text_.data() + text_.size();
    const auto [last, error] = std::from_chars(text_.data(), end, *field);
    return error == std::errc() && last == end && *field >= 0 && *field <= 1;
  }

  bool Read(absl::Duration* field) const {
    const std::optional<int64_t> number = Number();
    *field = absl::Milliseconds(number.value_or(0));
    return number.has_value();
  }

  bool Read(std::string* field) const {
    *field = text_;
    const std::string_view choices = key_.allowed.choices;
    return choices.empty() ||
           (text_.find('|') == std::string_view::npos &&
            fmt::format("|{}|", choices).find(fmt::format("|{}|", text_)) !=
                std::string::npos);
  }

  bool Read(std::set<std::string>* field) const {
    *field = SplitList(text_);
    return true;
  }

 private:
  // Decimal, or hexadecimal after 0x as in Java's Integer.decode().
  std::optional<int64_t> Number() const {
    std::string_view digits = text_;
    if (ConsumePrefix("+", &digits) && digits.starts_with('-')) {
      return std::nullopt;
    }
    const bool hex =
        ConsumePrefix("0x", &digits) || ConsumePrefix("0X", &digits);
    int64_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [last, error] =
        std::from_chars(digits.data(), end, number, hex ? 16 : 10);
    if (error != std::errc() || last != end || number < key_.allowed.min ||
        number > key_.allowed.max) {
      return std::nullopt;
    }
    return number;
  }

  const Key& key_;
  const std::string_view text_;
};

// What a server.N line says about the client port.
struct ClientAddress {
  std::string host;
  int port = 0;
};

// Reads "host:qport:eport[:role][;[chost:]cport]".  Returns a port of -1 when
// there is no client part, nullopt when there is a wrong one.
std::optional<ClientAddress> ClientAddressOf(std::string_view server) {
  ClientAddress address{"", -1};
  const size_t semicolon = server.find(';');
  if (semicolon == std::string_view::npos) {
    return address;
  }
  std::string_view client = server.substr(semicolon + 1);
  if (const size_t colon = client.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = client.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
    }
    address.host = host;
    client.remove_prefix(colon + 1);
  }
  const char* const end = client.data() + client.size();
  const auto [last, error] = std::from_chars(client.data(), end, address.port);
  if (error != std::errc() || last != end || address.port < 0 ||
      address.port > 65535) {
    return std::nullopt;
  }
  return address;
}

class Parser {
 public:
  explicit Parser(std::string_view file_name) : file_name_(file_name) {}

  absl::Status Take(const Property& property) {
    std::string_view name = property.key;
    ConsumePrefix("zookeeper.", &name);
    if (const Key* const key = server::FindKey(name)) {
      return TakeKey(*key, property);
    }
    if (name.starts_with("server.")) {
      servers_[std::string(name)] = property;  // The last line wins
      return absl::OkStatus();
    }
    if (name.starts_with("authProvider.")) {
      TakeAuthProvider(property);
    } else if (name == "serverCnxnFactory") {
      TakeConnectionFactory(property);
    } else if (name == "dynamicConfigFile") {
      return Error(property.line,
                   "dynamicConfigFile: ensembles are not "
                   "supported yet; remove it to run standalone");
    } else if (name == "sessionRequireClientSASLAuth") {
      TakeRequireSasl(property);
    } else if (const OtherKey* const other = server::FindOtherKey(name)) {
      TakeOtherKey(*other, property);
    } else {
      TakeUnknownKey(property);
    }
    return absl::OkStatus();
  }

  // Looks at what concerns several keys.
  absl::StatusOr<ParsedConfig> Finish() {
    RETURN_IF_ERROR(FinishServers());
    RETURN_IF_ERROR(FinishPlaces());
    RETURN_IF_ERROR(FinishTimeouts());
    RETURN_IF_ERROR(FinishAccess());
    for (const auto& [feature, use] : features_) {
      Warn(use.line, fmt::format("not supported yet, no effect ({}): {}",
                                 feature, use.keys));
    }
    ParsedConfig parsed{.config = std::move(config_),
                        .warnings = std::move(warnings_),
                        .file_name = std::string(file_name_)};
    for (const auto& [key, line] : lines_) {
      parsed.lines.emplace(key->name, line);
    }
    if (has_server_port_ && !parsed.lines.contains("clientPort")) {
      const auto& [name, property] = *servers_.begin();
      parsed.lines.emplace("clientPort", property.line);
    }
    return parsed;
  }

 private:
  struct FeatureUse {
    int line = 0;
    std::string keys;
  };

  absl::Status Error(int line, std::string_view what) const {
    return absl::InvalidArgumentError(
        line == 0 ? fmt::format("{}: {}", file_name_, what)
                  : fmt::format("{}:{}: {}", file_name_, line, what));
  }

  void Warn(int line, std::string_view what) {
    warnings_.push_back(fmt::format("{}:{}: {}", file_name_, line, what));
  }

  absl::Status TakeKey(const Key& key, const Property& property) {
    lines_[&key] = property.line;
    const Value value(key, property.value);
    const bool is_allowed = std::visit(
        [&](auto field) { return value.Read(&(config_.*field)); }, key.field);
    if (!is_allowed) {
      return Error(
          property.line,
          fmt::format("{}: '{}' is not allowed; allowed: {}", property.key,
                      property.value, server::DescribeAllowed(key)));
    }
    return absl::OkStatus();
  }

  // Names of classes of the Java server select what is built in.
  void TakeAuthProvider(const Property& property) {
    std::string_view name = property.value;
    ConsumePrefix(kAuthPackage, &name);
    if (name == "EnsembleAuthenticationProvider") {
      config_.ensemble_auth_enabled = true;
    } else if (name == "SASLAuthenticationProvider") {
      NoteFeature("SASL", property);
    } else if (name == "X509AuthenticationProvider") {
      NoteFeature("TLS", property);
    } else if (name != "DigestAuthenticationProvider" &&
               name != "IPAuthenticationProvider") {
      Warn(property.line, fmt::format("{}: no authentication provider '{}' "
                                      "here; ignored",
                                      property.key, property.value));
    }
  }

  void TakeConnectionFactory(const Property& property) {
    std::string_view name = property.value;
    ConsumePrefix(kServerPackage, &name);
    if (name != "NIOServerCnxnFactory" && name != "NettyServerCnxnFactory") {
      Warn(property.line,
           fmt::format("{}: no connection factory '{}' here; ignored",
                       property.key, property.value));
    }
  }

  // Must not be ignored: it would open to all what was meant for some.
  void TakeRequireSasl(const Property& property) {
    requires_sasl_ = ToLower(property.value) == "true";
    if (requires_sasl_) {
      Warn(property.line, fmt::format("{}: no client can use this server, for "
                                      "SASL is not supported yet",
                                      property.key));
    }
  }

  void TakeOtherKey(const OtherKey& other, const Property& property) {
    const bool asks_for_it = !property.value.empty() &&
                             ToLower(property.value) != ToLower(other.harmless);
    if (!other.feature.empty() && asks_for_it) {
      NoteFeature(std::string(other.feature), property);
    }
  }

  void TakeUnknownKey(const Property& property) {
    std::string_view name = property.key;
    ConsumePrefix("zookeeper.", &name);
    const std::string_view nearest = server::NearestKey(name);
    const std::string suggestion =
        nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
    Warn(property.line,
         fmt::format("unknown key '{}', ignored{}", property.key, suggestion));
  }

  void NoteFeature(const std::string& feature, const Property& property) {
    FeatureUse& use = features_[feature];
    if (use.keys.empty()) {
      use.line = property.line;
    } else {
      use.keys += ", ";
    }
    use.keys += property.key;
  }

  // The line of a key, 0 when it is not in the file.
  int LineOf(std::string_view name) const {
    const auto found = lines_.find(server::FindKey(name));
    return found == lines_.end() ? 0 : found->second;
  }

  // One server line is a standalone server; it may name the client port.
  absl::Status FinishServers() {
    if (servers_.empty()) {
      return absl::OkStatus();
    }
    const Property& first = servers_.begin()->second;
    if (servers_.size() > 1) {
      return Error(first.line,
                   fmt::format("{} servers, but ensembles are not supported "
                               "yet; one server line at most",
                               servers_.size()));
    }
    NoteFeature("ensembles", first);
    const std::optional<ClientAddress> address = ClientAddressOf(first.value);
    if (!address) {
      return Error(first.line,
                   fmt::format("{}: '{}' has a wrong client port; allowed: "
                               "HOST:PORT:PORT[:ROLE][;[HOST:]PORT]",
                               first.key, first.value));
    }
    if (address->port < 0) {
      return absl::OkStatus();
    }
    const bool differs = LineOf("clientPort") != 0 &&
                         (address->port != config_.client_port ||
                          address->host != config_.client_port_address);
    if (differs) {
      return Error(first.line, fmt::format("{}: its client port contradicts "
                                           "clientPort in line {}",
                                           first.key, LineOf("clientPort")));
    }
    config_.client_port = address->port;
    config_.client_port_address = address->host;
    has_server_port_ = true;
    return absl::OkStatus();
  }

  absl::Status FinishPlaces() {
    if (config_.data_dir.empty()) {
      return Error(LineOf("dataDir"), "dataDir is not set");
    }
    if (config_.data_log_dir.empty()) {
      config_.data_log_dir = config_.data_dir;
    }
    if (LineOf("clientPort") == 0 && !has_server_port_) {
      return Error(LineOf("clientPortAddress"), "clientPort is not set");
    }
    return absl::OkStatus();
  }

  absl::Status FinishTimeouts() {
    if (config_.min_session_timeout < absl::ZeroDuration() ||
        LineOf("minSessionTimeout") == 0) {
      config_.min_session_timeout = 2 * config_.tick_time;
    }
    if (config_.max_session_timeout < absl::ZeroDuration() ||
        LineOf("maxSessionTimeout") == 0) {
      config_.max_session_timeout = 20 * config_.tick_time;
    }
    if (config_.min_session_timeout > config_.max_session_timeout) {
      const int line =
          std::max(LineOf("minSessionTimeout"), LineOf("maxSessionTimeout"));
      return Error(
          line,
          fmt::format("minSessionTimeout ({} ms) is above maxSessionTimeout "
                      "({} ms)",
                      absl::ToInt64Milliseconds(config_.min_session_timeout),
                      absl::ToInt64Milliseconds(config_.max_session_timeout)));
    }
    return absl::OkStatus();
  }

  absl::Status FinishAccess() {
    if (config_.enforce_auth_enabled && config_.enforce_auth_schemes.empty()) {
      return Error(LineOf("enforce.auth.enabled"),
                   "enforce.auth.enabled needs enforce.auth.schemes");
    }
    for (const std::string& scheme : config_.enforce_auth_schemes) {
      const bool is_known =
          scheme == "ip" || (scheme == "digest" && config_.digest_auth_enabled);
      if (config_.enforce_auth_enabled && !is_known) {
        return Error(LineOf("enforce.auth.schemes"),
                     fmt::format("enforce.auth.schemes: no scheme '{}' here; "
                                 "allowed: digest, ip",
                                 scheme));
      }
    }
    if (requires_sasl_) {
      config_.enforce_auth_enabled = true;
      config_.enforce_auth_schemes = {"sasl"};
    }
    config_.four_letter_words.insert("srvr");
    if (config_.read_only_mode_enabled) {
      config_.four_letter_words.insert("isro");
    }
    return absl::OkStatus();
  }

  const std::string_view file_name_;
  Config config_;
  std::vector<std::string> warnings_;
  std::map<const Key*, int> lines_;  // Only looked up in
  std::map<std::string, Property> servers_;
  std::map<std::string, FeatureUse> features_;
  bool requires_sasl_ = false;
  bool has_server_port_ = false;
};

}  // namespace

absl::StatusOr<ParsedConfig> ParseConfig(std::string_view text,
                                         std::string_view file_name) {
  std::vector<Property> properties;
  ASSIGN_OR_RETURN(properties, server::ParseProperties(text, file_name));
  Parser parser(file_name);
  for (const Property& property : properties) {
    RETURN_IF_ERROR(parser.Take(property));
  }
  return parser.Finish();
}

std::string ParsedConfig::Origin(const std::string& key) const {
  const auto found = lines.find(key);
  return found == lines.end()
             ? fmt::format("{}: {}: ", file_name, key)
             : fmt::format("{}:{}: {}: ", file_name, found->second, key);
}

}  // namespace paddock
