#!/bin/bash
# Deploys the stacks beside this script in their order; each one's outputs are the parameters of later ones.
#
#   deploy.sh [--without STACK]... [--replica-region REGION] [NAME=VALUE]...
#
# Leave out a stack for what is there already, and give what it would have told: for an existing VPC
#   deploy.sh --without network VpcId=vpc-… SubnetIds=subnet-…,subnet-… PrimarySecurityGroupId=sg-… AirflowPrincipalArn=…
# Running it again changes what a template changed, and nothing else. Ends with every stack's outputs: the values of
# boundaries.yaml.
# Source: https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/
set -euo pipefail

stacks=(replica keys network storage evidence identities trail alerts druid redshift)
folder="$(cd "$(dirname "$0")" && pwd)"
replica_region="us-west-2"
without=" "
declare -A known=()

while [[ $# -gt 0 ]]; do
  case "$1" in
    --without) without+="${2:?which stack?} "; shift 2 ;;
    --replica-region) replica_region="${2:?which Region?}"; shift 2 ;;
    *=*) known["${1%%=*}"]="${1#*=}"; shift ;;
    *) echo "not understood: $1" >&2; exit 2 ;;
  esac
done
for stack in ${without}; do
  [[ -f "${folder}/${stack}.yaml" ]] || { echo "there is no stack ${stack}: ${stacks[*]}" >&2; exit 2; }
done

parameters_of() {
  awk '/^Parameters:/ {inside = 1; next} /^[^ ]/ {inside = 0} inside && /^  [A-Za-z]/ {sub(/:.*/, ""); print $1}' "$1"
}

deploy() {
  local stack="$1" template="${folder}/$1.yaml" region=() overrides=() name value
  [[ "${stack}" != replica ]] || region=(--region "${replica_region}")
  for name in $(parameters_of "${template}"); do
    [[ -z "${known[${name}]+given}" ]] || overrides+=("${name}=${known[${name}]}")
  done
  aws cloudformation deploy "${region[@]}" --stack-name "druid-reindex-${stack}" --template-file "${template}" \
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset \
    ${overrides[@]+--parameter-overrides "${overrides[@]}"}
  while IFS=$'\t' read -r name value; do
    [[ -z "${name}" ]] || known["${name}"]="${value}"
  done < <(aws cloudformation describe-stacks "${region[@]}" --stack-name "druid-reindex-${stack}" \
    --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text)
}

for stack in "${stacks[@]}"; do
  if [[ "${without}" == *" ${stack} "* ]]; then
    echo "left out: ${stack}"
  else
    deploy "${stack}"
  fi
done
for name in "${!known[@]}"; do
  printf '%s: %s\n' "${name}" "${known[${name}]}"
done | sort
