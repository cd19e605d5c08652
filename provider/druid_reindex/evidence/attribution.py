"""Says whose an event of the trail is: a run's, by how strong a sign, a declared actor's, or nobody's.

The signs, strongest first: E1 the request id, with service, account and Region · E2 an access key that was issued to
the run · S1 the session's name and role, within the run's time · S2 an instance of one of its clusters, within the
cluster's life · S3 a token in the user agent, which any client can write and which therefore explains nothing.
I1 and I2 are hints beside an event that nobody explains: a KMS event that names one of the run's objects, and any event
on its buckets, objects or keys, at the time. They are never evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri

_ARN_OF_S3 = "arn:aws:s3:::"


class Sign(StrEnum):
    """What an event is attributed by."""

    E1 = "E1"
    E2 = "E2"
    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    DECLARED = "declared"
    BEYOND = "beyond its declaration"
    AMBIGUOUS = "ambiguous"
    FOREIGN = "foreign"
    ELSEWHERE = "elsewhere"

    @property
    def explains(self) -> bool:
        """Whether an event with this sign needs no person's look."""
        return self in {Sign.E1, Sign.E2, Sign.S1, Sign.S2, Sign.DECLARED, Sign.ELSEWHERE}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run's events can be known by.

    ``sessions`` are the roles (ARN) of its sessions by RoleSessionName, ``instances`` the lives of its clusters'
    instances by their id; ``resources`` are ARNs of objects, prefixes and keys that it owns, by whole path parts.
    """

    run: str
    window: Window
    access_keys: frozenset[str] = frozenset()
    sessions: Mapping[str, str] = field(default_factory=dict)
    instances: Mapping[str, Window] = field(default_factory=dict)
    agent_token: str = ""
    resources: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """What the trail is searched for on the run's behalf; of the sessions' names what all tries share."""
        places = (
            each.removeprefix(_ARN_OF_S3).partition("/")[0] if each.startswith(_ARN_OF_S3) else each.rpartition("/")[2]
            for each in self.resources
        )
        sessions = (name[: name.rfind(".") + 1] or name for name in self.sessions)
        told = {*self.access_keys, *sessions, *self.instances, *places, self.agent_token}
        return frozenset(told - {""})


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose an event is; ``who`` are the runs or the declared actor, ``why`` is for a person, as are the hints."""

    event_id: str
    sign: Sign
    who: tuple[str, ...] = ()
    why: str = ""
    hints: tuple[str, ...] = ()


def search_keys(run: RunFacts, journal: Iterable[AwsCall]) -> frozenset[str]:
    """What finds every event that ``reconcile`` may need: by the access key of each call, or by its request id.

    A request id is looked for only where the call's access key is not known to be the run's, for a search takes longer
    the more keys there are.
    """
    return run.keys | {
        call.request_id for call in journal if call.request_id and call.access_key_id not in run.access_keys
    }


def request_of(event: TrailEvent) -> tuple[str, str, str, str] | None:
    """What E1 compares: request id, service, account and Region; None where the event has no request id."""
    if not event.request_id:
        return None
    account = event.identity.account_id or event.recipient_account_id
    return event.request_id, event.event_source, account, event.aws_region


def request_of_call(call: AwsCall) -> tuple[str, str, str, str] | None:
    """What E1 compares, of a call of ours; None where no answer came."""
    return (call.request_id, call.event_source, call.account, call.region) if call.request_id else None


