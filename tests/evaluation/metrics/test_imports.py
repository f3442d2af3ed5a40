import pkgutil
import subprocess
import sys

import evaluation.metrics

IMPORT_ALL = """
import importlib, sys
for name in {names!r}:
    importlib.import_module("evaluation.metrics." + name)
heavies = ("django", "scipy.stats", "scipy.optimize", "scipy.sparse", "pycocotools")
print([heavy for heavy in heavies if heavy in sys.modules])
"""


def test_importing_the_core_loads_neither_django_nor_the_slow_parts_of_scipy() -> None:
    """A web worker pays for statistics when it computes them. Control: `from scipy import stats` at any
    top."""
    names = [module.name for module in pkgutil.iter_modules(evaluation.metrics.__path__)]
    assert "two_way" in names
    script = IMPORT_ALL.format(names=names)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
