#include "ngram/ngram_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace asrkit {

namespace {

constexpr char kMagic[16] = "asrkit n-grams\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kByteOrder = 0x0102030405060708ull;
constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kMaxCount = 0xFFFFFFFFull;  // of anything but letters; keeps products far from overflow
// Quantized models of up to so many n-grams have a fuller hash table than in memory: who quantizes wants a small file. In
// a larger one, which no cache holds, the longer searches would cost too much.
constexpr std::uint64_t kMaxDense = 1u << 20;

std::uint64_t checksum_of(const char* data, std::size_t size) {
  // Four independent lanes keep the multiplier busy; the tail is padded with zeros, the size is mixed in.
  std::array<std::uint64_t, 4> lanes = {0x9E3779B97F4A7C15ull, 0xC2B2AE3D27D4EB4Full, 0x165667B19E3779F9ull, size};
  std::size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    std::uint64_t block[4];
    std::memcpy(block, data + at, 32);
    for (int i = 0; i < 4; ++i) {
      lanes[i] = (lanes[i] ^ block[i]) * 0x9DDFEA08EB382D69ull;
      lanes[i] ^= lanes[i] >> 32;
    }
  }
  std::uint64_t block[4] = {0, 0, 0, 0};
  if (at < size) std::memcpy(block, data + at, size - at);
  std::uint64_t total = 0;
  for (int i = 0; i < 4; ++i) total = mix_bits(total ^ mix_bits(lanes[i] ^ block[i]));
  return total;
}

// The sections in file order.
enum Section { kText, kOffsets, kWordSlots, kUnigrams, kEntries, kContexts, kProbTable, kBackoffTable, kNumSections };

std::array<std::uint64_t, kNumSections> section_sizes(const NgramFileHeader& header) {
  const bool is_quantized = header.is_quantized != 0;
  const std::uint64_t table = is_quantized ? kNumCodes * sizeof(float) : 0;
  return {header.text_size,
          (header.num_words + 1) * sizeof(std::uint64_t),
          header.num_word_slots * sizeof(WordId),
          header.num_words * sizeof(UnigramEntry),
          header.num_slots * (is_quantized ? sizeof(QuantizedEntry) : sizeof(NgramEntry)),
          header.num_contexts * (is_quantized ? sizeof(std::uint32_t) : sizeof(NgramContext)),
          table,
          table};
}

std::uint64_t padded(std::uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::uint64_t header_checksum(const NgramFileHeader& header) {
  return checksum_of(reinterpret_cast<const char*>(&header), offsetof(NgramFileHeader, checksum));
}

std::array<const char*, kNumSections> section_places(const NgramFileHeader& header, const char* file) {
  std::array<const char*, kNumSections> places{};
  const char* next = file + padded(sizeof(NgramFileHeader));
  const auto sizes = section_sizes(header);
  for (int i = 0; i < kNumSections; ++i) {
    places[i] = next;
    next += padded(sizes[i]);
  }
  return places;
}

std::uint64_t file_size(const NgramFileHeader& header) {
  std::uint64_t size = padded(sizeof(NgramFileHeader));
  for (const std::uint64_t section : section_sizes(header)) size += padded(section);
  return size;
}

NgramFileHeader read_header(std::string_view bytes) {
  NgramFileHeader header;
  if (bytes.size() < sizeof(header)) throw NgramFileError("the file is too short for a model; it was cut off");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) throw NgramFileError("this is no n-gram model of asrkit");
  if (header.byte_order != kByteOrder) throw NgramFileError("the model was made on a machine of another byte order");
  if (header.version != kVersion) {
    throw NgramFileError("the file has format version " + std::to_string(header.version) + ", this asrkit reads " +
                         std::to_string(kVersion) + "; convert the model again");
  }
  const bool is_whole = header.checksum == header_checksum(header);
  const std::uint64_t largest =
      std::max({header.num_words, header.num_word_slots, header.num_slots, header.num_contexts, header.text_size >> 16});
  const std::uint64_t smallest = std::min({header.num_words, header.num_word_slots, header.num_slots, header.num_contexts});
  const std::uint64_t last_word = std::max({header.begin_word, header.end_word, header.unknown_word});
  if (!is_whole || header.order < 1 || header.order > 16 || header.is_quantized > 1 || largest > kMaxCount ||
      smallest < 1 || last_word >= header.num_words || header.counts[0] > header.num_words ||
      *std::max_element(header.counts + 1, header.counts + 16) > header.num_slots) {
    throw NgramFileError("the header is damaged; convert the model again");
  }
  if (file_size(header) != bytes.size()) {
    throw NgramFileError("the file has " + std::to_string(bytes.size()) + " bytes, its header says " +
                         std::to_string(file_size(header)) + "; it was cut off or damaged");
  }
  return header;
}

