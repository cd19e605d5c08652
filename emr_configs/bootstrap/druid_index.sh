#!/bin/bash
# Step: runs Druid's Hadoop indexer on this cluster's YARN and publishes to Druid's metadata store.
#
#   druid_index.sh SPEC_URI [SECRET_ID] [LIMIT_SECONDS]
#
# SPEC_URI is an index_hadoop spec in S3. Its metadataUpdateSpec takes user and connectURI from the secret SECRET_ID
# (a JSON object: user, password, connect_uri) where it has none; the password stays in the environment.
# Leaves <directory of SPEC_URI>/result.json, protocol 1, and ends with the indexer's exit status: 0 means published.
# `segments` in it are its segmentDescriptorInfo files (segment, tmpIndexZipFilePath, finalIndexZipFilePath); null
# unless the spec has leaveIntermediate and the job succeeded.
# Source: https://druid.apache.org/docs/25.0.0/ingestion/hadoop.html#command-line-hadoop-indexer
set -euo pipefail
# A busy node's metadata service may take longer than the second that the AWS CLI waits for it, once.
# Source: https://docs.aws.amazon.com/cli/latest/topic/config-vars.html
export AWS_METADATA_SERVICE_TIMEOUT=5 AWS_METADATA_SERVICE_NUM_ATTEMPTS=12

spec_uri="${1:?usage: druid_index.sh SPEC_URI [SECRET_ID] [LIMIT_SECONDS]}"
secret_id="${2:-druid-reindex/metadata}"
limit_seconds="${3:-14400}"
home="$(cd "$(dirname "$0")/.." && pwd)"
conf="${HADOOP_CONF_DIR:-/etc/hadoop/conf}"
druid="${home}/druid"
keytab="${DRX_NODE_ROOT:-}/etc/hadoop.keytab"
krb5_conf="${DRX_NODE_ROOT:-}/etc/krb5.conf"

# On a kerberized cluster Hadoop's clients log in from the keytab that EMR made for this user on this host, and again
# before a ticket expires.
use_keytab() {
  KRB5PRINCIPAL="$(python3 - "${conf}/core-site.xml" "${krb5_conf}" <<'PY'
import re, sys
from urllib.parse import urlsplit
from xml.etree import ElementTree

properties = ElementTree.parse(sys.argv[1]).iter("property")
values = {item.findtext("name"): item.findtext("value") for item in properties}
realm = re.search(r"^\s*default_realm\s*=\s*(\S+)", open(sys.argv[2]).read(), re.M).group(1)
print(f"hadoop/{urlsplit(values['fs.defaultFS']).hostname}@{realm}")
PY
)"
  export KRB5PRINCIPAL KRB5KEYTAB="${keytab}"
}

# Druid's AWS SDK cannot ask for the Region itself: its EC2MetadataUtils needs a later Jackson than Druid has.
node_region() {
  local metadata="http://169.254.169.254/latest" token
  token="$(curl -sSf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "${metadata}/api/token")"
  curl -sSf -H "X-aws-ec2-metadata-token: ${token}" "${metadata}/meta-data/placement/region"
}

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT
AWS_REGION="${AWS_REGION:-$(node_region)}"
export AWS_REGION AWS_DEFAULT_REGION="${AWS_REGION}"
chmod 700 "${work}"

utc_now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# Writes the spec that is run, which names the variable of the password and never the password.
complete_spec() {
  DRX_SECRET="${secret}" python3 - "${work}" <<'PY'
import json, os, sys

work = sys.argv[1]
secret = json.loads(os.environ["DRX_SECRET"])
document = json.load(open(f"{work}/requested.json"))
spec = document.get("spec", document)
update = spec["ioConfig"].setdefault("metadataUpdateSpec", {})
update.setdefault("type", "postgresql")
update.setdefault("connectURI", secret["connect_uri"])
update.setdefault("user", secret["user"])
update["password"] = {"type": "environment", "variable": "DRUID_METADATA_PASSWORD"}
json.dump(document, open(f"{work}/spec.json", "w"))

bucket, _, prefix = spec["ioConfig"]["segmentOutputPath"].partition("://")[2].partition("/")
tuning = spec.get("tuningConfig", {})
source = spec["dataSchema"]["dataSource"]
working_path = tuning.get("workingPath") or "/tmp/druid-indexing"
descriptors = f"{working_path}/{source}/*_{spec.get('uniqueId', '*')}/segmentDescriptorInfo/*.json"
lines = (bucket, prefix.rstrip("/"), descriptors if tuning.get("leaveIntermediate") else "")
open(f"{work}/facts", "w").write("".join(f"{line}\n" for line in lines))
PY
}

