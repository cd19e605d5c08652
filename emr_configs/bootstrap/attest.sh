#!/bin/bash
# Bootstrap action: a unit on every node that says, once the node's daemons are up, how the node is protected.
#
#   attest.sh REPORT_PREFIX NONCE
#
# The unit leaves REPORT_PREFIX<instance id>.json, schema druid-reindex/node-attestation/1, with the nonce in it. What
# could not be read is null there. It reports after DRX_ATTEST_SECONDS at the latest, with nulls for what never answered.
# Running it twice installs once. DRX_NODE_ROOT is set where a node's file system is a directory.
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html
set -euo pipefail
# A busy node's metadata service may take longer than the second that the AWS CLI waits for it, once.
# Source: https://docs.aws.amazon.com/cli/latest/topic/config-vars.html
export AWS_METADATA_SERVICE_TIMEOUT=5 AWS_METADATA_SERVICE_NUM_ATTEMPTS=12

usage="usage: attest.sh REPORT_PREFIX NONCE"
node_root="${DRX_NODE_ROOT:-}"
name="druid-reindex-attest"
installed="/opt/druid-reindex/bin/attest.sh"
metadata="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}"

# Runs a command as the node's administrator where it is a real one.
administer() {
  if [[ -n "${node_root}" ]]; then "$@"; else sudo "$@"; fi
}

install_unit() {
  local unit="${node_root}/etc/systemd/system/${name}.service" unfinished
  unfinished="$(mktemp)"
  cat > "${unfinished}" <<UNIT
[Unit]
Description=Reports to S3 how this node is protected
After=network-online.target

[Service]
User=hadoop
ExecStart=/bin/bash ${installed} --report ${1} ${2}
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
  administer mkdir -p "$(dirname "${node_root}${installed}")" "$(dirname "${unit}")"
  administer install -m 755 "$0" "${node_root}${installed}"
  administer install -m 644 "${unfinished}" "${unit}"
  rm -f "${unfinished}"
  if [[ -z "${node_root}" ]]; then
    sudo systemctl daemon-reload
    sudo systemctl enable --now "${name}.service"
  fi
}

instance_metadata() {
  local token
  token="$(curl -sSf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "${metadata}/latest/api/token")"
  curl -sSf -H "X-aws-ec2-metadata-token: ${token}" "${metadata}/latest/meta-data/${1}"
}

