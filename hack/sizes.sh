#!/usr/bin/env bash
# Measures the operator with several numbers of OAuthTokens (SIZES="100 1000 10000"), writes the results to docs/sizes.jsonl, and
# writes the table in docs/install.md from them.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for n in ${SIZES:-100 1000 10000}; do
  say "measuring $n OAuthTokens"
  make --no-print-directory bench N="$n" | tail -n 1 >>"$results"
done
cp "$results" docs/sizes.jsonl
TOKEN_OPERATOR_WRITE_DOCS=1 dotnet test tests/TokenOperator.Tests --configuration Release --filter SizesDocumentTests
