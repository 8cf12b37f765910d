#!/usr/bin/env bash
# Runs a command with KUBEBUILDER_ASSETS and TOKEN_OPERATOR_PG_BIN set: with-test-assets.sh COMMAND...
# Prepares the programs that these variables point to.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Assigned before the export, so that a failure ends the script.
KUBEBUILDER_ASSETS=$("$here/test-assets.sh")
TOKEN_OPERATOR_PG_BIN=$("$here/postgres.sh")
export KUBEBUILDER_ASSETS TOKEN_OPERATOR_PG_BIN
exec "$@"
