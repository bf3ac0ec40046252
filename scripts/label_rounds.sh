#!/usr/bin/env bash
# Train on little true speech and much untranscribed audio: train, label what is surely right, train on both, again.
#
#     scripts/label_rounds.sh TRAIN DEV LM AUDIO FOLDER [TARGET_WER [ROUNDS]]
#
# TRAIN and DEV are manifests with true texts, LM a language model, AUDIO a folder or manifest without texts. FOLDER gets a
# model for each round: FOLDER/0 is trained on TRAIN alone. It stops after ROUNDS rounds (default 3), or when a round makes
# the greedy WER of DEV less than 1 % better, relatively, than the round before; FOLDER/best names the best model.
# CONFIG names settings (asrkit.toml) for all trainings. Stopped at any moment, the same command goes on where it was.
set -euo pipefail
usage="usage: scripts/label_rounds.sh TRAIN DEV LM AUDIO FOLDER [TARGET_WER [ROUNDS]]"
train=${1:?$usage} dev=${2:?$usage} lm=${3:?$usage} audio=${4:?$usage} folder=${5:?$usage}
target=${6:-5} rounds=${7:-3}
for path in "$train" "$dev" "$lm" "$audio"; do
  [ -e "$path" ] || { echo "scripts/label_rounds.sh: no $path; $usage" >&2; exit 2; }
done
config=()
[ -z "${CONFIG:-}" ] || config=(--config "$CONFIG")

dev_wer() { # of a model, in percent
  asrkit model info "$1" --json | python -c 'import json, sys; print(json.load(sys.stdin)["card"]["dev"]["wer_percent"])'
}
is_progress() { # from WER $1 to WER $2
  python -c 'import sys; before, after = map(float, sys.argv[1:]); sys.exit(not after < 0.99 * before)' "$1" "$2"
}

mkdir -p "$folder"
asrkit train "$train" --dev "$dev" "${config[@]}" -o "$folder/0"
best=0
for round in $(seq 1 "$rounds"); do
  model=$folder/$best
  if [ ! -f "$folder/$best.tuned" ]; then
    asrkit lm tune --model "$model" --data "$dev" --lm "$lm"
    touch "$folder/$best.tuned"
  fi
  asrkit data label "$audio" --model "$model" --lm "$lm" --target-wer "$target" --exclude "$dev" --with "$train" \
    -o "$folder/labels-$round"
  asrkit train "$folder/labels-$round/train.tsv" --dev "$dev" --from "$model" "${config[@]}" -o "$folder/$round"
  before=$(dev_wer "$model") after=$(dev_wer "$folder/$round")
  echo "round $round: dev WER $before -> $after %" >&2
  is_progress "$before" "$after" || { echo "less than 1 % better: stopping" >&2; break; }
  best=$round
done
ln -sfn "$best" "$folder/best"
echo "$folder/best"
