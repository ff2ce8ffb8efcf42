#include "requirements.hpp"

#include <cctype>
#include <map>

#include "failure.hpp"
#include "words.hpp"

namespace {

using nlohmann::json;

constexpr char kOperators[] = "<>=!";
constexpr std::size_t kLongestValue = 16384, kMostVariables = 64, kLongestExpression = 600, kMostFailures = 4, kMostParts = 16, kMostDigits = 15;
const std::vector<std::string> kProperties = {"cuda", "driver", "arch", "brand"}, kComparisons = {"=", "!=", "<", "<=", ">", ">="};

/** As a JSON string: control characters of an image do not reach a terminal. */
std::string in_quotes(const std::string& text, std::size_t longest = 200) {
  const std::string shown = text.size() > longest ? text.substr(0, longest) + "..." : text;
  return json(shown).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/** Dotted digits; empty for what is no version. */
std::vector<unsigned long long> version_parts(const std::string& text) {
  std::vector<unsigned long long> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    const std::string part = text.substr(at, end - at);
    if (part.empty() || part.size() > kMostDigits || part.find_first_not_of("0123456789") != std::string::npos || parts.size() == kMostParts) return {};
    parts.push_back(std::stoull(part));
    at = end + 1;
  }
  return parts;
}

/** Missing numbers at the end are 0. */
int compare(std::vector<unsigned long long> left, std::vector<unsigned long long> right) {
  left.resize(std::max(left.size(), right.size()));
  right.resize(left.size());
  return left < right ? -1 : left > right ? 1 : 0;
}

bool satisfies(int order, const std::string& comparison) {
  if (comparison == "=") return order == 0;
  if (comparison == "!=") return order != 0;
  if (order == 0) return comparison.size() == 2;
  return (order < 0) == (comparison[0] == '<');
}

RequirementRule parse_rule(const std::string& text, const std::string& where) {
  const std::size_t at = text.find_first_of(kOperators);
  const std::size_t end = at == std::string::npos ? at : text.find_first_not_of(kOperators, at);
  if (at == 0 || end == std::string::npos || text.find_first_of("\r\n", end) != std::string::npos)
    throw Failure(where + ": " + in_quotes(text) + " is not PROPERTY OPERATOR VALUE");
  RequirementRule rule{lower(text.substr(0, at)), text.substr(at, end - at), text.substr(end), text};
  if (!has(kProperties, rule.property)) throw Failure(where + ": " + in_quotes(text) + " asks for " + in_quotes(rule.property) + "; there are cuda, driver, arch, brand");
  if (!has(kComparisons, rule.comparison)) throw Failure(where + ": " + in_quotes(text) + " has the operator " + in_quotes(rule.comparison) + "; there are = != < <= > >=");
  if (rule.property != "brand" && version_parts(rule.value).empty()) throw Failure(where + ": " + in_quotes(text) + ": " + in_quotes(rule.value) + " is no version");
  if (rule.property == "brand" && rule.comparison != "=" && rule.comparison != "!=") throw Failure(where + ": " + in_quotes(text) + ": a brand can only be = or !=");
  return rule;
}

Requirement parse_requirement(const std::string& variable, const std::string& expression) {
  if (expression.size() > kLongestValue) throw Failure(variable + " has more than 16384 characters");
  Requirement requirement{variable, expression, {}};
  for (const std::string& term : split(expression, ' ')) {
    std::vector<RequirementRule> rules;
    for (const std::string& rule : split(term, ',')) rules.push_back(parse_rule(rule, variable + "=" + in_quotes(expression)));
    if (!rules.empty()) requirement.terms.push_back(rules);
  }
  return requirement;
}

/** The last value of each variable, as runtimes take it. */
std::map<std::string, std::string> environment(const json& spec) {
  std::map<std::string, std::string> values;
  if (!spec.contains("process")) return values;
  for (const json& entry : spec["process"].value("env", json::array())) {
    const std::string text = entry.get<std::string>();
    if (const std::size_t equals = text.find('='); equals != std::string::npos) values[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return values;
}

bool is_legacy(const std::map<std::string, std::string>& env) {
  const auto version = env.find("CUDA_VERSION");
  return version != env.end() && !version->second.empty() && env.count("NVIDIA_REQUIRE_CUDA") == 0;
}

/** NVIDIA_REQUIRE_<NAME>; the Jetson ones have no NVML to hold them against. */
bool is_requirement(const std::string& name) {
  const std::string start = "NVIDIA_REQUIRE_";
  const auto plain = [](unsigned char c) { return c < 128 && (std::isalnum(c) != 0 || c == '_'); };
  return name.size() > start.size() && name.compare(0, start.size(), start) == 0 && std::all_of(name.begin(), name.end(), plain) &&
         name.find("JETPACK") == std::string::npos;
}

/** Go's strconv.ParseBool. */
bool is_disabled(const std::map<std::string, std::string>& env) {
  const auto found = env.find("NVIDIA_DISABLE_REQUIRE");
  const std::string value = found == env.end() ? "" : found->second;
  if (has({"1", "t", "T", "TRUE", "true", "True"}, value)) return true;
  if (has({"", "0", "f", "F", "FALSE", "false", "False"}, value)) return false;
  throw Failure("NVIDIA_DISABLE_REQUIRE=" + in_quotes(value) + " is neither true nor false");
}

/** "10.2.89" -> "cuda>=10.2"; empty for what is no version ("cu118"). */
std::string legacy_expression(std::string version) {
  if (!version.empty() && version[0] == 'v') version.erase(0, 1);
  const std::size_t dash = std::min(version.find('-'), version.size());
  const std::vector<std::string> parts = split(version.substr(0, dash), '.');
  const auto short_number = [](const std::string& part) { return part.size() <= 4 && part.find_first_not_of("0123456789") == std::string::npos; };
  if (version.size() > 64 || parts.empty() || !short_number(parts[0])) return "";
  return "cuda>=" + parts[0] + "." + (parts.size() > 1 && short_number(parts[1]) ? parts[1] : "0");
}

/** Empty when the rule holds, else what is there instead. What the driver does not tell holds, as in libnvidia-container. */
std::string contradiction(const RequirementRule& rule, const json& state, const json& device) {
  if (rule.property == "brand") {
    const std::vector<std::string> brands = device.value("brands", std::vector<std::string>{});
    const std::string wanted = lower(rule.value);
    const bool holds = brands.empty() || (rule.comparison == "=" ? has(brands, wanted) : brands != std::vector<std::string>{wanted});
    return holds ? "" : rule.text + " (brand is " + brands[0] + ")";
  }
  const json& fact = rule.property == "arch" ? device.at("computeCapability") : state.at(rule.property + "Version");
  const auto parts = fact.is_string() ? version_parts(fact.get<std::string>()) : std::vector<unsigned long long>{};
  if (parts.empty() || satisfies(compare(parts, version_parts(rule.value)), rule.comparison)) return "";
  return rule.text + " (" + rule.property + " is " + fact.get<std::string>() + ")";
}

std::string first_contradiction(const std::vector<RequirementRule>& term, const json& state, const json& device) {
  for (const RequirementRule& rule : term)
    if (const std::string found = contradiction(rule, state, device); !found.empty()) return found;
  return "";
}

}  // namespace

bool is_legacy_image(const json& spec) { return is_legacy(environment(spec)); }

std::vector<Requirement> read_requirements(const json& spec) {
  const std::map<std::string, std::string> env = environment(spec);
  if (is_disabled(env)) return {};
  std::vector<Requirement> requirements;
  for (const auto& [name, value] : env)
    if (is_requirement(name)) requirements.push_back(parse_requirement(name, value));
  if (requirements.size() > kMostVariables) throw Failure("more than 64 variables NVIDIA_REQUIRE_*");
  const std::string legacy = is_legacy(env) ? legacy_expression(env.at("CUDA_VERSION")) : "";
  if (!legacy.empty()) requirements.push_back(parse_requirement("CUDA_VERSION", legacy));
  return requirements;
}

void check_requirements(const std::vector<Requirement>& requirements, const json& state, const json& device) {
  for (const Requirement& requirement : requirements) {
    std::vector<std::string> failures;
    for (const auto& term : requirement.terms) {
      failures.push_back(first_contradiction(term, state, device));
      if (failures.back().empty()) break;
    }
    if (failures.empty() || failures.back().empty()) continue;
    std::string why;
    for (std::size_t at = 0; at < std::min(failures.size(), kMostFailures); ++at) why += (at > 0 ? ", " : "") + failures[at];
    throw Failure(requirement.variable + "=" + in_quotes(requirement.expression, kLongestExpression) + " is not met by GPU " + device.at("uuid").get<std::string>() + ": " + why);
  }
}
