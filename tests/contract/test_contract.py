"""Every registered system keeps the contract."""

import pytest

from tastelm.systems.catalogue import names, system
from tastelm.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", names())
def test_system_keeps_its_promise(name: str, check: str) -> None:
    CHECKS[check](system(name), None)