@dataclass(frozen=True)
class Attributor:
    """Attributes events to ``runs``, all that may have touched the same things, and to ``actors``."""

    runs: Sequence[RunFacts]
    calls: Mapping[tuple[str, str, str, str], frozenset[str]]
    actors: Sequence[DeclaredActor] = ()

    def of(self, event: TrailEvent) -> Attribution:
        """Whose ``event`` is, by the strongest sign that any run has; two runs of that strength are ambiguous."""
        for sign, runs in self._signs(event):
            if len(runs) > 1:
                why = f"{sign} of {len(runs)} runs"
                return Attribution(event.event_id, Sign.AMBIGUOUS, tuple(sorted(runs)), why)
            if runs:
                why = "a token that any client can write" if sign is Sign.S3 else ""
                return Attribution(event.event_id, sign, tuple(runs), why)
        owners = [run for run in self.runs if touches(event, run.resources)]
        if not owners:
            return Attribution(event.event_id, Sign.ELSEWHERE)
        return self._declared(event) or Attribution(
            event.event_id, Sign.FOREIGN, why="nobody claims it", hints=tuple(_hints(event, owners))
        )

    def _signs(self, event: TrailEvent) -> Iterator[tuple[Sign, frozenset[str]]]:
        who, at = event.identity, event.event_time
        request = request_of(event)
        yield Sign.E1, self.calls.get(request, frozenset()) if request else frozenset()
        yield Sign.E2, self._runs(run for run in self.runs if who.access_key_id in run.access_keys)
        name = who.session_name
        yield (
            Sign.S1,
            self._runs(
                run
                for run in self.runs
                if name and run.sessions.get(name) == who.role_arn and _within(run.window, event)
            ),
        )
        lives = ((run, run.instances.get(name)) for run in self.runs)
        yield Sign.S2, self._runs(run for run, life in lives if life is not None and life.start <= at <= life.end)
        agent = event.user_agent or ""
        yield (
            Sign.S3,
            self._runs(
                run for run in self.runs if run.agent_token and run.agent_token in agent and _within(run.window, event)
            ),
        )

    def _runs(self, found: Iterable[RunFacts]) -> frozenset[str]:
        return frozenset(run.run for run in found)

    def _declared(self, event: TrailEvent) -> Attribution | None:
        """The declared actor whose event it is; where it goes beyond each declaration of it, how."""
        beyond = []
        for actor in self.actors:
            if not _is(actor, event):
                continue
            defects = [*exceeded(actor, event)]
            if not defects:
                return Attribution(event.event_id, Sign.DECLARED, (actor.name,))
            beyond.append(f"{actor.name}: {', '.join(defects)}")
        if not beyond:
            return None
        return Attribution(event.event_id, Sign.BEYOND, why="; ".join(beyond))


def exceeded(actor: DeclaredActor, event: TrailEvent) -> Iterator[str]:
    """How ``event`` goes beyond what ``actor`` is declared to do; nothing where it does not."""
    verb = f"{event.event_source.partition('.')[0]}:{event.event_name}"
    if verb not in actor.verbs:
        yield f"{verb} is not among its verbs"
    outside = [arn for arn in touched(event) if not _lies_in(arn, actor.where)]
    if outside:
        yield f"{outside[0]} is not below {actor.prefix}"
    if not actor.is_open(event.event_time):
        yield f"{event.event_time:%H:%M} UTC is outside {actor.window}"
    if event.event_time.date() > actor.expires:
        yield f"expired on {actor.expires}"


def touched(event: TrailEvent) -> tuple[str, ...]:
    """The ARNs that the event is about, the objects or buckets that KMS was asked to decrypt for among them."""
    asked = event.request_parameters if isinstance(event.request_parameters, dict) else {}
    context = asked.get("encryptionContext")
    named = context.values() if isinstance(context, dict) else ()
    return tuple(dict.fromkeys([*event.arns, *(each for each in named if isinstance(each, str) and ":" in each)]))


def touches(event: TrailEvent, resources: Iterable[str]) -> bool:
    """Whether the event is about any of ``resources``, something below one, or the bucket that one lies in.

    An event on an object names the object's bucket too, and is about the object alone.
    """
    arns = touched(event)
    buckets = {arn.partition("/")[0] for arn in arns if arn.startswith(_ARN_OF_S3) and "/" in arn}
    about = [arn for arn in arns if arn not in buckets]
    return any(_covers(resource, arn) or _is_bucket_of(arn, resource) for resource in resources for arn in about)


def _covers(resource: str, arn: str) -> bool:
    prefix = resource.rstrip("/")
    return arn == prefix or arn.startswith(prefix + "/")


def _is_bucket_of(arn: str, resource: str) -> bool:
    return arn.startswith(_ARN_OF_S3) and "/" not in arn and resource.startswith(arn + "/")


def _lies_in(arn: str, where: S3Uri) -> bool:
    """Whether an ARN is below ``where`` or its bucket; KMS keys are judged by what they decrypt for."""
    if not arn.startswith(_ARN_OF_S3):
        return True
    bucket, _, key = arn.removeprefix(_ARN_OF_S3).partition("/")
    return bucket == where.bucket and (not key or where.covers(S3Uri(bucket, key)))


def _is(actor: DeclaredActor, event: TrailEvent) -> bool:
    who = event.identity
    if actor.invoked_by is not None:
        return who.invoked_by == actor.invoked_by
    return actor.principal in {who.role_arn, who.arn} - {""}


def _within(window: Window, event: TrailEvent) -> bool:
    return window.start <= event.event_time <= window.end


def _hints(event: TrailEvent, owners: Iterable[RunFacts]) -> Iterator[str]:
    """I1 and I2, with the runs that they point at; a person may follow them, and nothing may rest on them."""
    slack = timedelta(minutes=15)
    for run in owners:
        if not run.window.start - slack <= event.event_time <= run.window.end + slack:
            continue
        objects = [arn for arn in touched(event) if arn.startswith(_ARN_OF_S3) and "/" in arn]
        is_kms = event.event_source == "kms.amazonaws.com"
        yield f"{'I1' if is_kms and objects else 'I2'} {run.run}"
