#!/usr/bin/env bash
# Finds or downloads pgbouncer for the tests, and prints its path on stdout. To use another pgbouncer, set
# TOKEN_OPERATOR_PGBOUNCER to its path.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program pgbouncer pgbouncer TOKEN_OPERATOR_PGBOUNCER
