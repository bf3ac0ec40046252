#!/usr/bin/env bash
# Train, transcribe and score CMU AN4, with and without a language model. The figures are in the README.
#
#     scripts/an4.sh SOURCE [FOLDER] [--from english-small]
#
# SOURCE is what prepare_an4.py reads: the unpacked public corpus (http://www.speech.cs.cmu.edu/databases/an4/) or a
# manifest with a column corpus = an4. FOLDER (default: an4) gets data, model, language model and transcripts. Stopped
# at any moment, the same command goes on where it was. With --from, training begins with the weights of another model.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=${1:?usage: scripts/an4.sh SOURCE [FOLDER] [--from english-small]}
folder=${2:-an4}
shift $(($# < 2 ? $# : 2))
settings="$here/an4.toml"
[ $# -eq 0 ] || settings="$here/an4_fine_tune.toml"

run() {
  echo "+ $*" >&2
  "$@"
}

run python "$here/prepare_an4.py" "$source" "$folder/data"
run asrkit train "$folder/data/train.tsv" --dev "$folder/data/dev.tsv" --config "$settings" \
  "$@" -o "$folder/model"
run asrkit lm build "$folder/data/train.tsv" --order 3 -o "$folder/3gram.arpa"
run asrkit lm tune --model "$folder/model" --data "$folder/data/dev.tsv" --lm "$folder/3gram.arpa"
run asrkit transcribe "$folder/data/test.tsv" --model "$folder/model" --decoder greedy -o "$folder/greedy"
run asrkit score "$folder/greedy/hyp.txt" "$folder/data/test.tsv"
run asrkit transcribe "$folder/data/test.tsv" --model "$folder/model" --lm "$folder/3gram.arpa" -o "$folder/with_lm"
run asrkit score "$folder/with_lm/hyp.txt" "$folder/data/test.tsv"
