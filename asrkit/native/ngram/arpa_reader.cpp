#include "ngram/arpa_reader.hpp"

#include <cmath>

#include "text/utf8.hpp"

namespace asrkit {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Hands out the lines of a text and the fields of a line.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  // Moves to the next line; false at the end of the text.
  bool next() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    while (!line_.empty() && is_space(line_.back())) line_.remove_suffix(1);
    ++number_;
    return true;
  }

  // Moves to the next line that is not empty.
  bool next_filled() {
    while (next()) {
      if (!line_.empty()) return true;
    }
    return false;
  }

  // Takes the next field off the line; empty when there is none.
  std::string_view field() {
    std::size_t begin = 0;
    while (begin < line_.size() && is_space(line_[begin])) ++begin;
    std::size_t end = begin;
    while (end < line_.size() && !is_space(line_[end])) ++end;
    const std::string_view result = line_.substr(begin, end - begin);
    line_.remove_prefix(end);
    return result;
  }

  std::string_view line() const { return line_; }
  std::uint64_t number() const { return number_; }

  [[noreturn]] void fail(const std::string& message) const { throw ArpaError(message, number_); }

 private:
  std::string_view rest_, line_;
  std::uint64_t number_ = 0;
};

// Parses a decimal number, such as -1.0391 or 2.5e-07. std::from_chars for float is missing from older macOS.
bool parse_number(std::string_view text, double& value) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool is_negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) ++at;
  double mantissa = 0.0;
  int exponent = 0, num_digits = 0;
  for (; at < end && *at >= '0' && *at <= '9'; ++at, ++num_digits) mantissa = mantissa * 10 + (*at - '0');
  if (at < end && *at == '.') {
    for (++at; at < end && *at >= '0' && *at <= '9'; ++at, ++num_digits, --exponent) {
      mantissa = mantissa * 10 + (*at - '0');
    }
  }
  if (num_digits == 0) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool is_small = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end) return false;
    int given = 0;
    for (; at < end && *at >= '0' && *at <= '9' && given < 10000; ++at) given = given * 10 + (*at - '0');
    exponent += is_small ? -given : given;
  }
  static constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};
  value = exponent < 0 && exponent >= -10 ? mantissa / kPowers[-exponent] : mantissa * std::pow(10.0, exponent);
  if (is_negative) value = -value;
  return at == end && std::isfinite(value);
}

constexpr std::size_t kBatchSize = 256;

class ArpaReader {
 public:
  explicit ArpaReader(std::string_view text) : lines_(text), text_size_(text.size()) {}

  NgramStorage read() {
    read_header();
    try {
      builder_.begin(counts_);
      for (int order = 1; order <= static_cast<int>(counts_.size()); ++order) read_section(order);
      if (lines_.line() != "\\end\\") lines_.fail("expected \\end\\ after the last section");
      return builder_.finish();
    } catch (const NgramError& error) {
      lines_.fail(error.what());
    }
  }

 private:
  void read_header() {
    do {
      if (!lines_.next_filled()) lines_.fail("no \\data\\ line; this is not an ARPA file");
    } while (lines_.line() != "\\data\\");
    while (lines_.next_filled() && lines_.line().front() != '\\') read_count();
    if (counts_.empty()) lines_.fail("the header lists no n-gram counts");
  }

  // "ngram 2=1234"
  void read_count() {
    const std::string_view keyword = lines_.field();
    std::string rest;
    for (std::string_view part = lines_.field(); !part.empty(); part = lines_.field()) rest += part;
    const std::size_t equals = rest.find('=');
    double order = 0, count = -1;
    const bool is_count = keyword == "ngram" && equals != std::string::npos &&
                          parse_number(std::string_view(rest).substr(0, equals), order) &&
                          parse_number(std::string_view(rest).substr(equals + 1), count);
    if (!is_count || count < 0) lines_.fail("expected a line such as 'ngram 1=5000'");
    if (order != static_cast<double>(counts_.size() + 1)) lines_.fail("the orders must be listed as 1, 2, 3, ...");
    if (order > kMaxNgramOrder) lines_.fail("orders above " + std::to_string(kMaxNgramOrder) + " are not supported");
    // Two characters are the least a line takes; a wrong count must not reserve the machine's memory.
    if (count * 2 > static_cast<double>(text_size_)) lines_.fail("the file is too short for this many n-grams");
    counts_.push_back(static_cast<std::uint64_t>(count));
  }

