"""`portbook plan` and `portbook remap`: what a changed configuration would change, and changing it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import orjson

from mapping.apply import Mapper
from portbook.config import Config
from portbook.wiring import build_mapper
from register.db import Pool
from register.difference import Difference, difference
from register.policy import Policy
from workers.app import calm_garbage_collector
from workers.ground import Apart, taken_back
from workers.remap import Remapped, Remapper, Watch


async def mappers_of(pool: Pool, config: Config, names: Collection[str] | None = None) -> dict[str, Mapper]:
    """The mappings of now of the configured sources that were read before. Raises MappingInvalid."""
    aliases = {
        key: orjson.loads(found) if found else {}
        for key, found in await pool.fetch("SELECT key, aliases FROM source")
    }
    return {
        source.name: build_mapper(source, aliases[source.name])
        for source in config.sources
        if source.name in aliases and (names is None or source.name in names)
    }


async def remap(
    pool: Pool,
    mappers: Mapping[str, Mapper],
    policy: Policy,
    watch: Watch = lambda step: None,
    waiting: Callable[[str], None] = lambda source: None,
    *,
    everything: bool = False,
) -> Remapped:
    """Bring the register to this mapping, identity and precedence. `waiting` is called again and again while a run has
    the source; with `everything`, no record is left out because its mapping means the same as before."""
    calm_garbage_collector()
    ground = Apart(pool, policy, waiting=waiting)
    return await Remapper(ground, mappers, policy, watch, everything=everything).run()


async def plan(
    pool: Pool,
    mappers: Mapping[str, Mapper],
    policy: Policy,
    *,
    limit: int,
    watch: Watch = lambda step: None,
) -> Difference:
    """What `remap` would do: it is done, looked at and taken back."""
    calm_garbage_collector()
    async with taken_back(pool, policy) as (ground, ours):
        await Remapper(ground, mappers, policy, watch).run()
        async with pool.acquire() as others:
            return await difference(ours, others, limit=limit)
