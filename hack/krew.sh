#!/usr/bin/env bash
# Prints the krew manifest for the archives that hack/plugin-archive.sh has made: krew.sh FOLDER ADDRESS [HOMEPAGE]
# ADDRESS is where people download the archives, without their names. HOMEPAGE is the address of the project.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -ge 2 ]] || die "run: krew.sh FOLDER ADDRESS [HOMEPAGE]"
folder=$1 address=${2%/} homepage=${3:-}
cd "$(dirname "${BASH_SOURCE[0]}")/.." && folder=$(cd "$OLDPWD" && cd "$folder" && pwd)
[[ $address == https://* || $address == http://127.0.0.1* ]] || die "ADDRESS is \"$address\"; expected an address that starts with https://"
version=$(version)

cat <<YAML
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: oauthtoken
spec:
  version: v$version
${homepage:+  homepage: $homepage
}  shortDescription: Inspect and fix OAuth access tokens in Secrets
  description: |
    Shows which OAuthTokens of TokenOperator work, which do not, why, and the
    next step. Refreshes, authorizes, suspends and diagnoses them with your own
    rights, and writes support bundles without secrets.
  caveats: |
    The plugin needs the operator in the cluster: kubectl oauthtoken doctor
    To complete names after <Tab>, copy kubectl_complete-oauthtoken of the
    archive to a folder on your PATH.
  platforms:
YAML
found=0
for platform in linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64; do
  archive=kubectl-oauthtoken_${version}_$platform.tar.gz
  [[ -e $folder/$archive ]] || continue
  found=$((found + 1))
  program=kubectl-oauthtoken
  [[ $platform != windows_* ]] || program=kubectl-oauthtoken.exe
  cat <<YAML
  - selector:
      matchLabels:
        os: ${platform%_*}
        arch: ${platform#*_}
    uri: $address/$archive
    sha256: $(sha256sum "$folder/$archive" | cut -d ' ' -f 1)
    bin: $program
    files:
    - from: "*"
      to: .
YAML
done
((found > 0)) || die "there are no archives of version $version in $folder: run hack/plugin-archive.sh"