std::uint64_t data_checksum(const NgramFileHeader& header, const std::array<const char*, kNumSections>& places) {
  const auto sizes = section_sizes(header);
  std::uint64_t total = 0;
  for (int i = 0; i < kNumSections; ++i) total = mix_bits(total ^ checksum_of(places[i], sizes[i]));
  return total;
}

template <class T>
const T* as(const char* place) {
  return reinterpret_cast<const T*>(place);
}

// 256 values that stand for many: half of them evenly spaced, because the few large back-offs and probabilities are
// the most used; half of them means of equally large groups of neighbors. Zero keeps a code of its own, because a
// back-off of exactly zero is what lets contexts be merged.
std::vector<float> make_codes(std::vector<float> values) {
  std::vector<float> codes = {0.0f};
  std::sort(values.begin(), values.end());
  const std::size_t num_spaced = kNumCodes / 2;
  const std::size_t num_groups = kNumCodes - num_spaced - 1;
  for (std::size_t i = 0; i < num_spaced && !values.empty(); ++i) {
    const float share = (static_cast<float>(i) + 0.5f) / static_cast<float>(num_spaced);
    codes.push_back(values.front() + share * (values.back() - values.front()));
  }
  for (std::size_t group = 0; group < num_groups; ++group) {
    const std::size_t begin = values.size() * group / num_groups;
    const std::size_t end = values.size() * (group + 1) / num_groups;
    double sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) sum += values[i];
    if (begin < end) codes.push_back(static_cast<float>(sum / static_cast<double>(end - begin)));
  }
  std::sort(codes.begin(), codes.end());
  codes.resize(kNumCodes, codes.back());
  return codes;
}

std::uint32_t nearest_code(const std::vector<float>& codes, float value) {
  const auto above = std::lower_bound(codes.begin(), codes.end(), value);
  if (above == codes.begin()) return 0;
  if (above == codes.end()) return static_cast<std::uint32_t>(kNumCodes - 1);
  const bool is_closer_below = value - above[-1] < *above - value;
  return static_cast<std::uint32_t>(above - codes.begin()) - (is_closer_below ? 1 : 0);
}

}  // namespace

NgramHandle open_ngram_file(std::string_view bytes, std::shared_ptr<const void> owner) {
  const NgramFileHeader header = read_header(bytes);
  const auto places = section_places(header, bytes.data());
  NgramView view;
  view.order = static_cast<int>(header.order);
  view.vocabulary = {places[kText],
                     as<std::uint64_t>(places[kOffsets]),
                     as<WordId>(places[kWordSlots]),
                     header.text_size,
                     header.num_word_slots,
                     static_cast<WordId>(header.num_words)};
  view.unigrams = as<UnigramEntry>(places[kUnigrams]);
  if (header.is_quantized != 0) {
    view.quantized_entries = as<QuantizedEntry>(places[kEntries]);
    view.quantized_contexts = as<std::uint32_t>(places[kContexts]);
    view.log10_probs = as<float>(places[kProbTable]);
    view.log10_backoffs = as<float>(places[kBackoffTable]);
  } else {
    view.entries = as<NgramEntry>(places[kEntries]);
    view.contexts = as<NgramContext>(places[kContexts]);
  }
  view.num_slots = header.num_slots;
  view.num_contexts = static_cast<std::uint32_t>(header.num_contexts);
  view.begin_word = static_cast<WordId>(header.begin_word);
  view.end_word = static_cast<WordId>(header.end_word);
  view.unknown_word = static_cast<WordId>(header.unknown_word);
  return {view, {header.counts, header.counts + header.order}, std::move(owner), nullptr};
}

void check_ngram_file(std::string_view bytes) {
  const NgramFileHeader header = read_header(bytes);
  if (data_checksum(header, section_places(header, bytes.data())) != header.data_checksum) {
    throw NgramFileError("the checksum is wrong: the file is damaged; convert the model again");
  }
  check_ngram_tables(open_ngram_file(bytes, nullptr));
}

