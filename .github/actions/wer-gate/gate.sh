#!/usr/bin/env bash
# Compare $HYPOTHESES with $BASELINE on $REFERENCES. The comment for the pull request goes to $COMMENT and to the summary
# of the run; the exit code is 4 where the WER rises more than $MAX_RISE points, and that of asrkit where it fails.
set -euo pipefail
comment=${COMMENT:-wer-comment.md}
read -ra options <<< "${OPTIONS:-}"
code=0
asrkit compare "$BASELINE" "$HYPOTHESES" "$REFERENCES" --markdown --worst 3 --max-rise "${MAX_RISE:-0}" \
    ${options[@]+"${options[@]}"} > "$comment" || code=$?

if [ "$code" = 0 ] || [ "$code" = 4 ]; then
    cat "$comment" >> "${GITHUB_STEP_SUMMARY:-/dev/stdout}"
    passed=$([ "$code" = 0 ] && echo true || echo false)
    printf 'comment=%s\npassed=%s\n' "$comment" "$passed" >> "${GITHUB_OUTPUT:-/dev/null}"
fi
exit "$code"
