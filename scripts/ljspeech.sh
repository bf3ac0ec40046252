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
set -euo pipefail
split=${1:?usage: scripts/ljspeech.sh random|last500|chapter [SOURCE] [FOLDER] [train options]}
source=${2:-data/LJSpeech-1.1}
folder=${3:-ljspeech-$split}
shift $(($# < 3 ? $# : 3))

run() {
  echo "+ $*" >&2
  "$@"
}

[ -e "$source" ] || run asrkit data download ljspeech
run asrkit data import "$source" -o "$folder/data" --split "$split"
run asrkit train "$folder/data/train.tsv" --dev "$folder/data/dev.tsv" "$@" -o "$folder/model"
run asrkit lm build "$folder/data/train.tsv" --order 3 --discount-fallback -o "$folder/3gram.arpa"
run asrkit lm tune --model "$folder/model" --data "$folder/data/dev.tsv" --lm "$folder/3gram.arpa"
held_out="$folder/data/test.tsv"
[ -e "$held_out" ] || held_out="$folder/data/dev.tsv"
run asrkit transcribe "$held_out" --model "$folder/model" --decoder greedy -o "$folder/greedy"
run asrkit score "$folder/greedy/hyp.txt" "$held_out"
run asrkit transcribe "$held_out" --model "$folder/model" --lm "$folder/3gram.arpa" -o "$folder/with_lm"
run asrkit score "$folder/with_lm/hyp.txt" "$held_out"
