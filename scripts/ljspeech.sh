#!/usr/bin/env bash
# Train, transcribe and score LJSpeech on one of three splits, with and without a language model.
#
#     scripts/ljspeech.sh random|last500|chapter [SOURCE] [FOLDER] [asrkit train options, such as --preset base]
#
# random   90 / 10 drawn with a seed, as in the Keras example; its dev set both chooses and reports
# last500  the last 500 ids are held out, 250 dev and 250 test (ESPnet's split)
# chapter  whole chapters are held out, so that no passage is in two sets
#
# SOURCE (default: data/LJSpeech-1.1, fetched when it is not there) may be any subset that `asrkit data import` reads.
# FOLDER (default: ljspeech-SPLIT) gets all that is made. Stopped at any moment, the same command goes on.
#
# UNITS=subwords trains on pieces of words, UNITS=phonemes LEXICON=cmudict.dict on phonemes; words that the lexicon lacks are
# said as its own are. AUGMENT=1 adds noise, rooms and telephones to the training speech (docs/training.md).
set -euo pipefail
usage="usage: scripts/ljspeech.sh random|last500|chapter [SOURCE] [FOLDER] [train options]"
published=data/LJSpeech-1.1
split=${1:?$usage}
source=${2:-$published}
folder=${3:-ljspeech-$split}
shift $(($# < 3 ? $# : 3))

fail() {
  echo "scripts/ljspeech.sh: $*" >&2
  exit 2
}
case $split in
  random | last500 | chapter) ;;
  *) fail "no split $split; $usage" ;;
esac
for place in "$source" "$folder"; do
  [[ $place != -* ]] || fail "$place stands where SOURCE or FOLDER does; train options come after both; $usage"
done
[ -e "$source" ] || [ "$source" = "$published" ] || fail "$source: no such file or folder; only $published is fetched"

run() {
  echo "+ $*" >&2
  "$@"
}

[ -e "$source" ] || run asrkit data download ljspeech
run asrkit data import "$source" -o "$folder/data" --split "$split"
options=(--set "data.units=${UNITS:-characters}")
if [ "${UNITS:-}" = phonemes ]; then
  options+=(--set "data.lexicon=${LEXICON:?phonemes need LEXICON, a file that says how words are said}")
  options+=(--set data.unknown_words=pronounce)
fi
if [ -n "${AUGMENT:-}" ]; then
  for setting in noise_probability=0.3 'noises=["colored", "babble"]' room_probability=0.15 codec_probability=0.08 \
    'codecs=["telephone", "mp3-32k"]'; do
    options+=(--set "training.augmentation.$setting")
  done
fi
run asrkit train "$folder/data/train.tsv" --dev "$folder/data/dev.tsv" "${options[@]}" "$@" -o "$folder/model"
run asrkit lm build "$folder/data/train.tsv" --order 3 --discount-fallback -o "$folder/3gram.arpa"
run asrkit lm tune --model "$folder/model" --data "$folder/data/dev.tsv" --lm "$folder/3gram.arpa"
held_out="$folder/data/test.tsv"
[ -e "$held_out" ] || held_out="$folder/data/dev.tsv"
run asrkit transcribe "$held_out" --model "$folder/model" --decoder greedy -o "$folder/greedy"
run asrkit score "$folder/greedy/hyp.txt" "$held_out"
run asrkit transcribe "$held_out" --model "$folder/model" --lm "$folder/3gram.arpa" -o "$folder/with_lm"
run asrkit score "$folder/with_lm/hyp.txt" "$held_out"
