#!/usr/bin/env bash
# Train english-small, the model in the box, and put it there. docs/english-small.md tells what it is and how good.
#
#     scripts/english_small.sh TRAIN DEV LEXICON TEXT... [-- FOLDER]
#
# TRAIN and DEV are the lists that collect_english.py makes from the public corpora; a test.tsv beside DEV is reported on.
# LEXICON is CMUdict (cmudict-en-us.dict of the wheel pocketsphinx 5.1.1 in our case). TEXTs are files for the language
# model (public-domain novels and LJSpeech's transcripts in our case). FOLDER (default: english-small) gets all that is
# made.
# Stopped at any moment, the same command goes on where it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: scripts/english_small.sh TRAIN DEV LEXICON TEXT... [-- FOLDER]"
train=${1:?$usage}
dev=${2:?$usage}
lexicon=${3:?$usage}
shift 3
texts=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  texts+=("$1")
  shift
done
fail() {
  echo "scripts/english_small.sh: $*" >&2
  exit 2
}
[ ${#texts[@]} -gt 0 ] || fail "no text for the language model; docs/english-small.md names ours"
for file in "$train" "$dev" "$lexicon" "${texts[@]}"; do
  [ -f "$file" ] && [ -r "$file" ] || fail "$file cannot be read; a list, the lexicon or a text is missing"
done
test=("$(dirname "$dev")/test.tsv")
if [ -f "${test[0]}" ]; then test=(--test "${test[0]}"); else test=(); fi
folder=${2:-english-small}
box=${ASRKIT_BOX:-$here/../asrkit/models/english-small}

run() {
  echo "+ $*" >&2
  "$@"
}

mkdir -p "$folder/lm"
run python "$here/prepare_english.py" "$train" "$dev" "$folder/data" "${test[@]}"
# A model of each text, and one of how people speak who read into microphones; the dev set says how much of each.
models=()
for text in "${texts[@]}"; do
  model="$folder/lm/text-$((${#models[@]} + 1)).arpa" # two texts may have one name, or that of another model here
  least=0
  [ "$(wc -c <"$text")" -lt 4000000 ] || least=1 # of a large text, n-grams seen once are noise
  run asrkit lm build "$text" --order 4 --prune 0 0 $least $least --max-vocab 80000 -o "$model"
  models+=("$model")
done
run asrkit lm build "$folder/data/train.tsv" --order 4 --discount-fallback -o "$folder/lm/speech.arpa"
run asrkit lm interpolate "${models[@]}" "$folder/lm/speech.arpa" --tune-on "$folder/data/dev.tsv" -o "$folder/lm/told.arpa"
# None of that counts or spells; dev hardly does, so it cannot say how much.
run python "$here/spoken_figures.py" "$lexicon" "$folder/lm/figures.txt"
run asrkit lm build "$folder/lm/figures.txt" --order 4 --discount-fallback -o "$folder/lm/figures.arpa"
run asrkit lm interpolate "$folder/lm/told.arpa" "$folder/lm/figures.arpa" --weights 0.95 0.05 -o "$folder/lm/mixed.arpa"
run asrkit lm lexicon "$folder/lm/mixed.arpa" --lexicon "$lexicon" -o "$folder/lexicon.txt"
run asrkit lm prune "$folder/lm/mixed.arpa" --threshold 1.8e-7 -o "$folder/lm/small.arpa"
run asrkit lm convert "$folder/lm/small.arpa" "$folder/lm/small.bin" --quantize

# A few passes in quiet first: noise keeps a network that knows nothing yet from learning. The third and fourth part go on
# with a little less of it, at one rate and then at a falling one.
part() { # NAME SETTINGS OPTION...: train a part of the whole
  local name=$1 config=$2
  shift 2
  run asrkit train "$folder/data/train.tsv" --dev "$folder/data/dev.tsv" --config "$here/$config" \
    --set "data.lexicon=$folder/lexicon.txt" -o "$folder/$name" "$@"
}
part first english_small.toml
part second english_small_second.toml --from "$folder/first"
gentler=(--set training.learning_rate=1.2e-3)
for share in noise_probability=0.25 room_probability=0.12 codec_probability=0.06; do
  gentler+=(--set "training.augmentation.$share")
done
part third english_small_second.toml --from "$folder/second" "${gentler[@]}" --epochs 8 --set training.final_learning_rate_share=1.0
part fourth english_small_second.toml --from "$folder/third" "${gentler[@]}" --epochs 19 --set training.warmup_steps=60
# The same in two thirds of the time. The model in the box is the mean of before and after three passes, though these turned
# out to bring nothing (docs/design/0015-smaller-network.md); the search is tuned anew below, which does.
run python "$here/compress_model.py" "$folder/fourth" "$folder/data/train.tsv" -o "$folder/compressed" --bottleneck 256 --kernel 7 7
part narrow english_small_compressed.toml --from "$folder/compressed"
run python "$here/average_models.py" "$folder/compressed" "$folder/narrow" -o "$folder/english-small"
run asrkit lm tune --model "$folder/english-small" --data "$folder/data/tuning.tsv" --lm "$folder/lm/small.bin"
export_model() { # FROM TO CARD
  run asrkit model export "$2" --model "$1" --half --compact --lm "$folder/lm/small.bin" --card "$3"
}
export_model "$folder/english-small" "$folder/exported" "$here/english_small_card.toml"

for set in "$folder"/data/sets/*.tsv; do
  name=$(basename "$set" .tsv)
  run asrkit transcribe "$set" --model "$folder/exported" --decoder greedy -o "$folder/out/$name-greedy"
  run asrkit transcribe "$set" --model "$folder/exported" --beam 50 --lm none -o "$folder/out/$name-beam"
  run asrkit transcribe "$set" --model "$folder/exported" --beam 50 -o "$folder/out/$name-lm"
  run asrkit transcribe "$set" --model "$folder/exported" -o "$folder/out/$name-tuned"
  for way in greedy beam lm tuned; do
    run asrkit score "$folder/out/$name-$way/hyp.txt" "$set" --worst 0
  done
done
# The card tells what this one heard and how well it does.
run python "$here/english_card.py" "$folder"
export_model "$folder/exported" "$box" "$folder/card.toml"
