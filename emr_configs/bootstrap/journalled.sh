#!/bin/bash
# Step: runs another step's command, and brings back the journal of what its `aws` has asked AWS meanwhile.
#
#   journalled.sh JOURNAL COMMAND [ARGUMENT...]
#
# JOURNAL is a JSON object: protocol 1, run, task and account, which each line tells, uri (the object that the journal
# becomes) and kms_key_arn. The journal has the form of druid_reindex.model.journal: a line of JSON for each request
# that is sent, repetitions included, written with one append before the answer is used; of a request the service, the
# operation and the names of resources, of an answer its ids, status and error code: never a body, a header or a secret.
# What writes the lines is a plugin in the `aws` process itself, so that nothing else passes through a file or a pipe.
# Its interface exists in both releases of the AWS CLI, in the second one provisionally; an `aws` of another release
# runs without it, and that is told. Other plugins of the node's are not loaded. Java asks AWS without the CLI.
#
# Ends as the command does, with 128 + N for one that was ended by signal N; SIGTERM and SIGINT are passed on to it. The
# journal is put into S3 however the command ends, also when it is killed; not when this script is, with SIGKILL. A
# journal that cannot be put is told on standard error, and changes nothing else. It is itself in no journal.
# Sources: https://docs.aws.amazon.com/cli/latest/userguide/cliv2-migration-changes.html,
# https://docs.aws.amazon.com/boto3/latest/guide/events.html
set -euo pipefail

usage="usage: journalled.sh JOURNAL COMMAND [ARGUMENT...]"
: "${1:?${usage}}" "${2:?${usage}}"
work="$(mktemp -d)"
cat > "${work}/drx_journal.py" <<'PY'
import configparser, json, os, re, shlex, shutil, signal, subprocess, sys
from datetime import datetime, timezone

PROTOCOL = 1
TOLD = "DRX_JOURNAL"
CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d{8}/(?:([^/]+)/)?[^/]+/aws4_request")
REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id")
NAMES = ("KeyId", "RoleArn", "SSEKMSKeyId", "SecretId")
PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}


def awscli_initialize(events):
    """Called by the AWS CLI, with its session's events."""
    Recorder(json.loads(os.environ[TOLD])).register(events)


