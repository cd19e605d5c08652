#!/bin/bash
# Bootstrap action: puts Druid's CLI indexer on the primary node, below /opt/druid-reindex.
#
#   install_druid.sh ARTIFACTS_URI [SHA256]
#
# ARTIFACTS_URI (s3://bucket/prefix/, with the final slash) holds druid/druid-25.0.0.tar.gz, its .sha256, and
# bootstrap/druid_index.sh and export.sh. SHA256 is the archive's digest; without it the one beside the archive counts.
# Running it twice installs once. DRX_NODE_ROOT is set where a node's file system is a directory.
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html
set -euo pipefail
# A busy node's metadata service may take longer than the second that the AWS CLI waits for it, once.
# Source: https://docs.aws.amazon.com/cli/latest/topic/config-vars.html
export AWS_METADATA_SERVICE_TIMEOUT=5 AWS_METADATA_SERVICE_NUM_ATTEMPTS=12

version="25.0.0"
artifacts="${1:?usage: install_druid.sh ARTIFACTS_URI [SHA256]}"
expected="${2:-}"
node_root="${DRX_NODE_ROOT:-}"
target="${node_root}/opt/druid-reindex"
facts="${node_root}/mnt/var/lib/info/instance.json"
archive="${artifacts}druid/druid-${version}.tar.gz"

is_primary() {
  python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["isMaster"])' "${facts}"
}

make_target() {
  if ! mkdir -p "${target}/bin" 2>/dev/null; then
    sudo install -d -o "$(id -un)" "${target}" "${target}/bin"
  fi
}

install_archive() {
  local unfinished
  unfinished="$(mktemp -d "${target}/.unfinished.XXXXXX")"
  trap 'rm -rf "${unfinished}"' RETURN
  aws s3 cp --only-show-errors "${archive}" "${unfinished}/druid.tar.gz"
  if ! echo "${expected}  ${unfinished}/druid.tar.gz" | sha256sum --check --status; then
    echo "${archive} has another digest than ${expected}: upload it again, or correct the digest" >&2
    return 1
  fi
  tar -xzf "${unfinished}/druid.tar.gz" -C "${unfinished}"
  rm -rf "${target}/druid"
  mv "${unfinished}/druid-${version}" "${target}/druid"
  echo "${expected}" > "${target}/druid.sha256"
}

if ! is_primary; then
  echo "steps run on the primary node only: nothing to install here"
  exit 0
fi

make_target
if [[ -z "${expected}" ]]; then
  expected="$(aws s3 cp --only-show-errors "${archive}.sha256" - | cut -c1-64)"
fi
if [[ "$(cat "${target}/druid.sha256" 2>/dev/null || true)" != "${expected}" ]]; then
  install_archive
fi
for script in druid_index.sh export.sh; do
  aws s3 cp --only-show-errors "${artifacts}bootstrap/${script}" "${target}/bin/${script}"
  chmod 755 "${target}/bin/${script}"
done
echo "Druid ${version} is installed in ${target}"
