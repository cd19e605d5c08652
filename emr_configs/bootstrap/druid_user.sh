#!/bin/bash
# For jobs that Druid's Overlord submits to a kerberized cluster: the user that Druid's principal is mapped to.
#
#   druid_user.sh [USER]           bootstrap action: the operating-system user, as whom YARN runs the job on every node
#   druid_user.sh --home [USER]    step: the user's directory on HDFS, which holds the job's staging files
#
# USER is druid unless it is named. Running either twice changes nothing. DRX_NODE_ROOT is set where a node's file system
# is a directory; such a node has one user, and no other is made there.
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configuration-users.html
set -euo pipefail

make_home() {
  if ! hdfs dfs -test -d "/user/${1}"; then
    hdfs dfs -mkdir -p "/user/${1}"
    hdfs dfs -chown "${1}:${1}" "/user/${1}"
  fi
  echo "/user/${1} is there"
}

make_user() {
  if [[ -n "${DRX_NODE_ROOT:-}" ]]; then
    echo "one user runs everything here: ${1} is mapped to it"
  elif ! id -u "${1}" > /dev/null 2>&1; then
    sudo useradd --create-home --shell /sbin/nologin "${1}"
    echo "made the user ${1}"
  fi
}

if [[ "${1:-}" == "--home" ]]; then
  make_home "${2:-druid}"
else
  make_user "${1:-druid}"
fi
