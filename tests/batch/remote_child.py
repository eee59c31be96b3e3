"""A run that is killed before it notes what it submitted: python remote_child.py VENDOR URL PATH."""

import os
import signal
import sys

import anyio
from remote_rig import VENDORS, FileLedger, Items, collected, opened


class Fatal(FileLedger):
    async def submitted(self, tag, id):  # noqa: A002
        os.kill(os.getpid(), signal.SIGKILL)


async def main(vendor, url, path):
    make, _, model = VENDORS[vendor]
    async with opened(make, url) as provider:
        await collected(provider, Items("abc", model), ledger=Fatal(path))


anyio.run(main, *sys.argv[1:])
