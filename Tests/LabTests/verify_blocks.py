"""Feeds raw regtest blocks to Bitcoin Core's own consensus engine and says what it thinks of each.

Input, the file that is named or else standard input: one block in hex per line, in chain order, without the
genesis block. Output: one line per block, `ok HASH`
or `rejected REASON`, then `tip HEIGHT HASH`. Exit status 0 if all were accepted and each became the tip, byte for
byte. Needs py-bitcoinkernel from PyPI.
"""

import pathlib
import sys
import tempfile

import pbk


def tip_of(manager):
    chain = manager.get_active_chain()
    return chain.block_tree_entries[chain.height]


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        context = pbk.make_context(pbk.ChainType.REGTEST)
        options = pbk.ChainstateManagerOptions(context, str(root), str(root / "blocks"))
        manager = pbk.ChainstateManager(options)
        if manager.get_active_chain().height < 0:
            manager.import_blocks([])
        accepted = True
        for line in open(sys.argv[1], encoding="ascii") if len(sys.argv) > 1 else sys.stdin:
            raw = bytes.fromhex(line.strip())
            try:
                block = pbk.Block(raw)
                manager.process_block(block)
                tip = tip_of(manager)
                good = str(tip.block_hash) == str(block.block_hash) and bytes(manager.blocks[tip]) == raw
                print(f"ok {tip.block_hash}" if good else "rejected: it did not become the tip", flush=True)
            except (pbk.KernelException, ValueError, RuntimeError) as error:
                good = False
                print(f"rejected {type(error).__name__} {error}", flush=True)
            accepted = accepted and good
        tip = tip_of(manager)
        print(f"tip {tip.height} {tip.block_hash}")
        del tip, manager
        return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