report() {
  local work
  work="$(mktemp -d)"
  # shellcheck disable=SC2064 # the directory is this call's
  trap "rm -rf '${work}'" EXIT
  INSTANCE_ID="$(instance_metadata instance-id)"
  HOST="$(instance_metadata local-hostname)"
  ADDRESS="$(instance_metadata local-ipv4)"
  AWS_REGION="${AWS_REGION:-$(instance_metadata placement/region)}"
  export INSTANCE_ID HOST ADDRESS AWS_REGION AWS_DEFAULT_REGION="${AWS_REGION}"
  export CONF="${HADOOP_CONF_DIR:-${node_root}/etc/hadoop/conf}" INFO="${node_root}/mnt/var/lib/info"
  export METADATA="${metadata}" NONCE="${2}"
  python3 - "${work}" <<'PY'
import json, os, re, socket, subprocess, sys, time
from datetime import datetime, timezone
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree

work, host, address = sys.argv[1], os.environ["HOST"], os.environ["ADDRESS"]
deadline = time.monotonic() + float(os.environ.get("DRX_ATTEST_SECONDS", "1800"))
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
# What Hadoop takes where a file says nothing. Source: core-default.xml, hdfs-default.xml, mapred-default.xml of 3.3.6
DEFAULTS = {
    "hadoop.security.authentication": "simple", "hadoop.rpc.protection": "authentication",
    "dfs.data.transfer.protection": "", "dfs.encrypt.data.transfer": "false",
    "dfs.encrypt.data.transfer.cipher.suites": "", "dfs.http.policy": "HTTP_ONLY",
    "mapreduce.shuffle.ssl.enabled": "false", "mapreduce.shuffle.port": "13562",
}
# The TLS ports of each role's daemons. Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop-daemons.html
PORTS = {"MASTER": (9871, 8090, 19890), "CORE": (9865, 8044), "TASK": (8044,)}
PLAIN_PORTS = {"MASTER": (9870, 8088, 19888), "CORE": (9864, 8042), "TASK": (8042,)}


def run(*command, seconds=60, **extra):
    """Exit status and output; (None, "") when it could not be run."""
    try:
        done = subprocess.run(command, timeout=seconds, **QUIET, **extra)
        return done.returncode, done.stdout
    except (OSError, subprocess.TimeoutExpired):
        return None, ""


def facts(name):
    try:
        with open(f"{os.environ['INFO']}/{name}.json") as handle:
            return json.load(handle)
    except (OSError, ValueError):
        return {}


def site(name):
    """A configuration file's properties; None when it cannot be read."""
    try:
        tree = ElementTree.parse(f"{os.environ['CONF']}/{name}.xml")
    except (OSError, ElementTree.ParseError):
        return None
    return {item.findtext("name"): item.findtext("value") or "" for item in tree.iter("property")}


def value(properties, key):
    return None if properties is None else properties.get(key, DEFAULTS.get(key))


def truth(properties, key):
    found = value(properties, key)
    return None if found is None else found.strip().lower() == "true"


def role():
    instance, flow = facts("instance"), facts("job-flow")
    if instance.get("isMaster"):
        return "MASTER"
    for group in flow.get("instanceGroups", []):
        if group.get("instanceGroupId") == instance.get("instanceGroupId") and group.get("instanceRole"):
            return group["instanceRole"].upper()
    return None


def listens(port):
    try:
        socket.create_connection((address, port), 5).close()
        return True
    except OSError:
        return False


def simple_refused(core):
    """Whether the NameNode refuses a client that only says who it is."""
    if not core or "fs.defaultFS" not in core:
        return None
    os.makedirs(f"{work}/simple", exist_ok=True)
    told = {"fs.defaultFS": core["fs.defaultFS"], "hadoop.security.authentication": "simple",
            "ipc.client.connect.max.retries": "1"}
    properties = "".join(f"<property><name>{k}</name><value>{v}</value></property>" for k, v in told.items())
    with open(f"{work}/simple/core-site.xml", "w") as handle:
        handle.write(f"<configuration>{properties}</configuration>")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KRB5", "HADOOP_"))}
    environment |= {"HADOOP_CONF_DIR": f"{work}/simple", "HADOOP_USER_NAME": "hdfs"}
    status, said = run("hdfs", "dfs", "-ls", "/", env=environment)
    if "SIMPLE authentication is not enabled" in said:
        return True
    return False if status == 0 else None


def v1_refused():
    try:
        urlopen(f"{os.environ['METADATA']}/latest/meta-data/instance-id", timeout=5).close()
        return False
    except HTTPError as error:
        return True if error.code == 401 else None
    except (URLError, OSError):
        return None


def volumes(sites):
    keys = ("dfs.datanode.data.dir", "dfs.namenode.name.dir", "yarn.nodemanager.local-dirs", "hadoop.tmp.dir")
    named = [path for properties in sites if properties for key in keys for path in properties.get(key, "").split(",")]
    found = {}
    for path in ("/mnt", *(urlsplit(path.strip()).path for path in named)):
        while path not in ("", "/") and not os.path.exists(path):
            path = os.path.dirname(path)
        status, said = run("df", "--output=source,target", path or "/")
        if status == 0:
            device, mount = said.splitlines()[-1].split(None, 1)
            found[mount] = {"mount": mount, "device": device} | encryption(device)
    return list(found.values()) or None


def encryption(device):
    try:
        block = os.path.basename(os.path.realpath(device))
        with open(f"/sys/class/block/{block}/dm/uuid") as handle:
            luks = handle.read().startswith("CRYPT-LUKS")
    except OSError:
        luks = False
    if luks:
        status, said = run("sudo", "-n", "cryptsetup", "status", device)
        cipher = re.search(r"^\s*cipher:\s*(\S+)", said, re.M)
        return {"encryption": "luks", "cipher": cipher.group(1) if cipher else None}
    with open("/proc/misc") as handle:
        has_mapper = "device-mapper" in handle.read()
    return {"encryption": "none" if has_mapper else "unavailable", "cipher": None}


def authorities(client):
    """The PEM file of what the cluster's own clients trust; None when the store cannot be read."""
    if not client or "ssl.client.truststore.location" not in client:
        return None
    environment = os.environ | {"STORE_PASSWORD": client.get("ssl.client.truststore.password", "")}
    environment.pop("JAVA_TOOL_OPTIONS", None)
    store = client["ssl.client.truststore.location"]
    status, said = run("keytool", "-list", "-rfc", "-keystore", store, "-storepass:env", "STORE_PASSWORD", env=environment)
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.S)
    if status != 0 or not blocks:
        return None
    with open(f"{work}/trusted.pem", "w") as handle:
        handle.write("\n".join(blocks) + "\n")
    return f"{work}/trusted.pem"


