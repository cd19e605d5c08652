"""One cluster's life, from STARTING to TERMINATED: a thread that starts what is due and waits for changes.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html (cluster lifecycle)
Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from druid_reindex.errors import DruidReindexError
from druid_reindex.sandbox.aws.emr.model import (
    ACTIVE_STEPS,
    STARTED_STEPS,
    BootstrapAction,
    Cluster,
    ClusterState,
    Ending,
    Reason,
    Step,
    StepState,
    now,
)
from druid_reindex.sandbox.aws.emr.node import Node
from druid_reindex.sandbox.aws.emr.service_role import ServiceCalls
from druid_reindex.sandbox.aws.emr.steps import cancel_pending, run_step

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
# How often a cluster that waits looks whether YARN works for somebody who came without a step.
LOOK_SECONDS = 5.0
USER_REQUEST = Ending(Reason("Terminated by user request", "USER_REQUEST"))
STEPS_COMPLETED = Ending(Reason("Steps completed", "ALL_STEPS_COMPLETED"))
STEP_FAILED = Ending(Reason("Shut down as step failed", "STEP_FAILURE"), with_errors=True)
# AWS documents no message for these, and no code for the second; the words are ours.
ROLE_REFUSED = "The service role has insufficient permissions"
IDLE = Ending(Reason("Auto-terminated: the cluster was idle", "USER_REQUEST"))


class ClusterRunner:
    """Drives `cluster` on `node`; `join` returns when it is TERMINATED and nothing of it runs."""

    def __init__(self, cluster: Cluster, node: Node, calls: ServiceCalls | None = None) -> None:
        """`calls` are those that EMR makes itself; without them nobody asks whether it may."""
        self.cluster = cluster
        self.node = node
        self._calls = calls
        self._idle_since = time.monotonic()
        self._workers = ThreadPoolExecutor(thread_name_prefix=cluster.id)
        self._thread = threading.Thread(target=self._run, name=f"emr-{cluster.id}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            if refusal := self._calls.launch(self.cluster) if self._calls else "":
                self._end(Ending(Reason(f"{ROLE_REFUSED}: {refusal}"[:1024], "VALIDATION_ERROR"), with_errors=True))
                return
            self._bring_up()
            self._work()
        except (DruidReindexError, OSError, BotoCoreError, ClientError) as error:
            log.exception("cluster %s failed", self.cluster.id)
            self._end(Ending(Reason(f"{error}"[:1024], "INTERNAL_ERROR"), with_errors=True))
        finally:
            self._terminate()

    def _bring_up(self) -> None:
        """Provision, then run bootstrap actions while the daemons start; RUNNING needs both."""
        address = self.node.provision()
        with self.cluster.changed:
            self.cluster.address = address
            if self.cluster.ending is None:
                self.cluster.move(ClusterState.BOOTSTRAPPING)
        daemons = self._workers.submit(self.node.start_daemons)
        for number, action in enumerate(self.cluster.bootstrap_actions, start=1):
            if self._is_ending():
                break
            self._bootstrap(action, number)
        if not self._is_ending():
            self.node.start_units()
        self._await_daemons(daemons)
        with self.cluster.changed:
            if self.cluster.ending is None:
                self.cluster.move(ClusterState.RUNNING)

    def _bootstrap(self, action: BootstrapAction, number: int) -> None:
        """Run one action; one that fails ends the cluster.

        Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html
        """
        primary = self.cluster.primary.ec2_id
        try:
            run = self.node.bootstrap(action, number)
        except (BotoCoreError, ClientError) as error:
            log.warning("bootstrap action %s cannot be fetched: %s", action.path, error)
            self._fail_bootstrap(f"On the master instance ({primary}), bootstrap action {number} could not be fetched")
            return
        process = self.node.start(run)
        while (status := process.poll()) is None:
            if self._is_ending():
                process.stop()
            time.sleep(POLL_SECONDS)
        for name in ("controller", "stderr", "stdout"):
            self.node.archive.put(run.folder / name, f"node/{primary}/bootstrap-actions/{number}/{name}.gz")
        if status != 0:
            problem = f"bootstrap action {number} returned a non-zero return code"
            self._fail_bootstrap(f"On the master instance ({primary}), {problem}")

    def _await_daemons(self, daemons: Future[None]) -> None:
        try:
            daemons.result()
        except DruidReindexError as error:
            if not self._is_ending():
                log.warning("the daemons of %s did not start: %s", self.cluster.id, error)
                primary = self.cluster.primary.ec2_id
                self._fail_bootstrap(f"On the master instance ({primary}), application provisioning failed")

    def _fail_bootstrap(self, message: str) -> None:
        self._end(Ending(Reason(message, "BOOTSTRAP_FAILURE"), with_errors=True))

    def _work(self) -> None:
        """Run steps, wait, and look for idleness until something ends the cluster."""
        looked = 0.0
        while not self._is_ending():
            with self.cluster.changed:
                self._start_due_steps()
                self._show_state()
                self.cluster.changed.wait(LOOK_SECONDS / 5)
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                self._look()

    def _start_due_steps(self) -> None:
        free = self.cluster.step_concurrency - len(self.cluster.steps_in(STARTED_STEPS))
        for step in self.cluster.steps_in(frozenset({StepState.PENDING}))[: max(free, 0)]:
            step.state = StepState.RUNNING
            step.timeline.ready = now()
            self._workers.submit(self._run_step, step)

    def _run_step(self, step: Step) -> None:
        run_step(self.cluster, self.node, step)
        with self.cluster.changed:
            if step.state is StepState.FAILED:
                self._act_on_failure(step)

    def _act_on_failure(self, step: Step) -> None:
        """Do what the failed step asked for; with concurrent steps only CONTINUE has an effect.

        Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
        """
        if step.action_on_failure == "CONTINUE" or self.cluster.step_concurrency > 1:
            return
        cancel_pending(self.cluster, "Cancelled because an earlier step failed")
        if step.action_on_failure != "CANCEL_AND_WAIT" and not self.cluster.termination_protected:
            self.cluster.end(STEP_FAILED)

    def _show_state(self) -> None:
        cluster = self.cluster
        if cluster.ending is not None:
            return
        if cluster.steps_in(ACTIVE_STEPS):
            self._idle_since = time.monotonic()
            if cluster.reason.message != "Running step":
                cluster.move(ClusterState.RUNNING, Reason("Running step"))
        elif not cluster.keep_alive:
            cluster.end(STEPS_COMPLETED)
        elif cluster.state is not ClusterState.WAITING:
            done = "Cluster ready after last step completed." if cluster.steps else "Cluster ready to run steps."
            cluster.move(ClusterState.WAITING, Reason(done))

    def _look(self) -> None:
        """End a cluster whose daemon died, or that was idle for as long as its policy allows.

        Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
        """
        if (dead := self.node.failed_daemon()) is not None:
            problem = f"The {dead} of the master instance ({self.cluster.primary.ec2_id}) ended"
            self._end(Ending(Reason(problem, "INSTANCE_FAILURE"), with_errors=True))
        if not self.node.is_idle():
            self._idle_since = time.monotonic()
        with self.cluster.changed:
            limit, protected = self.cluster.idle_timeout_seconds, self.cluster.termination_protected
            if limit is not None and not protected and time.monotonic() - self._idle_since >= limit:
                self.cluster.end(IDLE)

    def _terminate(self) -> None:
        with self.cluster.changed:
            ending = self.cluster.ending or USER_REQUEST
            self.cluster.end(ending)
            cancel_pending(self.cluster, "Job terminated")
        self._workers.shutdown(wait=True)
        self.node.stop()
        if self._calls is not None:
            self._calls.end(self.cluster)
        final = ClusterState.TERMINATED_WITH_ERRORS if ending.with_errors else ClusterState.TERMINATED
        with self.cluster.changed:
            self.cluster.move(final, ending.reason)

    def _is_ending(self) -> bool:
        with self.cluster.changed:
            return self.cluster.ending is not None

    def _end(self, ending: Ending) -> None:
        with self.cluster.changed:
            self.cluster.end(ending)