NgramImage::NgramImage(const NgramHandle& model, bool quantize_it) : owner_(model.owner) {
  static constexpr char kZeros[kAlignment] = {};
  const NgramView& view = model.tables();
  if (quantize_it && !view.is_quantized()) quantize(view);
  const bool is_new = !quantized_entries_.empty();

  std::memcpy(header_.magic, kMagic, sizeof(kMagic));
  header_.version = kVersion;
  header_.order = static_cast<std::uint32_t>(view.order);
  header_.byte_order = kByteOrder;
  header_.is_quantized = is_new || view.is_quantized();
  std::copy(model.counts.begin(), model.counts.end(), header_.counts);
  header_.num_words = view.vocabulary.num_words;
  header_.text_size = view.vocabulary.text_size;
  header_.num_word_slots = view.vocabulary.num_slots;
  header_.num_slots = is_new ? quantized_entries_.size() : view.num_slots;
  header_.num_contexts = view.num_contexts;
  header_.begin_word = view.begin_word;
  header_.end_word = view.end_word;
  header_.unknown_word = view.unknown_word;

  const auto bytes = [](const void* data) { return static_cast<const char*>(data); };
  std::array<const char*, kNumSections> places = {
      view.vocabulary.text, bytes(view.vocabulary.offsets), bytes(view.vocabulary.slots), bytes(view.unigrams),
      bytes(view.entries),  bytes(view.contexts),           bytes(view.log10_probs),      bytes(view.log10_backoffs)};
  if (view.is_quantized()) {
    places[kEntries] = bytes(view.quantized_entries);
    places[kContexts] = bytes(view.quantized_contexts);
  } else if (is_new) {
    places[kEntries] = bytes(quantized_entries_.data());
    places[kContexts] = bytes(quantized_contexts_.data());
    places[kProbTable] = bytes(log10_probs_.data());
    places[kBackoffTable] = bytes(log10_backoffs_.data());
  }
  header_.data_checksum = data_checksum(header_, places);
  header_.checksum = header_checksum(header_);

  const auto add = [this](const char* data, std::uint64_t size) {
    pieces_.emplace_back(data, size);
    pieces_.emplace_back(kZeros, padded(size) - size);
  };
  add(bytes(&header_), sizeof(header_));
  const auto sizes = section_sizes(header_);
  for (int i = 0; i < kNumSections; ++i) add(places[i], sizes[i]);
}

void NgramImage::quantize(const NgramView& view) {
  if (view.num_contexts > kMaxQuantizedContexts) {
    throw NgramFileError("the model has " + std::to_string(view.num_contexts) + " contexts, too many to quantize (" +
                         std::to_string(kMaxQuantizedContexts) + "); prune it or leave it as it is");
  }
  std::vector<float> probs;
  for (std::uint64_t slot = 0; slot < view.num_slots; ++slot) {
    if (view.entries[slot].word != kNoWord) probs.push_back(view.entries[slot].log10_prob);
  }
  const std::uint64_t num_entries = probs.size();
  log10_probs_ = make_codes(std::move(probs));
  std::vector<float> backoffs(view.num_contexts);
  for (std::uint32_t id = 0; id < view.num_contexts; ++id) backoffs[id] = view.contexts[id].log10_backoff;
  log10_backoffs_ = make_codes(std::move(backoffs));

  const std::uint64_t num_slots = num_entries > kMaxDense ? view.num_slots : num_entries + num_entries / 4 + 1;
  quantized_entries_.assign(num_slots, {kEmptyContext, kNoWord, 0});
  for (std::uint64_t from = 0; from < view.num_slots; ++from) {
    const NgramEntry& entry = view.entries[from];
    if (entry.word == kNoWord) continue;
    std::uint64_t slot = slot_of(NgramView::hash(entry.context, entry.word), num_slots);
    while (quantized_entries_[slot].word != kNoWord) slot = slot + 1 == num_slots ? 0 : slot + 1;
    quantized_entries_[slot] = {entry.context, entry.word,
                                entry.next << 8 | nearest_code(log10_probs_, entry.log10_prob)};
  }
  quantized_contexts_.resize(view.num_contexts);
  for (std::uint32_t id = 0; id < view.num_contexts; ++id) {
    const NgramContext& context = view.contexts[id];
    quantized_contexts_[id] = context.suffix << 8 | nearest_code(log10_backoffs_, context.log10_backoff);
  }
}

}  // namespace asrkit
