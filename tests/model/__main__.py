"""The long search, printed: `python -m tests.model`."""

from __future__ import annotations

from tests.model.explore import explore
from tests.model.rules import Rules
from tests.model.searches import SEARCHES

for name, search in SEARCHES.items():
    print(f"{name}: {explore(Rules(search.shard), search.long)}", flush=True)
    for mutant in search.exposes:
        print(f"    {mutant.__name__}: {explore(mutant(search.shard), search.states)}", flush=True)
