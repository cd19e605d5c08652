"""Every error the product raises, in one tree; the branch decides whether Airflow retries.

::

    DruidReindexError
    ├── Terminal                 a person must act: no retry
    │   ├── ConfigurationError   a pipeline, boundary, profile or connection says something that cannot work
    │   ├── NotAuthorizedError   the service knows us and says no
    │   ├── NotFoundError        the resource does not exist
    │   ├── RefusedError         the service understood the request and refused it
    │   ├── ClusterFailedError   the EMR cluster ended, or can never become usable
    │   ├── ReindexFailedError   Druid or the cluster ran the job and it failed
    │   ├── StatementFailedError Redshift ran the statement and it failed
    │   ├── IntegrityError       what was read is not what was written (digest, rows, keys, segments)
    │   ├── ProtocolError        an answer in a form or version this release does not know
    │   ├── FencedOutError       another run, or a person, has taken the datasource's lease from this run
    │   ├── NotApprovedError     a person was asked and did not approve
    │   ├── NotProtectedError    what protects the data is missing, or could not be read
    │   └── NightFailedError     the verdict: a task of the night failed
    └── Transient                a retry may help
        ├── ThrottledError       too many requests
        ├── UnavailableError     the service failed (5xx, internal error)
        ├── NoAnswerError        time-out, reset, refused connection: the outcome is unknown
        ├── CapacityError        AWS has no such instance now
        ├── ConflictError        somebody else holds it now (lock, concurrent change)
        └── DeadlineError        what we waited for did not happen in time

A message has four parts: what was attempted, on which resource, what came back, what to do.
"""

from __future__ import annotations


class DruidReindexError(Exception):
    """An error whose message says what was attempted, on which resource, what came back and what to do."""

    def __init__(self, attempted: str, *, resource: str, came_back: str, remedy: str) -> None:
        self.attempted = attempted
        self.resource = resource
        self.came_back = came_back
        self.remedy = remedy
        super().__init__(attempted, resource, came_back, remedy)

    def __str__(self) -> str:
        return f"{self.attempted} on {self.resource}: {self.came_back}. What to do: {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.attempted, self.resource, self.came_back, self.remedy)


def _rebuild(
    kind: type[DruidReindexError], attempted: str, resource: str, came_back: str, remedy: str
) -> DruidReindexError:
    """The same error in another process (Airflow pickles what a task raises)."""
    return kind(attempted, resource=resource, came_back=came_back, remedy=remedy)


class Terminal(DruidReindexError):
    """A person must act; a retry would end the same way."""


class Transient(DruidReindexError):
    """A retry may help."""


class ConfigurationError(Terminal):
    """A pipeline, boundary, profile or connection says something that cannot work."""


class NotAuthorizedError(Terminal):
    """The service knows us and says no."""


class NotFoundError(Terminal):
    """The resource does not exist."""


class RefusedError(Terminal):
    """The service understood the request and refused it."""


class ClusterFailedError(Terminal):
    """The EMR cluster ended, or can never become usable."""


class ReindexFailedError(Terminal):
    """Druid or the cluster ran the job and it failed."""


class StatementFailedError(Terminal):
    """Redshift ran the statement and it failed."""


class IntegrityError(Terminal):
    """What was read is not what was written."""


class ProtocolError(Terminal):
    """An answer in a form or version this release does not know."""


class NotApprovedError(Terminal):
    """A person was asked and did not approve."""


class NotProtectedError(Terminal):
    """What protects the data is missing, or could not be read."""


class FencedOutError(Terminal):
    """Another run, or a person, has taken the datasource's lease from this run."""


class NightFailedError(Terminal):
    """The verdict of a night in which a task failed."""


class ThrottledError(Transient):
    """The service asked us to slow down."""


class UnavailableError(Transient):
    """The service failed to answer properly (5xx, internal error)."""


class NoAnswerError(Transient):
    """No answer arrived, so the outcome of the request is unknown."""


class CapacityError(Transient):
    """AWS has no such instance in this zone now."""


class ConflictError(Transient):
    """Somebody else holds the resource now."""


class DeadlineError(Transient):
    """What we waited for did not happen in time."""