def certificate(port, trusted):
    entry = {"endpoint": f"{host}:{port}", "subject": None, "issuer": None, "not_after": None, "key_bits": None, "trusted": None}
    ask = ["openssl", "s_client", "-connect", f"{address}:{port}", "-servername", host, "-verify_hostname", host]
    status, said = run(*ask, *(["-CAfile", trusted] if trusted else []))
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.S)
    if pem is None:
        return entry
    if trusted:
        entry["trusted"] = "Verify return code: 0 (ok)" in said
    with open(f"{work}/certificate.pem", "w") as handle:
        handle.write(pem.group() + "\n")
    status, text = run("openssl", "x509", "-in", f"{work}/certificate.pem", "-noout", "-text", "-nameopt", "RFC2253")
    _, end = run("openssl", "x509", "-in", f"{work}/certificate.pem", "-noout", "-enddate")
    for key, pattern in (("subject", r"Subject: ?(.*)"), ("issuer", r"Issuer: ?(.*)"), ("key_bits", r"Public-Key: \((\d+) bit")):
        match = re.search(pattern, text)
        entry[key] = match.group(1).strip() if match else None
    entry["key_bits"] = int(entry["key_bits"]) if entry["key_bits"] else None
    if "notAfter=" in end:
        moment = datetime.strptime(end.split("=", 1)[1].strip(), "%b %d %H:%M:%S %Y %Z")
        entry["not_after"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return entry


while True:
    core, hdfs, mapred, client = site("core-site"), site("hdfs-site"), site("mapred-site"), site("ssl-client")
    is_tls = value(hdfs, "dfs.http.policy") == "HTTPS_ONLY"
    mine = role()
    ports = (PORTS if is_tls else PLAIN_PORTS).get(mine, ())
    if ports and all(listens(port) for port in ports):
        refused = simple_refused(core)
        if refused is not None:
            break
    if time.monotonic() > deadline:
        refused = simple_refused(core)
        break
    time.sleep(5)

shuffle_port = int(value(mapred, "mapreduce.shuffle.port") or 0)
if is_tls and truth(mapred, "mapreduce.shuffle.ssl.enabled") and mine != "MASTER" and shuffle_port:
    ports = (*ports, shuffle_port)
principal = (hdfs or {}).get("dfs.namenode.kerberos.principal", "")
trusted = authorities(client) if is_tls else None
report = {
    "schema": "druid-reindex/node-attestation/1",
    "nonce": os.environ["NONCE"],
    "cluster_id": facts("job-flow").get("jobFlowId"),
    "instance_id": os.environ["INSTANCE_ID"],
    "role": mine,
    "reported_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "release_label": facts("extraInstanceData").get("releaseLabel"),
    "volumes": volumes((core, hdfs, site("yarn-site"))),
    "kerberos": {
        "authentication": value(core, "hadoop.security.authentication"),
        "realm": principal.rpartition("@")[2] if "@" in principal else None,
        "simple_refused": refused,
    },
    "rpc": {"protection": value(core, "hadoop.rpc.protection")},
    "hdfs": {
        "transfer_protection": value(hdfs, "dfs.data.transfer.protection"),
        "encrypt_data_transfer": truth(hdfs, "dfs.encrypt.data.transfer"),
        "cipher_suites": value(hdfs, "dfs.encrypt.data.transfer.cipher.suites"),
        "http_policy": value(hdfs, "dfs.http.policy"),
    },
    "shuffle": {"ssl": truth(mapred, "mapreduce.shuffle.ssl.enabled")},
    "certificates": [certificate(port, trusted) for port in ports] if is_tls else [],
    "imds": {"v1_refused": v1_refused()},
}
with open(f"{work}/report.json", "w") as handle:
    json.dump(report, handle, indent=1)
PY
  aws s3 cp --only-show-errors "${work}/report.json" "${1}${INSTANCE_ID}.json"
  echo "reported to ${1}${INSTANCE_ID}.json"
}

if [[ "${1:-}" == "--report" ]]; then
  report "${2:?${usage}}" "${3:?${usage}}"
else
  install_unit "${1:?${usage}}" "${2:?${usage}}"
  echo "${name} is installed"
fi
