#!/usr/bin/env bash
# Prepares an evaluator of ValidatingAdmissionPolicies for the tests, and prints the path of its script on stdout. It needs Node
# 20.19 or newer and npm. To use a prepared script, set TOKEN_OPERATOR_CEL to its path.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

npm_script "$(cd "$(dirname "${BASH_SOURCE[0]}")/cel" && pwd)" evaluate.js TOKEN_OPERATOR_CEL