  void read_section(int order) {
    const std::string title = "\\" + std::to_string(order) + "-grams:";
    if (lines_.line() != title) lines_.fail("expected the section " + title);
    std::uint64_t num_read = 0;
    batch_.order = order;
    last_words_.assign(order, {std::string_view(), kNoWord});
    while (true) {
      if (!lines_.next_filled()) lines_.fail("the file ends inside " + title + "; it was cut off");
      if (lines_.line().front() == '\\' && (lines_.line() == "\\end\\" || is_section_title(lines_.line()))) break;
      if (++num_read > counts_[order - 1]) lines_.fail("more n-grams in " + title + " than the header says");
      read_ngram(order);
      if (batch_.size() == kBatchSize) hand_on();
    }
    hand_on();
    if (num_read < counts_[order - 1]) {
      lines_.fail(title + " has " + std::to_string(num_read) + " n-grams, the header says " +
                  std::to_string(counts_[order - 1]));
    }
  }

  static bool is_section_title(std::string_view line) {
    constexpr std::string_view kEnding = "-grams:";
    return line.size() > kEnding.size() && line.substr(line.size() - kEnding.size()) == kEnding;
  }

  // "-1.2  some words  -0.3"; the back-off may be missing.
  void read_ngram(int order) {
    double log10_prob = 0.0, log10_backoff = 0.0;
    if (!parse_number(lines_.field(), log10_prob)) lines_.fail("the probability is not a finite number");
    if (log10_prob > 0.0) lines_.fail("the log10 probability is positive");
    if (!is_log10_prob(log10_prob)) lines_.fail("the log10 probability is out of range");
    WordId words[kMaxNgramOrder];
    std::string_view word;
    for (int i = 0; i < order; ++i) {
      word = lines_.field();
      if (word.empty()) lines_.fail("expected " + std::to_string(order) + " words");
      if (order > 1) words[i] = id_of(word, last_words_[i]);
    }
    const std::string_view backoff_text = lines_.field();
    if (!backoff_text.empty()) {
      if (!parse_number(backoff_text, log10_backoff)) lines_.fail("the back-off is not a finite number");
      if (!is_log10_backoff(log10_backoff)) lines_.fail("the back-off is out of range");
      if (!lines_.field().empty()) lines_.fail("more fields than an n-gram of this order has");
    }
    if (order == 1) {
      if (!is_utf8(word)) lines_.fail("the word is not valid UTF-8");
      builder_.add_word(word, static_cast<float>(log10_prob), static_cast<float>(log10_backoff));
    } else {
      batch_.add(words, static_cast<float>(log10_prob), static_cast<float>(log10_backoff));
      batch_lines_.push_back(lines_.number());
    }
  }

  struct KnownWord {
    std::string_view text;
    WordId id;
  };

  // Neighboring n-grams share words: comparing with the one above is cheaper than a look-up.
  WordId id_of(std::string_view word, KnownWord& above) {
    if (word == above.text) return above.id;
    const WordId id = builder_.vocabulary().find(word);
    if (id == kNoWord) lines_.fail("the word '" + std::string(word) + "' is not among the 1-grams");
    above = {word, id};
    return id;
  }

  void hand_on() {
    try {
      if (batch_.size() > 0) builder_.add(batch_);
    } catch (const NgramError& error) {
      throw ArpaError(error.what(), batch_lines_[error.index]);
    }
    batch_.clear();
    batch_lines_.clear();
  }

  LineReader lines_;
  std::size_t text_size_;
  NgramBuilder builder_;
  std::vector<std::uint64_t> counts_;
  NgramBatch batch_;                         // n-grams read but not handed on
  std::vector<std::uint64_t> batch_lines_;  // their lines
  std::vector<KnownWord> last_words_;       // of the n-gram above
};

}  // namespace

NgramStorage read_arpa(std::string_view text) { return ArpaReader(text).read(); }

}  // namespace asrkit