class Recorder:
    """Equal to druid_reindex.clients.journal_aws, for the services that steps ask."""

    def __init__(self, told):
        self.file = os.open(told.pop("file"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.told = told

    def register(self, events):
        events.register("before-parameter-build", self.asked, unique_id="drx-asked")
        events.register_last("request-created", self.signed, unique_id="drx-signed")
        events.register_first("response-received", self.answered, unique_id="drx-answered")

    def asked(self, params, model, context, **_):
        region = str(context.get("client_region") or "")
        context["drx_asked"] = model.service_model.endpoint_prefix, model.name, list(resources(params, region))

    def signed(self, request, **_):
        request.context["drx_signed"] = datetime.now(timezone.utc), request.headers.get("Authorization")

    def answered(self, context, response_dict, parsed_response, exception, **_):
        (service, operation, named), (attempted_at, authorization) = context["drx_asked"], context["drx_signed"]
        access_key_id, region = signer(authorization)
        answer = parsed_response if isinstance(parsed_response, dict) else {}
        headers = response_dict["headers"] if response_dict else {}
        line = {
            "protocol": PROTOCOL, "kind": "aws", **self.told,
            "attempted_at": attempted_at.isoformat().replace("+00:00", "Z"),
            "event_source": f"{service}.amazonaws.com",
            "operation": operation,
            "region": region or str(context.get("client_region") or ""),
            "access_key_id": access_key_id,
            "request_id": request_id(headers, answer),
            "host_id": headers.get("x-amz-id-2"),
            "status": response_dict["status_code"] if response_dict else None,
            "error_code": error_code(answer, exception),
            "resources": list(dict.fromkeys([*named, *names(answer)])),
        }
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        if os.write(self.file, text.encode()) != len(text.encode()):
            raise OSError("a line of the journal was written in part")


def resources(params, region):
    bucket = params.get("Bucket")
    if bucket:
        partition = PARTITIONS.get(region.rsplit("-", 2)[0], "aws")
        arn = bucket if bucket.startswith("arn:") else f"arn:{partition}:s3:::{bucket}"
        yield f"{arn}/{params['Key']}" if params.get("Key") else arn
    yield from names(params)


def names(document):
    return [document[name] for name in NAMES if isinstance(document.get(name), str)]


def signer(authorization):
    text = authorization.decode() if isinstance(authorization, bytes) else authorization or ""
    found = CREDENTIAL.search(text)
    return (found[1], found[2] or "") if found else ("", "")


def request_id(headers, answer):
    found = next((headers[name] for name in REQUEST_IDS if name in headers), None)
    return found or answer.get("ResponseMetadata", {}).get("RequestId")


def error_code(answer, exception):
    if exception is not None:
        return type(exception).__name__
    error = answer.get("Error")
    return error.get("Code") if isinstance(error, dict) else None


def configured(work, version):
    """The environment in which this release of the CLI loads this file, and reads the node's configuration."""
    config = configparser.RawConfigParser(strict=False)
    config.optionxform = str
    config.read(os.environ.get("AWS_CONFIG_FILE") or os.path.expanduser("~/.aws/config"))
    path = {"cli_legacy_plugin_path": work} if version == "2" else {}
    config["plugins"] = {**path, "drx_journal": "drx_journal"}
    with open(f"{work}/config", "w") as file:
        config.write(file)
    python_path = os.pathsep.join(filter(None, (work, os.environ.get("PYTHONPATH"))))
    return {"AWS_CONFIG_FILE": f"{work}/config"} | ({"PYTHONPATH": python_path} if version == "1" else {})


def put_in_front(work, journal):
    """Put an `aws` that keeps the journal before the node's own; it alone has the environment that this needs."""
    own = shutil.which("aws")
    said = subprocess.run((own, "--version"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
    found = re.match(r"aws-cli/([12])\.", said)
    if found is None:
        print(f"no journal is kept of what {own} asks, of a release that is not known", file=sys.stderr)
        return
    told = {name: journal[name] for name in ("run", "task", "account")} | {"file": f"{work}/journal.jsonl"}
    environment = configured(work, found[1]) | {TOLD: json.dumps(told)}
    os.mkdir(f"{work}/bin")
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    with open(f"{work}/bin/aws", "w") as script:
        script.write(f'#!/bin/bash\nexport {settings}\nexec {shlex.quote(own)} "$@"\n')
    os.chmod(script.name, 0o755)


def run(command, path):
    """How the command ends, which hears the signals that this process gets meanwhile."""
    begun, early = [], []

    def pass_on(number, _):
        early.append(number) if not begun else begun[0].send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    try:
        begun.append(subprocess.Popen(command, env=os.environ | {"PATH": path}))
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    for number in early:
        begun[0].send_signal(number)
    status = begun[0].wait()
    return status if status >= 0 else 128 - status


def main(work, told, *command):
    journal = json.loads(told)
    if journal["protocol"] != PROTOCOL:
        sys.exit(f"this script keeps journals of protocol {PROTOCOL}")
    os.close(os.open(f"{work}/journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    put_in_front(work, journal)
    status = run(command, os.pathsep.join((f"{work}/bin", os.environ.get("PATH", os.defpath))))
    encryption = ("--sse", "aws:kms", "--sse-kms-key-id", journal["kms_key_arn"])
    put = ("aws", "s3", "cp", "--only-show-errors", *encryption, f"{work}/journal.jsonl", journal["uri"])
    if subprocess.run(put).returncode:
        print(f"the journal of this step's calls cannot be put to {journal['uri']}", file=sys.stderr)
    return status


if __name__ == "__main__":
    try:
        ended = main(*sys.argv[1:])
    finally:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
    sys.exit(ended)
PY
exec python3 "${work}/drx_journal.py" "${work}" "$@"
