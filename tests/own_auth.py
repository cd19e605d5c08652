"""An auth manager of Airflow by which a user may be kept from all DAGs but one, as large deployments keep theirs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from own_airflow import ONLY, RESTRICTED


class OwnAuthManager(SimpleAuthManager):
    """Airflow's simple one, in which the user ``RESTRICTED`` may read the DAG ``ONLY`` and what it has, no other."""

    def is_authorized_dag(self, *, user: SimpleAuthManagerUser, details: Any = None, **asked: Any) -> bool:
        """Whether the user may."""
        is_other = details is not None and details.id not in {None, ONLY}
        if user.username == RESTRICTED and is_other:
            return False
        return super().is_authorized_dag(user=user, details=details, **asked)
