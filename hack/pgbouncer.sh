#!/usr/bin/env bash
# Finds or fetches pgbouncer, behind which Postgres is tested, and prints its path (on stdout, alone).
# TOKEN_OPERATOR_PGBOUNCER names another.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program pgbouncer pgbouncer TOKEN_OPERATOR_PGBOUNCER
