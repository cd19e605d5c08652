"""A security configuration as a task of a hand-written DAG; a night's ``cluster_up`` sees to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.operators.night import NightOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class EmrSecurityConfigurationOperator(NightOperator):
    """The security configuration that the pipeline's clusters run under: on EMR, and read back with that very content.

    It is made when it is absent; its name holds the SHA-256 of its text, so another content is another configuration.

    Returns ``name``.
    """

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Find or make it, and compare."""
        from druid_reindex.clients.cluster_security import ensure_configuration  # noqa: PLC0415

        settings = self.settings
        wanted = self.configuration(context, settings)
        if wanted is None:
            raise ConfigurationError(
                "make a security configuration",
                resource=f"cluster profile {settings.profile.name}",
                came_back="it names no security",
                remedy="name a file of emr_configs/security/ in the profile, or leave this task out",
            )
        return {"name": ensure_configuration(self.emr, wanted, self.log.info)}
