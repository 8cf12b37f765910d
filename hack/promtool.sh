#!/usr/bin/env bash
# Finds or downloads promtool for the tests of the alerts, and prints its path on stdout. To use another promtool, set
# TOKEN_OPERATOR_PROMTOOL to its path.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program promtool prometheus TOKEN_OPERATOR_PROMTOOL