write_result() {
  STARTED="${started}" ENDED="$(utc_now)" STATUS="${status}" READ="${read}" python3 - "${work}" <<'PY'
import hashlib, json, os, sys

work = sys.argv[1]


def objects(text):
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        found, position = decoder.raw_decode(text, position)
        yield found
        while position < len(text) and text[position].isspace():
            position += 1


status = int(os.environ["STATUS"])
requested = open(f"{work}/requested.json", "rb").read()
result = {
    "protocol": 1,
    "exit_code": status,
    "timed_out": status in (124, 137),
    "started_at": os.environ["STARTED"],
    "ended_at": os.environ["ENDED"],
    "spec_sha256": hashlib.sha256(requested).hexdigest(),
    # null: nobody could read them.
    "segments": list(objects(open(f"{work}/segments").read().strip())) if os.environ["READ"] == "yes" else None,
}
json.dump(result, open(f"{work}/result.json", "w"), indent=1)
PY
  aws s3 cp --only-show-errors "${work}/result.json" "${spec_uri%/*}/result.json"
}

run_indexer() {
  local jobs_jars extension_jars
  extension_jars="$(printf '%s:' "${druid}"/extensions/*/*.jar)"
  jobs_jars="${extension_jars}$(printf '%s:' "${druid}"/lib/*.jar)"
  timeout --kill-after=30 "${limit_seconds}" java \
    -Xmx512m -Daws.region="${AWS_REGION}" -Duser.timezone=UTC -Dfile.encoding=UTF-8 \
    --add-exports=java.base/jdk.internal.ref=ALL-UNNAMED \
    --add-exports=java.base/jdk.internal.misc=ALL-UNNAMED \
    --add-opens=java.base/java.lang=ALL-UNNAMED \
    --add-opens=java.base/java.io=ALL-UNNAMED \
    --add-opens=java.base/java.nio=ALL-UNNAMED \
    --add-opens=java.base/java.util=ALL-UNNAMED \
    --add-opens=java.base/jdk.internal.ref=ALL-UNNAMED \
    --add-opens=java.base/jdk.internal.loader=ALL-UNNAMED \
    --add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
    --add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED \
    -Djava.io.tmpdir="${work}" \
    -Ddruid.extensions.directory="${druid}/extensions" \
    -Ddruid.extensions.loadList="$(extension_names)" \
    -Ddruid.storage.type=s3 -Ddruid.storage.useS3aSchema=true -Ddruid.storage.disableAcl=true \
    -Ddruid.storage.bucket="${bucket}" -Ddruid.storage.baseKey="${prefix}" \
    -Ddruid.metadata.storage.type=postgresql \
    -Ddruid.hadoop.internal.classpath="${jobs_jars%:}" \
    -cp "${druid}/conf:${conf}:${extension_jars}${druid}/hadoop/*:${druid}/lib/*" \
    org.apache.druid.cli.Main internal hadoop-indexer "${work}/spec.json" &
  indexer=$!
  trap 'kill -TERM "${indexer}" 2>/dev/null || true' TERM INT
  status=0
  wait "${indexer}" || status=$?
  # A signal ends `wait` before the indexer has ended.
  while kill -0 "${indexer}" 2>/dev/null; do
    status=0
    wait "${indexer}" || status=$?
  done
}

extension_names() {
  python3 -c 'import json, os, sys; print(json.dumps(sorted(os.listdir(sys.argv[1]))))' "${druid}/extensions"
}

started="$(utc_now)"
if [[ -r "${keytab}" ]]; then
  use_keytab
fi
aws s3 cp --only-show-errors "${spec_uri}" "${work}/requested.json"
secret="$(aws secretsmanager get-secret-value --secret-id "${secret_id}" --query SecretString --output text)"
complete_spec
DRUID_METADATA_PASSWORD="$(python3 -c 'import json, sys; print(json.load(sys.stdin)["password"])' <<<"${secret}")"
export DRUID_METADATA_PASSWORD
unset secret
{ read -r bucket; read -r prefix; read -r descriptors; } < "${work}/facts"

run_indexer
read=no
if [[ "${status}" -eq 0 && -n "${descriptors}" ]] && hdfs dfs -cat "${descriptors}" > "${work}/segments"; then
  read=yes
fi
write_result
exit "${status}"
