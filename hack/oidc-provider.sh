#!/usr/bin/env bash
# Prepares the npm package oidc-provider for the tests that need a provider with strict rotation, and prints the path of the
# script that starts it on stdout. It needs Node 20 or newer and npm. To use a prepared script, set
# TOKEN_OPERATOR_OIDC_PROVIDER to its path.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

npm_script "$(cd "$(dirname "${BASH_SOURCE[0]}")/oidc-provider" && pwd)" server.js TOKEN_OPERATOR_OIDC_PROVIDER
