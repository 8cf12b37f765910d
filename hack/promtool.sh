#!/usr/bin/env bash
# Finds or fetches promtool, which tests the alerts, and prints its path (on stdout, alone).
# TOKEN_OPERATOR_PROMTOOL names another.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program promtool prometheus TOKEN_OPERATOR_PROMTOOL
