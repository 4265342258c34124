"""Reads and steers miners with an unmodified pyasic.

Usage: read_fleet.py read IP...            one JSON object a line: what pyasic makes of each address
       read_fleet.py steer IP POOL USER    sets the pool, then stops and resumes; one JSON object
"""

import asyncio
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import pyasic  # noqa: E402
from pyasic.config.pools import Pool, PoolConfig, PoolGroup  # noqa: E402


def describe(miner, data):
    return {
        "ip": data.ip,
        "class": type(miner).__name__,
        "make": data.make,
        "model": data.model,
        "hashrate": float(data.hashrate) if data.hashrate is not None else None,
        "expected_hashrate": float(data.expected_hashrate) if data.expected_hashrate is not None else None,
        "boards": [
            {
                "chips": board.chips,
                "expected_chips": board.expected_chips,
                "temp": board.temp,
                "chip_temp": board.chip_temp,
                "hashrate": float(board.hashrate) if board.hashrate is not None else None,
                "missing": board.missing,
            }
            for board in data.hashboards
        ],
        "fans": [fan.speed for fan in data.fans],
        "pools": [{"url": str(pool.url), "user": pool.user, "accepted": pool.accepted, "alive": pool.alive}
                  for pool in data.pools],
        "uptime": data.uptime,
        "wattage": data.wattage,
        "mac": data.mac,
        "errors": [str(error) for error in data.errors],
        "is_mining": data.is_mining,
        "hostname": data.hostname,
        "fw_ver": data.fw_ver,
    }


async def read(ips):
    async def one(ip):
        miner = await pyasic.get_miner(ip)
        if miner is None:
            return {"ip": ip, "class": None}
        return describe(miner, await miner.get_data())

    for result in await asyncio.gather(*[one(ip) for ip in ips]):
        print(json.dumps(result))


async def steer(ip, pool, user):
    miner = await pyasic.get_miner(ip)
    result = {"ip": ip, "class": type(miner).__name__}
    config = await miner.get_config()
    config.pools = PoolConfig(groups=[PoolGroup(pools=[Pool(url=pool, user=user, password="x")])])
    await miner.send_config(config)
    result["pools"] = [str(pool.url) for group in (await miner.get_config()).pools.groups for pool in group.pools]
    for name in ("stop_mining", "resume_mining", "fault_light_on"):
        try:
            result[name] = await getattr(miner, name)()
        except Exception as error:  # pyasic raises NotImplementedError where it cannot
            result[name] = type(error).__name__
        if name == "stop_mining":
            result["mines_after_stop"] = await miner.is_mining()
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1] == "read":
        asyncio.run(read(sys.argv[2:]))
    else:
        asyncio.run(steer(*sys.argv[2:]))
