#!/usr/bin/env bash
# Runs a command with all that the tests need found or made, and named in KUBEBUILDER_ASSETS and
# TOKEN_OPERATOR_PG_BIN.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Apart from `export`, so that a failure ends the script.
KUBEBUILDER_ASSETS=$("$here/test-assets.sh")
TOKEN_OPERATOR_PG_BIN=$("$here/postgres.sh")
export KUBEBUILDER_ASSETS TOKEN_OPERATOR_PG_BIN
exec "$@"
